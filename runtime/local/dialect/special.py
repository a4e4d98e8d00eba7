"""Functions whose DuckDB text depends on a literal (a pattern, a unit, a path) or on more than the types."""

from collections.abc import Callable

from runtime.local.dialect.functions import Value, coerced
from runtime.local.dialect.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    INTEGER,
    UNKNOWN,
    VARCHAR,
    Refused,
    Type,
    array,
    as_decimal,
    coerces,
    common,
    decimal,
    fail,
    map_of,
    row,
    text,
    tried,
)

Handler = Callable[[list[Value]], Value]
SPECIAL: dict[str, tuple[str, Handler]] = {}
NULL = Value("NULL", UNKNOWN)


def special(name: str, shape: str) -> Callable[[Handler], Handler]:
    """Register a handler; `shape` is its signature in words, for the reference."""

    def add(handler: Handler) -> Handler:
        SPECIAL[name] = (shape, handler)
        return handler

    return add


def want(args: list[Value], name: str, *types: Type | None, optional: int = 0) -> list[str]:
    """The arguments' texts coerced to `types` (None: any). Raises Refused."""
    if not len(types) - optional <= len(args) <= len(types):
        raise Refused(f"{name} takes {len(types)} arguments, not {len(args)}; its form is {SPECIAL[name][0]}")
    typed(name, args)
    for arg, to in zip(args, types, strict=False):
        if to is not None and not coerces(arg.type, to):
            raise Refused(f"{name} does not take {arg.type} where {to} is meant; its form is {SPECIAL[name][0]}")
    return [a.sql if to is None else coerced(a, to) for a, to in zip(args, types, strict=False)]


_ANY_NULL = frozenset({"try", "nullif", "element_at", "sequence", "arrays_overlap"})


def typed(name: str, args: list[Value]) -> None:
    """Raise Refused for a NULL without a type: with it Athena often cannot choose the function."""
    if name not in _ANY_NULL and any(arg.type == UNKNOWN for arg in args):
        raise Refused(f"{name} of a NULL without a type is not supported; write CAST(NULL AS varchar), or its like")


def literal(arg: Value, name: str, what: str) -> str:
    """The argument's text, which must be a literal. Raises Refused."""
    if not isinstance(arg.literal, str):
        raise Refused(f"{name} needs its {what} as a literal; write it in quotes")
    return arg.literal


def number(arg: Value, name: str, what: str) -> int:
    """The argument's integer, which must be a literal. Raises Refused."""
    if not isinstance(arg.literal, int):
        raise Refused(f"{name} needs its {what} as a literal number; write it as digits")
    return arg.literal


def nonempty(arg: Value, name: str, what: str) -> str:
    """The argument's text, which must be a literal and not empty. Raises Refused."""
    if not literal(arg, name, what):
        raise Refused(f"{name} does not take an empty {what}; name at least one character")
    return arg.sql


# --- text


@special("concat", "varchar, varchar... or array, array...")
def _concat(args: list[Value]) -> Value:
    if len(args) < 2:
        raise Refused("concat takes two arguments or more; give it another")
    both: Type | None = args[0].type
    for arg in args[1:]:
        both = both and common(both, arg.type)
    if both is not None and (both == UNKNOWN or (both.name == "array" and any(a.type != both for a in args))):
        raise Refused("concat and || of a NULL or an array without a type is not supported; CAST it")
    if both is None or both.name not in {"varchar", "array", "unknown", "varbinary"}:
        kinds = ", ".join(str(a.type) for a in args)
        raise Refused(f"concat and || do not join {kinds}; CAST each to varchar")
    return Value("(" + " || ".join(a.sql for a in args) + ")", both if both.name != "unknown" else VARCHAR)


@special("replace", "varchar, literal [, varchar]")
def _replace(args: list[Value]) -> Value:
    texts = want(args, "replace", VARCHAR, VARCHAR, VARCHAR, optional=1)
    nonempty(args[1], "replace", "search text")
    return Value(f"replace({texts[0]}, {texts[1]}, {texts[2] if len(texts) > 2 else text('')})", VARCHAR)


