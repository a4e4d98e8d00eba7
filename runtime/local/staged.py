"""One day's staged rows: Arrow files that the workers wrote, each sorted, read by row number and never all at once.

Rows are numbered through the day's files, in their order. Since each file is sorted, a slot of the sorted
day is found in a few neighbouring batches of each. A column that is null in all of a file is not in it, and one with
few values is a dictionary: sorting, writing and taking its rows then moves four bytes each, not a text.

A slot has rows of every file, so that each is open and has a batch in memory. A day of more files than `FAN_IN` is
first made one of fewer, longer ones.
"""

from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc

BATCH_ROWS = 4_096
BATCH_BYTES = 1 << 20
FAN_IN = 128  # with room below the usual limits of open files: macOS has 256
SORT = [("recipientaccountid", "ascending"), ("eventtime", "ascending"), ("eventid", "ascending")]
# Where a staged row came from: the file's number in this run, and the record's in the file.
ORIGIN = [pa.field("_file", pa.int32()), pa.field("_position", pa.int32())]
FEW_VALUES = 256
DICTIONARY = pa.dictionary(pa.int32(), pa.string())
ROW_BYTES = b"row_bytes"  # metadata of a staged file: mean size of its rows in memory
INDEX = [*(name for name, _ in SORT), *(field.name for field in ORIGIN)]


def write(folder: Path, name: str, table: pa.Table) -> None:
    """Sort the rows and write those of each day as `folder/eventdate=<day>/<name>.arrow`."""
    for key, _ in SORT:
        if key not in table.column_names:
            table = table.append_column(key, pa.nulls(table.num_rows, pa.string()))
    # All days are put in order together: taking each day's rows out of all columns would cost more than the sort.
    table = table.take(pc.sort_indices(table, [("eventdate", "ascending"), *SORT]))
    days = table["eventdate"].value_counts()
    table = table.drop_columns(["eventdate"])
    start = 0
    for day, count in zip(days.field("values").to_pylist(), days.field("counts").to_pylist(), strict=True):
        _write(folder / f"eventdate={day}" / f"{name}.arrow", table.slice(start, count))
        start += count


