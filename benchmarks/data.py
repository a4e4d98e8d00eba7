"""Input for the benchmarks, in CloudTrail's own layout: real events with fresh ids, or a folder in few files."""

import gzip
import os
import random
import sys
import tempfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import msgspec

from benchmarks.rivals import LOGS
from runtime.events.formats import records
from runtime.local.sample import write_sample

REPO = Path(__file__).parents[1]
REAL = Path(os.environ.get("TRAILSIGHT_DATA", REPO.parent / "shared" / "data" / "cloudtrail"))


def real_events() -> list[bytes]:
    """Bytes of the real records, or none where there is no corpus."""
    return _read(path for path in sorted(REAL.rglob("*.json.gz")) if "Digest" not in path.name)


def originals() -> list[bytes]:
    """The real records; where there is no corpus, those of a sample, with which a clone's `make bench` runs too."""
    found = real_events()
    if not found:
        with tempfile.TemporaryDirectory() as scratch:
            write_sample(Path(scratch), events=1_500, seed=1, accounts=3, days=3, end=date(2026, 11, 1))
            found = _read(sorted(Path(scratch).glob(LOGS)))
    return found


def replicate(folder: Path, events: int, files: int, days: int = 1) -> None:
    """Write `events` copies of the originals, shuffled, each with its own eventID and time, into `files` files."""
    decoded = [msgspec.json.decode(record, type=dict[str, msgspec.Raw]) for record in originals()]
    dice = random.Random(events)
    per_file = -(-events // files)
    for number in range(files):
        day = number % days + 1
        lines = []
        for n in range(min(per_file, events - number * per_file)):
            record = dict(dice.choice(decoded))
            second = n * 86400 // per_file
            record["eventTime"] = msgspec.Raw(
                b'"2024-05-%02dT%02d:%02d:%02dZ"' % (day, second // 3600, second // 60 % 60, second % 60)
            )
            record["eventID"] = msgspec.Raw(b'"%032x"' % dice.getrandbits(128))
            lines.append(msgspec.json.encode(record))
        _write(folder, day, number, lines)


def join(source: Path, folder: Path, files: int) -> None:
    """Write the records of all log files of `source` into `files` files, as they are."""
    paths = sorted(source.glob(LOGS))
    for number in range(files):
        _write(folder, 1, number, _read(paths[number * len(paths) // files : (number + 1) * len(paths) // files]))


def _read(paths: Iterable[Path]) -> list[bytes]:
    """Bytes of the records of these files."""
    found: list[bytes] = []
    for path in paths:
        with path.open("rb") as stream:
            found += [record for record in records(stream) if isinstance(record, bytes)]
    return found


def _write(folder: Path, day: int, number: int, lines: list[bytes]) -> None:
    path = folder / f"AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/{day:02d}"
    path.mkdir(parents=True, exist_ok=True)
    name = f"111122223333_CloudTrail_us-east-1_202405{day:02d}T{number % 24:02d}00Z_{number:016d}.json.gz"
    (path / name).write_bytes(gzip.compress(b'{"Records":[' + b",".join(lines) + b"]}", 6, mtime=0))


if __name__ == "__main__":
    # In a process of its own: a child's peak memory is never less than that of the process it was forked from.
    if sys.argv[1] == "join":
        join(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    else:
        replicate(Path(sys.argv[1]), *map(int, sys.argv[2:]))
