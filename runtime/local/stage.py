"""First half of a run, in each worker: log files to rows per day, in Arrow files of the run's folder.

Memory stays flat: records become Arrow batches every megabyte or so, and files on disk every few batches.
"""

import gc
import io
import json
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from runtime.events.columns import Column
from runtime.events.elements import BadFile, Broken
from runtime.events.formats import records_together
from runtime.events.quarantine import EMPTY
from runtime.events.quarantine import line as quarantine_line
from runtime.local import staged
from runtime.local.inputs import InputError, LogFile, S3Options, open_bytes
from runtime.local.pool import done
from runtime.local.rows import TIMESTAMP, BatchMaker, Many, Rows, cut

# Bounds in rows are what is quickest; those in bytes of the records keep memory flat when records are large.
BATCH_ROWS = 1_024
BATCH_BYTES = 4 << 20
RUN_ROWS = 16_384
RUN_BYTES = 24 << 20


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

    def __init__(self, file: LogFile, error: InputError | OSError) -> None:
        why = str(error).removeprefix(f"{file.uri}: ")
        super().__init__((isinstance(error, OSError) and error.strerror) or why)


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
        self._maker = BatchMaker(promote)
        # What was read and is not yet rows: what it is, its file's state and its file, its first record's place.
        self._pending: list[tuple[bytes | Broken | Many, Staged, LogFile, int]] = []
        self._pending_records = self._pending_bytes = 0
        self._tables: list[pa.Table] = []
        # The promoted columns of these tables: numbers of the rows that have a value, and the values.
        self._sparse: defaultdict[str, tuple[list[Any], list[str]]] = defaultdict(lambda: ([], []))
        self._rows = self._bytes = self._runs = 0
        quarantine = run / "out" / "quarantine" / run.name
        self._bad_files = quarantine / "files"
        self._bad_records = quarantine / f"{task}.jsonl"

    def take(self, number: int, file: LogFile, s3: S3Options) -> Staged:
        state = Staged(number)
        try:
            for piece in _pieces(file, s3, self._maker.together):
                self._pending.append((piece, state, file, state.records))
                self._pending_bytes += len(content_of(piece))
                count = _count(piece)
                self._pending_records += count
                state.records += count
                if self._pending_bytes >= BATCH_BYTES or self._pending_records >= BATCH_ROWS:
                    self._to_batch()
        except BadFile as bad:
            self._forget(state, file)
            return self._bad_file(number, file, str(bad), s3)
        except _Unread as unread:
            self._forget(state, file)
            return Staged(number, reason=str(unread), unread=True)
        if state.records == 0:
            return self._bad_file(number, file, EMPTY, s3)
        return state

    def close(self) -> None:
        self._to_batch()
        self._to_run()

    def _to_batch(self) -> None:
        """Make rows of what is pending, and quarantine what cannot be one."""
        items, self._pending = self._pending, []
        if not items:
            return
        whole = [item for item in items if not isinstance(item[0], Broken)]
        pieces: list[Any] = [item[0] for item in whole]
        made, refused = self._made(pieces, [file.key for _, _, file, _ in whole])
        counts = [_count(piece) for piece in pieces]
        bad = [
            (state, file, at, piece.reason, piece.raw) for piece, state, file, at in items if isinstance(piece, Broken)
        ]
        starts = [0, *accumulate(counts)]
        for record, reason in refused:
            at = bisect_right(starts, record) - 1
            _, state, file, position = whole[at]
            place = record - starts[at]
            bad.append((state, file, position + place, reason, cut([pieces[at]])[place]))
        for one in sorted(bad, key=lambda one: (one[0].number, one[2])):
            self._bad_record(*one)
        numbers = pa.array(np.repeat(np.array([state.number for _, state, _, _ in whole], np.int32), counts))
        places = [np.arange(at, at + count, dtype=np.int32) for (_, _, _, at), count in zip(whole, counts, strict=True)]
        positions = pa.array(np.concatenate(places)) if places else pa.array([], pa.int32())
        for rows in made:
            columns = {self._maker.columns[at].name: array for at, array in rows.arrays.items()}
            columns |= {"_file": numbers.take(rows.records), "_position": positions.take(rows.records)}
            self._tables.append(pa.table(columns | {"eventdate": rows.eventdate}))
            for at, (having, values) in rows.sparse.items():
                where, texts = self._sparse[self._maker.columns[at].name]
                where.append(np.array(having) + self._rows)
                texts += values
            self._rows += len(rows.records)
        done(records=len(items) - len(whole) + starts[-1])
        self._bytes += self._pending_bytes
        self._pending_records = self._pending_bytes = 0
        if self._rows >= RUN_ROWS or self._bytes >= RUN_BYTES:
            self._to_run()

    def _made(self, pieces: Sequence[bytes | Many], keys: Sequence[str]) -> tuple[list[Rows], list[tuple[int, str]]]:
        """Rows of the records, and why others are none; a fault of ours costs one record, with its reason."""
        try:
            return self._maker.rows(pieces, keys)
        except Exception as error:  # noqa: BLE001 - which of them it was is found one by one
            if len(pieces) == 1 and not isinstance(pieces[0], Many):
                return [], [(0, _internal(error))]
        made: list[Rows] = []
        refused: list[tuple[int, str]] = []
        singles = ((record, key) for piece, key in zip(pieces, keys, strict=True) for record in cut([piece]))
        for at, (record, key) in enumerate(singles):
            one, reasons = self._made([record], [key])
            made += (replace(rows, records=pa.array([at], pa.int32())) for rows in one)
            refused += ((at, reason) for _, reason in reasons)
        return made, refused

    def _table(self) -> pa.Table:
        """Take the rows made so far."""
        table = pa.concat_tables(self._tables, promote_options="default")
        for name, (where, texts) in self._sparse.items():
            table = table.append_column(name, staged.scattered(self._rows, np.concatenate(where), texts))
        self._tables = []
        self._sparse.clear()
        self._rows = self._bytes = 0
        return table

    def _to_run(self) -> None:
        """Write the rows made so far, a sorted file for each day."""
        if not self._tables:
            return
        staged.write(self._run / "staged", f"{self._task}-{self._runs}", self._table())
        self._runs += 1

    def _bad_record(self, state: Staged, file: LogFile, position: int, reason: str, record: bytes) -> None:
        self._quarantine(file, position, reason, record)
        state.quarantined += 1
        if state.problem is None:
            state.problem = f"record {position + 1}: {reason}"

    def _quarantine(self, file: LogFile, position: int | None, reason: str, record: bytes | None) -> None:
        kind = "file" if record is None else "record"
        self._bad_records.parent.mkdir(parents=True, exist_ok=True)
        with self._bad_records.open("ab") as out:
            out.write(quarantine_line(kind, reason, file.uri, file.key, position, record))

    def _forget(self, state: Staged, file: LogFile) -> None:
        """Take back what is pending and quarantined of a file: as a whole it is no good."""
        self._pending = [item for item in self._pending if item[1] is not state]
        if state.quarantined:
            kept = self._bad_records.with_suffix(".kept")
            with self._bad_records.open(encoding="utf-8") as lines, kept.open("w", encoding="utf-8") as out:
                out.writelines(line for line in lines if json.loads(line)["source"] != file.uri)
            kept.replace(self._bad_records)

    def _bad_file(self, number: int, file: LogFile, reason: str, s3: S3Options) -> Staged:
        self._bad_files.mkdir(parents=True, exist_ok=True)
        copy = self._bad_files / safe_name(file)
        try:
            with copy.open("wb") as out:
                out.writelines(_content(file, s3))
        except _Unread as unread:  # what cannot be read again cannot be kept, and half of it would pass for the whole
            copy.unlink()
            reason = f"{reason}; no copy kept: {unread}"
        self._quarantine(file, None, reason, None)
        return Staged(number, reason=reason)


def _count(piece: bytes | Broken | Many) -> int:
    return len(piece.decoded) if isinstance(piece, Many) else 1


def content_of(piece: bytes | Broken | Many) -> bytes:
    """The bytes of the file that the piece was made of."""
    return piece.content if isinstance(piece, Many) else piece.raw if isinstance(piece, Broken) else piece


def _pieces(file: LogFile, s3: S3Options, together: Callable[[bytes], Many | None]) -> Iterator[bytes | Broken | Many]:
    """The file's records. Raises BadFile or _Unread; what goes wrong where they are used passes by."""
    try:
        with open_bytes(file, s3) as stream:
            yield from records_together(io.BufferedReader(_Counted(stream), 1 << 18), together)
    except BadFile:
        raise
    except (InputError, OSError) as error:
        raise _Unread(file, error) from error
    except Exception as error:
        raise BadFile(_internal(error)) from error


def _content(file: LogFile, s3: S3Options) -> Iterator[bytes]:
    """The file's bytes as they are. Raises _Unread; what goes wrong where they are used passes by."""
    try:
        with open_bytes(file, s3) as stream:
            while chunk := stream.read(1 << 20):
                yield chunk
    except (InputError, OSError) as error:
        raise _Unread(file, error) from error


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
