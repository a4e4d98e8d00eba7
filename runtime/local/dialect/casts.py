"""CAST and TRY_CAST as Athena does them: what DuckDB reads more generously is checked before."""

from runtime.local.dialect.functions import Value, coerced
from runtime.local.dialect.special import special, want
from runtime.local.dialect.times import as_text, wall
from runtime.local.dialect.types import (
    BOOLEAN,
    DATE,
    DOUBLE,
    JSON,
    VARCHAR,
    Refused,
    Type,
    coerces,
    fail,
    quoted,
    text,
    tried,
)

# What Athena reads in a text, white space cut off; the rest is an error there, null in TRY_CAST.
_READS = {
    "integer": r"^[+-]?[0-9]+$",
    "bigint": r"^[+-]?[0-9]+$",
    "decimal": r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$",
    "double": r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?[fFdD]?$|^[+-]?Infinity$",
    "date": r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}$",
    "timestamp": r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]{1,3})?)?)?$",
}
# What Athena may read there and this engine does not: it fails, also in TRY_CAST.
_MAY_READ = {
    "double": r"^[+-]?(NaN$|0[xX][0-9a-fA-F.]+[pP])",
    "date": r"^[+-]?[0-9]{5,}-",
    "timestamp": r"^[+-]?[0-9]{5,}-|^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2} .*([.][0-9]{4,}| [^ ]+$|:[0-9.]+[+-])",
}
_SPACE = "' \t\n\r\x0b\x0c'"


def cast(value: Value, to: Type) -> Value:
    """`CAST(value AS to)`. Raises Refused for a pair of types that Athena does not cast, or that differs here."""
    return Value(_cast(value.sql, value.type, to), to)


def try_cast(value: Value, to: Type) -> Value:
    """`TRY_CAST(value AS to)`: null where CAST fails. Raises Refused as `cast`."""
    if value.type == VARCHAR and to.name in _MAY_READ:
        return Value(_unless_unread(value.sql, to, tried(_read(value.sql, to), "TRY_CAST")), to)
    if value.type == DOUBLE and to == VARCHAR:  # fails on nothing in Athena
        return cast(value, to)
    return Value(tried(_cast(value.sql, value.type, to), "TRY_CAST"), to)


@special("date", "varchar, date or timestamp")
def _date(args: list[Value]) -> Value:
    want(args, "date", None)
    return cast(args[0], DATE)


def _cast(sql: str, of: Type, to: Type) -> str:
    if of == to or (of.name == to.name and not of.of and to.name != "decimal"):
        return sql
    if of.name == "unknown":
        return f"CAST({sql} AS {to.duckdb()})"
    if of.name == "json":
        return _from_json(sql, to)
    if of.name == "varchar" and to.name in _READS:
        return _unless_unread(sql, to, _read(sql, to))
    if of.name == "varchar" and to == BOOLEAN:
        bad = fail("a text cannot be cast to boolean", to)
        return (
            f"CASE WHEN lower({sql}) IN ('true', 't', '1') THEN TRUE"
            f" WHEN lower({sql}) IN ('false', 'f', '0') THEN FALSE WHEN {sql} IS NOT NULL THEN {bad} END"
        )
    if of.name == "varchar" and to.name == "timestamptz":
        raise Refused("text is not cast to timestamp with time zone here; use from_iso8601_timestamp")
    if to == VARCHAR:
        return _to_text(sql, of)
    if of == DOUBLE and to.name == "decimal":  # by its shortest writing, as in Java; DuckDB takes its binary value
        return f"CAST(CAST({sql} AS VARCHAR) AS {to.duckdb()})"
    if of.numeric and to.numeric:
        return (
            f"CAST(round({sql}) AS {to.duckdb()})" if of == DOUBLE and to.integral else f"CAST({sql} AS {to.duckdb()})"
        )
    if of == BOOLEAN and to.numeric:
        return f"CAST({sql} AS {to.duckdb()})"
    if of.numeric and to == BOOLEAN:
        return f"({sql} <> 0)"
    if of.temporal and to.temporal:
        if of.name == "timestamptz" and to.name != "timestamptz":
            return f"CAST({wall(Value(sql, of), f'CAST AS {to}')} AS {to.duckdb()})"
        return f"CAST({sql} AS {to.duckdb()})"
    if of.name == to.name == "array":
        return f"list_transform({sql}, lambda c_: {_cast('c_', of.of[0], to.of[0])})"
    if of.name == to.name == "row" and len(of.of) == len(to.of):
        parts = [
            _cast(f"struct_extract_at({sql}, {i})", a, b) for i, (a, b) in enumerate(zip(of.of, to.of, strict=True), 1)
        ]
        fields = ", ".join(f"{quoted(n or '')} := {p}" for n, p in zip(to.names, parts, strict=True))
        return f"CASE WHEN {sql} IS NOT NULL THEN struct_pack({fields}) END"
    if coerces(of, to):
        return coerced(Value(sql, of), to)
    raise Refused(f"CAST from {of} to {to} is not supported; see docs/sql.md for the casts that are")


