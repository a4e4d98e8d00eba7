"""Records are cut out of every form with their own bytes, at any chunk size, and what is no record is named."""

import gzip
import io
import json
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.events import elements
from runtime.events.elements import BadFile, Broken, Source
from runtime.events.formats import records, records_together

A = b'{"eventVersion":"1.08","eventTime":"2024-05-06T07:08:09Z","n":1.10}'
B = b'{"eventVersion":"1.08","eventTime":"2024-05-06T07:08:10Z","a":[{"x":"},{"},{"y":"]}"}]}'


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)  # the same bytes in every process


def cut(content: bytes, **options):
    return list(records(io.BytesIO(content), **options))


def log_file(*found: bytes) -> bytes:
    return b'{"Records":[' + b",".join(found) + b"]}"


FORMS = {
    "log file": log_file(A, B),
    "gzip": packed(log_file(A, B)),
    "gzip in two members": packed(log_file(A, B)[:40]) + packed(log_file(A, B)[40:]),
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
    "lookup-events, a token first": json.dumps(
        {"NextToken": "x", "Events": [{"EventId": "1", "CloudTrailEvent": r.decode()} for r in (A, B)]}
    ).encode(),
    "lookup-events --query Events[].CloudTrailEvent": json.dumps([A.decode(), B.decode()], indent=4).encode(),
    "the same as --output text": A + b"\t" + B + b"\n",
    "jq .Events[].CloudTrailEvent": b"\n".join(json.dumps(r.decode()).encode() for r in (A, B)),
    "Firehose, nothing between": A + B,
    "Firehose, EventBridge": b"".join(b'{"version":"0","detail-type":"x","detail":' + r + b"}" for r in (A, B)),
    "log files one after another": log_file(A) + log_file(B),
    "arrays one after another": b"[" + A + b"]\n[" + B + b"]",
    "UTF-16": log_file(A, B).decode().encode("utf-16"),
    "UTF-16, big endian": b"\xfe\xff" + log_file(A, B).decode().encode("utf-16-be"),
    "UTF-16 lines": (A + b"\r\n" + B).decode().encode("utf-16"),
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


@pytest.mark.parametrize("chunk", [1, 7, 100, 1 << 20])
def test_pretty_printed_events_in_a_row_are_records(chunk, monkeypatch):
    """What `jq '.Records[]'` prints is read, each event with the bytes it was printed as."""
    monkeypatch.setattr(elements, "CHUNK", chunk)
    pretty = [json.dumps(json.loads(r), indent=2).encode() for r in (A, B, A)]
    assert cut(b"\n".join(pretty) + b"\n") == pretty


def test_a_large_document_is_read_at_once(monkeypatch):
    """A document that does not begin with its records may be larger than a record, up to a limit that it is told."""
    monkeypatch.setattr(elements, "CHUNK", 64)
    monkeypatch.setattr(elements, "RECORD_LIMIT", 256)
    events = [{"EventId": str(n), "CloudTrailEvent": A.decode()} for n in range(20)]
    document = json.dumps({"NextToken": None, "Events": events}, indent=4).encode()
    monkeypatch.setattr(elements, "WHOLE_LIMIT", len(document))
    assert cut(document) == [A] * 20
    monkeypatch.setattr(elements, "WHOLE_LIMIT", len(document) - 1)
    with pytest.raises(BadFile, match=r"^more than \d,\d{3} bytes in a form that is not read piece by piece; split it"):
        cut(document)


def test_a_table_beyond_the_limit_is_refused(monkeypatch):
    """The event history's CSV, which is read as a whole, has the same limit."""
    monkeypatch.setattr(elements, "WHOLE_LIMIT", 1_000)
    table = b"Event name,Event time\n" + b"GetObject,2024-05-06T07:08:09Z\n" * 20
    assert len(cut(table)) == 20
    with pytest.raises(BadFile, match="more than 1,000 bytes"):
        cut(table * 2)


@pytest.mark.parametrize("pad", [3_000, 9_000])
def test_a_large_json_line_does_not_make_the_file_one_document(pad, monkeypatch):
    """JSON lines are read line by line however long the file and one of its lines: no limit for a document is met."""
    monkeypatch.setattr(elements, "CHUNK", 64)
    monkeypatch.setattr(elements, "RECORD_LIMIT", 10_000)
    monkeypatch.setattr(elements, "WHOLE_LIMIT", 20_000)
    large = A[:-1] + b',"x":"' + b"y" * pad + b'"}'
    assert cut(b"\n".join([A, large, B] * 10)) == [A, large, B] * 10


SPACES = b" \n" * (1 << 19)
BOMBS = {
    "in the array": b'{"Records":[' + SPACES + A + SPACES + b"," + SPACES + B + SPACES + b"]}",
    "in a plain array": b"[" + A + SPACES + b"," + B + SPACES + b"]",
    "in a record": b'{"Records":[' + A[:-1] + SPACES + b"}," + B + b"]}",
    "before the array": b'{"Records":' + SPACES + b"[" + A + b"," + B + b"]}",
    "between lines": A + SPACES + B,
    "after the records": b'{"Records":[' + A + b"," + B + b"]}" + SPACES,
    "between the CLI's events": b'{"Events":[' + A + SPACES + b"," + B + SPACES + b"]}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_white_space_costs_no_work_of_its_own(name):
    """Megabytes of white space are passed over at once, not byte by byte: few lines of code run for them."""
    lines = 0

    def count(frame, event, _):
        nonlocal lines
        lines += event == "line"
        return count

    sys.settrace(count)
    try:
        found = cut(BOMBS[name])
    finally:
        sys.settrace(None)
    assert len(found) == 2
    assert lines < 5_000


def test_what_is_read_as_a_whole_is_copied_a_few_times_only(monkeypatch):
    """A large document is not copied again for each chunk that is read of it."""
    monkeypatch.setattr(elements, "CHUNK", 64)
    source = Source(io.BytesIO(b"x" * 100_000), None)
    reads, read = 0, source._read

    def counted(size):
        nonlocal reads
        reads += 1
        return read(size)

    source._read = counted
    assert source.rest() == b"x" * 100_000
    assert reads < 20


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r'"\ud800"', Broken(rb'{"CloudTrailEvent":"\ud800"}', "CloudTrailEvent is not a JSON object as text")),
        ('"hello"', Broken(b'{"CloudTrailEvent":"hello"}', "CloudTrailEvent is not a JSON object as text")),
        ("1", Broken(b'{"CloudTrailEvent":1}', "CloudTrailEvent is not a JSON object as text")),
        (b'"\xff"', Broken(b'{"CloudTrailEvent":"\xff"}', "CloudTrailEvent is not a JSON object as text")),
        (r'"{\"eventTime\":\"\ud800\"}"', rb'{"eventTime":"\ud800"}'),
    ],
)
def test_an_event_as_text_that_is_odd_stops_no_other(text, found):
    """A CloudTrailEvent that is no event is set aside, one with a lone surrogate keeps it as an escape."""
    event = b'{"CloudTrailEvent":' + (text if isinstance(text, bytes) else text.encode()) + b"}"
    good = b'{"CloudTrailEvent":' + json.dumps(A.decode()).encode() + b"}"
    assert cut(b'{"Events":[' + event + b"," + good + b"]}") == [found, A]


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


