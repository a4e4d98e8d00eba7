"""Athena's SQL on DuckDB: what a real Trino answered is answered the same or refused, never otherwise."""

import ast
import graphlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pytest

from cli.query import query
from runtime.athena.named import load
from runtime.local.dialect import Refused, reference, to_duckdb
from runtime.local.dialect.engine import FAILS, PARTIAL
from runtime.local.query import open_lake
from tests.conftest import REPO
from tests.golden.agree import agree

GOLDEN = REPO / "tests" / "golden"
COUNTS = {"same": 1439, "refused": 349, "failed": 80}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_lake(tmp_path_factory.mktemp("lake")) as connection:
        yield connection


def recorded(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / name).read_text(encoding="utf-8").splitlines()]


def outcome(connection: duckdb.DuckDBPyConnection, golden: dict[str, Any]) -> str:
    """Answered the same, refused (before it runs or when it meets the value), failed as in Trino; or what is wrong."""
    answered = "trino_error" not in golden
    try:
        made = to_duckdb(golden["sql"])
    except Refused:
        return "refused"
    try:
        answer = connection.execute(made)
        names, rows = [column[0] for column in answer.description], answer.fetchall()
    except duckdb.Error as error:
        if not answered:
            return "failed"
        return "refused" if PARTIAL in str(error) else f"fails with {error}"
    if not answered:
        return f"answered {rows}, Trino refuses it"
    if names != [name for name, _ in golden["columns"]]:
        return f"columns {names}"
    whole = golden.get("rows") if isinstance(golden.get("rows"), list) else None
    if whole is None and len(rows) != golden["rows"]:
        return f"{len(rows)} rows"
    first = whole if whole is not None else golden["first"]
    return "same" if agree(golden["columns"], first, rows[: len(first)]) else f"answered {rows}"


def outcomes(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[Counter[str], list[tuple[str, str]]]:
    counted: Counter[str] = Counter()
    wrong = []
    for golden in recorded(name):
        found = outcome(connection, golden)
        if found in {"same", "refused", "failed"}:
            counted[found] += 1
        else:
            wrong.append((golden["sql"], found))
    return counted, wrong


def test_the_208_constructs(lake: duckdb.DuckDBPyConnection):
    """Each construct of the research is answered as Trino did or refused, and all that both engines share is answered."""
    counted, wrong = outcomes(lake, "athena.jsonl")
    assert wrong == []
    assert counted == {"same": 169, "refused": 34, "failed": 5}
    refused = {g["class"] for g in recorded("athena.jsonl") if outcome(lake, g) == "refused"}
    assert refused == {"ONLY TRINO", "ONLY DUCKDB", "both failed"}


def test_edge_values_of_every_function(lake: duckdb.DuckDBPyConnection):
    """Statements over empty texts, nulls, month ends, broken JSON and the like: as Trino, or refused."""
    counted, wrong = outcomes(lake, "trino.jsonl")
    assert wrong == []
    assert counted == COUNTS


@pytest.mark.parametrize("name", list(load()))
def test_named_queries_pass(name: str):
    """Every named query is made of what is answered here."""
    query = load()[name]
    values = {p.name: "x" for p in query.parameters if p.default is None}
    assert to_duckdb(query.render(values, date(2026, 11, 24)))


TABLE = "FROM parquettrails"
REFUSALS = [
    # types, as Athena
    (f"SELECT 1 {TABLE} WHERE eventtime >= '2024-01-01'", "does not compare timestamp with varchar"),
    (f"SELECT 1 {TABLE} WHERE eventdate >= date '2024-01-01'", "does not compare varchar with date"),
    (f"SELECT 1 {TABLE} WHERE errorcode = 1", "does not compare varchar with integer"),
    (f"SELECT eventname || 1 {TABLE}", "CAST each to varchar"),
    (f"SELECT eventname AS n, count(*) {TABLE} GROUP BY n", "there is no column n"),
    (f"SELECT eventname AS n {TABLE} WHERE n = 'x'", "there is no column n"),
    (f"SELECT evntname {TABLE}", "did you mean eventname"),
    (f"SELECT CAST(eventname AS text) {TABLE}", "text and string are no types"),
    (f"SELECT eventname::varchar {TABLE}", "write CAST(x AS type)"),
    (f"SELECT count(*) {TABLE} LIMIT 1 OFFSET 2", "OFFSET stands before LIMIT"),
    ("SELECT date '2024-01-01' + 1", "use interval '1' day"),
    # what would be answered otherwise
    ('SELECT "$path" FROM parquettrails', "there is no column $path"),
    (f"SELECT regexp_like(eventname, eventsource) {TABLE}", "needs its pattern as a literal"),
    (f"SELECT regexp_like(eventname, '(?=a)') {TABLE}", "is not supported in a regular expression"),
    (f"SELECT strftime(eventtime, '%Y') {TABLE}", "the function strftime is not supported; write date_format"),
    (f"SELECT * EXCLUDE (eventid) {TABLE}", "name the columns"),
    (f"SELECT eventname {TABLE} WHERE eventname ILIKE 'x'", "write lower(x) LIKE"),
    (f"SELECT 1 {TABLE} TABLESAMPLE BERNOULLI (10)", "not supported"),
    (f"SELECT DISTINCT ON (eventname) eventid {TABLE}", "not supported"),
    ("SELECT try(from_iso8601_timestamp('2024-W01' || x)) FROM (VALUES 'a') AS t (x)", "try of this expression"),
    # tables
    ("SELECT 1 FROM flatfiles", "there is no table flatfiles"),
    ("SELECT 1 FROM information_schema.tables", "there is no table information_schema.tables"),
    ("SELECT 1 FROM elsewhere.cloudtrail.parquettrails", "there is no table elsewhere.cloudtrail.parquettrails"),
    ("SELECT 1 FROM read_csv('/etc/passwd')", "a table function is not supported"),
    ("SELECT 1 FROM '/etc/passwd'", "refused"),
    ("SELECT 1 FROM duckdb_settings()", "a table function is not supported"),
    # statements
    ("COPY parquettrails TO 'x'", "only queries are"),
    ("", "no query"),
    ("-- only a comment", "no query"),
    ("ATTACH 'x'", "only queries are"),
    ("SET TimeZone = 'x'", "only queries are"),
    ("PRAGMA database_list", "only queries are"),
    ("DROP TABLE parquettrails", "only queries are"),
    ("CREATE TABLE x AS SELECT 1", "only queries are"),
    ("INSERT INTO parquettrails SELECT 1", "only queries are"),
    ("EXPLAIN SELECT 1", "only queries are"),
    ("SELECT 1; SELECT 2", "2 statements"),
    ("SELECT getenv('HOME')", "the function getenv is not supported"),
    ("SELECT " + "(" * 3000 + "1" + ")" * 3000, "nested too deeply"),
    ("SELECT '" + "x" * 100_001 + "'", "100000 is the most"),
    ("SELECT 'a", "no SQL of Athena"),
]


@pytest.mark.parametrize(("sql", "sentence"), REFUSALS, ids=[sql[:60] for sql, _ in REFUSALS])
def test_refused_by_name(sql: str, sentence: str):
    """What is refused is named with its cure, in one sentence."""
    with pytest.raises(Refused) as raised:
        to_duckdb(sql)
    said = str(raised.value)
    assert sentence == "refused" or sentence in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "name",
    [
        "parquettrails",
        "cloudtrail.parquettrails",
        "logs.CloudTrail_Logs",
        '"any"."cloudtrail_logs"',
        "AwsDataCatalog.x.parquettrails",
    ],
)
def test_any_database_may_stand_before_a_table(name: str, lake: duckdb.DuckDBPyConnection):
    """Published queries name a database of their own; it is taken for ours."""
    assert lake.execute(to_duckdb(f"SELECT count(*) FROM {name} WHERE eventname = 'x'")).fetchall() == [(0,)]


