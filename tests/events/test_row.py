"""`record -> row` drops and alters nothing, on real, hostile and generated records."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.events.columns import COLUMNS, Kind, columns
from runtime.events.row import RowMaker, Unusable
from tests.events import rebuild

MAKER = RowMaker()
BASE = '"eventTime":"2024-05-06T07:08:09Z","eventID":"e-1"'


def row(record: bytes | str):
    return MAKER.row(record if isinstance(record, bytes) else record.encode(), "AWSLogs/f.json.gz")


def values(record: bytes | str) -> dict[str, str]:
    """Columns that are not null."""
    made = row(record)
    return {c.name: v for c, v in zip(COLUMNS, MAKER.full(made), strict=True) if v is not None}


def assert_rebuilds(record: bytes | str) -> None:
    text = record.decode() if isinstance(record, bytes) else record
    assert rebuild.rebuild(row(record)) == rebuild.normal(rebuild.parse(text), rebuild.KNOWN)


def test_a_row_holds_the_records_fields_under_lower_case_names():
    """A plain record's every field is a column, free-form fields as their own text, promoted paths beside them."""
    assert values(
        "{" + BASE + ',"userIdentity":{"type":"IAMUser","sessionContext":{"attributes":{"mfaAuthenticated":"true"}}},'
        '"readOnly":false,"requestParameters":{"bucketName":"b","n":1.10}}'
    ) == {
        "eventtime": "2024-05-06T07:08:09Z",
        "eventid": "e-1",
        "useridentity_type": "IAMUser",
        "useridentity_sessioncontext_attributes_mfaauthenticated": "true",
        "readonly": "false",
        "requestparameters": '{"bucketName":"b","n":1.10}',
        "requestparameters_bucketname": "b",
        "sourcefile": "AWSLogs/f.json.gz",
    }
    assert row("{" + BASE + "}").eventdate == "2024-05-06"


def test_every_real_record_rebuilds_from_its_row(real_records):
    """All 1,367 real records come back whole."""
    assert len(real_records) >= 1367
    for record in real_records:
        assert_rebuilds(record)


def by_the_fast_way(record: bytes):
    """(values, extra) as the careful way gives them; None where the fast way does not answer."""
    found = MAKER._fast(record)
    return None if found is None else ([*found.scalars, *sum(found.structs, ()), *found.documents, None, None], {})


def test_both_ways_give_the_same_row(real_records):
    """The fast way and the careful way agree on every real record, and the fast one serves nearly all."""
    both = [(by_the_fast_way(record), MAKER._careful(record)) for record in real_records]
    fast = [(a, b) for a, b in both if a is not None]
    assert [a for a, b in fast if a != b] == []
    assert len(fast) > len(both) * 0.99


def test_no_real_record_sets_the_alarm(real_records):
    """`extra` is null for every real record: the columns are what CloudTrail sends."""
    assert [e for e in (values(record).get("extra") for record in real_records) if e is not None] == []


