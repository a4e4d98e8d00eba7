"""One log file becomes one flat file, exactly once, whatever it holds and whatever S3 answers."""

import gzip
import json
from collections import Counter
from datetime import UTC
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from runtime.events import elements
from runtime.events.columns import COLUMNS
from runtime.events.elements import BadFile
from runtime.events.flat import row_version
from runtime.events.quarantine import line as quarantine_line
from runtime.local.ingest import ingest
from runtime.local.lake import Lake
from tests.lambda_.aws import (
    LAKE,
    LOGS,
    FakeS3,
    deadline,
    etag,
    failure,
    flatten,
    flattener,
    key,
    messages,
    name,
    store,
)
from tests.local.logs import encode, event

NAME = name().removesuffix(".json.gz")
FLAT = f"flatfiles/dt=2024-05-06/{NAME}.json.gz"
QUARANTINE = f"quarantine/dt=2024-05-06/{NAME}.json.gz.jsonl"
# of s3://acme-logs/<key()> and of s3://acme-logs/other/<key()>
HASH, OTHER_HASH = "7b691f00", "35d41c50"


def log(*records) -> bytes:
    return gzip.compress(b'{"Records":[' + b",".join(map(encode, records)) + b"]}", mtime=0)


def ref(object_key: str | None = None, bucket: str = LOGS, **fields):
    return messages.Ref(bucket, object_key or key(), **fields)


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3()


def take(s3, reference=None, *seconds, pauses=None, **options):
    return flattener(s3, pauses, **options).take(reference or ref(), deadline(*seconds))


def test_a_log_file_becomes_a_flat_file(s3):
    """Its object, rows and metadata, exactly; sorted by what happened, then as they came."""
    content = log(event("e1", eventSource="s3"), event("e2", eventSource="iam"), event("e3", eventSource="iam"))
    s3.add(LOGS, key(prefix="org/"), content)
    outcome = take(s3, ref(key(prefix="org/")))
    assert s3.written() == [FLAT]
    row = {
        "eventtime": "2024-05-06T07:08:09Z",
        "eventversion": "1.08",
        "eventsource": "iam",
        "eventname": "GetObject",
        "eventid": "e2",
        "recipientaccountid": "111122223333",
        "sourcefile": key(),
    }
    assert s3.lines(FLAT) == [row, {**row, "eventid": "e3"}, {**row, "eventsource": "s3", "eventid": "e1"}]
    assert s3.objects[LAKE, FLAT]["Metadata"] == {
        "source": f"s3://{LOGS}/org/{key()}",
        "etag": etag(content),
        "records": "3",
        "rows": "3",
        "quarantined": "0",
        "row-version": row_version(),
    }
    written = len(s3.objects[LAKE, FLAT]["Body"])
    assert outcome == flatten.Outcome(
        f"s3://{LOGS}/org/{key()}",
        "written",
        output=FLAT,
        records=3,
        rows=3,
        bytes_read=len(content),
        bytes_written=written,
        modified=1715040180.0,
    )


def test_real_files_give_the_local_engines_rows(real_data, s3, tmp_path):
    """Every real record, through the flattener and through the local engine, is the same row."""
    from runtime.local.inputs import find

    expected: Counter[tuple] = Counter()
    flat: Counter[tuple] = Counter()
    names = [column.name for column in COLUMNS]
    ingest([str(real_data)], Lake(tmp_path / "lake"))
    for path in (tmp_path / "lake" / "parquettrails").glob("eventdate=*/*.parquet"):
        for values in pq.read_table(path, partitioning=None).to_pylist():
            instant = values["eventtime"].replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
            expected[(instant, *(values[n] for n in names[1:]))] += 1
    for file in find([str(real_data)]).files:
        s3.add(LOGS, "any/prefix/" + file.key, Path(file.uri).read_bytes())
        take(s3, ref("any/prefix/" + file.key))
    for object_key in s3.written():
        flat.update(tuple(values.get(n) for n in names) for values in s3.lines(object_key))
    assert flat == expected
    assert flat.total() > 1_000


