"""One run of the local engine: new log files in, rows in the lake out; all of it or, if killed, nothing."""

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from secrets import token_hex

from runtime.events.columns import PROMOTE, columns
from runtime.local.inputs import Listing, LogFile, S3Options, find
from runtime.local.lake import Entry, Lake
from runtime.local.merge import Merged, merge
from runtime.local.stage import Staged, lake_schema, stage

TASK_BYTES = 16 << 20  # of compressed logs: some seconds of work, so that the cores end together
TASK_FILES = 256


@dataclass(frozen=True, slots=True)
class Selection:
    """What to take of the inputs: bounds on the day in the path (both inclusive), accounts and Regions; None is all."""

    start: date | None = None
    end: date | None = None
    accounts: frozenset[str] | None = None
    regions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: log files and records of `files` staged so far."""

    files_done: int
    files: int
    records: int


@dataclass(slots=True)
class Summary:
    """What a run did; records = rows + duplicates + duplicate_differs + quarantined, in total and per entry."""

    files: int = 0
    known: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    records: int = 0
    rows: int = 0
    duplicates: int = 0
    duplicate_differs: int = 0
    quarantined: int = 0
    files_quarantined: int = 0
    seconds: float = 0.0
    entries: list[Entry] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """One line per log file that something of was set aside: file, what, why."""
        lines = []
        for entry in self.entries:
            if entry.reason is not None:
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
        """Nothing was set aside."""
        return not (self.quarantined or self.files_quarantined or self.duplicate_differs)


def listing(inputs: Sequence[str], selection: Selection, s3: S3Options) -> Listing:
    """Log files of the inputs within the selection, by their paths; nothing is read. Raises InputError."""
    return find(
        inputs,
        start=selection.start,
        end=selection.end,
        accounts=selection.accounts,
        regions=selection.regions,
        s3=s3,
    )


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

    Raises InputError for an input that cannot be listed, LakeError for a lake that cannot be used. Bad files and
    records raise nothing: they are quarantined, with their reason in the summary's entries and the quarantine.
    """
    began = time.monotonic()
    s3 = s3 or S3Options()
    with lake.locked():
        found = listing(inputs, selection or Selection(), s3)
        seen = {(entry.uri, entry.version) for entry in lake.entries()}
        new = [file for file in found.files if (file.uri, file.version) not in seen]
        summary = Summary(known=len(found.files) - len(new), skipped=dict(found.skipped))
        if new:
            summary.entries = _run(new, lake, s3, tuple(promote), workers or os.cpu_count() or 1, progress)
    for entry in summary.entries:
        summary.files += 1
        summary.records += entry.records
        summary.rows += entry.rows
        summary.duplicates += entry.duplicates
        summary.duplicate_differs += entry.duplicate_differs
        summary.quarantined += entry.quarantined
        summary.files_quarantined += entry.reason is not None
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
    numbered = dict(enumerate(files))
    with _pool(min(workers, len(files))) as submit:
        staged: dict[int, Staged] = {}
        tasks = [submit(stage, task, run, f"{number:05d}", promote, s3) for number, task in enumerate(_tasks(numbered))]
        for future in as_completed(tasks):
            staged |= {state.number: state for state in future.result()}
            progress(Progress(len(staged), len(files), sum(state.records for state in staged.values())))
        bad = frozenset(number for number, state in staged.items() if state.reason is not None)
        keys = {number: file.key for number, file in numbered.items()}
        days = sorted(path.name.removeprefix("eventdate=") for path in (run / "staged").glob("eventdate=*"))
        schema = lake_schema(columns(promote))
        merges: list[Future[Merged]] = [submit(merge, day, run, lake.partition(day), keys, bad, schema) for day in days]
        rows: Counter[int] = Counter()
        duplicates: Counter[int] = Counter()
        differs: Counter[int] = Counter()
        for merged in as_completed(merges):
            rows.update(merged.result().rows)
            duplicates.update(merged.result().duplicates)
            differs.update(merged.result().differs)
    entries = []
    for number, file in numbered.items():
        state = staged[number]
        entry = Entry(file.uri, file.key, file.version, reason=state.reason, problem=state.problem)
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


class _pool:  # noqa: N801 - reads as the function it stands for
    """Submit calls to worker processes, or run them here when one would do."""

    def __init__(self, workers: int) -> None:
        # Not forked: a fork would inherit the lake's lock and outlive a killed run with it.
        self._pool = (
            ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) if workers > 1 else None
        )

    def __enter__(self) -> Callable[..., Future]:  # type: ignore[type-arg]
        return self._pool.submit if self._pool else _here

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=kind is not None)


def _here(call: Callable[..., object], *args: object) -> Future[object]:
    future: Future[object] = Future()
    future.set_result(call(*args))
    return future


def _tasks(files: dict[int, LogFile]) -> Iterator[list[tuple[int, LogFile]]]:
    """Files in portions for one worker at a time, the largest files first."""
    task: list[tuple[int, LogFile]] = []
    size = 0
    for number, file in sorted(files.items(), key=lambda item: -item[1].size):
        task.append((number, file))
        size += file.size
        if size >= TASK_BYTES or len(task) >= TASK_FILES:
            yield task
            task, size = [], 0
    if task:
        yield task
