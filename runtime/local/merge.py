"""Second half of a run, once per day: staged rows, less duplicates, to sorted Parquet files of the lake.

The same event is the same (eventdate, coalesce(recipientaccountid, ''), eventid). What the lake holds stays; of the
staged copies the first in (key of the log file, position) is kept. Another copy is a duplicate if its content
is equal to a kept one, and set aside as duplicate-differs if not; `sourcefile` is no content.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import ipc

from runtime.local.stage import ORIGIN, SORT

SLOT_ROWS = 131_072
FILE_ROWS = 1_048_576  # 100 to 200 MB of real events
ROW_GROUP_ROWS = 40_960  # about 16 MB before compression, the size at which hours and accounts prune best
KEY = ["recipientaccountid", "eventid"]


@dataclass(slots=True)
class Merged:
    """What became of the staged rows of one day, per number of their log file."""

    eventdate: str
    rows: Counter[int] = field(default_factory=Counter)
    duplicates: Counter[int] = field(default_factory=Counter)
    differs: Counter[int] = field(default_factory=Counter)


def merge(eventdate: str, run: Path, lake_files: list[Path], keys: dict[int, str], bad: frozenset[int]) -> Merged:
    """Write one day's new rows below `run/out`. `keys` are the log files' keys; rows of `bad` files are dropped."""
    runs = [_open(path) for path in sorted((run / "staged" / f"eventdate={eventdate}").glob("*.arrow"))]
    result = Merged(eventdate)
    index = _index(runs, bad)
    dropped = _duplicates(index, runs, lake_files, keys, run, result)
    index = index.append_column("_row", pa.array(range(index.num_rows), pa.int64()))
    if dropped:
        index = index.filter(pc.invert(pc.is_in(index["_row"], pa.array(sorted(dropped), pa.int64()))))
    if index.num_rows == 0:
        return result
    result.rows.update(index["_file"].to_pylist())
    # Ties in the sort key are broken by the log file, so that the same input gives the same file.
    ordered = index.sort_by([*SORT, ("_position", "ascending")])
    _write(run, eventdate, ordered.select(["_run", "_at"]), runs)
    return result


def _open(path: Path) -> ipc.RecordBatchFileReader:
    return ipc.open_file(pa.memory_map(str(path)))


def _index(runs: list[ipc.RecordBatchFileReader], bad: frozenset[int]) -> pa.Table:
    """Key, sort and origin columns of every staged row, with its run (`_run`) and place in it (`_at`)."""
    names = ["recipientaccountid", "eventtime", "eventid", *(f.name for f in ORIGIN)]
    parts = []
    for number, reader in enumerate(runs):
        batches = [reader.get_batch(i).select(names) for i in range(reader.num_record_batches)]
        part = pa.Table.from_batches(batches)
        part = part.append_column("_run", pa.array([number] * part.num_rows, pa.int32()))
        parts.append(part.append_column("_at", pa.array(range(part.num_rows), pa.int32())))
    index = pa.concat_tables(parts)
    if bad:
        index = index.filter(pc.invert(pc.is_in(index["_file"], pa.array(sorted(bad), pa.int32()))))
    return index.combine_chunks()


def _same_event(table: pa.Table) -> pa.Array:
    account = pc.fill_null(table["recipientaccountid"], "")
    return pc.binary_join_element_wise(account, table["eventid"], "/").combine_chunks()


def _duplicates(
    index: pa.Table,
    runs: list[ipc.RecordBatchFileReader],
    lake_files: list[Path],
    keys: dict[int, str],
    run: Path,
    result: Merged,
) -> set[int]:
    """Rows of the index that are not written, counted in `result`; those that differ are set aside."""
    events = _same_event(index)
    counts = events.value_counts()
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    held = _held(lake_files, events)
    suspects = pa.chunked_array([repeated, pa.array(held.keys(), pa.string())])
    if len(suspects) == 0:
        return set()
    rows = pc.indices_nonzero(pc.is_in(events, suspects)).to_pylist()
    copies: list[tuple[str, str, int, int]] = []  # event, log file, position, row of the index
    for row, event, number, position in zip(
        rows,
        events.take(pa.array(rows)).to_pylist(),
        index["_file"].take(pa.array(rows)).to_pylist(),
        index["_position"].take(pa.array(rows)).to_pylist(),
        strict=True,
    ):
        copies.append((event, f"{keys[number]}\0{number:09d}", position, row))
    copies.sort()
    dropped: set[int] = set()
    contents = _contents(index, runs, [copy[3] for copy in copies])
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
                event = f"{row['recipientaccountid'] or ''}/{row['eventid']}"
                held.setdefault(event, set()).add(_content(row))
    return held


def _contents(
    index: pa.Table, runs: list[ipc.RecordBatchFileReader], rows: list[int]
) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """(number of the log file, content, values) of the index's rows, in the order asked for."""
    places = index.select(["_run", "_at"]).take(pa.array(rows, pa.int64())).to_pydict()
    starts = [_batch_starts(reader) for reader in runs]
    batch: tuple[int, int, pa.RecordBatch] | None = None
    for number, at in zip(places["_run"], places["_at"], strict=True):
        which = bisect_right(starts[number], at) - 1
        if batch is None or batch[:2] != (number, which):
            batch = (number, which, runs[number].get_batch(which))
        values = batch[2].slice(at - starts[number][which], 1).to_pylist()[0]
        origin = values.pop("_file")
        del values["_position"]
        yield origin, _content(values), values


