"""A run takes every record to exactly one place, once, whatever the files hold and whenever it is killed."""

import base64
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runtime.events.columns import COLUMNS
from runtime.events.ledger import line as ledger_line
from runtime.local import ingest as engine
from runtime.local import merge, stage, staged
from runtime.local.ingest import Selection, ingest
from runtime.local.inputs import LogFile
from runtime.local.lake import Interrupted, Lake, LakeError
from runtime.local.query import open_lake
from tests.conftest import REPO
from tests.local.logs import alive, children, encode, event, path_of, quarantine, rows, take, until, write


def counts(summary) -> tuple[int, int, int, int, int]:
    return summary.records, summary.rows, summary.duplicates, summary.duplicate_differs, summary.quarantined


def test_real_records_balance(real_data, real_records, lake):
    """Every real record is a row of the lake, exactly once."""
    summary = ingest([str(real_data)], lake)
    assert counts(summary) == (len(real_records), len(real_records), 0, 0, 0)
    assert summary.skipped["digest"] == 1
    assert len(set(rows(lake.root))) == len(real_records)


def test_files_have_the_lakes_layout(logs, lake):
    """One folder per UTC day of the event; columns in order; eventtime without zone; sorted; pages with an index."""
    write(path_of(logs, "2024-05-06", "a"), event("e2", "2024-05-06T10:00:00Z"), event("e1", "2024-05-06T09:00:00Z"))
    write(path_of(logs, "2024-05-07", "b"), event("late", "2024-05-05T23:59:59Z"), event("e0", account="000000000001"))
    take(logs, lake)
    assert rows(lake.root) == [
        ("2024-05-05", "late"),
        ("2024-05-06", "e0"),
        ("2024-05-06", "e1"),
        ("2024-05-06", "e2"),
    ]
    [path] = lake.partition("2024-05-06")
    found = pq.ParquetFile(path)
    assert found.schema_arrow.remove_metadata() == pa.schema(
        [(c.name, pa.timestamp("us") if c.type == "timestamp" else pa.string()) for c in COLUMNS]
    )
    assert found.metadata.row_group(0).column(0).compression == "ZSTD"
    assert all(found.metadata.row_group(0).column(n).has_column_index for n in range(found.metadata.num_columns))
    assert "isAdjustedToUTC=false" in str(found.schema.column(0).logical_type)
    assert found.read(columns=["eventid"])["eventid"].to_pylist() == ["e0", "e1", "e2"]


def test_a_second_run_takes_only_new_files(logs, lake):
    """What the ledger holds is not read again; a file that changed is."""
    first = write(path_of(logs, "2024-05-06", "a"), event("e1"))
    assert (take(logs, lake).files, take(logs, lake).files) == (1, 0)
    write(path_of(logs, "2024-05-06", "b"), event("e2"))
    summary = take(logs, lake)
    assert (summary.files, summary.known, summary.rows) == (1, 1, 1)
    write(first, event("e1"), event("e3"))
    os.utime(first, (1, 1))
    summary = take(logs, lake)
    assert (summary.files, summary.rows, summary.duplicates) == (1, 1, 1)
    assert [i for _, i in rows(lake.root)] == ["e1", "e2", "e3"]


def test_duplicates_inside_a_run_and_against_the_lake(logs, lake):
    """Equal copies are counted; copies that say something else are set aside; other accounts and days are other events."""
    same = event("e1", eventSource="s3.amazonaws.com")
    write(path_of(logs, "2024-05-06", "a"), same, same)
    write(
        path_of(logs, "2024-05-06", "b"),
        same,
        event("e1", eventSource="other"),
        event("e1", account="444455556666"),
        event("e1", "2024-05-07T07:08:09Z"),
        {k: v for k, v in same.items() if k != "recipientAccountId"},
    )
    summary = take(logs, lake)
    assert (counts(summary), summary.clean) == ((7, 4, 2, 1, 0), False)
    write(path_of(logs, "2024-05-06", "c"), same, event("e1", eventSource="third"), event("e2"))
    summary = take(logs, lake)
    assert counts(summary) == (3, 1, 1, 1, 0)
    assert rows(lake.root) == [("2024-05-06", "e1")] * 3 + [("2024-05-06", "e2"), ("2024-05-07", "e1")]
    aside = quarantine(lake.root)
    said = ("duplicate-differs", "the lake has this event with other content")
    assert [(line["kind"], line["reason"]) for line in aside] == [said] * 2
    assert [line["row"]["eventsource"] for line in aside] == ["other", "third"]
    assert [(e.rows, e.duplicates, e.duplicate_differs) for e in lake.entries()] == [(1, 1, 0), (3, 1, 1), (1, 1, 1)]


