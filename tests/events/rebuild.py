"""A record from its row again: the proof that the row forgets only null, `{}` and whether a scalar was text."""

import json
import re

from runtime.events.columns import COLUMNS, Kind
from runtime.events.row import Row, RowMaker

MAKER = RowMaker()


class Number(str):
    """A number's own text: 1.10 stays 1.10, and 1 << 70 stays exact."""

    __slots__ = ()


def parse(text: str):
    """JSON with numbers as text, and objects as lists of pairs, so that no key that stands twice is lost."""
    return json.loads(text, parse_int=Number, parse_float=Number, object_pairs_hook=Pairs)


class Pairs(list):
    """An object's (key, value) pairs."""


def normal(value, known=None):
    """Sorted pairs; for known paths null, {} and absence are one, and a scalar is its text.

    `known` maps the keys of a fixed struct to their own map, to "scalar" or to "json".
    """
    if not isinstance(value, Pairs):
        return value
    result = []
    for key, inner in value:
        kind = (known or {}).get(key)
        if kind is not None and (inner is None or inner == Pairs()):
            continue
        if isinstance(kind, dict) and isinstance(inner, Pairs):
            inner = normal(inner, kind)
            if not inner:
                continue
        elif kind == "scalar" and isinstance(inner, bool):
            inner = str(inner).lower()
        elif kind == "scalar" and isinstance(inner, Number):
            inner = str(inner)
        result.append((key, inner))
    return Pairs(sorted(result, key=lambda pair: (pair[0], repr(pair[1]))))


def known_paths():
    tree: dict = {}
    for column in COLUMNS:
        if column.kind in (Kind.SCALAR, Kind.JSON):
            level = tree
            for key in column.path[:-1]:
                level = level.setdefault(key, {})
            level[column.path[-1]] = "scalar" if column.kind is Kind.SCALAR else "json"
    return tree


KNOWN = known_paths()


def rebuild(row: Row):
    """The record in `normal` form, from the row alone."""
    flat: list[tuple[tuple[str, ...], object]] = []
    values = dict(zip(COLUMNS, MAKER.full(row), strict=True))
    extra = [
        (split(path), value) for path, value in parse(next(v for c, v in values.items() if c.name == "extra") or "{}")
    ]
    replaced = {path for path, repeated, _ in ((p, r, v) for (p, r), v in extra) if not repeated}
    for column, value in values.items():
        if value is None or column.path in replaced or column.kind not in (Kind.SCALAR, Kind.JSON):
            continue
        if column.name == "eventid" and value.startswith("sha256:"):
            continue
        flat.append((column.path, parse(value) if column.kind is Kind.JSON else value))
    flat += [(path, value) for (path, _), value in extra]
    return normal(nest(flat), KNOWN)


def nest(flat):
    result = Pairs()
    groups: dict[str, list] = {}
    for path, value in flat:
        if len(path) == 1:
            result.append((path[0], value))
        else:
            groups.setdefault(path[0], []).append((path[1:], value))
    for key, inner in groups.items():
        result.append((key, nest(inner)))
    return result


def split(path: str) -> tuple[tuple[str, ...], bool]:
    r"""(keys, whether it is a repetition) of a path in `extra`: `a.b`, `a\.b`, `a.b[2]`."""
    repeated = re.search(r"(?<!\\)(?:\\\\)*\[\d+\]$", path)
    if repeated:
        path = path[: path.rindex("[")]
    parts = [""]
    escaped = False
    for character in path:
        if escaped:
            parts[-1] += character
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == ".":
            parts.append("")
        else:
            parts[-1] += character
    return tuple(parts), bool(repeated)