def _pad(name: str) -> Handler:
    def handler(args: list[Value]) -> Value:
        s, n, _ = want(args, name, VARCHAR, INTEGER, VARCHAR)
        return Value(f"{name}({s}, {n}, {nonempty(args[2], name, 'padding')})", VARCHAR)

    return handler


special("lpad", "varchar, integer, literal")(_pad("lpad"))
special("rpad", "varchar, integer, literal")(_pad("rpad"))


@special("split", "varchar, literal [, literal limit]")
def _split(args: list[Value]) -> Value:
    s, d, *limit = want(args, "split", VARCHAR, VARCHAR, BIGINT, optional=1)
    nonempty(args[1], "split", "delimiter")
    parts = f"string_split({s}, {d})"
    if limit:
        n = number(args[2], "split", "limit")
        if n < 1:
            raise Refused("split needs a limit of 1 or more; leave it out for all parts")
        rest = f"array_to_string(list_slice({parts}, {n}, len({parts})), {d})"
        head = f"list_append(list_slice({parts}, 1, {n - 1}), {rest})"
        parts = f"CASE WHEN len({parts}) <= {n} THEN {parts} WHEN len({parts}) > {n} THEN {head} END"
    return Value(parts, array(VARCHAR))


@special("split_part", "varchar, literal, literal number")
def _split_part(args: list[Value]) -> Value:
    s, d, _ = want(args, "split_part", VARCHAR, VARCHAR, BIGINT)
    nonempty(args[1], "split_part", "delimiter")
    n = number(args[2], "split_part", "index")
    if n < 1:
        raise Refused("split_part counts from 1; give it a positive index")
    return Value(f"list_extract(string_split({s}, {d}), {n})", VARCHAR)


@special("split_to_map", "varchar, literal, literal")
def _split_to_map(args: list[Value]) -> Value:
    s, d, k = want(args, "split_to_map", VARCHAR, VARCHAR, VARCHAR)
    nonempty(args[1], "split_to_map", "entry delimiter")
    nonempty(args[2], "split_to_map", "key-value delimiter")
    bad = fail("split_to_map: an entry has not exactly one key-value delimiter", VARCHAR)
    entry = f"string_split(e_, {k})"
    whole = f"CASE WHEN ends_with({s}, {d}) THEN left({s}, -length({d})) ELSE {s} END"
    entries = f"CASE WHEN {s} <> '' THEN string_split({whole}, {d}) WHEN {s} IS NOT NULL THEN [] END"
    pairs = (
        f"list_transform({entries}, lambda e_: struct_pack(k := {entry}[1],"
        f" v := CASE WHEN len({entry}) = 2 THEN {entry}[2] ELSE {bad} END))"
    )
    return Value(f"map_from_entries({pairs})", map_of(VARCHAR, VARCHAR))


# --- numbers


def _greatest(name: str) -> Handler:
    def handler(args: list[Value]) -> Value:
        both = _together(args, name)
        if both.name in {"array", "map", "row", "json"} or not args:
            raise Refused(f"{name} of {both} is not supported; give it scalars")
        texts = [coerced(a, both) for a in args]
        none = " OR ".join(f"{t} IS NULL" for t in texts)
        return Value(f"CASE WHEN {none} THEN NULL ELSE {name}({', '.join(texts)}) END", both)

    return handler


special("greatest", "T, T...")(_greatest("greatest"))
special("least", "T, T...")(_greatest("least"))


def _together(args: list[Value], name: str) -> Type:
    both: Type | None = UNKNOWN
    for arg in args:
        both = both and common(both, arg.type)
    if both is None:
        raise Refused(f"{name} does not mix {', '.join(str(a.type) for a in args)}; CAST them to one type")
    return both


@special("coalesce", "T, T...")
def _coalesce(args: list[Value]) -> Value:
    both = _together(args, "coalesce")
    if len(args) < 2:
        raise Refused("coalesce takes two arguments or more; give it another")
    return Value(f"coalesce({', '.join(coerced(a, both) for a in args)})", both)


@special("nullif", "T, T")
def _nullif(args: list[Value]) -> Value:
    want(args, "nullif", None, None)
    both = _together(args, "nullif")
    a, b = (coerced(x, both) for x in args)
    return Value(f"CASE WHEN {a} = {b} THEN NULL ELSE {args[0].sql} END", args[0].type)


