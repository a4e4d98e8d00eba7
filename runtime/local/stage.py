"""First half of a run, in each worker: log files to rows per day, in Arrow files of the run's folder.

Memory stays flat: records become Arrow batches every megabyte or so, and files on disk every few batches.
"""

import base64
import gc
import json
import re
import shutil
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from operator import attrgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from runtime.events.columns import Column
from runtime.events.formats import BadFile, Broken, records
from runtime.local import staged
from runtime.local.inputs import InputError, LogFile, S3Options, open_bytes
from runtime.local.rows import TIMESTAMP, BatchMaker

# Bounds in rows are what is quickest; those in bytes of the records keep memory flat when records are large.
BATCH_ROWS = 1_024
BATCH_BYTES = 4 << 20
RUN_ROWS = 16_384
RUN_BYTES = 24 << 20


@dataclass(slots=True)
class Staged:
    """What became of one log file: its records, and those quarantined; `reason` if the whole file was.

    `problem` says which record was the first, and why.
    """

    number: int
    records: int = 0
    quarantined: int = 0
    reason: str | None = None
    problem: str | None = None


def lake_schema(columns: Iterable[Column]) -> pa.Schema:
    """Arrow schema of the lake's Parquet files, from the event row's columns."""
    return pa.schema([(c.name, TIMESTAMP if c.type == "timestamp" else pa.string()) for c in columns])


