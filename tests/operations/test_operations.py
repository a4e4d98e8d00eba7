"""Backfill, rebuild and replay against S3 and SQS on 127.0.0.1 (moto), as an operator types them."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from runtime.events.quarantine import EMPTY
from runtime.local.inputs import InputError
from runtime.operations import backfill, cost, rebuild, replay
from runtime.operations.queue import Key, Queue, QueueError
from tests.conftest import REPO
from tests.operations.permissions import Pair, documented, requested

LOGS, LAKE = "acme-logs", "acme-lake"
DAYS = ("2024/05/06", "2024/05/07", "2024/05/08")


def key(day: str, number: int, account: str = "111122223333") -> str:
    stamp = day.replace("/", "")
    name = f"{account}_CloudTrail_eu-central-1_{stamp}T0710Z_{number:016d}.json.gz"
    return f"AWSLogs/{account}/CloudTrail/eu-central-1/{day}/{name}"


KEYS = [key(day, number) for day in DAYS for number in range(4)]


class Aws:
    """The two services, an empty queue with its dead-letter queue, and twelve log files."""

    def __init__(self, url: str) -> None:
        import boto3

        self.s3, self.sqs = boto3.client("s3", endpoint_url=url), boto3.client("sqs", endpoint_url=url)
        for bucket in (LOGS, LAKE):
            self.s3.create_bucket(Bucket=bucket)
        self.dlq = self.sqs.create_queue(QueueName="dlq")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.dlq, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})}
        self.queue = self.sqs.create_queue(QueueName="queue", Attributes=policy)["QueueUrl"]
        for name in KEYS:
            self.s3.put_object(Bucket=LOGS, Key=name, Body=b"x" * 100)
        self.s3.put_object(Bucket=LOGS, Key=key(DAYS[0], 1).replace("CloudTrail", "CloudTrail-Digest"), Body=b"x")

    def bodies(self, url: str) -> list[dict[str, Any]]:
        """All messages, taken out."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def put(self, name: str, lines: list[dict[str, Any]]) -> None:
        self.s3.put_object(Bucket=LAKE, Key=name, Body="".join(json.dumps(line) + "\n" for line in lines).encode())


@pytest.fixture
def aws() -> Iterator[Aws]:
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        import boto3

        boto3.client("s3", endpoint_url=url)
        import urllib.request

        urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST"))
        from runtime.local import inputs

        inputs.client.cache_clear()
        yield Aws(url)
        inputs.client.cache_clear()
    server.stop()


def trailsight(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def backfilled(aws: Aws, *options: str, source: str = f"s3://{LOGS}/AWSLogs", rate: str = "1000") -> Any:
    """The command backfill, from the logs to the queue."""
    return trailsight("backfill", source, "--queue", aws.queue, "--rate", rate, *options)


def sent(body: dict[str, Any]) -> tuple[str, bool]:
    assert body["s3Bucket"] == LOGS
    [name] = body["s3ObjectKey"]
    return name, body.get("replace", False)


def test_a_dry_run_says_what_it_would_take_and_sends_nothing(aws):
    """Files, bytes, requests, money and hours; the digest is counted as skipped."""
    done = backfilled(aws, "--dry-run", "--json", rate="1")
    assert done.exit_code == 0, done.output
    plan = json.loads(done.stdout)
    assert {k: plan[k] for k in ("files", "bytes", "skipped")} == {"files": 12, "bytes": 1200, "skipped": {"digest": 1}}
    assert plan["requests"] == cost.of_log_files(12, 1200).requests == 2 + 3 * 2 + 6 * 12
    assert aws.bodies(aws.queue) == []
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=LAKE)


def test_backfill_sends_each_log_file_once(aws):
    """One message a log file of the days asked for; nothing is asked of the lake, where the flattener sets its marks."""
    done = backfilled(aws, "--from", "2024-05-07")
    assert (done.exit_code, done.stdout) == (0, "8 log files sent to the queue\n"), done.output
    assert sorted(map(sent, aws.bodies(aws.queue))) == [(name, False) for name in KEYS[4:]]
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=LAKE)


def test_backfill_replaces_where_it_is_told_to(aws):
    """With --replace, what has a flat file is flattened anew; and it is no rebuild, so that the next load reads it."""
    done = backfilled(aws, "--from", "2024-05-08", "--replace")
    assert (done.exit_code, done.stdout) == (0, "4 log files sent to the queue\n"), done.output
    bodies = sorted(aws.bodies(aws.queue), key=lambda body: body["s3ObjectKey"])
    assert bodies == [{"s3Bucket": LOGS, "s3ObjectKey": [name], "replace": True} for name in KEYS[8:]]


