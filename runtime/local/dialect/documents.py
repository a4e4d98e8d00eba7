"""Functions of JSON text; a value of the type json is held as the text that Athena's holds, keys in order."""

import json
import re

from runtime.local.dialect import patterns
from runtime.local.dialect.functions import Value
from runtime.local.dialect.special import literal, special, want
from runtime.local.dialect.types import BIGINT, BOOLEAN, JSON, VARCHAR, Refused, Type, fail, text

# What a text that DuckDB reads as JSON and Athena does not has in it somewhere.
_LAX = r"'NaN|[iI]nf|,[ \t\r\n]*[}\]]'"


def json_scalar(source: str, path: list[str | int]) -> str:
    """DuckDB text for the text of a scalar in valid JSON; null for an object, an array, null and nothing.

    A number with a point or an exponent keeps its own writing (1.50, 1e3), which DuckDB loses.
    """
    p = text(patterns.json_path(path))
    number = f"athena_json_number(CAST({source} AS VARCHAR), {text(json.dumps(path))})"
    return (
        f"CASE json_type({source}, {p}) WHEN 'OBJECT' THEN NULL WHEN 'ARRAY' THEN NULL"
        f" WHEN 'DOUBLE' THEN {number} ELSE {source} ->> {p} END"
    )


def _document(arg: Value, name: str, begins: str) -> str:
    """The argument as text that DuckDB reads as JSON, or null; `begins` as `engine` takes it."""
    if arg.type.name == "json":
        return arg.sql
    if arg.type != VARCHAR:
        raise Refused(f"{name} takes varchar or json, not {arg.type}; give it the JSON text")
    # The lake's own columns are JSON as they stand, but for half surrogates; any other text may be anything.
    sound = f"json_valid({arg.sql})" + ("" if arg.type.document else f" AND NOT regexp_matches({arg.sql}, {_LAX})")
    return f"CASE WHEN {sound} THEN {arg.sql} ELSE athena_json_text({arg.sql}, {text(begins)}) END"


_ANY = '{["-0123456789tfn'


def _begins(path: list[str | int]) -> str:
    return _ANY if not path else "[" if isinstance(path[0], int) else "{"


def _at_path(args: list[Value], name: str) -> tuple[str, list[str | int]]:
    want(args, name, None, VARCHAR)
    path = patterns.path_keys(literal(args[1], name, "path"))
    return _document(args[0], name, _begins(path)), path


@special("json_extract_scalar", "varchar or json, literal path")
def _json_extract_scalar(args: list[Value]) -> Value:
    return Value(json_scalar(*_at_path(args, "json_extract_scalar")), VARCHAR)


@special("json_extract", "varchar or json, literal path")
def _json_extract(args: list[Value]) -> Value:
    source, path = _at_path(args, "json_extract")
    return Value(_extracted(source, patterns.json_path(path)), JSON)


def _extracted(source: str, path: str) -> str:
    found = f"json_extract({source}, {text(path)})"
    normal = f"CAST(athena_json_part(CAST({found} AS VARCHAR)) AS JSON)"
    return (
        f"CASE WHEN json_type({source}, {text(path)}) IN ('OBJECT', 'ARRAY', 'DOUBLE') THEN {normal} ELSE {found} END"
    )


@special("json_size", "varchar or json, literal path")
def _json_size(args: list[Value]) -> Value:
    source, path = _at_path(args, "json_size")
    p = text(patterns.json_path(path))
    size = (
        f"CASE json_type({source}, {p}) WHEN 'OBJECT' THEN CAST(len(json_keys({source}, {p})) AS BIGINT)"
        f" WHEN 'ARRAY' THEN CAST(json_array_length({source}, {p}) AS BIGINT) ELSE"
        f" CASE WHEN json_exists({source}, {p}) THEN 0 END END"
    )
    return Value(size, BIGINT)


@special("json_parse", "varchar")
def _json_parse(args: list[Value]) -> Value:
    (source,) = want(args, "json_parse", VARCHAR)
    bad = fail("json_parse of a text that is no JSON; keep it from such rows, or write try(json_parse(x))", JSON)
    return Value(f"CASE WHEN {source} IS NOT NULL THEN coalesce(CAST(athena_json({source}) AS JSON), {bad}) END", JSON)


@special("json_format", "json")
def _json_format(args: list[Value]) -> Value:
    want(args, "json_format", JSON)
    return Value(f"CAST({args[0].sql} AS VARCHAR)", VARCHAR)


@special("json_array_length", "varchar or json")
def _json_array_length(args: list[Value]) -> Value:
    want(args, "json_array_length", None)
    source = _document(args[0], "json_array_length", "[")
    return Value(f"CASE json_type({source}) WHEN 'ARRAY' THEN CAST(json_array_length({source}) AS BIGINT) END", BIGINT)


@special("is_json_scalar", "varchar or json")
def _is_json_scalar(args: list[Value]) -> Value:
    want(args, "is_json_scalar", None)
    source = _document(args[0], "is_json_scalar", _ANY)
    bad = fail("is_json_scalar of a text that is no JSON", BOOLEAN)
    kind = f"json_type({source})"
    return Value(
        f"CASE WHEN {kind} IS NOT NULL THEN {kind} NOT IN ('OBJECT', 'ARRAY')"
        f" WHEN {args[0].sql} IS NOT NULL THEN {bad} END",
        BOOLEAN,
    )