def test_a_day_of_many_slots_and_files_is_sorted_and_whole(logs, lake, monkeypatch):
    """A day beyond one slot and one file keeps every row once, in order, with duplicates across sorted runs dropped."""
    monkeypatch.setattr(merge, "SLOT_ROWS", 100)
    monkeypatch.setattr(merge, "FILE_ROWS", 250)
    monkeypatch.setattr(merge, "ROW_GROUP_ROWS", 50)
    monkeypatch.setattr(staged, "BATCH_ROWS", 16)
    monkeypatch.setattr(stage, "BATCH_ROWS", 16)
    monkeypatch.setattr(stage, "RUN_ROWS", 64)
    shuffled = random.Random(1)
    events = [
        event(f"e{n}", f"2024-05-06T{shuffled.randrange(24):02d}:00:00Z", account=str(10**11 + n % 3))
        for n in range(600)
    ]
    for file in range(6):
        write(path_of(logs, "2024-05-06", str(file)), *events[file * 100 : file * 100 + 100], *events[:5])
    summary = take(logs, lake)
    assert counts(summary) == (630, 600, 30, 0, 0)
    paths = lake.partition("2024-05-06")
    metadata = [pq.ParquetFile(p).metadata for p in paths]
    assert [m.num_rows for m in metadata] == [250, 250, 100]
    assert {m.row_group(n).num_rows for m in metadata for n in range(m.num_row_groups)} == {50}
    keys = [
        key
        for p in paths
        for key in zip(
            *pq.read_table(p, columns=["recipientaccountid", "eventtime"], partitioning=None).to_pydict().values(),
            strict=True,
        )
    ]
    assert keys == sorted(keys)
    assert len(set(rows(lake.root))) == 600


def test_the_first_copy_in_the_order_of_keys_is_kept(tmp_path, lake):
    """Of copies that differ, the one in the log file whose key comes first is the row, wherever the files lie."""
    for place, (folder, name) in enumerate([("1", "b"), ("2", "a")]):
        write(path_of(tmp_path / "logs" / folder, "2024-05-06", name), event("e1", eventName=name), event(f"x{place}"))
    summary = take(tmp_path / "logs", lake)
    assert counts(summary) == (4, 3, 0, 1, 0)
    [path] = lake.partition("2024-05-06")
    names = pq.read_table(path, columns=["eventid", "eventname"], partitioning=None).to_pylist()
    assert {"eventid": "e1", "eventname": "a"} in names


# A run of this process over a day of more staged files than it may open.
MANY = """
import resource, sys
from pathlib import Path
from runtime.events import elements
from runtime.local import stage
from runtime.local.ingest import ingest
from runtime.local.lake import Lake
elements.CHUNK = 512
stage.BATCH_ROWS = stage.RUN_ROWS = 1
resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))
ingest([sys.argv[1]], Lake(Path(sys.argv[2])), workers=1)
"""


