"""A result written as table, CSV, JSON or Parquet; what attackers put into a log stays text in each."""

import csv
import io
import json
import shutil
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, BinaryIO, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from rich.cells import cell_len

from runtime.local.text import harmless

Format = Literal["table", "csv", "json", "parquet"]
FORMATS: tuple[Format, ...] = ("table", "csv", "json", "parquet")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(table: pa.Table, output_format: Format, stream: BinaryIO) -> None:
    """Write the result to a binary stream, UTF-8. Parquet needs a file that can tell its position."""
    if output_format == "parquet":
        pq.write_table(_distinct(table), stream, compression="zstd")
    elif output_format == "json":
        _json(table, stream)
    else:
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="backslashreplace", newline="", write_through=True)
        try:
            (_csv if output_format == "csv" else _table)(table, text)
        finally:
            text.detach()  # the stream is the caller's, who closes it


def names(table: pa.Table) -> list[str]:
    """The columns' names, a second one of a name with _2 after it, so that no value hides another."""
    given: list[str] = []
    for name in table.column_names:
        unique, n = name, 1
        while unique in given:
            n += 1
            unique = f"{name}_{n}"
        given.append(unique)
    return given


def _distinct(table: pa.Table) -> pa.Table:
    return table.rename_columns(names(table))


def _rows(table: pa.Table) -> Iterable[tuple[Any, ...]]:
    for batch in table.to_batches(max_chunksize=10_000):
        columns = [column.to_pylist() for column in batch.columns]
        yield from zip(*columns, strict=True) if columns else ()


def _plain(value: Any) -> Any:
    """What JSON can hold: times as ISO text, decimals as they are written, bytes as hexadecimal."""
    if isinstance(value, datetime):
        utc = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds") + ("Z" if value.tzinfo else "")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and (value != value or value in {float("inf"), float("-inf")}):  # noqa: PLR0124
        return str(value)
    if isinstance(value, dict):
        return {str(_plain(k)): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):  # a map
            return {str(_plain(k)): _plain(v) for k, v in value}
        return [_plain(item) for item in value]
    return value


def _text(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    if isinstance(plain, dict | list):
        return json.dumps(plain, ensure_ascii=False)
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _json(table: pa.Table, stream: BinaryIO) -> None:
    keys = names(table)
    stream.write(b"[")
    for n, row in enumerate(_rows(table)):
        values = {key: _plain(value) for key, value in zip(keys, row, strict=True)}
        stream.write((",\n" if n else "\n").encode() + json.dumps(values).encode())
    stream.write(b"\n]\n")


def _csv(table: pa.Table, text: io.TextIOWrapper) -> None:
    writer = csv.writer(text)
    number = [_is_number(field.type) for field in table.schema]
    writer.writerow([_defused(name) for name in names(table)])
    for row in _rows(table):
        cells = (_text(value) for value in row)
        writer.writerow([cell if plain else _defused(cell) for cell, plain in zip(cells, number, strict=True)])


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _defused(cell: str) -> str:
    """A spreadsheet takes such a cell for a formula; the apostrophe says that it is text."""
    return "'" + cell if cell.startswith(_FORMULA) else cell


_GAP = 2
_NARROW = 12  # a column may be folded to this width, not below


def _table(table: pa.Table, text: io.TextIOWrapper) -> None:
    """A table where the rows fit the terminal, folded if need be; else one record below the other.

    A column without any value is left out, and the last line says how many were.
    """
    full = [at for at, column in enumerate(table.columns) if column.null_count < table.num_rows or not table.num_rows]
    kept = table.select(full or list(range(table.num_columns)))
    heads = [harmless(name) for name in names(kept)]
    rows = [[harmless(_text(value)) for value in row] for row in _rows(kept)]
    widths = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
    room = shutil.get_terminal_size((120, 24)).columns
    if sum(widths) + _GAP * len(widths) <= room:
        right = [_is_number(field.type) for field in kept.schema]
        for row in (heads, *rows):
            cells = (_padded(c, w, right=r) for c, w, r in zip(row, widths, right, strict=True))
            text.write((" " * _GAP).join(cells).rstrip() + "\n")
    elif sum(min(width, _NARROW) for width in widths) + _GAP * len(widths) <= room:
        _folded(heads, rows, room, text)
    else:
        _records(heads, rows, text)
    count, out = table.num_rows, table.num_columns - kept.num_columns
    left = f"; {out} column{'' if out == 1 else 's'} without a value left out" if out else ""
    text.write(f"{count} row{'' if count == 1 else 's'}{left}\n")


def _padded(cell: str, width: int, *, right: bool) -> str:
    space = " " * (width - cell_len(cell))
    return space + cell if right else cell + space


def _folded(heads: list[str], rows: list[list[str]], room: int, text: io.TextIOWrapper) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False)
    for head in heads:
        shown.add_column(Text(head), overflow="fold")
    for row in rows:
        shown.add_row(*map(Text, row))
    Console(file=text, width=room, markup=False, highlight=False, emoji=False).print(shown)


def _records(heads: list[str], rows: list[list[str]], text: io.TextIOWrapper) -> None:
    width = max(map(cell_len, heads))
    for number, row in enumerate(rows, 1):
        text.write(f"-- {number} " + "-" * max(2, width - len(str(number)) - 2) + "\n")
        text.writelines(
            f"{_padded(head, width, right=False)}  {cell}\n" for head, cell in zip(heads, row, strict=True) if cell
        )
