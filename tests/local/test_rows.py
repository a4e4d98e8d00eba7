"""Rows made by the batch are the rows that `RowMaker.row` makes, whatever the records hold."""

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.events.columns import COLUMNS, Kind
from runtime.events.row import RowMaker, Unusable
from runtime.local.rows import BatchMaker, cut
from tests.events.rebuild import KNOWN

BATCHES, ONES = BatchMaker(), RowMaker()
INSTANT, PLAIN = pa.timestamp("us", tz="UTC"), pa.timestamp("us")


def decoded(records: list[bytes]) -> list:
    """The records as the cutter gives them: Many where they decode, the middle one always by itself."""
    half = len(records) // 2
    pieces: list = []
    for part in (records[:half], records[half : half + 1], records[half + 1 :]):
        many = BATCHES.together(b"[" + b",".join(part) + b"]") if len(part) > 1 else None
        pieces += [many] if many else part
    return pieces


def by_the_batch(pieces: list):
    """Per record (eventdate, values by column), or the reason why there is no row."""
    found: list = [None] * len(cut(pieces))
    parts, refused = BATCHES.rows(pieces, [f"f{at}" for at in range(len(pieces))])
    for part in parts:
        columns = {COLUMNS[at].name: array.to_pylist() for at, array in part.arrays.items()}
        for row, (at, day) in enumerate(zip(part.records.to_pylist(), part.eventdate.to_pylist(), strict=True)):
            assert found[at] is None
            values = {name: column[row] for name, column in columns.items()}
            for number, (rows, texts) in part.sparse.items():
                if row in rows:
                    assert rows.count(row) == 1
                    values[COLUMNS[number].name] = texts[rows.index(row)]
            found[at] = (day, {name: value for name, value in values.items() if value is not None})
    for at, reason in refused:
        assert found[at] is None
        found[at] = reason
    return found


def one_by_one(records: list[bytes], files: list[str]):
    found: list = []
    for record, file in zip(records, files, strict=True):
        try:
            row = ONES.row(record, file)
        except Unusable as unusable:
            found.append(str(unusable))
            continue
        values = {c.name: v for c, v in zip(COLUMNS, ONES.full(row), strict=True) if v is not None}
        values["eventtime"] = pa.array([values["eventtime"]]).cast(INSTANT).cast(PLAIN)[0].as_py()
        found.append((row.eventdate, values))
    return found


def the_batch_agrees(records: list[bytes]):
    for pieces in (records, decoded(records)):
        files = [f"f{at}" for at, piece in enumerate(pieces) for _ in cut([piece])]
        assert by_the_batch(pieces) == one_by_one(records, files)


TEXTS = [
    "", "a", "b", "true", 'x"y', "\\", "/", "é", "\0", "null", "{}", 'A"B"C"D', "\u2028", "\U0001f600", 'a,"b":"c"',
]  # fmt: skip
LITERALS = [
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "{ }",
    "1",
    "1.10",
    "1e400",
    "-0",
    "0.0",
    "1" * 30,
    '"\\ud800"',
    '"\\u0022"',
]
PROMOTED_KEYS = sorted({key for c in COLUMNS if c.kind is Kind.PROMOTED for key in c.path[-2:]})
space = st.sampled_from(["", "", "", " ", "\n"])


@st.composite
def text(draw):
    written = json.dumps(draw(st.sampled_from(TEXTS)), ensure_ascii=draw(st.booleans()))
    return written.replace("/", "\\/") if draw(st.booleans()) else written


def written_object(draw, pairs: list[tuple[str, str]]) -> str:
    """JSON of the pairs, repeated keys too, some keys escaped and some with space around them."""
    fields = []
    for key, value in pairs:
        name = json.dumps(key)
        if draw(st.integers(0, 15)) == 0 and key[:1].isalpha():
            name = f'"\\u{ord(key[0]):04x}{name[2:]}'
        fields.append(f"{draw(space)}{name}{draw(space)}:{draw(space)}{value}{draw(space)}")
    return "{" + ",".join(fields) + "}"


@st.composite
def free_form(draw, depth: int = 0):
    kind = draw(st.integers(0, 3 if depth < 2 else 1))
    if kind == 0:
        return draw(text())
    if kind == 1:
        return draw(st.sampled_from(LITERALS))
    if kind == 2:
        return "[" + ",".join(draw(st.lists(free_form(depth + 1), max_size=2))) + "]"
    keys = draw(st.lists(st.sampled_from([*PROMOTED_KEYS, "", 'q"q']), max_size=4))
    return written_object(draw, [(key, draw(free_form(depth + 1))) for key in keys])


@st.composite
def struct(draw, known: dict, *, top: bool = False):
    keys = draw(st.lists(st.sampled_from(sorted(known)), max_size=8 if top else 4))  # a key may stand there twice
    pairs = []
    for key in keys:
        node = known[key]
        if draw(st.integers(0, 40)) == 0:
            value = draw(free_form())
        elif isinstance(node, dict):
            value = draw(struct(node))
        else:
            value = draw(text() if node == "scalar" else free_form())
        pairs.append((key, value))
    if draw(st.integers(0, 20)) == 0:
        pairs.append((draw(st.sampled_from(["new", "a.b", "EventName", ""])), draw(free_form())))
    if top:
        pairs = [(key, value) for key, value in pairs if key not in ("eventTime", "eventID")]
        times = ['"2024-05-06T07:08:09Z"'] * 8 + ['"2024-05-06T07:08:09.5Z"', '"2024-02-30T00:00:00Z"', "null"]
        pairs.insert(len(pairs) // 2, ("eventTime", draw(st.sampled_from(times))))
        pairs += [("eventID", draw(st.sampled_from(['"e"'] * 8 + ['""', "null", '"sha256:1"'])))]
    return written_object(draw, pairs)


@st.composite
def hostile(draw):
    record = draw(struct(KNOWN, top=True)).encode()
    return record.replace(b"a", b"\xff", 1) if draw(st.integers(0, 40)) == 0 else record


@settings(max_examples=400, deadline=None)
@given(records=st.lists(hostile(), max_size=6))
def test_the_batch_gives_each_record_the_row_it_has_alone(records):
    """Repeated keys, odd types, escapes, numbers and broken text: the same row or the same reason, in any company."""
    the_batch_agrees(records)


def test_real_records_by_the_batch(real_records):
    """All real records at once give the rows they have one by one."""
    the_batch_agrees(real_records)


BASE = b'"eventTime":"2024-05-06T07:08:09Z","eventID":"e"'


@pytest.mark.parametrize(
    "field",
    [
        b'"eventName":"A","eventName":"B"',
        b'"userAgent":"\\u0022\\u0022\\u0022\\u0022","eventName":"A","eventName":"B"',
        b'"userAgent":"say \\"x\\"","eventName":null',
        b'"requestParameters":{"key":"A","key":1.10}',
        b'"requestParameters":{"key":" \\ud800","bucketName":"b"}',
        b'"additionalEventData":{"bytesTransferredIn":1e400,"MFAUsed":true}',
        b'"responseElements": {"accessKey": {"accessKeyId": "AK"}}',
        b'"responseElements": "{a}"',
        b'"readOnly":"true","managementEvent":true',
    ],
)
def test_one_odd_record_among_plain_ones(field):
    """A record that needs care gets it, and its neighbours keep theirs; escaped quotes cannot hide a repeated key."""
    plain = [b"{" + BASE + b',"readOnly":true,"requestParameters":{"key":"k"}}'] * 3
    records = [*plain, b"{" + BASE + b"," + field + b"}", *plain]
    the_batch_agrees(records)
