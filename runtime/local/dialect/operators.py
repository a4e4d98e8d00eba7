"""Operators: comparisons, AND and OR, LIKE, IN, arithmetic, ||, subscripts."""

import re

from sqlglot import exp

from runtime.local.dialect.arithmetic import arithmetic, negative
from runtime.local.dialect.choices import equal, mismatch, subscript
from runtime.local.dialect.expressions import Expressions, compiles
from runtime.local.dialect.functions import Value, coerced
from runtime.local.dialect.literals import least
from runtime.local.dialect.refusals import allowed
from runtime.local.dialect.special import SPECIAL
from runtime.local.dialect.types import BOOLEAN, VARCHAR, Refused, common, text

_COMPARE: dict[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM", exp.NullSafeNEQ: "IS DISTINCT FROM",
}  # fmt: skip
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}


@compiles(*_COMPARE)
def _comparison(e: Expressions, node: exp.Binary) -> Value:
    """`=`, `<>`, `<`, `<=`, `>`, `>=`, IS [NOT] DISTINCT FROM."""
    operator = _COMPARE[type(node)]
    a, b, both = e.compared(e.value(node.this), e.value(node.expression), operator)
    if both.of and "DISTINCT" not in operator:
        if operator not in {"=", "<>"}:
            raise Refused(f"{operator} of {both} is not supported; compare its parts")
        same = equal(a, b, both)
        return Value(f"(NOT {same})" if operator == "<>" else same, BOOLEAN)
    return Value(f"({a} {operator} {b})", BOOLEAN)


@compiles(exp.Between)
def _between(e: Expressions, node: exp.Between) -> Value:
    """`x BETWEEN a AND b`."""
    x, low, high = (e.value(n) for n in (node.this, node.args["low"], node.args["high"]))
    a, b, _ = e.compared(x, low, ">=")
    c, d, _ = e.compared(x, high, "<=")
    e.compared(low, high, "BETWEEN")
    inside = f"({a} BETWEEN {b} AND {d})" if a == c else f"({a} >= {b} AND {c} <= {d})"
    return Value(inside, BOOLEAN)


@compiles(exp.And, exp.Or)
def _logical(e: Expressions, node: exp.Connector) -> Value:
    """AND, OR."""
    operator = "AND" if isinstance(node, exp.And) else "OR"
    return Value(
        "(" + f" {operator} ".join(e.of_type(n, BOOLEAN, operator) for n in node.flatten(unnest=False)) + ")",
        BOOLEAN,
    )


@compiles(exp.Not)
def _negation(e: Expressions, node: exp.Not) -> Value:
    """NOT."""
    return Value(f"(NOT {e.of_type(node.this, BOOLEAN, 'NOT')})", BOOLEAN)


@compiles(exp.Is)
def _is_null(e: Expressions, node: exp.Is) -> Value:
    """IS NULL (IS NOT NULL is NOT around it)."""
    if not isinstance(node.expression, exp.Null):
        raise Refused("IS takes NULL only; write = true")
    return Value(f"({e.value(node.this).sql} IS NULL)", BOOLEAN)


@compiles(exp.Like)
def _like(e: Expressions, node: exp.Like) -> Value:
    """LIKE."""
    return _matches(e, node, "")


def _matches(e: Expressions, node: exp.Like, escape: str) -> Value:
    a, b = (e.of_type(n, VARCHAR, "LIKE") for n in (node.this, node.expression))
    sql = f"({a} LIKE {b}{escape})"
    return Value(f"(NOT {sql})" if node.args.get("negate") else sql, BOOLEAN)


@compiles(exp.Escape)
def _escape(e: Expressions, node: exp.Escape) -> Value:
    """LIKE ... ESCAPE 'c'."""
    by = node.expression
    if not isinstance(node.this, exp.Like) or not by.is_string or len(by.name) != 1:
        raise Refused("ESCAPE takes one character in quotes, after LIKE; write LIKE '...' ESCAPE '\\'")
    pattern = node.this.expression
    if not pattern.is_string or by.name in re.sub(
        re.escape(by.name) + "[%_" + re.escape(by.name) + "]", "", pattern.name
    ):
        raise Refused("LIKE with ESCAPE takes a pattern in quotes, the escape before %, _ or itself only; correct it")
    allowed(node.this)
    return _matches(e, node.this, f" ESCAPE {text(by.name)}")


@compiles(exp.In)
def _among(e: Expressions, node: exp.In) -> Value:
    """IN a list or a subquery."""
    x = e.value(node.this)
    if (query := node.args.get("query")) is not None:
        sql, columns = e.query(query.unnest(), e.scope)
        if len(columns) != 1:
            raise Refused(f"the subquery of IN gives {len(columns)} columns; SELECT one")
        a, _, both = e.compared(x, Value("NULL", columns[0][1]), "IN")
        if both.duckdb() != columns[0][1].duckdb():
            raise Refused(mismatch(x.type, columns[0][1], "IN"))
        return Value(f"({a} IN ({sql}))", BOOLEAN)
    items = [e.value(n) for n in node.expressions]
    if x.type.of:
        raise Refused(f"IN of {x.type} is not supported; compare its parts")
    wide = x.type
    for item in items:
        wider = common(wide, item.type)
        if wider is None or wider.name in {"json", "map"}:
            raise Refused(mismatch(x.type, item.type, "IN"))
        wide = wider
    return Value(f"({coerced(x, wide)} IN ({', '.join(coerced(i, wide) for i in items)}))", BOOLEAN)


@compiles(*_ARITHMETIC)
def _arithmetic(e: Expressions, node: exp.Binary) -> Value:
    """+, -, *, /, % on numbers; + and - on times."""
    operator = _ARITHMETIC[type(node)]
    return arithmetic(e.value(node.this), e.value(node.expression), operator)


@compiles(exp.Neg)
def _minus(e: Expressions, node: exp.Neg) -> Value:
    """-x."""
    return least(node.this) or negative(e.value(node.this))


@compiles(exp.DPipe)
def _concat(e: Expressions, node: exp.DPipe) -> Value:
    """||."""
    return SPECIAL["concat"][1]([e.value(node.this), e.value(node.expression)])


@compiles(exp.Bracket)
def _subscript(e: Expressions, node: exp.Bracket) -> Value:
    """`array[i]`, `map[key]`, `row[i]`: what is not there is an error."""
    if len(node.expressions) != 1 or isinstance(node.expressions[0], exp.Slice):
        raise Refused("a slice [a:b] is not supported; write slice(array, start, length)")
    return subscript(e.value(node.this), e.value(node.expressions[0]))