def _trimmed(sql: str, to: Type) -> str:
    return sql if to.name == "decimal" else f"trim({sql}, {_SPACE})"


def _read(sql: str, to: Type) -> str:
    said = _trimmed(sql, to)
    kept = f"rtrim({said}, 'fFdD')" if to == DOUBLE else said
    bad = fail(f"a text cannot be cast to {to}", to)
    read = f"regexp_matches({said}, {text(_READS[to.name])})"
    return f"CASE WHEN {sql} IS NULL OR {read} THEN CAST({kept} AS {to.duckdb()}) ELSE {bad} END"


def _unless_unread(sql: str, to: Type, then: str) -> str:
    if to.name not in _MAY_READ:
        return then
    other = fail(f"this way of writing a {to} is not read here; filter such rows", to, partial=True)
    return f"CASE WHEN regexp_matches({_trimmed(sql, to)}, {text(_MAY_READ[to.name])}) THEN {other} ELSE {then} END"


def _to_text(sql: str, of: Type) -> str:
    if of.name == "decimal" and of.p == of.s:  # DuckDB writes .5
        if of.p == 38:
            raise Refused(f"CAST of {of} to varchar is not supported; CAST it to decimal(38,37) first")
        return f"CAST(CAST({sql} AS DECIMAL({of.p + 1},{of.s})) AS VARCHAR)"
    if of.integral or of.name in {"boolean", "decimal"}:
        return f"CAST({sql} AS VARCHAR)"
    if of.name in {"date", "timestamp"}:
        return as_text(Value(sql, of))
    if of.name == "timestamptz" and of.zone is not None:
        clock = wall(Value(sql, of), "CAST AS varchar")
        return f"({as_text(Value(clock, Type('timestamp', p=of.p)))} || {text(' ' + of.zone)})"
    if of == DOUBLE:
        return f"athena_double_text({sql})"
    raise Refused(f"CAST of {of} to varchar is not supported; use date_format for a time, json_format for JSON")


