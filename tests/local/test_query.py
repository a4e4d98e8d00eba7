"""A lake opened for SQL: what it reaches, what an old or empty one gives, and what goes wrong in one sentence."""

import os
import shutil
import tempfile
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runtime.athena.named import QueryError
from runtime.events.columns import COLUMNS, PARTITION, PROMOTE
from runtime.folder import held
from runtime.local.dialect import Refused
from runtime.local.ingest import ingest
from runtime.local.lake import Lake, LakeError
from runtime.local.query import open_lake, run
from tests.local.logs import event, path_of, write

TODAY = date(2024, 5, 7)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Two events of one day."""
    write(path_of(tmp_path / "logs", "2024-05-06", "a"), event("e1"), event("e2"))
    ingest([str(tmp_path / "logs")], Lake(tmp_path / "lake"), workers=1)
    return tmp_path / "lake"


def ask(lake: Path, sql: str, **values: str) -> list[tuple]:
    return [tuple(row.values()) for row in run(lake, sql, values, TODAY).to_pylist()]


def test_sql_named_query_and_placeholder(lake):
    """SQL, a name with its parameters, and a placeholder's value, which stays text whatever it holds."""
    assert ask(lake, "SELECT eventid FROM parquettrails ORDER BY eventid") == [("e1",), ("e2",)]
    assert ask(lake, "top-talkers", **{"from": "2024-05-06", "to": "2024-05-06"})
    sql = "SELECT eventid FROM cloudtrail_logs WHERE eventid = :id"
    assert ask(lake, sql, id="e1") == [("e1",)]
    assert ask(lake, sql, id="x' OR 'a' = 'a") == []


@pytest.mark.parametrize(
    ("sql", "values", "sentence"),
    [
        ("top-talker", {}, "there is no query top-talker; did you mean top-talkers?"),
        ("Zzz", {}, "there is no query Zzz; `trailsight queries` lists them"),
        ("  ", {}, "there is no query in an empty text"),
        ("top-talkers", {"frm": "x"}, "top-talkers: there is no parameter frm; known are: "),
        ("SELECT :a", {}, "the query has a placeholder :a without a value"),
        ("SELECT 1", {"a": "x"}, "the SQL has no placeholder :a; leave the parameter out"),
        ("SELECT 1 / 0", {}, "the query failed: Division by zero"),
        ("SELECT sum(x) FROM (VALUES 9223372036854775807, 1) AS t (x)", {}, "the query failed: "),
    ],
)
def test_wrong_queries_say_why(lake, sql, values, sentence):
    """What cannot be asked is one sentence, without the SQL made for DuckDB."""
    with pytest.raises(QueryError) as raised:
        run(lake, sql, values, TODAY)
    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)


@pytest.fixture
def little_memory(monkeypatch) -> None:
    """DuckDB with 20 MB of memory, and nothing on disk."""
    connect = duckdb.connect
    monkeypatch.setattr(
        duckdb, "connect", lambda name: connect(name, config={"memory_limit": "20MB", "max_temp_directory_size": "0MB"})
    )


def test_a_query_too_large_for_the_machine_is_no_wrong_query(lake, little_memory):
    """Out of memory is a failure with a cure of its own, and one line."""
    numbers = "UNNEST(sequence(1, 10000)) AS a (x) CROSS JOIN UNNEST(sequence(1, 1000)) AS b (y)"
    with pytest.raises(LakeError) as raised:
        run(lake, f"SELECT count(*) FROM (SELECT DISTINCT x * 1000 + y FROM {numbers})", {}, TODAY)
    assert str(raised.value).startswith("the query failed: Out of Memory Error: ")
    assert str(raised.value).endswith("; ask for fewer days, or have more memory or room in TMPDIR")
    assert "\n" not in str(raised.value)


def test_a_long_query_draws_nothing_over_its_answer(lake, monkeypatch, capfd):
    """DuckDB's progress bar goes to standard output, where a script expects CSV or JSON: none is drawn.

    It would be after two seconds; here after a millisecond.
    """
    connect = duckdb.connect

    def soon(*arguments):
        connection = connect(*arguments)
        connection.execute("SET progress_bar_time = 1")
        return connection

    long = "SELECT count(*) FROM range(60000) WHERE levenshtein(repeat(range::VARCHAR, 9), repeat('a', 30)) < 0"
    soon(":memory:").execute(long)
    assert "100%" in capfd.readouterr().out
    monkeypatch.setattr(duckdb, "connect", soon)
    with open_lake(lake) as connection:
        connection.execute(long)
    assert capfd.readouterr().out == ""


