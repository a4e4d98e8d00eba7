"""The job takes every line to exactly one place, once, whatever the flat files hold and however often it runs."""

import gzip
import importlib
import json
import os
import re
import shutil
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("pyspark")

from py4j.protocol import Py4JJavaError

from runtime.events import late
from runtime.events.columns import COLUMNS, PARTITION
from runtime.events.row import RowMaker
from runtime.glue import layout, parse, source, write
from runtime.glue.storage import storage
from tests.glue.flat import flatten_each, line, put
from tests.lambda_.aws import key
from tests.local.logs import encode, event

MAKER = RowMaker()
DAY = "2024-05-06"
COUNTS = ("read", "written", "duplicates", "duplicate_differs", "quarantined")


def flat(identity: str, time: str = f"{DAY}T07:08:09Z", file: str = "f1", maker: RowMaker = MAKER, **fields) -> bytes:
    return line(maker, encode(event(identity, time, **fields)), f"AWSLogs/{file}.json.gz")


def counts(metrics: dict) -> tuple[int, ...]:
    return tuple(metrics[name] for name in COUNTS)


def test_every_line_goes_to_one_place(job):
    """New rows to their own day, equal copies counted, others set aside, broken lines and files quarantined: once."""
    no_account = json.dumps({"eventtime": f"{DAY}T01:00:00.000001Z", "eventid": "no-account"}).encode() + b"\n"
    same_id = flat("e1", account="999988887777")
    put(job.source, DAY, "f1", flat("e2"), flat("e1"), flat("e1"), same_id, b"\n", no_account, no_account)
    put(
        job.source,
        "2024-05-07",
        "f2",
        flat("e1", file="f2"),  # an equal copy in another log file
        flat("e1", file="f0", userAgent="differs"),  # first by its log file's name: this one is kept
        flat("e3", "2019-01-02T03:04:05Z", file="f2"),  # late by years
        flat("e4", f"{DAY}T23:59:59.999999Z", file="f2"),
        flat("e4", f"{DAY}T23:59:59Z", file="f2"),  # same event, other time
        b'{"eventid":"cut\n',
        b"[1]\n",
        b'{"eventid":"x"}\n',
        b'{"eventid":"x","eventtime":"2024-13-01T00:00:00Z"}\n',
        b'{"eventid":"x","eventtime":"2024-01"}\n',
        b'{"eventtime":"2024-01-01T00:00:00Z"}\n',
        b'{"eventid":"caf\xe9\n',
    )
    damaged = put(job.source, DAY, "f3", flat("lost"))
    damaged.write_bytes(damaged.read_bytes()[:-5])
    first = job.run()
    assert counts(first) == (18, 6, 1, 4, 7)
    assert job.rows("eventid", "recipientaccountid", "useragent", "sourcefile", "eventtime") == [
        ("2019-01-02", "e3", "111122223333", None, "AWSLogs/f2.json.gz", datetime(2019, 1, 2, 3, 4, 5)),
        (DAY, "e1", "111122223333", "differs", "AWSLogs/f0.json.gz", datetime(2024, 5, 6, 7, 8, 9)),
        (DAY, "e1", "999988887777", None, "AWSLogs/f1.json.gz", datetime(2024, 5, 6, 7, 8, 9)),
        (DAY, "e2", "111122223333", None, "AWSLogs/f1.json.gz", datetime(2024, 5, 6, 7, 8, 9)),
        (DAY, "e4", "111122223333", None, "AWSLogs/f2.json.gz", datetime(2024, 5, 6, 23, 59, 59, 999999)),
        (DAY, "no-account", None, None, None, datetime(2024, 5, 6, 1, 0, 0, 1)),
    ]
    assert (first["flatfiles"], first["flatfiles_set_aside"]) == (2, 1)
    assert (first["files"], first["partitions"], len(job.files())) == (2, 2, 2)
    assert first["written_bytes"] == sum((job.lake / "parquettrails" / name).stat().st_size for name in job.files())
    assert not damaged.exists()
    lines = job.quarantine()
    differing = [(q["key"], q["row"]["eventid"]) for q in lines if q["kind"] == "duplicate-differs"]
    assert sorted(differing) == [("AWSLogs/f1.json.gz", "e1")] * 2 + [("AWSLogs/f2.json.gz", i) for i in ("e1", "e4")]
    broken = [(q["reason"], q.get("line")) for q in lines if q["kind"] == "line"]
    assert sorted(broken, key=str) == [
        ("eventtime is no time", '{"eventid":"x","eventtime":"2024-01"}'),
        ("eventtime is no time", '{"eventid":"x","eventtime":"2024-13-01T00:00:00Z"}'),
        ("no eventid", '{"eventtime":"2024-01-01T00:00:00Z"}'),
        ("no eventtime", '{"eventid":"x"}'),
        ("not one JSON object of text values", "[1]"),
        ("not one JSON object of text values", '{"eventid":"cut'),
        ("not one JSON object of text values", None),
    ]
    assert [q["source"].rsplit("/", 1)[1] for q in lines if q["kind"] == "line"] == ["f2.gz"] * 7

    # Again, all of it and something new: the lake's rows stay what they are, what is equal to them is a duplicate.
    put(job.source, DAY, "f4", flat("new", file="f4"), flat("e2", file="f4"), flat("e2", file="f4", userAgent="other"))
    before = job.rows("eventid", "sourcefile")
    again = job.run()
    assert counts(again) == (21, 1, 8, 5, 7)
    assert job.rows("eventid", "sourcefile") == sorted([*before, (DAY, "new", "AWSLogs/f4.json.gz")])
    assert job.left() == []


