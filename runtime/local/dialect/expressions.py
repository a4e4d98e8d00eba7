"""Compiles one expression of Athena's dialect to DuckDB's text, bottom up, with its type."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from runtime.local.dialect import (
    documents,
    lambdas,
    regular,  # noqa: F401 - registers its functions
    special,
    times,
)
from runtime.local.dialect.aggregates import OWN, aggregate, window
from runtime.local.dialect.arithmetic import arithmetic, negative
from runtime.local.dialect.calls import call_of
from runtime.local.dialect.casts import cast, try_cast
from runtime.local.dialect.choices import array_of, choice, equal, mismatch, subscript
from runtime.local.dialect.functions import AGGREGATE, ALIASES, SCALAR, WINDOW, Value, call, coerced
from runtime.local.dialect.literals import interval, least, literal
from runtime.local.dialect.names import Scope, dot, resolve
from runtime.local.dialect.refusals import CURES, allowed, construct
from runtime.local.dialect.special import SPECIAL
from runtime.local.dialect.types import (
    BOOLEAN,
    DATE,
    DOUBLE,
    TIMESTAMP,
    UNKNOWN,
    VARCHAR,
    Refused,
    Type,
    common,
    parsed,
    row,
    text,
    timestamptz,
)

Subquery = Callable[[exp.Expr, Scope], tuple[str, list[tuple[str, Type]]]]


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
        compile_node = _NODES.get(type(node))
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

    # --- names

    def name(self, parts: list[str]) -> Value:
        """A column, a lambda's parameter or a field inside one."""
        return resolve(self.scope, parts)

    def dot(self, node: exp.Dot) -> Value:
        """`x.field` of a longer path or of an expression."""
        if not isinstance(node.expression, exp.Identifier):
            raise Refused("a function with a schema before its name is not supported; leave the schema out")
        parts = [node.expression.name.lower()]
        inner: exp.Expr = node.this
        while isinstance(inner, exp.Dot) and isinstance(inner.expression, exp.Identifier):
            parts.insert(0, inner.expression.name.lower())
            inner = inner.this
        if isinstance(inner, exp.Column):
            return self.name([*(p.name.lower() for p in inner.parts), *parts])
        if isinstance(inner, exp.Identifier):
            return self.name([inner.name.lower(), *parts])
        value = self.value(inner)
        for part in parts:
            value = dot(value, part)
        return value

    # --- operators

    def comparison(self, node: exp.Binary) -> Value:
        """`=`, `<>`, `<`, `<=`, `>`, `>=`, IS [NOT] DISTINCT FROM."""
        operator = _COMPARE[type(node)]
        a, b, both = self.compared(self.value(node.this), self.value(node.expression), operator)
        if both.of and "DISTINCT" not in operator:
            if operator not in {"=", "<>"}:
                raise Refused(f"{operator} of {both} is not supported; compare its parts")
            same = equal(a, b, both)
            return Value(f"(NOT {same})" if operator == "<>" else same, BOOLEAN)
        return Value(f"({a} {operator} {b})", BOOLEAN)

    def between(self, node: exp.Between) -> Value:
        """`x BETWEEN a AND b`."""
        x, low, high = (self.value(n) for n in (node.this, node.args["low"], node.args["high"]))
        a, b, _ = self.compared(x, low, ">=")
        c, d, _ = self.compared(x, high, "<=")
        self.compared(low, high, "BETWEEN")
        inside = f"({a} BETWEEN {b} AND {d})" if a == c else f"({a} >= {b} AND {c} <= {d})"
        return Value(inside, BOOLEAN)

    def logical(self, node: exp.Connector) -> Value:
        """AND, OR."""
        operator = "AND" if isinstance(node, exp.And) else "OR"
        return Value(
            "(" + f" {operator} ".join(self.of_type(n, BOOLEAN, operator) for n in node.flatten(unnest=False)) + ")",
            BOOLEAN,
        )

    def negation(self, node: exp.Not) -> Value:
        """NOT."""
        return Value(f"(NOT {self.of_type(node.this, BOOLEAN, 'NOT')})", BOOLEAN)

    def is_null(self, node: exp.Is) -> Value:
        """IS NULL (IS NOT NULL is NOT around it)."""
        if not isinstance(node.expression, exp.Null):
            raise Refused("IS takes NULL only; write = true")
        return Value(f"({self.value(node.this).sql} IS NULL)", BOOLEAN)

    def like(self, node: exp.Like, escape: str = "") -> Value:
        """LIKE."""
        a, b = (self.of_type(n, VARCHAR, "LIKE") for n in (node.this, node.expression))
        sql = f"({a} LIKE {b}{escape})"
        return Value(f"(NOT {sql})" if node.args.get("negate") else sql, BOOLEAN)

    def escape(self, node: exp.Escape) -> Value:
        """LIKE ... ESCAPE 'c'."""
        by = node.expression
        if not isinstance(node.this, exp.Like) or not by.is_string or len(by.name) != 1:
            raise Refused("ESCAPE takes one character in quotes, after LIKE; write LIKE '...' ESCAPE '\\'")
        pattern = node.this.expression
        if not pattern.is_string or by.name in re.sub(
            re.escape(by.name) + "[%_" + re.escape(by.name) + "]", "", pattern.name
        ):
            raise Refused(
                "LIKE with ESCAPE takes a pattern in quotes, the escape before %, _ or itself only; correct it"
            )
        allowed(node.this)
        return self.like(node.this, f" ESCAPE {text(by.name)}")

    def among(self, node: exp.In) -> Value:
        """IN a list or a subquery."""
        x = self.value(node.this)
        if (query := node.args.get("query")) is not None:
            sql, columns = self.query(query.unnest(), self.scope)
            if len(columns) != 1:
                raise Refused(f"the subquery of IN gives {len(columns)} columns; SELECT one")
            a, _, both = self.compared(x, Value("NULL", columns[0][1]), "IN")
            if both.duckdb() != columns[0][1].duckdb():
                raise Refused(mismatch(x.type, columns[0][1], "IN"))
            return Value(f"({a} IN ({sql}))", BOOLEAN)
        items = [self.value(n) for n in node.expressions]
        if x.type.of:
            raise Refused(f"IN of {x.type} is not supported; compare its parts")
        wide = x.type
        for item in items:
            wider = common(wide, item.type)
            if wider is None or wider.name in {"json", "map"}:
                raise Refused(mismatch(x.type, item.type, "IN"))
            wide = wider
        return Value(f"({coerced(x, wide)} IN ({', '.join(coerced(i, wide) for i in items)}))", BOOLEAN)

    def arithmetic(self, node: exp.Binary) -> Value:
        """+, -, *, /, % on numbers; + and - on times."""
        operator = _ARITHMETIC[type(node)]
        return arithmetic(self.value(node.this), self.value(node.expression), operator)

    def minus(self, node: exp.Neg) -> Value:
        """-x."""
        return least(node.this) or negative(self.value(node.this))

    def concat(self, node: exp.DPipe) -> Value:
        """||."""
        return SPECIAL["concat"][1]([self.value(node.this), self.value(node.expression)])

    def subscript(self, node: exp.Bracket) -> Value:
        """`array[i]`, `map[key]`, `row[i]`: what is not there is an error."""
        if len(node.expressions) != 1 or isinstance(node.expressions[0], exp.Slice):
            raise Refused("a slice [a:b] is not supported; write slice(array, start, length)")
        return subscript(self.value(node.this), self.value(node.expressions[0]))

    # --- conditionals and the rest

    def paren(self, node: exp.Paren) -> Value:
        """(x)."""
        inner = self.value(node.this)
        return Value(f"({inner.sql})", inner.type, inner.literal)

    def case(self, node: exp.Case) -> Value:
        """CASE, both forms."""
        subject = self.value(node.this) if node.this else None
        whens: list[str] = []
        values: list[Value] = []
        for branch in node.args["ifs"]:
            if subject is None:
                whens.append(self.of_type(branch.this, BOOLEAN, "WHEN"))
            else:
                a, b, _ = self.compared(subject, self.value(branch.this), "=")
                whens.append(f"{a} = {b}")
            values.append(self.value(branch.args["true"]))
        if node.args.get("default") is not None:
            values.append(self.value(node.args["default"]))
        return choice(whens, values, "CASE")

    def if_(self, node: exp.If) -> Value:
        """The function if, of two or three arguments."""
        values = [self.value(n) for n in (node.args["true"], node.args.get("false")) if n is not None]
        return choice([self.of_type(node.this, BOOLEAN, "if")], values, "if")

    def cast(self, node: exp.Cast) -> Value:
        """CAST, TRY_CAST, and a typed literal such as `date '2026-01-31'`."""
        attempt = isinstance(node, exp.TryCast)
        to = parsed(node.to)
        if node.meta.get("literal"):
            if to.name in {"timestamp", "timestamptz"}:
                return times.literal_timestamp(node.this.name)
            if to not in (DATE, DOUBLE):
                raise Refused(f"a literal of type {to} is not supported; write CAST('...' AS {to})")
        of = self.value(node.this)
        if not attempt:
            return cast(of, to)
        if isinstance(node.this, exp.Column | exp.Literal):
            return try_cast(of, to)
        # Only the cast is tried, not what it is of.
        attempted = try_cast(Value("t_", of.type), to)
        return Value(f"list_transform([{of.sql}], lambda t_: {attempted.sql})[1]", to)

    def at_zone(self, node: exp.AtTimeZone) -> Value:
        """X AT TIME ZONE 'zone'."""
        return times.at_zone(
            self.value(node.this), special.literal(self.value(node.args["zone"]), "AT TIME ZONE", "zone")
        )

    def extract(self, node: exp.Extract) -> Value:
        """A part of a time, `extract(hour FROM x)`."""
        return times.part(node.name.lower(), self.value(node.expression))

    def array(self, node: exp.Array) -> Value:
        """ARRAY[...]."""
        return array_of([self.value(n) for n in node.expressions])

    def subquery(self, node: exp.Subquery) -> Value:
        """A scalar subquery."""
        sql, columns = self.query(node.unnest(), self.scope)
        if len(columns) != 1:
            raise Refused(f"the subquery gives {len(columns)} columns where a value stands; SELECT one")
        return Value(f"({sql})", columns[0][1])

    def now(self, node: exp.Expr) -> Value:
        """current_date, current_timestamp, localtimestamp."""
        if node.this:
            raise Refused("a precision after current_timestamp is not supported; leave it out")
        return times.now(_NOW[type(node)])

    # --- functions

    def function(self, node: exp.Expr) -> Value:
        """A call by its name in the tables."""
        name, nodes = call_of(node)
        name = ALIASES.get(name, name)
        if name in AGGREGATE or name in OWN:
            return aggregate(self, name, nodes)
        if name in WINDOW:
            raise Refused(f"{name} is a window function; write OVER (...) after it")
        if name in lambdas.LAMBDAS:
            return lambdas.LAMBDAS[name][1](self, nodes)
        if any(isinstance(n, exp.Lambda) for n in nodes):
            raise Refused(f"{name} with a lambda is not supported; lambdas are for {', '.join(lambdas.LAMBDAS)}")
        if name == "row":
            values = [self.value(n) for n in nodes]
            return Value(
                f"row({', '.join(v.sql for v in values)})", row([None] * len(values), [v.type for v in values])
            )
        if name == "now":
            if nodes:
                raise Refused("now takes no argument; write now()")
            return self.now(exp.CurrentTimestamp())
        if name == "mod":
            if len(nodes) != 2:
                raise Refused("mod takes two numbers; write mod(a, b)")
            return arithmetic(self.value(nodes[0]), self.value(nodes[1]), "%")
        if name not in SCALAR and name not in SPECIAL:
            raise Refused(
                f"the function {name} is not supported; {CURES.get(name, 'docs/sql.md lists those that are')}"
            )
        args = [self.value(n) for n in nodes]
        if name in SCALAR and name not in {"concat_ws", "array_position", "array_remove", "contains", "repeat", "map"}:
            special.typed(name, args)
        if name in SPECIAL and name not in SCALAR:
            return SPECIAL[name][1](args)
        found = call(name, SCALAR, args)
        if found is None:
            forms = " or ".join(f"{name}({s.split('->')[0].strip()})" for s, _ in SCALAR[name])
            raise Refused(
                f"{name} does not take ({', '.join(str(a.type) for a in args)}); its form is {forms}, CAST what differs"
            )
        return found

    def json_object(self, node: exp.JSONObject) -> Value:
        """The text of an object, `json_object('key': value)`."""
        allowed(node)
        keys = [pair.this for pair in node.expressions if isinstance(pair, exp.JSONKeyValue)]
        if len(keys) != len(node.expressions) or not all(key.is_string for key in keys):
            raise Refused("json_object takes its keys in quotes; write json_object('a': x, 'b': y)")
        values = [self.value(pair.expression) for pair in node.expressions]
        return documents.json_object([key.name for key in keys], values)

    def window(self, node: exp.Window) -> Value:
        """f(...) OVER (...)."""
        return window(self, node)

    def filtered(self, node: exp.Filter) -> Value:
        """Aggregate FILTER (WHERE ...)."""
        name, nodes = call_of(node.this)
        if name not in AGGREGATE:
            raise Refused(f"FILTER after {name} is not supported; use it after count, sum, avg, min or max")
        return aggregate(self, name, nodes, f" FILTER (WHERE {self.of_type(node.expression.this, BOOLEAN, 'FILTER')})")


