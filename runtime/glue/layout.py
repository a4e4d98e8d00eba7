"""Which rows stand in which file: slots planned from row counts, then one shuffle and one sort.

A slot is one task and, per day, one file. Days of many rows are cut where the lake's sort order is cut, at (account,
hour), so that a query for an account or an hour opens few files; small days share a slot.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from runtime.glue.parse import DATE

SLOT_ROWS = 524_288  # 20 to 100 MB: docs/benchmarks.md has 41 and 98 bytes a row, and a file up to twice the rows
MOST_SLOTS = 400  # Spark plans so many in seconds, ten times as many in minutes; above it they are larger
ROW_GROUP_BYTES = 16 << 20
SORT = ("recipientaccountid", "eventtime", "eventid")


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that stay together: those of a day, or of an account's hour (`YYYY-MM-DDTHH`) in a large one."""

    day: str
    rows: int
    account: str = ""
    hour: str = ""


def plan(days: Sequence[Piece], pieces: Sequence[Piece], size: int = SLOT_ROWS) -> list[Piece]:
    """The first piece of each slot, in the lake's order; a slot ends where the next one begins.

    `pieces` are those of the days that `large` names. A slot holds little more than `size` rows, unless a piece does or
    there would be too many slots.
    """
    size = _size(days, size)
    starts: list[Piece] = []
    filled = 0
    of_day: dict[str, list[Piece]] = {}
    for piece in sorted(pieces, key=lambda p: (p.account, p.hour)):
        of_day.setdefault(piece.day, []).append(piece)
    for day in sorted(days, key=lambda d: d.day):
        if day.day in of_day:
            starts += _cut(of_day[day.day], size)
            filled = size  # the next day begins a slot
        elif not starts or filled + day.rows > size:
            starts.append(day)
            filled = day.rows
        else:
            filled += day.rows
    return starts


def _size(days: Iterable[Piece], least: int) -> int:
    return max(least, sum(day.rows for day in days) // MOST_SLOTS)


def _cut(pieces: Sequence[Piece], size: int) -> Iterator[Piece]:
    """The pieces of one day that begin a slot, so that each slot has its share."""
    total = sum(piece.rows for piece in pieces)
    share = total / (total // size)
    slots, before = 0, 0
    for piece in pieces:
        if before >= slots * share:
            yield piece
            slots = int(before / share) + 1
        before += piece.rows


def is_day(text: str) -> bool:
    """Whether a text is a day, `YYYY-MM-DD`."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def large(days: Sequence[Piece], size: int = SLOT_ROWS) -> list[str]:
    """Days that are cut into several files."""
    size = _size(days, size)
    return [day.day for day in days if day.rows >= 2 * size]


def laid_out(spark: SparkSession, rows: DataFrame, starts: Sequence[Piece]) -> DataFrame:
    """The rows, each in its slot's task, sorted, its day as a date; `starts` are the slots' first pieces."""
    count = max(len(starts), 1)
    routes = _routes(spark, count)

    def among(first: int, end: int) -> Expression:
        """The route of a row that stands in one of these slots."""
        if end - first < 2:
            return F.lit(routes[first])
        middle = (first + end) // 2
        return F.when(_is_before(starts[middle]), among(first, middle)).otherwise(among(middle, end))

    # A date is compared sooner than text; and Spark copies each row to see to it that a folder's text is not empty.
    day = F.col(DATE).cast("date")
    order = (F.col(DATE), *(F.col(name).asc_nulls_last() for name in SORT))
    # By an expression: a column of its own would have to be taken out of each row again, by one more copy.
    return rows.withColumn(DATE, day).repartition(count, among(0, count)).sortWithinPartitions(*order)


def _is_before(start: Piece) -> Expression:
    """Whether a row stands before a slot in the lake's order."""
    day = F.lit(date.fromisoformat(start.day))
    is_earlier = F.col(DATE) < day
    if not start.hour:
        return is_earlier
    account, time = F.coalesce(F.col(SORT[0]), F.lit("")), F.lit(f"{start.hour}:00:00").cast("timestamp_ntz")
    in_account = (account < start.account) | ((account == start.account) & (F.col(SORT[1]) < time))
    return is_earlier | ((F.col(DATE) == day) & in_account)


def _routes(spark: SparkSession, count: int) -> list[int]:
    """A number per slot that Spark's hash sends to a task of its own; hashed slot numbers would collide."""
    numbers = spark.range(64 * count + 64).select(F.col("id").cast("int").alias("id"))
    found = numbers.groupBy(F.pmod(F.hash("id"), F.lit(count)).alias("task")).agg(F.min("id").alias("id")).collect()
    by_task = {row["task"]: row["id"] for row in found}
    return [by_task[task] for task in range(count)]
