"""Flat files for the Parquet job, made by the flattener itself: SOURCE/dt=<day>/<log file name>."""

import gzip
from contextlib import suppress
from pathlib import Path

from runtime.events.elements import BadFile
from runtime.events.flat import FlatMaker
from runtime.events.row import RowMaker
from runtime.local.inputs import find
from tests.lambda_.aws import LAKE, LOGS, FakeS3, deadline, flattener, messages


def line(maker: RowMaker, record: bytes, sourcefile: str) -> bytes:
    """One flat row. Raises Unusable."""
    return FlatMaker(maker).line(record, sourcefile)


def flatten_all(root: Path, *logs: Path) -> None:
    """Have the flattener take all log files below `logs`; ROOT/flatfiles and ROOT/quarantine are what it wrote."""
    s3 = FakeS3()
    take, time_left = flattener(s3).take, deadline()
    for folder in logs:
        for file in find([str(folder)]).files:
            s3.add(LOGS, file.key, Path(file.uri).read_bytes())
            with suppress(BadFile):  # dead-lettered; the flattener has set it aside with its reason
                take(messages.Ref(LOGS, file.key), time_left)
            del s3.objects[LOGS, file.key]
            s3.calls.clear()
    _write(root, s3)


def flatten_each(root: Path, key: str, *contents: bytes) -> None:
    """Have the flattener take one log file that is changed again and again, after each change."""
    s3 = FakeS3()
    for content in contents:
        s3.add(LOGS, key, content)
        flattener(s3).take(messages.Ref(LOGS, key), deadline())
    del s3.objects[LOGS, key]
    _write(root, s3)


def _write(root: Path, s3: FakeS3) -> None:
    for (bucket, key), found in s3.objects.items():
        assert bucket == LAKE
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(found["Body"])


def put(source: Path, day: str, name: str, *lines: bytes) -> Path:
    """Write one flat file; its name ends in .gz."""
    path = source / f"dt={day}" / (name if name.endswith(".gz") else name + ".gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"".join(lines), 6, mtime=0))
    return path
