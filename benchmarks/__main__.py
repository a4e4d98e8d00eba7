"""`python -m benchmarks`: the tables; `--json` for machines, `--events` and `--rounds` for another size."""

import argparse
import json
import platform
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import flatten, ingest, page, program, query, spark
from runtime.operations import cost


def main() -> None:
    """Run the tables named (all by default) and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="which to run, of those printed (default: all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--events", type=int, default=200_000, help="of the tables cpu, workers and page (200000)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds, whose median counts (3)")
    options = parser.parse_args()
    tables: dict[str, tuple[str, Callable[[], list[dict[str, Any]]]]] = {
        "cpu": (
            f"raw log files -> Parquet, {options.events:,} events, one core; «ours is» so many times as quick",
            lambda: ingest.cpu(options.events, options.rounds),
        ),
        "memory": ("peak memory of one worker", ingest.memory),
        "size": ("one partition of 120,000 events", ingest.size),
        "workers": ("two workers against one", lambda: ingest.two_workers(options.events, options.rounds)),
        "flatten": (
            "log file -> flat file against the post's Lambda; CPU and bytes a record",
            lambda: flatten.cpu(options.rounds),
        ),
        "flatten-memory": ("peak memory for a log file of 300 MB", flatten.memory),
        "flatten-start": ("imports of a cold start, from the bundle as it ships", flatten.imports),
        "spark": ("flat files -> Parquet on Spark; «ours» is so many times as quick", spark.table),
        "planning": ("finding the flat files to read", spark.planning),
        "cost": (cost.title(), cost.table),
        "program": ("start of the Pulumi program", lambda: program.start(options.rounds)),
        "hour": ("one hour of one of 90 days, 20,000 events each", lambda: query.hour_query(20_000)),
        "page": ("the dashboard's page of the sample's lake", lambda: page.page(options.events)),
    }
    chosen = options.tables or list(tables)
    for name in chosen:
        if name not in tables:
            parser.error(f"no table {name!r}; choose from {', '.join(tables)}")
    results = {}
    for name in chosen:
        title, table = tables[name]
        results[name] = table()
        if not options.json:
            _show(title, results[name])
    if options.json:
        print(json.dumps({"machine": platform.platform(), "events": options.events, "tables": results}, indent=2))


def _show(title: str, rows: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in names:
        shown.add_column(name, justify="left" if name in ("input", "way", "largest columns", "fails") else "right")
    for row in rows:
        shown.add_row(*(str(row.get(name, "")) for name in names))
    console = Console()
    console.print(shown)
    console.print()


if __name__ == "__main__":
    main()
