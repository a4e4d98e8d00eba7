"""What the component registers is what runs: from a log file in the emulator's bucket to the saved queries' rows.

The pipeline is registered with the recorder; buckets, queues, function, mapping and notification are then made in MiniStack
with the recorded inputs, and the job's recorded script and library are run on plain Spark with the recorded arguments. What
only a real account can show (permissions, crawlers, triggers, Glue's own reader, QuickSight) is not claimed here.
"""

import base64
import gzip
import json
import os
import re
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components import flattener
from components.pipeline import CloudTrailPipeline
from runtime.athena.named import load
from runtime.events.columns import COLUMNS, Kind
from runtime.glue.arguments import ARGUMENTS
from runtime.local.ingest import ingest
from runtime.local.lake import Lake
from runtime.local.query import run as ask
from runtime.local.sample import write_sample
from tests.components.recorder import Registered, Stack, run
from tests.conftest import ARCH, VERSION
from tests.glue.conftest import JAVA, SPARK
from tests.local.logs import path_of, write
from tests.pipeline import registered
from tests.pipeline.emulator import PYTHON, Emulator, until
from tests.pipeline.lake import rows
from tools import bundle

pytest.importorskip("pyspark", reason="no pyspark here: pip install the lock requirements/spark.txt")
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not PYTHON.exists(), reason="no MiniStack here: `make test` installs it beside the tests"),
]
# What Glue itself reads of the default arguments; everything else is the job's own and must be known to it.
OF_GLUE = {
    "--TempDir",
    "--custom-logGroup-prefix",
    "--enable-continuous-cloudwatch-log",
    "--enable-metrics",
    "--extra-py-files",
    "--job-bookmark-option",
    "--job-language",
}
TABLE, NAMED = "aws:glue/catalogTable:CatalogTable", "aws:athena/namedQuery:NamedQuery"
ACCOUNT = "111122223333"


def today() -> date:
    return datetime.now(UTC).date()


def full_record(time: str) -> dict[str, Any]:
    """A record with a value for every column: each table's column is then seen in a file."""
    record: dict[str, Any] = {"aNewField": "unknown to the row, so that `extra` has a value"}
    for column in COLUMNS:
        if column.kind is Kind.COMPUTED:
            continue
        level = record
        for part in column.path[:-1]:
            level = level.setdefault(part, {})
        level.setdefault(column.path[-1], {"known": "1.10"} if column.kind is Kind.JSON else "text")
    return record | {"eventTime": time, "recipientAccountId": ACCOUNT, "eventID": "every-column"}


