"""Joins the small Parquet files of a partition into few, without a moment in which rows are missing.

Each partition is a transaction of its own (`commit`): the joined files appear, then one delete call takes away those
they replace. Only between these two can a reader see rows twice. See docs/decisions/0020-compaction.md.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StringType

from runtime.events.columns import Column
from runtime.glue import write
from runtime.glue.commit import Change, Run
from runtime.glue.layout import Piece, is_day, large, plan
from runtime.glue.load import EVENTS
from runtime.glue.metrics import Metrics
from runtime.glue.parse import DATE, EVENT
from runtime.glue.storage import DELETE_KEYS, File, Storage

SMALL_BYTES = 64 << 20
"""Below this a file is small, unless its run wrote several for its day.

Such a day was large, and its files were cut by rows (layout.py), so that none is to be joined, whatever its bytes. By
bytes alone a day of short rows would be written anew each night, into the same files.
"""


def compact(spark: SparkSession, lake: Storage, columns: Sequence[Column], at_least: int) -> Iterator[Metrics]:
    """Join the small files of each partition that has `at_least` of them; what was done, partition by partition.

    Columns that files have beside the declared ones stay. Raises Unbalanced, and changes nothing, if a row is lost.
    """
    for folder in lake.folders(EVENTS):
        if not is_day(day := folder.removeprefix(f"{DATE}=")):
            continue
        files = [file for file in lake.files(f"{EVENTS}/{folder}") if file.path.endswith(write.PARQUET)]
        of_run = Counter(map(_run, files))
        small = [file for file in files if file.size < SMALL_BYTES and of_run[_run(file)] == 1]
        small = small[:DELETE_KEYS]  # so that one call deletes them all
        if len(small) >= max(at_least, 2):
            yield _join(spark, lake, columns, day, small)


def _run(file: File) -> str:
    """The run that wrote the file: files are named `<run>-<n>.parquet`."""
    return file.path.rsplit("-", 1)[0]


def _join(spark: SparkSession, lake: Storage, columns: Sequence[Column], day: str, small: Sequence[File]) -> Metrics:
    began = time.monotonic()
    run = Run(lake)
    old = _read(spark, lake, columns, small)
    metrics = Metrics(run.name, "compact", carried=old.count())
    days = [Piece(day, metrics.carried)]
    pieces = []
    if large(days):
        account = F.coalesce(F.col(EVENT[0]), F.lit("")).alias("account")
        hour = F.translate(F.substring(F.col("eventtime").cast("string"), 1, 13), " ", "T").alias("hour")
        counted = old.groupBy(account, hour).count().collect()
        pieces = [Piece(day, row["count"], row["account"], row["hour"]) for row in counted]
    metrics.written = write.write_rows(spark, lake, run, old, plan(days, pieces))
    metrics.check()
    moves = run.moves(write.ROWS, write.PARQUET, EVENTS)
    sizes = {file.path: file.size for file in lake.files(run.staged(write.ROWS))}
    metrics.files, metrics.files_replaced, metrics.partitions = len(moves), len(small), 1
    metrics.written_bytes = sum(sizes[source] for source, _ in moves)
    metrics.seconds = round(time.monotonic() - began, 3)
    lake.put(run.staged("metrics.json"), metrics.record())
    run.commit([Change(moves, [file.path for file in small]), Change([(run.staged("metrics.json"), metrics.path)])])
    return metrics


def _read(spark: SparkSession, lake: Storage, columns: Sequence[Column], files: Sequence[File]) -> DataFrame:
    """All rows of the files, the declared columns first, then those that only older files have."""
    paths = [lake.uri(file.path) for file in files]
    # The day comes from the folder: a literal would be optimised out of the sort, and the sort with it.
    found = spark.read.option("mergeSchema", "true").option("basePath", lake.uri(EVENTS)).parquet(*paths)
    there = set(found.columns)
    declared = [c.name for c in columns if c.name in there]
    missing = {c.name for c in columns} - there
    rest = [name for name in found.columns if name not in declared and name != DATE]
    known = (F.lit(None).cast(StringType()).alias(c.name) if c.name in missing else F.col(c.name) for c in columns)
    return found.select(*known, *(F.col(f"`{name}`") for name in rest), DATE)