def test_a_day_of_more_staged_files_than_may_be_open(logs, lake):
    """A day's size is not bounded by the limit of open files."""
    events = [
        event(f"e{n:03d}", f"2024-05-06T07:{n % 60:02d}:00Z", **({"tlsDetails": {}} if n else {})) for n in range(900)
    ]
    write(path_of(logs, "2024-05-06", "a"), *events, events[7])
    command = [sys.executable, "-c", MANY, str(logs), str(lake.root)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert rows(lake.root) == [("2024-05-06", f"e{n:03d}") for n in range(900)]
    [entry] = lake.entries()
    assert (entry.rows, entry.duplicates) == (900, 1)


@pytest.mark.parametrize("fan_in", [2, 3, 128])
def test_staged_files_merged_first_give_the_same_lake(logs, lake, monkeypatch, fan_in):
    """However often a day's staged files are merged on the way, its Parquet file is the same, to the value."""
    for file in range(3):
        found = [
            event(
                f"e{n}",
                f"2024-05-06T{n * 7 % 24:02d}:00:00Z",
                userAgent=f"a{n % 5}",
                **({"errorCode": "x"} if n < 9 else {}),
            )
            for n in range(file * 20, file * 20 + 30)
        ]
        write(path_of(logs, "2024-05-06", str(file)), *found)
    monkeypatch.setattr(stage, "BATCH_ROWS", 8)
    monkeypatch.setattr(stage, "RUN_ROWS", 8)
    monkeypatch.setattr("runtime.events.elements.CHUNK", 512)
    plain = Lake(lake.root / "plain")
    take(logs, plain)
    merging, merged = staged._merged, []
    monkeypatch.setattr(staged, "_merged", lambda paths, to: (merged.append(len(paths)), merging(paths, to))[1])
    monkeypatch.setattr(staged, "FAN_IN", fan_in)
    monkeypatch.setattr(staged, "BATCH_ROWS", 4)
    assert counts(take(logs, lake)) == (90, 70, 20, 0, 0)
    assert max(merged, default=0) == (0 if fan_in == 128 else fan_in)
    [one], [other] = ([pq.read_table(p, partitioning=None) for p in of.partition("2024-05-06")] for of in (plain, lake))
    assert one.num_rows == 70
    assert one.equals(other)


def test_a_task_has_few_days_and_the_largest_comes_first(monkeypatch):
    """Log files of a day are read together, so that it gets few staged files; no task is beyond its bounds."""
    monkeypatch.setattr(engine, "TASK_BYTES", 100)
    monkeypatch.setattr(engine, "TASK_FILES", 4)
    sizes = {(day, n): 10 for n in range(8) for day in (1, 2)} | {(3, 0): 1_000, (3, 1): 60, (3, 2): 60}
    files = {
        number: LogFile(f"{day}/{n}", "", size, "", day=date(2024, 5, day))
        for number, ((day, n), size) in enumerate(sizes.items())
    }
    tasks = [[(file.day.day, file.size) for _, file in task] for task in engine._tasks(files)]
    assert tasks == [
        [(3, 1_000)],
        [(3, 60), (3, 60)],
        [(1, 10)] * 4,
        [(1, 10)] * 4,
        [(2, 10)] * 4,
        [(2, 10)] * 4,
    ]
    assert engine._tasks({}) == []


def test_bad_input_stops_nothing_and_keeps_its_bytes(logs, lake):
    """Each bad thing gets one line and its original bytes in quarantine; the rest is taken."""
    good = write(
        path_of(logs, "2024-05-06", "good"),
        event("e1"),
        b'{"eventVersion":"1","x":tru}',
        {"eventID": "no time"},
        b'{"eventTime":"2024-05-06T07:08:09Z","userAgent":"\xff"}',
    )
    cut = path_of(logs, "2024-05-06", "cut")
    write(cut, event("e2"))
    cut.write_bytes(cut.read_bytes()[:-12])
    other = path_of(logs, "2024-05-06", "other")
    other.write_bytes(gzip.compress(b'{"hello":1}'))
    empty = write(path_of(logs, "2024-05-06", "empty"))
    summary = take(logs, lake)
    assert counts(summary) == (4, 1, 0, 0, 3)
    assert (summary.files, summary.files_quarantined, summary.clean) == (4, 3, False)
    assert sorted(summary.problems) == [
        f"{cut}: quarantined: gzip is cut short",
        f"{empty}: quarantined: no records in it",
        f"{good}: record 2: not JSON: Expecting value (and 2 more)",
        f"{other}: quarantined: not CloudTrail: an object with the key hello",
    ]
    lines = quarantine(lake.root)
    assert Counter(line["kind"] for line in lines) == {"record": 3, "file": 3}
    records = [line for line in lines if line["kind"] == "record"]
    assert [line["position"] for line in records] == [1, 2, 3]
    assert records[0]["record"] == '{"eventVersion":"1","x":tru}'
    assert base64.b64decode(records[2]["record_base64"]).endswith(b'"\xff"}')
    kept = {p.read_bytes() for p in (lake.root / "quarantine").glob("*/files/*")}
    assert kept == {cut.read_bytes(), empty.read_bytes(), other.read_bytes()}


def test_rows_of_a_file_that_turns_out_bad_are_not_taken(logs, lake, monkeypatch):
    """A file that breaks off after thousands of records gives no row: it is quarantined whole."""
    monkeypatch.setattr(stage, "BATCH_ROWS", 8)
    monkeypatch.setattr(stage, "RUN_ROWS", 16)
    monkeypatch.setattr("runtime.events.elements.CHUNK", 512)
    path = path_of(logs, "2024-05-06", "cut")
    content = b'{"Records":[' + b",".join(encode(event(f"e{n}")) for n in range(200))
    path.parent.mkdir(parents=True)
    path.with_suffix("").write_bytes(content)
    write(path_of(logs, "2024-05-06", "good"), event("g"))
    summary = take(logs, lake)
    assert rows(lake.root) == [("2024-05-06", "g")]
    assert (summary.files_quarantined, *counts(summary)) == (1, 1, 1, 0, 0, 0)


def test_no_file_name_leads_out_of_the_quarantine(logs, lake):
    """A hostile file name stays a name in the lake's folder."""
    for name in ["..%2f..%2fx.json", "a;rm -rf $HOME.json", "\x1b[31m.json", "..json", "x" * 240 + ".json"]:
        (logs / name).parent.mkdir(parents=True, exist_ok=True)
        (logs / name).write_bytes(b"junk")
    assert take(logs, lake).files_quarantined == 5
    kept = [p for p in lake.root.rglob("*") if p.is_file() and "files" in p.parts]
    assert len(kept) == 5
    for path in kept:
        assert path.parent.name == "files"
        assert path.name.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert {p.name for p in logs.parent.iterdir()} == {"logs", "lake"}


def test_selection_reads_nothing_outside_it(logs, lake):
    """--from, --to, --account and --region keep the other files unread and untaken."""
    write(path_of(logs, "2024-05-06", "a"), event("e1"))
    write(path_of(logs, "2024-05-07", "b"), event("e2"))
    write(path_of(logs, "2024-05-07", "c", account="444455556666"), event("e3"))
    write(path_of(logs, "2024-05-07", "d", region="us-east-1"), event("e4"))
    chosen = Selection(date(2024, 5, 7), date(2024, 5, 7), frozenset(["111122223333"]), frozenset(["eu-central-1"]))
    assert take(logs, lake, selection=chosen).files == 1
    assert rows(lake.root) == [("2024-05-06", "e2")]


def test_two_runs_do_not_share_lake(logs, lake):
    """The second of two runs at once is told so, and nothing waits or breaks."""
    logs.mkdir()
    with lake.locked(), pytest.raises(LakeError, match="another run holds this lake; wait for it to end"):
        take(logs, Lake(lake.root))


@pytest.mark.parametrize("moved", range(4))
def test_a_commit_cut_short_is_completed_by_the_next_run(logs, lake, moved, monkeypatch):
    """After any number of a commit's moves, the next run finishes them: nothing lost, nothing doubled."""
    write(path_of(logs, "2024-05-06", "a"), event("e1"), event("e2", "2024-05-07T00:00:00Z"), {"eventID": "bad"})
    moves = []
    replace = Path.replace

    def failing(self, target):
        if len(moves) == moved:
            raise KeyboardInterrupt
        moves.append(target)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(Interrupted):
        take(logs, lake)
    monkeypatch.setattr(Path, "replace", replace)
    assert take(logs, lake).files == 0
    assert rows(lake.root) == [("2024-05-06", "e1"), ("2024-05-07", "e2")]
    assert len(quarantine(lake.root)) == 1
    assert list((lake.root / "_run").iterdir()) == []


RUN = "import sys; from pathlib import Path; from runtime.local.ingest import ingest; from runtime.local.lake import Lake\nif __name__ == '__main__': ingest([sys.argv[1]], Lake(Path(sys.argv[2])), workers=2)"


def start(script: Path, logs: Path, lake: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, str(script), str(logs), str(lake)],
        env={**os.environ, "PYTHONPATH": str(REPO)},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )


