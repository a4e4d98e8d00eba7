"""The flattener against the post's Lambda, file to file: CPU per record, output size, peak memory; and import costs.

Both are timed in one process, in turn, after a file to warm up: as in a Lambda that has run before. Neither has S3 or
the SDK in its time: files are read and written in memory (/dev/shm) where there is that.
"""

import gc
import gzip
import json
import platform
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.data import REAL
from benchmarks.measure import make, run
from tools.bundle import MACHINES, bundle

SHARED = "/dev/shm" if Path("/dev/shm").is_dir() else None
RECORDS = 20_000  # of each size of file, in as many files as that takes


def lower_keys(obj: dict[str, Any]) -> dict[str, Any]:
    """The post's convertColumntoLowwerCaps, in Python 3."""
    for key in list(obj.keys()):
        new_key = key.lower()
        if new_key != key:
            obj[new_key] = obj[key]
            del obj[key]
    return obj


def post(source: Path, target: Path) -> None:
    """The post's Lambda without S3, in Python 3 and else unchanged."""
    with gzip.open(target, "w") as output, gzip.open(source, "rb") as file:
        i = 0
        for line in file:
            for record in json.loads(line, object_hook=lower_keys)["records"]:
                if i != 0:
                    output.write(b"\n")
                output.write(json.dumps(record).encode())
                i += 1


class DiskS3:
    """An S3 client for files: what is got is the log file; the flat file put goes to `target`, the rest nowhere."""

    def __init__(self) -> None:
        self.source = self.target = Path()

    def get_object(self, **_: Any) -> dict[str, Any]:
        """The log file, whatever is asked for."""
        size = self.source.stat().st_size
        stream = self.source.open("rb", buffering=0)
        return {"Body": stream, "ETag": "e", "LastModified": datetime(2024, 5, 7, tzinfo=UTC), "ContentLength": size}

    def put_object(self, **arguments: Any) -> None:
        """Read the body, and write it to the target if it is the flat file."""
        if arguments["Key"].startswith("flatfiles/"):
            with self.target.open("wb") as out:
                shutil.copyfileobj(arguments["Body"], out)
        else:
            arguments["Body"].read()


def ours() -> Callable[[Path, Path], None]:
    """The flattener as it runs in Lambda, with its quarantine, spool and metadata."""
    flatten, store = import_module("runtime.lambda.flatten"), import_module("runtime.lambda.store")
    settings = import_module("runtime.lambda.settings").Settings("lake")
    client = DiskS3()
    flattener = flatten.Flattener(store.Store(client, settings), settings)
    deadline = store.Deadline(lambda: 900.0, settings.reserve)
    ref = import_module("runtime.lambda.messages").Ref

    def take(source: Path, target: Path) -> None:
        client.source, client.target = source, target
        flattener.take(ref("logs", str(source)[str(source).index("AWSLogs") :]), deadline)

    return take


WAYS: dict[str, Callable[[], Callable[[Path, Path], None]]] = {"post": lambda: post, "ours": ours}


def side_by_side(folder: Path, rounds: int) -> dict[str, tuple[float, int]]:
    """CPU seconds and bytes written by each way for a folder's log files: the median round, in turn."""
    ways = {name: way() for name, way in WAYS.items()}
    sources = [path for path in sorted(folder.rglob("*.json.gz")) if "Digest" not in path.name]
    times: dict[str, list[float]] = {name: [] for name in ways}
    sizes = dict.fromkeys(ways, 0)
    with tempfile.TemporaryDirectory(dir=SHARED) as scratch:
        target = Path(scratch, "out.json.gz")
        for number in range(-1, rounds):
            for name, way in ways.items():
                sizes[name] = 0
                spent = 0.0
                for source in sources if number >= 0 else sources[:1]:
                    if name == "ours":
                        gc.disable()  # as the handler does
                    began = time.process_time()
                    way(source, target)
                    spent += time.process_time() - began
                    gc.enable()
                    sizes[name] += target.stat().st_size
                if number >= 0:
                    times[name].append(spent)
    return {name: (median(times[name]), sizes[name]) for name in ways}


