"""Lines to columns: which text is a time, and which bytes are text."""

from datetime import datetime

import pytest

pytest.importorskip("pyspark")

from runtime.glue.parse import instant, is_text

TIMES = {
    "2024-05-06T07:08:09Z": datetime(2024, 5, 6, 7, 8, 9),
    "2024-05-06T07:08:09.1Z": datetime(2024, 5, 6, 7, 8, 9, 100_000),
    "2024-05-06T07:08:09.123456Z": datetime(2024, 5, 6, 7, 8, 9, 123_456),
    "0001-01-01T00:00:00Z": datetime(1, 1, 1),
    "9999-12-31T23:59:59.999999Z": datetime(9999, 12, 31, 23, 59, 59, 999_999),
}
NO_TIMES = [
    "",
    "Z",
    "2024-05-06",
    "2024-05-06T07:08Z",
    "2024-05-06T07:08:09",
    "2024-05-06 07:08:09Z",
    "2024-05-06T07:08:09z",
    "2024-05-06T07:08:09ZZ",
    "2024-05-06T07:08:09Z\n",
    " 2024-05-06T07:08:09Z",
    "2024-05-06T07:08:09.Z",
    "2024-05-06T07:08:09.1234567Z",
    "2024-05-06T07:08:09+01:00",
    "2024-05-06T07:08+01Z",
    "2024-05-06T07:08:09.1+01Z",
    "2024-05-06T7:08:09Z",
    "2024-5-6T07:08:09Z",
    "2024-02-30T07:08:09Z",
    "2024-13-06T07:08:09Z",
    "2024-05-06T24:00:00Z",
    "2024-05-06T07:60:00Z",
    "2024-05-06T07:08:60Z",
    "0000-01-01T00:00:00Z",  # no year of Python's, and none of CloudTrail's
    "12024-05-06T07:08:09Z",
    "-024-05-06T07:08:09Z",
    "\u0662024-05-06T07:08:09Z",
]


def test_what_is_a_time(spark):
    """`YYYY-MM-DDTHH:MM:SS[.ffffff]Z` of a moment that there is, and no other text."""
    from pyspark.sql import functions as F  # noqa: N812

    texts = [*TIMES, *NO_TIMES]
    frame = spark.createDataFrame([(text,) for text in texts], "text string")
    found = {row[0]: row[1] for row in frame.select("text", instant(F.col("text"))).collect()}
    assert found == TIMES | dict.fromkeys(NO_TIMES)


def test_what_is_text(spark):
    """Bytes are text if they are UTF-8; U+FFFD itself is."""
    from pyspark.sql import functions as F  # noqa: N812

    given = {
        b"": True,
        b"plain": True,
        "caf\u00e9 \u20ac \U0001f600 \ufffd".encode(): True,
        b"caf\xe9": False,
        b"\xc0\xaf": False,  # too long a form
        b"\xed\xa0\x80": False,  # half of a surrogate pair
        b"cut \xe2\x82": False,
    }
    frame = spark.createDataFrame([(bytearray(line),) for line in given], "line binary")
    found = [row[0] for row in frame.select(is_text(F.col("line").cast("string"))).collect()]
    assert found == list(given.values())