def test_what_a_query_spills_is_nobody_elses(lake, tmp_path, monkeypatch):
    """Rows that do not fit in memory lie in a folder of a new name that others cannot read, until the lake is closed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    first, second = open_lake(lake), open_lake(lake)
    folders = [Path(c.sql("SELECT current_setting('temp_directory')").fetchall()[0][0]) for c in (first, second)]
    assert sorted(folders) == sorted((tmp_path / "tmp").iterdir())
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700]
    first.close()
    second.close()
    del first, second
    assert list((tmp_path / "tmp").iterdir()) == []


def test_refused_before_the_lake_is_read(tmp_path):
    """SQL that is refused says so even where there is no lake."""
    with pytest.raises(Refused):
        run(tmp_path / "none", "SELECT 1::varchar", {}, TODAY)


def test_a_missing_lake_says_how_to_make_one(tmp_path):
    """A folder that is not there is named, with the command that makes it."""
    with pytest.raises(LakeError, match="no such folder; make a lake with `trailsight local INPUT --lake "):
        open_lake(tmp_path / "none")


@pytest.fixture
def cut_short(lake, monkeypatch) -> Path:
    """The lake after a second run, of another day, that was killed once it had moved its ledger and nothing else."""
    write(path_of(lake.parent / "logs", "2024-05-07", "b"), event("e3", "2024-05-07T00:00:00Z"))
    replace = Path.replace

    def killed(self, target):
        if self.suffix == ".parquet":
            raise RuntimeError
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(RuntimeError):
            ingest([str(lake.parent / "logs")], Lake(lake), workers=1)
    return lake


def test_a_query_never_answers_from_half_a_run(cut_short):
    """A run that was killed while its files were put in place is completed before the lake is asked."""
    assert ask(cut_short, "SELECT sum(rows) FROM ledger") == [(3,)]
    assert ask(cut_short, "SELECT eventid FROM parquettrails ORDER BY eventid") == [("e1",), ("e2",), ("e3",)]
    assert list((cut_short / "_run").iterdir()) == []


def test_half_a_run_that_cannot_be_completed_is_not_read(cut_short, monkeypatch):
    """Where the run is alive, or the folder cannot be written, the query says so, with the cure."""
    with held(cut_short, LakeError), pytest.raises(LakeError, match="another run holds this lake; wait for it to end"):
        open_lake(cut_short)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(LakeError, match="a run was cut short, .*; run `trailsight local` once .*, or query a copy$"):
        open_lake(cut_short)


def test_a_run_at_work_keeps_no_query_waiting(lake):
    """Before its commit a run has changed nothing, and is not looked at."""
    with held(lake, LakeError):
        Lake(lake).new_run("x")
        assert ask(lake, "SELECT count(*) FROM parquettrails") == [(2,)]


def test_a_damaged_file_is_named(lake):
    """A file of the lake that is no Parquet is an error that names it, not a crash."""
    (lake / "parquettrails" / "eventdate=2024-05-06" / "bad.parquet").write_bytes(b"junk")
    with pytest.raises(LakeError, match=r"cannot be read: .*bad\.parquet"):
        open_lake(lake)


def test_an_empty_lake_has_every_column(tmp_path):
    """No events, no rows; the columns are those of the event row, in both tables."""
    with open_lake(tmp_path) as connection:
        answer = connection.execute("SELECT * FROM parquettrails")
        assert [c[0] for c in answer.description] == [c.name for c in (*COLUMNS, PARTITION)]
        assert answer.fetchall() == []
        assert connection.execute("SELECT count(useridentity.arn) FROM cloudtrail_logs").fetchall() == [(0,)]


def test_a_column_that_an_older_lake_lacks_is_null(tmp_path):
    """A lake written before a column was promoted has it, null; a newer file beside it has its values."""
    old = tmp_path / "parquettrails" / "eventdate=2024-05-06"
    new = tmp_path / "parquettrails" / "eventdate=2024-05-07"
    old.mkdir(parents=True)
    new.mkdir()
    time = datetime(2024, 5, 6)
    pq.write_table(pa.table({"eventid": ["old"], "eventtime": pa.array([time], pa.timestamp("us"))}), old / "1.parquet")
    pq.write_table(pa.table({"eventid": ["new"], "eventname": ["GetObject"]}), new / "1.parquet")
    rows = ask(tmp_path, "SELECT eventid, eventname, errorcode, eventdate FROM parquettrails ORDER BY eventdate")
    assert rows == [("old", None, None, "2024-05-06"), ("new", "GetObject", None, "2024-05-07")]


@pytest.mark.parametrize("name", ["a [b] c", "q?*", "it's", "ünïcode", "{a,b}"])
def test_any_folder_name_will_do(lake, tmp_path, name):
    """Characters that are patterns to a glob, or quotes, are part of the name."""
    shutil.copytree(lake, tmp_path / name)
    assert ask(tmp_path / name, "SELECT count(*) FROM parquettrails") == [(2,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{outside}')",
        "SELECT * FROM read_text('{lake}/parquettrails/../../outside.csv')",
        "SELECT * FROM glob('{lake}/*')",
        "COPY (SELECT 1) TO '{outside}.copy'",
        "ATTACH '{outside}.db'",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "INSTALL httpfs",
        "LOAD httpfs",
    ],
)
def test_a_connection_reaches_nothing_but_the_lake(lake, tmp_path, statement):
    """Even DuckDB's own SQL cannot read or write outside the lake's events or unlock that."""
    outside = tmp_path / "outside.csv"
    outside.write_text("secret\n")
    with open_lake(lake) as connection, pytest.raises(duckdb.Error):
        connection.execute(statement.format(outside=outside, lake=lake)).fetchall()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lake", "logs", "outside.csv"]


def test_half_a_surrogate_hides_no_other_key(tmp_path):
    r"""A record with `\ud800` in it, which DuckDB takes for broken JSON, is read as Athena reads it."""
    folder = tmp_path / "parquettrails" / "eventdate=2024-05-06"
    folder.mkdir(parents=True)
    document = '{"bucketName":"b","key":"x\\ud800y","n":1.50,"\\\\ud800":"kept"}'
    pq.write_table(pa.table({"requestparameters": [document]}), folder / "1.parquet")
    keys = ("$.bucketName", "$.key", "$.n", '$["none"]')
    listed = ", ".join(f"json_extract_scalar(requestparameters, '{key}')" for key in keys)
    assert ask(tmp_path, f"SELECT {listed} FROM parquettrails") == [("b", "x?y", "1.50", None)]


def test_a_time_with_zone_comes_back_in_utc(lake):
    """The moment is kept, shown in UTC."""
    table = run(lake, "SELECT from_iso8601_timestamp('2024-05-06T07:00:00+02:00') AS t", {}, TODAY)
    assert table.schema.field("t").type == pa.timestamp("us", tz="UTC")
    assert table.to_pylist()[0]["t"].isoformat() == "2024-05-06T05:00:00+00:00"


def test_a_path_promoted_for_one_lake_is_a_column_there(tmp_path):
    """What `--promote` named can be asked for by its column, in that lake; null in rows from before."""
    write(path_of(tmp_path / "logs", "2024-05-06", "a"), event("e1", requestParameters={"colour": "red"}))
    ingest([str(tmp_path / "logs")], Lake(tmp_path / "lake"), workers=1)
    write(path_of(tmp_path / "logs", "2024-05-06", "b"), event("e2", requestParameters={"colour": "blue"}))
    promote = (*PROMOTE, "requestParameters.colour")
    ingest([str(tmp_path / "logs")], Lake(tmp_path / "lake"), workers=1, promote=promote)
    sql = "SELECT eventid, requestparameters_colour FROM parquettrails ORDER BY 1"
    found = run(tmp_path / "lake", sql, {}, date(2024, 5, 7)).to_pylist()
    assert [tuple(row.values()) for row in found] == [("e1", None), ("e2", "blue")]
