"""What goes wrong outside the log files costs nothing but time: reads that fail, Ctrl-C, workers that die, old ledgers."""

import io
import os
import re
import shutil
from pathlib import Path

import pytest
from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError

from runtime.events.columns import PROMOTE
from runtime.local import ingest as engine
from runtime.local import inputs, pool, stage
from runtime.local import lake as lakes
from runtime.local.ingest import Progress
from runtime.local.lake import Interrupted, Lake, LakeError
from runtime.local.query import open_lake
from tests.local.logs import encode, event, path_of, quarantine, rows, take, write


class Body:
    """The body of an S3 object whose connection breaks off."""

    def __init__(self, error: Exception, *chunks: bytes) -> None:
        self._chunks, self._error = [*chunks], error

    def read(self, _size: int) -> bytes:
        if not self._chunks:
            raise self._error
        return self._chunks.pop(0)

    def close(self) -> None:
        pass


BREAKS = [
    IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ReadTimeoutError(endpoint_url="https://s3"),
    ResponseStreamingError(error="x"),
]


@pytest.mark.parametrize("error", BREAKS, ids=lambda e: type(e).__name__)
def test_a_connection_that_breaks_off_stops_no_other_file(logs, lake, monkeypatch, error):
    """The file is not taken and not counted as known; the others are; the next run takes it, once."""
    path = write(path_of(logs, "2024-05-06", "a"), event("e1"), {"bad": 1})
    write(path_of(logs, "2024-05-06", "b"), event("e2"))
    first = b'{"Records":[{"bad":1},' + b",".join(encode(event(f"x{n}")) for n in range(300))
    whole = stage.open_bytes

    def breaking(file, s3):
        readable = inputs._Readable(Body(error, first), file.uri)
        return io.BufferedReader(readable) if file.uri == str(path) else whole(file, s3)

    monkeypatch.setattr(stage, "open_bytes", breaking)
    monkeypatch.setattr("runtime.events.elements.CHUNK", 512)  # so that the first record is set aside before
    summary = take(logs, lake)
    assert (summary.files, summary.rows, summary.unread, summary.files_quarantined) == (2, 1, 1, 0)
    assert summary.clean is False
    assert [p.split(": S3 said")[0] for p in summary.problems] == [f"{path}: not read, the next run tries again"]
    assert rows(lake.root) == [("2024-05-06", "e2")]
    assert quarantine(lake.root) == []
    monkeypatch.setattr(stage, "open_bytes", whole)
    summary = take(logs, lake)
    assert (summary.files, summary.known, summary.rows, summary.quarantined) == (1, 1, 1, 1)
    assert rows(lake.root) == [("2024-05-06", "e1"), ("2024-05-06", "e2")]
    assert len(quarantine(lake.root)) == 1
    assert take(logs, lake).known == 2
    with open_lake(lake.root) as connection:  # that it was not read is no news any more
        found = connection.sql("SELECT key, records, reason FROM ledger ORDER BY key").fetchall()
    assert [(key.rsplit("_", 1)[-1][0], records, reason) for key, records, reason in found] == [
        ("a", 2, None),
        ("b", 1, None),
    ]


def test_a_file_that_may_not_be_read_is_read_once_it_may(logs, lake, monkeypatch):
    """Its line says why, without naming the file twice, and the ledger shows it as long as that is so."""
    path = write(path_of(logs, "2024-05-06", "a"), event("e1"))
    whole = stage.open_bytes

    def denied(file, s3):
        raise PermissionError(13, "Permission denied", file.uri)

    monkeypatch.setattr(stage, "open_bytes", denied)
    for _ in range(2):
        summary = take(logs, lake)
        assert summary.problems == [f"{path}: not read, the next run tries again: Permission denied"]
    with open_lake(lake.root) as connection:
        assert connection.sql("SELECT records, reason FROM ledger").fetchall() == [(0, "Permission denied")]
    monkeypatch.setattr(stage, "open_bytes", whole)
    assert take(logs, lake).rows == 1


def test_an_error_of_s3_names_the_object_once(logs, lake, monkeypatch):
    """The line of an object that S3 refuses has its URI at the head only."""
    path = write(path_of(logs, "2024-05-06", "a"), event("e1"))

    def refused(file, s3):
        raise inputs.InputError(f"{file.uri}: access denied")

    monkeypatch.setattr(stage, "open_bytes", refused)
    assert take(logs, lake).problems == [f"{path}: not read, the next run tries again: access denied"]


