"""Which rows are new: the same event is written once, by the rules of the local engine (runtime/local/merge.py).

The same event is the same (eventdate, coalesce(recipientaccountid, ''), eventid). What the lake holds stays; of the
batch's copies the first in (log file, flat file, place) is kept. Another copy is a duplicate if its content is equal to
a kept one, and set aside as duplicate-differs if not; `columns.CONTENT` says what content is. A rebuild writes the
lake's rows anew: of the copies it keeps the first that says what the lake says, or else the first.

A log file that was changed has a flat file for each content, and the later the content, the longer the name
(runtime/lambda/store.py). So flat files come by the length of their paths, and then by name: by name alone
`x.0f3a9c21.json.gz`, the later, would come before `x.json.gz`.

Most events come once. So a first pass finds, by hashes of key columns alone, the suspects: events that the batch has
twice or that a touched partition may hold. Only these few are compared in full. A hash that two events share costs a
comparison, never a row.
"""

from collections.abc import Sequence

from pyspark import StorageLevel
from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StringType, StructField, StructType, TimestampNTZType

from runtime.events.columns import CONTENT, Column
from runtime.glue.parse import DATE, EVENT, HASH, KEYS, event_hash, parsed, rows

FATE = "_fate"
KEPT, DUPLICATE, DIFFERS = "kept", "duplicate", "differs"


def lake_rows(spark: SparkSession, events: str, days: Sequence[str], columns: Sequence[Column]) -> DataFrame | None:
    """The named columns of these partitions' rows, with `eventdate`; None if there are no such partitions.

    A column that a file does not have is null. Only these partitions' folders are listed.
    """
    if not days:
        return None
    fields = [StructField(c.name, TimestampNTZType() if c.type == "timestamp" else StringType()) for c in columns]
    schema = StructType([*fields, StructField(DATE, StringType())])
    paths = [f"{events}/{DATE}={day}" for day in days]
    return spark.read.schema(schema).option("basePath", events).parquet(*paths)


def suspects(keys: DataFrame, lake: DataFrame | None) -> DataFrame:
    """Hashes of the events that `keys` (with `_hash`) has twice, or that `lake` may hold; cached."""
    found = keys.groupBy(HASH).count().filter("count > 1").select(HASH)
    if lake is not None:
        held = lake.select(event_hash().alias(HASH))
        found = found.union(keys.select(HASH).join(held, HASH, "left_semi"))
    return found.distinct().persist(StorageLevel.MEMORY_AND_DISK)


def content(names: Sequence[str]) -> Expression:
    """Digest of what a row with these columns says; a column that is not there counts as null."""
    return F.sha2(F.to_json(F.struct(*(name for name in names if name in CONTENT))), 256)


def resolved(
    lines: DataFrame, doubtful: DataFrame, lake: DataFrame | None, columns: Sequence[Column], *, rebuild: bool
) -> DataFrame:
    """The batch's rows whose event is among the `doubtful` hashes, each with its `_fate`; cached."""
    names = [column.name for column in columns]
    few = parsed(lines, KEYS).join(doubtful, HASH, "left_semi")
    batch = rows(few.select("value", "_file", "_at"), columns).withColumn("_held", F.lit(False))
    both = batch.drop(HASH)
    if lake is not None:
        held = lake.withColumn(HASH, event_hash()).join(doubtful, HASH, "left_semi").drop(HASH)
        held = held.withColumns({"_file": F.lit(""), "_at": F.lit(0).cast("bigint"), "_held": F.lit(True)})
        both = both.unionByName(held)
    event = Window.partitionBy(DATE, F.coalesce(F.col(EVENT[0]), F.lit("")), EVENT[1])
    is_held = F.col("_held")
    both = both.withColumn("_content", content(names))
    in_lake = F.collect_set(F.when(is_held, F.col("_content"))).over(event)
    both = both.withColumn("_agrees", F.array_contains(in_lake, F.col("_content")))
    place = (F.col("_agrees").desc(), "sourcefile", F.length("_file"), "_file", "_at")
    first = F.row_number().over(event.orderBy(is_held.asc() if rebuild else is_held.desc(), *place)) == 1
    # What is kept of an event: what the lake holds of it, if that is not to be replaced, or else the first copy.
    marked = both.withColumn("_kept", first & ~is_held if rebuild else first | is_held)
    said = F.collect_set(F.when(F.col("_kept"), F.col("_content"))).over(event)
    equal = F.array_contains(said, F.col("_content"))
    fate = F.when(F.col("_kept"), KEPT).when(equal, DUPLICATE).otherwise(DIFFERS)
    fates = marked.select(*names, DATE, "_held", fate.alias(FATE)).filter(~F.col("_held"))
    return fates.select(*names, DATE, FATE).persist(StorageLevel.MEMORY_AND_DISK)
