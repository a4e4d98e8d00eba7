"""The same log files through the flattener and Spark, and through the local engine: the same rows, types and answers."""

import json
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("pyspark")

from runtime.athena.named import load
from runtime.local import query
from runtime.local.ingest import ingest
from runtime.local.lake import Lake
from runtime.local.sample.write import write_sample
from tests.conftest import REAL_DATA
from tests.glue.conftest import Job
from tests.glue.flat import flatten_all
from tests.local.logs import event, path_of, quarantine, write


@pytest.fixture(scope="module")
def lakes(spark, tmp_path_factory) -> tuple[Job, Path, dict, object]:
    """Spark's lake and the local engine's, of the real corpus (where there is one), the sample and the hostile set."""
    root = tmp_path_factory.mktemp("parity")
    write_sample(root / "sample", events=1_500, days=4, hostile=True)
    inputs = [root / "sample", *([REAL_DATA] if REAL_DATA.exists() else [])]
    job = Job(root)
    flatten_all(root, *inputs)
    metrics = job.run()
    local = Lake(root / "local")
    summary = ingest([str(folder) for folder in inputs], local, workers=1)
    return job, local.root, metrics, summary


def rows(lake: Path) -> list[tuple]:
    found = []
    for path in lake.glob("parquettrails/eventdate=*/*.parquet"):
        table = pq.read_table(path, partitioning=None)
        found += [(path.parent.name, *row) for row in zip(*table.to_pydict().values(), strict=True)]
    return sorted(found, key=str)


def test_same_rows(lakes):
    """Row by row, all columns: what the one lake holds the other holds, and nothing else."""
    job, local, metrics, summary = lakes
    assert rows(job.lake) == rows(local)
    assert metrics["written"] == summary.rows > 1_500
    assert (metrics["duplicates"], metrics["duplicate_differs"]) == (summary.duplicates, summary.duplicate_differs)
    assert summary.duplicates > 0
    assert summary.duplicate_differs > 0


def test_same_differing_copies(lakes):
    """What is set aside as duplicate-differs is the same copy of the same event."""
    job, local, _, _ = lakes

    def set_aside(lines: list[dict]) -> list[tuple]:
        found = (line for line in lines if line["kind"] == "duplicate-differs")
        return sorted((line["key"], sorted(line["row"].items())) for line in found)

    assert set_aside(job.quarantine()) == set_aside(quarantine(local))


def test_same_quarantine(lakes):
    """What is no row, a record or a whole file, is set aside by both: the same bytes, place and reason."""
    job, local, _, _ = lakes

    def set_aside(lines: list[dict]) -> list[str]:
        names = ("kind", "key", "position", "reason", "record", "record_base64")
        return sorted(str(tuple(line.get(n) for n in names)) for line in lines if line["kind"] in ("record", "file"))

    flattener = [json.loads(x) for p in job.source.parent.glob("quarantine/dt=*/*.jsonl") for x in p.open()]
    assert set_aside(flattener) == set_aside(quarantine(local))
    assert {line["kind"] for line in flattener} == {"record", "file"}


def test_same_types(lakes):
    """Names, order, physical and logical types in the footers are equal; so are compression and sort."""
    footers = []
    for lake in (lakes[0].lake, lakes[1]):
        path = max(lake.glob("parquettrails/eventdate=*/*.parquet"), key=lambda p: p.stat().st_size)
        schema = pq.ParquetFile(path).schema
        columns = [schema.column(at) for at in range(len(schema))]
        kinds = [(c.path, c.physical_type, str(c.logical_type), c.max_definition_level) for c in columns]
        group = pq.ParquetFile(path).metadata.row_group(0)
        compression = {group.column(at).compression for at in range(group.num_columns)}
        indexed = {group.column(at).has_column_index for at in range(group.num_columns)}
        arrow = pq.ParquetFile(path).schema_arrow.remove_metadata()
        footers.append((kinds, compression, indexed, [(f.name, f.type, f.nullable) for f in arrow]))
    assert footers[0] == footers[1]


def test_same_choice_between_log_files_of_one_key(spark, tmp_path):
    """Of one event in two log files whose keys are the same, in two folders, both engines keep the first one's."""
    inputs = [tmp_path / "a", tmp_path / "b"]
    for folder in inputs:
        write(path_of(folder, "2024-05-06", "x"), event("e1", userAgent=folder.name))
    job, local = Job(tmp_path), Lake(tmp_path / "local")
    flatten_all(tmp_path, *inputs)
    assert job.run()["duplicate_differs"] == 1
    ingest([str(folder) for folder in inputs], local, workers=1)
    assert job.rows("eventid", "useragent") == [("2024-05-06", "e1", "a")]
    assert rows(job.lake) == rows(local.root)


EVER = {"from": "2000-01-01", "to": "2100-01-01", "since": "2000-01-01"}
EVER |= {"from_time": "2000-01-01T00:00:00Z", "to_time": "2100-01-01T00:00:00Z", "cidrs": "0.0.0.0/0"}
NOTHING = {"cis-4-12-gateway-changes", "cis-4-13-route-table-changes", "cis-4-14-vpc-changes"}
"""Queries that find nothing in the input: nobody changes a network in it."""
ISSUED = "coalesce(responseelements_credentials_accesskeyid, responseelements_accesskey_accesskeyid)"


@pytest.fixture(scope="module")
def values(lakes) -> dict[str, str]:
    """A value for every parameter of a named query, so that it finds something: a key that issued keys, a bucket."""
    asked = f"SELECT max(useridentity_accesskeyid) AS k FROM parquettrails WHERE {ISSUED} IS NOT NULL"
    key = query.run(lakes[1], asked, {}, date(2026, 11, 1)).to_pylist()[0]["k"]
    return EVER | {"key": key, "session": key, "keys": key, "resource": "acme-production-data"}


@pytest.mark.parametrize("name", load())
def test_same_answers(lakes, values, name):
    """Every named query answers the same, to the last column, and something, over both."""
    given = {p.name: values[p.name] for p in load()[name].parameters if p.name in values}
    one, two = (query.run(lake, name, given, date(2026, 11, 1)).to_pylist() for lake in (lakes[0].lake, lakes[1]))
    assert sorted(one, key=str) == sorted(two, key=str)
    assert one or name in NOTHING or not REAL_DATA.exists()
