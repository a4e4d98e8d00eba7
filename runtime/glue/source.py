"""Which flat files a run reads: the `dt` folders that its arguments give, and the lines in them.

    SOURCE/dt=YYYY-MM-DD/<log file name>.gz         flat files; dt is the day in the log file's name

Older folders are looked into while a backfill fills them (backfills.py). S3 is listed folder by folder, so that years
of flat files that were read long ago cost no request.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from runtime.glue import backfills
from runtime.glue.arguments import Days
from runtime.glue.parse import LINE
from runtime.glue.storage import File, Storage

SUFFIX = ".gz"
_LOG_DAY = r"_(\d{4})(\d\d)(\d\d)T\d{4,6}Z"


def recent(source: Storage, days: int, today: date) -> list[str]:
    """Names of the `dt` folders of the last days and of the backfills under way; an expired mark is removed."""
    # A log file delivered just before midnight is flattened, and this day's job may run, on either side of it.
    wanted = [Days((today - timedelta(days - 1)).isoformat(), (today + timedelta(1)).isoformat())]
    wanted += backfills.current(source, today)
    return _existing(source, wanted)


def within(source: Storage, days: Days) -> list[str]:
    """Names of the `dt` folders of these days."""
    return _existing(source, [days])


def feeding(source: Storage, days: Days, lake: DataFrame | None) -> list[str]:
    """Names of the `dt` folders that hold rows of these days: their own, the next day's, and those of late files.

    `lake` has the `sourcefile` of the rows that the lake has of these days: it knows the late ones.
    """
    wanted = [Days(days.first, (date.fromisoformat(days.last) + timedelta(1)).isoformat())]
    if lake is not None:
        parts = (F.regexp_extract("sourcefile", _LOG_DAY, group) for group in (1, 2, 3))
        late = lake.select(F.concat_ws("-", *parts).alias("day")).distinct().collect()
        wanted += [Days(row["day"], row["day"]) for row in late]
    return _existing(source, wanted)


def flat_files(source: Storage, folders: Sequence[str]) -> list[File]:
    """The flat files in these folders."""
    return [file for name in folders for file in source.files(name) if file.path.endswith(SUFFIX)]


def lines(spark: SparkSession, source: Storage, folders: Sequence[str]) -> DataFrame:
    """All lines of these folders' flat files, as `parse` takes them; no folder, no lines."""
    if not folders:
        return spark.createDataFrame([], "value string, _file string, _at bigint")
    paths = [source.uri(name) for name in folders]
    text = spark.read.option("pathGlobFilter", f"*{SUFFIX}").option("lineSep", "\n").text(paths)
    return marked(text.withColumn("_file", F.input_file_name()))


def marked(text: DataFrame) -> DataFrame:
    """Lines (`value`, `_file`) that are not blank, each with its place, which rises within a file."""
    # A gzip file is not split, so that its lines stand in one task in their order.
    return text.filter(F.length(F.trim("value")) > 0).withColumn("_at", F.monotonically_increasing_id()).select(*LINE)


def _existing(source: Storage, wanted: Sequence[Days]) -> list[str]:
    return [
        name
        for name in source.folders("")
        if name.startswith("dt=") and any(name.removeprefix("dt=") in days for days in wanted)
    ]