@pytest.mark.parametrize(
    ("prefix", "days", "why"),
    [
        ("AWSlogs", "2024-05-06", "no log file there: no file at all; check the path"),
        (
            "AWSLogs",
            "2025-05-06",
            "no log file within the selection: 0 files and 1 folder not asked for; widen {bounds}",
        ),
    ],
)
def test_where_there_is_no_log_file_nothing_is_begun(aws, monkeypatch, prefix, days, why):
    """A mistyped prefix, or days without log files: one sentence, and a rebuild does not start the job."""
    monkeypatch.setattr(rebuild, "run_job", pytest.fail)
    source = f"s3://{LOGS}/{prefix}"
    for done, bounds in (
        (backfilled(aws, "--from", days, source=source), "--from, --to, --account or --region"),
        (backfilled(aws, "--from", days, "--dry-run", source=source), "--from, --to, --account or --region"),
        (trailsight("rebuild", f"{days}..{days}", source, "--queue", aws.queue, "--job", "j"), "the days or --late"),
    ):
        assert isinstance(done.exception, InputError)
        assert str(done.exception) == f"{source}: {why.format(bounds=bounds)}"
    assert aws.bodies(aws.queue) == []


def test_a_stopped_backfill_goes_on_where_it_was(aws, tmp_path, monkeypatch):
    """SQS fails after the first batch; the same command again sends the rest and nothing twice."""
    state = tmp_path / "state.json"
    whole, calls = Queue._send, []

    def failing(self: Queue, bodies: list[str]) -> None:
        if calls:
            raise QueueError("stopped")
        calls.append(bodies)
        whole(self, bodies)

    monkeypatch.setattr(Queue, "_send", failing)
    assert isinstance(backfilled(aws, "--state", str(state)).exception, QueueError)
    monkeypatch.setattr(Queue, "_send", whole)
    done = backfilled(aws, "--state", str(state), "--json")
    assert json.loads(done.stdout)["sent"] == 2
    assert sorted(map(sent, aws.bodies(aws.queue))) == [(name, False) for name in KEYS]
    assert json.loads(backfilled(aws, "--state", str(state), "--json").stdout)["sent"] == 0


def test_a_state_of_another_backfill_is_refused(aws, tmp_path):
    """A state file is for one source, selection, queue and way to send; a damaged one is named."""
    state = tmp_path / "state.json"
    backfill.State(state, "other").sent("s3://x")
    assert "is the state of another backfill" in str(backfilled(aws, "--state", str(state)).exception)
    state.unlink()
    assert backfilled(aws, "--state", str(state)).exit_code == 0
    assert "is the state of another" in str(backfilled(aws, "--state", str(state), "--replace").exception)
    staging = ("backfill", f"s3://{LOGS}/AWSLogs", "--queue", aws.dlq, "--state", str(state))
    assert "is the state of another" in str(trailsight(*staging).exception)
    state.write_text("{")
    assert "is not the state of a backfill" in str(backfilled(aws, "--state", str(state)).exception)


@pytest.mark.parametrize("form", ["CSV", "Parquet"])
def test_an_inventory_gives_what_a_listing_gives(aws, form):
    """Keys of a report, URL-encoded in CSV; old versions and delete markers are passed over."""
    names = [*KEYS[:3], "a+b/" + KEYS[3]]
    if form == "CSV":
        text = io.StringIO()
        table = csv.writer(text, quoting=csv.QUOTE_ALL)
        for name in names:
            table.writerow([LOGS, name.replace("+", "%2B"), "true", "false", "100"])
        table.writerow([LOGS, KEYS[5], "false", "false", "100"])
        table.writerow([LOGS, KEYS[6], "true", "true", ""])
        body, schema = gzip.compress(text.getvalue().encode()), "Bucket, Key, IsLatest, IsDeleteMarker, Size"
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        made = io.BytesIO()
        latest, marker = [True] * 4 + [False, True], [False] * 5 + [True]
        columns = {
            "bucket": [LOGS] * 6,
            "key": [*names, KEYS[5], KEYS[6]],
            "is_latest": latest,
            "is_delete_marker": marker,
            "size": [100] * 6,
        }
        pq.write_table(pa.table(columns), made)
        body, schema = made.getvalue(), "message s3.inventory { required binary bucket; }"
    aws.s3.put_object(Bucket=LAKE, Key="inventory/data", Body=body)
    manifest = {
        "destinationBucket": f"arn:aws:s3:::{LAKE}",
        "fileFormat": form,
        "fileSchema": schema,
        "files": [{"key": "inventory/data"}],
    }
    aws.s3.put_object(Bucket=LAKE, Key="inventory/manifest.json", Body=json.dumps(manifest).encode())
    done = backfilled(aws, "--inventory", source=f"s3://{LAKE}/inventory/manifest.json")
    assert done.exit_code == 0, done.output
    assert sorted(sent(body)[0] for body in aws.bodies(aws.queue)) == sorted(names)


