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
    row = lines.select(*LINE, once, F.from_json(wrapped, schema.json()).alias("_both"))
    row = row.withColumn("_row", F.map_values("_both")[0])
    columns = [F.col(f"_row.`{name}`").alias(name) for name in names]
    eventtime, identity = F.col("_row.eventtime"), F.col("_row.eventid")
    key = F.map_keys("_both")
    is_whole = (F.size(key) == 2) & (key[0] == _LINE) & (key[1] == _END) & F.col("_row").isNotNull()
    reason = (
        F.when(~F.coalesce(is_whole, F.lit(False)), "not one JSON object of text values")
        .when(~is_text(F.col("value")), "not UTF-8")  # the parser would put U+FFFD in its place
        .when(eventtime.isNull(), "no eventtime")
        .when(instant(eventtime).isNull(), "eventtime is no time")
        .when(identity.isNull(), "no eventid")
    )
    day = F.substring(eventtime, 1, 10).alias(DATE)
    named = row.select(*LINE, *columns, day, reason.alias(REASON), _ONCE)
    return named.withColumn(HASH, event_hash()).filter(F.col(_ONCE) >= 0).drop(_ONCE)


def keys(lines: DataFrame) -> DataFrame:
    """What identifies each line's event: `eventtime` as text, account, `eventdate` and `_hash`; cheap, by text search.

    A key's text `"eventid":"` stands in a flat line only where that key does: in a string its quotes would be escaped.
    What is not written that way is parsed. A line that is no row has some key too, or none: it meets no row's.
    """
    line = F.col("value")
    schema = StructType([StructField(name, StringType()) for name in KEYS])
    slow = F.from_json("value", schema)
    found = {name: F.substring_index(F.substring_index(line, f'"{name}":"', -1), '"', 1) for name in KEYS}
    searched = lines.select("value", *(text.alias(f"_{name}") for name, text in found.items()))
    nothing = "{"  # what the search gives where the key is not
    # Escapes and letters beyond ASCII have several spellings; the search would take them for different events.
    odd = ~line.startswith('{"') | (F.col("_eventid") == nothing) | (F.col("_eventtime") == nothing)
    for name in KEYS:
        text = F.col(f"_{name}")
        odd |= text.contains("\\") | (F.length(text) != F.octet_length(text))
    account = EVENT[0]
    without = F.col(f"_{account}") == nothing
    odd |= without & line.contains(f'"{account}"')
    values = {name: F.when(odd, slow[name]).otherwise(F.col(f"_{name}")) for name in KEYS}
    values[account] = F.when(odd, slow[account]).when(~without, F.col(f"_{account}"))
    named = searched.select(*(value.alias(name) for name, value in values.items()))
    return named.withColumn(DATE, F.substring("eventtime", 1, 10)).withColumn(HASH, event_hash())


def rows(lines: DataFrame, columns: Iterable[Column]) -> DataFrame:
    """The lines that are rows, their columns as the lake has them, with `eventdate`, `_hash`, `_file` and `_at`."""
    columns = tuple(columns)
    good = parsed(lines, (c.name for c in columns)).filter(F.col(REASON).isNull())
    typed = (instant(F.col(c.name)).alias(c.name) if c.type == "timestamp" else F.col(c.name) for c in columns)
    return good.select(*typed, DATE, HASH, "_file", "_at")


def is_text(line: Expression) -> Expression:
    """Whether the bytes of a line are UTF-8."""
    content = line.cast("binary")
    return F.encode(F.decode(content, "UTF-8"), "UTF-8") == content


def instant(text: Expression) -> Expression:
    """Timestamp without zone of `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`; null for any other text."""
    shaped = F.length(text).between(20, 27) & text.endswith("Z") & (F.substring(text, 11, 1) == "T")
    return F.when(shaped, text.cast("timestamp_ntz"))


def event_hash() -> Expression:
    """64 bits of an event's identity: equal for the same event, hardly ever for two."""
    account, identity = EVENT
    return F.xxhash64(F.col(DATE), F.coalesce(F.col(account), F.lit("")), F.col(identity))
