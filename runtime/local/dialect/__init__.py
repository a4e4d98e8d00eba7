"""Athena's SQL as DuckDB's: what is on the allow-list answers as Athena does, everything else is refused by name.

The parser is sqlglot's, with its knowledge of functions taken away, so that a function is what its name says. The
text for DuckDB is written here, from the tables of `functions.py` and its neighbours, and from nothing else: a
construct that no table names cannot reach the engine.
"""

import re
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import SqlglotError
from sqlglot.parsers.trino import TrinoParser
from sqlglot.tokenizer_core import Token, TokenType

from runtime.athena import view
from runtime.events.columns import COLUMNS, PARTITION, Kind
from runtime.events.ledger import LEDGER, LEDGER_COLUMNS
from runtime.local.dialect import (  # noqa: F401 - each registers what it compiles
    aggregates,
    casts,
    dispatch,
    documents,
    operators,
    primaries,
    regular,
    times,
)
from runtime.local.dialect.names import Scope
from runtime.local.dialect.sources import Columns
from runtime.local.dialect.statements import Statements
from runtime.local.dialect.types import BIGINT, TIMESTAMP, VARCHAR, Refused, quoted

__all__ = ["Refused", "parse", "to_duckdb"]

_LONGEST = 100_000
_LONGEST_MADE = 5_000_000


class _Athena(Trino):
    """Trino's grammar without its functions: each is parsed as its name and its arguments."""

    INDEX_OFFSET = 0

    class Parser(TrinoParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        # Only syntax stays: what is called by name and commas is a name.
        FUNCTION_PARSERS = {  # noqa: RUF012
            name: parser
            for name, parser in TrinoParser.FUNCTION_PARSERS.items()
            if name in {"CAST", "TRY_CAST", "EXTRACT", "POSITION", "SUBSTRING", "TRIM", "LISTAGG", "JSON_OBJECT"}
        }
        TYPE_LITERAL_PARSERS = {  # noqa: RUF012
            kind: lambda _parser, this, kind: _literal(this, kind)
            for kind in (
                exp.DataType.Type.DATE,
                exp.DataType.Type.TIMESTAMP,
                exp.DataType.Type.TIMESTAMPTZ,
                exp.DataType.Type.DOUBLE,
                exp.DataType.Type.BIGINT,
                exp.DataType.Type.INT,
                exp.DataType.Type.DECIMAL,
                exp.DataType.Type.VARCHAR,
                exp.DataType.Type.JSON,
                exp.DataType.Type.BOOLEAN,
            )
        }


def _literal(this: exp.Expr, kind: exp.DataType) -> exp.Cast:
    made = exp.Cast(this=this, to=kind)
    made.meta["literal"] = True
    return made


def to_duckdb(sql: str, promoted: tuple[str, ...] = ()) -> str:
    """One query in Athena's dialect as one of DuckDB, over the tables `parquettrails`, `cloudtrail_logs` and `ledger`.

    `promoted` are columns of the lake's own that the table has beside the event row's.
    The connection must have what `engine.prepare` adds, and UTC as its time zone. Raises Refused, one sentence with
    the cure, for what Athena refuses and for what would be answered otherwise here.
    """
    try:
        made, columns = Statements(_tables(promoted)).query(parse(sql), Scope({}))
    except RecursionError:
        raise Refused("the query is nested too deeply; put parts of it into WITH") from None
    if len(made) > _LONGEST_MADE:
        raise Refused("the query grows too long on DuckDB; put what is nested in it into WITH")
    if all(kind.name != "timestamptz" for _, kind in columns):
        return made
    # Inside, a time with zone is its UTC timestamp; the result says that it is a moment.
    names = [f"c{i}" for i in range(len(columns))]
    shown = (
        f"timezone('UTC', {n})" if t.name == "timestamptz" else n for n, (_, t) in zip(names, columns, strict=True)
    )
    listed = ", ".join(f"{n} AS {quoted(column)}" for n, (column, _) in zip(shown, columns, strict=True))
    return f"SELECT {listed} FROM ({made}) AS result({', '.join(names)})"


def parse(sql: str) -> exp.Expr:
    """The one query that the text holds. Raises Refused."""
    if len(sql) > _LONGEST:
        raise Refused(f"the query has {len(sql)} characters; {_LONGEST} is the most")
    try:
        tokens = sqlglot.tokenize(sql, read=_Athena)
        if not tokens:
            raise Refused("the text holds no query; write SELECT ...")
        if tokens[0].text.upper() not in _BEGINS:
            raise Refused(f"{tokens[0].text.upper()} is not supported; only queries are: SELECT, WITH, VALUES")
        _check_tokens(tokens)
        statements = [s for s in sqlglot.parse(sql, read=_Athena) if s is not None]
    except SqlglotError as error:
        said = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()[0]
        raise Refused(f"the query is no SQL of Athena: {said}; correct it there") from None
    except RecursionError:
        raise Refused("the query is nested too deeply; put parts of it into WITH") from None
    if len(statements) != 1:
        raise Refused(f"the text holds {len(statements)} statements; give one")
    if not isinstance(statements[0], exp.Query | exp.Values):
        raise Refused("this is not supported; only queries are: SELECT, WITH, VALUES")
    return statements[0]


_BEGINS = frozenset({"SELECT", "WITH", "VALUES", "("})
_OPERATORS = {
    "==": "write =",
    "::": "write CAST(x AS type)",
    "^": "write power",
    "~": "write regexp_like",
    "->>": "write json_extract_scalar",
    "!": "write NOT",
    "<=>": "write IS NOT DISTINCT FROM",
    "&": "write bitwise_and",
    "|": "write bitwise_or",
    "//": "write /",
    "?": "give the value",
    "@": "leave it out",
}
_UNITS = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})


