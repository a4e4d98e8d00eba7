"""The flat file's line: one event row as one line of JSON, which the Lambda writes and the Spark job reads.

A line is a JSON object: column names in the order of the row, each value a string, what is null left out, and no
`eventdate`, which is the first ten characters of `eventtime`. Free-form fields are JSON text inside a JSON string.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence

import msgspec

from runtime.events.columns import COLUMNS, Column, Kind
from runtime.events.row import VERSION, Row

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
        # msgspec leaves out what equals its default, here None, and writes fields in their order.
        self._dense = msgspec.defstruct(
            "Dense", [(name, str | None, None) for name in dense], omit_defaults=True, gc=False
        )
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