@special("try", "any expression")
def _try(args: list[Value]) -> Value:
    (x,) = want(args, "try", None)
    return Value(tried(x, "try"), args[0].type)


def _whole(name: str, digits: Callable[[Type], Type], duckdb: str) -> Handler:
    def handler(args: list[Value]) -> Value:
        (x,) = want(args, name, None)
        t = args[0].type
        if t.integral:
            return args[0]
        if t.name == "double":
            return Value(f"{duckdb}({x})", t)
        if t.name == "decimal":
            to = digits(t)
            return Value(f"CAST({duckdb}({x}) AS {to.duckdb()})", to)
        raise Refused(f"{name} takes a number, not {t}; CAST it to double")

    return handler


special("ceil", "number")(_whole("ceil", lambda t: decimal(t.p - t.s + min(t.s, 1), 0), "ceil"))
special("floor", "number")(_whole("floor", lambda t: decimal(t.p - t.s + min(t.s, 1), 0), "floor"))
_truncate_fraction = _whole("truncate", lambda t: decimal(max(1, t.p - t.s), 0), "trunc")


@special("truncate", "number")
def _truncate(args: list[Value]) -> Value:
    if args and args[0].type.integral:
        to = as_decimal(args[0].type)
        return Value(f"CAST({args[0].sql} AS {to.duckdb()})", to)
    return _truncate_fraction(args)


def _kept(name: str, of_decimal: Type | None) -> Handler:
    def handler(args: list[Value]) -> Value:
        (x,) = want(args, name, None)
        t = args[0].type
        if not t.numeric:
            raise Refused(f"{name} takes a number, not {t}; CAST it")
        to = of_decimal if of_decimal is not None and t.name == "decimal" else t
        made = f"CAST({name}({x}) AS {to.duckdb()})"
        return Value(made, to)

    return handler


special("abs", "number")(_kept("abs", None))
special("sign", "number")(_kept("sign", decimal(1, 0)))
_round_whole = _whole("round", lambda t: decimal(t.p - t.s + min(t.s, 1), 0), "round")


@special("round", "number [, literal digits]")
def _round(args: list[Value]) -> Value:
    if len(args) == 1:
        return _round_whole(args)
    want(args, "round", None, BIGINT)
    t = args[0].type
    n = number(args[1], "round", "digits")
    if n < 0 or not t.numeric:
        raise Refused(f"round of {t} to {n} digits is not supported; give it a number and 0 digits or more")
    if t.integral:
        return args[0]
    if t.name == "double":
        return Value(f"round({args[0].sql}, {n})", t)
    to = decimal(t.p + 1, t.s)
    return Value(f"CAST(round({args[0].sql}, {n}) AS {to.duckdb()})", to)


# --- arrays


@special("element_at", "array, bigint or map, key")
def _element_at(args: list[Value]) -> Value:
    want(args, "element_at", None, None)
    of, at = args
    if of.type.name == "map":
        if not coerces(at.type, of.type.of[0]):
            raise Refused(f"element_at of {of.type} takes a key of its kind, not {at.type}; CAST the key")
        return Value(f"{of.sql}[{coerced(at, of.type.of[0])}]", of.type.of[1])
    if of.type.name != "array" or not at.type.integral:
        raise Refused(
            f"element_at takes an array and an index or a map and a key, not {of.type} and {at.type}; CAST them"
        )
    sql = f"list_extract({of.sql}, {at.sql})"
    if at.literal is None:
        bad = fail("element_at counts from 1", of.type.of[0])
        sql = f"CASE WHEN {at.sql} <> 0 THEN {sql} WHEN {at.sql} = 0 THEN {bad} END"
    elif at.literal == 0:
        raise Refused("element_at counts from 1; give it an index other than 0")
    return Value(sql, of.type.of[0])


@special("slice", "array, literal start, literal length")
def _slice(args: list[Value]) -> Value:
    want(args, "slice", None, BIGINT, BIGINT)
    start, length = number(args[1], "slice", "start"), number(args[2], "slice", "length")
    if args[0].type.name != "array" or start < 1 or length < 0:
        raise Refused("slice takes an array, a start from 1 on and a length; use filter for another part")
    return Value(f"list_slice({args[0].sql}, {start}, {start + length - 1})", args[0].type)


