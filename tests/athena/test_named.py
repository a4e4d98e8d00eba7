"""Headers, placeholders and parameters of the named queries, and rules that every one keeps."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify

from runtime.athena import named
from runtime.athena.named import NamedQuery, Parameter, QueryError, load, substitute
from runtime.events.columns import COLUMNS, PARTITION

TODAY = date(2024, 5, 10)
QUERIES = list(load().values())
by_name = pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)


def rendered(query: NamedQuery) -> str:
    return query.render({p.name: "x" for p in query.parameters if p.default is None}, TODAY)


def selects_of_the_lake(tree: exp.Expression) -> list[exp.Select]:
    return [
        select
        for select in tree.find_all(exp.Select)
        if any(table.name == "parquettrails" and table.parent_select is select for table in select.find_all(exp.Table))
    ]


def bounds_eventdate(select: exp.Select) -> bool:
    """One conjunct of WHERE bounds the partition key by values that come from no row."""
    where = select.args.get("where")
    conditions = where.this.flatten() if where and isinstance(where.this, exp.And) else [where.this] if where else []
    for condition in conditions:
        if isinstance(condition, exp.Between) and condition.this.name == PARTITION.name:
            low, high = condition.args["low"], condition.args["high"]
            return not low.find(exp.Column) and not high.find(exp.Column)
    return False


def test_the_posts_query_is_first_and_there_are_enough() -> None:
    """`hour` opens the list; at least 35 queries follow the rule of one file, one name."""
    names = [query.name for query in QUERIES]
    assert names[0] == "hour"
    assert len(names) >= 35
    assert set(names) == {path.stem for path in named.FOLDER.glob("*.sql")}


def test_every_cis_control_has_its_query() -> None:
    """Controls 4.1 to 4.15 of the benchmark's version 1.4.0, in their order, one query each."""
    assert [query.control for query in QUERIES if query.control] == [
        f"CIS AWS Foundations Benchmark v1.4.0 4.{number}" for number in range(1, 16)
    ]


@by_name
def test_prunes(query: NamedQuery) -> None:
    """Every SELECT that reads the lake bounds `eventdate` on both sides, whatever else it asks."""
    selects = selects_of_the_lake(sqlglot.parse_one(rendered(query), read="athena"))
    assert selects
    assert all(bounds_eventdate(select) for select in selects)


@pytest.mark.parametrize(
    "where",
    [
        "",
        "WHERE eventname = 'x'",
        "WHERE eventdate BETWEEN 'a' AND 'b' OR eventname = 'x'",
        "WHERE eventdate BETWEEN eventname AND 'b'",
    ],
)
def test_the_pruning_rule_can_fail(where: str) -> None:
    """A missing, optional or per-row bound does not pass for one."""
    (select,) = selects_of_the_lake(sqlglot.parse_one(f"SELECT 1 AS x FROM parquettrails {where}", read="athena"))
    assert not bounds_eventdate(select)


@by_name
def test_names_only_columns_there_are(query: NamedQuery) -> None:
    """Every column named is one of the event row or made by the query itself."""
    schema = {"parquettrails": {column.name: column.type for column in (*COLUMNS, PARTITION)}}
    qualify(sqlglot.parse_one(rendered(query), read="athena"), schema=schema, dialect="athena")


@by_name
def test_uses_each_parameter(query: NamedQuery) -> None:
    """The header's parameters are the statement's placeholders, no more, no fewer."""
    used = {match[1] for match in named._PLACEHOLDER.finditer(query.sql)} - {None}
    assert used == {parameter.name for parameter in query.parameters}


def test_defaults_count_back_from_today() -> None:
    """`today-7` and `today` become the days that the caller's today gives."""
    assert "eventdate BETWEEN '2024-05-03' AND '2024-05-10'" in load()["error-codes"].render({}, TODAY)


def test_values_replace_defaults() -> None:
    """A given day stands as it is, a relative one is counted from today."""
    sql = load()["error-codes"].render({"from": "2024-01-02", "to": "today-1"}, TODAY)
    assert "eventdate BETWEEN '2024-01-02' AND '2024-05-09'" in sql


