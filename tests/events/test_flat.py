"""The flat file's line holds the row, all of it and nothing else."""

import json

import pytest

from runtime.events.columns import COLUMNS, columns
from runtime.events.flat import FlatWriter, row_version
from runtime.events.row import RowMaker
from tests.local.logs import encode, event

MAKER = RowMaker()
LINE = FlatWriter().line


def test_a_line_is_the_row_in_its_order():
    """Names in the columns' order, promoted ones last; values as strings; null left out; one newline, at the end."""
    record = event(
        "e1",
        readOnly=True,
        requestParameters={"key": 'a"b\n\u2028é', "bucketName": "b", "size": 1.10, "policyName": ["x"]},
        responseElements=None,
    )
    assert (
        LINE(MAKER.row(encode(record), "AWSLogs/x"))
        == (
            '{"eventtime":"2024-05-06T07:08:09Z","eventversion":"1.08","eventname":"GetObject","eventid":"e1",'
            '"readonly":"true","recipientaccountid":"111122223333",'
            r'"requestparameters":"{\"key\":\"a\\\"b\\n\\u2028\\u00e9\",\"bucketName\":\"b\",\"size\":1.1,'
            r'\"policyName\":[\"x\"]}",'
            '"sourcefile":"AWSLogs/x","requestparameters_bucketname":"b",'
            '"requestparameters_key":"a\\"b\\n\u2028é","requestparameters_policyname":"[\\"x\\"]"}\n'
        ).encode()
    )


def test_a_row_without_promoted_values_is_whole():
    """The line of a row with nothing promoted ends as any other."""
    assert LINE(MAKER.row(encode({"eventTime": "2024-05-06T07:08:09.5Z", "eventID": "e"}), "f")) == (
        b'{"eventtime":"2024-05-06T07:08:09.500000Z","eventid":"e",'
        rb'"extra":"{\"eventTime\":\"2024-05-06T07:08:09.5Z\"}","sourcefile":"f"}' + b"\n"
    )


def test_every_real_record_comes_back(real_records):
    """A line parsed is the row: column by column, null where the key is missing, eventdate from eventtime."""
    names = [column.name for column in COLUMNS]
    for record in real_records:
        row = MAKER.row(record, "AWSLogs/é")
        line = LINE(row)
        assert line.count(b"\n") == 1
        values = json.loads(line)
        assert list(values) == [name for name in names if name in values]
        assert tuple(values.get(name) for name in names) == MAKER.full(row)
        assert values["eventtime"][:10] == row.eventdate


@pytest.mark.parametrize(
    "promote", [(), ("requestParameters.bucketName",), ("requestParameters.bucketname", "requestParameters.key")]
)
def test_the_row_version_follows_the_columns(promote):
    """Another promoted path, or one of another case, is another version; the same list is the same one."""
    assert row_version(columns(promote)) == row_version(columns(promote))
    others = [columns(), columns(("requestParameters.key",)), columns(("requestParameters.bucketname",))]
    assert row_version(columns(promote)) not in map(row_version, others)


def test_the_row_version_is_stable():
    """It is written into objects, so no run of Python and no machine may give another; this changes with the row."""
    assert row_version(columns(("requestParameters.bucketName",))) == "1-494af10f4e00"