def test_of_a_log_file_that_was_changed_the_first_content_stays(job):
    """By the names that the flattener gives: in a load, in a rebuild of it, and in one that no lake's rows guide."""

    def log(version: int, *identities: str) -> bytes:
        records = b",".join(encode(event(identity, userAgent=f"content {version}")) for identity in identities)
        return gzip.compress(b'{"Records":[' + records + b"]}", mtime=0)

    for n in "abcd":
        contents = [log(1, f"{n}-1"), log(2, f"{n}-1"), log(3, f"{n}-1", f"{n}-3"), log(4, f"{n}-3")]
        flatten_each(job.source.parent, key(unique=n * 16), *contents)
    first = [(DAY, f"{n}-{version}", f"content {version}") for n in "abcd" for version in (1, 3)]
    assert counts(job.run()) == (20, 8, 0, 12, 0)
    assert job.rows("eventid", "useragent") == first
    metrics = job.run("--rebuild", f"{DAY}..{DAY}")
    assert (counts(metrics), metrics["replaced_differs"]) == ((20, 8, 0, 12, 0), 0)
    assert job.rows("eventid", "useragent") == first
    job.lake = job.lake.parent / "new-lake"
    assert counts(job.run("--rebuild", f"{DAY}..{DAY}")) == (20, 8, 0, 12, 0)
    assert job.rows("eventid", "useragent") == first


FAKE = Path(__file__).parent / "fake"
BROKEN = "not one JSON object of text values"
WHOLE = flat("good").rstrip(b"\n")


@pytest.fixture(params=["plain", "glue", "glue-cuts-at-cr"])
def reader(request, job, monkeypatch) -> list[str]:
    """Arguments that have the job read with plain Spark, or with the two ways that Glue's reader may take."""
    if request.param == "plain":
        return []
    monkeypatch.setenv("FAKE_BOOKMARK", str(job.lake.parent / "bookmark.json"))
    monkeypatch.syspath_prepend(FAKE)
    context = importlib.import_module("awsglue.context")
    monkeypatch.setattr(context.GlueContext, "cuts_at_cr", request.param == "glue-cuts-at-cr")
    return ["--JOB_NAME", "j", "--namespace", ""]


