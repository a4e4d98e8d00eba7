"""The flat file's line: one event row as one line of JSON, which the Lambda writes and the Spark job reads.

A line is a JSON object: column names in the order of the row, each value a string, what is null left out, and no
`eventdate`, which is the first ten characters of `eventtime`. Free-form fields are JSON text inside a JSON string.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence

import msgspec

from runtime.events.columns import COLUMNS, FIXED, TAIL, VERSION, Column, Kind
from runtime.events.fast import Values
from runtime.events.row import Row, RowMaker, copy_promoted, is_plain_time

_encode_into = msgspec.json.Encoder().encode_into
_COMMA = ord(",")


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


class FlatMaker:
    """Record -> line: what `FlatWriter.line` writes of `RowMaker.row`, for nearly all records without making the row.

    What a record has between its scalars and its free-form fields (who called, from which session) is remembered as
    the piece of the line that it becomes.
    """

    def __init__(self, maker: RowMaker) -> None:
        self._row, self._line = maker.row, FlatWriter(maker.columns).line
        names = self._names = [column.name for column in maker.columns]
        self._fast = maker.fast_way(self._piece)
        scalars = next(at for at, column in enumerate(FIXED) if len(column.path) > 1)
        documents = len(FIXED) - next(n for n, column in enumerate(reversed(FIXED)) if len(column.path) > 1)
        self._head, self._end = _struct(names[:scalars]), _struct(names[documents : len(FIXED) + len(TAIL)])
        self._eventtime, self._eventid = names.index("eventtime"), names.index("eventid")
        self._promote = [(at - documents, table) for at, table in maker.promote]
        # A path promoted out of a struct's own free-form field: the piece of the line does not say it.
        self._slow = any(at < 0 for at, _ in self._promote)
        self._buffer = bytearray()

    def line(self, record: bytes, sourcefile: str) -> bytes:
        """Line of one record, with its newline. Raises Unusable with the reason if there can be none."""
        found = None if self._slow else self._fast(record)
        if found is None:
            return self._line(self._row(record, sourcefile))
        scalars, pieces, documents = found
        time, identity = scalars[self._eventtime], scalars[self._eventid]
        if not time or not is_plain_time(time) or not identity or identity.startswith("sha256:"):
            return self._line(self._row(record, sourcefile))
        promoted: list[tuple[int, str]] = []
        for at, table in self._promote:
            text = documents[at]
            if text is not None and text[0] == "{":
                copy_promoted(text, table, promoted)
        # Each object is written over the closing brace of what stands before it, and its opening one becomes a comma.
        line = self._buffer
        _encode_into(self._head(*scalars), line)
        line[-1:] = b"".join(pieces)
        end = len(line)
        _encode_into(self._end(*documents, None, sourcefile), line, end)
        line[end] = _COMMA
        if promoted:
            names, end = self._names, len(line) - 1
            _encode_into({names[at]: value for at, value in sorted(promoted)}, line, end)
            line[end] = _COMMA
        line += b"\n"
        return bytes(line)

    def _piece(self, columns: Sequence[int], values: Values) -> bytes:
        """`,"name":"value"` for each value of a struct's columns that is not null."""
        present = {self._names[at]: value for at, value in zip(columns, values, strict=True) if value is not None}
        return b"," + msgspec.json.encode(present)[1:-1] if present else b""


def _struct(names: Sequence[str]) -> type[msgspec.Struct]:
    # msgspec leaves out what equals its default, here None, and writes fields in their order.
    return msgspec.defstruct("Line", [(name, str | None, None) for name in names], omit_defaults=True, gc=False)
