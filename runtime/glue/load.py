"""Flat lines into the lake: one run from its lines to its commit; `rebuild` replaces whole partitions.

Two passes over the lines: the first looks only for what identifies an event and gives row counts and suspects; the
second parses everything, and writes. A rebuilt day's partition is written anew from its flat files, by the row version
of now; a row that none of them has any more is carried over from the old partition: a rebuild never loses one. Nor does
it change one in silence: an old row whose place was taken by one with other content is set aside, and counted.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from pyspark import StorageLevel
from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from runtime.events.columns import Column
from runtime.glue import write
from runtime.glue.arguments import Days
from runtime.glue.commit import Change, Run
from runtime.glue.dedupe import DIFFERS, DUPLICATE, FATE, KEPT, content, lake_rows, resolved, suspects
from runtime.glue.layout import Piece, is_day, large, plan
from runtime.glue.metrics import Metrics
from runtime.glue.parse import DATE, EVENT, HASH, KEYS, REASON, keys, parsed, rows
from runtime.glue.storage import Storage

EVENTS = "parquettrails"
_IN, _ACCOUNT, _CONTENT = "_in", "_account", "_content"
_EVENT = (DATE, _ACCOUNT, EVENT[1])


@dataclass(slots=True)
class Load:
    """Stages and commits the lines' new rows; with `rebuild`, all rows of these days in place of what the lake has."""

    spark: SparkSession
    lake: Storage
    run: Run
    lines: DataFrame
    columns: Sequence[Column]
    metrics: Metrics
    rebuild: Days | None = None
    _names: list[str] = field(init=False)
    _cached: list[DataFrame] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._names = [column.name for column in self.columns]

    def go(self) -> None:
        """Do it; `metrics` says what was done. Raises Unbalanced, and commits nothing, if a row is unaccounted for."""
        began = time.monotonic()
        metrics = self.metrics
        try:
            found = keys(self.lines).withColumn(_IN, F.lit(True)) if self.rebuild is None else self._exact()
            found = self._cache(found.select(DATE, HASH, _IN, EVENT[0], F.substring("eventtime", 1, 13).alias("_hour")))
            days = self._count(found)
            old = None if self.rebuild is None else self._held(self._existing(None))
            new, carried = self._new(found, days, old)
            if days or carried is not None:
                starts = plan(days, self._pieces(found, large(days)))
                metrics.written = write.write_rows(self.spark, self.lake, self.run, new, starts)
                if old is not None:
                    self._set_aside_replaced(old)
            if metrics.missing:
                bad = parsed(self.lines, KEYS).filter(F.col(REASON).isNotNull())
                metrics.quarantined = write.write_lines(self.spark, self.lake, self.run, bad)
        finally:
            for frame in self._cached:
                frame.unpersist()
        metrics.check()
        self._commit(began)

    def _exact(self) -> DataFrame:
        """Keys by parsing: a rebuild counts the rows that it passes by, so it must know which lines are rows."""
        return parsed(self.lines, KEYS).withColumn(_IN, F.col(REASON).isNull())

    def _count(self, found: DataFrame) -> list[Piece]:
        """Rows of each day to be written; on a load, lines that are no rows are still among them."""
        metrics = self.metrics
        days: list[Piece] = []
        for row in found.groupBy(DATE, _IN).count().collect():
            metrics.read += row["count"]
            if not row[_IN] or not is_day(row[DATE] or ""):
                continue
            if self.rebuild is not None and row[DATE] not in self.rebuild:
                metrics.outside += row["count"]
            else:
                days.append(Piece(row[DATE], row["count"]))
        return days

    def _new(
        self, found: DataFrame, days: Sequence[Piece], old: DataFrame | None
    ) -> tuple[DataFrame, DataFrame | None]:
        """Rows to write, and those of them that are carried over; `old` are the rows that a rebuild replaces."""
        good = found.filter(F.col(_IN) & self._wanted())
        existing = [] if self.rebuild else self._existing({piece.day for piece in days})
        key_columns = [column for column in self.columns if column.name in EVENT]
        doubtful = suspects(good, lake_rows(self.spark, self.lake.uri(EVENTS), existing, key_columns))
        self._cached.append(doubtful)
        new = rows(self.lines, self.columns).filter(self._wanted())
        if doubtful.count():
            held = self._held(existing) if self.rebuild is None else old
            fates = resolved(self.lines, doubtful, held, self.columns, rebuild=self.rebuild is not None)
            self._cached.append(fates)
            self._settle(fates)
            new = new.join(doubtful, HASH, "left_anti").select(*self._names, DATE)
            new = new.unionByName(fates.filter((F.col(FATE) == KEPT) & self._wanted()).select(*self._names, DATE))
        carried = None if old is None else self._carried(old)
        new = new.select(*self._names, DATE)
        return (new if carried is None else new.unionByName(carried)), carried

    def _settle(self, fates: DataFrame) -> None:
        metrics = self.metrics
        wanted = fates.filter(self._wanted())
        counts = {row[FATE]: row["count"] for row in wanted.groupBy(FATE).count().collect()}
        metrics.duplicates = counts.get(DUPLICATE, 0)
        if counts.get(DIFFERS):
            differs = wanted.filter(F.col(FATE) == DIFFERS)
            metrics.duplicate_differs = self._write_aside(write.DIFFERS, differs, counts[DIFFERS])

    def _carried(self, old: DataFrame) -> DataFrame | None:
        """The old rows whose events the flat files do not have."""
        found = _events(rows(self.lines, [c for c in self.columns if c.name in KEYS]))
        carried = self._cache(_without(old, found, _EVENT).select(*self._names, DATE))
        self.metrics.carried = carried.count()
        return carried if self.metrics.carried else None

    def _set_aside_replaced(self, old: DataFrame) -> None:
        """Set aside the old rows whose events were written with other content: those that no written row equals."""
        written = self.spark.read.schema(old.schema).parquet(self.lake.uri(self.run.staged(write.ROWS)))
        said = content(self._names).alias(_CONTENT)
        replaced = self._cache(_without(old.select("*", said), _events(written, said), (*_EVENT, _CONTENT)))
        if count := replaced.count():
            self.metrics.replaced_differs = self._write_aside(write.REPLACED, replaced, count)

    def _write_aside(self, part: str, differs: DataFrame, count: int) -> int:
        return write.write_differing(self.spark, self.lake, self.run, part, differs, count, self._names)

    def _held(self, days: Sequence[str]) -> DataFrame | None:
        return lake_rows(self.spark, self.lake.uri(EVENTS), days, self.columns)

    def _wanted(self) -> Expression:
        if self.rebuild is None:
            return F.lit(True)
        return F.col(DATE).between(self.rebuild.first, self.rebuild.last)

    def _pieces(self, found: DataFrame, cut: Sequence[str]) -> list[Piece]:
        if not cut:
            return []
        good = found.filter(F.col(_IN) & F.col(DATE).isin(*cut))
        account = F.coalesce(F.col(EVENT[0]), F.lit("")).alias("account")
        counted = good.groupBy(DATE, account, "_hour").count().collect()
        return [Piece(row[DATE], row["count"], row["account"], row["_hour"]) for row in counted]

    def _existing(self, days: set[str] | None) -> list[str]:
        """Days that have a partition, of these or of those to be rebuilt."""
        names = [name.removeprefix(f"{DATE}=") for name in self.lake.folders(EVENTS) if name.startswith(f"{DATE}=")]
        if days is not None:
            return [day for day in names if day in days]
        return [day for day in names if self.rebuild is not None and day in self.rebuild]

    def _cache(self, frame: DataFrame) -> DataFrame:
        self._cached.append(frame.persist(StorageLevel.MEMORY_AND_DISK))
        return frame

    def _commit(self, began: float) -> None:
        metrics, run = self.metrics, self.run
        moves = run.moves(write.ROWS, write.PARQUET, EVENTS)
        old = {day: self._parquet(day) for day in self._existing(None)} if self.rebuild else {}
        changes: dict[str, Change] = {day: Change([], files) for day, files in old.items()}
        for source, target in moves:
            day = target.split("/")[1].removeprefix(f"{DATE}=")
            changes.setdefault(day, Change()).moves.append((source, target))
        sizes = {file.path: file.size for file in self.lake.files(run.staged(write.ROWS))}
        metrics.files, metrics.partitions = len(moves), len({target.rsplit("/", 1)[0] for _, target in moves})
        metrics.files_replaced = sum(map(len, old.values()))
        metrics.written_bytes = sum(sizes[source] for source, _ in moves)
        metrics.seconds = round(time.monotonic() - began, 3)
        aside = run.moves(write.LINES, write.TEXT, f"quarantine/{run.name}/lines")
        aside += run.moves(write.DIFFERS, write.TEXT, f"quarantine/{run.name}/differs")
        aside += run.moves(write.REPLACED, write.TEXT, f"quarantine/{run.name}/replaced")
        beside = [(source, target.removesuffix(write.TEXT) + ".jsonl") for source, target in aside]
        self.lake.put(run.staged("metrics.json"), metrics.record())
        beside.append((run.staged("metrics.json"), metrics.path))
        run.commit([*self._appearing(changes), Change(beside)])

    def _parquet(self, day: str) -> list[str]:
        return [f.path for f in self.lake.files(f"{EVENTS}/{DATE}={day}") if f.path.endswith(write.PARQUET)]

    def _appearing(self, changes: dict[str, Change]) -> list[Change]:
        """One change per day that replaces something, all others together: they appear at once."""
        plain = Change([move for change in changes.values() if not change.deletes for move in change.moves])
        return [plain, *(change for change in changes.values() if change.deletes)]


def _events(frame: DataFrame, *further: Expression) -> DataFrame:
    """The rows' events, each once, by the columns that make them the same, and with further ones."""
    account = F.coalesce(F.col(EVENT[0]), F.lit("")).alias(_ACCOUNT)
    return frame.select(DATE, account, EVENT[1], *further).distinct()


def _without(frame: DataFrame, others: DataFrame, names: Sequence[str]) -> DataFrame:
    """The rows that none of the others equals in these columns."""
    marked = frame.withColumn(_ACCOUNT, F.coalesce(F.col(EVENT[0]), F.lit("")))
    return marked.join(others, list(names), "left_anti")