@dataclass
class Run:
    """A pipeline that has run once: what was registered, what was put, and the lake bucket as a folder."""

    stack: Stack
    logs: Path
    flattened: set[str]
    lake: Path
    lake_uri: str
    unlike: dict[str, int]

    def table(self, name: str) -> Registered:
        found = [table for table in self.stack.of(TABLE) if table.inputs["name"] == name]
        assert len(found) == 1
        return found[0]

    def lines(self, folder: str) -> list[dict[str, Any]]:
        """Every JSON line of the files below a folder of the lake."""
        found = []
        for path in sorted((self.lake / folder).rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                text = gzip.decompress(content) if path.suffix == ".gz" else content
                found += [json.loads(line) for line in text.splitlines()]
        return found


@pytest.fixture(scope="module")
def stack(zipped: Path) -> Iterator[Stack]:
    """A pipeline with every default, but for this machine's processor and the Python of the bundle that runs on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flattener, "BUNDLE", zipped)
        patch.setattr(bundle, "PYTHON", VERSION)
        settings: Any = {"lake": {"flattener": {"architecture": ARCH}}}
        yield run(
            lambda: CloudTrailPipeline("acme-prod", settings), account=registered.ACCOUNT, region=registered.REGION
        )


@pytest.fixture(scope="module")
def done(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The log files put, flattened by the function and taken into the lake by the job."""
    root = tmp_path_factory.mktemp("registered")
    logs = root / "logs"
    # Yesterday's events: the job looks into the folders of the last three days, and late files go up to tomorrow's.
    write_sample(logs, events=250, accounts=1, days=1, end=today())
    day = (today() - timedelta(1)).isoformat()
    write(path_of(logs, day, "every"), full_record(f"{day}T10:00:00Z"))
    wanted = {path.name for path in logs.glob("AWSLogs/*/CloudTrail*/**/*.json.gz") if "Digest" not in str(path)}
    aggregated = {name for name in wanted if "Aggregated" in name}
    config = logs / "AWSLogs" / ACCOUNT / "Config" / registered.REGION / day.replace("-", "/") / "ConfigSnapshot"
    config /= f"{ACCOUNT}_Config_{registered.REGION}_ConfigSnapshot_{day.replace('-', '')}T010203Z_x.json.gz"
    write(config)
    unlike = {"digest": len(list(logs.glob("AWSLogs/*/CloudTrail-Digest/**/*.json.gz"))), "aggregated": len(aggregated)}
    emulator = Emulator(root / "state")
    try:
        s3, sqs, function = (emulator.client(name) for name in ("s3", "sqs", "lambda"))
        registered.buckets(stack, s3)
        urls = registered.queues(stack, sqs)
        name = registered.function(stack, function)
        registered.notification(stack, s3)
        log_bucket = registered.one(stack, "aws:s3/bucket:Bucket", "-logs").inputs["bucket"]
        lake_bucket = registered.one(stack, "aws:s3/bucket:Bucket", "-lake").inputs["bucket"]
        for path in sorted(path for path in logs.rglob("*") if path.is_file()):
            s3.put_object(Bucket=log_bucket, Key=str(path.relative_to(logs)), Body=path.read_bytes())

        def keys(prefix: str) -> list[str]:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=lake_bucket, Prefix=prefix)
            return [item["Key"] for page in pages for item in page.get("Contents", ())]

        def waiting() -> dict[str, int]:
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            return {
                name: sum(
                    int(value)
                    for value in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()
                )
                for name, url in urls.items()
            }

        def settled() -> bool:
            return len(keys("flatfiles/dt=")) >= len(wanted - aggregated) and not any(waiting().values())

        try:
            until("every log file is flat and the queues are empty", settled, 120)
        except AssertionError as error:
            found = f"{error}: {len(keys('flatfiles/dt='))} of {len(wanted - aggregated)} flat; waiting {waiting()}"
            raise AssertionError(found) from None
        function.delete_function(FunctionName=name)
        lake = root / "lake"
        for key in keys(""):
            path = lake / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(s3.get_object(Bucket=lake_bucket, Key=key)["Body"].read())
    finally:
        emulator.stop()
    lake_uri = f"s3://{lake_bucket}"
    job(stack, lake_uri, lake)
    return Run(stack, logs, wanted - aggregated, lake, lake_uri, unlike)