@pytest.mark.parametrize("reader", ["glue"], indirect=True)
def test_bookmarks_go_by_the_time_of_a_flat_file(job, reader):
    """On Glue, what was flattened anew is read again, and what is older than a run is not, in whatever folder."""
    put(job.source, DAY, "f1", flat("e1"))
    put(job.source, DAY, "f2", flat("e2"))
    assert counts(job.run(*reader)) == (2, 2, 0, 0, 0)
    old = put(job.source, "2024-05-01", "f0", flat("old"))
    os.utime(old, (1, 1))
    assert counts(job.run(*reader)) == (0, 0, 0, 0, 0)
    put(job.source, DAY, "f1", flat("e1"), flat("e3"))
    assert counts(job.run(*reader)) == (2, 1, 1, 0, 0)
    old.touch()
    assert counts(job.run(*reader)) == (1, 1, 0, 0, 0)


def broken(job) -> list[tuple]:
    """(flat file, reason, bytes) of each line in quarantine."""
    return sorted(
        (q["source"].rsplit("/", 1)[1], q["reason"], q["line"].encode() if "line" in q else b64decode(q["line_base64"]))
        for q in job.quarantine()
    )


def test_a_line_is_one_object_and_nothing_else(job, reader):
    """An object with anything behind or before it, another object above all, goes to quarantine whole: no part is lost."""
    other = flat("other").rstrip(b"\n")
    bad = [
        WHOLE + other,
        WHOLE + b" " + other,
        WHOLE + b"," + other,
        WHOLE + b',"b":"2"',
        WHOLE + b" garbage",
        WHOLE + b"]",
        WHOLE + b"}",
        WHOLE + b",",
        WHOLE + b"],[" + other,
        WHOLE + b',"b":null',
        WHOLE + b',"b":{"c":"2"}',
        WHOLE + b'},"b":{"c":"2"',
        WHOLE + b"\0",
        WHOLE + b"\x01" + other,
        b"," + WHOLE,
        b"[" + WHOLE + b"]",
        b"\x01" + WHOLE,
        b"",
    ]
    put(job.source, DAY, "f", *(line + b"\n" for line in bad), flat("e1"), b" " + flat("e2"))
    metrics = job.run(*reader)
    assert counts(metrics) == (19, 2, 0, 0, 17)
    assert [row[1] for row in job.rows("eventid")] == ["e1", "e2"]
    assert broken(job) == sorted(("f.gz", BROKEN, line) for line in bad if line)


def test_a_line_that_is_not_utf_8(job):
    """Bytes that are no text are kept as they are, in quarantine, and not replaced by a mark in a row."""
    bad = [WHOLE.replace(b"good", byte) for byte in (b"caf\xe9", b"\xff", b"\x80", b"\xed\xa0\x80")]
    put(job.source, DAY, "f", *(line + b"\n" for line in bad), flat("caf\u00e9"))
    assert counts(job.run()) == (5, 1, 0, 0, 4)
    assert [row[1] for row in job.rows("eventid")] == ["caf\u00e9"]
    assert broken(job) == sorted(("f.gz", "not UTF-8", line) for line in bad)


def test_a_bare_cr_loses_nothing(job, reader):
    """Rows beside a CR come in, the rest goes to quarantine, whether the reader takes a CR for the end of a line or not."""
    is_cut = "--JOB_NAME" in reader and importlib.import_module("awsglue.context").GlueContext.cuts_at_cr
    one, two, three = (flat(f"e{n}").rstrip(b"\n") for n in (1, 2, 3))
    within = WHOLE.replace(b'"good"', b'"go\rod"')
    lines = [b"junk\r" + one, two + b"\r" + three, within, flat("e4").rstrip(b"\n") + b"\r", b"\r"]
    put(job.source, DAY, "f", *(line + b"\n" for line in lines))
    metrics = job.run(*reader)
    if is_cut:
        assert counts(metrics) == (7, 4, 0, 0, 3)
        assert [row[1] for row in job.rows("eventid")] == ["e1", "e2", "e3", "e4"]
        lost = [b"junk", *within.split(b"\r")]
    else:
        assert counts(metrics) == (5, 1, 0, 0, 4)
        assert [row[1] for row in job.rows("eventid")] == ["e4"]
        lost = [*lines[:3], b"\r"]
    assert broken(job) == sorted(("f.gz", BROKEN, line) for line in lost)


