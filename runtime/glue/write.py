"""Writes rows and quarantine lines into a run's staging folder, and counts what really stands there."""

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StringType, StructField, StructType

from runtime.events import quarantine
from runtime.glue.commit import Run
from runtime.glue.layout import ROW_GROUP_BYTES, SLOT_ROWS, Piece, laid_out
from runtime.glue.parse import DATE, REASON, is_text
from runtime.glue.storage import Storage

ROWS, LINES, DIFFERS, REPLACED = "rows", "lines", "differs", "replaced"
PARQUET, TEXT = ".parquet", ".txt"
FILE_LINES = 100_000
_REASONS = {
    DIFFERS: quarantine.DIFFERS,
    REPLACED: "the lake had this row before a rebuild, which put one with other content in its place",
}


def write_rows(spark: SparkSession, lake: Storage, run: Run, rows: DataFrame, starts: Sequence[Piece]) -> int:
    """Stage the rows as the lake's Parquet files; their number, from the files' footers."""
    path = lake.uri(run.staged(ROWS))
    (
        laid_out(spark, rows, starts)
        .write.partitionBy(DATE)
        .option("parquet.block.size", ROW_GROUP_BYTES)
        .option("maxRecordsPerFile", 2 * SLOT_ROWS)  # an account's hour that is larger than any file should be
        .parquet(path)
    )
    return spark.read.schema(StructType([StructField(DATE, StringType())])).parquet(path).count()


def write_lines(spark: SparkSession, lake: Storage, run: Run, bad: DataFrame) -> int:
    """Stage lines that are no rows, with file, reason and the line itself; their number."""
    text = F.col("value")
    said = F.struct(
        F.lit("line").alias("kind"),
        F.col(REASON).alias("reason"),
        F.col("_file").alias("source"),
        F.when(is_text(text), text).alias("line"),
        F.when(~is_text(text), F.base64(text.cast("binary"))).alias("line_base64"),
    )
    return _write_text(spark, lake, run, LINES, bad.select(F.to_json(said).alias("value")))


def write_differing(
    spark: SparkSession, lake: Storage, run: Run, part: str, differs: DataFrame, count: int, names: Sequence[str]
) -> int:
    """Stage so many copies of known events that say something else, as DIFFERS or REPLACED; their number."""
    said = F.struct(
        F.lit("duplicate-differs").alias("kind"),
        F.lit(_REASONS[part]).alias("reason"),
        F.col("sourcefile").alias("key"),
        F.struct(DATE, *(F.col(name).cast("string").alias(name) for name in names)).alias("row"),
    )
    return _write_text(spark, lake, run, part, differs.select(F.to_json(said).alias("value")), 1 + count // FILE_LINES)


def _write_text(spark: SparkSession, lake: Storage, run: Run, part: str, lines: DataFrame, files: int = 1) -> int:
    path = lake.uri(run.staged(part))
    lines.coalesce(files).write.text(path)
    return spark.read.text(path).count()
