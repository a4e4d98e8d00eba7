"""From S3 to the lake with redelivery, disorder, poison, throttling and a killed function: nothing lost, nothing doubled.

S3, its notifications, SQS and the function's calls are MiniStack's; the function is the very bundle that is deployed; the
Parquet job is the one that Glue runs, on plain pyspark over what the function wrote.
"""

import gzip
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runtime.local.ingest import ingest
from runtime.local.lake import Lake
from tests.conftest import VERSION
from tests.local.logs import event, path_of, write
from tests.pipeline.emulator import PYTHON, Emulator, Proxy, until
from tests.pipeline.lake import rows

pytest.importorskip("pyspark", reason="no pyspark here: pip install the lock requirements/spark.txt")
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(not PYTHON.exists(), reason="no MiniStack here: `make test` installs it beside the tests"),
]
LOGS, LAKE = "acme-logs", "acme-lake"
DAYS = ("2024-05-06", "2024-05-07", "2024-05-08", "2024-05-09", "2024-05-10")
POISON_DAYS = ("2024-02-01", "2024-02-02", "2024-02-03", "2024-02-04", "2024-02-05")
"""Of the bad files, and of no other: until their replay there is nothing in these folders."""
ACCOUNTS = ("111122223333", "444455556666")
POISON = (b"junk", gzip.compress(b'{"Records":[')[:-4], b"", b'{"Records":[{"eventID":"x"', gzip.compress(b"[1,"))
KILLED_AT, THROTTLE = 40, 9


def log_files(root: Path, count: int) -> list[Path]:
    """So many log files of four events: some late, some twice, a bad record in every hundredth file."""
    dice = random.Random(count)
    paths = []
    for number in range(count):
        day, account = DAYS[number % len(DAYS)], ACCOUNTS[number // 7 % len(ACCOUNTS)]
        records: list[Any] = [
            event(f"e{number:05d}-{n}", f"{day}T{dice.randrange(24):02d}:00:0{n}Z", account) for n in range(4)
        ]
        if number % 10 == 0:  # delivered twice
            records[3] = event(
                f"e{max(0, number - 10):05d}-0", f"{DAYS[max(0, number - 10) % len(DAYS)]}T12:00:00Z", account
            )
        if number % 50 == 1:  # late, by more than a month
            records[0]["eventTime"] = "2024-03-31T23:59:59Z"
        if number % 100 == 2:
            records[1] = b'{"eventID":"no time"}'
        paths.append(write(path_of(root, day, f"{number:x}", account), *records))
    return paths


@dataclass
class Pipeline:
    """The deployed part: buckets, queues, function."""

    s3: Any
    sqs: Any
    proxy: Proxy
    queue: str
    dlq: str
    killed: list[int]

    def waiting(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(value) for value in found.values())

    def keys(self, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=LAKE, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def marked(self) -> set[str]:
        """Days whose folders the job is told to look into."""
        return {Path(key).name.split(".")[0] for key in self.keys("flatfiles/_late/")}

    def settled(self, dead: int, flat: int, seconds: float) -> None:
        """Wait until nothing is under way: so many dead letters, so many flat files."""

        def there() -> bool:
            return (
                self.waiting(self.queue) == 0
                and self.waiting(self.dlq) == dead
                and len(self.keys("flatfiles/dt=")) == flat
            )

        try:
            until("the queue is empty", there, seconds)
        except AssertionError as error:
            found = (self.waiting(self.queue), self.waiting(self.dlq), len(self.keys("flatfiles/dt=")))
            raise AssertionError(f"{error}: waiting, dead, flat: {found}, not {(0, dead, flat)}") from None

    def download(self, folder: Path) -> Path:
        """The flat files and their marks, as a folder."""

        def fetch(key: str) -> None:
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.s3.get_object(Bucket=LAKE, Key=key)["Body"].read())

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(fetch, self.keys("flatfiles/")))
        return folder / "flatfiles"


@pytest.fixture
def pipeline(tmp_path_factory: pytest.TempPathFactory, zipped: Path) -> Iterator[Pipeline]:
    """One of its own for each test, which ends with the bucket's notifications switched off."""
    emulator = Emulator(tmp_path_factory.mktemp("emulator") / "state")
    killed: list[int] = []

    def on_put(number: int) -> None:
        if number == KILLED_AT:
            killed.append(emulator.kill_functions())

    proxy = Proxy(emulator.url, THROTTLE, on_put)
    try:
        s3, sqs, function = (emulator.client(name) for name in ("s3", "sqs", "lambda"))
        for bucket in (LOGS, LAKE):
            s3.create_bucket(Bucket=bucket)
        dlq = sqs.create_queue(QueueName="flattener-dlq")["QueueUrl"]
        redrive = {"deadLetterTargetArn": arn(sqs, dlq), "maxReceiveCount": 4}
        attributes = {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "12"}
        queue = sqs.create_queue(QueueName="flattener", Attributes=attributes)["QueueUrl"]
        role = "arn:aws:iam::000000000000:role/flattener"
        environment = {
            "TRAILSIGHT_OUTPUT_BUCKET": LAKE,
            "TRAILSIGHT_RESERVE_SECONDS": "2",
            "AWS_ENDPOINT_URL_S3": proxy.url,
        }
        function.create_function(
            FunctionName="flattener",
            Runtime=f"python{VERSION}",
            Role=role,
            Handler="runtime/lambda/handler.handle",
            Code={"ZipFile": zipped.read_bytes()},
            Timeout=10,
            MemorySize=256,
            Environment={"Variables": environment},
        )
        function.create_event_source_mapping(
            FunctionName="flattener",
            EventSourceArn=arn(sqs, queue),
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig={"MaximumConcurrency": 2},
        )
        rule = {
            "QueueArn": arn(sqs, queue),
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "AWSLogs/"}]}},
        }
        s3.put_bucket_notification_configuration(Bucket=LOGS, NotificationConfiguration={"QueueConfigurations": [rule]})
        yield Pipeline(s3, sqs, proxy, queue, dlq, killed)
        function.delete_function(FunctionName="flattener")
    finally:
        proxy.stop()
        emulator.stop()


