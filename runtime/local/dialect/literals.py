"""Literals: strings, numbers of the type that their writing gives them, intervals."""

import re

from sqlglot import exp

from runtime.local.dialect.functions import Value
from runtime.local.dialect.types import BIGINT, DOUBLE, INTEGER, INTERVAL, VARCHAR, Refused, decimal, text


def literal(node: exp.Literal) -> Value:
    """A string or a number: integer, bigint, decimal or double by its writing, as in Athena."""
    said = node.name
    if node.is_string:
        return Value(text(said), VARCHAR, said)
    if re.fullmatch(r"[0-9]+", said):
        number = int(said)
        if number >= 2**63:
            raise Refused(f"the number {said} is above bigint; write it as {said}e0")
        kind = INTEGER if number < 2**31 else BIGINT
        return Value(f"CAST({number} AS BIGINT)" if kind == BIGINT else str(number), kind, number)
    if match := re.fullmatch(r"([0-9]*)\.([0-9]*)", said):
        whole, fraction = match[1].lstrip("0"), match[2]
        to = decimal(max(1, len(whole) + len(fraction)), len(fraction))
        if len(whole) + len(fraction) > 38:
            raise Refused(f"the number {said} has more than 38 digits; shorten it")
        return Value(f"CAST({whole or 0}.{fraction or 0} AS {to.duckdb()})", to)
    if re.fullmatch(r"[0-9]*\.?[0-9]*[eE][+-]?[0-9]+", said):
        return Value(f"CAST({text(said)} AS DOUBLE)", DOUBLE)
    raise Refused(f"the number {said} is not written as Athena reads numbers; write digits")


_LEAST = {"2147483648": INTEGER, "9223372036854775808": BIGINT}


def least(node: exp.Expr) -> Value | None:
    """`-node` where that is the least number of its type, whose digits alone are above it."""
    if not isinstance(node, exp.Literal) or node.name not in _LEAST:
        return None
    kind = _LEAST[node.name]
    return Value(f"CAST({text('-' + node.name)} AS {kind.duckdb()})", kind, -int(node.name))


def interval(node: exp.Interval) -> Value:
    """`interval '1' day`."""
    amount = node.this
    sign = 1
    if isinstance(amount, exp.Neg):
        amount, sign = amount.this, -1
    unit = node.args["unit"].name.lower() if isinstance(node.args.get("unit"), exp.Var) else ""
    if unit not in {"second", "minute", "hour", "day", "month", "year"} or not (
        isinstance(amount, exp.Literal) and re.fullmatch(r"[+-]?[0-9]{1,9}", amount.name)
    ):
        raise Refused("this interval is not supported; write interval '1' day, with one unit from second to year")
    return Value(f"INTERVAL ({sign * int(amount.name)}) {unit.upper()}", INTERVAL, unit)
