"""One Spark session for all tests of the Parquet job, and short ways to run it and to look at its lake."""

import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

SPARK = {"TRAILSIGHT_SPARK_MEMORY": "1200m"}
# The tests' plans are many and small: what the second compiler gains is less than it costs.
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xss4m"


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/glue/" in str(item.path):
            item.add_marker(pytest.mark.timeout(600))  # a cold JVM on a busy machine


@pytest.fixture(scope="session")
def spark():
    """The session that `plain` then takes for its own."""
    pytest.importorskip("pyspark", reason="no pyspark here: pip install the lock requirements/spark.txt")
    from runtime.glue import session

    os.environ.update(SPARK)
    os.environ["JDK_JAVA_OPTIONS"] = JAVA
    with session.plain() as found:
        yield found


class Job:
    """A source and a lake, and the job between them."""

    def __init__(self, root: Path) -> None:
        self.source, self.lake = root / "flatfiles", root / "lake"
        self.source.mkdir(parents=True)

    def run(self, *arguments: str, source: Path | None = None) -> dict:
        """Run the job over all folders; its metrics record, the last one: a dead run may have left one too."""
        from runtime.glue.job import main

        given = [] if {"--folders", "--days", "--rebuild"} & set(arguments) else ["--days", "9999"]
        before = set(self.records())
        assert main(["--source", str(source or self.source), "--lake", str(self.lake), *given, *arguments]) == 0
        return max(map(json.loads, set(self.records()) - before), key=lambda record: record["run"])

    def compact(self, *arguments: str) -> list[dict]:
        from runtime.glue.job import main

        before = set(self.records())
        assert main(["--task", "compact", "--lake", str(self.lake), *arguments]) == 0
        return [json.loads(line) for line in sorted(set(self.records()) - before)]

    def records(self) -> list[str]:
        return [line for path in sorted(self.lake.glob("metrics/dt=*/*.json")) for line in path.open()]

    def files(self) -> list[str]:
        """Parquet files of the lake, `eventdate=.../name`."""
        return sorted(str(p.relative_to(self.lake / "parquettrails")) for p in self.lake.glob("parquettrails/*/*"))

    def rows(self, *names: str) -> list[tuple]:
        """(day of the folder, the named columns) of every row, sorted."""
        return sorted(
            (path.parent.name.removeprefix("eventdate="), *row.values())
            for path in self.lake.glob("parquettrails/eventdate=*/*.parquet")
            for row in pq.read_table(path, columns=list(names), partitioning=None).to_pylist()
        )

    def quarantine(self) -> list[dict]:
        return [json.loads(line) for p in sorted(self.lake.glob("quarantine/*/*/*.jsonl")) for line in p.open()]

    def left(self) -> list[str]:
        """What runs left in their staging folders."""
        return [str(p) for p in (self.lake / "_job").rglob("*") if p.is_file()]


@pytest.fixture
def job(spark, tmp_path: Path) -> Job:
    return Job(tmp_path)


@pytest.fixture(scope="module")
def s3():
    """boto3 client of a moto server on a free port; boto3 in this process talks to that while the module's tests run."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield boto3.client("s3")
    server.stop()
