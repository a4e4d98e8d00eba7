"""Records are cut out of every form with their own bytes, at any chunk size, and what is no record is named."""

import gzip
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.events import formats
from runtime.events.formats import BadFile, Broken, records

A = b'{"eventVersion":"1.08","eventTime":"2024-05-06T07:08:09Z","n":1.10}'
B = b'{"eventVersion":"1.08","eventTime":"2024-05-06T07:08:10Z","a":[{"x":"},{"},{"y":"]}"}]}'


def cut(content: bytes, **options):
    return list(records(io.BytesIO(content), **options))


def log_file(*found: bytes) -> bytes:
    return b'{"Records":[' + b",".join(found) + b"]}"


FORMS = {
    "log file": log_file(A, B),
    "gzip": gzip.compress(log_file(A, B)),
    "gzip in two members": gzip.compress(log_file(A, B)[:40]) + gzip.compress(log_file(A, B)[40:]),
    "byte order mark": b"\xef\xbb\xbf" + log_file(A, B),
    "spread out": b'\n{ "Records" : [\n ' + A + b" ,\n" + B + b"\n]\n}\n",
    "other keys beside": b'{"v":1,"Records":[' + A + b"," + B + b'],"w":{}}',
    "other keys behind": b'{"Records":[' + A + b"," + B + b'],"w":{"x":[]}}',
    "plain array": b"[" + A + b"," + B + b"]",
    "JSON lines": A + b"\n\n" + B + b"\n",
    "JSON lines, no last newline": A + b"\r\n" + B,
    "JSON lines of log files": log_file(A) + b"\n" + log_file(B),
    "EventBridge lines": b"\n".join(
        b'{"detail-type":"AWS API Call via CloudTrail","detail":' + r + b"}" for r in (A, B)
    ),
    "EventBridge array": b"[" + b",".join(b'{"detail-type":"x","detail":' + r + b"}" for r in (A, B)) + b"]",
    "lookup-events": json.dumps(
        {"Events": [{"EventId": "1", "CloudTrailEvent": r.decode()} for r in (A, B)]}, indent=4
    ).encode(),
    "lookup-events' array": json.dumps([{"CloudTrailEvent": r.decode()} for r in (A, B)]).encode(),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_records_own_bytes(name):
    """What people have at hand is read, and each record keeps its bytes."""
    assert cut(FORMS[name]) == [A, B]


def test_one_event_alone_is_a_file():
    """A single event, pretty-printed or wrapped by EventBridge, is read."""
    pretty = json.dumps(json.loads(A), indent=2).encode()
    assert cut(pretty) == [pretty]
    assert cut(A) == [A]
    assert cut(json.dumps({"detail-type": "x", "detail": {"eventName": "n"}}, indent=1).encode()) == [
        b'{\n  "eventName": "n"\n }'
    ]


def test_the_event_history_csv_becomes_records():
    """The console's CSV download gives records with the fields it has; an unknown column keeps its name."""
    content = (
        "Event name,Event time,User name,Event source,Event ID,AWS region,Read-only,New column\n"
        'RunInstances,2024-05-06T07:08:09Z,"Alice, A",ec2.amazonaws.com,e-1,us-east-1,false,x\n'
    )
    assert [json.loads(r) for r in cut(content.encode())] == [
        {
            "eventName": "RunInstances",
            "eventTime": "2024-05-06T07:08:09Z",
            "userIdentity": {"userName": "Alice, A"},
            "eventSource": "ec2.amazonaws.com",
            "eventID": "e-1",
            "awsRegion": "us-east-1",
            "readOnly": "false",
            "New column": "x",
        }
    ]


@pytest.mark.parametrize("content", [b'{"Records":[]}', b'{"Records": [ ] }', b"[]"])
def test_an_empty_log_file_has_no_records(content):
    """`Records` may be empty: that is a file without events, not a bad one."""
    assert cut(content) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (gzip.compress(log_file(A, B))[:-9], "gzip is cut short"),
        (gzip.compress(log_file(A, B)) + b"junk" * 9, "gzip is damaged: "),
        (gzip.compress(log_file(A, B))[:60] + b"\0\0\0\0" + gzip.compress(log_file(A, B))[64:], "gzip is "),
        (b"hello", "not CloudTrail: it begins with b'hello'"),
        (b'{"awsAccountId":"1","logFiles":[]}', "not CloudTrail: an object with awsAccountId, logFiles"),
        (b"{}", "not CloudTrail: an object with nothing in it"),
        (b'{"Records":{}}', "not CloudTrail: Records is not an array"),
        (b'{"a":', "not CloudTrail: not a JSON document"),
        (log_file(A, B)[:-2], "ends in the middle of the records"),
        (log_file(A, B)[:-20], "ends in the middle of the records"),
        (log_file(A, B) + b"x", "something follows the records"),
        (b"name,age\nx,1\n", "not CloudTrail: it begins with"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(content, reason):
    """A bad file is refused as a whole with its reason."""
    with pytest.raises(BadFile) as refused:
        cut(content)
    assert str(refused.value).startswith(reason)


def test_a_decompression_bomb_is_refused():
    """A gzip that unpacks beyond the limit stops there."""
    bomb = gzip.compress(b'{"Records":[' + b" " * 50_000_000)
    with pytest.raises(BadFile, match="unpacks to more than 3,000,000 bytes"):
        cut(bomb, limit_bytes=3_000_000)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b'{"eventVersion":"1.08","a":tru}', "not JSON: Expecting value"),
        (b'{"eventVersion":"1.08","a":"x" "b":1}', "not JSON: Expecting ',' delimiter"),
        (b'{"eventVersion":"1.08","a":"x\ny"}', "not JSON: Invalid control character"),
        (b'"text"', "not an object"),
        (b"1", "not an object"),
        (b"null", "not an object"),
        (b'{"eventVersion":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"),
    ],
)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_broken_record_stops_no_other(broken, reason, place):
    """One bad record among good ones is given out with its bytes and its reason; the others are whole."""
    good = [A, B]
    at = {"first": 0, "middle": 1, "last": 2}[place]
    found = cut(log_file(*good[:at], broken, *good[at:]))
    assert [r for r in found if isinstance(r, bytes)] == good
    bad = found[at]
    assert isinstance(bad, Broken)
    assert bad.raw == broken
    assert bad.reason.startswith(reason)


def test_a_broken_json_line_stops_no_other():
    """Among JSON lines a broken one is set aside alone."""
    found = cut(A + b'\n{"x":\n' + b'{"y":1}\n' + B)
    assert found == [
        A,
        Broken(b'{"x":', "not a JSON object"),
        Broken(b'{"y":1}', "not an event: an object with y"),
        B,
    ]


hostile_text = st.sampled_from(['},{"', '"', "\\", "]}", '},{"eventVersion"', "\ud800", "é", "\0", '[{"', "a"])
hostile_record = st.lists(hostile_text, max_size=5).map(
    lambda parts: json.dumps({"eventVersion": "1", "t": "".join(parts), "l": [{"a": parts}, {}]}, separators=(",", ":"))
)


@settings(max_examples=300, deadline=None)
@given(found=st.lists(hostile_record, max_size=8), chunk=st.integers(1, 64), array=st.booleans())
def test_any_chunk_size_gives_the_same_records(found, chunk, array):
    """Where the stream happens to be cut changes nothing, whatever the strings hold."""
    content = ("[" if array else '{"Records":[') + ",".join(found) + ("]" if array else "]}")
    before, formats.CHUNK = formats.CHUNK, chunk
    try:
        assert cut(content.encode()) == [record.encode() for record in found]
    finally:
        formats.CHUNK = before