EXTRA = [
    ("integer above 64 bits in a column", '"eventName":123456789012345678901234567890', {"eventname": "123456789012345678901234567890"}),
    ("1e400 in a column", '"eventName":1e400', {"eventname": "1e400"}),
    ("1.10 in a column", '"apiVersion":1.10', {"apiversion": "1.10"}),
    ("1e400 in free form", '"requestParameters":{"a":1e400,"b":1.10}', {"requestparameters": '{"a":1e400,"b":1.10}'}),
    ("lone surrogate in a column", '"userAgent":"\\ud800x"', {"extra": '{"userAgent":"\\ud800x"}'}),
    ("lone surrogate in free form", '"requestParameters":{"a":"\\udfff"}', {"requestparameters": '{"a":"\\udfff"}'}),
    ("lone surrogate promoted", '"requestParameters":{"key":"\\udfff"}', {"requestparameters": '{"key":"\\udfff"}'}),
    ("NUL", '"userAgent":"a\\u0000b"', {"useragent": "a\0b"}),
    ("escaped slash in a column", '"userAgent":"a\\/b"', {"useragent": "a/b"}),
    ("escaped slash in free form", '"requestParameters":{"k":"a\\/b"}', {"requestparameters": '{"k":"a\\/b"}'}),
    ("key twice", '"eventName":"A","eventName":"B"', {"eventname": "A", "extra": '{"eventName[2]":"B"}'}),
    ("key three times", '"eventName":"A","eventName":"B","eventName":1', {"eventname": "A", "extra": '{"eventName[2]":"B","eventName[3]":1}'}),
    ("key twice, one escaped", '"eventName":"A","event\\u004eame":"B"', {"eventname": "A", "extra": '{"eventName[2]":"B"}'}),
    ("key twice in a struct", '"tlsDetails":{"tlsVersion":"1","tlsVersion":"2"}', {"tlsdetails_tlsversion": "1", "extra": '{"tlsDetails.tlsVersion[2]":"2"}'}),
    ("struct twice", '"tlsDetails":{"tlsVersion":"1"},"tlsDetails":{"tlsVersion":"2"}', {"tlsdetails_tlsversion": "1", "extra": '{"tlsDetails[2]":{"tlsVersion":"2"}}'}),
    ("free-form field twice", '"requestParameters":{"a":1},"requestParameters":{"b":2}', {"requestparameters": '{"a":1}', "extra": '{"requestParameters[2]":{"b":2}}'}),
    ("null hides no repeated value", '"eventName":"A","eventName":null', {"eventname": "A"}),
    ("keys that differ by case", '"eventName":"A","EventName":"B"', {"eventname": "A", "extra": '{"EventName":"B"}'}),
    ("case in free form", '"requestParameters":{"Tagging":1,"tagging":2}', {"requestparameters": '{"Tagging":1,"tagging":2}'}),
    ("key with a dot", '"a.b":1', {"extra": '{"a\\\\.b":1}'}),
    ("key that looks like a repetition", '"eventName[2]":1', {"extra": '{"eventName\\\\[2]":1}'}),
    ("struct for a scalar", '"eventName":{"a":1}', {"extra": '{"eventName":{"a":1}}'}),
    ("array for a scalar", '"eventName":[]', {"extra": '{"eventName":[]}'}),
    ("scalar for a struct", '"userIdentity":"root"', {"extra": '{"userIdentity":"root"}'}),
    ("scalar for a free-form field", '"requestParameters":"text"', {"requestparameters": '"text"'}),
    ("unknown field at the top", '"newField":{"x":null}', {"extra": '{"newField":{"x":null}}'}),
    ("unknown field in a struct", '"userIdentity":{"newField":null}', {"extra": '{"userIdentity.newField":null}'}),
    ("null, {} and absence are one", '"eventName":null,"userIdentity":{},"requestParameters":{},"responseElements":null', {}),
    ("promoted object", '"requestParameters":{"key":{"a":[1]}}', {"requestparameters": '{"key":{"a":[1]}}', "requestparameters_key": '{"a":[1]}'}),
    ("promoted path deeper down", '"responseElements":{"accessKey":{"accessKeyId":"AK"}}', {"responseelements": '{"accessKey":{"accessKeyId":"AK"}}', "responseelements_accesskey_accesskeyid": "AK"}),
    ("promoted boolean and number", '"requestParameters":{"publiclyAccessible":true,"durationSeconds":1.10}', {"requestparameters": '{"publiclyAccessible":true,"durationSeconds":1.10}', "requestparameters_publiclyaccessible": "true", "requestparameters_durationseconds": "1.10"}),
    ("Identity Center's user", '"userIdentity":{"userId":"u","identityStoreArn":"a"}', {"useridentity_userid": "u", "useridentity_identitystorearn": "a"}),
    ("promoted path through a string", '"responseElements":{"accessKey":"AK"}', {"responseelements": '{"accessKey":"AK"}'}),
    ("quotes and colons in text", '"userAgent":"a\\":null,\\"b\\": 1","errorMessage":"x : y"', {"useragent": 'a":null,"b": 1', "errormessage": "x : y"}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "expected"), [e[1:] for e in EXTRA], ids=[e[0] for e in EXTRA])
def test_hostile_fields_keep_their_value(field, expected):
    """Each hostile field is where it is said to be, and the record rebuilds, compact or spread out."""
    record = "{" + BASE + "," + field + "}"
    found = values(record)
    assert found == {
        "eventtime": "2024-05-06T07:08:09Z",
        "eventid": "e-1",
        "sourcefile": "AWSLogs/f.json.gz",
        **expected,
    }
    assert_rebuilds(record)
    assert_rebuilds(record.replace(',"', ' ,\n "', 2))