@special("arrays_overlap", "array(T), array(T)")
def _arrays_overlap(args: list[Value]) -> Value:
    want(args, "arrays_overlap", None, None)
    if _together(args, "arrays_overlap").name != "array":
        raise Refused("arrays_overlap takes two arrays; give it arrays")
    a, b = args[0].sql, args[1].sql
    nulls = f"len({a}) + len({b}) > list_count({a}) + list_count({b}) AND len({a}) > 0 AND len({b}) > 0"
    return Value(
        f"CASE WHEN list_has_any({a}, {b}) THEN TRUE WHEN {nulls} THEN NULL"
        f" WHEN len({a}) + len({b}) >= 0 THEN FALSE END",
        BOOLEAN,
    )


def _sized(sql: str, steps: str, to: Type) -> Value:
    bad = fail("sequence of more than 10000 entries", to)
    return Value(f"CASE WHEN {steps} > {9999 if 'len(' not in steps else 10000} THEN {bad} ELSE {sql} END", to)


@special("sequence", "bigint, bigint [, literal step] or date/timestamp, the same, interval")
def _sequence(args: list[Value]) -> Value:
    want(args, "sequence", None, None, None, optional=1)
    both = _together(args[:2], "sequence")
    a, b = (coerced(x, both) for x in args[:2])
    if both.integral:
        if len(args) == 2:
            made = f"CASE WHEN {a} <= {b} THEN generate_series({a}, {b}) ELSE generate_series({a}, {b}, -1) END"
            return _sized(made, f"abs({b} - {a})", array(BIGINT))
        step = number(args[2], "sequence", "step")
        if step < 1:
            raise Refused("sequence takes a positive step; turn it with reverse")
        bad = fail("sequence stop must be at or after its start", array(BIGINT))
        made = f"CASE WHEN {a} <= {b} THEN generate_series({a}, {b}, {step}) WHEN {a} > {b} THEN {bad} END"
        return _sized(made, f"({b} - {a}) // {step}", array(BIGINT))
    if both.name in {"date", "timestamp"} and (len(args) == 3 or both.name == "date"):
        if len(args) == 3 and args[2].type.name != "interval":
            raise Refused(f"sequence of {both} takes an interval as its step; write interval '1' day")
        if len(args) == 3 and (args[2].literal in {"month", "year"} or (both == DATE and args[2].literal != "day")):
            raise Refused(f"sequence of {both} by {args[2].literal}s is not supported; step by days")
        step_sql = args[2].sql if len(args) == 3 else "INTERVAL 1 DAY"
        bad = fail("sequence that goes back in time; turn a rising one with reverse", array(both), partial=True)
        made = f"CAST(generate_series({a}, {b}, {step_sql}) AS {both.duckdb()}[])"
        made = f"CASE WHEN {a} <= {b} THEN {made} WHEN {a} > {b} THEN {bad} END"
        return _sized(made, f"len({made})", array(both))
    raise Refused(f"sequence of {both} is not supported; give it whole numbers, or times and an interval")


@special("zip", "array, array...")
def _zip(args: list[Value]) -> Value:
    if len(args) < 2 or any(a.type.name != "array" for a in args):
        raise Refused("zip takes two arrays or more; give it arrays")
    names = [f"field{i}" for i in range(len(args))]
    longest = f"greatest({', '.join(f'len({a.sql})' for a in args)})"
    packed = ", ".join(f"{n} := list_extract({a.sql}, i_)" for n, a in zip(names, args, strict=True))
    none = " OR ".join(f"{a.sql} IS NULL" for a in args)
    sql = (
        f"CASE WHEN {none} THEN NULL ELSE list_transform(range(1, {longest} + 1), lambda i_: struct_pack({packed})) END"
    )
    return Value(sql, array(row(names, [a.type.of[0] for a in args])))


@special("map_entries", "map(K, V)")
def _map_entries(args: list[Value]) -> Value:
    (m,) = want(args, "map_entries", None)
    if args[0].type.name != "map":
        raise Refused(f"map_entries takes a map, not {args[0].type}; give it one")
    return Value(f"map_entries({m})", array(row(["key", "value"], args[0].type.of)))