def test_replay_brings_back_dead_letters_and_quarantined_files(aws):
    """A dead letter becomes a message per log file, to be flattened anew; one that names none goes back as it is.

    Of log files that are gone, or have no records, there is nothing to flatten.
    """
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": LOGS}, "object": {"key": "a%2Bb", "versionId": "v1"}},
    }
    for body in (json.dumps({"Records": [record]}), "no JSON"):
        aws.sqs.send_message(QueueUrl=aws.dlq, MessageBody=body)
    aws.put(
        "quarantine/dt=2024-05-06/x.jsonl", [{"kind": "record", "reason": "r", "source": f"s3://{LOGS}/{KEYS[0]}"}] * 2
    )
    for number, (kind, reason) in enumerate([("missing", "gone"), ("file", EMPTY)], 1):
        line = {"kind": kind, "reason": reason, "source": f"s3://{LOGS}/{KEYS[number]}"}
        aws.put(f"quarantine/dt=2024-05-06/{number}.jsonl", [line])
    arguments = ("replay", "--queue", aws.queue, "--dlq", aws.dlq, "--lake", f"s3://{LAKE}", "--json")
    dry = json.loads(trailsight(*arguments, "--dry-run").stdout)
    assert dry == {"dead_letters": 2, "quarantined": 1, "reasons": {f"s3://{LOGS}/{KEYS[0]}": "r"}}
    done = trailsight(*arguments)
    assert json.loads(done.stdout) == {"dead_letters": 2, "quarantined": 1}
    found = []
    while messages := aws.sqs.receive_message(QueueUrl=aws.queue, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in messages]
    assert sorted(found) == sorted(
        [Key(LOGS, "a+b", "v1").message(replace=True), "no JSON", Key(LOGS, KEYS[0]).message(replace=True)]
    )
    assert aws.bodies(aws.dlq) == []


class FakeGlue:
    """Job runs that go through the given states."""

    def __init__(self, *states: str) -> None:
        self.states, self.started = list(states), []

    def start_job_run(self, **arguments: Any) -> dict[str, str]:
        self.started.append(arguments)
        return {"JobRunId": "jr_1"}

    def get_job_run(self, **_: Any) -> dict[str, Any]:
        return {"JobRun": {"JobRunState": self.states.pop(0), "ErrorMessage": "no space"}}


@pytest.fixture
def glue(monkeypatch) -> FakeGlue:
    """The job's runs, of which the first ends well; the queue is asked at once."""
    from cli import operate

    fake, real = FakeGlue("STARTING", "RUNNING", "SUCCEEDED"), operate._Clients.__call__
    monkeypatch.setattr(
        operate._Clients, "__call__", lambda self, service: fake if service == "glue" else real(self, service)
    )
    monkeypatch.setattr(rebuild, "POLL_SECONDS", 0.001)
    return fake


def rebuilt(aws: Aws, *options: str) -> Any:
    """The command rebuild of the first day."""
    days, source = "2024-05-06..2024-05-06", f"s3://{LOGS}/AWSLogs"
    return trailsight("rebuild", days, source, "--queue", aws.queue, "--job", "parquet", "--rate", "1000", *options)


def flattener(aws: Aws, monkeypatch: pytest.MonkeyPatch, fails: int = 0) -> list[dict[str, Any]]:
    """What it takes out of the queue, from the first look at it on; of that, so many messages fail for good."""
    taken, whole = [], Queue.waiting

    def waiting(self: Queue) -> int:
        found = aws.bodies(aws.queue) if self.url == aws.queue else []
        for body in found[:fails]:
            aws.sqs.send_message(QueueUrl=aws.dlq, MessageBody=json.dumps(body))
        taken.extend(found)
        return whole(self)

    monkeypatch.setattr(Queue, "waiting", waiting)
    return taken