def test_keys_found_by_search_are_those_of_the_parse(spark, job):
    """For every line that is a row, however it is written, the first pass finds the event that the second parses."""
    plain = json.loads(flat("e1"))
    odd = [
        json.dumps(plain),  # spaces
        json.dumps(dict(reversed(plain.items())), separators=(",", ":")),
        json.dumps(plain | {"eventid": 'quo"te'}, separators=(",", ":")),
        json.dumps(plain | {"eventid": "\u00e9\u20ac"}, separators=(",", ":")),
        json.dumps(plain | {"eventid": "\u00e9\u20ac"}, separators=(",", ":"), ensure_ascii=False),
        json.dumps(plain | {"eventid": "{"}, separators=(",", ":")),
        json.dumps(plain | {"recipientaccountid": ""}, separators=(",", ":")),
        json.dumps(plain | {"useragent": '{"eventid":"other","recipientaccountid":"other"}'}, separators=(",", ":")),
        json.dumps(plain | {"useragent": '"eventid":"other"', "zz": "eventid"}, separators=(",", ":")),
        '{"eventid":"first","eventid":"last","eventtime":"2024-05-06T00:00:00Z"}',
        '{"eventtime":"2024-05-06T00:00:00Z","eventid":"x","recipientaccountid" :"1"}',
        '{"eventtime":"2024-05-06T00:00:00Z","eventid":"x","recipientaccountid":1}',
        ' {"eventtime":"2024-05-06T00:00:00Z","eventid":"x"}',
        '{ "eventtime":"2024-05-06T00:00:00Z","eventid":"x"}',
        '{"eventtime":"2024-05-06T00:00:00Z","eventid":"x","recipientaccountid":null}',
        '{"eventtime"\r:"2024-05-06T00:00:00Z"\r,"eventid":\r"x"\r}\r',
    ]
    put(job.source, DAY, "f", *(text.encode() + b"\n" for text in odd))
    lines = source.lines(spark, storage(str(job.source)), [f"dt={DAY}"])
    searched = parse.keys(lines).select(*parse.KEYS, parse.DATE, parse.HASH).collect()
    parsed = parse.parsed(lines, parse.KEYS).filter("_reason is null").select(searched[0].__fields__).collect()
    assert len(parsed) == len(odd)
    assert searched == parsed


def test_nothing_to_do(job, reader):
    """No folder, an empty one, or one without flat files: a record of zeros, and no files."""
    assert counts(job.run(*reader)) == (0, 0, 0, 0, 0)
    (job.source / f"dt={DAY}").mkdir()
    (job.source / f"dt={DAY}" / "README").write_text("no flat file")
    assert counts(job.run(*reader)) == (0, 0, 0, 0, 0)
    assert job.files() == []


def test_files_and_row_groups_have_an_end(job, monkeypatch):
    """No file has more rows than two slots, though one hour does, and a row group ends near its bytes: 16 MB."""
    assert write.ROW_GROUP_BYTES == 16 << 20
    monkeypatch.setattr(write, "ROW_GROUP_BYTES", 1 << 10)
    monkeypatch.setattr(write, "SLOT_ROWS", 400)
    put(job.source, DAY, "f", *(flat(f"e{n}") for n in range(1_000)))
    assert job.run()["written"] == 1_000
    footers = [pq.ParquetFile(job.lake / "parquettrails" / name).metadata for name in job.files()]
    assert sorted(footer.num_rows for footer in footers) == [200, 800]
    assert max(footer.num_row_groups for footer in footers) > 1


