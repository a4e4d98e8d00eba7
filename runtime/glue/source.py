"""Which flat files a run reads: the `dt` folders that its arguments give, and the lines in them.

    SOURCE/dt=YYYY-MM-DD/<log file name>.gz         flat files; dt is the day in the log file's path
    LAKE/_state/looked.json                         the day of the last run that looked for what is new

A run looks where something may have been written since the run before it: into the folders of the days since, and into
those that the flattener has marked (runtime/events/late.py). S3 is listed folder by folder, so that years of flat files
that were read long ago cost no request.
"""

import json
from collections.abc import Sequence
from datetime import date, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from runtime.events import late
from runtime.glue.arguments import Days
from runtime.glue.parse import LINE
from runtime.glue.storage import File, Storage, noted

SUFFIX = ".gz"
LOOKED = "_state/looked.json"
# Where a log file's path says its day, by which the flattener chose the folder: the name, or else the folders.
_LOG_DAYS = (r"_(\d{4})(\d\d)(\d\d)T\d{4,6}Z", r"/(\d{4})/(\d\d)/(\d\d)/[^/]*$")


def recent(source: Storage, lake: Storage, days: int, today: date) -> list[str]:
    """Names of the `dt` folders in which there may be something new; a mark that is spent is removed.

    They are counted back from the last run that looked, however long ago: without one, all folders are looked into.
    """
    last = _looked(lake)
    if last is None:
        return within(source, Days(date.min.isoformat(), date.max.isoformat()))
    since = min(last, today)
    first = since - timedelta(max(days, late.LEAST) - 1)
    # A log file delivered just before midnight is flattened, and this day's job may run, on either side of it.
    wanted = [Days(first.isoformat(), (today + timedelta(1)).isoformat())]
    return _existing(source, [*wanted, *_marked(source, since)])


def looked(lake: Storage, today: date) -> None:
    """Remember that a run which began on this day has read what was new. Losing it costs a look into all folders."""
    lake.put(LOOKED, json.dumps({"day": today.isoformat()}).encode())


def within(source: Storage, days: Days) -> list[str]:
    """Names of the `dt` folders of these days."""
    return _existing(source, [days])


def feeding(source: Storage, days: Days, lake: DataFrame | None) -> list[str]:
    """Names of the `dt` folders that hold rows of these days: their own, the next day's, and those of late files.

    `lake` has the `sourcefile` of the rows that the lake has of these days: it knows the late ones.
    """
    wanted = [Days(days.first, (date.fromisoformat(days.last) + timedelta(1)).isoformat())]
    if lake is not None:
        said = [[F.regexp_extract("sourcefile", day, group) for group in (1, 2, 3)] for day in _LOG_DAYS]
        named = F.explode(F.array(*(F.concat_ws("-", *parts) for parts in said))).alias("day")
        wanted += [Days(row["day"], row["day"]) for row in lake.select(named).distinct().collect()]
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
    filled = text.filter(F.octet_length(F.trim("value")) > 0)  # `length` would count the characters of each line
    # A gzip file is not split, so that its lines stand in one task in their order.
    return filled.withColumn("_at", F.monotonically_increasing_id()).select(*LINE)


def _looked(lake: Storage) -> date | None:
    return noted(lake, LOOKED, lambda text: date.fromisoformat(json.loads(text)["day"]))


def _marked(source: Storage, since: date) -> list[Days]:
    """Days of the marked folders into which something may have been written since that day."""
    found = []
    for file in source.files(late.FOLDER):
        mark = late.read(file.path)
        if mark is None:
            continue
        day, until = mark
        if until >= since.isoformat():
            found.append(Days(day, day))
        else:
            source.delete([file.path])
    return found


def _existing(source: Storage, wanted: Sequence[Days]) -> list[str]:
    return [
        name
        for name in source.folders("")
        if name.startswith("dt=") and any(name.removeprefix("dt=") in days for days in wanted)
    ]
