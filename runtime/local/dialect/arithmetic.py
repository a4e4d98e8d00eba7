"""+, -, *, / and % as Athena reckons: whole division, fixed scales, an error for x / 0; times and intervals."""

from runtime.local.dialect.functions import Value, coerced
from runtime.local.dialect.types import (
    DATE,
    DOUBLE,
    INTERVAL,
    UNKNOWN,
    Refused,
    Type,
    as_decimal,
    common,
    decimal,
    fail,
    text,
)


def arithmetic(a: Value, b: Value, operator: str) -> Value:
    """Numbers as Athena reckons: whole division, fixed scales, an error for x / 0; times and intervals."""
    if {a.type.name, b.type.name} & {"date", "timestamp", "timestamptz", "interval"}:
        return _time_arithmetic(a, b, operator)
    both = common(a.type, b.type)
    if both is None or not (both.numeric or both == UNKNOWN):
        raise Refused(f"{operator} does not take {a.type} and {b.type}; CAST them to numbers")
    if UNKNOWN in {a.type, b.type}:
        raise Refused(f"{operator} with a NULL without a type is not supported; write CAST(NULL AS bigint)")
    if both.name == "decimal":
        return _decimal_arithmetic(a, b, operator)
    x, y = coerced(a, both), coerced(b, both)
    if both == DOUBLE:
        if operator == "%":
            raise Refused("% of doubles is not supported; CAST to bigint")
        if operator == "/":
            nan = fail("0 / 0 of doubles gives NaN, which compares otherwise here; use nullif", both, partial=True)
            return Value(f"CASE WHEN {y} = 0 AND {x} = 0 THEN {nan} ELSE {x} / {y} END", both)
        return Value(f"({x} {operator} {y})", both)
    if operator in {"/", "%"}:
        sign = "//" if operator == "/" else "%"
        if isinstance(b.literal, int) and b.literal:
            return Value(f"({x} {sign} {y})", both)
        return Value(f"CASE WHEN {y} = 0 THEN {_by_zero(x, both)} ELSE {x} {sign} {y} END", both)
    return Value(f"({x} {operator} {y})", both)


def negative(x: Value) -> Value:
    """-x. Raises Refused for what is no number."""
    if not (x.type.numeric or x.type == INTERVAL):
        raise Refused(f"- takes a number, not {x.type}; CAST it")
    sql = f"CAST(-{x.sql} AS {x.type.duckdb()})" if x.type.integral else f"(-{x.sql})"
    return Value(sql, x.type, -x.literal if isinstance(x.literal, int) else x.literal)


def _by_zero(x: str, to: Type) -> str:
    return f"CASE WHEN {x} IS NOT NULL THEN {fail('Division by zero', to)} END"


def _decimal_arithmetic(a: Value, b: Value, operator: str) -> Value:
    s, t = as_decimal(a.type), as_decimal(b.type)
    x, y = coerced(a, s), coerced(b, t)
    if operator in {"+", "-"}:
        scale = max(s.s, t.s)
        to = decimal(max(s.p - s.s, t.p - t.s) + scale + 1, scale)
        return Value(f"CAST({x} {operator} {y} AS {to.duckdb()})", to)
    if operator == "*" and s.p + t.p <= 38:
        to = decimal(s.p + t.p, s.s + t.s)
        return Value(f"CAST({x} * {y} AS {to.duckdb()})", to)
    if operator == "/" and s.p + t.p + s.s + t.s <= 36:
        scale = max(s.s, t.s)
        to = decimal(s.p + t.s + max(0, t.s - s.s), scale)
        # In whole numbers, half away from zero: twice the quotient's unscaled value, plus one, halved.
        n = f"(CAST(abs({x}) * {10**s.s} AS HUGEINT) * {10 ** (scale - s.s + t.s)})"
        d = f"CAST(abs({y}) * {10**t.s} AS HUGEINT)"
        sign = f"CASE WHEN ({x} < 0) <> ({y} < 0) THEN -1 ELSE 1 END"
        unscaled = f"CAST(CAST({sign} * ((2 * {n} + {d}) // (2 * {d})) AS VARCHAR) AS DECIMAL({38 - scale}, 0))"
        unit = f"CAST({text(f'{10.0**-scale:.{scale}f}')} AS DECIMAL({max(1, scale)}, {scale}))"
        scaled = f"{unscaled} * {unit}"
        return Value(f"CASE WHEN {y} = 0 THEN {_by_zero(x, to)} ELSE CAST({scaled} AS {to.duckdb()}) END", to)
    raise Refused(f"{operator} of {s} and {t} is not supported; CAST one side to double, or write 100e0 for 100.0")


def _time_arithmetic(a: Value, b: Value, operator: str) -> Value:
    if operator == "-" and a.type.temporal and b.type.temporal and common(a.type, b.type) is not None:
        return Value(f"(CAST({a.sql} AS TIMESTAMP) - CAST({b.sql} AS TIMESTAMP))", INTERVAL)
    if operator == "+" and a.type == INTERVAL:
        a, b = b, a
    if operator in {"+", "-"} and a.type.temporal and b.type == INTERVAL:
        t = a.type
        if b.literal is None:
            raise Refused("a time plus a computed interval is not supported; use date_add")
        if t == DATE and b.literal in {"second", "minute", "hour"}:
            raise Refused(f"a date plus {b.literal}s is refused by Athena; CAST the date to timestamp")
        if t.name == "timestamptz" and t.zone != "UTC" and b.literal in {"month", "year"}:
            raise Refused("months of a time with zone depend on the zone; write AT TIME ZONE 'UTC' after the time")
        to = t if t == DATE or b.literal in {"month", "year"} else Type(t.name, p=max(3, t.p), zone=t.zone)
        return Value(f"CAST({a.sql} {operator} {b.sql} AS {t.duckdb()})", to)
    raise Refused(f"{operator} does not take {a.type} and {b.type}; use interval '1' day, or date_add and date_diff")