def test_a_damaged_file_that_nobody_saw_fails_the_run(job, spark, monkeypatch):
    """Not even a session that is set to skip corrupt files takes the part before the damage for the file."""
    damaged = put(job.source, DAY, "f", *(flat(f"e{n}") for n in range(2_000)))
    damaged.write_bytes(damaged.read_bytes()[:-1_000])
    monkeypatch.setattr("runtime.glue.verify.damage", lambda _stream: None)
    spark.conf.set("spark.sql.files.ignoreCorruptFiles", "true")
    with pytest.raises(Py4JJavaError, match="Unexpected end of input stream"):
        job.run()
    assert (job.files(), job.records()) == ([], [])


def test_large_days_are_cut_and_sorted(job, monkeypatch):
    """A day of many rows becomes several files, each with its stretch of (account, time); all sorted, nulls last."""
    monkeypatch.setattr(layout, "plan", lambda days, pieces, real=layout.plan: real(days, pieces, 50))
    monkeypatch.setattr("runtime.glue.load.plan", layout.plan)
    monkeypatch.setattr("runtime.glue.load.large", lambda days, real=layout.large: real(days, 50))
    events = [
        flat(f"{a}-{h:02d}-{n}", f"{DAY}T{h:02d}:00:{n:02d}Z", account=f"{a:012d}")
        for n in range(2)
        for h in range(24)
        for a in (3, 1, 2, 4)
    ]
    events += [json.dumps({"eventtime": f"{DAY}T00:00:00Z", "eventid": f"none-{n}"}).encode() + b"\n" for n in range(8)]
    put(job.source, DAY, "f1", *events)
    metrics = job.run()
    assert (metrics["written"], metrics["files"]) == (200, 4)
    spans = []
    for name in job.files():
        table = pq.read_table(job.lake / "parquettrails" / name, partitioning=None).select(
            ["recipientaccountid", "eventtime", "eventid"]
        )
        keys = [(a is None, a, t, i) for a, t, i in zip(*table.to_pydict().values(), strict=True)]
        assert keys == sorted(keys)
        spans.append((table.num_rows, sorted(set(table["recipientaccountid"].to_pylist()) - {None})))
    assert sum(rows for rows, _ in spans) == 200
    assert all(25 <= rows <= 100 for rows, _ in spans)
    assert all(len(accounts) <= 3 for _, accounts in spans)


def test_what_a_crawler_makes_of_it_is_the_declared_table(job):
    """Names and types that a Glue crawler takes from footer and folder are those of the event row, in its order."""
    put(job.source, DAY, "f1", flat("e1"))
    job.run()
    [name] = job.files()
    schema = pq.ParquetFile(job.lake / "parquettrails" / name).schema
    found = []
    for at in range(len(schema)):
        column = schema.column(at)
        kind = str(column.logical_type)
        assert column.path == column.name  # no nesting, which would make a struct
        found.append((column.name, "string" if kind == "String" else "timestamp" if "Timestamp(" in kind else kind))
    key, value = name.split("/")[0].split("=")
    assert found == [(column.name, column.type) for column in COLUMNS]
    assert (key, PARTITION.type) == (PARTITION.name, "string")
    assert not re.fullmatch(r"-?\d+(\.\d+)?", value)  # a crawler makes a number's folder an int


def test_default_folders_are_those_since_the_last_run_and_the_marked_ones(job):
    """The first run takes all there is; then an old day's folder is read when it has a mark, and yesterday's always."""
    today = datetime.now(UTC).date()
    put(job.source, "2020-01-01", "first", flat("first"))
    assert counts(job.run("--days", "3"))[:2] == (1, 1)
    put(job.source, "2020-01-01", "unmarked", flat("unmarked"))
    put(job.source, (today - timedelta(1)).isoformat(), "new", flat("new"))
    assert counts(job.run("--days", "3"))[:2] == (1, 1)
    mark = late.mark("2020-01-02", today)
    assert mark is not None
    storage(str(job.source)).put(mark, b"")
    put(job.source, "2020-01-02", "marked", flat("marked"))
    assert counts(job.run("--days", "3"))[:3] == (2, 1, 1)
    assert [row[1] for row in job.rows("eventid")] == ["first", "marked", "new"]