def test_a_fault_of_ours_costs_one_file_or_record(logs, lake, monkeypatch):
    """Whatever is raised while a file is cut or a record made a row is its reason in quarantine, with its bytes."""
    bad = write(path_of(logs, "2024-05-06", "a"), event("e1"))
    good = write(path_of(logs, "2024-05-06", "b"), event("e2"), event("odd"), event("e3"))
    cut, made = stage.records_together, stage.BatchMaker.rows

    def faulty(stream, together):
        for piece in cut(stream, together):
            if b'"e1"' in stage.content_of(piece):
                raise ZeroDivisionError("x")
            yield piece

    def making(self, records, keys):
        if any(b'"odd"' in stage.content_of(record) for record in records):
            raise KeyError("y")
        return made(self, records, keys)

    monkeypatch.setattr(stage, "records_together", faulty)
    monkeypatch.setattr(stage.BatchMaker, "rows", making)
    summary = take(logs, lake)
    assert sorted(summary.problems) == [
        f"{bad}: quarantined: internal: ZeroDivisionError: x; please report it",
        f"{good}: record 2: internal: KeyError: 'y'; please report it",
    ]
    assert rows(lake.root) == [("2024-05-06", "e2"), ("2024-05-06", "e3")]
    assert [line.get("record") for line in quarantine(lake.root)] in (
        [None, encode(event("odd")).decode()],
        [encode(event("odd")).decode(), None],
    )


def test_what_cannot_be_written_is_no_fault_of_a_file(logs, lake, monkeypatch):
    """A full disk ends the run; it quarantines nothing."""
    write(path_of(logs, "2024-05-06", "a"), event("e1"))

    def full(folder, name, table):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage.staged, "write", full)
    with pytest.raises(OSError, match="No space left"):
        take(logs, lake)
    assert list(lake.entries()) == []


def test_half_a_copy_is_no_copy(logs, lake, monkeypatch):
    """A bad file that cannot be read a second time is quarantined without its bytes, and each line says so."""
    path = write(path_of(logs, "2024-05-06", "a"), event("e1"))
    path.write_bytes(path.read_bytes()[:-9])
    whole, reads = stage.open_bytes, iter(range(9))

    def breaking(file, s3):
        body = Body(ResponseStreamingError(error="x"), b"half")
        return whole(file, s3) if next(reads) == 0 else io.BufferedReader(inputs._Readable(body, file.uri))

    monkeypatch.setattr(stage, "open_bytes", breaking)
    [problem] = take(logs, lake).problems
    assert problem.startswith(f"{path}: quarantined: gzip is cut short; no copy kept: S3 said ")
    [line], [entry] = quarantine(lake.root), lake.entries()
    assert f"{path}: quarantined: {line['reason']}" == f"{path}: quarantined: {entry.reason}" == problem
    assert list((lake.root / "quarantine").glob("*/files/*")) == []