def test_rebuild_flattens_anew_then_has_the_job_replace_the_days(aws, glue, monkeypatch):
    """The day's log files and those of some days after go out with `replace`; then the job runs with --rebuild.

    Dead letters that were there before are not its own.
    """
    aws.sqs.send_message(QueueUrl=aws.dlq, MessageBody="x")
    taken = flattener(aws, monkeypatch)
    done = rebuilt(aws, "--late", "1")
    said = "8 log files flattened anew; parquet replaced 2024-05-06..2024-05-06 in run jr_1\n"
    assert (done.exit_code, done.stdout) == (0, said), done.output
    assert sorted(map(sent, taken)) == [(name, True) for name in KEYS[:8]]
    assert all(body["rebuild"] for body in taken)
    assert glue.started == [{"JobName": "parquet", "Arguments": {"--rebuild": "2024-05-06..2024-05-06"}}]


def test_a_rebuild_says_what_failed(aws, glue, monkeypatch):
    """Messages that end as dead letters leave the queue, too; the job runs, since it keeps the rows of such files."""
    aws.sqs.send_message(QueueUrl=aws.dlq, MessageBody="x")
    flattener(aws, monkeypatch, fails=2)
    done = rebuilt(aws)
    assert done.exit_code == 3
    assert done.stdout == (
        "12 log files sent, 2 messages failed: see the dead letters, then run this again;"
        " parquet replaced 2024-05-06..2024-05-06 in run jr_1\n"
    )
    assert len(glue.started) == 1


def test_the_queue_is_empty_after_a_quiet_minute(monkeypatch):
    """SQS counts approximately: one look that finds something begins the minute anew."""
    counts, pauses = [0, 0, 3, 0, 0, 0, 0, 0, 7], []
    monkeypatch.setattr(Queue, "waiting", lambda _: counts.pop(0))
    rebuild.wait_until_empty(Queue("q", None), most_seconds=3600, pause=pauses.append)
    assert (counts, sum(pauses[3:])) == ([7], 60)


def test_a_job_that_fails_is_said(aws):
    """The run, its end and why; and the queue that does not empty."""
    said = (
        "run jr_1 ended as FAILED: no space; each day is as it was, or the job's next run completes it: start the job"
    )
    with pytest.raises(rebuild.RebuildError, match=said):
        rebuild.run_job("parquet", "a", "b", FakeGlue("RUNNING", "FAILED"), pause=lambda _: None)
    aws.sqs.send_message(QueueUrl=aws.queue, MessageBody="x")
    with pytest.raises(rebuild.RebuildError, match="1 messages still wait after 45 s"):
        rebuild.wait_until_empty(Queue(aws.queue, aws.sqs), most_seconds=45, pause=lambda _: None)


class FakeSqs:
    """SQS that takes only part of a batch, so often."""

    def __init__(self, refusals: int, **failure: Any) -> None:
        self.refusals, self.failure, self.taken = refusals, failure, []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: ARG002, N803
        if self.refusals:
            self.refusals -= 1
            self.taken += [entry["MessageBody"] for entry in Entries[1:]]
            return {"Failed": [{"Id": Entries[0]["Id"], "Code": "X", **self.failure}]}
        self.taken += [entry["MessageBody"] for entry in Entries]
        return {}


def test_what_sqs_did_not_take_is_sent_again_and_no_other():
    """Failed entries of a batch go out once more; a fault of the sender, or no end of it, is one sentence."""
    sqs = FakeSqs(2)
    Queue("q", sqs, pause=lambda _: None).post(["a", "b", "c"])
    assert sorted(sqs.taken) == ["a", "b", "c"]
    with pytest.raises(QueueError, match="q: SQS refuses a message: too long"):
        Queue("q", FakeSqs(1, SenderFault=True, Message="too long"), pause=lambda _: None).post(["a"])
    with pytest.raises(QueueError, match="q: SQS took 5 tries and still not all messages; run the command again"):
        Queue("q", FakeSqs(9), pause=lambda _: None).post(["a"])


def test_the_rate_is_kept():
    """At two a second, the third batch of ten waits ten seconds in all."""
    pauses = []
    queue = Queue("q", FakeSqs(0), pause=pauses.append)
    assert [len(batch) for batch in queue.send((Key("b", str(n)) for n in range(25)), rate=2)] == [10, 10, 5]
    assert [round(pause) for pause in pauses] == [5, 10]


class FakeLetters:
    """A dead-letter queue of messages that name as many log files as given; notes when each batch is received."""

    def __init__(self, *files: int) -> None:
        self.left, self.events = list(files), []

    def receive_message(self, **_: Any) -> dict[str, Any]:
        self.events.append("receive")
        now, self.left = self.left[:10], self.left[10:]
        bodies = [json.dumps({"s3Bucket": LOGS, "s3ObjectKey": [f"k{n}" for n in range(count)]}) for count in now]
        return {"Messages": [{"Body": body, "ReceiptHandle": "r"} for body in bodies]} if bodies else {}

    def delete_message_batch(self, **_: Any) -> None:
        self.events.append("delete")