_NOW: dict[type, Type] = {
    exp.CurrentDate: DATE,
    exp.CurrentTimestamp: timestamptz("UTC"),
    exp.Localtimestamp: TIMESTAMP,
}
_COMPARE: dict[type, str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM", exp.NullSafeNEQ: "IS DISTINCT FROM",
}  # fmt: skip
_ARITHMETIC: dict[type, str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}

_NODES: dict[type, Callable[..., Value]] = {
    exp.Column: lambda self, node: self.name([p.name.lower() for p in node.parts]),
    exp.Dot: Expressions.dot,
    exp.Identifier: lambda self, node: self.name([node.name.lower()]),
    exp.Literal: lambda _self, node: literal(node),
    exp.Null: lambda _self, _node: special.NULL,
    exp.Boolean: lambda _self, node: Value("TRUE" if node.this else "FALSE", BOOLEAN),
    exp.Interval: lambda _self, node: interval(node),
    **dict.fromkeys(_COMPARE, Expressions.comparison),
    exp.Between: Expressions.between,
    exp.And: Expressions.logical,
    exp.Or: Expressions.logical,
    exp.Not: Expressions.negation,
    exp.Is: Expressions.is_null,
    exp.Like: Expressions.like,
    exp.Escape: Expressions.escape,
    exp.In: Expressions.among,
    **dict.fromkeys(_ARITHMETIC, Expressions.arithmetic),
    exp.Neg: Expressions.minus,
    exp.DPipe: Expressions.concat,
    exp.Bracket: Expressions.subscript,
    exp.Paren: Expressions.paren,
    exp.Case: Expressions.case,
    exp.If: Expressions.if_,
    exp.Cast: Expressions.cast,
    exp.TryCast: Expressions.cast,
    exp.AtTimeZone: Expressions.at_zone,
    exp.Extract: Expressions.extract,
    exp.Array: Expressions.array,
    exp.Exists: lambda self, node: Value(f"EXISTS ({self.query(node.this.unnest(), self.scope)[0]})", BOOLEAN),
    exp.Subquery: Expressions.subquery,
    exp.CurrentDate: Expressions.now,
    exp.CurrentTimestamp: Expressions.now,
    exp.Localtimestamp: Expressions.now,
    exp.JSONObject: Expressions.json_object,
    exp.Anonymous: Expressions.function,
    exp.Substring: Expressions.function,
    exp.StrPosition: Expressions.function,
    exp.GroupConcat: Expressions.function,
    exp.ArgMax: Expressions.function,
    exp.ArgMin: Expressions.function,
    exp.Trim: Expressions.function,
    exp.Ceil: Expressions.function,
    exp.Floor: Expressions.function,
    exp.Window: Expressions.window,
    exp.Filter: Expressions.filtered,
}
