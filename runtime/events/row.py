"""`record -> row`: one CloudTrail record's bytes become the values of the event row; pure, no I/O, no clock.

Nothing is dropped. What fits a column goes there, what does not goes to `extra` under its path, and a record that
no partition can hold is refused with `Unusable`.

Two ways give the same row. The fast one (`fast`) lets msgspec decode a record that is as documented; a count of its
quotes proves that no key was repeated. Anything else (unknown fields, other types, repeated keys, integers above 64
bits, lone surrogates) takes the careful one, which walks the record with the standard library's parser.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

import msgspec

from runtime.events.columns import FIXED, PROMOTE, TAIL, Column, Kind, columns
from runtime.events.fast import TypeTree, fast_way


class Unusable(ValueError):
    """A record that cannot become a row; its text is the reason."""


class Row(NamedTuple):
    """One event: its partition (`YYYY-MM-DD`), and its values, text or None, in the order of `RowMaker.columns`.

    `dense` has a value per column before the promoted ones; `promoted` has (number of the column, value) for those that
    have one, which is few of many. `eventtime` is `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`.
    """

    eventdate: str
    dense: list[str | None]
    promoted: list[tuple[int, str]]


_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)", re.ASCII)


def is_plain_time(text: str) -> bool:
    """Whether a time is as CloudTrail writes it: YYYY-MM-DDTHH:MM:SSZ, and there is such a moment."""
    # What stands between the numbers; fromisoformat takes other forms too, and from Python 3.13 on 24:00.
    if len(text) != 20 or text[4::3] != "--T::Z" or text[11:13] == "24":
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1 << 12)
def _parse_time(text: str) -> tuple[str, str] | None:
    """(eventdate, eventtime in UTC, cut to microseconds) of an ISO 8601 time, or None if it is none."""
    if _ISO.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    fraction = f".{moment.microsecond:06d}" if moment.microsecond else ""
    day = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}"
    return day, f"{day}T{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d}{fraction}Z"


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


# Numbers stay text: the parser is used to find where values end, and int() refuses more than 4,300 digits.
_SCANNER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant)
_SPACE = re.compile(r"[ \t\n\r]*")


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """(key, value's own text) of a JSON object, in order and with repeated keys, which no parser hands out.

    Raises ValueError (or RecursionError) where the text is not one JSON object.
    """

    def skip(at: int) -> int:
        found = _SPACE.match(text, at)
        return found.end() if found else at

    def expect(character: str, at: int) -> int:
        if text[at : at + 1] != character:
            msg = f"{character!r} expected at character {at}"
            raise ValueError(msg)
        return skip(at + 1)

    at = expect("{", skip(0))
    if text[at : at + 1] != "}":
        while True:
            if text[at : at + 1] != '"':
                msg = f"a key expected at character {at}"
                raise ValueError(msg)
            key, at = _SCANNER.raw_decode(text, at)
            start = expect(":", skip(at))
            _, end = _SCANNER.raw_decode(text, start)
            yield key, text[start:end]
            at = skip(end)
            if text[at : at + 1] != ",":
                break
            at = skip(at + 1)
    if expect("}", at) != len(text):
        msg = "something follows the object"
        raise ValueError(msg)


def _scalar(raw: str) -> str | None:
    """Column value of a scalar's JSON text: a string's content, a number's or boolean's text; None if neither.

    A string with a lone surrogate has no UTF-8 form, so no column can hold it.
    """
    if raw[0] == '"':
        value = json.loads(raw)
        try:
            value.encode()
        except UnicodeEncodeError:
            return None
        return str(value)
    return None if raw[0] in "{[n" else raw


def _absent(raw: str) -> bool:
    return raw in ("null", "{}")


def _path_part(key: str) -> str:
    return re.sub(r"([\\.\[])", r"\\\1", key)


class RowMaker:
    """`record -> row` for one list of promoted paths. Raises ValueError for a path that cannot be promoted."""

    def __init__(self, promote: Iterable[str] = PROMOTE) -> None:
        self.columns = columns(promote)
        index = {column.name: at for at, column in enumerate(self.columns)}
        self._eventtime, self._eventid = index["eventtime"], index["eventid"]
        self._extra, self._sourcefile = index["extra"], index["sourcefile"]
        fixed = [(at, c) for at, c in enumerate(self.columns) if c.kind in (Kind.SCALAR, Kind.JSON)]
        self.json_columns = frozenset(at for at, c in fixed if c.kind is Kind.JSON)
        self.tree = _tree(fixed)
        self.promote = self._promoted_trees()
        self._tail = (None,) * len(TAIL)
        self._no_promoted = (None,) * (len(self.columns) - len(FIXED) - len(TAIL))
        self._fast = fast_way(self.tree, self.json_columns)

    def row(self, record: bytes, sourcefile: str) -> Row:
        """Row of one record (a JSON object's bytes). Raises Unusable with the reason if there can be none."""
        found = self._fast(record)
        if found is None:
            values, extra = self._careful(record)
        else:
            values, extra = found.scalars, {}
            for struct in found.structs:
                values += struct
            values += found.documents
            values += self._tail
        text = values[self._eventtime]
        if text is not None and is_plain_time(text):
            eventdate = text[:10]
        else:
            time = _parse_time(text) if text else None
            if time is None:
                shown = extra.get("eventTime", "missing") if text is None else json.dumps(text)
                raise Unusable(f"no usable eventTime: {shown[:80]}")
            eventdate, values[self._eventtime] = time
            extra = {"eventTime": json.dumps(text), **extra}
        identity = values[self._eventid]
        if not identity or identity.startswith("sha256:"):
            if identity is not None:  # '' would make all such events one; the other form is ours
                extra = {"eventID": json.dumps(identity), **extra}
            values[self._eventid] = "sha256:" + hashlib.sha256(record).hexdigest()
        promoted: list[tuple[int, str]] = []
        for at, table in self.promote:
            json_text = values[at]
            if json_text is not None and json_text[0] == "{":
                copy_promoted(json_text, table, promoted)
        if extra:
            values[self._extra] = "{" + ",".join(f"{json.dumps(k)}:{v}" for k, v in extra.items()) + "}"
        values[self._sourcefile] = sourcefile
        return Row(eventdate, values, promoted)

    def full(self, row: Row) -> tuple[str | None, ...]:
        """A value or None for each of `columns`, in their order."""
        values = [*row.dense, *self._no_promoted]
        for at, value in row.promoted:
            values[at] = value
        return tuple(values)

    def _careful(self, record: bytes) -> tuple[list[str | None], dict[str, str]]:
        """Values and `extra` of any record. Raises Unusable where it is not a JSON object in UTF-8."""
        values: list[str | None] = [None] * (len(FIXED) + len(TAIL))
        extra: dict[str, str] = {}
        try:
            self._walk(pairs(record.decode()), self.tree, "", values, extra)
        except UnicodeDecodeError as error:
            raise Unusable(f"not UTF-8: byte {record[error.start]:#04x} at {error.start}") from error
        except RecursionError as error:
            raise Unusable("nested too deeply to read") from error
        except ValueError as error:
            raise Unusable(f"not a JSON object: {error}") from error
        return values, extra

    def _walk(
        self,
        fields: Iterable[tuple[str, str]],
        tree: TypeTree,
        prefix: str,
        values: list[str | None],
        extra: dict[str, str],
    ) -> None:
        seen: dict[str, int] = {}
        for key, raw in fields:
            node = tree.get(key)
            if node is not None and _absent(raw):
                continue
            path = prefix + _path_part(key)
            seen[key] = seen.get(key, 0) + 1
            if seen[key] > 1:
                extra[f"{path}[{seen[key]}]"] = raw
            elif isinstance(node, dict) and raw[0] == "{":
                self._walk(pairs(raw), node, path + ".", values, extra)
            elif isinstance(node, int) and node in self.json_columns:
                values[node] = raw
            elif isinstance(node, int) and (value := _scalar(raw)) is not None:
                values[node] = value
            else:
                extra[path] = raw

    def _promoted_trees(self) -> list[tuple[int, TypeTree]]:
        paths = {c.path: at for at, c in enumerate(self.columns) if c.kind is Kind.JSON}
        inner: dict[int, list[tuple[int, tuple[str, ...]]]] = {}
        for at, column in enumerate(self.columns):
            if column.kind is Kind.PROMOTED:
                for path, parent in paths.items():
                    if column.path[: len(path)] == path:
                        inner.setdefault(parent, []).append((at, column.path[len(path) :]))
        return [(parent, _paths_tree(found)) for parent, found in inner.items()]


_decode_level = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def copy_promoted(json_text: str, table: TypeTree, promoted: list[tuple[int, str]]) -> None:
    """Append what the promoted paths of `table` find in a JSON object; of a repeated key, the last value."""
    found: list[tuple[int, str]] = []
    find_promoted(json_text, table, found)
    for at, raw in found:
        value = promoted_text(raw)
        if value is not None:
            promoted.append((at, value))


def find_promoted(json_text: str, table: TypeTree, found: list[tuple[int, str]]) -> None:
    """Append, for each promoted path of `table` in a JSON object, its column's number and the value as it stands."""
    try:
        level: Mapping[str, Any] = _decode_level(json_text)
    except (msgspec.MsgspecError, RecursionError):
        level = {key: raw.encode() for key, raw in pairs(json_text)}
    for key, content in level.items():
        node = table.get(key)
        if node is None:
            continue
        raw = str(content, "utf-8")
        if raw[0] <= " ":  # msgspec keeps the space before a value
            raw = raw.lstrip()
        if not isinstance(node, dict):
            found.append((node, raw))
        elif raw[0] == "{":
            find_promoted(raw, node, found)


def promoted_text(raw: str) -> str | None:
    """The column's text of a JSON value; None for null and `{}`."""
    if raw[0] == '"' and "\\" not in raw:
        return raw[1:-1]
    if _absent(raw):
        return None
    return raw if raw[0] in "{[" else _scalar(raw)


def _tree(fixed: list[tuple[int, Column]]) -> TypeTree:
    return _paths_tree((at, column.path) for at, column in fixed)


def _paths_tree(paths: Iterable[tuple[int, tuple[str, ...]]]) -> TypeTree:
    """Nested dict of keys down to column numbers; no path lies in another, as `columns` has seen to."""
    tree: TypeTree = {}
    for at, path in paths:
        level = tree
        for key in path[:-1]:
            child = level.setdefault(key, {})
            assert isinstance(child, dict)
            level = child
        level[path[-1]] = at
    return tree