def test_a_bad_record_goes_to_quarantine_and_the_rest_on(s3):
    """Reason and original bytes in quarantine, in the local engine's form; rows of the rest; both counted."""
    records = (event("e1"), b'{"eventID":"e2","eventTime":"soon"}', b'{"eventTime":"\xff"}', event("e4"), b"7")
    s3.add(LOGS, key(), log(*records))
    outcome = take(s3)
    assert (outcome.records, outcome.rows, outcome.quarantined) == (5, 2, 3)
    assert outcome.problem == 'record 2: no usable eventTime: "soon"'
    assert s3.written() == [FLAT, QUARANTINE]
    assert [line["eventid"] for line in s3.lines(FLAT)] == ["e1", "e4"]
    whose = {"kind": "record", "source": f"s3://{LOGS}/{key()}", "key": key()}
    assert s3.lines(QUARANTINE) == [
        {
            **whose,
            "reason": 'no usable eventTime: "soon"',
            "position": 1,
            "record": '{"eventID":"e2","eventTime":"soon"}',
        },
        {**whose, "reason": "not UTF-8: byte 0xff at 14", "position": 2, "record_base64": "eyJldmVudFRpbWUiOiL/In0="},
        {**whose, "reason": "not an object", "position": 4, "record": "7"},
    ]
    assert s3.objects[LAKE, FLAT]["Metadata"]["quarantined"] == "3"


def test_a_file_of_bad_records_only_has_no_flat_file(s3):
    """With no row there is nothing for the Parquet job to read."""
    s3.add(LOGS, key(), log(b"{}"))
    assert take(s3).state == "written"
    assert s3.written() == [QUARANTINE]


def test_bad_records_beyond_measure_are_a_bad_file(s3, monkeypatch):
    """A few KB of gzip hold millions of them: past the limit the file is set aside as a whole, with the first's reason."""
    monkeypatch.setattr(flatten, "QUARANTINE_LIMIT", 5_000)
    s3.add(LOGS, key(), log(event("e1"), *[b"{}"] * 1_000))
    with pytest.raises(BadFile) as refused:
        take(s3)
    each = len(quarantine_line("record", "no usable eventTime: missing", f"s3://{LOGS}/{key()}", key(), 1, b"{}"))
    bad = 5_000 // each + 1
    assert str(refused.value) == (
        f"too many bad records: {bad} of the first {bad + 1} fill the 5,000 bytes that quarantine takes of one file; "
        "record 2: no usable eventTime: missing"
    )
    assert s3.written() == [QUARANTINE]
    assert s3.lines(QUARANTINE) == [
        {"kind": "file", "reason": str(refused.value), "source": f"s3://{LOGS}/{key()}", "key": key()}
    ]
    assert [line["reason"] for line in s3.ledger().values()] == [str(refused.value)]


def test_a_flat_file_that_tmp_would_not_hold_is_refused(s3, monkeypatch):
    """It is counted as it grows, so that the reason is known before the disk is full."""
    monkeypatch.setattr(flatten, "FLAT_LIMIT", 10_000)
    monkeypatch.setattr(flatten, "BATCH_BYTES", 1_000)
    s3.add(LOGS, key(), log(*(event(f"e{n}", filler=sha256(b"%d" % n).hexdigest() * 9) for n in range(3_000))))
    with pytest.raises(BadFile, match="^its flat file is larger than 10,000 bytes; split the log file$"):
        take(s3)
    assert s3.written() == [QUARANTINE]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (log(event("e1"))[:-20], "gzip is cut short"),
        (b"PK\x03\x04", "not CloudTrail: it begins with b'PK\\x03\\x04'"),
        (b"", "empty file"),
        (gzip.compress(b'{"Records":[' + b" " * 3_000_000), "unpacks to more than 2,000,000 bytes"),
    ],
    ids=["cut", "zip", "nothing", "bomb"],
)
def test_a_bad_file_fails_with_its_reason(s3, content, reason):
    """Nothing of it becomes a flat file; its reason stands in quarantine, once however often it is tried."""
    s3.add(LOGS, key(), content)
    for _ in range(2):
        with pytest.raises(BadFile) as refused:
            take(s3, unpacked_limit=2_000_000)
        assert str(refused.value) == reason
    assert s3.written() == [QUARANTINE]
    assert s3.lines(QUARANTINE) == [
        {"kind": "file", "reason": reason, "source": f"s3://{LOGS}/{key()}", "key": key()},
    ]


