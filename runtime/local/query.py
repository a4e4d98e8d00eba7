"""Athena's SQL asked of a lake: DuckDB over its Parquet files, closed to everything outside the lake's folder."""

import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path

import duckdb
import pyarrow as pa

from runtime.athena import view
from runtime.athena.named import QueryError, load, substitute
from runtime.events.columns import COLUMNS, PARTITION
from runtime.events.ledger import LEDGER, LEDGER_COLUMNS
from runtime.local.dialect import parse, to_duckdb
from runtime.local.dialect.engine import FAILS, PARTIAL, prepare
from runtime.local.dialect.types import quoted, text
from runtime.local.lake import Lake, LakeError

_TYPES = {c.name: "TIMESTAMP" if c.type == "timestamp" else "VARCHAR" for c in (*COLUMNS, PARTITION)}
_GLOB = re.compile(r"[\[*?]")


def open_lake(lake: Path) -> duckdb.DuckDBPyConnection:
    """Connection with the views `parquettrails`, `cloudtrail_logs` and `ledger` over the lake, its time zone UTC.

    It reaches the lake's Parquet files and ledger and, where memory is short, a temporary folder of its own; its
    settings are locked. A column that an older lake lacks is null, and a lake without events has empty views. A run
    that was cut short is completed first. Raises LakeError for a folder that is not there, or not to be completed.
    """
    if not lake.is_dir():
        raise LakeError(f"{lake}: no such folder; make a lake with `trailsight local INPUT --lake {lake}`")
    Lake(lake).settle()
    root = lake.resolve()
    connection = duckdb.connect(":memory:")
    prepare(connection)
    connection.execute("SET TimeZone = 'UTC'")
    # Unless told, DuckDB draws a bar over the output of a query that takes two seconds, though the setting says false.
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET parquet_metadata_cache = true")  # footers are read twice: for the columns, for the rows
    # DuckDB's files there are readable by all: the folder, of a name that nobody can guess, is not.
    spill = tempfile.mkdtemp(prefix="trailsight-")
    weakref.finalize(connection, shutil.rmtree, spill, ignore_errors=True)
    connection.execute(f"SET temp_directory = {text(str(Path(spill).resolve()))}")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    # The check sees the pattern before the files that it finds.
    allowed = ", ".join(
        text(f"{folder}/")
        for folder in (root / view.TABLE, _pattern(root, view.TABLE), root / LEDGER, _pattern(root, LEDGER))
    )
    connection.execute(f"SET allowed_directories = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    try:
        connection.execute(f"CREATE VIEW {view.TABLE} AS {_events(connection, root)}")
    except duckdb.Error as error:
        connection.close()
        raise LakeError(f"{lake}: its Parquet files cannot be read: {said(error, root)}") from None
    connection.execute(view.duckdb())
    connection.execute(f"CREATE VIEW {LEDGER} AS {_ledger(root)}")
    return connection


def _pattern(root: Path, folder: str) -> str:
    """A folder of the lake as a glob pattern that finds only it, whatever its name holds."""
    return _GLOB.sub(r"[\g<0>]", str(root / folder))


def _events(connection: duckdb.DuckDBPyConnection, root: Path) -> str:
    """SELECT of every column that an event has today, and of what else this lake promotes."""
    if not any((root / view.TABLE).glob(f"{PARTITION.name}=*/*.parquet")):
        return _no_rows(_TYPES)
    files = text(f"{_pattern(root, view.TABLE)}/{PARTITION.name}=*/*.parquet")
    read = f"read_parquet({files}, hive_partitioning = 1, hive_types_autocast = 0, union_by_name = true)"
    there = [str(row[0]).lower() for row in connection.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()]
    listed = [quoted(n) if n in there else f"CAST(NULL AS {kind}) AS {quoted(n)}" for n, kind in _TYPES.items()]
    listed += [quoted(n) for n in there if n not in _TYPES]
    return f"SELECT {', '.join(listed)} FROM {read}"


def _own_columns(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Columns of the lake's own beside the event row's."""
    rows = connection.execute(f"DESCRIBE {view.TABLE}").fetchall()
    return tuple(str(row[0]) for row in rows if row[0] not in _TYPES)


def _no_rows(types: Mapping[str, str]) -> str:
    nothing = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items())
    return f"SELECT {nothing} WHERE false"


def _ledger(root: Path) -> str:
    """SELECT of the ledger, a row for each log file taken."""
    if not any((root / LEDGER).glob("*.jsonl")):
        return _no_rows(LEDGER_COLUMNS)
    types = LEDGER_COLUMNS | {"unread": "boolean"}
    stored = ", ".join(f"{text(n)}: {text(kind)}" for n, kind in types.items())
    files = text(_pattern(root, LEDGER) + "/*.jsonl")
    read = f"read_json({files}, format = 'newline_delimited', columns = {{{stored}}}, filename = 'run')"
    # That a file could not be read holds until a later run has read it.
    latest = "QUALIFY NOT coalesce(unread, false) OR row_number() OVER (PARTITION BY uri ORDER BY run DESC) = 1"
    return f"SELECT {', '.join(LEDGER_COLUMNS)} FROM {read} {latest}"


def run(lake: Path, name_or_sql: str, values: Mapping[str, str], today: date) -> pa.Table:
    """Rows that a named query, or SQL in Athena's dialect, gives over the lake.

    `values` fill the placeholders `:name`; `today` is the day that relative defaults count from. Raises QueryError or
    Refused for a query that cannot be asked, LakeError for a lake that is not there, or too large for this machine.
    """
    asked = statement(name_or_sql, values, today)
    parse(asked)  # what no lake could answer is said first
    with open_lake(lake) as connection:
        made = to_duckdb(asked, _own_columns(connection))
        try:
            return connection.sql(made).to_arrow_table()
        except duckdb.Error as error:
            raise _failed(error, lake) from None


def why_nothing(lake: Path, name: str, values: Mapping[str, str]) -> str | None:
    """What a named query that gave no row was asked with, and which days the lake has; None for SQL."""
    query = load().get(name.strip())
    if query is None:
        return None
    used = {p.name: values.get(p.name, p.default) for p in query.parameters}
    shown = ", ".join(f"{n}={','.join(v) if isinstance(v, tuple) else v}" for n, v in used.items())
    days = sorted(path.name.partition("=")[2] for path in (lake / view.TABLE).glob(f"{PARTITION.name}=*"))
    has = f"events from {days[0]} to {days[-1]}" if days else "no events"
    return f"no rows: asked with {shown}; the lake has {has}; ask for others with --param NAME=VALUE"


def statement(name_or_sql: str, values: Mapping[str, str], today: date) -> str:
    """The statement in Athena's dialect: a named query's or the given SQL, its placeholders filled.

    Raises QueryError for an unknown name or parameter.
    """
    given = name_or_sql.strip()
    if not given:
        raise QueryError("there is no query in an empty text; give SQL or a name, `trailsight queries` lists them")
    if re.fullmatch(r"[\w.-]+", given):
        query = load().get(given)
        if query is None:
            near = get_close_matches(given.lower(), load(), 3, 0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else "`trailsight queries` lists them"
            raise QueryError(f"there is no query {given}; {hint}")
        return query.render(dict(values), today)
    for name in values:
        if not re.search(rf":{re.escape(name)}\b", given):
            raise QueryError(
                f"the SQL has no placeholder :{name}; leave the parameter out or write :{name} where it belongs"
            )
    return substitute(given, values)


def _failed(error: duckdb.Error, lake: Path) -> QueryError | LakeError:
    """One sentence about what went wrong while the query ran."""
    if match := re.search(f"(?:{re.escape(FAILS)}|{re.escape(PARTIAL)})([^'\n]+)", str(error)):
        return QueryError(f"the query failed: {match[1]}")
    failed = f"the query failed: {said(error, lake)}"
    if isinstance(error, (duckdb.OutOfMemoryException, duckdb.IOException)):
        return LakeError(f"{failed}; ask for fewer days, or have more memory or room in TMPDIR")
    return QueryError(f"{failed}; correct the value or filter such rows, try(...) gives null")


def said(error: duckdb.Error, lake: Path) -> str:
    """What DuckDB says went wrong, without the SQL made for it, its advice, and the lake's folder."""
    return str(error).split("\n\n", maxsplit=1)[0].replace("\n", " ").replace(f"{lake.resolve()}/", "")
