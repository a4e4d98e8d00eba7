"""The flat file's line holds the row, all of it and nothing else."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.events.columns import COLUMNS, columns
from runtime.events.flat import FlatMaker, FlatWriter, row_version
from runtime.events.row import RowMaker, Unusable
from tests.events.test_row import BASE, EXTRA, Object, json_values, objects, write
from tests.local.logs import encode, event

MAKER = RowMaker()
LINE = FlatWriter().line
MADE = FlatMaker(MAKER).line


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


def assert_both_ways_agree(record: bytes, maker=MAKER, made=MADE) -> None:
    """The line without a row is the row's line; what has no row has no line, for the same reason."""
    line = FlatWriter(maker.columns).line
    assert outcome(lambda: made(record, "AWSLogs/é")) == outcome(lambda: line(maker.row(record, "AWSLogs/é")))


def outcome(call) -> bytes | str:
    try:
        return call()
    except Unusable as unusable:
        return str(unusable)


def test_the_short_way_gives_the_rows_line(real_records):
    """Record -> line is record -> row -> line for every real record, the first time and when much is remembered."""
    made = FlatMaker(MAKER).line
    for record in [*real_records, *real_records]:
        assert_both_ways_agree(record, made=made)


@pytest.mark.parametrize("field", [e[1] for e in EXTRA], ids=[e[0] for e in EXTRA])
def test_the_short_way_keeps_hostile_fields(field):
    """Also for what the fast way of `record -> row` leaves to the careful one."""
    assert_both_ways_agree(f"{{{BASE},{field}}}".encode())


@pytest.mark.parametrize(
    "record",
    [
        b"{}",
        b'{"eventTime":"soon"}',
        b'{"eventTime":"2024-02-30T00:00:00Z"}',
        b'{"eventTime":"2024-02-29T00:00:00.25Z","eventID":"e"}',
        b'{"eventTime":"2024-02-29T00:00:00+01:00","eventID":"e"}',
        b'{"eventTime":"2024-02-29T00:00:00Z"}',
        b'{"eventTime":"2024-02-29T00:00:00Z","eventID":""}',
        b'{"eventTime":"2024-02-29T00:00:00Z","eventID":"sha256:1"}',
        b'{"eventTime":"2024-02-29T00:00:00Z","eventID":"e","userIdentity":null,"tlsDetails":{}}',
        b'{"eventTime":"2024-02-29T00:00:00Z","eventID":"e","userIdentity":{"type":"Root","type":"x"}}',
        b'{"eventTime":"2024-02-29T00:00:00Z","eventID":"e","userIdentity":{"type":"' + b"x" * 9_000 + b'"}}',
    ],
)
def test_the_short_way_knows_its_limits(record):
    """Odd times, no id, a struct that is null, empty, repeated in or too long to remember."""
    for _ in range(2):
        assert_both_ways_agree(record)


def test_the_short_way_serves_paths_promoted_from_anywhere(real_records):
    """Also from the free-form field of a struct inside the record, of whose values nothing is at hand."""
    path = "userIdentity.sessionContext.webIdFederationData.attributes.sub"
    for promote in ((), (path,), (path, "requestParameters.bucketName", "additionalEventData.MFAUsed")):
        maker = RowMaker(promote)
        made = FlatMaker(maker).line
        record = encode(
            event("e", userIdentity={"sessionContext": {"webIdFederationData": {"attributes": {"sub": "s"}}}})
        )
        for one in (record, *real_records[:300]):
            assert_both_ways_agree(one, maker, made)


@settings(max_examples=300, deadline=None)
@given(fields=objects(json_values), space=st.sampled_from(["", "", " ", "\n"]))
def test_the_short_way_agrees_on_any_record(fields, space):
    """Whatever stands in a record."""
    known = Object([("eventTime", "2024-05-06T07:08:09Z"), ("eventID", "e-1")])
    assert_both_ways_agree(write(Object([*known, *fields]), space).encode("utf-8", "surrogatepass"))


GOOD = b'{"eventTime":"2024-02-29T00:00:00Z","eventID":"e","readOnly":true,"userIdentity":{"type":"Root"}}'


def test_an_array_gives_its_records_lines(real_records):
    """Many real records at once are the lines of each, in their order."""
    array = b"[" + b",".join([*real_records, GOOD]) + b"]"
    each = [MADE(record, "AWSLogs/é") for record in (*real_records, GOOD)]
    odd = [r for r in real_records if FlatMaker(MAKER).lines(b"[" + r + b"]", "k") is None]
    assert len(odd) < len(real_records) / 100
    usual = [record for record in (*real_records, GOOD) if record not in odd]
    lines = FlatMaker(MAKER).lines(b"[" + b",".join(usual) + b"]", "AWSLogs/é")
    assert lines == [line for record, line in zip((*real_records, GOOD), each, strict=True) if record not in odd]
    assert (FlatMaker(MAKER).lines(array, "k") is None) == bool(odd)


@pytest.mark.parametrize(
    "record",
    [
        GOOD.replace(b'"eventID"', b'"eventID":"x","eventID"'),
        GOOD.replace(b'"eventID"', b'"\\u0065ventID"'),
        GOOD.replace(b'"userIdentity"', b'"userIdentity":{"type":"IAMUser"},"userIdentity"'),
        GOOD.replace(b'"type"', b'"type":"IAMUser","type"'),
        GOOD.replace(b'"readOnly"', b'"requestParameters":{"a":1},"requestParameters":{"b":1},"readOnly"'),
        GOOD.replace(b'"readOnly"', b' "readOnly"'),
        GOOD.replace(b'"readOnly"', b'"errorCode":null,"readOnly"'),
        GOOD.replace(b'"readOnly"', b'"requestParameters": {"a":1},"readOnly"'),
        GOOD.replace(b'"readOnly"', b'"new":1,"readOnly"'),
        GOOD.replace(b'"e"', b'"\\/"'),
    ],
)
def test_an_odd_record_is_left_to_its_own_line(record):
    """One with a key twice, spaces, other spellings or unknown fields: the array is refused, wherever it stands."""
    for array in ([record], [record, GOOD], [GOOD, GOOD, record]):
        assert FlatMaker(MAKER).lines(b"[" + b",".join(array) + b"]", "k") is None
    assert FlatMaker(MAKER).lines(b"[" + GOOD + b"]", "k") == [MADE(GOOD, "k")]
    assert_both_ways_agree(record)


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
    assert row_version(columns(("requestParameters.bucketName",))) == "2-e1532234aa4d"
