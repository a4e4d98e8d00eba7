"""JSON paths that a query reads although a column holds them, or could: what to read instead, what to promote."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from runtime.athena.named import load, substitute
from runtime.events.columns import COLUMNS, Column, Kind, promoted
from runtime.local.dialect import parse
from runtime.local.dialect.patterns import path_keys
from runtime.local.dialect.types import Refused

_FUNCTIONS = frozenset({"json_extract_scalar", "json_extract", "json_size"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A JSON path in a query: `column` is its column's name, `promoted` whether it is there today."""

    query: str
    path: str
    column: str
    promoted: bool


def lint(sql: str, query: str = "") -> list[Finding]:
    """Findings of one statement in Athena's dialect, each path once. Raises Refused if it is no query."""
    fields = {c.name: c for c in COLUMNS if c.kind is Kind.JSON}
    present = {c.path for c in COLUMNS}
    found: dict[str, Finding] = {}
    for field, path in _paths(parse(sql), fields):
        dotted = ".".join((*field.path, *path))
        column = promoted(dotted).name
        found[dotted] = Finding(query, dotted, column, (*field.path, *path) in present)
    return list(found.values())


def lint_named() -> list[Finding]:
    """Findings of all named queries."""
    found: list[Finding] = []
    for query in load().values():
        values = {p.name: "x" for p in query.parameters}
        found += lint(substitute(query.sql, values), query.name)
    return found


def _paths(tree: exp.Expr, fields: dict[str, Column]) -> Iterator[tuple[Column, tuple[str, ...]]]:
    for call in tree.find_all(exp.Anonymous):
        if call.name.lower() not in _FUNCTIONS or len(call.expressions) != 2:
            continue
        source, path = call.expressions
        if not isinstance(source, exp.Column) or source.name.lower() not in fields or not path.is_string:
            continue
        try:
            keys = path_keys(path.name)
        except Refused:
            continue
        # An element of a list has no column, and neither has a key with a dot in it.
        if keys and all(isinstance(key, str) and "." not in key for key in keys):
            yield fields[source.name.lower()], tuple(str(key) for key in keys)