def test_depth_200_and_5_mb_survive():
    """Deep and large free-form fields keep their bytes."""
    deep = "[" * 200 + "]" * 200
    big = '"' + "x" * 5_000_000 + '"'
    found = values("{" + BASE + f',"requestParameters":{{"deep":{deep},"big":{big}}}' + "}")
    assert found["requestparameters"] == f'{{"deep":{deep},"big":{big}}}'


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"{" + BASE.encode() + b',"userAgent":"\xff"}', "not UTF-8: byte 0xff at 65"),
        (b"{" + BASE.encode() + b',"requestParameters":{"a":"\xff"}}', "not UTF-8: byte 0xff at 78"),
        (b'{"eventID":"e"}', "no usable eventTime: missing"),
        (b'{"eventTime":"2024-02-30T00:00:00Z"}', 'no usable eventTime: "2024-02-30T00:00:00Z"'),
        (b'{"eventTime":"2024-W01-1T07:08:09Z"}', 'no usable eventTime: "2024-W01-1T07:08:09Z"'),
        (b'{"eventTime":"2024-127T07:08:09Z"}', 'no usable eventTime: "2024-127T07:08:09Z"'),
        (b'{"eventTime":"2024-5-006T07:08:09Z"}', 'no usable eventTime: "2024-5-006T07:08:09Z"'),
        (b'{"eventTime":["x"]}', 'no usable eventTime: ["x"]'),
        (b'{"eventTime":1714979289}', 'no usable eventTime: "1714979289"'),
        (b"[1]", "not a JSON object: '{' expected at character 0"),
        (b"{" + BASE.encode() + b',"a":NaN}', "not a JSON object: NaN is not JSON"),
        (b"{" + BASE.encode() + b"} {}", "not a JSON object: something follows the object"),
        (b"{" + BASE.encode() + b',"a":' + b"[" * 100_000 + b"}", "nested too deeply to read"),
    ],
)
def test_a_record_without_a_row_says_why(record, reason):
    """What no partition can hold is refused with its reason, never guessed at."""
    with pytest.raises(Unusable) as refused:
        row(record)
    assert str(refused.value) == reason


def test_event_time_is_utc_and_its_text_is_kept():
    """An offset is applied to the partition, and the original text is in extra."""
    found = row('{"eventTime":"2024-05-06T23:30:00.5-01:00","eventID":"e"}')
    assert found.eventdate == "2024-05-07"
    named = {c.name: v for c, v in zip(COLUMNS, MAKER.full(found), strict=True)}
    assert named["eventtime"] == "2024-05-07T00:30:00.500000Z"
    assert json.loads(named["extra"]) == {"eventTime": "2024-05-06T23:30:00.5-01:00"}


def test_event_time_is_cut_to_microseconds_and_its_text_is_kept():
    """More digits than a column can hold are no reason to refuse an event."""
    found = values('{"eventTime":"2024-05-06T07:08:09.123456789Z","eventID":"e"}')
    assert found["eventtime"] == "2024-05-06T07:08:09.123456Z"
    assert json.loads(found["extra"]) == {"eventTime": "2024-05-06T07:08:09.123456789Z"}


@pytest.mark.parametrize("identity", ["", ',"eventID":""', ',"eventID":"sha256:1"', ',"eventID":null'])
def test_a_record_without_an_id_gets_the_hash_of_its_bytes(identity):
    """Two records without eventID are two events, and nobody can claim another's hash."""
    record = '{"eventTime":"2024-05-06T07:08:09Z"' + identity + "}"
    found = values(record)["eventid"]
    assert found.startswith("sha256:")
    assert len(found) == 71
    assert_rebuilds(record)


def _leaf_keys():
    return sorted({key for c in COLUMNS for key in c.path} | {"new", "a.b", "eventname", "x[2]", "\\"})


class Object(list):
    """Pairs to be written as a JSON object, repeated keys and all."""


def objects(inner):
    return st.lists(st.tuples(st.sampled_from(_leaf_keys()) | st.text(max_size=4), inner), max_size=6).map(Object)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.text(max_size=8)
    | st.sampled_from(["\ud800", "\0", '":null', '":', " :"]),
    lambda inner: st.lists(inner, max_size=3) | objects(inner),
    max_leaves=8,
)


def write(value, space: str) -> str:
    if isinstance(value, Object):
        return "{" + ("," + space).join(f"{json.dumps(k)}{space}:{write(v, space)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write(v, space) for v in value) + "]"
    return json.dumps(value)