@pytest.mark.parametrize(
    ("table", "records_text"),
    [
        (
            b"User name,AWS region,Event time\nx,y,2024\n",
            ['{"userIdentity":{"userName":"x"},"awsRegion":"y","eventTime":"2024"}'],
        ),
        (b'"Event name","Event time"\r\n"x","2024"\r\n\r\n', ['{"eventName":"x","eventTime":"2024"}']),
        (b"Event name,Event time\nx,2024,LOST,\n", ['{"eventName":"x","eventTime":"2024","column 3":"LOST"}']),
        (b"Event time,Event name,Event name\n2024,a,b\n", ['{"eventTime":"2024","eventName":"a","eventName":"b"}']),
        (
            b"Event time,userIdentity,User name\n2024,a,b\n",
            ['{"userIdentity":{"userName":"b"},"eventTime":"2024","userIdentity":"a"}'],
        ),
        ("Event name,Event time\nx,2024\n".encode("utf-16"), ['{"eventName":"x","eventTime":"2024"}']),
        (
            b"Event name,Event time\n" + b"x" * 200_000 + b",2024\n",
            ['{"eventName":"' + "x" * 200_000 + '","eventTime":"2024"}'],
        ),
    ],
    ids=["time last", "quoted", "surplus cell", "header twice", "header of a struct", "UTF-16", "large cell"],
)
def test_no_cell_of_an_odd_table_is_lost(table, records_text):
    """Cells without a header, repeated headers and headers that clash keep their values, whatever their size."""
    assert cut(table) == [text.replace('": ', '":').encode() for text in records_text]


