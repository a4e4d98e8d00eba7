"""For the tests of the local engine: hand-made log files in CloudTrail's own layout, a lake's rows, processes to watch."""

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from runtime.local.ingest import Summary, ingest
from runtime.local.lake import Lake

ACCOUNT = "111122223333"


def event(identity: str, time: str = "2024-05-06T07:08:09Z", account: str = ACCOUNT, **fields) -> dict:
    return {
        "eventVersion": "1.08",
        "eventTime": time,
        "eventID": identity,
        "eventName": "GetObject",
        "recipientAccountId": account,
        **fields,
    }


def encode(record) -> bytes:
    return record if isinstance(record, bytes) else json.dumps(record, separators=(",", ":")).encode()


def path_of(root: Path, day: str, name: str, account: str = ACCOUNT, region: str = "eu-central-1") -> Path:
    stamp = day.replace("-", "")
    file = f"{account}_CloudTrail_{region}_{stamp}T0710Z_{name:x<16}.json.gz"
    return root / "AWSLogs" / account / "CloudTrail" / region / day.replace("-", "/") / file


def write(path: Path, *records) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b'{"Records":[' + b",".join(map(encode, records)) + b"]}", mtime=0))
    return path


def take(logs: Path, lake: Lake, **options) -> Summary:
    """One run over the folder, in this process unless `workers` says otherwise."""
    return ingest([str(logs)], lake, **{"workers": 1, **options})


def rows(lake: Path) -> list[tuple[str, str]]:
    """(day of the folder, eventid) of every row, sorted; files without the suffix are no part of the lake."""
    found = []
    for path in (lake / "parquettrails").glob("eventdate=*/*.parquet"):
        day = path.parent.name.removeprefix("eventdate=")
        found += [(day, i) for i in pq.read_table(path, columns=["eventid"], partitioning=None)["eventid"].to_pylist()]
    return sorted(found)


def quarantine(lake: Path) -> list[dict]:
    """Lines of all quarantine files."""
    return [json.loads(line) for p in sorted((lake / "quarantine").glob("*/*.jsonl")) for line in p.open()]


def children(pid: int) -> list[int]:
    """Processes that a process has started and that live."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has ended, and so have they
        return []


def alive(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody waits for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what will be true; fail if it is not by then."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