@settings(max_examples=600, deadline=None)
@given(fields=objects(json_values), space=st.sampled_from(["", "", " ", "\n"]))
def test_any_record_rebuilds_from_its_row(fields, space):
    """Whatever JSON objects CloudTrail may send, the row forgets only null, `{}` and whether a scalar was text."""
    fields = Object([pair for pair in fields if pair[0] not in ("eventTime", "eventID")])
    at = len(fields) // 2
    fields[at:at] = [("eventTime", "2024-05-06T07:08:09Z"), ("eventID", "e-1")]
    assert_rebuilds(write(fields, space))


def documented(inner):
    """A struct's fields as CloudTrail writes them, now and then a wrong one."""
    pairs = [
        st.tuples(st.just(key), documented(node) if isinstance(node, dict) else leaf(key, node))
        for key, node in inner.items()
    ]
    return st.lists(st.one_of(pairs), max_size=8).map(Object)


def leaf(key, at):
    if COLUMNS[at].kind is Kind.JSON:
        return json_values
    flags = st.booleans() if key in ("readOnly", "managementEvent", "mfaAuthenticated") else st.nothing()
    return st.text(max_size=6) | flags | st.sampled_from(["", '"', '":', "\\", None])


@settings(max_examples=1000, deadline=None)
@given(fields=documented(MAKER.tree), space=st.sampled_from(["", "", " ", "\n"]))
def test_both_ways_give_the_same_row_for_any_record(fields, space):
    """Where the fast way answers, the careful one gives the same values and has nothing in extra."""
    record = write(fields, space).encode()
    fast = by_the_fast_way(record)
    if fast is not None:
        assert fast == MAKER._careful(record)


def test_the_fast_way_is_taken_for_documented_records():
    """A record as documented, booleans and empty strings among its fields, does not need the careful way."""
    record = b'{"eventTime":"2024-05-06T07:08:09Z","readOnly":true,"userAgent":"","userIdentity":{"type":"Root"}}'
    assert by_the_fast_way(record) == MAKER._careful(record)


def at_path(value, keys):
    """What stands at a path of an object with repeated keys, the last one of each; None if nothing does."""
    for key in keys:
        found = [inner for name, inner in value if name == key] if isinstance(value, Object) else []
        if not found:
            return None
        value = found[-1]
    return value


PROMOTED = {c.path[1:]: c.name for c in COLUMNS if c.kind is Kind.PROMOTED and c.path[0] == "requestParameters"}


@settings(max_examples=600, deadline=None)
@given(
    fields=st.lists(
        st.tuples(st.sampled_from([path[0] for path in PROMOTED]) | st.just("other"), json_values), max_size=5
    ).map(Object)
)
def test_a_promoted_value_is_what_stands_at_its_path(fields):
    """Strings as their content, numbers and booleans as their text, the rest as JSON; null and {} are nothing."""
    found = values("{" + BASE + ',"requestParameters":' + write(fields, "") + "}")
    for path, name in PROMOTED.items():
        value = at_path(fields, path)
        if (
            value is None
            or (value == Object() and isinstance(value, Object))
            or (isinstance(value, str) and not _utf8(value))
        ):
            expected = None
        else:
            expected = value if isinstance(value, str) else write(value, "")
        assert found.get(name) == expected, path


def _utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def test_promote_names_a_wrong_path():
    """A path outside the free-form fields, and two paths of one column name, are refused in one sentence."""
    with pytest.raises(ValueError, match="'userIdentity.arn' is in no free-form field; start it with one of: "):
        columns(["userIdentity.arn"])
    with pytest.raises(ValueError, match="same column name as requestParameters.Host: requestparameters_host"):
        columns(["requestParameters.Host", "requestParameters.host"])
    for pair in ("requestParameters.a", "requestParameters.a.b.c"), ("requestParameters.a.b.c", "requestParameters.a"):
        with pytest.raises(
            ValueError, match=r"promote: requestParameters.a.b.c lies in requestParameters.a, and both cannot"
        ):
            columns(pair)


def test_60_to_100_paths_are_promoted_and_every_column_is_described():
    """The default list is as large as promised, and no column lacks its sentence."""
    assert 60 <= sum(c.kind is Kind.PROMOTED for c in COLUMNS) <= 100
    assert [c.name for c in COLUMNS if not c.description.endswith(".")] == []
