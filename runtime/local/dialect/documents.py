"""Functions of JSON text; values of the type json are held as DuckDB's."""

import re

from runtime.local.dialect import patterns
from runtime.local.dialect.functions import Value
from runtime.local.dialect.special import literal, special, want
from runtime.local.dialect.types import BIGINT, JSON, VARCHAR, Refused, fail, text

_NUMBER = r"'-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?'"


def json_scalar(source: str, path: str) -> str:
    """DuckDB text for the text of a scalar in valid JSON; null for an object, an array, null and nothing.

    A number keeps its own writing (1.50, 1e3), which DuckDB has lost when it gives it: it is the one of the document's
    numbers that has this value. Where two writings of it are there, the query fails.
    """
    p = text(path)
    found = f"({source} ->> {p})"
    same = (
        f"list_distinct(list_filter(regexp_extract_all(CAST({source} AS VARCHAR), {_NUMBER}),"
        f" lambda n_: TRY_CAST(n_ AS DOUBLE) = TRY_CAST({found} AS DOUBLE)))"
    )
    twice = fail("json_extract_scalar of a number that the document writes in two ways; use the text itself", VARCHAR)
    return (
        f"CASE json_type({source}, {p}) WHEN 'OBJECT' THEN NULL WHEN 'ARRAY' THEN NULL"
        f" WHEN 'DOUBLE' THEN CASE WHEN len({same}) = 1 THEN list_extract({same}, 1) ELSE {twice} END ELSE {found} END"
    )


def _document(arg: Value, name: str) -> str:
    if arg.type.name not in {"varchar", "json", "unknown"}:
        raise Refused(f"{name} takes varchar or json, not {arg.type}; give it the JSON text")
    if arg.type.name == "unknown":
        return "CAST(NULL AS VARCHAR)"
    # DuckDB reckons a constant before it asks the CASE around it: what may be one carries its guard with it.
    constant = arg.type.name == "varchar" and not re.fullmatch(r'"[^"]*"(\."[^"]*")?', arg.sql)
    return f"CASE WHEN json_valid({arg.sql}) THEN {arg.sql} END" if constant else arg.sql


def _if_valid(arg: Value, source: str, then: str) -> str:
    return then if arg.type.name == "json" else f"CASE WHEN json_valid({source}) THEN {then} END"


@special("json_extract_scalar", "varchar or json, literal path")
def _json_extract_scalar(args: list[Value]) -> Value:
    want(args, "json_extract_scalar", None, VARCHAR)
    source = _document(args[0], "json_extract_scalar")
    path = patterns.json_path(literal(args[1], "json_extract_scalar", "path"))
    return Value(_if_valid(args[0], source, json_scalar(source, path)), VARCHAR)


@special("json_extract", "varchar or json, literal path")
def _json_extract(args: list[Value]) -> Value:
    want(args, "json_extract", None, VARCHAR)
    source = _document(args[0], "json_extract")
    path = patterns.json_path(literal(args[1], "json_extract", "path"))
    return Value(_if_valid(args[0], source, f"json_extract({source}, {text(path)})"), JSON)


@special("json_size", "varchar or json, literal path")
def _json_size(args: list[Value]) -> Value:
    want(args, "json_size", None, VARCHAR)
    source = _document(args[0], "json_size")
    p = text(patterns.json_path(literal(args[1], "json_size", "path")))
    size = (
        f"CASE json_type({source}, {p}) WHEN 'OBJECT' THEN CAST(len(json_keys({source}, {p})) AS BIGINT)"
        f" WHEN 'ARRAY' THEN CAST(json_array_length({source}, {p}) AS BIGINT) WHEN NULL THEN NULL ELSE"
        f" CASE WHEN json_exists({source}, {p}) THEN 0 END END"
    )
    return Value(_if_valid(args[0], source, size), BIGINT)


@special("json_parse", "varchar")
def _json_parse(args: list[Value]) -> Value:
    (source,) = want(args, "json_parse", VARCHAR)
    bad = fail("json_parse of a text that is no JSON", JSON)
    return Value(f"CASE WHEN {source} IS NULL OR json_valid({source}) THEN json({source}) ELSE {bad} END", JSON)