@pytest.mark.parametrize("value", [["a", "b'c"], "a, b'c"])
def test_lists(value: str | list[str]) -> None:
    """A list, or text with commas, becomes quoted literals."""
    query = NamedQuery("q", "t", "q?", (Parameter("ips", ()),), None, "SELECT 1 WHERE 'a' IN (:ips)")
    assert query.render({"ips": value}, TODAY) == "SELECT 1 WHERE 'a' IN ('a', 'b''c')"


def test_an_empty_list_stays_sql() -> None:
    """No value at all is one that nothing equals."""
    assert substitute("x IN (:ips)", {"ips": []}) == "x IN ('')"


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("error-codes", {"form": "x"}, "error-codes: there is no parameter form; known are: from, to"),
        (
            "role-chain",
            {},
            "role-chain: the parameter key has no default, give it a value; known are: key, from, to",
        ),
        (
            "error-codes",
            {"from": "20240102"},
            "error-codes: from is '20240102'; write YYYY-MM-DD, today or today-<days>",
        ),
        (
            "error-codes",
            {"to": "2024-02-30"},
            "error-codes: to is '2024-02-30'; write YYYY-MM-DD, today or today-<days>",
        ),
        (
            "error-codes",
            {"to": "today-99999999"},
            "error-codes: to is 'today-99999999'; write YYYY-MM-DD, today or today-<days>",
        ),
        (
            "error-codes",
            {"from": "today-99999", "to": "today-999999"},
            "error-codes: to is 'today-999999'; write YYYY-MM-DD, today or today-<days>",
        ),
        ("role-chain", {"key": ["a"]}, "role-chain: the parameter key takes one value, not a list"),
    ],
)
def test_wrong_parameters(name: str, values: dict[str, str | list[str]], message: str) -> None:
    """A wrong name, value or gap is one sentence with what would be right."""
    with pytest.raises(QueryError) as error:
        load()[name].render(values, TODAY)
    assert str(error.value) == message


def test_values_stay_text() -> None:
    """A value with quotes, comment signs and other placeholders' names ends no literal."""
    hostile = "x' OR 1=1 -- :b"
    assert substitute("a = :a AND b = :b", {"a": hostile, "b": "y"}) == "a = 'x'' OR 1=1 -- :b' AND b = 'y'"


def test_only_placeholders_are_replaced() -> None:
    """Colons in strings, quoted names, comments and casts are none."""
    sql = "SELECT ':a''s :a', \":a\", x::a, '$[\"aws:a\"]' -- :a\n/* :a */ FROM t WHERE y = :a"
    assert substitute(sql, {"a": "1"}) == sql.removesuffix(":a") + "'1'"


def test_a_placeholder_without_value() -> None:
    """It is refused by name, not left in the SQL."""
    with pytest.raises(QueryError) as error:
        substitute("x = :a", {"b": "1"})
    assert str(error.value) == "the query has a placeholder :a without a value; given are: b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- title: t\nSELECT 1", "q.sql: the header has no question; add a line -- question: ..."),
        ("-- titel: t\nSELECT 1", "q.sql: line 1 is no header line; write -- title|question|param|control:"),
    ],
)
def test_a_broken_header(text: str, message: str) -> None:
    """A header line that is misspelt or missing is named with its file."""
    with pytest.raises(QueryError) as error:
        named._parse("q", text)
    assert str(error.value) == message


def test_reference_is_current() -> None:
    """docs/queries.md is what the headers give; `make docs` makes it anew."""
    assert (Path(named.__file__).parents[2] / "docs" / "queries.md").read_text(encoding="utf-8") == named.reference()


def test_needs_no_engine() -> None:
    """Listing and rendering load neither DuckDB nor sqlglot: the deployment uses them too."""
    code = "import sys, runtime.athena.named as n; n.load(); print({'duckdb', 'sqlglot'} & set(sys.modules))"
    root = Path(named.__file__).parents[2]
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert out.stdout == "set()\n"
