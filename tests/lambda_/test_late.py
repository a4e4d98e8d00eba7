"""What is flattened late: the Parquet job is told of the folder before the flat file stands in it."""

import gzip
from datetime import date

import pytest

from tests.lambda_.aws import LAKE, LOGS, FakeS3, deadline, failure, flattener, key, messages, name, store
from tests.local.logs import encode, event

DAY = "2024-05-06"
LATE = date(2024, 5, 10)
MARK = f"flatfiles/_late/{DAY}.until-2024-05-11"
FLAT = f"flatfiles/dt={DAY}/{name()}"
LINE = f"ledger/dt={DAY}/{name().removesuffix('.json.gz')}.json"


def log(*records) -> bytes:
    return gzip.compress(b'{"Records":[' + b",".join(map(encode, records)) + b"]}", mtime=0)


@pytest.fixture
def s3() -> FakeS3:
    """With one log file of two events."""
    client = FakeS3()
    client.add(LOGS, key(), log(event("e1"), event("e2")))
    return client


def take(s3, *, today=LATE, object_key=None, **fields):
    return flattener(s3, today=today).take(messages.Ref(LOGS, object_key or key(), **fields), deadline())


def marks(s3) -> list[str]:
    return [k for k in s3.written() if k.startswith("flatfiles/_late/")]


def test_an_old_folder_is_marked_before_it_is_written_into(s3):
    """The mark is an empty object and the first of the puts; below the prefix, encrypted and for the owner as all are."""
    flattener(
        s3, today=LATE, output_prefix="lake/", kms_key="arn:aws:kms:eu-central-1:1:key/k", output_owner="111122223333"
    ).take(messages.Ref(LOGS, key()), deadline())
    puts = [arguments for operation, arguments in s3.calls if operation == "put"]
    assert [put["Key"] for put in puts] == [f"lake/{place}" for place in (MARK, FLAT, LINE)]
    assert s3.objects[LAKE, f"lake/{MARK}"]["Body"] == b""
    assert puts[0] == puts[1] | {"Key": f"lake/{MARK}", "Metadata": {}}


@pytest.mark.parametrize(
    ("today", "marked"),
    [
        (date(2024, 5, 4), ["flatfiles/_late/2024-05-06.until-2024-05-05"]),
        (date(2024, 5, 5), []),
        (date(2024, 5, 6), []),
        (date(2024, 5, 7), []),
        (date(2024, 5, 8), ["flatfiles/_late/2024-05-06.until-2024-05-09"]),
    ],
    ids=["day after tomorrow", "tomorrow", "today", "yesterday", "day before yesterday"],
)
def test_what_every_run_looks_into_is_not_marked(s3, today, marked):
    """The folders of yesterday, today and tomorrow, into which nearly all log files go, cost no request more."""
    take(s3, today=today)
    assert marks(s3) == marked


def test_a_mark_is_put_once_a_day(s3):
    """For one folder and from one environment; the next day has a mark of its own, since the first one ends."""
    days = [LATE]
    made = flattener(s3, today=LATE)
    made._today = lambda: days[0]
    for unique in "abc":
        s3.add(LOGS, key(unique=unique), log(event(unique)))
        made.take(messages.Ref(LOGS, key(unique=unique)), deadline())
    assert [made["Key"] for operation, made in s3.calls if operation == "put"].count(MARK) == 1
    days[0] = date(2024, 5, 11)
    made.take(messages.Ref(LOGS, key()), deadline())
    assert marks(s3) == [MARK, f"flatfiles/_late/{DAY}.until-2024-05-12"]


def test_a_mark_of_another_environment_will_do(s3):
    """It stays as it is, and the file goes on."""
    s3.add(LAKE, MARK, b"")
    before = s3.objects[LAKE, MARK]
    assert take(s3).state == "written"
    assert s3.objects[LAKE, MARK] is before


def test_without_its_mark_nothing_is_written(s3):
    """A mark that S3 refuses fails the message, which comes again: no flat file stands where nobody looks."""
    s3.fail["put"].append(failure(403, "AccessDenied"))
    with pytest.raises(store.Refused, match="_late/"):
        take(s3)
    assert (s3.written(), s3.ledger()) == ([], {})
    take(s3)
    assert s3.written() == [MARK, FLAT]


def test_what_a_rebuild_flattens_anew_is_not_marked(s3):
    """The job has had these rows, and a rebuild reads them by itself: the next load need not read all of it again.

    Whether the flat file is still there makes no difference: they go long before the ledger does.
    """
    take(s3, today=date(2024, 5, 6))
    del s3.objects[LAKE, FLAT]
    assert take(s3, replace=True, rebuild=True).state == "written"
    assert s3.written() == [FLAT]


def test_what_is_replaced_otherwise_is_marked(s3):
    """A backfill with --replace and a replay: as many rows as before, and yet somebody wants the lake to have them."""
    take(s3, today=date(2024, 5, 6))
    assert take(s3, replace=True).state == "written"
    assert marks(s3) == [MARK]


def test_a_rebuild_that_brings_rows_is_marked(s3):
    """A bad file that was mended, a record that an update reads, and a file that the ledger does not know."""
    s3.add(LOGS, key(), b"junk")
    with pytest.raises(Exception, match="not CloudTrail"):
        take(s3, today=date(2024, 5, 6))
    s3.objects[LOGS, key()]["Body"] = log(event("e1"), event("e2"))  # with its ETag, as if an update could read it now
    take(s3, replace=True, rebuild=True)
    assert marks(s3) == [MARK]
    s3.objects[LOGS, key()]["Body"] = log(*(event(f"e{n}") for n in range(3)))
    take(s3, replace=True, rebuild=True, today=date(2024, 5, 20))
    assert marks(s3) == [MARK, f"flatfiles/_late/{DAY}.until-2024-05-21"]
    del s3.objects[LAKE, LINE]
    take(s3, replace=True, rebuild=True, today=date(2024, 5, 30))
    assert marks(s3)[2:] == [f"flatfiles/_late/{DAY}.until-2024-05-31"]


def test_a_line_of_an_older_version_proves_nothing(s3):
    """Without its number of rows the folder is marked."""
    take(s3, today=date(2024, 5, 6))
    del s3.objects[LAKE, LINE]["Metadata"]["rows"]
    take(s3, replace=True, rebuild=True)
    assert marks(s3) == [MARK]
