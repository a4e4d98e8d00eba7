"""The dashboard's numbers are those of the named queries, over the sample and over real records."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from runtime.athena.named import NamedQuery
from runtime.athena.named import load as queries
from runtime.local.dialect import to_duckdb
from runtime.local.ingest import ingest
from runtime.local.lake import Lake
from runtime.local.query import open_lake
from runtime.local.sample import write_sample
from runtime.quicksight.spec import load

EVENTS = load().data_sets["events"]
FAILED = ("denied", "throttled", "failed")
ALL = {"from": "2000-01-01", "to": "2100-01-01"}
# Only these may read a column that can be null beside a negation: there, no value is rightly no match.
NULL_IS_NO_MATCH = {
    "errorcode <> ''",
    "useridentity_accountid <> ELEMENT_AT(SPLIT(requestparameters_rolearn, ':'), 5)",
    "NOT useridentity_accountid IN ('')",
}


@pytest.fixture(scope="module", params=["sample", "real"])
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A lake, open for SQL; both have Insights events, which have no eventName, and failed sign-ins."""
    folder: Path = tmp_path_factory.mktemp("agreement")
    logs = folder / "logs"
    if request.param == "sample":
        write_sample(logs, events=3000, seed=7, accounts=4, days=12, end=date(2026, 11, 1))
    else:
        logs = request.getfixturevalue("real_data")
    ingest([str(logs)], Lake(folder / "lake"), workers=1)
    with open_lake(folder / "lake") as connection:
        assert number(connection, "count(*)", "eventname IS NULL AND insightdetails_state IS NOT NULL")
        yield connection


def number(
    connection: duckdb.DuckDBPyConnection, value: str, where: str = "true", source: str = "parquettrails"
) -> int:
    rows = connection.sql(to_duckdb(f"SELECT coalesce({value}, 0) FROM {source} WHERE {where}")).fetchall()
    return int(rows[0][0])


def measure(name: str) -> str:
    return f"sum({EVENTS.measures[name].sql})"


def field(name: str, *values: str) -> str:
    """The condition of a visual's `where`."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"({EVENTS.fields[name].sql}) " + (f"IN ({listed})" if values else "IS NOT NULL")


def answer(connection: duckdb.DuckDBPyConnection, query: str, value: str) -> int:
    named = queries()[query].render(ALL, date(2024, 5, 10))
    return number(connection, value, source=f"({named}) AS answer")


@pytest.mark.parametrize(
    ("name", "fields", "query", "value"),
    [
        ("signins", [field("signin")], None, None),
        ("signins_failed", [field("signin", "failed")], "failed-logins-by-ip", "sum(failures)"),
        ("signins_without_mfa", [field("signin", "without MFA")], None, None),
        ("failures", [field("error"), field("outcome", *FAILED)], "error-codes", "sum(errors)"),
        ("denied", [field("outcome", "denied")], "access-denied-by-principal", "sum(denied)"),
        ("writes", [field("access", "write")], None, None),
        ("unknown_fields", [field("unknown")], "unknown-fields", "sum(events)"),
    ],
    ids=["sign-ins", "failed sign-ins", "without MFA", "failures", "denied", "writes", "unknown fields"],
)
def test_a_measure_a_field_and_a_query_count_the_same(
    asked: Any, name: str, fields: list[str], query: str | None, value: str | None
) -> None:
    """A number on a sheet, the visuals below it that show the same events, and the named query."""
    counted = number(asked, measure(name))
    assert [number(asked, "count(*)", condition) for condition in fields] == [counted] * len(fields)
    if query and value:
        assert answer(asked, query, value) == counted


@pytest.mark.parametrize(
    ("where", "query", "value"),
    [
        (field("outcome", "throttled"), "throttling", "sum(throttled)"),
        (f"{field('target_account')} AND {field('error')}", "assume-role-across-accounts", "sum(failed)"),
    ],
    ids=["throttled", "roles across accounts"],
)
def test_a_field_and_a_query_count_the_same(asked: Any, where: str, query: str, value: str) -> None:
    """What a visual shows by its filter alone, and the named query."""
    assert number(asked, "count(*)", where) == answer(asked, query, value)


def test_an_empty_key_is_none(asked: Any) -> None:
    """Some services write an access key's id as the empty text; the table of access keys has no row without a key."""
    assert number(asked, "count(*)", field("key")) == number(asked, "count(*)", "length(useridentity_accesskeyid) > 0")


def test_no_negation_forgets_events_that_lack_the_field() -> None:
    """`NULL <> 'x'` is not true: what reads a column that can be null beside a negation says what null means."""
    statements = [query.render(dict.fromkeys(required(query), "x"), date(2024, 5, 10)) for query in queries().values()]
    statements += [
        part.sql
        for data_set in load().data_sets.values()
        for part in (*data_set.fields.values(), *data_set.measures.values())
    ]
    found = set()
    for sql in statements:
        for node in sqlglot.parse_one(sql, read="athena").find_all(exp.NEQ, exp.Not):
            compared = node if isinstance(node, exp.NEQ) else node.this
            sides = (compared.this, compared.args.get("expression"))
            says_null = isinstance(compared, exp.Is) or not isinstance(compared, exp.Predicate)
            if not says_null and any(isinstance(side, exp.Column) for side in sides):
                found.add(node.sql(dialect="athena"))
    assert found == NULL_IS_NO_MATCH


def required(query: NamedQuery) -> list[str]:
    return [parameter.name for parameter in query.parameters if parameter.default is None]
