"""Compiles one expression of Athena's dialect to DuckDB's text, bottom up, with its type.

Each kind of node has a function, registered with `compiles` in the module of its kind: `primaries`, `operators`,
`dispatch`, `aggregates`. They know this module; it does not know them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from runtime.local.dialect.choices import mismatch
from runtime.local.dialect.functions import Value, coerced
from runtime.local.dialect.names import Scope
from runtime.local.dialect.refusals import allowed, construct
from runtime.local.dialect.types import UNKNOWN, Refused, Type, common

Subquery = Callable[[exp.Expr, Scope], tuple[str, list[tuple[str, Type]]]]
Compile = Callable[["Expressions", Any], Value]
NODES: dict[type[exp.Expr], Compile] = {}


def compiles(*kinds: type[exp.Expr]) -> Callable[[Compile], Compile]:
    """Register a function for nodes of these kinds."""

    def add(function: Compile) -> Compile:
        NODES.update(dict.fromkeys(kinds, function))
        return function

    return add


@dataclass(slots=True)
class Expressions:
    """Expressions in one scope; `query` compiles a subquery."""

    scope: Scope
    query: Subquery

    def inner(self, params: dict[str, Type]) -> "Expressions":
        """The same scope with a lambda's parameters."""
        s = self.scope
        scope = Scope(s.ctes, s.relations, s.parent, {**s.params, **params}, s.outputs, s.windows)
        return Expressions(scope, self.query)

    def value(self, node: exp.Expr) -> Value:
        """The expression compiled. Raises Refused."""
        allowed(node)
        compile_node = NODES.get(type(node))
        if compile_node is None:
            raise Refused(construct(node))
        return compile_node(self, node)

    def of_type(self, node: exp.Expr, to: Type, where: str) -> str:
        """The expression's text as `to`, which it must be or coerce to."""
        value = self.value(node)
        if value.type not in (to, UNKNOWN):
            raise Refused(f"{where} takes {to}, not {value.type}; compare it or CAST it")
        return value.sql

    def compared(self, a: Value, b: Value, operator: str) -> tuple[str, str, Type]:
        """Both sides as their common type. Raises Refused as Athena would."""
        both = common(a.type, b.type)
        if both is None or both.name in {"json", "map"}:
            raise Refused(mismatch(a.type, b.type, operator))
        return coerced(a, both), coerced(b, both), both
