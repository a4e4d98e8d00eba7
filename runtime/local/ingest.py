"""One run of the local engine: new log files in, rows in the lake out; all of it or, if killed, nothing."""

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from secrets import token_hex

from runtime.events.columns import PROMOTE, columns
from runtime.events.paths import ACCOUNT, REGION
from runtime.local.inputs import InputError, Listing, LogFile, S3Options, find
from runtime.local.lake import Entry, Interrupted, Lake
from runtime.local.merge import merge
from runtime.local.pool import Pool
from runtime.local.stage import Staged, lake_schema, stage

TASK_BYTES = 16 << 20  # of compressed logs: some seconds of work, so that the cores end together
TASK_FILES = 256


@dataclass(frozen=True, slots=True)
class Selection:
    """What to take of the inputs: bounds on the day in the path (both inclusive), accounts and Regions; None is all.

    Raises InputError for one that no log file can meet.
    """

    start: date | None = None
    end: date | None = None
    accounts: frozenset[str] | None = None
    regions: frozenset[str] | None = None

    def __post_init__(self) -> None:
        """Refuse what would quietly find nothing."""
        for account in sorted(self.accounts or ()):
            if ACCOUNT.fullmatch(account) is None:
                raise InputError(f"account {account!r}: write the account's 12 digits and nothing else")
        for region in sorted(self.regions or ()):
            if REGION.fullmatch(region) is None:
                raise InputError(f"Region {region!r}: write it as AWS does, such as eu-central-1")
        if self.start is not None and self.end is not None and self.start > self.end:
            raise InputError(f"the first day, {self.start}, is after the last, {self.end}; swap them")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: log files, records and bytes read so far; then the days of `days` merged into the lake."""

    files_done: int
    files: int
    records: int
    bytes_done: int
    bytes: int
    days_done: int = 0
    days: int = 0


@dataclass(slots=True)
class Summary:
    """What a run did; records = rows + duplicates + duplicate_differs + quarantined, in total and per entry.

    `unread` counts files and folders that could not be read; the next run tries again. `why_nothing` says why there was
    no log file at all.
    """

    files: int = 0
    known: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    records: int = 0
    rows: int = 0
    duplicates: int = 0
    duplicate_differs: int = 0
    quarantined: int = 0
    files_quarantined: int = 0
    unread: int = 0
    seconds: float = 0.0
    entries: list[Entry] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    why_nothing: str | None = None

    @property
    def problems(self) -> list[str]:
        """One line per log file that something of was set aside: file, what, why."""
        lines = list(self.unreadable)
        for entry in self.entries:
            if entry.unread:
                lines.append(f"{entry.uri}: not read, the next run tries again: {entry.reason}")
            elif entry.reason is not None:
                lines.append(f"{entry.uri}: quarantined: {entry.reason}")
            elif entry.quarantined:
                more = f" (and {entry.quarantined - 1:,} more)" if entry.quarantined > 1 else ""
                lines.append(f"{entry.uri}: {entry.problem}{more}")
            if entry.duplicate_differs:
                lines.append(
                    f"{entry.uri}: {entry.duplicate_differs:,} with a known eventID and other content, set aside"
                )
        return lines

    @property
    def clean(self) -> bool:
        """Nothing was set aside, and all was read."""
        return not (self.quarantined or self.files_quarantined or self.duplicate_differs or self.unread)


def listing(inputs: Sequence[str], lake: Lake | None, selection: Selection, s3: S3Options) -> Listing:
    """Log files of the inputs within the selection that the lake has not taken, by their paths; nothing is read.

    Raises InputError, and LakeError for a ledger that cannot be read.
    """
    found = find(
        inputs,
        start=selection.start,
        end=selection.end,
        accounts=selection.accounts,
        regions=selection.regions,
        s3=s3,
        without=() if lake is None else lake.folders,
    )
    taken = set() if lake is None else {(entry.uri, entry.version) for entry in lake.entries() if not entry.unread}
    files = [file for file in found.files if (file.uri, file.version) not in taken]
    return replace(found, files=files, known=len(found.files) - len(files))


def ingest(
    inputs: Sequence[str],
    lake: Lake,
    *,
    selection: Selection | None = None,
    s3: S3Options | None = None,
    promote: Sequence[str] = PROMOTE,
    workers: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Summary:
    """Take the log files that the lake has not seen into it.

    Raises InputError for an input that cannot be listed, LakeError for a lake that cannot be used, WorkerError for a
    worker that died, Interrupted for Ctrl-C. Bad files and records raise nothing: they are quarantined, with their
    reason in the summary's entries and the quarantine.
    """
    began = time.monotonic()
    s3 = s3 or S3Options()
    with lake.locked():
        try:
            found = listing(inputs, lake, selection or Selection(), s3)
            summary = Summary(known=found.known, skipped=dict(found.skipped), unreadable=found.unreadable)
            summary.unread, summary.why_nothing = len(found.unreadable), found.why_nothing
            if found.files:
                summary.entries = _run(found.files, lake, s3, tuple(promote), workers or os.cpu_count() or 1, progress)
        except KeyboardInterrupt:
            raise Interrupted("interrupted; the lake is as it was before this run") from None
    for entry in summary.entries:
        summary.files += 1
        summary.records += entry.records
        summary.rows += entry.rows
        summary.duplicates += entry.duplicates
        summary.duplicate_differs += entry.duplicate_differs
        summary.quarantined += entry.quarantined
        summary.unread += entry.unread
        summary.files_quarantined += entry.reason is not None and not entry.unread
    summary.seconds = time.monotonic() - began
    return summary


def _run(
    files: list[LogFile],
    lake: Lake,
    s3: S3Options,
    promote: tuple[str, ...],
    workers: int,
    progress: Callable[[Progress], None],
) -> list[Entry]:
    # The name sorts by time, so that ledgers and files read in the order of their runs.
    run = lake.new_run(f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{token_hex(2)}")
    # Numbered by key, so that the number says which copy of an event is the first.
    numbered = dict(enumerate(sorted(files, key=lambda file: file.key)))
    staged: dict[int, Staged] = {}
    far = Progress(0, len(files), 0, 0, sum(file.size for file in files))

    def seen(files_done: int, records: int, read_bytes: int) -> None:
        nonlocal far
        if not far.days:
            far = replace(far, files_done=files_done, records=records, bytes_done=min(read_bytes, far.bytes))
        progress(far)

    progress(far)
    with Pool(min(workers, len(files)), seen) as pool:
        tasks = ((task, run, f"{number:05d}", promote, s3) for number, task in enumerate(_tasks(numbered)))
        for states in pool.run(stage, tasks):
            staged |= {state.number: state for state in states}
        bad = frozenset(number for number, state in staged.items() if state.reason is not None)
        days = sorted(path.name.removeprefix("eventdate=") for path in (run / "staged").glob("eventdate=*"))
        schema = lake_schema(columns(promote))
        rows: Counter[int] = Counter()
        duplicates: Counter[int] = Counter()
        differs: Counter[int] = Counter()
        records = sum(state.records for state in staged.values())
        far = Progress(len(files), len(files), records, far.bytes, far.bytes, 0, len(days))
        progress(far)
        for merged in pool.run(merge, ((day, run, lake.partition(day), bad, schema) for day in days)):
            rows.update(merged.rows)
            duplicates.update(merged.duplicates)
            differs.update(merged.differs)
            far = replace(far, days_done=far.days_done + 1)
            progress(far)
    entries = []
    for number, file in numbered.items():
        state = staged[number]
        entry = Entry(
            file.uri,
            file.key,
            file.version,
            reason=state.reason,
            problem=state.problem,
            unread=state.unread,
            account=file.account,
            region=file.region,
            day=None if file.day is None else file.day.isoformat(),
        )
        if state.reason is None:
            entry = replace(
                entry,
                records=state.records,
                rows=rows[number],
                duplicates=duplicates[number],
                duplicate_differs=differs[number],
                quarantined=state.quarantined,
            )
            if entry.records != entry.rows + entry.duplicates + entry.duplicate_differs + entry.quarantined:
                raise AssertionError(f"{file.uri}: the counts do not balance: {entry}")
        entries.append(entry)
    lake.commit(run, entries)
    return entries


def _tasks(files: dict[int, LogFile]) -> list[list[tuple[int, LogFile]]]:
    """Files in portions for one worker at a time: days together, for few staged files; the largest portions first."""
    tasks: list[list[tuple[int, LogFile]]] = []
    left = 0
    for number, file in sorted(files.items(), key=lambda item: (item[1].day or date.min, -item[1].size)):
        if left <= 0 or len(tasks[-1]) >= TASK_FILES:
            tasks.append([])
            left = TASK_BYTES
        tasks[-1].append((number, file))
        left -= file.size
    return sorted(tasks, key=lambda task: -sum(file.size for _, file in task))
