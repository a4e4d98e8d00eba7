"""The functions that answer as Athena's do: their signatures, and what each becomes on DuckDB.

A signature is `types -> type`; a capital letter stands for any one type, `x...` for one or more. In the DuckDB text
`{0}` is the first argument; whoever is not to be found here or in `special.py` is refused by name.
"""

import re
from dataclasses import dataclass
from functools import cache

from runtime.local.dialect.types import (
    SCALARS,
    TIMESTAMP,
    Type,
    array,
    coerces,
    common,
    decimal,
    fail,
    map_of,
    timestamptz,
)


@dataclass(frozen=True, slots=True)
class Value:
    """A compiled expression: DuckDB's text, its type, and the value where it is a literal."""

    sql: str
    type: Type
    literal: str | int | None = None


# What trim() takes for white space in Trino; DuckDB's takes only the space.
_SPACE = (
    "'\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f "
    "\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f\u3000'"
)
_SUBSTRING = "CASE WHEN {0} IS NOT NULL AND ({1} = 0 OR abs({1}) > length({0})) THEN '' ELSE substring({0}, {1}) END"
_SUBSTRING_LENGTH = (
    "CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL AND {2} IS NOT NULL"
    " AND ({1} = 0 OR {2} <= 0 OR abs({1}) > length({0})) THEN '' ELSE substring({0}, {1}, {2}) END"
)

# To DuckDB a NaN equals itself and is above all numbers: none is made.
_NAN = "{only:this gives NaN, which compares otherwise here; filter such rows}"

