"""CAST and TRY_CAST as Athena does them: what DuckDB reads more generously is checked before."""

from runtime.local.dialect.documents import json_scalar
from runtime.local.dialect.functions import Value, coerced
from runtime.local.dialect.times import as_text, wall
from runtime.local.dialect.types import (
    BOOLEAN,
    DOUBLE,
    JSON,
    VARCHAR,
    Refused,
    Type,
    array,
    coerces,
    fail,
    quoted,
    text,
)

# What Athena reads in a text; the rest is an error there, null in TRY_CAST.
_READS = {
    "integer": r"^[+-]?[0-9]+$",
    "bigint": r"^[+-]?[0-9]+$",
    "decimal": r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)$",
    "double": r"^\s*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\s*$|^[+-]?Infinity$|^NaN$",
    "date": r"^\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\s*$",
    "timestamp": r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]{1,3})?)?)?$",
}


def cast(value: Value, to: Type) -> Value:
    """`CAST(value AS to)`. Raises Refused for a pair of types that Athena does not cast, or that differs here."""
    return Value(_cast(value.sql, value.type, to), to)


def _cast(sql: str, of: Type, to: Type) -> str:
    if of == to or (of.name == to.name and not of.of and to.name != "decimal"):
        return sql
    if of.name == "unknown":
        return f"CAST({sql} AS {to.duckdb()})"
    if of.name == "json":
        return _from_json(sql, to)
    if of.name == "varchar" and to.name in _READS:
        bad = fail(f"a text cannot be cast to {to}", to)
        read = f"regexp_matches({sql}, {text(_READS[to.name])})"
        return f"CASE WHEN {sql} IS NULL OR {read} THEN CAST({sql} AS {to.duckdb()}) ELSE {bad} END"
    if of.name == "varchar" and to == BOOLEAN:
        bad = fail("a text cannot be cast to boolean", to)
        return (
            f"CASE WHEN lower({sql}) IN ('true', 't', '1') THEN TRUE WHEN lower({sql}) IN ('false', 'f', '0') THEN FALSE"
            f" WHEN {sql} IS NOT NULL THEN {bad} END"
        )
    if of.name == "varchar" and to.name == "timestamptz":
        raise Refused("text is not cast to timestamp with time zone here; use from_iso8601_timestamp")
    if to == VARCHAR:
        return _to_text(sql, of)
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


def _to_text(sql: str, of: Type) -> str:
    if of.integral or of.name in {"boolean", "decimal"}:
        return f"CAST({sql} AS VARCHAR)"
    if of.name in {"date", "timestamp"}:
        return as_text(Value(sql, of))
    if of == DOUBLE:
        raise Refused("CAST of double to varchar writes 1.0E0 in Athena; CAST it to decimal(18,2) or bigint first")
    raise Refused(f"CAST of {of} to varchar is not supported; use date_format for a time, json_format for JSON")


def _from_json(sql: str, to: Type) -> str:
    kind = f"json_type({sql})"
    bad = fail(f"this JSON cannot be cast to {to}", to)
    if to == VARCHAR:
        return f"CASE WHEN {kind} IN ('OBJECT', 'ARRAY') THEN {bad} ELSE {json_scalar(sql, '$')} END"
    if to.integral:
        return f"CASE WHEN {kind} IN ('BIGINT', 'UBIGINT') THEN CAST({sql} ->> '$' AS {to.duckdb()}) WHEN {kind} <> 'NULL' THEN {bad} END"
    if to == DOUBLE:
        return f"CASE WHEN {kind} IN ('BIGINT', 'UBIGINT', 'DOUBLE') THEN CAST({sql} ->> '$' AS DOUBLE) WHEN {kind} <> 'NULL' THEN {bad} END"
    if to == BOOLEAN:
        return f"CASE WHEN {kind} = 'BOOLEAN' THEN CAST({sql} ->> '$' AS BOOLEAN) WHEN {kind} <> 'NULL' THEN {bad} END"
    if to.name == "array":
        items = f"CAST({sql} AS JSON[])"
        return items if to == array(JSON) else f"list_transform({items}, lambda j_: {_from_json('j_', to.of[0])})"
    if to.name == "map" and to.of[0] == VARCHAR:
        items = f"CAST(CASE WHEN {kind} = 'OBJECT' THEN {sql} WHEN {kind} <> 'NULL' THEN {fail('JSON that is no object is no map', JSON)} END AS MAP(VARCHAR, JSON))"
        if to.of[1] == JSON:
            return items
        values = f"list_transform(map_values({items}), lambda j_: {_from_json('j_', to.of[1])})"
        return f"CASE WHEN {items} IS NOT NULL THEN map(map_keys({items}), {values}) END"
    raise Refused(
        f"CAST of json to {to} is not supported; CAST to array(json) or map(varchar, json), then json_extract_scalar"
    )