def _check_tokens(tokens: list[Token]) -> None:
    """Raise Refused for what the parser would take as something else in silence."""
    for at, token in enumerate(tokens):
        behind = tokens[at + 1] if at + 1 < len(tokens) and tokens[at + 1].start == token.end + 1 else None
        if token.token_type == TokenType.NUMBER and behind is not None and re.match(r"\w", behind.text):
            raise Refused(f"{token.text}{behind.text} is neither a number nor a name; write digits only")
        following = [t.text.upper() for t in tokens[at + 1 : at + 4]]
        if token.token_type not in {TokenType.STRING, TokenType.IDENTIFIER} and token.text in _OPERATORS:
            raise Refused(f"the operator {token.text} is none of Athena's here; {_OPERATORS[token.text]}")
        if token.token_type == TokenType.INTERVAL:
            amount, unit = (following[1:3] if following[:1] in (["-"], ["+"]) else following[:2]) or ("", "")
            if unit not in _UNITS or not re.fullmatch(r"[+-]?\d+", amount):
                raise Refused(
                    "this interval is not supported; write interval '1' day, with one unit from second to year"
                )
            beyond = tokens[at + 3 : at + 5]
            if beyond and beyond[0].text.upper() == "TO":
                raise Refused("an interval of two units is not supported; write one unit, as in interval '90' minute")
        if token.token_type == TokenType.LIMIT and following[1:2] == ["OFFSET"]:
            raise Refused("OFFSET stands before LIMIT in Athena; write OFFSET n LIMIT m")


@cache
def _tables(promoted: tuple[str, ...]) -> dict[str, Columns]:
    """Columns of what can be read; the view's come from its own statement in Athena's dialect."""
    document = replace(VARCHAR, document=True)
    events: Columns = [
        (c.name, TIMESTAMP if c.type == "timestamp" else document if c.kind is Kind.JSON else VARCHAR)
        for c in (*COLUMNS, PARTITION)
    ]
    events += [(name, VARCHAR) for name in promoted]
    kinds = {"varchar": VARCHAR, "bigint": BIGINT}
    tables = {view.TABLE: events, LEDGER: [(name, kinds[kind]) for name, kind in LEDGER_COLUMNS.items()]}
    select = sqlglot.parse_one(view.athena(), read=_Athena).expression
    _, columns = Statements(tables).query(select, Scope({}))
    return {**tables, view.NAME: columns}