def kill_at_random_moments(tmp_path: Path, kills: int) -> None:
    """Kill runs at moments spread over a whole run's time; after each, the lake holds whole files only.

    No worker outlives its run.
    """
    logs, script = tmp_path / "logs", tmp_path / "run.py"
    script.write_text(RUN)
    expected = []
    for file in range(24):
        day = f"2024-05-{file % 6 + 1:02d}"
        found = [event(f"{file}-{n}", f"{day}T07:00:{n % 60:02d}Z", userAgent="x" * 200) for n in range(400)]
        write(path_of(logs, day, str(file)), *found, found[0])
        expected += [(day, e["eventID"]) for e in found]
    began = time.monotonic()
    assert start(script, logs, tmp_path / "clean").wait(timeout=120) == 0
    whole = time.monotonic() - began
    assert rows(tmp_path / "clean") == sorted(expected)
    moments = random.Random(kills)
    finished = 0
    lake = tmp_path / "lake"
    for kill in range(kills):
        if kill % 5 == 0:  # a fresh lake now and then, so that all of a run is hit, not just its start
            lake = tmp_path / f"lake{kill}"
        run = start(script, logs, lake)
        try:
            run.wait(timeout=moments.uniform(0, whole * 1.1))
            finished += 1
        except subprocess.TimeoutExpired:
            # the parent alone, or its workers with it: both happen
            workers = children(run.pid)
            (os.kill if kill % 2 else os.killpg)(run.pid, signal.SIGKILL)
            run.wait()
            until(lambda workers=workers: not any(map(alive, workers)))
        seen = rows(lake) if lake.exists() else []
        assert len(seen) == len(set(seen))
        assert set(seen) <= set(expected)
        if kill % 5 == 4 or kill == kills - 1:
            assert start(script, logs, lake).wait(timeout=120) == 0
            assert rows(lake) == sorted(expected)
            assert len(list(Lake(lake).entries())) == 24
            assert sum(e.duplicates for e in Lake(lake).entries()) == 24
    assert finished < kills


