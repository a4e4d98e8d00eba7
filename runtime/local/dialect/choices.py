"""Several values as one: CASE's branches, ARRAY[...], an element by its subscript; and when two are equal."""

from runtime.local.dialect.functions import Value, coerced
from runtime.local.dialect.types import BOOLEAN, UNKNOWN, Refused, Type, array, common, fail


def choice(whens: list[str], values: list[Value], what: str) -> Value:
    """CASE of these conditions and values, with one value more for ELSE. Raises Refused for types that do not mix."""
    both: Type | None = UNKNOWN
    for value in values:
        both = both and common(both, value.type)
    if both is None:
        raise Refused(f"{what} does not mix {', '.join(str(v.type) for v in values)}; CAST them to one type")
    texts = [coerced(v, both) for v in values]
    branches = " ".join(f"WHEN {w} THEN {t}" for w, t in zip(whens, texts, strict=False))
    last = f" ELSE {texts[-1]}" if len(texts) > len(whens) else ""
    return Value(f"CASE {branches}{last} END", both)


def array_of(items: list[Value]) -> Value:
    """ARRAY[...] of these. Raises Refused for types that do not mix."""
    both: Type | None = UNKNOWN
    for item in items:
        both = both and common(both, item.type)
    if both is None:
        raise Refused("the elements of ARRAY[...] are of different types; CAST them to one")
    return Value(f"[{', '.join(coerced(i, both) for i in items)}]", array(both))


def subscript(of: Value, at: Value) -> Value:
    """`of[at]`: what is not there is an error."""
    if of.type.name == "row" and isinstance(at.literal, int) and 1 <= at.literal <= len(of.type.of):
        return Value(f"struct_extract_at({of.sql}, {at.literal})", of.type.of[at.literal - 1])
    if of.type.name == "array" and at.type.integral:
        to = of.type.of[0]
        bad = fail("an array's subscript is outside it; use element_at for null", to)
        inside = f"{at.sql} BETWEEN 1 AND len({of.sql})"
        outside = f"{of.sql} IS NOT NULL AND NOT ({inside})"
        return Value(f"CASE WHEN {inside} THEN list_extract({of.sql}, {at.sql}) WHEN {outside} THEN {bad} END", to)
    if of.type.name == "map" and common(of.type.of[0], at.type) == of.type.of[0]:
        to = of.type.of[1]
        key = coerced(at, of.type.of[0])
        bad = fail("the map has no such key; use element_at for null", to)
        found = f"map_contains({of.sql}, {key})"
        return Value(f"CASE WHEN {found} THEN {of.sql}[{key}] WHEN NOT {found} THEN {bad} END", to)
    raise Refused(
        f"[] of {of.type} with {at.type} is not supported; subscript an array by a number or a map by its key"
    )


def equal(a: str, b: str, t: Type) -> str:
    """DuckDB text for a = b, null where it hangs on a null inside, as in Athena."""
    if t.name == "row":
        fields = (
            equal(f"struct_extract_at({a}, {i})", f"struct_extract_at({b}, {i})", of) for i, of in enumerate(t.of, 1)
        )
        return f"CASE WHEN {a} IS NOT NULL AND {b} IS NOT NULL THEN ({' AND '.join(fields)}) END"
    if t.name == "array":
        if t.of[0].of:
            raise Refused(f"= of {t} is not supported; compare its elements")
        nulls = fail("= of arrays that hold a null; compare their elements", BOOLEAN, partial=True)
        none = f"len({a}) = list_count({a}) AND len({b}) = list_count({b})"
        return f"CASE WHEN {none} THEN {a} = {b} WHEN {a} IS NOT NULL AND {b} IS NOT NULL THEN {nulls} END"
    return f"({a} = {b})"


def mismatch(a: Type, b: Type, operator: str) -> str:
    """The sentence that refuses a comparison."""
    kinds = {a.name, b.name}
    if "varchar" in kinds and kinds & {"timestamp", "timestamptz"}:
        cure = "write from_iso8601_timestamp('...') or timestamp '...' for the text"
    elif kinds == {"varchar", "date"}:
        cure = "write date '...' for the text, or date_format(d, '%Y-%m-%d') for the date"
    elif "json" in kinds:
        cure = "use json_extract_scalar or json_format"
    else:
        cure = "CAST one side"
    return f"Athena does not compare {a} with {b} ({operator}); {cure}"
