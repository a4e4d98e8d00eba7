"""Which rows stand in which file: slots planned from row counts, then one shuffle and one sort.

A slot is one task and, per day, one file. Days of many rows are cut where the lake's sort order is cut, at (account,
hour), so that a query for an account or an hour opens few files; small days share a slot.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from runtime.glue.parse import DATE

SLOT_ROWS = 524_288  # 20 to 100 MB: docs/benchmarks.md has 41 and 98 bytes a row, and a file up to twice the rows
ROW_GROUP_BYTES = 16 << 20
SORT = ("recipientaccountid", "eventtime", "eventid")


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that stay together: those of a day, or of an account's hour (`YYYY-MM-DDTHH`) in a large one."""

    day: str
    rows: int
    account: str = ""
    hour: str = ""


def plan(days: Sequence[Piece], pieces: Sequence[Piece], size: int = SLOT_ROWS) -> list[tuple[Piece, int]]:
    """A slot for each small day and for each piece of a large one, numbered from 0, in the lake's order.

    `pieces` are those of the days that `large` names. A slot holds little more than `size` rows, unless a piece does.
    """
    result: list[tuple[Piece, int]] = []
    slot, filled = 0, 0
    for piece in sorted((d for d in days if d.rows < 2 * size), key=lambda p: p.day):
        if filled and filled + piece.rows > size:
            slot, filled = slot + 1, 0
        result.append((piece, slot))
        filled += piece.rows
    for day in sorted(large(days, size)):
        own = sorted((p for p in pieces if p.day == day), key=lambda p: (p.account, p.hour))
        share = sum(p.rows for p in own) / (sum(p.rows for p in own) // size)
        slot, filled = slot + bool(result), 0
        first, before = slot, 0
        for piece in own:
            slot = max(slot, first + int(before / share))
            result.append((piece, slot))
            before += piece.rows
    return result


def large(days: Iterable[Piece], size: int = SLOT_ROWS) -> list[str]:
    """Days that are cut into several files."""
    return [day.day for day in days if day.rows >= 2 * size]


def hour(eventtime: Expression) -> Expression:
    """`YYYY-MM-DDTHH` of an eventtime, text or timestamp."""
    return F.translate(F.substring(eventtime.cast("string"), 1, 13), " ", "T")


def laid_out(spark: SparkSession, rows: DataFrame, slots: Sequence[tuple[Piece, int]]) -> DataFrame:
    """The rows, each in its slot's task, sorted."""
    count = max((slot for _, slot in slots), default=0) + 1
    cut = sorted({piece.day for piece, _ in slots if piece.hour})
    key = F.col(DATE)
    if cut:
        account = F.coalesce(F.col("recipientaccountid"), F.lit(""))
        key = F.when(key.isin(cut), F.concat_ws("/", key, account, hour(F.col("eventtime")))).otherwise(key)
    routes = _routes(spark, count)
    table = spark.createDataFrame(
        [(f"{p.day}/{p.account}/{p.hour}" if p.hour else p.day, routes[slot]) for p, slot in slots],
        "_key string, _route int",
    )
    routed = rows.withColumn("_key", key).join(F.broadcast(table), "_key", "left")
    order = (F.col(DATE), *(F.col(name).asc_nulls_last() for name in SORT))
    return routed.repartition(count, "_route").drop("_key", "_route").sortWithinPartitions(*order)


def _routes(spark: SparkSession, count: int) -> list[int]:
    """A number per slot that Spark's hash sends to a task of its own; hashed slot numbers would collide."""
    numbers = spark.range(64 * count + 64).select(F.col("id").cast("int").alias("id"))
    found = numbers.groupBy(F.pmod(F.hash("id"), F.lit(count)).alias("task")).agg(F.min("id").alias("id")).collect()
    by_task = {row["task"]: row["id"] for row in found}
    return [by_task[task] for task in range(count)]
