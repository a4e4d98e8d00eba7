"""First half of a run, in each worker: log files to rows per day, in Arrow files of the run's folder.

Memory stays flat: rows become Arrow batches every few thousand, and files on disk every few batches.
"""

import base64
import gc
import io
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from runtime.events.columns import Column, Kind
from runtime.events.formats import BadFile, Broken, records
from runtime.events.row import RowMaker, Unusable
from runtime.local import staged
from runtime.local.inputs import InputError, LogFile, S3Options, open_bytes
from runtime.local.pool import done
from runtime.local.staged import ORIGIN

TRANSPOSED_ROWS = 128
BATCH_ROWS = 2_048
RUN_ROWS = 16_384
TIMESTAMP = pa.timestamp("us")


@dataclass(slots=True)
class Staged:
    """What became of one log file: its records, and those quarantined; `reason` if the whole file was.

    `problem` says which record was the first, and why. `unread` says that `reason` is no fault of the file's content.
    """

    number: int
    records: int = 0
    quarantined: int = 0
    reason: str | None = None
    problem: str | None = None
    unread: bool = False


class _Unread(Exception):
    """The file could not be read, now; its text is the reason."""


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
        result = []
        for number, file in files:
            result.append(worker.take(number, file, s3))
            done(files=1)
        worker.close()
    finally:
        if collected:
            gc.enable()
    return result


class _Worker:
    def __init__(self, run: Path, task: str, promote: tuple[str, ...]) -> None:
        self._run, self._task = run, task
        self._maker = RowMaker(promote)
        lake = lake_schema(self._maker.columns)
        self._schema = pa.schema([*lake, *ORIGIN, pa.field("eventdate", pa.string())])
        self._eventtime = lake.get_field_index("eventtime")
        dense = len([column for column in self._maker.columns if column.kind is not Kind.PROMOTED])
        self._rows: list[list[str | None]] = []
        self._columns: list[list[str | None]] = [[] for _ in range(dense)]
        self._promoted: dict[int, list[tuple[int, str]]] = {at: [] for at in range(dense, len(lake))}
        self._origins: list[tuple[int, int, str]] = []
        self._batches: list[pa.RecordBatch] = []
        self._runs = 0
        quarantine = run / "out" / "quarantine" / run.name
        self._bad_files = quarantine / "files"
        self._bad_records = quarantine / f"{task}.jsonl"

    def take(self, number: int, file: LogFile, s3: S3Options) -> Staged:
        state = Staged(number)
        row, rows, sparse, origins = self._maker.row, self._rows, self._promoted, self._origins
        key = file.key
        set_aside = self._bad_records.stat().st_size if self._bad_records.exists() else 0
        try:
            for record in _records(file, s3):
                position = state.records
                state.records += 1
                if isinstance(record, Broken):
                    self._bad_record(state, file, position, record.reason, record.raw)
                    continue
                try:
                    eventdate, dense, promoted = row(record, key)
                except Unusable as unusable:
                    self._bad_record(state, file, position, str(unusable), record)
                    continue
                except Exception as error:  # noqa: BLE001 - a fault of ours costs one record, with its reason
                    self._bad_record(state, file, position, _internal(error), record)
                    continue
                rows.append(dense)
                for column, value in promoted:
                    sparse[column].append((len(origins), value))
                origins.append((number, position, eventdate))
                if len(rows) >= TRANSPOSED_ROWS:
                    done(records=len(rows))
                    self._to_columns()
                    if len(origins) >= BATCH_ROWS:
                        self._to_batch()
        except BadFile as bad:
            self._forget(set_aside)
            return self._bad_file(number, file, str(bad), s3)
        except _Unread as unread:
            self._forget(set_aside)
            return Staged(number, reason=str(unread), unread=True)
        if state.records == 0:
            return self._bad_file(number, file, "no records in it", s3)
        return state

    def close(self) -> None:
        self._to_batch()
        self._to_run()

    def _to_columns(self) -> None:
        """Append the rows to the columns' lists; few at a time, while they are still in the processor's cache."""
        if self._rows:
            for column, values in zip(self._columns, zip(*self._rows, strict=True), strict=True):
                column.extend(values)
            self._rows.clear()

    def _to_batch(self) -> None:
        self._to_columns()
        if not self._origins:
            return
        size = len(self._origins)
        arrays: list[pa.Array] = []
        for at, values in enumerate(self._columns):
            if at == self._eventtime:
                instants = pa.array(values, pa.string()).cast(pa.timestamp("us", tz="UTC"))
                arrays.append(instants.cast(TIMESTAMP))
            else:
                arrays.append(pa.array(values, pa.string()))
            values.clear()
        for found in self._promoted.values():
            if found:
                values = [None] * size
                for row, value in found:
                    values[row] = value
                arrays.append(pa.array(values, pa.string()))
                found.clear()
            else:
                arrays.append(pa.nulls(size, pa.string()))
        for origin, kind in zip(zip(*self._origins, strict=True), (pa.int32(), pa.int32(), pa.string()), strict=True):
            arrays.append(pa.array(origin, kind))
        self._origins.clear()
        self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        if len(self._batches) * BATCH_ROWS >= RUN_ROWS:
            self._to_run()

    def _to_run(self) -> None:
        if not self._batches:
            return
        table = pa.Table.from_batches(self._batches)
        self._batches = []
        days = table["eventdate"].unique().to_pylist()
        table_days = table["eventdate"]
        table = table.drop_columns(["eventdate"])
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

    def _forget(self, size: int) -> None:
        """Take back the records quarantined since there were `size` bytes of them: the whole file is no good."""
        if size:
            os.truncate(self._bad_records, size)
        else:
            self._bad_records.unlink(missing_ok=True)

    def _bad_file(self, number: int, file: LogFile, reason: str, s3: S3Options) -> Staged:
        self._quarantine(file, None, reason, None)
        self._bad_files.mkdir(parents=True, exist_ok=True)
        try:
            with open_bytes(file, s3) as stream, (self._bad_files / safe_name(file)).open("wb") as out:
                shutil.copyfileobj(stream, out)
        except (InputError, OSError) as error:  # what cannot be read cannot be kept: the line above says why
            reason = f"{reason}; no copy kept: {error}"
        return Staged(number, reason=reason)


def _records(file: LogFile, s3: S3Options) -> Iterator[bytes | Broken]:
    """The file's records. Raises BadFile or _Unread; what goes wrong where they are used passes by."""
    try:
        with open_bytes(file, s3) as stream:
            yield from records(io.BufferedReader(_Counted(stream), 1 << 18))
    except BadFile:
        raise
    except InputError as error:
        raise _Unread(str(error).removeprefix(f"{file.uri}: ")) from error
    except OSError as error:
        raise _Unread(error.strerror or str(error)) from error
    except Exception as error:
        raise BadFile(_internal(error)) from error


class _Counted(io.RawIOBase):
    """A stream that says how much of it is read."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._stream.readinto1(buffer)
        done(read_bytes=count)
        return count


def _internal(error: Exception) -> str:
    return f"internal: {type(error).__name__}: {error}; please report it"


def safe_name(file: LogFile) -> str:
    """File name for a quarantined copy: no key, however hostile, leads out of the folder or hides another's."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", file.key.rsplit("/", 1)[-1])[-120:]
    return f"{sha256(file.uri.encode(errors='surrogateescape')).hexdigest()[:12]}-{name}"