def _write(path: Path, table: pa.Table) -> None:
    """Write sorted rows as one staged file, in batches that are all full but the last."""
    table = table.select([n for n in table.column_names if n in INDEX or table[n].null_count < table.num_rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    table = _encoded(table)
    row_bytes = sum(map(_text_bytes, table.columns)) // table.num_rows + 1
    schema = table.schema.with_metadata({ROW_BYTES: str(row_bytes)})
    with ipc.new_file(str(path), schema, options=ipc.IpcWriteOptions(compression="lz4", use_threads=False)) as writer:
        rows = max(1, min(BATCH_ROWS, BATCH_BYTES // row_bytes))
        writer.write_table(table, max_chunksize=rows)


def scattered(size: int, where: Any, texts: list[str]) -> pa.DictionaryArray:
    """A column of `size` rows with these texts in the rows with these numbers (an array of numpy's), else null."""
    encoded = pa.array(texts, pa.string()).dictionary_encode()
    indices, absent = np.zeros(size, np.int32), np.ones(size, np.bool_)
    indices[where] = encoded.indices.to_numpy()
    absent[where] = False
    return pa.DictionaryArray.from_arrays(pa.array(indices, mask=absent), encoded.dictionary)


def _encoded(table: pa.Table) -> pa.Table:
    """The table with dictionaries for texts that have few values."""
    columns = {}
    for name in table.column_names:
        array = table[name].combine_chunks()
        if array.type == DICTIONARY and len(array.dictionary) > FEW_VALUES:
            array = array.cast(pa.string())
        elif array.type == pa.string() and name not in INDEX:
            encoded = array.dictionary_encode()
            if len(encoded.dictionary) <= FEW_VALUES:
                array = encoded
        columns[name] = array
    return pa.table(columns)


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Bytes of the column if it were no dictionary, as it is once another file has too many values for one."""
    if column.type != DICTIONARY:
        return int(column.nbytes)
    array = column.chunk(0)
    lengths = pc.binary_length(array.dictionary).take(array.indices)
    return int(pc.sum(lengths).as_py() or 0) + int(array.indices.nbytes)


def few_files(folder: Path) -> list[Path]:
    """Staged files of one day, merged until they are no more than FAN_IN; the shorter ones are removed."""
    paths = sorted(folder.glob("*.arrow"))
    while len(paths) > FAN_IN:
        count = min(FAN_IN, len(paths) - FAN_IN + 1)
        together, paths = paths[:count], paths[count:]
        paths.append(_merged(together, folder / f"merged-{together[0].name}"))
        for path in together:
            path.unlink()
    return paths


def _merged(paths: list[Path], target: Path) -> Path:
    """The rows of these files as one. It has texts for dictionaries, which a file must have whole before its rows."""
    day = StagedDay(paths)
    kinds = {name: pa.string() if kind == DICTIONARY else kind for name, kind in day.types.items()}
    index = day.index()
    rows = index.take(pc.sort_indices(index, SORT))["_row"].combine_chunks()
    step = max(1, min(BATCH_ROWS, BATCH_BYTES // day.row_bytes))
    schema = pa.schema(kinds, metadata={ROW_BYTES: str(day.row_bytes)})
    with ipc.new_file(str(target), schema, options=ipc.IpcWriteOptions(compression="lz4", use_threads=False)) as writer:
        for start in range(0, len(rows), 16 * step):
            table = day.take(rows.slice(start, 16 * step))
            there = {*table.column_names}
            columns = [
                table[name].cast(kind) if name in there else pa.nulls(table.num_rows, kind)
                for name, kind in kinds.items()
            ]
            writer.write_table(pa.table(columns, schema=schema), max_chunksize=step)
    return target


class StagedDay:
    """The rows of one day, by number."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self._readers = {path: _open(path) for path in self._paths}
        # All batches of the day, numbered through: their file, their number in it, and where their rows begin.
        self._batches: list[tuple[Path, int]] = []
        sizes: list[int] = []
        for path in self._paths:
            reader = _open(path, ["_file"])
            for number in range(reader.num_record_batches):
                self._batches.append((path, number))
                sizes.append(reader.get_batch(number).num_rows)
        # A column is a dictionary if it is one in every file that has it.
        self.types: dict[str, pa.DataType] = {}
        self.row_bytes = 1
        for reader in self._readers.values():
            schema = reader.schema
            self.row_bytes = max(self.row_bytes, int(schema.metadata[ROW_BYTES]))
            for field in schema:
                self.types[field.name] = (
                    field.type if self.types.get(field.name, field.type) == field.type else pa.string()
                )
        self._starts = [0, *accumulate(sizes)]
        self._batch_of = pa.concat_arrays([pa.repeat(pa.scalar(n, pa.int32()), size) for n, size in enumerate(sizes)])

    def index(self) -> pa.Table:
        """Key, sort and origin columns of every row, and its number (`_row`)."""
        index = pa.concat_tables([_open(path, INDEX).read_all() for path in self._paths]).combine_chunks()
        return index.append_column("_row", pa.array(range(index.num_rows), pa.int64()))

    def take(self, rows: pa.Array) -> pa.Table:
        """The rows with these numbers (int64), in this order; without columns that are null in all files read."""
        batch_of = self._batch_of.take(rows)
        wanted = sorted(pc.unique(batch_of).to_pylist())
        shifts: list[int | None] = [None] * len(self._batches)
        parts: list[pa.RecordBatch] = []
        at = 0
        for number in wanted:
            path, place = self._batches[number]
            batch = self._readers[path].get_batch(place)
            parts.append(batch)
            shifts[number] = at - self._starts[number]
            at += batch.num_rows
        numbers = pc.add(rows, pa.array(shifts, pa.int64()).take(batch_of))
        held = [dict(zip(part.schema.names, part.columns, strict=True)) for part in parts]
        columns = {}
        for name in dict.fromkeys(name for part in held for name in part):
            kind = self.types[name]
            chunks: list[pa.Array] = []
            for part, batch in zip(held, parts, strict=True):
                array = part.get(name)
                if array is None:
                    array = pa.nulls(batch.num_rows, kind)
                chunks.append(array if array.type == kind else array.cast(kind))
            column = pa.chunked_array(chunks, kind)
            if kind == DICTIONARY:
                columns[name] = _compacted(column.unify_dictionaries().take(numbers).combine_chunks())
            else:
                columns[name] = column.take(numbers)
        return pa.table(columns)


def _compacted(array: pa.DictionaryArray) -> pa.DictionaryArray:
    """The array with no value in its dictionary that none of its rows has."""
    if len(array.dictionary) < 16:
        return array
    used = array.indices.unique().drop_null()
    return pa.DictionaryArray.from_arrays(pc.index_in(array.indices, used), array.dictionary.take(used))


def _open(path: Path, names: list[str] | None = None) -> ipc.RecordBatchFileReader:
    """Reader of one file; with names, only those columns are decompressed."""
    source = pa.OSFile(str(path))  # not mapped: mapped pages would count as this process's memory
    reader = ipc.open_file(source, options=ipc.IpcReadOptions(use_threads=False))
    if names is None:
        return reader
    fields = sorted(reader.schema.get_field_index(name) for name in names)
    return ipc.open_file(source, options=ipc.IpcReadOptions(use_threads=False, included_fields=fields))
