"""Does an answer of DuckDB say what Trino's recorded answer says: the same values, of the kind that Trino's type has."""

import json
import math
import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

Column = tuple[str, str]  # name, Trino's type


def agree(columns: Sequence[Column], recorded: Sequence[Sequence[Any]], rows: Sequence[Sequence[Any]]) -> bool:
    """Whether rows from DuckDB are the recorded ones, in their order. JSON text may order its keys otherwise."""
    types = [kind for _, kind in columns]
    return [[_recorded(v, t) for v, t in zip(row, types, strict=True)] for row in recorded] == [
        [_given(v, t) for v, t in zip(row, types, strict=True)] for row in rows
    ]


def _parts(kind: str) -> tuple[str, list[str]]:
    """`map(varchar, array(bigint))` as its name and what is inside."""
    name, _, rest = kind.partition("(")
    inner, depth, start = [], 0, 0
    body = rest[: rest.rindex(")")] if rest else ""
    for at, char in enumerate(body):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            inner.append(body[start:at].strip())
            start = at + 1
    return name.strip(), [*inner, body[start:].strip()] if body else inner


def _field(kind: str) -> str:
    """Type of a row's field, which may have a name before it."""
    first, _, rest = kind.partition(" ")
    return rest if rest and not rest.startswith("with ") and "(" not in first else kind


def _recorded(value: Any, kind: str) -> Any:
    name, inner = _parts(kind)
    if value is None:
        return None
    if name == "array":
        return [_recorded(v, inner[0]) for v in value]
    if name == "map":
        return {str(k): _recorded(v, inner[1]) for k, v in value.items()}
    if name == "row":
        return [_recorded(v, _field(t)) for v, t in zip(value, inner, strict=True)]
    if name == "json":
        return _json(value)
    if name == "double":
        return _number(float(value.removeprefix("#")) if isinstance(value, str) else float(value))
    if name == "timestamp":
        return _moment(value)
    if name == "date":
        return date.fromisoformat(value)
    return value


def _given(value: Any, kind: str) -> Any:
    name, inner = _parts(kind)
    if value is None:
        return None
    if name == "array":
        return [_given(v, inner[0]) for v in value]
    if name == "map":
        return {_key(k): _given(v, inner[1]) for k, v in value.items()}
    if name == "row":
        fields = value.values() if isinstance(value, dict) else value
        return [_given(v, _field(t)) for v, t in zip(fields, inner, strict=True)]
    if name == "timestamp":
        return ("zone", value.astimezone(UTC)) if value.tzinfo else ("plain", value)
    shown = {
        ("varchar", str): str,
        ("json", str): _json,
        ("boolean", bool): bool,
        ("integer", int): int,
        ("bigint", int): int,
        ("double", float): _number,
        ("decimal", Decimal): str,
        ("date", date): lambda day: day,
        ("varbinary", bytes): lambda b: b64encode(b).decode(),
    }.get((name, type(value)))
    return shown(value) if shown else ("of another type", value)


def _key(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(text: str) -> Any:
    # Numbers by their writing: 1.50 is not 1.5 in a text.
    return json.loads(text, parse_float=lambda x: ("number", x), parse_int=lambda x: ("number", x))


def _number(value: float) -> Any:
    return "nan" if math.isnan(value) else value


def _moment(text: str) -> Any:
    match = re.fullmatch(r"(\d{4,}-\d\d-\d\d)(?: (\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?(?: (\S+))?", text)
    assert match, text
    time = datetime.fromisoformat(f"{match[1]}T{match[2] or '00:00'}")
    if match[3] is None:
        return "plain", time
    offset = re.fullmatch(r"[+-]\d\d:\d\d", match[3])
    zoned = datetime.fromisoformat(time.isoformat() + match[3]) if offset else time.replace(tzinfo=ZoneInfo(match[3]))
    return "zone", zoned.astimezone(UTC)
