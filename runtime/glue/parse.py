"""Flat lines to columns: one JSON parse, everything a string, eventtime cast once, and why a line is no row.

Input is a DataFrame of lines: `value` (the line), `_file` (where it stood), `_at` (its place; rises within a file).
"""

from collections.abc import Iterable
from secrets import token_hex

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's own pages have it
from pyspark.sql.types import MapType, StringType, StructField, StructType

from runtime.events.columns import PARTITION, Column

DATE = PARTITION.name
LINE = ("value", "_file", "_at")
EVENT = ("recipientaccountid", "eventid")  # with the day, what makes two copies one event
KEYS = ("eventtime", *EVENT)
REASON = "_reason"
HASH = "_hash"
_ONCE = "_once"
_TIME = r"^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z\z"
# Spark's parser stops after the first value of a line and says nothing of the rest. So each line is parsed as the first
# of two values of a map: whatever follows its object then breaks the map, or makes it longer, or hides the second. No
# line can know the keys.
_LINE, _END = (f"_{token_hex(8)}{n}" for n in "12")


def parsed(lines: DataFrame, names: Iterable[str]) -> DataFrame:
    """The lines with the named columns as text, `eventdate`, `_hash` (of the event) and `_reason`, null for a row.

    Only the named columns are materialised; `eventtime`, account and event id must be among them.
    """
    names = tuple(names)
    schema = MapType(StringType(), StructType([StructField(name, StringType()) for name in names]))
    wrapped = F.concat(F.lit(f'{{"{_LINE}":'), F.col("value"), F.lit(f',"{_END}":null}}'))
    # A number that cannot be computed twice keeps a filter on it above the parse, which would be done again below.
    once = F.monotonically_increasing_id().alias(_ONCE)
    both = F.from_json(wrapped, schema.json())
    key = F.map_keys(both)
    is_whole = F.coalesce((F.size(key) == 2) & (key[0] == _LINE) & (key[1] == _END), F.lit(False))
    row = lines.select(
        *LINE,
        once,
        F.map_values(both)[0].alias("_row"),
        is_whole.alias("_is_whole"),
        is_text(F.col("value")).alias("_is_text"),
    )
    columns = [F.col(f"_row.`{name}`").alias(name) for name in names]
    eventtime, identity = F.col("_row.eventtime"), F.col("_row.eventid")
    reason = (
        F.when(~F.col("_is_whole") | F.col("_row").isNull(), "not one JSON object of text values")
        .when(~F.col("_is_text"), "not UTF-8")  # the parser would put U+FFFD in its place
        .when(eventtime.isNull(), "no eventtime")
        .when(instant(eventtime).isNull(), "eventtime is no time")
        .when(identity.isNull(), "no eventid")
    )
    day = F.substring(eventtime, 1, 10).alias(DATE)
    named = row.select(*LINE, *columns, day, reason.alias(REASON), _ONCE)
    return named.withColumn(HASH, event_hash()).filter(F.col(_ONCE) >= 0).drop(_ONCE)


def keys(lines: DataFrame) -> DataFrame:
    """What identifies each line's event: `eventtime` as text, account, `eventdate` and `_hash`; cheaper than `parsed`.

    A line that is no row has some key too, or none: it meets no row's.
    """
    schema = StructType([StructField(name, StringType()) for name in KEYS])
    found = lines.select(F.from_json("value", schema).alias("_keys")).select("_keys.*")
    return found.withColumn(DATE, F.substring("eventtime", 1, 10)).withColumn(HASH, event_hash())


def rows(lines: DataFrame, columns: Iterable[Column]) -> DataFrame:
    """The lines that are rows, their columns as the lake has them, with `eventdate`, `_hash`, `_file` and `_at`."""
    columns = tuple(columns)
    good = parsed(lines, (c.name for c in columns)).filter(F.col(REASON).isNull())
    typed = (instant(F.col(c.name)).alias(c.name) if c.type == "timestamp" else F.col(c.name) for c in columns)
    return good.select(*typed, DATE, HASH, "_file", "_at")


def is_text(line: Expression) -> Expression:
    """Whether the bytes of a line are UTF-8: what is not comes back as U+FFFD."""
    return F.encode(line, "UTF-8") == line.cast("binary")


def instant(text: Expression) -> Expression:
    """Timestamp without zone of `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`; null for any other text."""
    # Cast without its Z: to read a zone, Spark compiles two patterns anew for each row.
    without_zone = text.substr(F.lit(1), F.length(text) - 1)
    return F.when(text.rlike(_TIME), without_zone.cast("timestamp_ntz"))


def event_hash() -> Expression:
    """64 bits of an event's identity: equal for the same event, hardly ever for two."""
    account, identity = EVENT
    return F.xxhash64(F.col(DATE), F.coalesce(F.col(account), F.lit("")), F.col(identity))
