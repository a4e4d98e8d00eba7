"""Athena's SQL asked of a lake: DuckDB over its Parquet files, closed to everything outside the lake's folder."""

import re
from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path

import duckdb
import pyarrow as pa

from runtime.athena import view
from runtime.athena.named import QueryError, load, substitute
from runtime.events.columns import COLUMNS, PARTITION
from runtime.local.dialect import to_duckdb
from runtime.local.dialect.types import FAILS, quoted, text

SCHEMA = "cloudtrail"


def connect(lake: Path) -> duckdb.DuckDBPyConnection:
    """Connection with the schema `cloudtrail` over the lake: `parquettrails` and `cloudtrail_logs`.

    It reads files of the lake only, writes none, and its settings are locked. The time zone is UTC. An empty lake
    has empty tables.
    """
    root = lake.resolve()
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    connection.execute(f"SET search_path = '{SCHEMA}'")
    connection.execute(f"CREATE VIEW {SCHEMA}.{view.TABLE} AS {_events(root)}")
    connection.execute(view.duckdb())
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute(f"SET allowed_directories = [{text(str(root / view.TABLE) + '/')}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _events(root: Path) -> str:
    pattern = root / view.TABLE / f"{PARTITION.name}=*" / "*.parquet"
    types = {column.name: "TIMESTAMP" if column.type == "timestamp" else "VARCHAR" for column in (*COLUMNS, PARTITION)}
    if not any((root / view.TABLE).glob(f"{PARTITION.name}=*/*.parquet")):
        nothing = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items())
        return f"SELECT {nothing} WHERE false"
    # A column that no file of an older lake has is null, as in Athena.
    read = f"read_parquet({text(str(pattern).replace('[', '[[]'))}, hive_partitioning = 1, hive_types_autocast = 0, union_by_name = true)"
    with duckdb.connect(":memory:") as probe:
        there = {str(row[0]).lower() for row in probe.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()}
    listed = (quoted(n) if n in there else f"CAST(NULL AS {kind}) AS {quoted(n)}" for n, kind in types.items())
    return f"SELECT {', '.join(listed)} FROM {read}"


def statement(sql_or_name: str, parameters: Mapping[str, str], today: date) -> str:
    """The statement in Athena's dialect: a named query's or the given SQL, its placeholders filled.

    Raises QueryError for an unknown name or parameter.
    """
    given = sql_or_name.strip()
    if re.fullmatch(r"[A-Za-z0-9_-]+", given):
        query = load().get(given)
        if query is None:
            near = get_close_matches(given, load(), 3, 0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else "`trailsight queries` lists them"
            raise QueryError(f"there is no query {given}; {hint}")
        return query.render(dict(parameters), today)
    for name in parameters:
        if not re.search(rf":{re.escape(name)}\b", given):
            raise QueryError(
                f"the SQL has no placeholder :{name}; leave the parameter out or write :{name} where it belongs"
            )
    return substitute(given, parameters)


def run(lake: Path, sql_or_name: str, parameters: Mapping[str, str], today: date) -> pa.Table:
    """Rows that a named query or SQL in Athena's dialect gives over the lake.

    Raises QueryError or Refused, one sentence with the cure.
    """
    if not lake.is_dir():
        raise QueryError(f"{lake} is no folder; make a lake with `trailsight local INPUT --lake {lake}`")
    made = to_duckdb(statement(sql_or_name, parameters, today))
    with connect(lake) as connection:
        try:
            return connection.sql(made).to_arrow_table()
        except duckdb.Error as error:
            raise QueryError(_sentence(error, lake)) from None


def _sentence(error: duckdb.Error, lake: Path) -> str:
    """One sentence about what went wrong at run time, without the generated SQL and without paths of ours."""
    said = str(error)
    if match := re.search(re.escape(FAILS) + r"([^'\n]+)'", said):
        return f"the query failed: {match[1]}"
    first = said.split("\n\n", maxsplit=1)[0].replace("\n", " ").replace(str(lake.resolve()), "the lake")
    first = re.sub(r"(?<![\w])/(?:[\w.=@%+-]+/)+", "", first)
    return f"the query failed: {first}; correct the value or filter such rows, try_cast gives null instead"
