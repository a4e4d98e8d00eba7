"""Inputs that would take memory without bound: `python -m benchmarks.hostile NAME FOLDER` writes one."""

import gzip
import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path


def _event(identity: str, **fields: object) -> bytes:
    times = {"eventVersion": "1.08", "eventTime": "2024-05-06T07:08:09Z", "eventID": identity}
    return json.dumps({**times, "recipientAccountId": "111122223333", **fields}, separators=(",", ":")).encode()


def _large_events() -> Iterator[bytes]:
    """3,000 events of 200 KB."""
    dice = random.Random(1)
    texts = ["".join(dice.choices("abcdefghij klmnop", k=1000)) * 200 for _ in range(5)]
    yield b'{"Records":['
    for n in range(3000):
        yield (b"," if n else b"") + _event(f"e{n}", requestParameters={"x": texts[n % 5]})
    yield b"]}"


def _one_string() -> Iterator[bytes]:
    """One record whose string is 400 MB."""
    yield b'{"Records":[{"eventVersion":"1","x":"'
    for _ in range(400):
        yield b"a" * (1 << 20)
    yield b'"}]}'


def _duplicates() -> Iterator[bytes]:
    """150,000 events of one day, each twice."""
    yield b'{"Records":['
    for n in range(300_000):
        yield (b"," if n else b"") + _event(f"{n % 150_000:036d}", userAgent="x" * 300)
    yield b"]}"


def _lookup_events() -> Iterator[bytes]:
    """60,000 events as `aws cloudtrail lookup-events` prints them."""
    yield b'{"Events":['
    for n in range(60_000):
        text = json.dumps({"EventId": str(n), "CloudTrailEvent": _event(f"e{n}", userAgent="x" * 1000).decode()})
        yield (b"," if n else b"") + text.encode()
    yield b"]}"


HOSTILE: dict[str, Callable[[], Iterator[bytes]]] = {
    "3,000 events of 200 KB": _large_events,
    "one string of 400 MB": _one_string,
    "300,000 events, half duplicates": _duplicates,
    "lookup-events, 60,000 events": _lookup_events,
}

if __name__ == "__main__":
    folder = Path(sys.argv[2], "AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/06")
    folder.mkdir(parents=True)
    with gzip.open(folder / "111122223333_CloudTrail_us-east-1_20240506T0700Z_hostile.json.gz", "wb", 1) as out:
        for piece in HOSTILE[sys.argv[1]]():
            out.write(piece)
