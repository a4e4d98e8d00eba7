"""Functions of regular expressions, for patterns that RE2 and Athena's engine read alike."""

from runtime.local.dialect import patterns
from runtime.local.dialect.functions import Value
from runtime.local.dialect.special import literal, number, special, want
from runtime.local.dialect.types import BIGINT, BOOLEAN, INTEGER, VARCHAR, array, text


def _pattern(args: list[Value], name: str) -> tuple[str, str, str]:
    """(text, RE2's pattern quoted, pattern as written)."""
    raw = literal(args[1], name, "pattern")
    return args[0].sql, text(patterns.regex(raw)), raw


@special("regexp_like", "varchar, literal")
def _regexp_like(args: list[Value]) -> Value:
    want(args, "regexp_like", VARCHAR, VARCHAR)
    s, p, _ = _pattern(args, "regexp_like")
    return Value(f"regexp_matches({s}, {p})", BOOLEAN)


@special("regexp_extract", "varchar, literal [, literal group]")
def _regexp_extract(args: list[Value]) -> Value:
    want(args, "regexp_extract", VARCHAR, VARCHAR, BIGINT, optional=1)
    s, p, raw = _pattern(args, "regexp_extract")
    n = number(args[2], "regexp_extract", "group") if len(args) > 2 else 0
    patterns.group(raw, n)
    return Value(f"CASE WHEN regexp_matches({s}, {p}) THEN regexp_extract({s}, {p}, {n}) END", VARCHAR)


@special("regexp_extract_all", "varchar, literal [, literal group]")
def _regexp_extract_all(args: list[Value]) -> Value:
    want(args, "regexp_extract_all", VARCHAR, VARCHAR, BIGINT, optional=1)
    s, p, raw = _pattern(args, "regexp_extract_all")
    patterns.never_empty(raw)
    n = number(args[2], "regexp_extract_all", "group") if len(args) > 2 else 0
    patterns.group(raw, n)
    return Value(f"regexp_extract_all({s}, {p}, {n})", array(VARCHAR))


@special("regexp_replace", "varchar, literal [, literal]")
def _regexp_replace(args: list[Value]) -> Value:
    want(args, "regexp_replace", VARCHAR, VARCHAR, VARCHAR, optional=1)
    s, p, raw = _pattern(args, "regexp_replace")
    patterns.never_empty(raw)
    by = patterns.replacement(literal(args[2], "regexp_replace", "replacement"), raw) if len(args) > 2 else ""
    return Value(f"regexp_replace({s}, {p}, {text(by)}, 'g')", VARCHAR)


@special("regexp_count", "varchar, literal")
def _regexp_count(args: list[Value]) -> Value:
    want(args, "regexp_count", VARCHAR, VARCHAR)
    s, p, raw = _pattern(args, "regexp_count")
    patterns.never_empty(raw)
    return Value(f"CAST(len(regexp_extract_all({s}, {p})) AS BIGINT)", BIGINT)


@special("regexp_position", "varchar, literal")
def _regexp_position(args: list[Value]) -> Value:
    want(args, "regexp_position", VARCHAR, VARCHAR)
    s, p, raw = _pattern(args, "regexp_position")
    patterns.never_empty(raw)
    before = text(f"^((?s:.*?))(?:{patterns.regex(raw)})")
    found = f"length(regexp_extract({s}, {before}, 1)) + 1"
    return Value(
        f"CASE WHEN regexp_matches({s}, {p}) THEN CAST({found} AS INTEGER) WHEN {s} IS NOT NULL THEN -1 END", INTEGER
    )


@special("regexp_split", "varchar, literal")
def _regexp_split(args: list[Value]) -> Value:
    want(args, "regexp_split", VARCHAR, VARCHAR)
    s, p, raw = _pattern(args, "regexp_split")
    patterns.never_empty(raw)
    return Value(f"string_split_regex({s}, {p})", array(VARCHAR))