def _batch_starts(reader: ipc.RecordBatchFileReader) -> list[int]:
    starts, at = [], 0
    for i in range(reader.num_record_batches):
        starts.append(at)
        at += reader.get_batch(i).num_rows
    return starts


def _content(row: dict[str, Any]) -> bytes:
    """Digest of what an event says; a column that the lake did not have yet counts as null."""
    said = sorted((k, str(v)) for k, v in row.items() if v is not None and k not in ("sourcefile", "eventdate"))
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


def _write(run: Path, eventdate: str, ordered: pa.Table, runs: list[ipc.RecordBatchFileReader]) -> None:
    folder = run / "out" / "parquettrails" / f"eventdate={eventdate}"
    folder.mkdir(parents=True)
    schema = pa.schema([f for f in runs[0].schema if f not in ORIGIN])
    for number, start in enumerate(range(0, ordered.num_rows, FILE_ROWS)):
        path = folder / f"{run.name}-{number}.parquet"
        with pq.ParquetWriter(path, schema, compression="zstd", write_page_index=True) as writer:
            part = ordered.slice(start, FILE_ROWS)
            for slot in range(0, part.num_rows, SLOT_ROWS):
                writer.write_table(
                    _gather(part.slice(slot, SLOT_ROWS), runs).cast(schema), row_group_size=ROW_GROUP_ROWS
                )


def _gather(wanted: pa.Table, runs: list[ipc.RecordBatchFileReader]) -> pa.Table:
    """Staged rows in the order wanted. Each run is sorted, so a slot touches neighbouring batches of it only."""
    origin = {f.name for f in ORIGIN}
    run_of, at_of = wanted["_run"], wanted["_at"]
    parts, found = [], []
    order = pa.array(range(wanted.num_rows), pa.int32())
    for number, reader in enumerate(runs):
        here = pc.equal(run_of, number)
        at = at_of.filter(here).combine_chunks()
        if len(at) == 0:
            continue
        found.append(order.filter(here.combine_chunks()))
        starts = _batch_starts(reader)
        bounds = pc.min_max(at).as_py()
        batches = [
            (start, reader.get_batch(i))
            for i, start in enumerate(starts)
            if start <= bounds["max"] and (i + 1 == len(starts) or starts[i + 1] > bounds["min"])
        ]
        table = pa.Table.from_batches([batch for _, batch in batches])
        parts.append(table.take(pc.subtract(at, batches[0][0])))
    places = pa.concat_arrays(found)
    table = pa.concat_tables(parts).take(pc.sort_indices(places))
    return table.drop_columns(sorted(origin))