def stage(
    files: list[tuple[int, LogFile]], run: Path, task: str, promote: tuple[str, ...], s3: S3Options
) -> list[Staged]:
    """Stage the numbered log files below `run/staged/eventdate=.../<task>-<n>.arrow`; never stops at a bad one."""
    worker = _Worker(run, task, promote)
    collected = gc.isenabled()
    gc.disable()  # rows hold no cycles, and looking for some takes an eighth of the time
    try:
        result = [worker.take(number, file, s3) for number, file in files]
        worker.close()
    finally:
        if collected:
            gc.enable()
    return result


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Pending records from `start` on that follow each other in a file, the first at `position` in it."""

    start: int
    state: Staged
    file: LogFile
    position: int


class _Worker:
    def __init__(self, run: Path, task: str, promote: tuple[str, ...]) -> None:
        self._run, self._task = run, task
        self._maker = BatchMaker(promote)
        # What was read and is not yet rows, and stretches of it that follow each other in one file.
        self._records: list[bytes] = []
        self._stretches: list[_Stretch] = []
        self._broken: list[tuple[int, Staged, LogFile, int, Broken]] = []
        self._pending_bytes = 0
        self._tables: list[pa.Table] = []
        self._rows = self._bytes = self._runs = 0
        quarantine = run / "out" / "quarantine" / run.name
        self._bad_files = quarantine / "files"
        self._bad_records = quarantine / f"{task}.jsonl"

    def take(self, number: int, file: LogFile, s3: S3Options) -> Staged:
        state = Staged(number)
        pending = self._records
        self._stretches.append(_Stretch(len(pending), state, file, 0))
        try:
            with open_bytes(file, s3) as stream:
                for record in records(stream):
                    state.records += 1
                    if isinstance(record, bytes):
                        pending.append(record)
                        self._pending_bytes += len(record)
                    else:
                        self._broken.append((len(pending), state, file, state.records - 1, record))
                        self._stretches.append(_Stretch(len(pending), state, file, state.records))
                        self._pending_bytes += len(record.raw)
                    if self._pending_bytes >= BATCH_BYTES or len(pending) >= BATCH_ROWS:
                        self._to_batch()
                        self._stretches.append(_Stretch(0, state, file, state.records))
            if state.records == 0:
                return self._bad_file(number, file, "no records in it", s3)
        except (BadFile, InputError, OSError) as error:
            self._forget(state)
            return self._bad_file(number, file, str(error), s3)
        return state

    def _forget(self, state: Staged) -> None:
        """Drop what is pending of the file that was read last."""
        self._broken = [item for item in self._broken if item[1] is not state]
        del self._records[next(s.start for s in self._stretches if s.state is state) :]
        self._stretches = [stretch for stretch in self._stretches if stretch.state is not state]

    def close(self) -> None:
        self._to_batch()
        self._to_run()

    def _to_batch(self) -> None:
        """Make rows of what is pending, and quarantine what cannot be one."""
        if not self._records and not self._broken:
            self._stretches.clear()
            return
        stretches, size = self._stretches, len(self._records)
        ends = [stretch.start for stretch in stretches[1:]] + [size]
        keys: list[str] = []
        positions: list[int] = []
        numbers: list[int] = []
        for stretch, end in zip(stretches, ends, strict=True):
            length = end - stretch.start
            keys += [stretch.file.key] * length
            numbers += [stretch.state.number] * length
            positions += range(stretch.position, stretch.position + length)
        made, refused = self._maker.rows(self._records, keys)
        bad = list(self._broken)
        for at, reason in refused:
            stretch = stretches[bisect_right(stretches, at, key=attrgetter("start")) - 1]
            bad.append((at, stretch.state, stretch.file, positions[at], Broken(self._records[at], reason)))
        for _, state, file, position, broken in sorted(bad, key=lambda item: (item[0], item[3])):
            self._bad_record(state, file, position, broken.reason, broken.raw)
        origin = {"_file": pa.array(numbers, pa.int32()), "_position": pa.array(positions, pa.int32())}
        for rows in made:
            columns = {self._maker.columns[at].name: array for at, array in rows.arrays.items()}
            columns |= {name: values.take(rows.records) for name, values in origin.items()}
            self._tables.append(pa.table(columns | {"eventdate": rows.eventdate}))
            self._rows += len(rows.records)
        self._bytes += self._pending_bytes
        self._pending_bytes = 0
        for pending in (self._records, self._broken, self._stretches):
            pending.clear()
        if self._rows >= RUN_ROWS or self._bytes >= RUN_BYTES:
            self._to_run()

    def _to_run(self) -> None:
        """Write the rows made so far, a sorted file for each day."""
        if not self._tables:
            return
        table = pa.concat_tables(self._tables, promote_options="default")
        self._tables = []
        self._rows = self._bytes = 0
        table_days = table["eventdate"]
        table = table.drop_columns(["eventdate"])
        days = table_days.unique().to_pylist()
        for day in days:
            part = table if len(days) == 1 else table.filter(pc.equal(table_days, day))
            staged.write(self._run / "staged" / f"eventdate={day}" / f"{self._task}-{self._runs}.arrow", part)
        self._runs += 1

    def _bad_record(self, state: Staged, file: LogFile, position: int, reason: str, record: bytes) -> None:
        self._quarantine(file, position, reason, record)
        state.quarantined += 1
        if state.problem is None:
            state.problem = f"record {position + 1}: {reason}"

    def _quarantine(self, file: LogFile, position: int | None, reason: str, record: bytes | None) -> None:
        line: dict[str, Any] = {"kind": "file" if record is None else "record", "reason": reason}
        line |= {"source": file.uri, "key": file.key}
        if record is not None:
            line["position"] = position
            try:
                line["record"] = record.decode()
            except UnicodeDecodeError:
                line["record_base64"] = base64.b64encode(record).decode()
        self._bad_records.parent.mkdir(parents=True, exist_ok=True)
        with self._bad_records.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")

    def _bad_file(self, number: int, file: LogFile, reason: str, s3: S3Options) -> Staged:
        self._quarantine(file, None, reason, None)
        self._bad_files.mkdir(parents=True, exist_ok=True)
        try:
            with open_bytes(file, s3) as stream, (self._bad_files / safe_name(file)).open("wb") as out:
                shutil.copyfileobj(stream, out)
        except (InputError, OSError) as error:  # what cannot be read cannot be kept: the line above says why
            reason = f"{reason}; no copy kept: {error}" if str(error) != reason else reason
        return Staged(number, reason=reason)


def safe_name(file: LogFile) -> str:
    """File name for a quarantined copy: no key, however hostile, leads out of the folder or hides another's."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", file.key.rsplit("/", 1)[-1])[-120:]
    return f"{sha256(file.uri.encode(errors='surrogateescape')).hexdigest()[:12]}-{name}"