def test_killed_runs_lose_and_double_nothing(tmp_path):
    """Kill -9 at a few random moments, then a rerun: every row once."""
    kill_at_random_moments(tmp_path, 6)


@pytest.mark.long
def test_60_killed_runs_lose_and_double_nothing(tmp_path):
    """Kill -9 at sixty random moments over the whole run."""
    kill_at_random_moments(tmp_path, 60)


def test_the_ledger_knows_account_region_and_day(logs, lake):
    """As the flattener's lines do: by the name, else by the folders, else not at all."""
    named = write(path_of(logs, "2024-05-06", "a"), event("e1"))
    write(named.with_name("part-0.json.gz"), event("e2"))
    write(logs / named.name, event("e3"))
    write(logs / "export.json.gz", event("e4"))
    take(logs, lake)
    with open_lake(lake.root) as connection:
        found = connection.sql("SELECT key, account, region, day FROM ledger").fetchall()
    for uri, key, *place in ((e.uri, e.key, e.account, e.region, e.day) for e in lake.entries()):
        line = json.loads(ledger_line(uri, key, Path(uri).parts))
        assert place[:2] == [line["account"], line["region"]]
        assert (key, *place) in found
    assert sorted(((Path(key).name[:6], *place) for key, *place in found), key=str) == [
        ("111122", "111122223333", "eu-central-1", "2024-05-06"),
        ("111122", "111122223333", "eu-central-1", "2024-05-06"),
        ("export", None, None, None),
        ("part-0", "111122223333", "eu-central-1", "2024-05-06"),
    ]


def test_the_ledger_says_what_became_of_each_file(logs, lake):
    """One line per file, its counts balancing, with the file's key from AWSLogs/ on."""
    path = write(path_of(logs, "2024-05-06", "a"), event("e1"), event("e1"), {"x": 1})
    take(logs, lake)
    [entry] = lake.entries()
    assert entry.uri == str(path)
    assert entry.key == str(path.relative_to(logs))
    assert (entry.records, entry.rows, entry.duplicates, entry.quarantined) == (3, 1, 1, 1)
    assert entry.problem == "record 3: no usable eventTime: missing"
    [table] = [pq.read_table(p, partitioning=None) for p in lake.partition("2024-05-06")]
    assert table["sourcefile"].to_pylist() == [entry.key]
    assert json.loads(next((lake.root / "ledger").glob("*.jsonl")).read_text())["rows"] == 1