SCALAR: dict[str, list[tuple[str, str]]] = {
    # text
    "lower": [("varchar -> varchar", "lower({0})")],
    # Java keeps the sharp s, which DuckDB makes a capital one.
    "upper": [
        (
            "varchar -> varchar",
            (
                "CASE WHEN contains({0}, 'ß')"
                " THEN array_to_string(list_transform(string_split({0}, 'ß'), lambda e_: upper(e_)), 'ß')"
                " ELSE upper({0}) END"
            ),
        )
    ],
    "length": [("varchar -> bigint", "length({0})")],
    "reverse": [
        ("varchar -> varchar", "array_to_string(list_reverse(regexp_extract_all({0}, '(?s).')), '')"),
        ("array(T) -> array(T)", "list_reverse({0})"),
    ],
    "trim": [("varchar -> varchar", f"trim({{0}}, {_SPACE})")],
    "ltrim": [("varchar -> varchar", f"ltrim({{0}}, {_SPACE})")],
    "rtrim": [("varchar -> varchar", f"rtrim({{0}}, {_SPACE})")],
    "starts_with": [("varchar, varchar -> boolean", "starts_with({0}, {1})")],
    "strpos": [("varchar, varchar -> bigint", "strpos({0}, {1})")],
    "substr": [
        ("varchar, bigint -> varchar", _SUBSTRING),
        ("varchar, bigint, bigint -> varchar", _SUBSTRING_LENGTH),
    ],
    "concat_ws": [("varchar, varchar... -> varchar", "concat_ws({all})")],
    "to_utf8": [("varchar -> varbinary", "encode({0})")],
    "from_utf8": [("varbinary -> varchar", "decode({0})")],
    "to_hex": [("varbinary -> varchar", "hex({0})")],
    "from_hex": [
        (
            "varchar -> varbinary",
            (
                "CASE WHEN length({0}) % 2 = 0 THEN unhex({0})"
                " WHEN {0} IS NOT NULL THEN {fail:from_hex of an odd length} END"
            ),
        )
    ],
    "to_base64": [("varbinary -> varchar", "base64({0})")],
    "from_base64": [("varchar -> varbinary", "from_base64({0})")],
    "md5": [("varbinary -> varbinary", "unhex(md5({0}))")],
    "sha256": [("varbinary -> varbinary", "unhex(sha256({0}))")],
    # numbers
    "power": [
        ("double, double -> double", f"CASE WHEN isnan(pow({{0}}, {{1}})) THEN {_NAN} ELSE pow({{0}}, {{1}}) END")
    ],
    "sqrt": [("double -> double", f"CASE WHEN {{0}} < 0 THEN {_NAN} ELSE sqrt({{0}}) END")],
    "ln": [("double -> double", f"CASE WHEN {{0}} < 0 THEN {_NAN} ELSE ln({{0}}) END")],
    "log10": [("double -> double", f"CASE WHEN {{0}} < 0 THEN {_NAN} ELSE log10({{0}}) END")],
    "log2": [("double -> double", f"CASE WHEN {{0}} < 0 THEN {_NAN} ELSE (ln({{0}}) / ln(2e0)) END")],
    "exp": [("double -> double", "exp({0})")],
    "bitwise_and": [("bigint, bigint -> bigint", "({0} & {1})")],
    "bitwise_or": [("bigint, bigint -> bigint", "({0} | {1})")],
    "bitwise_xor": [("bigint, bigint -> bigint", "xor({0}, {1})")],
    # time
    "from_unixtime": [
        ("double -> timestamptz", "make_timestamp(CAST(round({0} * 1000) AS BIGINT) * 1000)"),
    ],
    "to_unixtime": [("timestamptz -> double", "(epoch_us({0}) / 1000000e0)")],
    "last_day_of_month": [("date -> date", "last_day({0})")],
    "from_iso8601_date": [
        (
            "varchar -> date",
            (
                "CASE WHEN {0} IS NULL OR regexp_matches({0}, '^\\d{{4}}-\\d{{2}}-\\d{{2}}$')"
                " THEN CAST({0} AS DATE) ELSE {only:from_iso8601_date of a text that is not of the form YYYY-MM-DD} END"
            ),
        )
    ],
    # arrays and maps
    "cardinality": [
        ("array(T) -> bigint", "CAST(len({0}) AS BIGINT)"),
        ("map(K, V) -> bigint", "CAST(cardinality({0}) AS BIGINT)"),
    ],
    "contains": [
        (
            "array(T), T -> boolean",
            (
                "CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL WHEN list_contains({0}, {1}) THEN TRUE"
                " WHEN len({0}) = list_count({0}) THEN FALSE END"
            ),
        )
    ],
    "array_position": [
        (
            "array(T), T -> bigint",
            "CASE WHEN {1} IS NOT NULL THEN coalesce(list_position({0}, {1}), {0}[1:0].len()) END",
        )
    ],
    "array_join": [
        (
            "array(varchar), varchar -> varchar",
            "CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN coalesce(array_to_string({0}, {1}), '') END",
        ),
        (
            "array(varchar), varchar, varchar -> varchar",
            "array_to_string(list_transform({0}, lambda e_: coalesce(e_, {2})), {1})",
        ),
    ],
    "array_sort": [("array(T) -> array(T)", "list_sort({0}, 'ASC', 'NULLS LAST')")],
    "array_distinct": [("array(T) -> array(T)", "list_filter({0}, lambda e_, i_: i_ = list_position({0}, e_))")],
    "array_except": [
        (
            "array(T), array(T) -> array(T)",
            (
                "CASE WHEN len({1}) = 0 THEN {0} WHEN len({1}) > 0 THEN"
                " list_filter({0}, lambda e_, i_: i_ = list_position({0}, e_) AND list_position({1}, e_) IS NULL) END"
            ),
        )
    ],
    "array_intersect": [
        (
            "array(T), array(T) -> array(T)",
            (
                "CASE WHEN len({0}) < len({1})"
                " THEN list_filter({1}, lambda e_, i_:"
                " i_ = list_position({1}, e_) AND list_position({0}, e_) IS NOT NULL)"
                " WHEN len({0}) >= len({1})"
                " THEN list_filter({0}, lambda e_, i_:"
                " i_ = list_position({0}, e_) AND list_position({1}, e_) IS NOT NULL)"
                " END"
            ),
        )
    ],
    "array_union": [
        (
            "array(T), array(T) -> array(T)",
            "list_filter({0} || {1}, lambda e_, i_: i_ = list_position({0} || {1}, e_))",
        )
    ],
    "array_max": [("array(T) -> T", "CASE WHEN len({0}) = list_count({0}) THEN list_max({0}) END")],
    "array_min": [("array(T) -> T", "CASE WHEN len({0}) = list_count({0}) THEN list_min({0}) END")],
    "flatten": [("array(array(T)) -> array(T)", "flatten({0})")],
    "repeat": [
        (
            "T, bigint -> array(T)",
            (
                "CASE WHEN {1} < 0 OR {1} > 10000 THEN {fail:repeat takes a count from 0 to 10000}"
                " WHEN {1} >= 0 THEN list_transform(range({1}), lambda e_: {0}) END"
            ),
        )
    ],
    "array_remove": [
        (
            "array(T), T -> array(T)",
            "CASE WHEN {1} IS NOT NULL THEN list_filter({0}, lambda e_: e_ IS DISTINCT FROM {1}) END",
        )
    ],
    "map_keys": [("map(K, V) -> array(K)", "map_keys({0})")],
    "map_values": [("map(K, V) -> array(V)", "map_values({0})")],
    "map": [("array(K), array(V) -> map(K, V)", "map({0}, {1})")],
}

