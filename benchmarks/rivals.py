"""Raw log files to Parquet, the ways a user has: `python -m benchmarks.rivals NAME IN OUT` runs one."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def start(source: Path, out: Path) -> None:
    """Only the imports of ours: the fixed cost of a process."""
    import runtime.local.ingest  # noqa: F401


def ours(source: Path, out: Path) -> None:
    """The whole run: read, row, dedupe, sort, write, ledger; one process."""
    from runtime.local.ingest import ingest
    from runtime.local.lake import Lake

    ingest([str(source)], Lake(out), workers=1)


def ours_two(source: Path, out: Path) -> None:
    """The whole run, two workers."""
    from runtime.local.ingest import ingest
    from runtime.local.lake import Lake

    ingest([str(source)], Lake(out), workers=2)


def ours_unsorted(source: Path, out: Path) -> None:
    """Read, row, write: no dedupe and no sort."""
    import gc

    import pyarrow as pa
    import pyarrow.parquet as pq

    from runtime.events.columns import COLUMNS, PROMOTE, Kind
    from runtime.local import merge, stage, staged
    from runtime.local.inputs import S3Options, find

    out.mkdir(parents=True)
    worker: Any = stage._Worker(out, "0", PROMOTE)  # noqa: SLF001 - the part of a run that comes before the sort
    few = {*worker._maker.dictionaries, *(at for at, c in enumerate(COLUMNS) if c.kind is Kind.PROMOTED)}  # noqa: SLF001
    schema = pa.schema(
        field.with_type(staged.DICTIONARY) if at in few else field
        for at, field in enumerate(stage.lake_schema(COLUMNS))
    )
    with pq.ParquetWriter(out / "rows.parquet", schema, compression="zstd", store_schema=False) as writer:

        def write() -> None:
            if worker._tables:  # noqa: SLF001
                table = worker._table().unify_dictionaries()  # noqa: SLF001
                writer.write_table(merge._full(table, schema))  # noqa: SLF001

        worker._to_run = write  # noqa: SLF001
        gc.disable()  # as a run does
        for number, file in enumerate(find([str(source)]).files):
            worker.take(number, file, S3Options())
        worker.close()


def bare(source: Path, out: Path) -> None:
    """Structs of msgspec straight into Arrow columns: nothing promoted, checked, or kept that is unknown."""
    import msgspec
    import pyarrow as pa
    import pyarrow.parquet as pq
    from isal import igzip

    from runtime.events.columns import FIXED, Kind

    def struct(name: str, fields: dict[str, Any]) -> Any:
        return msgspec.defstruct(name, [(k, t, None) for k, t in fields.items()], gc=False)

    flags = {"managementEvent", "readOnly", "sessionCredentialFromConsole"}
    top: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for column in FIXED:
        kind: Any = msgspec.Raw if column.kind is Kind.JSON else str | None
        if len(column.path) == 1:
            top[column.path[0]] = bool | str | None if column.path[0] in flags else kind
        elif len(column.path) == 2 and column.path[0] in ("userIdentity", "tlsDetails"):
            nested.setdefault(column.path[0], {})[column.path[1]] = kind
    nothing = {}
    for name, fields in nested.items():
        kind = struct(name, fields)
        top[name], nothing[name] = kind | None, kind()
    event = struct("Event", top)
    decode = msgspec.json.Decoder(struct("File", {"Records": list[event]})).decode
    writer = None
    out.mkdir(parents=True)
    for path in sorted(source.glob(LOGS)):
        events = decode(igzip.decompress(path.read_bytes())).Records
        columns: dict[str, Any] = {}
        for name, kind in top.items():
            values = [getattr(e, name) for e in events]
            if name in nested:
                empty = nothing[name]
                for field in nested[name]:
                    columns[f"{name}_{field}"] = pa.array([getattr(v or empty, field) for v in values], pa.string())
            elif name == "eventTime":
                columns[name] = pa.array(values).cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us"))
            elif kind is msgspec.Raw:
                columns[name] = pa.array([None if v is None else bytes(v).decode() for v in values], pa.string())
            elif name in flags:
                columns[name] = pa.array([None if v is None else str(v).lower() for v in values], pa.string())
            else:
                columns[name] = pa.array(values, pa.string())
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(out / "events.parquet", table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()


OBJECT_BYTES = 64 << 20  # DuckDB makes buffers of this size: the largest log file here unpacks to less
LOGS = "AWSLogs/*/CloudTrail/**/*.json.gz"  # for all ways alike: no digests, no Insights


def _duckdb(statement: str, out: Path) -> None:
    import duckdb

    out.mkdir(parents=True)
    connection = duckdb.connect()
    # Without a limit the recipe takes all the machine's memory before it fails.
    connection.execute("SET threads = 1; SET memory_limit = '4GB'")
    connection.execute(f"COPY ({statement}) TO '{out}/events.parquet' (FORMAT parquet, COMPRESSION zstd)")


def duckdb_recipe(source: Path, out: Path) -> None:
    """DuckDB's usual recipe: inferred types, `unnest` of Records, `ignore_errors`."""
    _duckdb(
        f"""SELECT unnest(r, max_depth := 2) FROM (SELECT unnest(Records) AS r FROM read_json(
        '{source}/{LOGS}', ignore_errors = true, maximum_object_size = {OBJECT_BYTES}, union_by_name = true))""",
        out,
    )


def duckdb_explicit(source: Path, out: Path) -> None:
    """DuckDB told the columns: scalars as text, free-form fields as JSON."""
    from runtime.events.columns import FIXED, Kind

    fields = [f'"{c.path[0]}" {"JSON" if c.kind is Kind.JSON else "VARCHAR"}' for c in FIXED if len(c.path) == 1] + [
        '"userIdentity" JSON',
        '"tlsDetails" JSON',
    ]
    _duckdb(
        f"""SELECT unnest(r) FROM (SELECT unnest(Records) AS r FROM read_json('{source}/{LOGS}',
        maximum_object_size = {OBJECT_BYTES}, columns = {{Records: 'STRUCT({", ".join(fields)})[]'}}))""",
        out,
    )


def clickhouse(source: Path, out: Path) -> None:
    """ClickHouse local: each file as one JSON text, its records cut and extracted column by column."""
    import chdb

    from runtime.events.columns import FIXED, Kind

    out.mkdir(parents=True)
    columns = ", ".join(
        f"JSONExtract{'Raw' if c.kind is Kind.JSON else 'String'}(r, {', '.join(repr(p) for p in c.path)}) AS {c.name}"
        for c in FIXED
        if len(c.path) <= 2
    )
    chdb.query(
        f"""SELECT {columns} FROM (SELECT arrayJoin(JSONExtractArrayRaw(line, 'Records')) AS r
        FROM file('{source}/AWSLogs/*/CloudTrail/*/*/*/*/*.json.gz', 'LineAsString', 'line String'))
        INTO OUTFILE '{out}/events.parquet' FORMAT Parquet
        SETTINGS max_threads = 1, output_format_parquet_compression_method = 'zstd'"""
    )


RIVALS: dict[str, Callable[[Path, Path], None]] = {
    "start": start,
    "ours": ours,
    "ours-two-workers": ours_two,
    "ours-unsorted": ours_unsorted,
    "bare": bare,
    "duckdb-recipe": duckdb_recipe,
    "duckdb-explicit": duckdb_explicit,
    "clickhouse": clickhouse,
}

if __name__ == "__main__":
    RIVALS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