@pytest.mark.parametrize("content", [b'{"Records":[]}', b'{"Records": [ ] }', b"[]"])
def test_an_empty_log_file_has_no_records(content):
    """`Records` may be empty: that is a file without events, not a bad one."""
    assert cut(content) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (packed(log_file(A, B))[:-9], "gzip is cut short"),
        (packed(log_file(A, B)) + b"junk" * 9, "gzip is damaged: "),
        (packed(log_file(A, B))[:60] + b"\0\0\0\0" + packed(log_file(A, B))[64:], "gzip is "),
        (b"hello", "not CloudTrail: it begins with b'hello'"),
        (b'{"awsAccountId":"1","logFiles":[]}', "not CloudTrail: an object with the keys awsAccountId, logFiles"),
        (b"{}", "not CloudTrail: an object with nothing in it"),
        (b'{"Records":{}}', "not CloudTrail: Records is not an array"),
        (b'{"a":', "not CloudTrail: not a JSON object"),
        (b'"hello"', "not CloudTrail: not a JSON object"),
        (b'{"Records":[' + A + b'],"Records":[' + B + b"]}", "Records stands in it twice"),
        (b'{"v":1,"Records":[' + A + b'],"Records":[' + B + b"]}", "not CloudTrail: Records stands in it twice"),
        (b'{"v":1,"Records":[' + A + b'],"R\\u0065cords":[' + B + b"]}", "not CloudTrail: Records stands in it twice"),
        (b'{"Events":[' + A + b'],"Events":[' + B + b"]}", "Events stands in it twice"),
        (b'Event name,Event time\n"x,2024\ny,2024\n', "not a table: line 3: unexpected end of data"),
        (b"Event name,Event time\n\xff,2024\n", "not UTF-8"),
        (log_file(A).decode().encode("utf-16")[:-1], "UTF-16 is cut short"),
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
    bomb = packed(b'{"Records":[' + b" " * 50_000_000)
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
        (b'{"eventVersion":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
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


FIRST_KEYS = ["additionalEventData", "addendum", "apiVersion", "tlsDetails", "vpcEndpointId"]


@pytest.mark.parametrize("key", FIRST_KEYS)
def test_a_record_after_a_broken_one_may_begin_with_any_field(key):
    """A good record is found again by whichever documented field stands first in it."""
    broken, good = b'{"eventVersion":"1","x":tru}', b'{"' + key.encode() + b'":null,' + A[1:]
    assert cut(log_file(A, broken, good, B)) == [A, Broken(broken, "not JSON: Expecting value"), good, B]


@pytest.mark.parametrize("chunk", [1, 50, 1 << 20])
def test_a_broken_record_is_not_cut_inside_itself(chunk, monkeypatch):
    """What begins like a record inside a broken one is no record: the cut is where a whole one begins."""
    monkeypatch.setattr(elements, "CHUNK", chunk)
    inner = b'{"entries":[{"eventBusName":"a"},{"eventBusName":"b"},{"requestParameters":[{'
    broken = b'{"eventVersion":"1","x":tru,"r":' + inner + b"}"
    assert cut(log_file(A, broken, B, A)) == [A, Broken(broken, "not JSON: Expecting value"), B, A]


def test_a_record_that_is_too_large_is_set_aside(monkeypatch):
    """One record beyond the limit costs no more memory than that, and the others are taken."""
    monkeypatch.setattr(elements, "CHUNK", 64)
    monkeypatch.setattr(elements, "RECORD_LIMIT", 1_000)
    large = b'{"eventVersion":"1","x":"' + b"y" * 1_500
    assert cut(log_file(A, large + b'"}', B)) == [A, Broken(large + b'"}', "larger than 1,000 bytes"), B]
    with pytest.raises(BadFile, match="no record begins in "):
        cut(log_file(A, large + b"y" * 3_000 + b'"}', B))


def test_a_broken_first_line_stops_no_other():
    """Where the first of the JSON lines is cut short at its head or end, the others are records."""
    cut_head, cut_end = A[9:], A[:-9]
    assert cut(cut_head + b"\n" + B + b"\n" + A) == [Broken(cut_head, "not a JSON object"), B, A]
    assert cut(cut_end + b"\n" + B + b"\n" + A) == [Broken(cut_end, "not a JSON object"), B, A]


def test_a_broken_event_beside_others_stops_none():
    """Where nothing stands between events, a broken one ends where the next begins."""
    broken = b'{"eventVersion":"1","x":tru}'
    assert cut(A + broken + B + A) == [A, Broken(broken, "not a JSON object"), B, A]


def test_many_pieces_that_are_no_events_are_given_one_by_one(monkeypatch):
    """Other documents before the first event are held back a while only."""
    monkeypatch.setattr("runtime.events.documents.HELD", 2)
    other = Broken(b'{"y":1}', "not an event: an object with the key y")
    assert cut(b'{"y":1}\n' * 3) == [other] * 3
    assert cut(b'{"y":1}\n' * 2 + A) == [other, other, A]
    with pytest.raises(BadFile, match="^not CloudTrail: an object with the key y$"):
        cut(b'{"y":1}\n' * 2)


def test_a_broken_json_line_stops_no_other():
    """Among JSON lines a broken one is set aside alone."""
    found = cut(A + b'\n{"x":\n' + b'{"y":1}\n' + B)
    assert found == [
        A,
        Broken(b'{"x":', "not a JSON object"),
        Broken(b'{"y":1}', "not an event: an object with the key y"),
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
    before, elements.CHUNK = elements.CHUNK, chunk
    try:
        assert cut(content.encode()) == [record.encode() for record in found]
    finally:
        elements.CHUNK = before


@settings(max_examples=300, deadline=None)
@given(found=st.lists(hostile_record, max_size=8), chunk=st.integers(1, 200), refused=st.sampled_from(["", "é", "}"]))
def test_records_taken_together_are_the_same_ones(found, chunk, refused):
    """What is offered is valid arrays of whole records, in their order; what is refused comes one by one between them."""

    def together(array: bytes) -> list[bytes] | None:
        if refused and refused in array.decode():
            return None
        try:
            return [bytes(raw) for raw in msgspec.json.decode(array, type=list[msgspec.Raw])]
        except msgspec.MsgspecError:
            return None

    content = b'{"Records":[' + ",".join(found).encode() + b"]}"
    before, elements.CHUNK = elements.CHUNK, chunk
    try:
        given_out = list(records_together(io.BytesIO(content), together))
    finally:
        elements.CHUNK = before
    one_by_one = [record for piece in given_out for record in (piece if isinstance(piece, list) else [piece])]
    assert one_by_one == [record.encode() for record in found]
    if refused == "}":
        assert given_out == one_by_one


def test_plain_records_are_offered_together():
    """A log file's records, in one chunk, come as one list."""
    plain = [b'{"eventVersion":"1","t":"%d"}' % n for n in range(5)]
    content = b'{"Records":[' + b",".join(plain) + b"]}"

    def together(array: bytes) -> list[bytes]:
        return [bytes(raw) for raw in msgspec.json.decode(array, type=list[msgspec.Raw])]

    assert list(records_together(io.BytesIO(content), together)) == [plain]


mutation = st.tuples(
    st.integers(0, 400),
    st.integers(0, 6),
    st.sampled_from(
        [
            b"",
            b'"',
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b"\\",
            b"\\ud800",
            b"\xff",
            b"\xff\xfe",
            b"\x00",
            b"null",
            b"1e999",
            b"\n",
            b"},{",
            b'"Records":[',
            b'"Events":',
            b'"CloudTrailEvent":',
            b'"detail":',
            b"NaN",
            b"Event time,",
            b"\x1f\x8b",
        ]
    ),
)


@settings(max_examples=600, deadline=None)
@given(
    form=st.sampled_from([*FORMS.values(), b'Event name,Event time,User name\nRun,2024-05-06T07:08:09Z,"A, b"\n']),
    mutations=st.lists(mutation, min_size=1, max_size=4),
    chunk=st.sampled_from([1, 16, 1 << 20]),
)
def test_whatever_a_file_holds_it_is_records_or_a_bad_file(form, mutations, chunk):
    """`records` raises BadFile and nothing else, and gives objects' bytes and what is Broken."""
    content = bytearray(form)
    for at, length, put in mutations:
        content[at : at + length] = put
    before, elements.CHUNK = elements.CHUNK, chunk
    try:
        assert all(isinstance(r, Broken) or r[:1] == b"{" for r in cut(bytes(content)))
    except BadFile:
        pass
    finally:
        elements.CHUNK = before
