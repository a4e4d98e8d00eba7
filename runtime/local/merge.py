"""Second half of a run, once per day: staged rows, less duplicates, to sorted Parquet files of the lake.

The same event is the same (eventdate, coalesce(recipientaccountid, ''), eventid). What the lake holds stays; of the
staged copies the first in (number of the log file, position) is kept; log files are numbered in the order of their
keys. Another copy is a duplicate if its content is equal to a kept one, and set aside as duplicate-differs if not;
`sourcefile` and promoted copies are no content.
"""

import json
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from runtime.events.columns import CONTENT
from runtime.events.quarantine import DIFFERS
from runtime.local.staged import SORT, StagedDay, few_files

FILE_ROWS = 1_048_576  # 100 to 200 MB of real events
SLOT_ROWS = 16_384
SLOT_BYTES = 48 << 20  # in memory, as texts; of real events a slot has about 30 MB
ROW_GROUP_ROWS = SLOT_ROWS  # about 16 MB encoded, the size at which hours and accounts prune best
CONTENT_ROWS = 2_048
KEY = ["recipientaccountid", "eventid"]
UNIQUE = ("eventid", "requestid", "sharedeventid")  # a dictionary of them is tried, found too large and paid for


@dataclass(slots=True)
class Merged:
    """What became of the staged rows of one day, per number of their log file."""

    eventdate: str
    rows: Counter[int] = field(default_factory=Counter)
    duplicates: Counter[int] = field(default_factory=Counter)
    differs: Counter[int] = field(default_factory=Counter)


def merge(
    eventdate: str,
    run: Path,
    lake_files: list[Path],
    bad: frozenset[int],
    schema: pa.Schema,
) -> Merged:
    """Write one day's new rows below `run/out`; rows of `bad` files are dropped.

    `schema` is that of the lake's files.
    """
    day = StagedDay(few_files(run / "staged" / f"eventdate={eventdate}"))
    index = day.index()
    if bad:
        index = index.filter(pc.invert(pc.is_in(index["_file"], pa.array(sorted(bad), pa.int32()))))
    result = Merged(eventdate)
    dropped = _duplicates(index, day, lake_files, run, result)
    if len(dropped):
        index = index.filter(pc.invert(pc.is_in(index["_row"], dropped)))
    if index.num_rows == 0:
        return result
    result.rows.update(index["_file"].to_pylist())
    # Ties in the sort key are broken by the log file, so that the same input gives the same file.
    ordered = index.take(pc.sort_indices(index, [*SORT, ("_file", "ascending"), ("_position", "ascending")]))
    _write(run, eventdate, ordered["_row"].combine_chunks(), day, schema)
    return result


def _same_event(table: pa.Table) -> pa.Array:
    account = pc.fill_null(table["recipientaccountid"], "")
    # The account's length keeps a/b + c and a + b/c apart.
    length = pc.utf8_length(account).cast(pa.string())
    return pc.binary_join_element_wise(length, account, table["eventid"], "/").combine_chunks()


def _duplicates(
    index: pa.Table,
    day: StagedDay,
    lake_files: list[Path],
    run: Path,
    result: Merged,
) -> pa.Array:
    """Numbers (int64) of the rows that are not written, counted in `result`; those that differ are set aside."""
    events = _same_event(index)
    counts = events.value_counts()
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    held = _held(lake_files, events)
    suspects = pa.chunked_array([repeated, pa.array(held.keys(), pa.string())])
    if len(suspects) == 0:
        return pa.array([], pa.int64())
    found = index.append_column("_event", events).filter(pc.is_in(events, suspects))
    order = ["_event", "_file", "_position"]
    found = found.select(["_row", *order]).sort_by([(name, "ascending") for name in order])
    # The copies of one event follow each other: what was kept of the last one is all there is to remember.
    dropped = array("q")
    last: str | None = None
    kept: set[bytes] = set()
    step = _rows_within(CONTENT_ROWS, day.row_bytes)
    for start in range(0, found.num_rows, step):
        copies = found.slice(start, step)
        contents = _contents(day, copies["_row"].combine_chunks())
        for event, row, (number, content, values) in zip(
            copies["_event"].to_pylist(), copies["_row"].to_pylist(), contents, strict=True
        ):
            if event != last:
                last, kept = event, set(held.get(event, ()))
            if not kept:
                kept.add(content)
                continue
            dropped.append(row)
            if content in kept:
                result.duplicates[number] += 1
            else:
                result.differs[number] += 1
                _set_aside(run, result.eventdate, values)
    return pa.array(dropped, pa.int64())