def _from_json(sql: str, to: Type) -> str:
    """DuckDB text for JSON cast to `to`; what Athena does not cast fails when it is met."""
    kind = f"json_type({sql})"
    bad = fail(f"this JSON cannot be cast to {to.name}; take a part of it with json_extract", to)
    if to == JSON:  # DuckDB writes numbers anew when it takes JSON apart
        said = f"CAST({sql} AS VARCHAR)"
        return f"CASE WHEN regexp_matches({said}, '[0-9][.eE]') THEN CAST(athena_json({said}) AS JSON) ELSE {sql} END"
    if to.name in {"varchar", "integer", "bigint", "double", "boolean"}:
        return _scalar_from_json(sql, to, kind, bad)
    if to.name == "array":
        items = f"CAST(CASE {kind} WHEN 'ARRAY' THEN {sql} END AS JSON[])"
        made = f"list_transform({items}, lambda j_: {_from_json('j_', to.of[0])})"
        return f"CASE {kind} WHEN 'ARRAY' THEN {made} WHEN 'NULL' THEN NULL ELSE {_if_any(sql, bad)} END"
    if to.name == "map" and to.of[0] == VARCHAR:
        entries = _entries(sql, kind)
        value = f"list_transform([e_.value], lambda j_: {_from_json('j_', to.of[1])})[1]"
        pairs = f"list_transform({entries}, lambda e_: struct_pack(k := e_.key, v := {value}))"
        made = f"map_from_entries({pairs})"
        return f"CASE {kind} WHEN 'OBJECT' THEN {made} WHEN 'NULL' THEN NULL ELSE {_if_any(sql, bad)} END"
    if to.name == "row" and all(to.names):
        return _row_from_json(sql, to, kind, bad)
    raise Refused(
        f"CAST of json to {to} is not supported; CAST to array(json) or map(varchar, json), then json_extract_scalar"
    )


def _if_any(sql: str, bad: str) -> str:
    return f"CASE WHEN {sql} IS NOT NULL THEN {bad} END"


def _entries(sql: str, kind: str) -> str:
    return f"map_entries(CAST(CASE {kind} WHEN 'OBJECT' THEN {sql} END AS MAP(VARCHAR, JSON)))"


def _scalar_from_json(sql: str, to: Type, kind: str, bad: str) -> str:
    said = f"({sql} ->> '$')"
    whole = f"CAST({said} AS {to.duckdb()})" if to != BOOLEAN else f"(CAST({said} AS DOUBLE) <> 0)"
    double = _cast(f"CAST({said} AS DOUBLE)", DOUBLE, to)
    if to != DOUBLE:  # a whole number above 64 bits is a DOUBLE to DuckDB
        digits = f"CAST({sql} AS VARCHAR)"
        double = (
            f"CASE WHEN regexp_matches({digits}, '^-?[0-9]+$') THEN {digits if to == VARCHAR else bad}"
            f" ELSE {double} END"
        )
    return (
        f"CASE {kind} WHEN 'VARCHAR' THEN {_cast(said, VARCHAR, to)}"
        f" WHEN 'BOOLEAN' THEN {_cast(f'CAST({said} AS BOOLEAN)', BOOLEAN, to)}"
        f" WHEN 'BIGINT' THEN {whole} WHEN 'UBIGINT' THEN {whole} WHEN 'DOUBLE' THEN {double}"
        f" WHEN 'NULL' THEN NULL ELSE {_if_any(sql, bad)} END"
    )


def _row_from_json(sql: str, to: Type, kind: str, bad: str) -> str:
    """A row from an object, whose keys match in any case, or from a list, by position."""
    entries = _entries(sql, kind)
    twice = "this JSON has two keys for one field of the row, as they differ in case only; take them with json_extract"
    by_name, by_place = [], []
    for at, (name, of) in enumerate(zip(to.names, to.of, strict=True), 1):
        found = f"list_filter({entries}, lambda e_: lower(e_.key) = {text(name or '')})"
        one = f"list_transform({found}, lambda e_: list_transform([e_.value], lambda j_: {_from_json('j_', of)})[1])[1]"
        by_name.append(f"{quoted(name or '')} := CASE WHEN len({found}) > 1 THEN {fail(twice, of)} ELSE {one} END")
        items = f"CAST(CASE {kind} WHEN 'ARRAY' THEN {sql} END AS JSON[])"
        by_place.append(f"{quoted(name or '')} := list_transform({items}, lambda j_: {_from_json('j_', of)})[{at}]")
    fits = f"json_array_length({sql}) = {len(to.of)}"
    return (
        f"CASE WHEN {kind} = 'OBJECT' THEN struct_pack({', '.join(by_name)})"
        f" WHEN {kind} = 'ARRAY' AND {fits} THEN struct_pack({', '.join(by_place)})"
        f" WHEN {kind} = 'NULL' THEN NULL ELSE {_if_any(sql, bad)} END"
    )