def job(stack: Stack, lake_uri: str, lake: Path) -> None:
    """Run the job's registered script with its registered library and arguments, `lake` standing for the lake's bucket.

    The one place where the run is not as on Glue: S3 URIs are paths below `lake`, what only Glue reads is left out.
    """
    registration = registered.one(stack, "aws:glue/job:Job")
    arguments = registration.inputs["defaultArguments"]
    own = {name: value for name, value in arguments.items() if name.removeprefix("--") in {a.name for a in ARGUMENTS}}
    assert set(arguments) - set(own) == OF_GLUE

    def here(uri: str) -> str:
        return uri.replace(lake_uri, str(lake))

    library = lake.parent / "library.zip"
    library.write_bytes(Path(here(arguments["--extra-py-files"])).read_bytes())
    script = here(registration.inputs["command"]["scriptLocation"])
    # Only what the library holds is found: -P keeps out what lies beside the script or where this test runs, -S the
    # checkout, which an editable installation would bring in for whatever the library lacks.
    packages = sysconfig.get_path("purelib")
    done = subprocess.run(
        [sys.executable, "-P", "-S", script, *(text for name, value in own.items() for text in (name, here(value)))],
        env={**os.environ, **SPARK, "JDK_JAVA_OPTIONS": JAVA, "PYTHONPATH": f"{library}{os.pathsep}{packages}"},
        cwd=lake.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def local(done: Run) -> Path:
    """The same log files taken into a lake on this machine, without any of the above."""
    lake = done.lake.parent / "local"
    ingest([str(done.logs)], Lake(lake), workers=1)
    return lake


def test_the_log_files_and_nothing_else_are_flat(done: Run) -> None:
    """Each CloudTrail log file became one flat file of its day's folder; digests, aggregates and AWS Config's did not."""
    found = {path.relative_to(done.lake / "flatfiles") for path in (done.lake / "flatfiles").rglob("*.gz")}
    day = re.compile(r"_(\d{4})(\d\d)(\d\d)T\d{4,6}Z_")

    def folder(name: str) -> str:
        match = day.search(name)
        assert match
        return "dt=" + "-".join(match.groups())

    assert {str(path) for path in found} == {f"{folder(name)}/{name}" for name in done.flattened}
    assert all(done.unlike.values()), "the sample has digests and aggregated events"
    assert not list((done.lake / "quarantine").rglob("*"))


def test_the_lake_has_every_row(done: Run, local: Path) -> None:
    """The job's lake has the rows, all columns, that the one-machine engine makes of the same log files."""
    assert rows(done.lake) == rows(local)
    assert sum(rows(done.lake).values()) == 251


def test_the_events_table_is_what_the_files_are(done: Run) -> None:
    """Columns, order and types of `parquettrails` are those of every Parquet file; its partition is in none."""
    table = done.table("parquettrails")
    declared = [(c["name"], c["type"]) for c in table.inputs["storageDescriptor"]["columns"]]
    as_athena_reads = {pa.string(): "string", pa.timestamp("us"): "timestamp"}
    files = list((done.lake / "parquettrails").rglob("*.parquet"))
    assert files
    for path in files:
        schema = pq.read_schema(path)
        assert [(field.name, as_athena_reads[field.type]) for field in schema] == declared
    assert [(key["name"], key["type"]) for key in table.inputs["partitionKeys"]] == [("eventdate", "string")]


@pytest.mark.parametrize(
    ("name", "folder"), [("flatfiles", "flatfiles"), ("ledger_lines", "ledger"), ("metrics", "metrics")]
)
def test_a_table_of_lines_is_what_the_lines_are(name: str, folder: str, done: Run) -> None:
    """Every column of a JSON table is a key of its lines, with a value of its type; flat files have no other key."""
    table = done.table(name)
    declared = {c["name"]: c["type"] for c in table.inputs["storageDescriptor"]["columns"]}
    kinds: dict[str, Any] = {"string": (str, type(None)), "bigint": int}
    lines = done.lines(folder)
    keys = {key for line in lines for key in line}
    assert keys == set(declared) if name != "metrics" else keys > set(declared)
    for line in lines:
        assert [key for key in line if not isinstance(line[key], kinds[declared.get(key, "string")])] == [] or (
            name == "metrics"
        )
        assert all(isinstance(line[key], kinds[kind]) for key, kind in declared.items() if key in line)
    assert [(key["name"], key["type"]) for key in table.inputs["partitionKeys"]] == [("dt", "string")]


READERS = {  # a file's first bytes -> what reads such a file
    b"PAR1": ("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe", "MapredParquetInputFormat"),
    b"\x1f\x8b\x08": ("org.openx.data.jsonserde.JsonSerDe", "TextInputFormat"),  # unpacks gzip by the file's name
    b'{"': ("org.openx.data.jsonserde.JsonSerDe", "TextInputFormat"),
}


@pytest.mark.parametrize("name", ["flatfiles", "parquettrails", "ledger_lines", "metrics"])
def test_a_table_has_the_reader_of_its_files(name: str, done: Run) -> None:
    """What Athena is told to read the files with is what reads such bytes; what is packed says so in its name."""
    descriptor = done.table(name).inputs["storageDescriptor"]
    folder = done.lake / descriptor["location"].removeprefix(f"{done.lake_uri}/")
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "_"))]
    assert files
    for path in files:
        content = path.read_bytes()
        [(serde, reader)] = [found for start, found in READERS.items() if content.startswith(start)]
        assert descriptor["serDeInfo"]["serializationLibrary"] == serde
        assert descriptor["inputFormat"].rpartition(".")[2] == reader
        assert content.startswith(b"\x1f\x8b") == (path.suffix == ".gz")