def test_no_try_hides_what_only_this_engine_cannot_do(lake: duckdb.DuckDBPyConnection):
    """A value that Athena reads and this engine does not fails, in TRY_CAST too, instead of being null."""
    made = to_duckdb("SELECT try_cast(x AS timestamp) FROM (VALUES '2024-01-31 12:00:00 UTC') AS t (x)")
    with pytest.raises(duckdb.Error, match=PARTIAL):
        lake.execute(made).fetchall()
    made = to_duckdb("SELECT try_cast(x AS timestamp), try_cast(x AS double) FROM (VALUES '', 'x') AS t (x)")
    assert lake.execute(made).fetchall() == [(None, None)] * 2


def test_broken_json_is_named(lake: duckdb.DuckDBPyConnection):
    """A text that begins as JSON and breaks off is not taken for one without the key."""
    sql = "SELECT json_extract_scalar(x, '$.b') FROM (VALUES '{\"a\":1', 'no JSON', '') AS t (x)"
    with pytest.raises(duckdb.Error, match="begins as JSON and is none"):
        lake.execute(to_duckdb(sql)).fetchall()
    assert lake.execute(to_duckdb(sql.replace("'{\"a\":1', ", ""))).fetchall() == [(None,), (None,)]
    assert FAILS != PARTIAL


def test_modules_know_each_other_in_one_direction():
    """No module of the dialect imports one that imports it, at its top or inside a function."""
    package = "runtime.local.dialect"
    known = {}
    for path in (REPO / package.replace(".", "/")).glob("*.py"):
        known[path.stem] = {
            name.removeprefix(f"{package}.").split(".")[0]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package)
            for name in ([a.name for a in node.names] if node.module == package else [node.module or ""])
        }
    assert known["statements"] > {"expressions", "aggregates"}
    graphlib.TopologicalSorter(known).prepare()


def test_the_reference_is_current():
    """docs/sql.md is what the tables give; `make docs` makes it anew."""
    constructs = len(recorded("athena.jsonl")) + len(recorded("trino.jsonl"))
    assert (REPO / "docs" / "sql.md").read_text(encoding="utf-8") == reference.reference(constructs)


def test_every_table_is_named():
    """docs/sql.md and the help of `trailsight query` name each table that a query may read, and so does its refusal."""
    introduction = reference.reference(0).split("\n## ")[0]
    with pytest.raises(Refused, match="there is no table nothing; read ") as refused:
        to_duckdb("SELECT 1 FROM nothing")
    tables = str(refused.value).partition("; read ")[2].split(" or ")
    assert len(tables) == 3
    for table in tables:
        assert f"`{table}`" in introduction
        assert re.search(rf"\b{table}\b", query.__doc__ or "")


@pytest.mark.parametrize("name", sorted(reference.functions()))
def test_every_listed_function_is_known(name: str):
    """No function of the reference is refused as unknown."""
    said = ""
    try:
        to_duckdb(f"SELECT {name}(eventname) FROM parquettrails")
    except Refused as refused:
        said = str(refused)
    assert f"the function {name} is not supported" not in said