def test_folders_of_ones_own_are_read_whole_and_move_nothing(job, reader):
    """`--folders` reads what was read before, too; what it does not look at is still new to the next run."""
    put(job.source, "2020-01-01", "f1", flat("e1"))
    assert counts(job.run(*reader))[:3] == (1, 1, 0)
    put(job.source, "2020-01-01", "f2", flat("e2"))
    put(job.source, DAY, "f3", flat("e3"))
    state = (job.lake / source.LOOKED).read_bytes()
    assert counts(job.run("--folders", "2020-01-01..2020-01-01", *reader))[:3] == (2, 1, 1)
    assert (job.lake / source.LOOKED).read_bytes() == state
    assert counts(job.run(*reader))[1] == 1
    assert [row[1] for row in job.rows("eventid")] == ["e1", "e2", "e3"]


def test_rebuild_brings_a_new_column_to_old_rows(job):
    """After a path is promoted and files flattened again, a rebuild's partitions have it; other days stay untouched."""
    old = ("requestParameters.bucketName",)
    new = (*old, "requestParameters.color")
    days = {"2024-05-05": "a", DAY: "b", "2024-05-07": "c"}

    def flatten(promote: tuple[str, ...]) -> None:
        maker = RowMaker(promote)
        for day, letter in days.items():
            first = flat(
                f"{letter}1",
                f"{day}T10:00:00Z",
                f"x_{day.replace('-', '')}T1005Z_{letter}",
                maker,
                requestParameters={"color": letter},
            )
            last = flat(
                f"{letter}2",
                f"{day}T23:59:00Z",
                f"x_{day.replace('-', '')}T1005Z_{letter}",
                maker,
                requestParameters={"color": "late"},
            )
            put(job.source, day, f"x_{day.replace('-', '')}T1005Z_{letter}", first, last)
        # One row of DAY came five days late, and one from a flat file that is gone by then.
        late = flat("late", f"{DAY}T01:00:00Z", "y_20240511T0000Z_l", maker, requestParameters={"color": "l"})
        put(
            job.source,
            "2024-05-11",
            "y_20240511T0000Z_l",
            late,
            flat("other", "2024-05-11T00:00:00Z", "y_20240511T0000Z_l", maker),
        )

    flatten(old)
    gone = put(job.source, DAY, "z", flat("gone", file="z_20240506T0000Z_z", maker=RowMaker(old)))
    job.run("--promote", ",".join(old))
    untouched = [name for name in job.files() if DAY not in name]
    gone.unlink()
    flatten(new)
    metrics = job.run("--promote", ",".join(new), "--rebuild", f"{DAY}..{DAY}")
    assert (metrics["read"], metrics["written"], metrics["outside"], metrics["carried"]) == (6, 4, 3, 1)
    assert (metrics["files_replaced"], metrics["partitions"]) == (1, 1)
    rebuilt = list(job.lake.glob(f"parquettrails/eventdate={DAY}/*.parquet"))
    assert len(rebuilt) == 1
    table = pq.read_table(rebuilt[0], partitioning=None).select(["eventid", "requestparameters_color"])
    assert sorted(table.to_pylist(), key=str) == [
        {"eventid": "b1", "requestparameters_color": "b"},
        {"eventid": "b2", "requestparameters_color": "late"},
        {"eventid": "gone", "requestparameters_color": None},
        {"eventid": "late", "requestparameters_color": "l"},
    ]
    assert [name for name in job.files() if DAY not in name] == untouched
    # Loading the same files again adds nothing to the rebuilt day.
    assert job.run("--promote", ",".join(new), "--folders", f"{DAY}..{DAY}")["written"] == 0