@pytest.mark.parametrize("name", ["flatfiles", "parquettrails", "ledger_lines", "metrics"])
def test_projection_reaches_every_folder_written(name: str, done: Run) -> None:
    """The template, filled with each projected day, gives the folders below the table's location."""
    inputs = done.table(name).inputs
    parameters, location = inputs["parameters"], inputs["storageDescriptor"]["location"]
    [key] = [key["name"] for key in inputs["partitionKeys"]]
    assert parameters[f"projection.{key}.format"] == "yyyy-MM-dd"
    first, last = parameters[f"projection.{key}.range"].split(",")
    assert last == "NOW+1DAYS"
    day, days = date.fromisoformat(first), []
    while day <= today() + timedelta(1):
        days.append(day.isoformat())
        day += timedelta(1)
    projected = {parameters["storage.location.template"].replace(f"${{{key}}}", day) for day in days}
    folder = done.lake / location.removeprefix(f"{done.lake_uri}/")
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "_"))]
    written = {f"{done.lake_uri}/{path.parent.relative_to(done.lake)}/" for path in files}
    assert written
    assert written <= projected
    assert all(place.startswith(location) for place in projected)


def table_of(lake: Path, sql: str) -> Counter[str]:
    return Counter(repr(row) for row in ask(lake, sql, {}, today()).to_pylist())


def same_day(asked: Callable[[date], tuple[Any, Any]]) -> tuple[Any, Any]:
    """Two answers that depend on the day, both of one day."""
    while True:
        day = today()
        answers = asked(day)
        if day == today():
            return answers


@pytest.mark.parametrize("name", sorted(load()))
def test_a_saved_query_answers_over_the_lake(name: str, done: Run, local: Path) -> None:
    """A named query's registered text gives, over the job's lake, what the query gives over the one-machine lake."""
    query = load()[name]
    [saved] = [r.inputs["query"] for r in done.stack.of(NAMED) if r.inputs["name"] == query.title]
    missing = {p.name: "text" for p in query.parameters if p.default is None}
    for parameter in missing:
        assert f"'<{parameter}>'" in saved
        saved = saved.replace(f"'<{parameter}>'", "'text'")  # as a person overwrites it

    def both(day: date) -> tuple[Counter[str], Counter[str]]:
        return table_of(done.lake, saved), table_of(local, query.render(missing, day))

    found, expected = same_day(both)
    assert found == expected


def test_the_hour_query_gives_the_hours_events(done: Run) -> None:
    """The post's query, its hour overwritten, gives exactly the events that the log files have of that hour."""
    [saved] = [r.inputs["query"] for r in done.stack.of(NAMED) if r.inputs["name"] == load()["hour"].title]
    day = max(path.name for path in (done.lake / "parquettrails").iterdir()).removeprefix("eventdate=")
    moments = {"2017-10-23T12:00:00Z": f"{day}T10:00:00Z", "2017-10-23T13:00:00Z": f"{day}T11:00:00Z"}
    for default, moment in moments.items():
        assert default in saved
        saved = saved.replace(default, moment)
    records = [
        record
        for path in done.logs.rglob("*.json.gz")
        if path.name in done.flattened
        for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]
    ]
    expected = {r["eventID"] for r in records if f"{day}T10:" in r["eventTime"]}
    assert "every-column" in expected
    answer = ask(done.lake, saved, {}, today())
    assert sorted(answer["eventid"].to_pylist()) == sorted(expected)
    assert answer.column_names == [*(c.name for c in COLUMNS), "eventdate"]


def test_the_views_statement_gives_its_columns(done: Run) -> None:
    """`cloudtrail_logs` as registered gives the rows of the promised name, in the columns that the catalog declares."""
    inputs = done.table("cloudtrail_logs").inputs
    statement = json.loads(base64.b64decode(inputs["viewOriginalText"].split()[3]))
    answer = ask(done.lake, statement["originalSql"], {}, today())
    promised = ask(done.lake, "SELECT * FROM cloudtrail_logs", {}, today())
    declared = [c["name"] for c in inputs["storageDescriptor"]["columns"]]
    assert answer.column_names == promised.column_names == declared == [c["name"] for c in statement["columns"]]
    assert statement["schema"] == inputs["databaseName"]
    assert Counter(map(repr, answer.to_pylist())) == Counter(map(repr, promised.to_pylist()))
    assert answer.num_rows == sum(rows(done.lake).values())