def test_the_rate_is_kept_for_dead_letters():
    """A message of three log files is three; the wait comes while no message is in hand, which would come again."""
    letters = FakeLetters(*[3] * 12)
    dlq = Queue("dlq", letters, pause=lambda seconds: letters.events.append(round(seconds)))
    target = FakeSqs(0)
    assert replay.dead_letters(dlq, Queue("q", target), rate=2) == 12
    assert len(target.taken) == 36
    assert letters.events == ["receive", "delete", 15, "receive", "delete", 18, "receive", 18, "receive"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("backfill", "logs", "--queue", "q"), "logs: is not in S3; name s3://bucket/prefix"),
        (
            ("rebuild", "2024-05-06", "s3://l", "--queue", "q", "--job", "j"),
            "'2024-05-06' is not a range of days; write FROM..TO",
        ),
        (("rebuild", "2024-05-07..2024-05-06", "s3://l", "--queue", "q", "--job", "j"), "ends before it begins"),
        (("replay", "--queue", "q"), "name what to replay"),
        (("replay", "--queue", "q", "--lake", "lake"), "lake: is not a lake in S3"),
    ],
)
def test_wrong_use_is_one_sentence(arguments, sentence):
    """Exit 2 with the cure."""
    done = trailsight(*arguments)
    assert done.exit_code == 2
    assert sentence in " ".join(done.output.replace("│", " ").split())


def test_what_aws_refuses_is_one_sentence():
    """No Region, no credentials, no such queue: exit 1 and no traceback."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    command = [sys.executable, "-m", "cli", "replay", "--queue", "q", "--dlq", "d"]
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == ("trailsight: You must specify a region; check names, --profile, --role-arn and AWS_REGION\n")


def test_the_documented_rights_are_those_that_the_commands_use(aws, monkeypatch):
    """docs/operations.md lists for each command all that it asks AWS for, and nothing else."""
    import boto3
    from botocore.client import BaseClient

    inventory = "acme-inventory"
    names = {LOGS: "log bucket", LAKE: "lake bucket", inventory: "bucket of the inventory"}
    names |= {aws.queue: "queue", aws.dlq: "dead-letter queue"}
    aws.s3.create_bucket(Bucket=inventory)
    rows = gzip.compress(f'"{LOGS}","{KEYS[0]}","100"\n'.encode())
    report = {"fileFormat": "CSV", "fileSchema": "Bucket, Key, Size", "files": [{"key": "data"}]}
    aws.s3.put_object(Bucket=inventory, Key="data", Body=rows)
    aws.s3.put_object(Bucket=inventory, Key="manifest.json", Body=json.dumps(report).encode())
    aws.sqs.send_message(QueueUrl=aws.dlq, MessageBody="x")
    aws.put("quarantine/dt=2024-05-06/x.jsonl", [{"kind": "file", "reason": "r", "source": f"s3://{LOGS}/{KEYS[0]}"}])
    boto3.client("glue").create_job(Name="job", Role="r", Command={"Name": "glueetl"})
    asked: dict[str, set[Pair]] = {"backfill": set(), "rebuild": set(), "replay": set()}
    whole = BaseClient._make_api_call

    def recorded(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        asked[command].update(requested(operation, parameters, names))
        counted = "ApproximateNumberOfMessages" in parameters.get("AttributeNames", ())
        if counted and parameters["QueueUrl"] == aws.queue:
            whole(self, "PurgeQueue", {"QueueUrl": aws.queue})  # the flattener, which has taken all
        return whole(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    monkeypatch.setattr(rebuild, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(rebuild, "QUIET_POLLS", 1)
    logs, lake, queue = f"s3://{LOGS}/AWSLogs", ("--lake", f"s3://{LAKE}"), ("--queue", aws.queue, "--rate", "1000")
    for command, *arguments in (
        ("backfill", logs),
        ("backfill", f"s3://{inventory}/manifest.json", "--inventory"),
        ("replay", "--dlq", aws.dlq, *lake, "--dry-run"),
        ("replay", "--dlq", aws.dlq, *lake),
        ("rebuild", "2024-05-06..2024-05-06", logs, "--job", "job"),
    ):
        done = trailsight(command, *arguments, *queue)
        assert done.exit_code == 0, (done.output, done.exception)
    assert asked == documented()