def test_a_rebuild_finds_a_renamed_log_file_by_its_folders(job):
    """A late event's flat file is read anew, and not taken over as it was, though its name does not say the day."""
    file = "111122223333/CloudTrail/us-east-1/2024/06/20/renamed"
    put(job.source, "2024-06-20", "renamed", flat("late", f"{DAY}T01:00:00Z", file))
    assert counts(job.run()) == (1, 1, 0, 0, 0)
    metrics = job.run("--rebuild", f"{DAY}..{DAY}")
    assert (metrics["read"], metrics["written"], metrics["carried"]) == (1, 1, 0)


def test_a_rebuild_changes_no_row_in_silence(job):
    """The lake's copy of an event stays while a flat file has it; else it is set aside, and counted."""

    def flat_file(name: str, maker: RowMaker = MAKER, **agents: str) -> None:
        stamp = f"{name}_20240506T0710Z_x"
        lines = (flat(i, file=stamp, maker=maker, userAgent=agent) for i, agent in agents.items())
        put(job.source, DAY, stamp, *lines)

    flat_file("z", e1="first", e2="first", e3="first")
    job.run()
    flat_file("a", e1="second")  # first by its log file's name, but the lake has the other
    assert counts(job.run()) == (4, 0, 3, 1, 0)
    flat_file("z", RowMaker(("requestParameters.color",)), e1="first", e2="changed", e3="first")
    metrics = job.run("--rebuild", f"{DAY}..{DAY}", "--promote", "requestParameters.color")
    assert (counts(metrics), metrics["carried"], metrics["replaced_differs"]) == ((4, 3, 0, 1, 0), 0, 1)
    assert job.rows("eventid", "useragent") == [(DAY, "e1", "first"), (DAY, "e2", "changed"), (DAY, "e3", "first")]
    aside = [(q["reason"].split(",")[0], q["row"]["eventid"], q["row"]["useragent"]) for q in job.quarantine()]
    assert aside == [
        *[("the lake has this event with other content", "e1", "second")] * 2,
        ("the lake had this row before a rebuild", "e2", "first"),
    ]
    assert job.left() == []


def test_what_was_joined_is_not_joined_again(job, monkeypatch):
    """The files of a large day are cut by rows: however few bytes they have, another compaction leaves them alone."""
    monkeypatch.setattr("runtime.glue.compact.plan", lambda days, pieces, real=layout.plan: real(days, pieces, 10))
    monkeypatch.setattr("runtime.glue.compact.large", lambda days, real=layout.large: real(days, 10))
    for run in range(3):
        put(job.source, DAY, f"f{run}", *(flat(f"{run}-{n}", f"{DAY}T{n:02d}:00:00Z") for n in range(20)))
        job.run()
        (job.source / f"dt={DAY}" / f"f{run}.gz").unlink()
    [joined] = job.compact("--smallfiles", "3")
    assert (joined["files_replaced"], joined["files"], joined["written"]) == (3, 6, 60)
    files = job.files()
    assert job.compact("--smallfiles", "3") == []
    assert job.files() == files