def _rows_within(rows: int, row_bytes: int) -> int:
    """So many of `rows` as stay within a slot's bytes."""
    return max(1, min(rows, SLOT_BYTES // row_bytes))


def _held(lake_files: list[Path], events: pa.Array) -> dict[str, set[bytes]]:
    """Content of each event of `events` that the lake holds already."""
    held: dict[str, set[bytes]] = {}
    for path in lake_files:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            # The key columns decide whether the group is read at all.
            found = pc.is_in(_same_event(file.read_row_group(group, columns=KEY)), events)
            if not pc.any(found).as_py():
                continue
            for row in file.read_row_group(group).filter(found).to_pylist():
                account = row["recipientaccountid"] or ""
                event = f"{len(account)}/{account}/{row['eventid']}"
                held.setdefault(event, set()).add(_content(row))
    return held


def _contents(day: StagedDay, rows: pa.Array) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """(number of the log file, content, values) of the rows, in the order asked for."""
    for batch in day.take(rows).to_batches(max_chunksize=64):
        for values in batch.to_pylist():
            number = values.pop("_file")
            del values["_position"]
            yield number, _content(values), values


def _content(row: dict[str, Any]) -> bytes:
    """Digest of what an event says; a column that the lake did not have yet counts as null."""
    said = sorted((k, str(v)) for k, v in row.items() if v is not None and k in CONTENT)
    return sha256(json.dumps(said).encode()).digest()


def _set_aside(run: Path, eventdate: str, values: dict[str, Any]) -> None:
    path = run / "out" / "quarantine" / run.name / f"differs-{eventdate}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    row = {k: str(v) for k, v in values.items() if v is not None}
    line = {
        "kind": "duplicate-differs",
        "reason": DIFFERS,
        "key": values["sourcefile"],
        "row": {"eventdate": eventdate, **row},
    }
    with path.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")


def _write(run: Path, eventdate: str, rows: pa.Array, day: StagedDay, schema: pa.Schema) -> None:
    folder = run / "out" / "parquettrails" / f"eventdate={eventdate}"
    folder.mkdir(parents=True)
    written = pa.schema([pa.field(f.name, day.types.get(f.name, f.type)) for f in schema])
    dictionaries = [name for name in schema.names if name not in UNIQUE]
    slot_rows = _rows_within(SLOT_ROWS, day.row_bytes)
    for number, start in enumerate(range(0, len(rows), FILE_ROWS)):
        path = folder / f"{run.name}-{number}.parquet"
        # Dictionaries are only how the rows come: the file says string, so no Arrow schema is stored with it.
        with pq.ParquetWriter(
            path, written, compression="zstd", write_page_index=True, store_schema=False, use_dictionary=dictionaries
        ) as writer:
            for slot in range(start, min(start + FILE_ROWS, len(rows)), slot_rows):
                end = min(slot + slot_rows, start + FILE_ROWS, len(rows))
                writer.write_table(
                    _full(day.take(rows.slice(slot, end - slot)), written), row_group_size=ROW_GROUP_ROWS
                )


def _full(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with all columns of the schema, in its order; those it lacks are null."""
    names = set(table.column_names)
    return pa.table(
        [table[f.name] if f.name in names else pa.nulls(table.num_rows, f.type) for f in schema], schema=schema
    )
