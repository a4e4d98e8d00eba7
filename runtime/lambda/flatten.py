"""One log file in S3 becomes one flat file in S3, and a line of the ledger; what is no row goes to quarantine.

Memory stays flat.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from io import BufferedReader, BytesIO, RawIOBase
from typing import Any, BinaryIO, cast

from isal import isal_zlib

from runtime.events import late
from runtime.events.elements import BadFile, Broken
from runtime.events.flat import FlatMaker, row_version
from runtime.events.formats import records_together
from runtime.events.ledger import LEDGER
from runtime.events.ledger import line as ledger_line
from runtime.events.paths import NO_EVENTS, kind_of, source_key
from runtime.events.quarantine import EMPTY
from runtime.events.quarantine import line as quarantine_line
from runtime.events.row import RowMaker, Unusable

from .messages import Ref
from .settings import Settings
from .store import Deadline, Gone, Opened, Store, metadata_source

FOLDERS = ("flatfiles/", "quarantine/", "parquettrails/", f"{LEDGER}/")
"""What the pipeline writes below its prefix. An event for an object there is skipped, or it would feed itself."""
# Lines are sorted by who called, then by what follows eventtime, in batches of this size, which takes a fifth off the
# gzip and costs less than a microsecond a line: see docs/decisions/0010-flat-files.md.
BATCH_BYTES = 2 << 20
# igzip's level 2 is as quick as its level 1; zlib's 6 gives less than a fifth off for six times the time.
LEVEL = 2
IN_MEMORY = 4 << 20
# What does not fit in memory is spooled to /tmp, which has 512 MB in Lambda.
FLAT_LIMIT = 400 << 20
QUARANTINE_LIMIT = 64 << 20
CLOCK_BYTES = 1 << 16  # of a log file as stored, which may unpack to a thousand times as much


@dataclass(slots=True)
class Outcome:
    """What became of one object: `state` is written, already there, empty, missing or skipped, with `why` for the last.

    Records = rows + quarantined. Sizes in bytes; `modified` is the log file's time of writing, in seconds since 1970.
    """

    source: str
    state: str
    why: str = ""
    output: str = ""
    records: int = 0
    rows: int = 0
    quarantined: int = 0
    problem: str = ""
    bytes_read: int = 0
    bytes_written: int = 0
    modified: float | None = None


def _today() -> date:
    return datetime.now(UTC).date()


class Flattener:
    """Takes objects, one at a time; holds nothing between them but the marks that it has put."""

    def __init__(self, store: Store, settings: Settings, today: Callable[[], date] = _today) -> None:
        self._store, self._settings, self._today = store, settings, today
        self._marks: set[str] = set()
        maker = RowMaker(settings.promote)
        self._flat = FlatMaker(maker)
        self._row_version = row_version(maker.columns)

    def take(self, ref: Ref, deadline: Deadline) -> Outcome:
        """Flatten an object. Raises BadFile, Refused and OutOfTime; each makes the message come again."""
        why = self._skipped(ref)
        if why:
            return Outcome(ref.uri, "skipped", why)
        deadline.check()
        try:
            with self._spools() as (flat, quarantine):
                return self._take(ref, flat, quarantine, deadline)
        except BadFile:
            if not (ref.replace and ref.version):
                raise
        except Gone:
            reason = "the object is gone: nothing was read of it"
            self._set_aside(ref, "missing", reason, None, deadline)
            return Outcome(ref.uri, "missing", reason)
        # Asked for again, and still no use: somebody may have put a mended one in its place.
        return self.take(Ref(ref.bucket, ref.key, ref.day, replace=True), deadline)

    def _skipped(self, ref: Ref) -> str:
        prefix = self._settings.output_prefix
        if ref.bucket == self._settings.output_bucket and ref.key.startswith(tuple(prefix + f for f in FOLDERS)):
            return "own output"
        *folders, name = ref.key.split("/")
        kind, _ = kind_of(folders, name)
        return kind if kind in NO_EVENTS else ""

    @contextmanager
    def _spools(self) -> Iterator[tuple[BinaryIO, BinaryIO]]:
        from tempfile import SpooledTemporaryFile  # the SDK loads it too

        with SpooledTemporaryFile(IN_MEMORY) as flat, SpooledTemporaryFile(IN_MEMORY) as quarantine:
            yield cast("BinaryIO", flat), cast("BinaryIO", quarantine)

    def _take(self, ref: Ref, flat: BinaryIO, quarantine: BinaryIO, deadline: Deadline) -> Outcome:
        opened: Opened

        def flatten() -> Outcome:
            nonlocal opened
            for spool in (flat, quarantine):
                spool.seek(0)
                spool.truncate()
            opened = self._store.open(ref)
            with BufferedReader(_Timed(opened.body, deadline)) as stream:
                return self._flatten(ref, opened, stream, flat, quarantine, deadline)

        try:
            version = f", version {ref.version}" if ref.version else ""
            outcome = self._store.retry(f"reading {ref.uri}{version}", flatten, deadline)
        except BadFile as bad:
            self._set_aside(ref, "file", str(bad), opened, deadline)
            raise
        if outcome.records == 0:
            self._set_aside(ref, "file", EMPTY, opened, deadline)
            outcome.state, outcome.why = "empty", EMPTY
            return outcome
        metadata = {
            "source": metadata_source(ref.uri),
            "etag": opened.etag,
            "records": str(outcome.records),
            "rows": str(outcome.rows),
            "quarantined": str(outcome.quarantined),
            "row-version": self._row_version,
        }
        name, day = _safe_name(ref.key), _path_day(ref.key) or _day(opened)
        # Quarantine first: where a flat file stands, all of its log file is in place, and the job knows of its folder.
        aside = f"{self._settings.output_prefix}quarantine/dt={day}/{name}"
        if outcome.quarantined:
            self._store.write_once(aside, ".jsonl", quarantine, ref, metadata, deadline, replace=True)
        if outcome.rows:
            self._mark(ref, opened, day, outcome.rows, deadline)
            stem = f"{self._settings.output_prefix}flatfiles/dt={day}/{_stem(name)}"
            key, written = self._store.write_once(stem, ".json.gz", flat, ref, metadata, deadline, ref.replace)
            outcome.output = key
            if ref.replace and not outcome.quarantined:  # a replay: what had been set aside is in the flat file now
                self._store.remove(aside, ".jsonl", ref, opened.etag, deadline)
            if not written:
                outcome.state, outcome.bytes_written = "already there", 0
        self._note(
            ref,
            opened,
            day,
            deadline,
            records=outcome.records,
            rows=outcome.rows,
            quarantined=outcome.quarantined,
            problem=outcome.problem,
        )
        return outcome

    def _flatten(
        self, ref: Ref, opened: Opened, stream: BinaryIO, flat: BinaryIO, quarantine: BinaryIO, deadline: Deadline
    ) -> Outcome:
        """Lines of the rows to `flat`, gzipped, and of what is none to `quarantine`."""
        outcome = Outcome(ref.uri, "written", bytes_read=opened.size, modified=opened.modified.timestamp())
        key = source_key(ref.key.split("/"), ref.key)
        line, together = self._flat.line, partial(self._flat.lines, sourcefile=key)
        gzip = isal_zlib.compressobj(LEVEL, wbits=31)
        lines: list[bytes] = []
        size = 0
        for record in records_together(stream, together, limit_bytes=self._settings.unpacked_limit):
            if isinstance(record, list):
                outcome.records += len(record)
                lines += record
                size += sum(map(len, record))
            else:
                outcome.records += 1
                try:
                    if isinstance(record, Broken):
                        raise Unusable(record.reason)
                    text = line(record, key)
                except Unusable as unusable:
                    outcome.quarantined += 1
                    outcome.problem = outcome.problem or f"record {outcome.records}: {unusable}"
                    raw = record.raw if isinstance(record, Broken) else record
                    position = outcome.records - 1
                    aside = quarantine_line("record", str(unusable), ref.uri, key, position, raw)
                    quarantine.write(aside)
                    size += len(aside)
                    if quarantine.tell() > QUARANTINE_LIMIT:
                        raise BadFile(
                            f"too many bad records: {outcome.quarantined:,} of the first {outcome.records:,} fill the "
                            f"{QUARANTINE_LIMIT:,} bytes that quarantine takes of one file; {outcome.problem}"
                        ) from None
                else:
                    lines.append(text)
                    size += len(text)
            if size >= BATCH_BYTES:
                deadline.check()
                flat.write(gzip.compress(_joined(lines)))
                if flat.tell() > FLAT_LIMIT:
                    raise BadFile(f"its flat file is larger than {FLAT_LIMIT:,} bytes; split the log file")
                outcome.rows += len(lines)
                lines.clear()
                size = 0
        flat.write(gzip.compress(_joined(lines)))
        flat.write(gzip.flush())
        outcome.rows += len(lines)
        outcome.bytes_written = flat.tell()
        return outcome

    def _mark(self, ref: Ref, opened: Opened, day: str, rows: int, deadline: Deadline) -> None:
        """Tell the Parquet job of a folder that it would not look into: of a replay, a backfill, a queue that waited.

        Before the flat file is written: the bookmark, a time, passes over one that stood unseen during a run.
        """
        mark = late.mark(day, self._today())
        if mark is None or mark in self._marks:
            return
        if ref.rebuild:
            # The job has had these rows. With a mark the next load would read all of them once more.
            before = self._store.metadata(self._ledger_stem(ref, day), ".json", ref, opened.etag, deadline)
            if before is not None and before.get("rows") == str(rows):
                return
        self._store.put_empty(f"{self._settings.output_prefix}flatfiles/{mark}", deadline)
        self._marks.add(mark)

    def _ledger_stem(self, ref: Ref, day: str) -> str:
        return f"{self._settings.output_prefix}{LEDGER}/dt={day}/{_stem(_safe_name(ref.key))}"

    def _note(self, ref: Ref, opened: Opened | None, day: str, deadline: Deadline, **found: Any) -> None:
        """The log file's line of the ledger, last: where it stands, all else of the log file is in place.

        It is written over by a later one of the same content, as of a file that has become readable.
        """
        parts = ref.key.split("/")
        of_file: dict[str, Any] = {}
        if opened:
            of_file = {"size": opened.size, "delivered": opened.modified.astimezone(UTC).isoformat()}
        body = BytesIO(ledger_line(ref.uri, source_key(parts, ref.key), parts, **of_file, **found))
        metadata = {
            "source": metadata_source(ref.uri),
            "etag": opened.etag if opened else "",
            "rows": str(found.get("rows", 0)),
        }
        self._store.write_once(self._ledger_stem(ref, day), ".json", body, ref, metadata, deadline, replace=True)

    def _set_aside(self, ref: Ref, kind: str, reason: str, opened: Opened | None, deadline: Deadline) -> None:
        """One line in quarantine for a whole file; the file itself stays where it is."""
        key = source_key(ref.key.split("/"), ref.key)
        day = _path_day(ref.key) or (_day(opened) if opened else ref.day) or "unknown"
        stem = f"{self._settings.output_prefix}quarantine/dt={day}/{_safe_name(ref.key)}"
        metadata = {"source": metadata_source(ref.uri), "etag": opened.etag if opened else "", "kind": kind}
        body = BytesIO(quarantine_line(kind, reason, ref.uri, key))
        self._store.write_once(stem, ".jsonl", body, ref, metadata, deadline, replace=True)
        self._note(ref, opened, day, deadline, reason=reason)


class _Timed(RawIOBase):
    """A log file's bytes as they come, with a look at the clock now and then: white space makes no line."""

    def __init__(self, body: BinaryIO, deadline: Deadline) -> None:
        self._body, self._deadline, self._since = body, deadline, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self._body.readinto(buffer)  # type: ignore[attr-defined]
        self._since += count
        if self._since >= CLOCK_BYTES:
            self._deadline.check()
            self._since = 0
        return count

    def close(self) -> None:
        self._body.close()
        super().close()


def _joined(lines: list[bytes]) -> bytes:
    lines.sort(key=_likeness)
    return b"".join(lines)


def _likeness(line: bytes) -> bytes:
    caller = line.find(b'"useridentity_')
    return line[caller : caller + 300] + line[36:260]


def _path_day(key: str) -> str | None:
    """The day that the name says, else the folders: the one by which `backfill` and `rebuild` choose log files."""
    *folders, name = key.split("/")
    day = kind_of(folders, name)[1].date
    return None if day is None else day.isoformat()


def _day(opened: Opened) -> str:
    return opened.modified.astimezone(UTC).date().isoformat()


def _safe_name(key: str) -> str:
    """The log file's name as the end of a key: Spark and Hadoop pass over names in `_` and `.` and trip over `:`."""
    return re.sub(r"[^A-Za-z0-9._=-]", "_", key.rsplit("/", 1)[-1]).lstrip("._")[-200:] or "unnamed"


def _stem(name: str) -> str:
    for suffix in (".json.gz", ".gz", ".json"):
        name = name.removesuffix(suffix)
    return name or "unnamed"