def test_a_copy_that_cannot_be_written_ends_the_run(logs, lake, monkeypatch):
    """A disk that is full while a bad file is kept is no reason to do without its bytes."""
    logs.mkdir()
    (logs / "bad.json").write_bytes(b"junk")
    opened = Path.open

    def full(self, *arguments, **options):
        if self.parent.name == "files":
            raise OSError(28, "No space left on device")
        return opened(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space left"):
        take(logs, lake)
    monkeypatch.undo()
    assert list(lake.entries()) == []


def test_an_error_inside_a_run_is_not_taken_for_a_lake_that_cannot_be_written(lake):
    """What may not be read while the lake is held keeps its name and its reason."""
    denied = PermissionError(13, "Permission denied", "/lake/ledger/1.jsonl")
    with pytest.raises(PermissionError) as raised, lake.locked():
        raise denied
    assert raised.value is denied


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")])
def test_a_lake_that_cannot_be_written_is_named_with_the_cure(lake, monkeypatch, error):
    """Whatever the reason, the sentence is the same."""

    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(Path, "mkdir", refuse)
    sentence = f"{lake.root}: cannot be written ({error.strerror}); name another folder with --lake"
    with pytest.raises(LakeError, match=f"^{re.escape(sentence)}$"), lake.locked():
        pass


HOSTILE = [
    b'{"eventTime":"2024-W01-1T07:08:09Z","eventID":"x"}',
    b'{"eventTime":"0000-01-01T00:00:00Z","eventID":"x"}',
    b'{"eventTime":"9999-12-31T23:59:59-01:00","eventID":"x"}',
    b'{"eventTime":"2024-05-06T07:08:09Z","eventID":"x","userAgent":"\\ud800"}',
]


@pytest.mark.parametrize("record", HOSTILE)
def test_no_record_stops_a_run(logs, lake, record):
    """A record made to break the reader is a row or quarantined; the others are rows."""
    write(path_of(logs, "2024-05-06", "a"), event("e1"), record, event("e2"))
    summary = take(logs, lake)
    assert (summary.records, summary.rows + summary.quarantined) == (3, 3)
    assert {("2024-05-06", "e1"), ("2024-05-06", "e2")} <= set(rows(lake.root))


def test_quarantined_copies_of_one_name_do_not_meet(logs, lake):
    """Two bad files of the same name, from two folders, are both kept."""
    for folder in ("a", "b"):
        (logs / folder).mkdir(parents=True)
        (logs / folder / "x.json").write_bytes(f"junk {folder}".encode())
    take(logs, lake)
    kept = {p.read_bytes() for p in (lake.root / "quarantine").glob("*/files/*")}
    assert kept == {b"junk a", b"junk b"}


def test_another_list_of_promoted_paths_makes_no_other_event(logs, lake):
    """The same event is a duplicate, whatever was promoted when it was first taken."""
    same = event("e1", requestParameters={"bucketName": "b", "mine": 1})
    write(path_of(logs, "2024-05-06", "a"), same)
    take(logs, lake, promote=())
    write(path_of(logs, "2024-05-06", "b"), same)
    assert take(logs, lake).duplicates == 1
    write(path_of(logs, "2024-05-06", "c"), same)
    assert take(logs, lake, promote=(*PROMOTE, "requestParameters.mine")).duplicates == 1


def test_account_and_id_do_not_run_into_each_other(logs, lake):
    """Account a/b with id c, and account a with id b/c, are two events, inside a run and against the lake."""
    both = event("b/c", account="a"), event("c", account="a/b")
    write(path_of(logs, "2024-05-06", "a"), *both)
    assert take(logs, lake).rows == 2
    write(path_of(logs, "2024-05-06", "b"), both[0])
    write(path_of(logs, "2024-05-06", "c"), both[1])
    assert take(logs, lake).duplicates == 2


@pytest.mark.parametrize("place", ["lake", "."])
def test_the_lake_is_no_input(logs, place):
    """A lake below the input, or the input itself, is passed over: no later run takes what an earlier one wrote."""
    write(path_of(logs, "2024-05-06", "a"), event("e1"), {"bad": 1})
    (logs / "bad.json").write_bytes(b"junk")
    first, second = take(logs, Lake(logs / place)), take(logs, Lake(logs / place))
    assert (first.files, second.files, second.known) == (2, 0, 2)
    assert second.skipped == {"no log": 1}  # its lock, in its root


@pytest.mark.parametrize("line", ['{"uri": "x"', "[1]", '{"uri":"x","other":1}', ""])
def test_a_damaged_ledger_names_file_and_line(logs, lake, line):
    """A ledger line cut short by a full disk or an editor is one sentence with the cure."""
    write(path_of(logs, "2024-05-06", "a"), event("e1"))
    take(logs, lake)
    [path] = (lake.root / "ledger").glob("*.jsonl")
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(LakeError, match=rf"{path}: line 2 is damaged; restore the file, or remove it"):
        take(logs, lake)


def test_counts_that_do_not_balance_end_the_run(logs, lake, monkeypatch):
    """A row that gets lost on the way is a fault that is said, and nothing reaches the lake."""
    write(path_of(logs, "2024-05-06", "a"), event("e1"), event("e2"))

    def losing(*arguments):
        merged = merging(*arguments)
        merged.rows.subtract([0])
        return merged

    merging = engine.merge
    monkeypatch.setattr(engine, "merge", losing)
    with pytest.raises(AssertionError, match="the counts do not balance"):
        take(logs, lake)
    assert rows(lake.root) == []


def test_what_is_committed_is_on_the_disk_first(logs, lake, monkeypatch):
    """Every file and folder of a run, then its manifest, is synced before the rename that makes the run count.

    Before the run's own copies go, so is every folder that got something new, up to the lake's root.
    """
    write(path_of(logs, "2024-05-06", "a"), event("e1"), {"bad": 1})
    seen = []
    fsync, rename = os.fsync, Path.rename
    monkeypatch.setattr(
        os, "fsync", lambda handle: (seen.append(str(Path(f"/proc/self/fd/{handle}").readlink())), fsync(handle))
    )
    monkeypatch.setattr(Path, "rename", lambda self, target: (seen.append("renamed"), rename(self, target))[1])
    take(logs, lake)
    [run] = (path.stem for path in (lake.root / "ledger").iterdir())
    before = [p.removeprefix(f"{lake.root}/").replace(run, "RUN") for p in seen[: seen.index("renamed")]]
    out = "_run/RUN/out"
    assert sorted(before[:-1]) == [
        str(lake.root),
        "_run",
        "_run/RUN",
        out,
        f"{out}/ledger",
        f"{out}/ledger/RUN.jsonl",
        f"{out}/parquettrails",
        f"{out}/parquettrails/eventdate=2024-05-06",
        f"{out}/parquettrails/eventdate=2024-05-06/RUN-0.parquet",
        f"{out}/quarantine",
        f"{out}/quarantine/RUN",
        f"{out}/quarantine/RUN/00000.jsonl",
    ]
    assert before[-1] == "_run/RUN/manifest.draft"
    first, *after = [p.removeprefix(f"{lake.root}/").replace(run, "RUN") for p in seen[seen.index("renamed") + 1 :]]
    assert first == "_run/RUN"
    days = ["parquettrails", "parquettrails/eventdate=2024-05-06"]
    assert sorted(after) == [str(lake.root), "ledger", *days, "quarantine", "quarantine/RUN"]


def test_a_file_lost_on_its_way_into_the_lake_is_missed(logs, lake, monkeypatch):
    """A move that was cut short and whose file is nowhere is no move made; the cure takes the log files again."""
    write(path_of(logs, "2024-05-06", "a"), event("e1"))

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(lakes.Path, "replace", interrupt)
        with pytest.raises(Interrupted):
            take(logs, lake)
    [lost] = (lake.root / "_run").rglob("*.parquet")
    lost.unlink()
    run = lost.parents[3]
    ledger = lake.root / "ledger" / f"{run.name}.jsonl"
    sentence = f"{lost.name}: lost before it was in its place; restore it, or remove {run} and {ledger} to have"
    for _ in range(2):
        with pytest.raises(LakeError, match=re.escape(sentence)):
            take(logs, lake)
    shutil.rmtree(run)
    ledger.unlink()
    assert take(logs, lake).rows == 1


@pytest.mark.parametrize("moved", [None, 0, 1])
def test_ctrl_c_says_what_is_left_of_the_run(logs, lake, monkeypatch, moved):
    """Before the commit nothing has happened; after it the run counts, and the next one finishes it."""
    write(path_of(logs, "2024-05-06", "a"), event("e1"))
    count = iter(range(9))

    def interrupt(*arguments):
        if moved is None or next(count) == moved:
            raise KeyboardInterrupt
        return replace(*arguments)

    replace = Path.replace
    if moved is None:
        monkeypatch.setattr(engine, "merge", interrupt)
        sentence = "interrupted; the lake is as it was before this run"
    else:
        monkeypatch.setattr(lakes.Path, "replace", interrupt)
        sentence = "interrupted once the run was in the lake; the next run or query puts its files in place"
    with pytest.raises(Interrupted, match=f"^{sentence}$"):
        take(logs, lake)
    monkeypatch.undo()
    assert take(logs, lake).files == (1 if moved is None else 0)
    assert rows(lake.root) == [("2024-05-06", "e1")]


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_moves_inside_a_file_and_while_merging(logs, lake, monkeypatch, workers):
    """One large file, or one worker, has progress too: records and bytes as they are read, then days."""
    monkeypatch.setattr(pool, "INTERVAL", 0)
    monkeypatch.setattr(stage, "BATCH_ROWS", 100)
    names = ["a"] if workers == 1 else ["a", "b"]
    paths = [
        write(
            path_of(logs, "2024-05-06", n), *(event(f"{n}{e}", f"2024-05-0{e % 3 + 1}T00:00:00Z") for e in range(600))
        )
        for n in names
    ]
    seen: list[Progress] = []
    take(logs, lake, workers=workers, progress=seen.append)
    size, files = sum(p.stat().st_size for p in paths), len(paths)
    assert seen[0] == Progress(0, files, 0, 0, size)
    reading, merging = [p for p in seen if not p.days], [p for p in seen if p.days]
    assert [(p.days_done, p.days) for p in merging if p.days_done][-1] == (3, 3)
    assert merging[0] == Progress(files, files, 600 * files, size, size, 0, 3)
    if workers == 1:
        assert any(0 < p.records < 600 and p.files_done == 0 and p.bytes_done for p in reading)
    assert [p.records for p in reading] == sorted(p.records for p in reading)
