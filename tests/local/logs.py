"""Hand-made log files in CloudTrail's own layout, and a lake's rows, for the tests of the local engine."""

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq

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