AGGREGATE: dict[str, list[tuple[str, str]]] = {
    "count": [("T -> bigint", "count({0})")],
    "count_if": [("boolean -> bigint", "count(CASE WHEN {0} THEN 1 END)")],
    "sum": [
        ("bigint -> bigint", "sum({0})"),
        ("double -> double", "sum({0})"),
    ],
    "avg": [("bigint -> double", "avg({0})"), ("double -> double", "avg({0})")],
    "min": [("T -> T", "min({0})")],
    "max": [("T -> T", "max({0})")],
    "min_by": [("T, K -> T", "arg_min_null({0}, {1})")],
    "max_by": [("T, K -> T", "arg_max_null({0}, {1})")],
    "bool_and": [("boolean -> boolean", "bool_and({0})")],
    "bool_or": [("boolean -> boolean", "bool_or({0})")],
    "every": [("boolean -> boolean", "bool_and({0})")],
    "any_value": [("T -> T", "any_value({0})")],
    "arbitrary": [("T -> T", "any_value({0})")],
    "array_agg": [("T -> array(T)", "list({0})")],
    "histogram": [("T -> map(T, bigint)", "histogram({0})")],
    "stddev": [("double -> double", "stddev_samp({0})")],
    "stddev_samp": [("double -> double", "stddev_samp({0})")],
    "stddev_pop": [("double -> double", "stddev_pop({0})")],
    "variance": [("double -> double", "var_samp({0})")],
    "var_samp": [("double -> double", "var_samp({0})")],
    "var_pop": [("double -> double", "var_pop({0})")],
}

# Only with OVER.
WINDOW: dict[str, list[tuple[str, str]]] = {
    "row_number": [("-> bigint", "row_number()")],
    "rank": [("-> bigint", "rank()")],
    "dense_rank": [("-> bigint", "dense_rank()")],
    "percent_rank": [("-> double", "percent_rank()")],
    "cume_dist": [("-> double", "cume_dist()")],
    "ntile": [("bigint -> bigint", "ntile({0})")],
    "lag": [
        ("T -> T", "lag({0})"),
        ("T, bigint -> T", "lag({0}, {1})"),
        ("T, bigint, T -> T", "lag({0}, {1}, {2})"),
    ],
    "lead": [
        ("T -> T", "lead({0})"),
        ("T, bigint -> T", "lead({0}, {1})"),
        ("T, bigint, T -> T", "lead({0}, {1}, {2})"),
    ],
    "first_value": [("T -> T", "first_value({0})")],
    "last_value": [("T -> T", "last_value({0})")],
}

ALIASES = {"substring": "substr", "pow": "power", "ceiling": "ceil"}


