"""`make bench`: each table runs, at a size that says nothing about speed, and one that fails stops no other."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import data, flatten, ingest, measure, page, program, query, spark
from runtime.operations import cost

needs_spark = pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="no pyspark here")


@pytest.fixture(autouse=True)
def _no_corpus(monkeypatch, tmp_path):
    """As in a fresh clone; the child processes are told by their environment."""
    monkeypatch.setenv("TRAILSIGHT_DATA", str(tmp_path / "none"))
    for module in (bench, data, ingest, flatten):
        monkeypatch.setattr(module, "REAL", tmp_path / "none")


@pytest.fixture
def _small(monkeypatch):
    """What the tables make themselves, at a hundredth of its size or less; the hostile inputs not at all."""

    def make(folder: Path, events: int, files: int, days: int = 1) -> None:
        measure.make(folder, min(events, 300), min(files, 3), days)

    def run(*arguments: str) -> measure.Cost:
        return measure.run(
            *("300" if argument.isdecimal() and int(argument) > 300 else argument for argument in arguments)
        )

    for module in (ingest, flatten):
        monkeypatch.setattr(module, "make", make)
        monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(ingest, "HOSTILE", {})


def test_each_way_to_parquet_has_a_row():
    """All rivals are named, those at hand with a cost; ours works."""
    rows = ingest.cpu(200, 1)
    assert [row["way"] for row in rows] == list(ingest.WAYS.values())
    failed = {row["way"] for row in rows if "fails" in row}
    assert failed <= ({ingest.WAYS["clickhouse"]} if importlib.util.find_spec("chdb") is None else set())
    assert all(row["us/record"] > 0 for row in rows if row["way"] not in failed)


@pytest.mark.usefixtures("_small")
def test_memory_and_size():
    """Each input has its peak, and the partition its bytes."""
    assert [row["input"] for row in ingest.memory()] == [
        *("1 file of 30 MB", "1 file of 300 MB", "100 small files", "10,000 small files")
    ]
    [row] = ingest.size()
    assert row["events in the partition"] > 0


def test_two_workers():
    """The speed-up is a number."""
    [row] = ingest.two_workers(100, 1)
    assert float(row["speed-up"].removesuffix("x")) > 0


@pytest.mark.usefixtures("_small")
def test_the_flattener_beside_the_post(monkeypatch):
    """Its CPU on the sample, both peaks and the imports are measured."""
    monkeypatch.setattr(flatten, "RECORDS", 200)
    assert [row["input"] for row in flatten.cpu(1)] == ["sample, files as they are"]
    assert [row["way"] for row in flatten.memory()] == ["interpreter", "post", "ours"]
    assert all(row["CPU ms"] >= 0 for row in flatten.imports())


@needs_spark
@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_job_beside_the_post():
    """Both ways run on both inputs, and planning finds each file."""
    rows = spark.table((400,))
    assert len(rows) == 4
    assert not any("fails" in str(row["tree CPU s"]) for row in rows)
    assert [row["files"] for row in spark.planning(200, 100)] == [6, 200]


def test_the_hour_query():
    """Each way of asking finds the hour."""
    rows = query.hour_query(240)
    one = next(row["rows"] for row in rows if row["way"] == "lake, hour of a day alone")
    assert one == 24  # one an hour in each of 24 files
    assert [row["rows"] for row in rows] == [one, one, 240, one * query.DAYS, one]


def test_the_page_the_program_and_the_cost():
    """The page has a size, the program registers, and the model has rows."""
    [row] = page.page(200)
    assert row["page MB"] > 0
    assert [row["CPU s"] > 0 for row in program.start(1)] == [True] * 3
    assert cost.table()


@pytest.mark.parametrize("broken", ["ours", "post"])
def test_where_our_job_fails_its_table_does(monkeypatch, tmp_path, broken):
    """The post's job may fail and has a row that says why; ours may not."""

    def run(*arguments: str) -> measure.Cost:
        if arguments[2] == broken:
            raise measure.Failed("no memory")
        return measure.Cost(1.0, 1.0, '{"executors": 1, "gc": 0, "spilled": 0, "wall": 1, "tasks": 1, "columns": 1}')

    monkeypatch.setattr(spark, "run", run)
    if broken == "ours":
        with pytest.raises(measure.Failed, match="no memory"):
            spark._side_by_side(tmp_path, 1)
    else:
        assert [row["tree CPU s"] for row in spark._side_by_side(tmp_path, 1)] == [1.0, "fails: no memory"]


def test_a_program_that_fails_is_no_row(monkeypatch):
    """Every way of that table is ours."""
    monkeypatch.setattr(program, "interleaved", lambda ways, _: dict.fromkeys(ways, measure.Failed("no such class")))
    with pytest.raises(measure.Failed, match="no such class"):
        program.start(1)


def test_a_table_that_fails_stops_no_other(monkeypatch, capsys):
    """Its reason stands in its place, the others have their rows, and the exit code is 1."""

    def broken():
        raise measure.Failed("out of disk")

    tables = {"first": ("First", broken), "second": ("Second", lambda: [{"way": "x", "CPU s": 1}])}
    monkeypatch.setattr(bench, "_tables", lambda *_: tables)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--json"])
    with pytest.raises(SystemExit) as ended:
        bench.main()
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["tables"] == {
        "first": [{"fails": "Failed: out of disk"}],
        "second": [{"way": "x", "CPU s": 1}],
    }
    assert "a sample's stand for them" in said.err
