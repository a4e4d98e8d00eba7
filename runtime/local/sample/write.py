"""Writes a sample: a walk through time that delivers ordinary days, the attack, and what came late or twice.

No clock and no chance but `random.Random(seed)`. Memory holds a window of events and those that wait.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from runtime.local.sample import background, story, world
from runtime.local.sample import hostile as bad
from runtime.local.sample.background import Stream
from runtime.local.sample.delivery import AGGREGATED, Cell, Delivery, next_day

_WINDOWS = (5, 15, 30, 60, 180, 360, 720)  # minutes of events in one log file; CloudTrail's own is 5
_FILE_RECORDS = 40  # records per log file to aim at, lest a small sample be a thousand tiny files
_MOST_DAYS = 3660  # ten years
_DELAY = timedelta(minutes=5)
_LATE_EVERY, _DUPLICATE_EVERY = 331, 509
_DAY_MINUTES = 1440
_MANAGEMENT = "CloudTrail"  # the folder of management and data events


class Refused(ValueError):
    """A sample that cannot be made as asked; its text says why."""


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """What was written, exactly.

    `records_written` = `events` + `duplicates` + `differs` + `unusable`, all in readable log files: aggregated events
    and the `bad_files` are not counted. `events` is as asked for, plus the hostile ones that become rows.
    """

    files: int  # log files, Insights, network activity and bad ones too; not digests and aggregated ones
    events: int  # different events that have a place in the lake
    records_written: int
    duplicates: int  # records delivered a second time with the same content
    late: int  # events delivered a day or more after they happened
    differs: int  # records with the id of another event and other content
    unusable: int  # records that no partition can hold
    hostile: dict[str, int]  # kind -> records or files of it; empty if none were asked for
    bad_files: int  # truncated, empty, or not CloudTrail
    digests: int
    aggregated: int  # files of aggregated events
    insights: int  # Insights events
    network_activity: int  # network activity events
    attack: int  # events of the attack and its aftermath
    bytes: int  # of all files, as written
    first_day: date
    last_day: date  # of events; late ones are delivered up to two days after
    accounts: tuple[world.Account, ...]


def write_sample(
    folder: Path,
    *,
    events: int,
    seed: int = 7,
    accounts: int = 3,
    days: int = 14,
    end: date = date(2026, 11, 1),
    hostile: bool = False,
    progress: Callable[[int], None] | None = None,
) -> SampleSummary:
    """Write `folder`/AWSLogs: `events` different events of the `days` days before `end`.

    `progress` is told the number of records written so far. Raises Refused for arguments that make no sample,
    FileExistsError where the folder already has an AWSLogs.
    """
    if events < 1 or days < 1:
        raise Refused(f"a sample needs at least one event and one day, not {events} events in {days} days")
    if days > _MOST_DAYS:
        raise Refused(f"--days {days}: choose 1 to {_MOST_DAYS}")
    if not 1 <= accounts <= world.MOST_ACCOUNTS:
        raise Refused(f"--accounts {accounts}: choose 1 to {world.MOST_ACCOUNTS}")
    if (folder / "AWSLogs").exists():
        raise FileExistsError(f"{folder / 'AWSLogs'} exists; name another folder or remove it")
    return _Sample(folder, events, seed, world.accounts(accounts), days, end, hostile, progress).write()


class _Sample:
    """One call of `write_sample`."""

    def __init__(
        self,
        folder: Path,
        events: int,
        seed: int,
        accounts: tuple[world.Account, ...],
        days: int,
        end: date,
        hostile: bool,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - made-up data, not secrets
        self._accounts, self._days, self._events = accounts, days, events
        self._first = end - timedelta(days=days)
        self._start = datetime.combine(self._first, time())
        self._hostile = hostile
        self._progress = progress
        cells = dict.fromkeys((account.id, region) for account in accounts for region in account.regions)
        for account in (accounts[0], accounts[1 % len(accounts)]):  # the attack goes to Regions of its own
            cells |= dict.fromkeys((account.id, region) for region in (*accounts[0].regions, story.NEW_REGION))
        self._delivery = Delivery(folder, self._rng, cells)
        self._minutes = _window_minutes(events, len(cells), days)
        self._slot = min(self._minutes, 60)
        # What the next file window brings, and what waits for later ones: (account, Region, folder) -> records.
        self._pending: defaultdict[tuple[Cell, str], list[tuple[str, bytes]]] = defaultdict(list)
        self._waiting: defaultdict[int, list[tuple[Cell, str, str, bytes]]] = defaultdict(list)
        self._window = 0
        self._background = 0
        self._digest_end = next_day(self._start)
        self._bad_files: tuple[Cell, datetime, tuple[bytes, ...]] | None = None
        self._counts: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()

    def write(self) -> SampleSummary:
        ordinary = self._place()
        streams = background.streams(self._accounts)
        if self._hostile:
            self._place_hostile(streams[0])
        per_window = self._minutes // self._slot
        plan = background.schedule(self._rng, streams, ordinary, self._first, self._days, self._slot)
        for slot, stream, number in plan:
            while self._window < slot // per_window:
                self._close()
            self._generate(slot, stream, number)
        while self._window < self._days * _DAY_MINUTES // self._minutes or self._waiting or self._pending:
            self._close()
        self._digests_until(self._digest_end)
        delivery, counts = self._delivery, self._counts
        return SampleSummary(
            files=delivery.files - delivery.by_folder[AGGREGATED],
            events=self._events + counts["hostile"],
            records_written=counts["records"],
            duplicates=counts["duplicates"],
            late=counts["late"],
            differs=counts["differs"],
            unusable=counts["unusable"],
            hostile=dict(self._kinds),
            bad_files=len(bad.FILES) if self._hostile else 0,
            digests=delivery.digests,
            aggregated=delivery.by_folder[AGGREGATED],
            insights=counts["insights"],
            network_activity=counts["network"],
            attack=counts["attack"],
            bytes=delivery.bytes,
            first_day=self._first,
            last_day=self._first + timedelta(days=self._days - 1),
            accounts=self._accounts,
        )

    def _place(self) -> int:
        """Put the attack, Insights and network activity in their windows; how many events are left for others."""
        rng, accounts, start, days = self._rng, self._accounts, self._start, self._days
        wanted = 20 * (len(accounts) + 2)
        insights = story.insights(rng, accounts, start, days) if self._events >= wanted else []
        network = story.network_activity(rng, accounts, start, days, self._events // 500)
        left = self._events - len(insights) - len(network)
        attack = story.tell(rng, accounts, start, days, self._events)
        attack = attack[: (left + 1) // 2]  # a sample too small for the story tells its beginning
        for placed in (*insights, *network, *attack):
            self._wait(placed.time, (placed.account, placed.region), placed.record.encode(), placed.folder)
        self._counts.update(insights=len(insights), network=len(network), attack=len(attack))
        return left - len(attack)

    def _wait(self, moment: datetime, cell: Cell, record: bytes, folder: str = _MANAGEMENT) -> None:
        window = int((moment - self._start).total_seconds()) // (self._minutes * 60)
        self._waiting[window].append((cell, folder, moment.strftime(story.ISO), record))

    def _place_hostile(self, stream: Stream) -> None:
        noon = self._start + timedelta(days=self._days // 2, hours=12)

        def base() -> tuple[Cell, str]:
            day = noon.date().isoformat()
            region, _, record = next(stream.events(self._rng, 1, day, 12 * 3600, 60))
            return (stream.account.id, region), record

        for kind in bad.KINDS:
            for _ in range(kind.copies):
                cell, record = base()
                self._wait(noon, cell, bad.record(kind.name, record))
            self._kinds[kind.name] = kind.copies
            self._counts["unusable" if kind.unusable else "hostile"] += kind.copies
        cell, record = base()
        self._wait(noon, cell, record.encode())
        self._wait(noon, cell, bad.record(bad.DIFFERS, record))
        self._counts.update(hostile=1, differs=1)
        self._kinds[bad.DIFFERS] = 1
        cell, record = base()
        whole = b'{"Records":[' + record.encode() + b"]}"
        self._bad_files = cell, noon, (whole, b'{"Records":[]}', b'{"hello":"world"}')
        self._kinds.update(bad.FILES)

    def _generate(self, slot: int, stream: Stream, number: int) -> None:
        """Ordinary events of one slot; every so many of them come late, or twice."""
        day, at = divmod(slot * self._slot, _DAY_MINUTES)
        name = (self._first + timedelta(days=day)).isoformat()
        for region, moment, text in stream.events(self._rng, number, name, at * 60, self._slot * 60):
            cell, record = (stream.account.id, region), text.encode()
            self._background += 1
            if self._background % _LATE_EVERY == 0:
                delay = (1 + self._background // _LATE_EVERY % 2) * _DAY_MINUTES // self._minutes
                record = record[:-1] + b',"addendum":{"reason":"DELIVERY_DELAY"}}'
                self._waiting[self._window + delay].append((cell, _MANAGEMENT, moment, record))
                self._counts["late"] += 1
                continue
            self._pending[cell, _MANAGEMENT].append((moment, record))
            if self._background % _DUPLICATE_EVERY == 0:
                self._waiting[self._window + 1].append((cell, _MANAGEMENT, moment, record))
                self._counts["duplicates"] += 1

    def _close(self) -> None:
        """Deliver the window that has ended: a file per account, Region and folder."""
        for cell, folder, moment, record in self._waiting.pop(self._window, ()):
            self._pending[cell, folder].append((moment, record))
        self._window += 1
        end = self._start + timedelta(minutes=self._window * self._minutes)
        delivered = end + _DELAY
        self._digests_until(delivered)
        for (cell, folder), records in sorted(self._pending.items()):
            self._delivery.deliver(cell, delivered, records, folder)
            self._counts["records"] += len(records)
        self._pending.clear()
        if self._window == 1:
            account = self._accounts[0]
            content = '{"Records":[' + story.aggregated(self._rng, account, end - timedelta(minutes=5)) + "]}"
            cell = (account.id, account.home)
            self._delivery.deliver_bytes(cell, delivered, content.encode(), None, folder=AGGREGATED)
        if self._bad_files and end - timedelta(minutes=self._minutes) <= self._bad_files[1] < end:
            cell, _, contents = self._bad_files
            for kind, content_bytes in zip(bad.FILES, contents, strict=True):
                cut = 20 if kind == "truncated-gzip" else None
                self._delivery.deliver_bytes(cell, delivered, content_bytes, None, cut=cut)
        if self._progress:
            self._progress(self._counts["records"])

    def _digests_until(self, moment: datetime) -> None:
        while self._digest_end <= moment:
            self._delivery.digest(self._digest_end - timedelta(days=1), self._digest_end)
            self._digest_end += timedelta(days=1)


def _window_minutes(events: int, cells: int, days: int) -> int:
    for minutes in _WINDOWS:
        if events * minutes >= _FILE_RECORDS * cells * days * _DAY_MINUTES:
            return minutes
    return _WINDOWS[-1]