def coerced(value: Value, to: Type) -> str:
    """The value's text as DuckDB's type for `to`, which it coerces to."""
    if value.type == to or (value.type.name == to.name and not to.of and to.name != "decimal"):
        return value.sql
    if value.type.name == to.name and to.name in {"array", "map", "row"} and _held_alike(value.type, to):
        return value.sql
    if value.type.name == "timestamp" and to.name == "timestamptz":
        return value.sql  # both are held as the UTC timestamp
    return f"CAST({value.sql} AS {to.duckdb()})"


def _held_alike(a: Type, b: Type) -> bool:
    if a.of and len(a.of) == len(b.of):
        return a.name == b.name and all(_held_alike(x, y) for x, y in zip(a.of, b.of, strict=True))
    return a.name == b.name and (a.name != "decimal" or a == b)


def call(name: str, table: dict[str, list[tuple[str, str]]], args: list[Value]) -> Value | None:
    """The call as DuckDB's text, by the first signature that takes the arguments; None if none does."""
    for signature, template in table[name]:
        params, result = _signature(signature)
        bound = _bind(params, [a.type for a in args])
        if bound is None:
            continue
        types, generics = bound
        texts = [coerced(a, t) for a, t in zip(args, types, strict=True)]
        to = _type(result, generics)
        return Value(_fill(template, texts, to), to)
    return None


def _fill(template: str, texts: list[str], to: Type) -> str:
    def part(match: re.Match[str]) -> str:
        what = match[1]
        if what is None:
            return match[0][0]
        if what == "all":
            return ", ".join(texts)
        if what.startswith(("fail:", "only:")):
            return fail(what[5:], to, partial=what.startswith("only:"))
        return texts[int(what)]

    return re.sub(r"\{\{|\}\}|\{([^{}]+)\}", part, template)


_tree = tuple[str, tuple["_tree", ...]]


@cache
def _signature(signature: str) -> tuple[tuple[_tree, ...], _tree]:
    params, result = signature.split("->")
    return tuple(_tree_of(p) for p in _split(params)), _tree_of(result)


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [p for p in (*parts, text[start:]) if p.strip()]


def _tree_of(text: str) -> _tree:
    name, _, inner = text.strip().partition("(")
    return name, tuple(_tree_of(p) for p in _split(inner.removesuffix(")"))) if inner else ()


def _bind(params: tuple[_tree, ...], actual: list[Type]) -> tuple[list[Type], dict[str, Type]] | None:
    if params and params[-1][0].endswith("..."):
        last = (params[-1][0].removesuffix("..."), params[-1][1])
        if len(actual) < len(params):
            return None
        params = (*params[:-1], *([last] * (len(actual) - len(params) + 1)))
    if len(params) != len(actual):
        return None
    generics: dict[str, Type] = {}
    if not all(_learn(p, t, generics) for p, t in zip(params, actual, strict=True)):
        return None
    types = [_type(p, generics) for p in params]
    if not all(coerces(t, to) for t, to in zip(actual, types, strict=True)):
        return None
    return types, generics


def _learn(param: _tree, actual: Type, generics: dict[str, Type]) -> bool:
    name, inner = param
    if len(name) == 1:
        both = common(generics[name], actual) if name in generics else actual
        if both is not None:
            generics[name] = both
        return both is not None
    if not inner or actual.name == "unknown":
        return True
    return actual.name == name and all(_learn(p, t, generics) for p, t in zip(inner, actual.of, strict=True))


def _type(tree: _tree, generics: dict[str, Type]) -> Type:
    name, inner = tree
    if len(name) == 1:
        return generics.get(name, SCALARS["unknown"])
    if name == "array":
        return array(_type(inner[0], generics))
    if name == "map":
        return map_of(_type(inner[0], generics), _type(inner[1], generics))
    if name == "decimal":
        return decimal(38, 0)
    if name in {"timestamp", "timestamptz"}:
        return TIMESTAMP if name == "timestamp" else timestamptz("UTC")
    return SCALARS[name]