def test_compaction_joins_small_files(job):
    """Many small files of a day become one with the same rows, sorted; days with few are left; dedupe still knows all."""
    for number in range(3):
        put(
            job.source,
            DAY,
            f"f{number}",
            flat(f"e{number}", f"{DAY}T0{9 - number}:00:00Z"),
            flat(f"x{number}", "2024-05-01T00:00:00Z"),
        )
        job.run("--folders", f"{DAY}..{DAY}")
        (job.source / f"dt={DAY}" / f"f{number}.gz").unlink()
    put(job.source, DAY, "g", flat("once", "2024-04-01T00:00:00Z"))
    job.run()
    before, files = job.rows("eventid", "eventtime"), job.files()
    assert job.compact("--smallfiles", "4") == []
    assert job.files() == files
    records = job.compact("--smallfiles", "3")
    assert [(r["task"], r["carried"], r["written"], r["files"], r["files_replaced"]) for r in records] == [
        ("compact", 3, 3, 1, 3)
    ] * 2
    assert job.rows("eventid", "eventtime") == before
    assert len(job.files()) == 3
    [name] = [name for name in job.files() if DAY in name]
    joined = pq.ParquetFile(job.lake / "parquettrails" / name)
    assert joined.read(["eventid"])["eventid"].to_pylist() == ["e2", "e1", "e0"]
    assert joined.schema_arrow.names == [column.name for column in COLUMNS]
    put(job.source, DAY, "again", flat("e1", f"{DAY}T08:00:00Z"))
    assert counts(job.run("--folders", f"{DAY}..{DAY}"))[:3] == (2, 0, 2)
    assert job.left() == []


def test_compaction_leaves_alone_what_is_no_day(job):
    """A folder that is not named by a day is none of the lake's, whatever lies in it."""
    put(job.source, DAY, "f", flat("e1"))
    job.run()
    day, other = job.lake / f"parquettrails/eventdate={DAY}", job.lake / "parquettrails/eventdate=2024-5-6"
    day.rename(other)
    [file] = other.glob("*.parquet")
    for number in range(3):
        shutil.copy(file, other / f"copy{number}-0.parquet")
    before = job.files()
    assert job.compact("--smallfiles", "2") == []
    assert job.files() == before


def test_compaction_keeps_columns_that_are_no_longer_declared(job):
    """A column that only old files have survives, behind the declared ones."""
    for number, promote in enumerate([("requestParameters.color",), ("requestParameters.size",)]):
        fields = {"requestParameters": {"color": "red", "size": "XL"}}
        put(job.source, DAY, f"f{number}", flat(f"e{number}", maker=RowMaker(promote), **fields))
        job.run("--promote", promote[0])
        (job.source / f"dt={DAY}" / f"f{number}.gz").unlink()
    job.compact("--smallfiles", "2", "--promote", "requestParameters.size")
    names = ["eventid", "requestparameters_size", "requestparameters_color"]
    assert job.rows(*names) == [(DAY, "e0", None, "red"), (DAY, "e1", "XL", None)]
    [file] = job.files()
    assert pq.ParquetFile(job.lake / "parquettrails" / file).schema_arrow.names[-2:] == names[1:]


def test_a_damaged_file_does_not_stop_the_rest_nor_come_back(job):
    """It is set aside once; put right and flattened again, its rows come in."""
    good = put(job.source, DAY, "good", flat("e1"))
    bad = put(job.source, DAY, "bad", flat("e2"))
    content = bad.read_bytes()
    bad.write_bytes(content + b"garbage")
    assert job.run()["flatfiles_set_aside"] == 1
    assert job.run()["flatfiles_set_aside"] == 0
    assert [row[1] for row in job.rows("eventid")] == ["e1"]
    bad.write_bytes(content)
    job.run()
    assert [row[1] for row in job.rows("eventid")] == ["e1", "e2"]
    assert gzip.decompress(good.read_bytes())


def test_counts_that_do_not_balance_commit_nothing(job, monkeypatch):
    """If a row is lost on its way to the files, the job fails, and the lake and the next run know nothing of it."""
    from runtime.glue.metrics import Unbalanced

    put(job.source, DAY, "f", flat("e1"), flat("e2"))
    real = write.laid_out
    with monkeypatch.context() as patch:
        patch.setattr(write, "laid_out", lambda spark, rows, starts: real(spark, rows.limit(1), starts))
        with pytest.raises(Unbalanced, match="nothing was committed"):
            job.run()
    assert (job.files(), job.records()) == ([], [])
    assert counts(job.run()) == (2, 2, 0, 0, 0)
