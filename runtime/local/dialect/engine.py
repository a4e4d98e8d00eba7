"""What DuckDB lacks of Athena's JSON and texts of numbers, as functions of a connection; `prepare` adds them.

They are in Python, so the compiler calls them where DuckDB's own answer would be another one, and nowhere else.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import duckdb

# How messages of ours begin: where Athena fails too, and where only this engine does.
FAILS = "athena: "
PARTIAL = "athena! "
_LONE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.", re.DOTALL
)


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the functions that `to_duckdb` calls. A null argument gives null."""
    add = partial(connection.create_function, null_handling="special")  # "default" takes no null as a result
    add("athena_json", _or_null(_parsed), ["VARCHAR"], "VARCHAR")
    add("athena_json_part", _or_null(_part), ["VARCHAR"], "VARCHAR")
    add("athena_json_text", _or_null(_readable), ["VARCHAR", "VARCHAR"], "VARCHAR")
    add("athena_json_number", _or_null(_number), ["VARCHAR", "VARCHAR"], "VARCHAR")
    add("athena_double_text", _or_null(double_text), ["DOUBLE"], "VARCHAR")


def _or_null(function: Callable[..., str | None]) -> Callable[..., str | None]:
    # DuckDB takes the number of arguments from the signature.
    if function in {_parsed, _part, double_text}:
        return lambda a: None if a is None else function(a)
    return lambda a, b: None if a is None or b is None else function(a, b)


def _parsed(text: str) -> str | None:
    """What json_parse holds: keys in order, the last of equal ones, numbers as Java writes them; null for no JSON."""
    try:
        return _written(json.loads(text, parse_float=_Double, parse_constant=_refuse), in_order=True)
    except (ValueError, RecursionError):
        return None


def _part(text: str) -> str:
    """What json_extract holds of JSON: every key where it stands, numbers as Java writes them."""
    return _written(json.loads(text, parse_float=_Double, object_pairs_hook=_Pairs), in_order=False)


class _Pairs(list[tuple[str, Any]]):
    """An object with its equal keys."""


class _Double(float):
    """A number that was written with a point or an exponent."""


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _written(value: Any, *, in_order: bool) -> str:
    if isinstance(value, dict | _Pairs):
        pairs = list(value.items()) if isinstance(value, dict) else value
        if in_order:
            pairs = sorted(pairs, key=lambda pair: pair[0].encode("utf-16-be", "surrogatepass"))  # as Java compares
        return "{" + ",".join(f"{_string(k)}:{_written(v, in_order=in_order)}" for k, v in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_written(item, in_order=in_order) for item in value) + "]"
    if isinstance(value, str):
        return _string(value)
    return _java(value) if isinstance(value, float) else json.dumps(value)


def _string(value: str) -> str:
    return json.dumps(_LONE.sub("?", value), ensure_ascii=False)


def _java(number: float) -> str:
    """As Java's Double.toString; what no JSON number can say is a string."""
    if number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124
        return {"inf": '"Infinity"', "-inf": '"-Infinity"'}.get(repr(number), '"NaN"')
    sign, digits, exponent = Decimal(repr(number)).as_tuple()
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        plain = f"{Decimal(repr(number)):f}"
        return plain if "." in plain else plain + ".0"
    return _scientific(sign, "".join(map(str, digits)), int(exponent))


def _scientific(sign: int, digits: str, exponent: int) -> str:
    power = exponent + len(digits) - 1
    digits = digits.rstrip("0")
    return f"{'-' * sign}{digits[0]}.{digits[1:] or '0'}E{power}"


def double_text(number: float) -> str:
    """CAST(double AS varchar): always with an exponent.

    Raises ValueError above 2^53, where Athena writes digits that no shortest writing has.
    """
    if number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(repr(number), "NaN")
    sign, digits, exponent = Decimal(repr(number)).as_tuple()
    if abs(number) > 2**53:
        raise ValueError(f"{PARTIAL}CAST of the double {number} to varchar is not supported; CAST it to decimal first")
    if number == 0:
        return "-0E0" if sign else "0E0"
    return _scientific(sign, "".join(map(str, digits)).lstrip("0"), int(exponent))


def _readable(text: str, begins: str) -> str | None:
    """The text where it is JSON, half surrogates in it as `?`, as Athena reads them; null where it has no value.

    `begins` are the characters with which a document starts that can hold what the path asks for. Raises ValueError
    where it starts so and breaks off later: Athena reads it as far as it goes.
    """
    whole = _ESCAPE.sub(lambda found: "?" if _is_lone(found.group()) else found.group(), text)
    try:
        json.loads(whole, parse_constant=_refuse)
    except (ValueError, RecursionError):
        start = text.lstrip(" \t\r\n")[:1]
        if start and start in begins:
            shown = json.dumps(text[:40])
            raise ValueError(f"{PARTIAL}the text {shown} begins as JSON and is none; filter such rows") from None
        return None
    return whole


def _is_lone(escape: str) -> bool:
    return len(escape) == 6


def _number(text: str, keys: str) -> str | None:
    """The number at the path (a JSON list of keys and positions) as the text writes it."""
    value = json.loads(text, parse_float=str, parse_int=str, object_pairs_hook=_first)
    for key in json.loads(keys):
        value = value[key]
    return str(value)


def _first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))