def arn(sqs: Any, url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def spark_lake(source: Path, lake: Path) -> None:
    """A scheduled run: it looks where it looks by default."""
    from runtime.glue.job import main

    assert main(["--source", str(source), "--lake", str(lake)]) == 0


@pytest.mark.parametrize("files", [300, pytest.param(2000, marks=pytest.mark.long)])
def test_nothing_is_lost_and_nothing_doubled(
    files: int, pipeline: Pipeline, spark: Any, tmp_path: Path, capfd: Any
) -> None:
    """Log files put to S3 in disorder, told of twice, with poison among them, S3 throttling and the function killed.

    All of them are years old, and the job has run before: it looks into their folders because the flattener says so.
    """
    from typer.testing import CliRunner

    from cli.main import app

    logs = log_files(tmp_path / "logs", files)
    poison = [
        write(
            path_of(tmp_path / "logs", POISON_DAYS[n], f"bad{n}"), event(f"mended-{n}", f"{POISON_DAYS[n]}T01:00:00Z")
        )
        for n in range(5)
    ]
    mended = [path.read_bytes() for path in poison]
    for path, content in zip(poison, POISON, strict=True):
        path.write_bytes(content)
    keys = {path: str(path.relative_to(tmp_path / "logs")) for path in (*logs, *poison)}
    order = list(keys)
    random.Random(7).shuffle(order)

    def put(path: Path) -> None:
        pipeline.s3.put_object(Bucket=LOGS, Key=keys[path], Body=path.read_bytes())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, order))
    for path in order[:: files // 30]:  # SQS delivers at least once, CloudTrail tells by SNS as well
        body = {"s3Bucket": LOGS, "s3ObjectKey": [keys[path]]}
        pipeline.sqs.send_message(QueueUrl=pipeline.queue, MessageBody=json.dumps(body))
    told_twice = sum(path in poison for path in order[:: files // 30])
    pipeline.settled(dead=len(POISON) + told_twice, flat=files, seconds=600)
    assert pipeline.killed[0] >= 1
    assert pipeline.proxy.throttled > files // (2 * THROTTLE)

    spark_lake(tmp_path / "nothing yet", tmp_path / "lake")
    spark_lake(pipeline.download(tmp_path / "first"), tmp_path / "lake")
    for path in poison:
        path.unlink()
    ingest([str(tmp_path / "logs")], Lake(tmp_path / "local"), workers=1)
    assert rows(tmp_path / "lake") == rows(tmp_path / "local")
    assert sum(rows(tmp_path / "lake").values()) > files * 3

    assert pipeline.marked() == set(DAYS)
    # The cause is mended, without a new notification; then replay brings all of it back into the flow.
    pipeline.s3.put_bucket_notification_configuration(Bucket=LOGS, NotificationConfiguration={})
    for path, content in zip(poison, mended, strict=True):
        path.write_bytes(content)
        put(path)
    aside = set(pipeline.keys("quarantine/"))
    assert len(aside) == len(POISON) + files // 100
    arguments = ["replay", "--queue", pipeline.queue, "--dlq", pipeline.dlq, "--lake", f"s3://{LAKE}", "--json"]
    done = CliRunner(
        env={
            "AWS_ENDPOINT_URL": pipeline.s3.meta.endpoint_url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    ).invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"dead_letters": len(POISON) + told_twice, "quarantined": len(aside)}
    pipeline.settled(dead=0, flat=files + len(POISON), seconds=300)
    until("mended files have left quarantine", lambda: len(pipeline.keys("quarantine/")) == files // 100, 60)

    assert pipeline.marked() == {*DAYS, *POISON_DAYS}
    spark_lake(pipeline.download(tmp_path / "second"), tmp_path / "lake")
    ingest([str(tmp_path / "logs")], Lake(tmp_path / "local"), workers=1)
    assert rows(tmp_path / "lake") == rows(tmp_path / "local")
    assert {f"mended-{n}" for n in range(5)} <= {value for row in rows(tmp_path / "lake") for value in row}
