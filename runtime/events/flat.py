"""The flat file's line: one event row as one line of JSON, which the Lambda writes and the Spark job reads.

A line is a JSON object: column names in the order of the row, each value a string, what is null left out, and no
`eventdate`, which is the first ten characters of `eventtime`. Free-form fields are JSON text inside a JSON string.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from typing import Any

import msgspec

from runtime.events.columns import COLUMNS, VERSION, Column, Kind
from runtime.events.fast import BOOLEANS, FAILURES, Part, TypeTree, record_struct, remembering
from runtime.events.row import Row, RowMaker, find_promoted, is_plain_time, promoted_text

_encoder = msgspec.json.Encoder()
_encode, _encode_into, _encode_lines = _encoder.encode, _encoder.encode_into, _encoder.encode_lines
_astuple = msgspec.structs.astuple
_COMMA = ord(",")
_NUMBER_BEGINS = frozenset("-0123456789tf")  # and a boolean
_KEY = len('"":,')  # what a key and its value take beside themselves


def row_version(columns: Iterable[Column] = COLUMNS) -> str:
    """Says which row a flat file holds: changes with the list of columns (names, paths, kinds, types) and with VERSION.

    >>> row_version(COLUMNS[:3]).partition("-")[0] == str(VERSION)
    True
    """
    listed = [[c.name, c.path, c.kind.value, c.type] for c in columns]
    digest = hashlib.sha256(json.dumps(listed, separators=(",", ":")).encode()).hexdigest()
    return f"{VERSION}-{digest[:12]}"


class FlatWriter:
    """Row -> line, for the columns of one `RowMaker`."""

    def __init__(self, columns: Sequence[Column] = COLUMNS) -> None:
        self._names = [column.name for column in columns]
        dense = [c.name for c in columns if c.kind is not Kind.PROMOTED]
        assert self._names[: len(dense)] == dense, "the promoted columns stand last"
        self._dense = _struct(dense)
        self._buffer = bytearray()

    def line(self, row: Row) -> bytes:
        """The row as a line, with its newline."""
        line = self._buffer
        _encode_into(self._dense(*row.dense), line)
        if row.promoted:
            names, end = self._names, len(line) - 1
            _encode_into({names[at]: value for at, value in sorted(row.promoted)}, line, end)
            line[end] = _COMMA  # the one object's } and the other's { have become one
        line += b"\n"
        return bytes(line)


class _OddError(ValueError):
    """Not for the short way."""


class FlatMaker:
    """Record -> line: what `FlatWriter.line` writes of `RowMaker.row`, for nearly all records without making the row.

    Records as documented are taken many at a time: decoded in one call, their scalars encoded in one call and what
    follows in another. What a struct inside (who called, from which session) becomes in a line is remembered.

    That no key stood twice in a record, of which msgspec silently keeps the last, is proved by length: records written
    without spaces are exactly as long as the scalars just encoded and the bytes of the rest, with their keys.
    """

    def __init__(self, maker: RowMaker) -> None:
        self._row, self._line = maker.row, FlatWriter(maker.columns).line
        names = self._names = [column.name for column in maker.columns]
        self._keys = [f',"{name}":' for name in names]
        tree, json_columns = maker.tree, maker.json_columns
        scalars = [(key, at) for key, at in tree.items() if isinstance(at, int) and at not in json_columns]
        parts = [(key, node) for key, node in tree.items() if isinstance(node, dict)]
        documents = [(key, at) for key, at in tree.items() if isinstance(at, int) and at in json_columns]
        assert all(len(key) == len(names[at]) for key, at in scalars), "a scalar's name is its key in lower case"

        raw = [(key, msgspec.Raw, msgspec.Raw()) for key, _ in (*parts, *documents)]
        self._decode = msgspec.json.Decoder(list[record_struct(scalars, raw)]).decode  # type: ignore[misc]
        self._head = _struct([names[at] for _, at in scalars])
        self._end = _struct([names[at] for _, at in documents], sourcefile=msgspec.Raw)
        first, last = len(scalars), len(scalars) + len(parts)
        self._booleans = [at for at, (key, _) in enumerate(scalars) if key in BOOLEANS]
        self._parts = [
            (first + n, len(key) + _KEY, remembering(self._piece(Part(node, json_columns))))
            for n, (key, node) in enumerate(parts)
        ]
        promote = dict(maker.promote)
        self._documents = [
            (last + n, len(key) + _KEY, n, promote.pop(at, None)) for n, (key, at) in enumerate(documents)
        ]
        # A path promoted out of a struct's own free-form field: the piece of the line does not say it.
        self._slow = bool(promote)
        self._scalars, self._inner, self._outer = slice(first), slice(first, last), slice(last, None)
        where = {key: at for at, (key, _) in enumerate(scalars)}
        self._eventtime, self._eventid = where["eventTime"], where["eventID"]

    def line(self, record: bytes, sourcefile: str) -> bytes:
        """Line of one record, with its newline. Raises Unusable with the reason if there can be none."""
        lines = self.lines(b"[" + record + b"]", sourcefile)
        return lines[0] if lines else self._line(self._row(record, sourcefile))

    def lines(self, array: bytes, sourcefile: str) -> list[bytes] | None:
        """Lines of a JSON array of records; None where not all are as documented and written without spaces."""
        if self._slow:
            return None
        try:
            return self._lines(array, _encode(sourcefile))
        except (*FAILURES, _OddError):
            return None

    def _lines(self, array: bytes, sourcefile: bytes) -> list[bytes]:
        heads, pieces, ends = [], [], []
        length = 1  # that `array` has if no key stood twice: a comma or bracket a record, and one
        alone = msgspec.Raw(sourcefile)
        # The loop is the flattener's innermost: what it looks up is at hand, and it calls nothing that it need not.
        make_head, make_end, promote, booleans = self._head, self._end, _promote, self._booleans
        scalars, inner, behind, nothing = self._scalars, self._inner, self._outer, (None,) * len(self._documents)
        parts, documents, eventtime, eventid = self._parts, self._documents, self._eventtime, self._eventid
        for record in self._decode(array):
            values = [*_astuple(record)]
            for at in booleans:
                value = values[at]
                if value is True:
                    values[at] = "true"
                    length -= 2
                elif value is False:
                    values[at] = "false"
                    length -= 2
            time, identity = values[eventtime], values[eventid]
            if not time or not is_plain_time(time) or not identity or identity.startswith("sha256:"):
                raise _OddError
            heads.append(make_head(*values[scalars]))
            piece = b""
            for at, key, take in compress(parts, values[inner]):
                content = bytes(values[at])
                length += key + len(content)
                piece += take(content)
            pieces.append(piece)
            texts: list[str | None] = [*nothing]
            promoted: list[tuple[int, str]] = []
            for at, key, number, table in compress(documents, values[behind]):
                text = str(values[at], "utf-8")
                length += key + len(values[at])
                first = text[0]
                if first <= " ":  # msgspec keeps the space before a value
                    raise _OddError
                if text != "null" and text != "{}":  # noqa: PLR1714 - quicker than `in`
                    texts[number] = text
                    if table is not None and first == "{":
                        promote(text, table, promoted)
            ends.append(make_end(*texts, self._behind(sourcefile, promoted) if promoted else alone))
        head = _encode_lines(heads)
        if length + len(head) != len(array):
            raise _OddError
        end = _encode_lines(ends)
        # Encoded, a line feed is in no string: this stands between two objects and nowhere else.
        between = b"}\n{"
        parted = zip(head[1:-2].split(between), pieces, end[1:-2].split(between), strict=True)
        return [b"{%b%b,%b}\n" % line for line in parted]

    def _behind(self, sourcefile: bytes, promoted: list[tuple[int, str]]) -> msgspec.Raw:
        """The value of sourcefile, and behind it the promoted columns: Raw is written as it is."""
        keys = self._keys
        promoted.sort()
        return msgspec.Raw(sourcefile + "".join([keys[at] + value for at, value in promoted]).encode())

    def _piece(self, part: Part) -> Callable[[bytes], bytes]:
        """What gives `,"name":"value"` for each value of a struct's columns that is not null."""
        names = self._names

        def piece(content: bytes) -> bytes:
            values, quotes = part.values(content)
            if quotes != content.count(b'"') + 2:
                raise _OddError
            present = {names[at]: value for at, value in zip(part.columns, values, strict=True) if value is not None}
            return b"," + _encode(present)[1:-1] if present else b""

        return piece


def _promote(text: str, table: TypeTree, promoted: list[tuple[int, str]]) -> None:
    """`copy_promoted`, with values as JSON strings: most stand as such already, and are not made anew."""
    found: list[tuple[int, str]] = []
    find_promoted(text, table, found)
    for at, raw in found:
        if raw[0] == '"' and "\\" not in raw:
            promoted.append((at, raw))
        elif raw[0] in _NUMBER_BEGINS:
            promoted.append((at, f'"{raw}"'))
        elif (value := promoted_text(raw)) is not None:
            promoted.append((at, _quoted(value)))


def _quoted(text: str) -> str:
    return _encode(text).decode()


def _struct(names: Sequence[str], **others: type) -> type[msgspec.Struct]:
    # msgspec leaves out what equals its default, here None, and writes fields in their order.
    fields: list[tuple[str, Any, Any]] = [(name, str | None, None) for name in names]
    fields += [(name, kind | None, None) for name, kind in others.items()]
    return msgspec.defstruct("Line", fields, omit_defaults=True, gc=False)
