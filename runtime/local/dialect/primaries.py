"""What stands for a value by itself: names, literals, CASE, CAST, parts of a time, ARRAY[...], subqueries."""

from sqlglot import exp

from runtime.local.dialect import special, times
from runtime.local.dialect.casts import cast, try_cast
from runtime.local.dialect.choices import array_of, choice
from runtime.local.dialect.expressions import Expressions, compiles
from runtime.local.dialect.functions import Value
from runtime.local.dialect.literals import interval, literal
from runtime.local.dialect.names import dot, resolve
from runtime.local.dialect.types import (
    BOOLEAN,
    DATE,
    DOUBLE,
    TIMESTAMP,
    Refused,
    Type,
    parsed,
    timestamptz,
)

_NOW: dict[type[exp.Expr], Type] = {
    exp.CurrentDate: DATE,
    exp.CurrentTimestamp: timestamptz("UTC"),
    exp.Localtimestamp: TIMESTAMP,
}


@compiles(exp.Column)
def _column(e: Expressions, node: exp.Column) -> Value:
    return resolve(e.scope, [p.name.lower() for p in node.parts])


@compiles(exp.Identifier)
def _identifier(e: Expressions, node: exp.Identifier) -> Value:
    return resolve(e.scope, [node.name.lower()])


@compiles(exp.Literal)
def _constant(_: Expressions, node: exp.Literal) -> Value:
    return literal(node)


@compiles(exp.Null)
def _null(_: Expressions, __: exp.Null) -> Value:
    return special.NULL


@compiles(exp.Boolean)
def _boolean(_: Expressions, node: exp.Boolean) -> Value:
    return Value("TRUE" if node.this else "FALSE", BOOLEAN)


@compiles(exp.Interval)
def _interval(_: Expressions, node: exp.Interval) -> Value:
    return interval(node)


@compiles(exp.Exists)
def _exists(e: Expressions, node: exp.Exists) -> Value:
    return Value(f"EXISTS ({e.query(node.this.unnest(), e.scope)[0]})", BOOLEAN)


@compiles(exp.Dot)
def _dot(e: Expressions, node: exp.Dot) -> Value:
    """`x.field` of a longer path or of an expression."""
    if not isinstance(node.expression, exp.Identifier):
        raise Refused("a function with a schema before its name is not supported; leave the schema out")
    parts = [node.expression.name.lower()]
    inner: exp.Expr = node.this
    while isinstance(inner, exp.Dot) and isinstance(inner.expression, exp.Identifier):
        parts.insert(0, inner.expression.name.lower())
        inner = inner.this
    if isinstance(inner, exp.Column):
        return resolve(e.scope, [*(p.name.lower() for p in inner.parts), *parts])
    if isinstance(inner, exp.Identifier):
        return resolve(e.scope, [inner.name.lower(), *parts])
    value = e.value(inner)
    for part in parts:
        value = dot(value, part)
    return value


@compiles(exp.Paren)
def _paren(e: Expressions, node: exp.Paren) -> Value:
    """(x)."""
    inner = e.value(node.this)
    return Value(f"({inner.sql})", inner.type, inner.literal)


@compiles(exp.Case)
def _case(e: Expressions, node: exp.Case) -> Value:
    """CASE, both forms."""
    subject = e.value(node.this) if node.this else None
    whens: list[str] = []
    values: list[Value] = []
    for branch in node.args["ifs"]:
        if subject is None:
            whens.append(e.of_type(branch.this, BOOLEAN, "WHEN"))
        else:
            a, b, _ = e.compared(subject, e.value(branch.this), "=")
            whens.append(f"{a} = {b}")
        values.append(e.value(branch.args["true"]))
    if node.args.get("default") is not None:
        values.append(e.value(node.args["default"]))
    return choice(whens, values, "CASE")


@compiles(exp.If)
def _if(e: Expressions, node: exp.If) -> Value:
    """The function if, of two or three arguments."""
    values = [e.value(n) for n in (node.args["true"], node.args.get("false")) if n is not None]
    return choice([e.of_type(node.this, BOOLEAN, "if")], values, "if")


@compiles(exp.Cast, exp.TryCast)
def _cast(e: Expressions, node: exp.Cast) -> Value:
    """CAST, TRY_CAST, and a typed literal such as `date '2026-01-31'`."""
    attempt = isinstance(node, exp.TryCast)
    to = parsed(node.to)
    if node.meta.get("literal"):
        if to.name in {"timestamp", "timestamptz"}:
            return times.literal_timestamp(node.this.name)
        if to not in (DATE, DOUBLE):
            raise Refused(f"a literal of type {to} is not supported; write CAST('...' AS {to})")
    of = e.value(node.this)
    if not attempt:
        return cast(of, to)
    if isinstance(node.this, exp.Column | exp.Literal):
        return try_cast(of, to)
    # Only the cast is tried, not what it is of.
    attempted = try_cast(Value("t_", of.type), to)
    return Value(f"list_transform([{of.sql}], lambda t_: {attempted.sql})[1]", to)


@compiles(exp.AtTimeZone)
def _at_zone(e: Expressions, node: exp.AtTimeZone) -> Value:
    """X AT TIME ZONE 'zone'."""
    return times.at_zone(e.value(node.this), special.literal(e.value(node.args["zone"]), "AT TIME ZONE", "zone"))


@compiles(exp.Extract)
def _extract(e: Expressions, node: exp.Extract) -> Value:
    """A part of a time, `extract(hour FROM x)`."""
    return times.part(node.name.lower(), e.value(node.expression))


@compiles(exp.Array)
def _array(e: Expressions, node: exp.Array) -> Value:
    """ARRAY[...]."""
    return array_of([e.value(n) for n in node.expressions])


@compiles(exp.Subquery)
def _subquery(e: Expressions, node: exp.Subquery) -> Value:
    """A scalar subquery."""
    sql, columns = e.query(node.unnest(), e.scope)
    if len(columns) != 1:
        raise Refused(f"the subquery gives {len(columns)} columns where a value stands; SELECT one")
    return Value(f"({sql})", columns[0][1])


@compiles(*_NOW)
def _now(_: Expressions, node: exp.Expr) -> Value:
    """current_date, current_timestamp, localtimestamp."""
    if node.this:
        raise Refused("a precision after current_timestamp is not supported; leave it out")
    return times.now(_NOW[type(node)])
