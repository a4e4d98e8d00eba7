"""`python -m benchmarks`: the tables; `--json` for machines, `--events` and `--rounds` for another size.

A table that fails, or whose own way does, says why and stops no other; the exit code is then 1. A rival may fail.
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import flatten, ingest, page, program, query, spark
from benchmarks.data import REAL
from runtime.operations import cost

Rows = list[dict[str, Any]]
WIDTH = 200  # of what goes to a file: in 80 columns, which is taken for one, numbers are cut


def _tables(events: int, rounds: int) -> dict[str, tuple[str, Callable[[], Rows]]]:
    """Title of each table, and what makes its rows."""
    return {
        "cpu": (
            f"raw log files -> Parquet, {events:,} events, one core; «ours is» so many times as quick",
            lambda: ingest.cpu(events, rounds),
        ),
        "memory": ("peak memory of one worker", ingest.memory),
        "size": ("one partition of 120,000 events", ingest.size),
        "workers": ("two workers against one", lambda: ingest.two_workers(events, rounds)),
        "flatten": (
            "log file -> flat file against the post's Lambda; CPU and bytes a record",
            lambda: flatten.cpu(rounds),
        ),
        "flatten-memory": ("peak memory for a log file of 300 MB", flatten.memory),
        "flatten-start": ("imports of a cold start, from the bundle as it ships", flatten.imports),
        "spark": ("flat files -> Parquet on Spark; «ours» is so many times as quick", spark.table),
        "planning": ("finding the flat files to read", spark.planning),
        "cost": (cost.title(), cost.table),
        "program": ("start of the Pulumi program", lambda: program.start(rounds)),
        "hour": ("one hour of one of 90 days, 20,000 events each", lambda: query.hour_query(20_000)),
        "page": ("the dashboard's page of the sample's lake", lambda: page.page(events)),
    }


def main() -> None:
    """Run the tables named (all by default) and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"which of {', '.join(_tables(0, 0))} (all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--events", type=int, default=200_000, help="of the tables cpu, workers and page (200000)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds, whose median counts (3)")
    options = parser.parse_args()
    tables = _tables(options.events, options.rounds)
    chosen = options.tables or list(tables)
    for name in chosen:
        if name not in tables:
            parser.error(f"no table {name!r}; choose from {', '.join(tables)}")
    if not REAL.exists():
        print("no real events here (TRAILSIGHT_DATA names their folder): a sample's stand for them", file=sys.stderr)
    results = {}
    for name in chosen:
        title, table = tables[name]
        try:
            results[name] = table()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other tables are worth their hour
            results[name] = [{"fails": f"{type(error).__name__}: {error}"}]
        if not options.json:
            _show(title, results[name])
    if options.json:
        print(json.dumps({"machine": platform.platform(), "events": options.events, "tables": results}, indent=2))
    # A rival that fails has a row that says so; where ours fails, the table does.
    sys.exit(any(rows[0].keys() == {"fails"} for rows in results.values()))


def _show(title: str, rows: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in names:
        shown.add_column(name, justify="left" if name in ("input", "way", "largest columns", "fails") else "right")
    for row in rows:
        shown.add_row(*(str(row.get(name, "")) for name in names))
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(shown)
    console.print()


if __name__ == "__main__":
    main()
