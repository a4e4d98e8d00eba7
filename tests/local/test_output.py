"""A result as table, CSV, JSON and Parquet: readable, exact, and harmless whatever an attacker named something."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runtime.local.output import write

HOSTILE = "=cmd|' /C calc'!A0\x1b]0;owned\x07\x1b[2J\r\n\"</script>\u202e\x00"


def written(table: pa.Table, output_format: str) -> str:
    stream = io.BytesIO()
    write(table, output_format, stream)
    return stream.getvalue().decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch):
    """Set the terminal's width."""
    return lambda columns: monkeypatch.setenv("COLUMNS", str(columns))


def test_a_table_that_fits_has_one_line_per_row(terminal):
    """Numbers stand right, text left, nulls are empty, and the last line counts."""
    terminal(80)
    table = pa.table({"name": ["GetObject", None], "events": [12, 3]})
    assert written(table, "table") == "name       events\nGetObject      12\n                3\n2 rows\n"


def test_a_column_without_a_value_is_left_out_and_counted(terminal):
    """SELECT * of a wide table shows what there is; with no rows all names are shown."""
    terminal(80)
    table = pa.table({"a": ["x"], "b": pa.array([None], pa.string()), "c": pa.array([None], pa.string())})
    assert written(table, "table") == "a\nx\n1 row; 2 columns without a value left out\n"
    assert written(table.slice(0, 0), "table") == "a  b  c\n0 rows\n"
    assert written(table.select(["b"]), "table") == "b\n\n1 row\n"


def test_rows_that_do_not_fit_become_records(terminal):
    """Many columns are written one below the other, each record with the values it has."""
    terminal(60)
    table = pa.table({f"column_{n}": ["v" * 20, None if n == 3 else f"w{n}"] for n in range(8)})
    lines = written(table, "table").splitlines()
    assert lines[0].startswith("-- 1 --")
    assert lines[1] == "column_0  " + "v" * 20
    assert lines[9].startswith("-- 2 --")
    assert [line for line in lines if "column_3" in line] == ["column_3  " + "v" * 20]
    assert lines[-1] == "2 rows"


def test_long_values_fold_where_the_columns_fit(terminal):
    """Few columns with long values stay a table; nothing is cut off."""
    terminal(40)
    shown = written(pa.table({"a": ["x" * 50], "b": ["y" * 50]}), "table")
    assert shown.count("x") == shown.count("y") == 50
    assert max(map(len, shown.splitlines())) <= 40


@pytest.mark.parametrize("columns", [30, 400])
def test_a_terminal_gets_no_control_character(terminal, columns):
    """Escape sequences, NUL, line breaks and marks that turn text around are shown as escapes, names included."""
    terminal(columns)
    shown = written(pa.table({HOSTILE: [HOSTILE], "b": [HOSTILE * 3], "c": ["x"]}), "table")
    assert not set(shown) & set("\x1b\x07\x00\r\u202e")
    assert "\\x1b[2J" in shown.replace("\n", "")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", HOSTILE])
def test_a_formula_stays_text_in_csv(cell):
    """A spreadsheet gets an apostrophe before what it would run, in the head too; numbers stay numbers."""
    rows = list(csv.reader(io.StringIO(written(pa.table({cell: [cell], "n": [-5]}), "csv"), newline="")))
    assert rows == [["'" + cell, "n"], ["'" + cell, "-5"]]


def test_json_is_one_array_of_objects():
    """Times are ISO, nested values are JSON, big and exact numbers are kept, a second column of a name is told apart."""
    schema = pa.schema(
        [
            ("t", pa.timestamp("us")), ("z", pa.timestamp("us", tz="UTC")), ("d", pa.date32()), ("n", pa.int64()),
            ("dec", pa.decimal128(5, 2)), ("row", pa.struct([("a", pa.string())])), ("list", pa.list_(pa.int64())),
            ("map", pa.map_(pa.string(), pa.string())), ("f", pa.float64()), ("b", pa.binary()), ("no", pa.string()),
        ]
    )  # fmt: skip
    time = datetime(2024, 5, 6, 7, 8, 9, 120000)
    values = [time, time.replace(tzinfo=UTC), date(2024, 5, 6), 2**60, Decimal("1.50"), {"a": HOSTILE}, [1, 2], [("k", "v")], float("nan"), b"\x01", None]  # fmt: skip
    table = pa.Table.from_arrays([pa.array([v], f.type) for v, f in zip(values, schema, strict=True)], schema=schema)
    (row,) = json.loads(written(table, "json"))
    assert row == {
        "t": "2024-05-06T07:08:09.120", "z": "2024-05-06T07:08:09.120Z", "d": "2024-05-06", "n": 2**60, "dec": "1.50",
        "row": {"a": HOSTILE}, "list": [1, 2], "map": {"k": "v"}, "f": "nan", "b": "01", "no": None,
    }  # fmt: skip
    assert "\x1b" not in written(table, "json")
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert json.loads(written(twice, "json")) == [{"a": 1, "a_2": 2}]
    assert json.loads(written(twice.slice(0, 0), "json")) == []


def test_parquet_keeps_types_and_values():
    """The file holds the table itself."""
    table = pa.table({"a": [HOSTILE, None], "t": pa.array([datetime(2024, 5, 6), None], pa.timestamp("us"))})
    stream = io.BytesIO()
    write(table, "parquet", stream)
    assert pq.read_table(io.BytesIO(stream.getvalue())).equals(table)
