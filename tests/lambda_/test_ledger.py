"""The flattener's lines of the ledger: one for every log file, whatever became of it."""

import gzip
from contextlib import suppress

import pytest

from runtime.events.elements import BadFile
from runtime.events.ledger import LINE_COLUMNS
from tests.lambda_.aws import ACCOUNT, LOGS, FakeS3, deadline, failure, flattener, key, messages, name, store
from tests.local.logs import encode, event

LINE = f"ledger/dt=2024-05-06/{name().removesuffix('.json.gz')}.json"
HASH = "7b691f00"  # of s3://acme-logs/<key()>
NONE = dict.fromkeys(("reason", "problem"))


def log(*records) -> bytes:
    return gzip.compress(b'{"Records":[' + b",".join(map(encode, records)) + b"]}", mtime=0)


def take(s3, object_key=None, *seconds, **options):
    made = flattener(s3, **{k: v for k, v in options.items() if k == "unpacked_limit"})
    fields = {k: v for k, v in options.items() if k != "unpacked_limit"}
    return made.take(messages.Ref(LOGS, object_key or key(), **fields), deadline(*seconds))


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3()


def line_of(content: bytes, **found) -> dict:
    """The whole line of the log file key()."""
    counts = dict.fromkeys(("records", "rows", "quarantined"), 0)
    place = {"uri": f"s3://{LOGS}/{key()}", "key": key(), "account": ACCOUNT, "region": "eu-central-1"}
    return place | counts | NONE | {"bytes": len(content), "delivered": "2024-05-07T00:03:00+00:00"} | found


def test_each_log_file_has_a_line(s3):
    """Counts that balance, why the first record was set aside, and what the file's name says; once, however often."""
    content = log(event("e1"), b"{}", event("e2"))
    s3.add(LOGS, key(), content)
    found = {"records": 3, "rows": 2, "quarantined": 1, "problem": "record 2: no usable eventTime: none"}
    for _ in range(2):
        outcome = take(s3)
        assert s3.ledger() == {LINE: line_of(content, **found | {"problem": outcome.problem})}
    assert set(s3.ledger()[LINE]) == set(LINE_COLUMNS)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "empty file"), (log(), "no records in it")], ids=["bad", "empty"]
)
def test_a_file_of_no_use_has_a_line_with_its_reason(s3, content, reason):
    """Counts are 0; whether the message fails or is done makes no difference."""
    s3.add(LOGS, key(), content)
    with suppress(BadFile):
        take(s3)
    assert s3.ledger() == {LINE: line_of(content, reason=reason)}


def test_a_missing_file_has_a_line(s3):
    """Of no size and delivery, in the day that its quarantine line is in; it hides none of the same file."""
    take(s3, "AWSLogs/odd.json.gz", day="2024-05-08")
    reason = "the object is gone: nothing was read of it"
    odd = {"uri": f"s3://{LOGS}/AWSLogs/odd.json.gz", "key": "AWSLogs/odd.json.gz", "account": None, "region": None}
    assert s3.ledger() == {
        "ledger/dt=2024-05-08/odd.json": line_of(b"", reason=reason, delivered=None) | odd | {"bytes": 0}
    }
    content = log(event("e1"))
    s3.add(LOGS, key(), content)
    take(s3)
    del s3.objects[LOGS, key()]
    take(s3)
    lines = s3.ledger()
    assert lines[LINE] == line_of(content, records=1, rows=1)
    assert lines[LINE.replace(".json", f".{HASH}.json")]["reason"] == reason


def test_a_file_that_becomes_readable_loses_its_reason(s3):
    """Same content, larger limit: the line is written over."""
    content = log(*(event(f"e{n}", filler="x" * 300) for n in range(5_000)))
    s3.add(LOGS, key(), content)
    with pytest.raises(BadFile):
        take(s3, unpacked_limit=1_000_000)
    assert s3.ledger()[LINE]["reason"] == "unpacks to more than 1,000,000 bytes"
    take(s3)
    assert s3.ledger() == {LINE: line_of(content, records=5_000, rows=5_000)}


def test_the_line_comes_last_and_its_failure_is_none_of_the_files(s3):
    """Where a line stands its flat file does too; without the line the message comes again and finds the flat file."""
    content = log(event("e1"))
    s3.add(LOGS, key(), content)
    s3.fail["put"].extend([None, failure(403, "AccessDenied")])
    with pytest.raises(store.Refused, match="ledger/"):
        take(s3)
    assert (len(s3.written()), s3.ledger()) == (1, {})
    assert take(s3).state == "already there"
    assert s3.ledger() == {LINE: line_of(content, records=1, rows=1)}


def test_the_ledger_is_no_log(s3):
    """Where logs and lake share a bucket, a line that arrives as a message is skipped."""
    outcome = flattener(s3).take(messages.Ref("acme-lake", LINE), deadline())
    assert (outcome.state, outcome.why) == ("skipped", "own output")
