"""(a) Raw log files to Parquet: CPU per record of each way, side by side, and (b) bytes per event and peak memory."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.data import REAL
from benchmarks.hostile import HOSTILE
from benchmarks.measure import Cost, Failed, interleaved, make, run
from benchmarks.rivals import LOGS

WAYS = {
    "start": "(of ours: imports alone)",
    "ours": "ours: row, dedupe, sort, write",
    "ours-unsorted": "ours: row, write",
    "bare": "bare msgspec + pyarrow",
    "duckdb-recipe": "DuckDB, usual recipe, ignore_errors",
    "duckdb-explicit": "DuckDB, explicit columns",
    "clickhouse": "ClickHouse local (chdb)",
}


def cpu(events: int, rounds: int) -> list[dict[str, Any]]:
    """A row per way and input: microseconds of CPU per record, ratio to ours, peak memory, Parquet bytes per event.

    Each way is a process of its own, and its start is counted: what that is for ours has a row. Both inputs are 20
    files; `real` is of one day, `sample` of 20 days.
    """
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        inputs = {"sample": Path(scratch, "sample")}
        many = str(Path(scratch, "many"))
        run("-m", "cli", "sample", many, "--events", str(events), "--days", "20", "--accounts", "8")
        run("-m", "benchmarks.data", "join", many, str(inputs["sample"]), "20")
        if REAL.exists():
            inputs["real"] = Path(scratch, "real")
            make(inputs["real"], events, 20)
        for name, source in inputs.items():
            rows += _side_by_side(name, source, Path(scratch, f"out-{name}"), events, rounds)
    return rows


def _side_by_side(name: str, source: Path, out: Path, events: int, rounds: int) -> list[dict[str, Any]]:
    def command(way: str) -> tuple[str, ...]:
        code = (
            "import shutil, sys; from pathlib import Path; from benchmarks.rivals import RIVALS;"
            "out = Path(sys.argv[3]); shutil.rmtree(out, ignore_errors=True);"
            "RIVALS[sys.argv[1]](Path(sys.argv[2]), out)"
        )
        return ("-c", code, way, str(source), str(out / way))

    costs = interleaved({way: command(way) for way in WAYS}, rounds)
    ours = costs["ours"]
    if isinstance(ours, Failed):
        raise ours
    gzipped = sum(path.stat().st_size for path in source.glob(LOGS))
    rows = []
    for way, title in WAYS.items():
        cost = costs[way]
        row: dict[str, Any] = {"input": name, "way": title}
        if isinstance(cost, Cost):
            size = sum(path.stat().st_size for path in (out / way).rglob("*.parquet"))
            row |= {
                "us/record": round(cost.cpu / events * 1e6, 1),
                "ours is": f"{cost.cpu / ours.cpu:.2f}x",
                "peak MB": round(cost.peak_mb),
                "bytes/event": round(size / events, 1),
                "of the gzip": f"{size / gzipped:.0%}",
            }
        else:
            row |= {"fails": str(cost)}
        rows.append(row)
    return rows


def memory() -> list[dict[str, Any]]:
    """Peak memory of one worker against the size and the number of files."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for title, events, files in (
            ("1 file of 30 MB", 24_000, 1),
            ("1 file of 300 MB", 240_000, 1),
            ("100 small files", 1_000, 100),
            ("10,000 small files", 100_000, 10_000),
        ):
            source = Path(scratch, title.replace(" ", "-"))
            make(source, events, files)
            cost = run("-m", "benchmarks.rivals", "ours", str(source), str(source) + "-lake")
            rows.append(
                {"input": title, "peak MB": round(cost.peak_mb), "us/record": round(cost.cpu / events * 1e6, 1)}
            )
        for title in HOSTILE:
            source = Path(scratch, title.replace(" ", "-"))
            run("-m", "benchmarks.hostile", title, str(source))
            cost = run("-m", "benchmarks.rivals", "ours", str(source), str(source) + "-lake")
            rows.append({"input": title, "peak MB": round(cost.peak_mb), "CPU s": round(cost.cpu, 1)})
    return rows


def size() -> list[dict[str, Any]]:
    """Parquet of one partition of 120,000 events against their gzip, and the columns that take most of it."""
    import pyarrow.parquet as pq

    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        inputs: dict[str, Callable[[Path], object]] = {
            "sample": lambda to: run(
                *("-m", "cli", "sample", str(to), "--events", "120000", "--days", "1", "--accounts", "8")
            )
        }
        if REAL.exists():
            inputs["real"] = lambda to: make(to, 120_000, 20)
        for name, write in inputs.items():
            source, lake = Path(scratch, name), Path(scratch, f"{name}-lake")
            write(source)
            run("-m", "benchmarks.rivals", "ours", str(source), str(lake))
            largest = max(
                (lake / "parquettrails").iterdir(), key=lambda day: sum(f.stat().st_size for f in day.iterdir())
            )
            columns: dict[str, int] = {}
            events = 0
            for path in largest.iterdir():
                metadata = pq.ParquetFile(path).metadata
                events += metadata.num_rows
                for group in range(metadata.num_row_groups):
                    for column in range(metadata.num_columns):
                        chunk = metadata.row_group(group).column(column)
                        columns[chunk.path_in_schema] = (
                            columns.get(chunk.path_in_schema, 0) + chunk.total_compressed_size
                        )
            parquet = sum(path.stat().st_size for path in largest.iterdir())
            gzipped = sum(path.stat().st_size for path in source.glob(LOGS))
            top = sorted(columns, key=lambda column: -columns[column])[:5]
            rows.append(
                {
                    "input": name,
                    "events in the partition": events,
                    "gzip bytes/event": round(gzipped / events, 1),
                    "Parquet bytes/event": round(parquet / events, 1),
                    "of the gzip": f"{parquet / gzipped:.0%}",
                    "largest columns": ", ".join(f"{c} {columns[c] / parquet:.0%}" for c in top),
                }
            )
    return rows


def two_workers(events: int, rounds: int) -> list[dict[str, Any]]:
    """Wall time of one and two workers on the same input, and the speed-up."""
    import time

    walls: dict[str, list[float]] = {"ours": [], "ours-two-workers": []}
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "logs")
        make(source, events, 20, 4)
        for number in range(rounds):
            for way, times in walls.items():
                began = time.monotonic()
                run("-m", "benchmarks.rivals", way, str(source), f"{scratch}/{way}{number}")
                times.append(time.monotonic() - began)
    one, two = (sorted(times)[len(times) // 2] for times in walls.values())
    return [{"workers": "1 -> 2", "wall s": f"{one:.1f} -> {two:.1f}", "speed-up": f"{one / two:.2f}x"}]