def cpu(rounds: int) -> list[dict[str, Any]]:
    """A row per input: CPU per record of both, their ratio, and the size of what is written."""
    rows = []
    with tempfile.TemporaryDirectory(dir=SHARED) as scratch:
        inputs: list[tuple[str, Path, int]] = []
        if REAL.exists():
            for size in (50, 2_000, 20_000):
                folder = Path(scratch, str(size))
                make(folder, RECORDS, RECORDS // size)
                inputs.append((f"real, shuffled copies, {size:,} a file", folder, RECORDS))
            inputs.append(("real, files as they are", REAL, 0))
        sample = Path(scratch, "sample")
        run("-m", "cli", "sample", str(sample), "--events", str(RECORDS), "--days", "2", "--accounts", "2")
        inputs.append(("sample, files as they are", sample, 0))
        for title, folder, count in inputs:
            measured = json.loads(run("-m", "benchmarks.flatten", "cpu", str(folder), str(rounds)).output)
            (theirs, their_size), (mine, my_size) = measured["post"], measured["ours"]
            records = count or measured["records"]
            rows.append(
                {
                    "input": title,
                    "post us": round(theirs / records * 1e6, 1),
                    "ours us": round(mine / records * 1e6, 1),
                    "ours is": f"{theirs / mine:.2f}x",
                    "post bytes": round(their_size / records),
                    "output is": f"{my_size / their_size:.0%}",
                }
            )
    return rows


def memory() -> list[dict[str, Any]]:
    """Peak memory of both for a log file of 300 MB, and of the interpreter alone."""
    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch), 240_000, 1)
        return [
            {"way": way, "peak MB": round(float(run("-m", "benchmarks.flatten", "memory", way, scratch).output))}
            for way in ("interpreter", *WAYS)
        ]


def imports() -> list[dict[str, Any]]:
    """CPU of a cold start's imports, from the bundle as it ships: ours, the SDK and its client, then our tables."""
    [arch] = [arch for arch, machine in MACHINES.items() if machine == platform.machine()]
    with tempfile.TemporaryDirectory() as scratch:
        zipped, folder = Path(scratch, "flattener.zip"), Path(scratch, "task")
        bundle(zipped, arch, ".".join(platform.python_version_tuple()[:2]))
        with zipfile.ZipFile(zipped) as archive:
            archive.extractall(folder)
        costs = [json.loads(run("-B", "-c", _IMPORTS, str(folder)).output) for _ in range(7)]
    return [{"way": name, "CPU ms": round(median(one[name] for one in costs) * 1000)} for name in costs[0]]


_IMPORTS = """
import importlib, json, os, sys, time
os.environ.update(TRAILSIGHT_OUTPUT_BUCKET="lake", AWS_DEFAULT_REGION="eu-central-1")
sys.path.insert(0, sys.argv[1])
marks, last = {}, time.process_time()
def mark(name):
    global last
    marks[name] = time.process_time() - last
    last = time.process_time()
handler = importlib.import_module("runtime.lambda.handler"); mark("own imports")
import boto3; mark("import boto3")
client = handler.s3_client(); mark("S3 client")
flatten = sys.modules["runtime.lambda.flatten"]
flatten.Flattener(None, handler.SETTINGS); mark("own tables")
assert handler.__file__.startswith(sys.argv[1])
print(json.dumps(marks))
"""


def _peak_mb() -> float:
    # Not ru_maxrss, which is never less than that of the process one was forked from.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Of the child processes that the tables start."""
    what, *arguments = sys.argv[1:]
    if what == "cpu":
        folder = Path(arguments[0])
        result: dict[str, Any] = dict(side_by_side(folder, int(arguments[1])))
        with tempfile.TemporaryDirectory(dir=SHARED) as scratch:
            target = Path(scratch, "out")
            count = 0
            for source in folder.rglob("*.json.gz"):
                if "Digest" not in source.name:
                    post(source, target)
                    count += gzip.decompress(target.read_bytes()).count(b"\n") + 1
        print(json.dumps({**result, "records": count}))
    else:
        way, folder = arguments[0], Path(arguments[1])
        if way != "interpreter":
            target = folder / "out"
            WAYS[way]()(next(folder.rglob("*.json.gz")), target)
            target.unlink()
        print(_peak_mb())


if __name__ == "__main__":
    main()
