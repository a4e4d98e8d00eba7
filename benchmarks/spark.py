"""The Parquet job against the post's job as plain Spark runs it, and what planning costs among many flat files.

The post's job reads its Lambda's flat files with inferred types, flattens every struct into columns and writes plain
Parquet: no dedupe, no partitions, no sort. `python -m benchmarks.spark WAY IN OUT` runs one way and says what it cost.
"""

import gzip
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Cost, Failed, make, run

WAYS = {"ours": "the Parquet job, dedupe on", "post": "the post's job: infer, flatten, write"}
MEMORY = "2500m"
# The post's columns are the keys that occur. Few real records were published, so their copies have few; a busy
# account has a long tail of actions, each with parameters of its own.
INPUTS = {"events as they are": 0, "a quarter of them rare actions": 450}


def table(sizes: tuple[int, ...] = (100_000, 1_000_000)) -> list[dict[str, Any]]:
    """A row per size, input and way: CPU seconds of the process tree and in executors, wall time, columns, bytes."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for events in sizes:
            for title, actions in INPUTS.items():
                folder = Path(scratch, f"{events}-{actions}")
                make(folder / "logs", events, max(events // 500, 4), 4)
                run("-m", "benchmarks.spark", "prepare", str(folder / "logs"), str(folder), str(actions))
                rows += [{"input": title} | row for row in _side_by_side(folder, events)]
    return rows


def _side_by_side(folder: Path, events: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    found: dict[str, tuple[Cost, dict[str, float]]] = {}
    for way, title in WAYS.items():
        row: dict[str, Any] = {"events": f"{events:,}", "way": title}
        try:
            cost = run("-m", "benchmarks.spark", way, str(folder / way), str(folder / f"{way}-out"))
            said = json.loads(cost.output.splitlines()[-1])
        except Failed as error:
            if way == "ours":
                raise
            rows.append(row | {"tree CPU s": f"fails: {str(error).splitlines()[-1][:60]}"})
            continue
        found[way] = cost, said
        size = sum(path.stat().st_size for path in (folder / f"{way}-out").rglob("*.parquet"))
        row |= {"tree CPU s": round(cost.cpu, 1), "executor CPU s": round(said["executors"], 1)}
        row |= {"GC s": round(said["gc"], 1), "spilled GB": round(said["spilled"] / 1e9, 1), "tasks": said["tasks"]}
        row |= {"wall s": round(said["wall"]), "columns": said["columns"], "bytes/event": round(size / events, 1)}
        rows.append(row)
    if len(found) == len(WAYS):
        (ours, our_said), (post, post_said) = found["ours"], found["post"]
        rows[-1] |= {"ours, tree": f"{post.cpu / ours.cpu:.1f}x"}
        rows[-1] |= {"ours, executors": f"{post_said['executors'] / our_said['executors']:.1f}x"}
    return rows


def planning(files: int = 500_000, folders: int = 100) -> list[dict[str, Any]]:
    """Time to find the flat files of three of many `dt` folders, and of all."""
    from runtime.glue import source
    from runtime.glue.arguments import Days
    from runtime.glue.storage import storage

    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for folder in range(folders):
            path = Path(scratch, f"dt=2024-{folder // 28 + 1:02d}-{folder % 28 + 1:02d}")
            path.mkdir()
            for number in range(files // folders):
                (path / f"{number:06d}.gz").touch()
        place = storage(scratch)
        for title, days in (
            ("3 folders", Days("2024-02-01", "2024-02-03")),
            ("all folders", Days("2024-01-01", "2024-12-31")),
        ):
            began = time.monotonic()
            found = source.flat_files(place, source.within(place, days))
            rows.append(
                {"way": f"{title} of {files:,} files", "files": len(found), "s": round(time.monotonic() - began, 2)}
            )
    return rows


def _prepare(logs: Path, folder: Path, actions: int) -> None:
    """Flat files of both ways from the same log files, with so many rare actions mixed in; ours by the flattener."""
    from tests.glue.flat import flatten_all

    dice = random.Random(actions)
    (folder / "post").mkdir()
    for path in logs.rglob("*.json.gz"):
        content = json.loads(gzip.decompress(path.read_bytes()))
        if actions:
            for record in content["Records"]:
                if dice.random() < 0.25:
                    record["requestParameters"] = _rare(int(actions ** dice.random()), dice)
            path.write_bytes(gzip.compress(json.dumps(content, separators=(",", ":")).encode(), 1, mtime=0))
        records = json.loads(json.dumps(content), object_hook=_lower)["records"]
        lines = "\n".join(map(json.dumps, records)).encode()
        (folder / "post" / path.name).write_bytes(gzip.compress(lines, 1, mtime=0))
    flatten_all(folder, logs)
    (folder / "flatfiles").rename(folder / "ours")


def _rare(action: int, dice: random.Random) -> dict[str, Any]:
    """Parameters of one action: six keys that no other action has."""
    name = f"action{action}"
    return {
        f"{name}Name": f"resource-{dice.randrange(50)}",
        f"{name}Arn": f"arn:aws:service:us-east-1:111122223333:{name}/{dice.randrange(1000)}",
        f"{name}MaxResults": dice.randrange(100),
        f"{name}Settings": {f"{name}Mode": dice.choice("abc"), f"{name}Enabled": dice.random() < 0.5},
        f"{name}Tags": [{"key": "team", "value": dice.choice("abc")}],
    }


def _lower(found: dict[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in found.items()}


def _ours(source: Path, out: Path) -> int:
    from runtime.events.columns import COLUMNS
    from runtime.glue.job import main

    if main(["--source", str(source), "--lake", str(out), "--folders", "2000-01-01..2099-12-31"]):
        raise Failed("the job refused its arguments")
    return len(COLUMNS) + 1


def _post(source: Path, out: Path) -> int:
    from pyspark.sql import Column, SparkSession
    from pyspark.sql import functions as F  # noqa: N812
    from pyspark.sql.types import ArrayType, DataType, MapType, StructType

    spark = SparkSession.builder.getOrCreate()

    def flat(value: Column, name: str, kind: DataType) -> Iterator[Column]:
        if isinstance(kind, StructType) and kind.fields:
            for field in kind.fields:
                yield from flat(value.getField(field.name), f"{name}.{field.name}", field.dataType)
        elif isinstance(kind, StructType | ArrayType | MapType):
            yield F.to_json(value).alias(name)
        else:
            yield value.alias(name)

    read = spark.read.json(str(source))
    columns = [c for f in read.schema.fields for c in flat(F.col(f"`{f.name}`"), f.name, f.dataType)]
    read.select(*columns).write.parquet(str(out))
    return len(columns)


def _measured(way: str, source: Path, out: Path) -> None:
    from runtime.glue import session

    os.environ["TRAILSIGHT_SPARK_MEMORY"] = MEMORY
    with tempfile.TemporaryDirectory() as events:
        session.LOCAL |= {"spark.eventLog.enabled": "true", "spark.eventLog.dir": events, "spark.driver.memory": MEMORY}
        began = time.monotonic()
        with session.plain() as spark:
            columns = {"ours": _ours, "post": _post}[way](source, out)
            gateway = spark.sparkContext._gateway  # noqa: SLF001 - to wait for the JVM, so that its CPU is counted
        wall = time.monotonic() - began
        if gateway is not None:
            gateway.shutdown()
            gateway.proc.stdin.close()
            gateway.proc.wait()
        said = _executors(Path(events))
    print(json.dumps(said | {"wall": wall, "columns": columns}))


def _executors(logs: Path) -> dict[str, float]:
    """What the tasks of Spark's event logs cost: CPU seconds, seconds stopped by GC, bytes spilled, their number."""
    tasks = [
        json.loads(line).get("Task Metrics") or {}
        for log in logs.iterdir()
        for line in log.open()
        if '"SparkListenerTaskEnd"' in line
    ]

    def total(metric: str) -> float:
        return sum(task.get(metric, 0) for task in tasks)

    return {
        "executors": total("Executor CPU Time") / 1e9,
        "gc": total("JVM GC Time") / 1e3,
        "spilled": total("Disk Bytes Spilled"),
        "tasks": len(tasks),
    }


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        _prepare(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    else:
        _measured(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
