"""Second half of a run, once per day: staged rows, less duplicates, to sorted Parquet files of the lake.

The same event is the same (eventdate, coalesce(recipientaccountid, ''), eventid). What the lake holds stays; of the
staged copies the first in (key of the log file, position) is kept. Another copy is a duplicate if its content
is equal to a kept one, and set aside as duplicate-differs if not; `sourcefile` and promoted copies are no content.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from runtime.events.columns import COLUMNS, Kind
from runtime.local.staged import SORT, StagedDay

FILE_ROWS = 1_048_576  # 100 to 200 MB of real events
SLOT_ROWS = 16_384  # about 22 MB in memory
ROW_GROUP_ROWS = SLOT_ROWS  # about 16 MB encoded, the size at which hours and accounts prune best
CONTENT_ROWS = 4_096
KEY = ["recipientaccountid", "eventid"]
# Promoted columns say nothing of their own: another list of them makes no other event.
CONTENT = frozenset(c.name for c in COLUMNS if c.kind is not Kind.PROMOTED) - {"sourcefile"}


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
    keys: dict[int, str],
    bad: frozenset[int],
    schema: pa.Schema,
) -> Merged:
    """Write one day's new rows below `run/out`. `keys` are the log files' keys; rows of `bad` files are dropped.

    `schema` is that of the lake's files.
    """
    day = StagedDay(run / "staged" / f"eventdate={eventdate}")
    index = day.index()
    if bad:
        index = index.filter(pc.invert(pc.is_in(index["_file"], pa.array(sorted(bad), pa.int32()))))
    result = Merged(eventdate)
    dropped = _duplicates(index, day, lake_files, keys, run, result)
    if dropped:
        index = index.filter(pc.invert(pc.is_in(index["_row"], pa.array(sorted(dropped), pa.int64()))))
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
    keys: dict[int, str],
    run: Path,
    result: Merged,
) -> set[int]:
    """Numbers of the rows that are not written, counted in `result`; those that differ are set aside."""
    events = _same_event(index)
    counts = events.value_counts()
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    held = _held(lake_files, events)
    suspects = pa.chunked_array([repeated, pa.array(held.keys(), pa.string())])
    if len(suspects) == 0:
        return set()
    found = index.append_column("_event", events).filter(pc.is_in(events, suspects))
    copies = [  # event, log file, position, row
        (event, f"{keys[number]}\0{number:09d}", position, row)
        for event, number, position, row in zip(
            *(found[name].to_pylist() for name in ("_event", "_file", "_position", "_row")), strict=True
        )
    ]
    copies.sort()
    dropped: set[int] = set()
    contents = _contents(day, [row for *_, row in copies])
    for (event, _, _, row), (number, content, values) in zip(copies, contents, strict=True):
        kept = held.setdefault(event, set())
        if not kept:
            kept.add(content)
            continue
        dropped.add(row)
        if content in kept:
            result.duplicates[number] += 1
        else:
            result.differs[number] += 1
            _set_aside(run, result.eventdate, values)
    return dropped


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


def _contents(day: StagedDay, rows: list[int]) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """(number of the log file, content, values) of the rows, in the order asked for."""
    for start in range(0, len(rows), CONTENT_ROWS):
        for values in day.take(pa.array(rows[start : start + CONTENT_ROWS], pa.int64())).to_pylist():
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
        "reason": "another event with this eventID is in the lake, with other content",
        "key": values["sourcefile"],
        "row": {"eventdate": eventdate, **row},
    }
    with path.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")


def _write(run: Path, eventdate: str, rows: pa.Array, day: StagedDay, schema: pa.Schema) -> None:
    folder = run / "out" / "parquettrails" / f"eventdate={eventdate}"
    folder.mkdir(parents=True)
    for number, start in enumerate(range(0, len(rows), FILE_ROWS)):
        path = folder / f"{run.name}-{number}.parquet"
        with pq.ParquetWriter(path, schema, compression="zstd", write_page_index=True) as writer:
            for slot in range(start, min(start + FILE_ROWS, len(rows)), SLOT_ROWS):
                end = min(slot + SLOT_ROWS, start + FILE_ROWS, len(rows))
                writer.write_table(_full(day.take(rows.slice(slot, end - slot)), schema), row_group_size=ROW_GROUP_ROWS)


def _full(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with all columns of the schema, in its order; those it lacks are null."""
    empty = pa.nulls(table.num_rows, pa.string())
    return pa.table([table[name] if name in table.column_names else empty for name in schema.names], schema=schema)