def test_a_bad_file_after_good_records_gives_none_of_them(s3):
    """What was read before the damage is not written: the file comes again as a whole."""
    many = gzip.compress(b'{"Records":[' + b",".join(encode(event(f"e{n}")) for n in range(20_000)) + b"]}")
    s3.add(LOGS, key(), many[: len(many) * 9 // 10])
    with pytest.raises(BadFile, match="gzip is cut short"):
        take(s3)
    assert s3.written() == [QUARANTINE]


def test_an_empty_log_file_is_said_and_done(s3):
    """CloudTrail delivers files with no records: a line in quarantine, as in the local engine, and no retry."""
    s3.add(LOGS, key(), log())
    assert (take(s3).state, s3.written()) == ("empty", [QUARANTINE])
    assert [line["reason"] for line in s3.lines(QUARANTINE)] == ["no records in it"]


def test_a_missing_object_is_said_and_done(s3):
    """A line of kind `missing`, in the day of the path, else of the message, never of the clock; and no retry."""
    assert take(s3).state == "missing"
    assert take(s3, ref("AWSLogs/odd.json.gz", day="2024-05-08")).state == "missing"
    assert take(s3, ref("AWSLogs/odder.json.gz")).state == "missing"
    assert s3.written() == [
        QUARANTINE,
        "quarantine/dt=2024-05-08/odd.json.gz.jsonl",
        "quarantine/dt=unknown/odder.json.gz.jsonl",
    ]
    assert s3.lines(QUARANTINE) == [
        {
            "kind": "missing",
            "reason": "the object is gone: nothing was read of it",
            "source": f"s3://{LOGS}/{key()}",
            "key": key(),
        }
    ]


def test_a_message_after_the_log_file_is_gone_hides_no_quarantined_record(s3):
    """The line of the missing object gets a name of its own."""
    s3.add(LOGS, key(), log(b"{}"))
    take(s3)
    before = s3.lines(QUARANTINE)
    del s3.objects[LOGS, key()]
    take(s3)
    assert s3.lines(QUARANTINE) == before
    assert s3.written() == [QUARANTINE.replace(".jsonl", f".{HASH}.jsonl"), QUARANTINE]


def test_a_second_message_changes_nothing(s3):
    """412, and HEAD says the same source and ETag: done."""
    s3.add(LOGS, key(), log(event("e1"), b"{}"))
    take(s3)
    before = dict(s3.objects)
    outcome = take(s3)
    assert (outcome.state, outcome.output, outcome.bytes_written) == ("already there", FLAT, 0)
    assert {place: made["Body"] for place, made in s3.objects.items()} == {p: m["Body"] for p, m in before.items()}
    asked = [(operation, made["Key"].split("/")[0]) for operation, made in s3.calls[-5:]]
    flat, ledger = [(o, "flatfiles") for o in ("put", "head")], [(o, "ledger") for o in ("put", "head", "put")]
    assert asked == [*flat, *ledger]


def test_two_files_of_one_name_do_not_hide_each_other(s3):
    """The later one gets its source's hash in its name, before the suffix that tells Spark of the gzip."""
    for prefix, identity in (("", "e1"), ("other/", "e2")):
        s3.add(LOGS, key(prefix=prefix), log(event(identity), b"{}"))
    outcomes = [take(s3, ref(key(prefix=prefix))) for prefix in ("", "other/", "other/")]
    other = f"flatfiles/dt=2024-05-06/{NAME}.{OTHER_HASH}.json.gz"
    assert [(o.state, o.output) for o in outcomes] == [("written", FLAT), ("written", other), ("already there", other)]
    assert [line["eventid"] for line in s3.lines(FLAT) + s3.lines(other)] == ["e1", "e2"]
    assert s3.written() == sorted(
        [FLAT, other, QUARANTINE, QUARANTINE.replace(".jsonl", f".{OTHER_HASH}.jsonl")],
    )


def test_a_log_file_that_changed_is_flattened_beside_the_first(s3):
    """Same source, other ETag: nothing of any content is lost, however often it changes, and names tell the order."""
    for number in range(11):
        content = log(event(f"e{number}"))
        s3.add(LOGS, key(), content)
        assert take(s3).state == "written"
        assert take(s3).state == "already there"
    content_hash = sha256(etag(content).encode()).hexdigest()[:8]
    first = ["", f".{HASH}", *(f".{HASH}.{number}" for number in range(2, 10))]
    names = [f"flatfiles/dt=2024-05-06/{NAME}{middle}.json.gz" for middle in [*first, f".{HASH}.{content_hash}"]]
    assert {k: [line["eventid"] for line in s3.lines(k)] for k in s3.written()} == {
        name: [f"e{number}"] for number, name in enumerate(names)
    }
    assert sorted(s3.written(), key=lambda name: (len(name), name)) == names  # the order that the Parquet job goes by


def test_the_version_that_the_message_names_is_read(s3):
    """Overwritten and then deleted before the messages come: both contents are flattened, each once."""
    for version, identity in (("v1", "e1"), ("v2", "e2")):
        s3.add(LOGS, key(), log(event(identity)), version)
    del s3.objects[LOGS, key()]
    for state in ("written", "already there"):
        assert [take(s3, ref(version=version)).state for version in ("v1", "v2")] == [state, state]
    assert [line["eventid"] for k in (FLAT, FLAT.replace(".json", f".{HASH}.json")) for line in s3.lines(k)] == [
        "e1",
        "e2",
    ]
    assert len(s3.written()) == len(s3.ledger()) == 2
    assert [line["reason"] for line in s3.ledger().values()] == [None, None]


def test_one_content_is_flattened_once_whatever_tells_of_it(s3):
    """A message with a version, one without, and one of a second version with the same bytes: source and ETag count."""
    for version in ("v1", "v2"):
        s3.add(LOGS, key(), log(event("e1")), version)
    references = [ref(version="v1"), ref(), ref(version="v2")]
    assert [take(s3, reference).state for reference in references] == ["written", "already there", "already there"]


def test_a_version_that_is_gone_is_missing(s3):
    """What is there now has a message of its own."""
    s3.add(LOGS, key(), log(event("e2")), "v2")
    assert take(s3, ref(version="v1")).state == "missing"
    assert s3.written() == [QUARANTINE]


def test_a_version_that_must_not_be_read_is_named(s3):
    """The role has s3:GetObject, but not s3:GetObjectVersion: the reason says that it is about a version."""
    s3.fail["get"].append(failure(403, "AccessDenied", "GetObject"))
    with pytest.raises(store.Refused, match=rf"^reading s3://{LOGS}/{key()}, version v1: .*AccessDenied"):
        take(s3, ref(version="v1"))


def test_replay_of_a_damaged_version_takes_what_is_there_now(s3):
    """A mended log file, put in the place of the damaged one, ends the dead letter that names the damaged one."""
    s3.add(LOGS, key(), b"junk", "v1")
    for reference in (ref(version="v1"), ref(version="v1", replace=True)):
        with pytest.raises(BadFile, match="^not CloudTrail: it begins with b'junk'$"):
            take(s3, reference)
    s3.add(LOGS, key(), log(event("e1")), "v2")
    with pytest.raises(BadFile):
        take(s3, ref(version="v1"))
    assert s3.written() == [QUARANTINE]
    assert take(s3, ref(version="v1", replace=True)).state == "written"
    assert s3.written() == [FLAT]


def test_replay_of_a_version_leaves_what_was_set_aside_of_another(s3):
    """That one version has nothing to set aside says nothing of the other's records."""
    s3.add(LOGS, key(), log(event("e1")), "v1")
    s3.add(LOGS, key(), log(event("e2"), b"{}"), "v2")
    take(s3, ref(version="v2"))
    before = s3.lines(QUARANTINE)
    take(s3, ref(version="v1", replace=True))
    assert s3.lines(QUARANTINE) == before
    assert len(s3.written()) == 3


def test_names_that_others_have_taken_are_refused(s3):
    """Objects that are nobody's work of ours are never written over."""
    content = log(event("e1"))
    s3.add(LOGS, key(), content)
    content_hash = sha256(etag(content).encode()).hexdigest()[:8]
    for middle in ("", f".{HASH}", *(f".{HASH}.{number}" for number in range(2, 10)), f".{HASH}.{content_hash}"):
        s3.add(LAKE, f"flatfiles/dt=2024-05-06/{NAME}{middle}.json.gz", b"whose?")
    before = dict(s3.objects)
    with pytest.raises(store.Refused, match="other files have taken its names"):
        take(s3)
    assert s3.objects == before


def test_replace_flattens_anew(s3):
    """`replace` writes over the object of the same source and content, and no other."""
    s3.add(LOGS, key(), log(event("e1", requestParameters={"bucketName": "b"})))
    s3.add(LOGS, key(prefix="other/"), log(event("e2")))
    take(s3, promote=())
    outcome = take(s3, ref(replace=True))
    assert (outcome.state, outcome.output) == ("written", FLAT)
    assert s3.lines(FLAT)[0]["requestparameters_bucketname"] == "b"
    assert s3.objects[LAKE, FLAT]["Metadata"]["row-version"] == row_version()
    take(s3, ref(key(prefix="other/"), replace=True))
    assert s3.lines(FLAT)[0]["eventid"] == "e1"


def test_a_mended_log_file_leaves_quarantine(s3):
    """Flattened anew with nothing to set aside, a file's lines leave quarantine; another file's of that name stay."""
    s3.add(LOGS, key(), b"junk")
    s3.add(LOGS, key(prefix="other/"), b"other junk")
    for prefix in ("", "other/"):
        with pytest.raises(BadFile):
            take(s3, ref(key(prefix=prefix)))
    assert len([k for _, k in s3.objects if k.startswith("quarantine/")]) == 2
    s3.add(LOGS, key(), log(event("e1")))
    take(s3, ref(replace=True))
    assert [json.loads(o["Body"])["source"] for (_, k), o in s3.objects.items() if k.startswith("quarantine/")] == [
        f"s3://{LOGS}/{key(prefix='other/')}"
    ]


def test_a_log_file_that_was_mended_at_last_leaves_quarantine_whole(s3):
    """However often its content changed and was no use: nothing of it stays, to come back with every replay."""
    for content in (b"junk", b"other junk", b"more", b"and more"):
        s3.add(LOGS, key(), content)
        with pytest.raises(BadFile):
            take(s3)
    assert len([k for _, k in s3.objects if k.startswith("quarantine/")]) == 4
    s3.add(LOGS, key(), log(event("e1")))
    take(s3, ref(replace=True))
    assert [k for _, k in s3.objects if k.startswith("quarantine/")] == []


@pytest.mark.parametrize(
    "error",
    [
        failure(409, "ConditionalRequestConflict"),
        failure(503, "SlowDown"),
        failure(500, "InternalError"),
        failure(400, "KMS.ThrottlingException"),
        ReadTimeoutError(endpoint_url="https://s3"),
        EndpointConnectionError(endpoint_url="https://s3"),
    ],
    ids=["409", "503", "500", "KMS", "timeout", "connection"],
)
@pytest.mark.parametrize("operation", ["get", "put", "head"])
def test_what_passes_is_tried_again(s3, operation, error):
    """Throttling, 5xx, conflicts and broken connections cost a growing pause, and the result is the same."""
    s3.add(LOGS, key(), log(event("e1")))
    if operation == "head":
        take(s3)
    s3.fail[operation].extend([error, error])
    pauses: list[float] = []
    outcome = take(s3, pauses=pauses)
    assert (outcome.output, outcome.rows) == (FLAT, 1)
    assert [line["eventid"] for line in s3.lines(FLAT)] == ["e1"]
    assert len(pauses) == 2
    assert 0.05 <= pauses[0] <= 0.1 <= pauses[1] <= 0.2


def test_a_log_file_that_breaks_off_is_read_again(s3):
    """A connection that ends early is no cut gzip: the object is read anew, from its beginning."""
    content = log(*(event(f"e{n}") for n in range(3)), b"{}")
    s3.add(LOGS, key(), content)
    whole = s3.get_object

    def breaks_once(**arguments):
        s3.get_object = whole
        got = whole(**arguments)
        got["Body"]._raw_stream.read(len(content) // 2)  # half is lost on the way: too few bytes arrive
        got["Body"]._amount_read = 0
        return got

    s3.get_object = breaks_once
    pauses: list[float] = []
    assert take(s3, pauses=pauses).rows == 3
    assert len(pauses) == 1
    assert len(s3.lines(QUARANTINE)) == 1


def test_trying_again_ends_with_the_time(s3):
    """When a pause would reach into the reserve, the message is given back."""
    s3.add(LOGS, key(), log(event("e1")))
    s3.fail["put"].extend([failure(503, "SlowDown")] * 9)
    with pytest.raises(store.OutOfTime, match="S3 still says after 2 attempts: .*SlowDown"):
        take(s3, None, 300, 300, 20.01, pauses=[])
    assert s3.written() == []


def test_trying_again_ends_after_eight_attempts(s3):
    """One key that S3 keeps refusing does not eat the whole batch's time."""
    s3.add(LOGS, key(), log(event("e1")))
    s3.fail["get"].extend([failure(503, "SlowDown")] * 9)
    pauses: list[float] = []
    with pytest.raises(store.OutOfTime, match="after 8 attempts"):
        take(s3, pauses=pauses)
    assert len(pauses) == 7
    assert sum(pauses) < 15


def test_what_cannot_pass_is_not_tried_again(s3):
    """Access denied is the operator's to mend: one attempt, and a reason that names the object."""
    s3.add(LOGS, key(), log(event("e1")))
    s3.fail["get"].append(failure(403, "AccessDenied", "GetObject"))
    pauses: list[float] = []
    with pytest.raises(store.Refused, match=rf"reading s3://{LOGS}/{key()}: .*AccessDenied.*GetObject"):
        take(s3, pauses=pauses)
    assert pauses == []


@pytest.mark.parametrize(
    "content",
    [log(*(event(f"e{n}") for n in range(1_000))), log(*[b"{}"] * 1_000), b'{"Records":[' + b" " * 200_000 + b"]}"],
    ids=["rows", "bad records", "white space"],
)
def test_time_that_runs_out_in_a_file_writes_nothing(s3, monkeypatch, content):
    """A file too large for what is left is given up between two batches of lines, or of bytes that make no line."""
    monkeypatch.setattr(flatten, "BATCH_BYTES", 1)
    s3.add(LOGS, key(), content)
    with pytest.raises(store.OutOfTime, match=r"20\.0 s left before the timeout"):
        take(s3, None, 300, 300, 20)
    assert s3.written() == []


@pytest.mark.parametrize(
    ("bucket", "object_key", "why"),
    [
        (LOGS, f"AWSLogs/1/CloudTrail-Digest/eu/2024/{name().replace('CloudTrail', 'CloudTrail-Digest')}", "digest"),
        (LOGS, f"AWSLogs/111122223333/CloudTrail-Aggregated/eu-central-1/2024/05/06/{name()}", "aggregated"),
        (LOGS, "AWSLogs/111122223333/", "no log"),
        (LOGS, "AWSLogs/111122223333/CloudTrail/README.md", "no log"),
        (LOGS, "o-a/AWSLogs/o-a/111122223333/Config/us-east-1/2024/5/6/ConfigHistory/x.json.gz", "other service"),
        (LOGS, "AWSLogs/111122223333/vpcflowlogs/us-east-1/2024/05/06/x.log.gz", "other service"),
        (LAKE, "lake/flatfiles/dt=2024-05-06/x.json.gz", "own output"),
        (LAKE, "lake/quarantine/dt=2024-05-06/x.json.gz.jsonl", "own output"),
        (LAKE, "lake/parquettrails/eventdate=2024-05-06/x.json", "own output"),
    ],
)
def test_what_holds_no_events_is_skipped_unread(s3, bucket, object_key, why):
    """Digests, aggregated events, other services' files, own output and what is no log: not one request."""
    outcome = take(s3, ref(object_key, bucket), output_prefix="lake/")
    assert (outcome.state, outcome.why, s3.calls) == ("skipped", why, [])


def test_log_and_lake_may_share_a_bucket(s3):
    """Only what lies below the own prefix is own output."""
    s3.add(LAKE, key(prefix="flatfiles/"), log(event("e1")))
    outcome = take(s3, ref(key(prefix="flatfiles/"), LAKE), output_prefix="lake/")
    assert outcome.output == f"lake/{FLAT}"


@pytest.mark.parametrize(
    ("end", "stem"),
    [
        ("_hidden.json.gz", "hidden"),
        (".hidden.json.gz", "hidden"),
        ("a b:c*[é]\n.json.gz", "a_b_c_____"),
        ("plain.json", "plain"),
        ("other.gz", "other"),
        ("..gz", "gz"),
        ("x" * 300 + ".json.gz", "x" * 192),
    ],
)
def test_hostile_names_are_tamed(s3, end, stem):
    """Spark would not read names in `_` or `.`, and trips over `:` and globs; the day is LastModified's."""
    s3.add(LOGS, f"AWSLogs/{end}", log(event("e1")))
    assert take(s3, ref(f"AWSLogs/{end}")).output == f"flatfiles/dt=2024-05-07/{stem}.json.gz"
    assert s3.lines(f"flatfiles/dt=2024-05-07/{stem}.json.gz")[0]["sourcefile"] == f"AWSLogs/{end}"


def test_metadata_takes_any_key(s3):
    """Metadata is ASCII and short: a key of 1,024 odd bytes is told apart by its hash."""
    long = "AWSLogs/" + "é" * 500 + "/" + name()
    for object_key in (f"AWSLogs/é+%/{name()}", long):
        s3.add(LOGS, object_key, log(event("e1")))
        take(s3, ref(object_key))
    sources = sorted(s3.objects[LAKE, k]["Metadata"]["source"] for k in s3.written())
    assert sources[0] == f"s3://{LOGS}/AWSLogs/%C3%A9%2B%25/{name()}"
    assert sources[1].startswith("sha256:")
    assert len(sources[1]) == 71


def test_the_day_is_the_names_only_if_there_is_one(s3):
    """A CloudTrail name that only looks like a date is filed by LastModified."""
    odd = key("20241399T0710Z")
    s3.add(LOGS, odd, log(event("e1")))
    assert take(s3, ref(odd)).output.startswith("flatfiles/dt=2024-05-07/")


@pytest.mark.parametrize("end", ["part-1.json.gz", "merged/part-1.json.gz"])
def test_a_file_of_another_name_has_the_day_of_its_folders(s3, end):
    """What was merged or renamed is filed where a rebuild of its day looks, not where it was copied: all of it."""
    renamed = f"{key().rsplit('/', 1)[0]}/{end}"
    s3.add(LOGS, renamed, log(event("e1"), {}))
    assert take(s3, ref(renamed)).output == "flatfiles/dt=2024-05-06/part-1.json.gz"
    assert s3.written()[1:] == ["quarantine/dt=2024-05-06/part-1.json.gz.jsonl"]
    assert list(s3.ledger()) == ["ledger/dt=2024-05-06/part-1.json"]


def test_owners_and_keys_go_with_every_request(s3):
    """Reads name the log bucket's owner; writes and HEAD the lake's, and writes the KMS key and the condition."""
    s3.add(LOGS, key(), log(event("e1")))
    kms = "arn:aws:kms:eu-central-1:111122223333:key/k"
    for _ in range(2):
        take(s3, log_owner="444455556666", output_owner="111122223333", kms_key=kms)
    asked = [(op, {k: v for k, v in a.items() if k not in ("Bucket", "Key", "Metadata")}) for op, a in s3.calls]
    lake = {"ExpectedBucketOwner": "111122223333"}
    put = {**lake, "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms, "IfNoneMatch": "*"}
    get = ("get", {"ExpectedBucketOwner": "444455556666"})
    written = [("put", put), ("put", put)]
    again = [("put", put), ("head", lake)]
    over = ("put", {k: v for k, v in put.items() if k != "IfNoneMatch"})
    assert asked == [get, *written, get, *again, *again, over]


def test_lines_are_sorted_across_no_batch(s3, monkeypatch):
    """Each batch is sorted by itself, so that memory stays flat; no line is lost at its seams."""
    monkeypatch.setattr(flatten, "BATCH_BYTES", 600)
    monkeypatch.setattr(elements, "CHUNK", 600)
    s3.add(LOGS, key(), log(*(event(f"e{n}", eventSource=f"s{9 - n}") for n in range(10))))
    assert take(s3).rows == 10
    lines = [line["eventid"] for line in s3.lines(FLAT)]
    assert lines == ["e2", "e1", "e0", "e6", "e5", "e4", "e3", "e9", "e8", "e7"]


def test_quarantine_is_json_whatever_the_bytes(s3):
    """Control characters and line ends in a record stay inside its JSON string."""
    s3.add(LOGS, key(), log(b'{"eventTime":"\\u001b[31m\\n"}', b'{"x":\n1}'))
    take(s3)
    body = s3.objects[LAKE, QUARANTINE]["Body"]
    assert body.count(b"\n") == 2
    assert [json.loads(line)["record"] for line in body.splitlines()] == ['{"eventTime":"\\u001b[31m\\n"}', '{"x":\n1}']