@special("json_array_contains", "varchar or json, varchar, bigint or boolean")
def _json_array_contains(args: list[Value]) -> Value:
    want(args, "json_array_contains", None, None)
    source = _document(args[0], "json_array_contains", "[")
    wanted = args[1].type
    if wanted == BOOLEAN:
        kinds = "'BOOLEAN'"
    elif wanted == VARCHAR:
        kinds = "'VARCHAR'"
    elif wanted.integral:
        kinds = "'BIGINT', 'UBIGINT'"
    else:
        raise Refused(f"json_array_contains of {wanted} is not supported; look for a text, a whole number or a boolean")
    items = f"CAST(CASE json_type({source}) WHEN 'ARRAY' THEN {source} END AS JSON[])"
    same = f"json_type(j_) IN ({kinds}) AND (j_ ->> '$') = CAST({args[1].sql} AS VARCHAR)"
    return Value(
        f"CASE WHEN {args[1].sql} IS NOT NULL THEN len(list_filter({items}, lambda j_: {same})) > 0 END", BOOLEAN
    )


_LAX_PATH = re.compile(r'lax \$((?:\.[A-Za-z_][A-Za-z0-9_]*|\."[^"\\*]+")*)')


def _lax(args: list[Value], name: str, to: Type) -> tuple[str, str, str]:
    """(document as Athena reads it, DuckDB's path, a CASE's first branch that fails at a list) of 'lax $.a.b'."""
    want(args, name, VARCHAR, VARCHAR)
    match = _LAX_PATH.fullmatch(literal(args[1], name, "path"))
    if match is None or not match[1]:
        raise Refused(f"{name} takes a path such as 'lax $.a.b' here; write json_extract_scalar for others")
    keys: list[str | int] = [quoted or plain for plain, quoted in re.findall(r'\.(?:(\w+)|"([^"]+)")', match[1])]
    source = f"CAST(athena_json({_document(args[0], name, _ANY)}) AS JSON)"
    lists = [f"json_type({source}, {text(patterns.json_path(keys[:n]))}) = 'ARRAY'" for n in range(len(keys))]
    bad = fail("a list on a lax JSON path is not supported; use json_extract and UNNEST", to, partial=True)
    return source, text(patterns.json_path(keys)), f"CASE WHEN {' OR '.join(lists)} THEN {bad}"


@special("json_value", "varchar, literal path such as 'lax $.a.b'")
def _json_value(args: list[Value]) -> Value:
    source, p, unless_list = _lax(args, "json_value", VARCHAR)
    kind = f"json_type({source}, {p})"
    bad = fail(
        "json_value of a number with a fraction is not supported; use json_extract_scalar", VARCHAR, partial=True
    )
    return Value(
        f"{unless_list} WHEN {kind} IN ('OBJECT', 'ARRAY') THEN NULL"
        f" WHEN {kind} = 'DOUBLE' THEN {bad} ELSE {source} ->> {p} END",
        VARCHAR,
    )


@special("json_exists", "varchar, literal path such as 'lax $.a.b'")
def _json_exists(args: list[Value]) -> Value:
    source, p, unless_list = _lax(args, "json_exists", BOOLEAN)
    there = f"coalesce(json_type({source}, {p}) IS NOT NULL, FALSE)"
    return Value(f"{unless_list} WHEN {args[0].sql} IS NOT NULL THEN {there} END", BOOLEAN)


@special("json_query", "varchar, literal path such as 'lax $.a.b'")
def _json_query(args: list[Value]) -> Value:
    source, p, unless_list = _lax(args, "json_query", VARCHAR)
    kind = f"json_type({source}, {p})"
    bad = fail(
        "json_query of more than one key or of a number is not supported; use json_extract", VARCHAR, partial=True
    )
    found = f"json_extract({source}, {p})"
    said = f"CAST({found} AS VARCHAR)"
    one = f"len(json_keys({source}, {p})) < 2 AND NOT regexp_matches({said}, '.[{{]|[0-9][.eE]')"
    plain = (
        f"CASE {kind} WHEN 'OBJECT' THEN {one} WHEN 'DOUBLE' THEN FALSE WHEN 'ARRAY' THEN"
        f" NOT regexp_matches({said}, '[{{]|[0-9][.eE]') ELSE TRUE END"
    )
    return Value(
        f"{unless_list} WHEN {kind} IS NULL THEN NULL WHEN {plain} THEN CAST({found} AS VARCHAR) ELSE {bad} END",
        VARCHAR,
    )


def json_object(keys: list[str], values: list[Value]) -> Value:
    """`json_object('key': value, ...)` of texts, whole numbers and booleans. Raises Refused for others."""
    if len(set(keys)) != len(keys):
        raise Refused("json_object names a key twice; name it once")
    parts = []
    for key, value in sorted(zip(keys, values, strict=True), key=lambda pair: pair[0]):
        if value.type == VARCHAR:
            said = f"CAST(to_json({value.sql}) AS VARCHAR)"
        elif value.type.integral or value.type == BOOLEAN:
            said = f"CAST({value.sql} AS VARCHAR)"
        else:
            raise Refused(f"json_object of {value.type} is not supported; CAST it to varchar or bigint")
        parts.append(f"{text(json.dumps(key, ensure_ascii=False) + ':')} || coalesce({said}, 'null')")
    inside = " || ',' || ".join(parts)
    return Value(f"('{{' || {inside} || '}}')" if parts else "'{}'", VARCHAR)
