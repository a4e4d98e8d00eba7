"""Flat files as the flattener writes them, made from log files with `RowMaker`: SOURCE/dt=<day>/<log file name>."""

import gzip
import json
import re
from collections.abc import Iterable
from pathlib import Path

from runtime.events.columns import PROMOTE
from runtime.events.formats import BadFile, records
from runtime.events.row import RowMaker, Unusable
from runtime.local.inputs import InputError, find, open_bytes


def line(maker: RowMaker, record: bytes, sourcefile: str) -> bytes:
    """One flat row: column names and their text, null columns left out. Raises Unusable."""
    row = maker.row(record, sourcefile)
    values = zip((column.name for column in maker.columns), maker.full(row), strict=True)
    flat = {name: value for name, value in values if value is not None}
    return json.dumps(flat, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def flat_files(logs: Path, source: Path, promote: Iterable[str] = PROMOTE) -> int:
    """Flatten all log files below `logs`; what is no row is left out. Returns the number of rows."""
    maker = RowMaker(promote)
    rows = 0
    for file in find([str(logs)]).files:
        lines = []
        try:
            with open_bytes(file) as stream:
                for record in records(stream):
                    if isinstance(record, bytes):
                        try:
                            lines.append(line(maker, record, file.key))
                        except Unusable:
                            continue
        except (BadFile, InputError, OSError):
            continue
        if lines:
            name = file.key.rsplit("/", 1)[-1]
            stamp = re.search(r"_(\d{4})(\d\d)(\d\d)T", name)
            day = "-".join(stamp.groups()) if stamp else "1970-01-01"
            put(source, day, name, *lines)
            rows += len(lines)
    return rows


def put(source: Path, day: str, name: str, *lines: bytes) -> Path:
    """Write one flat file; its name ends in .gz."""
    path = source / f"dt={day}" / (name if name.endswith(".gz") else name + ".gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"".join(lines), 6, mtime=0))
    return path
