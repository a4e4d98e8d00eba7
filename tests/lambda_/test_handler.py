"""A batch: what is done stays done, what is not comes again, with one reason, and in time."""

import gzip
import json
import urllib.request
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from tests.lambda_.aws import LAKE, LOGS, Context, FakeS3, failure, flattener, key, name, notification
from tests.local.logs import encode, event


def log(*records) -> bytes:
    return gzip.compress(b'{"Records":[' + b",".join(map(encode, records)) + b"]}", mtime=0)


def flat(unique: str) -> str:
    return f"flatfiles/dt=2024-05-06/{name(unique=unique)}"


@pytest.fixture
def handler(monkeypatch):
    """The handler module, with settings of its own: another test may have imported it with other ones."""
    monkeypatch.setenv("TRAILSIGHT_OUTPUT_BUCKET", LAKE)
    module = import_module("runtime.lambda.handler")
    monkeypatch.setattr(module, "SETTINGS", module.Settings.read({"TRAILSIGHT_OUTPUT_BUCKET": LAKE}))
    return module


@pytest.fixture
def s3(handler, monkeypatch) -> FakeS3:
    client = FakeS3()
    made = flattener(client)
    monkeypatch.setattr(handler, "flattener", lambda: made)
    return client


def batch(*bodies: str) -> dict:
    return {"Records": [{"messageId": f"m{n}", "body": body} for n, body in enumerate(bodies, 1)]}


def failures(answer: dict) -> list[str]:
    assert list(answer) == ["batchItemFailures"]
    return [failed["itemIdentifier"] for failed in answer["batchItemFailures"]]


def printed(capsys) -> tuple[list[dict], dict]:
    """Log lines, and the metrics, which are the last."""
    *lines, metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return lines, metrics


def test_only_what_failed_comes_again(handler, s3, capsys):
    """A bad file, an unknown message and a denied one fail alone; each says why; the good ones are written."""
    for unique in "abc":
        s3.add(LOGS, key(unique=unique), log(event(unique)))
    s3.add(LOGS, key(unique="bad"), b"PK")
    s3.fail["get"].extend([None, None, failure(403, "AccessDenied", "GetObject")])
    answer = handler.handle(
        batch(
            notification(key(unique="a")),
            notification(key(unique="bad")),
            notification(key(unique="b")),
            "{}",
            notification(key(unique="c")),
        ),
        Context(),
    )
    assert failures(answer) == ["m2", "m3", "m4"]
    assert [k for k in s3.written() if k.startswith("flat")] == [flat("a"), flat("c")]
    lines, metrics = printed(capsys)
    assert [(line["level"], line["event"], line["messageId"]) for line in lines] == [
        ("INFO", "written", "m1"),
        ("ERROR", "failed", "m2"),
        ("ERROR", "failed", "m3"),
        ("ERROR", "failed", "m4"),
        ("INFO", "written", "m5"),
    ]
    assert lines[1]["reason"] == "not CloudTrail: it begins with b'PK'"
    assert lines[1]["source"] == f"s3://{LOGS}/{key(unique='bad')}"
    assert lines[2]["reason"].startswith(f"reading s3://{LOGS}/{key(unique='b')}: An error occurred (AccessDenied)")
    assert lines[3]["reason"] == "message of no known form, with nothing in it"
    assert (metrics["Files"], metrics["FilesFailed"], metrics["Records"]) == (2, 3, 2)


def test_one_bad_file_does_not_keep_the_message_from_the_others(handler, s3):
    """All objects of a message are tried; the message comes again, and then only the bad one is left."""
    s3.add(LOGS, key(unique="bad"), b"PK")
    s3.add(LOGS, key(unique="good"), log(event("e1")))
    message = batch(notification(key(unique="bad"), key(unique="good")))
    assert failures(handler.handle(message, Context())) == ["m1"]
    assert flat("good") in s3.written()
    s3.add(LOGS, key(unique="bad"), log(event("e2")))
    assert failures(handler.handle(message, Context())) == []
    assert {flat("good"), flat("bad")} <= set(s3.written())


def test_messages_are_given_back_before_the_timeout(handler, s3, capsys):
    """With less than the reserve left, the rest of the batch is given back untouched, without being called failed."""
    for unique in "abc":
        s3.add(LOGS, key(unique=unique), log(event(unique)))
    message = batch(*(notification(key(unique=unique)) for unique in "abc"))
    assert failures(handler.handle(message, Context(300, 300, 19.9))) == ["m2", "m3"]
    assert s3.written() == [flat("a")]
    lines, metrics = printed(capsys)
    assert [line["event"] for line in lines] == ["written", "given back", "given back"]
    assert lines[1]["reason"] == "19.9 s left before the timeout"
    assert (metrics["MessagesGivenBack"], metrics["FilesFailed"]) == (2, 0)


def test_a_bug_is_no_silence(handler, s3, monkeypatch, capsys):
    """What nobody foresaw is reported by its type, and the message comes again."""
    s3.add(LOGS, key(), log(event("e1")))
    monkeypatch.setattr(s3, "get_object", lambda **_: {}["Body"])
    assert failures(handler.handle(batch(notification(key())), Context())) == ["m1"]
    assert printed(capsys)[0][0]["reason"] == "KeyError: 'Body'"


def test_what_is_to_ignore_or_to_skip_succeeds(handler, s3, capsys):
    """Test events, missing and empty files and digests do not come again; each is counted."""
    s3.add(LOGS, key(unique="empty"), log())
    digest = key().replace("CloudTrail", "CloudTrail-Digest")
    answer = handler.handle(
        batch(
            json.dumps({"Event": "s3:TestEvent"}),
            notification(key(unique="gone")),
            notification(key(unique="empty")),
            notification(digest, "AWSLogs/readme.txt"),
        ),
        Context(),
    )
    assert failures(answer) == []
    lines, metrics = printed(capsys)
    assert [(line["level"], line["event"]) for line in lines] == [("WARN", "missing"), ("WARN", "empty")]
    assert (metrics["FilesMissing"], metrics["FilesEmpty"], metrics["FilesSkipped"]) == (1, 1, 2)
    assert metrics["skipped"] == {"digest": 1, "no log": 1}


def test_metrics_are_cloudwatchs_embedded_format(handler, s3, capsys):
    """Namespace, dimension, units, and only values that are there: numbers, or up to 100 of them."""
    s3.add(LOGS, key(), log(event("e1"), b"{}"))
    handler.handle(batch(notification(key())), Context())
    _, metrics = printed(capsys)
    [directive] = metrics["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Trailsight", [["FunctionName"]])
    assert metrics["FunctionName"] == "flattener"
    units = {m["Name"]: m["Unit"] for m in directive["Metrics"]}
    assert units == {n: unit for n, (unit, _) in import_module("runtime.lambda.report").METRICS.items()}
    size = len(s3.objects[LOGS, key()]["Body"])
    counts = {n: metrics[n] for n in units if n not in ("Seconds", "DeliveryLag", "BytesWritten")}
    assert counts == {
        "Files": 1,
        "FilesFailed": 0,
        "FilesEmpty": 0,
        "FilesMissing": 0,
        "FilesSkipped": 0,
        "MessagesGivenBack": 0,
        "Records": 2,
        "Quarantined": 1,
        "BytesRead": size,
    }
    assert metrics["BytesWritten"] == len(s3.objects[LAKE, f"flatfiles/dt=2024-05-06/{name()}"]["Body"])
    assert len(metrics["Seconds"]) == len(metrics["DeliveryLag"]) == 1
    assert metrics["DeliveryLag"][0] > 86_400  # the fake's log files are of 2024


def test_a_thousand_files_are_one_line_of_metrics(handler, s3, capsys):
    """A series is cut to what the format takes, and the sums are of all."""
    for n in range(101):
        s3.add(LOGS, key(unique=f"{n:03d}"), log(event("e1")))
    handler.handle(batch(notification(*(key(unique=f"{n:03d}") for n in range(101)))), Context())
    lines, metrics = printed(capsys)
    assert (len(lines), metrics["Files"], len(metrics["Seconds"])) == (101, 101, 100)


def test_log_lines_cannot_be_forged(handler, s3, capsys):
    """A file's name and content with line ends, colours and foreign letters stay in one ASCII line, cut in length."""
    odd = 'AWSLogs/\x1b[31m\n{"level":"INFO"}\u202e' + "x" * 2_000 + ".json"
    s3.add(LOGS, odd, b"\x1b[2J\r\n")
    handler.handle(batch(notification(odd)), Context())
    out = capsys.readouterr().out
    assert out.count("\n") == 2
    assert out.isascii()
    assert "\x1b" not in out
    assert len(json.loads(out.splitlines()[0])["source"]) == 1_000


def test_an_unusable_environment_stops_the_import(handler, monkeypatch):
    """The function does not start with settings it cannot use."""
    import subprocess
    import sys

    from tests.conftest import REPO

    run = subprocess.run(
        [sys.executable, "-c", "import importlib; importlib.import_module('runtime.lambda.handler')"],
        cwd=REPO,
        env={"PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "runtime.lambda.settings.SettingsError: TRAILSIGHT_OUTPUT_BUCKET must be the name of a bucket, and is not set"
    )


@pytest.fixture
def moto() -> Iterator[str]:
    """Address of an empty S3 on 127.0.0.1 (moto, which keeps one state for all servers of a process)."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST"))
    yield url
    server.stop()


@pytest.fixture
def client(handler, moto, monkeypatch) -> Iterator[Any]:
    """The function's own S3 client, which the next invocation takes too, and both buckets."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    handler.flattener.cache_clear()
    client = handler.s3_client()
    for bucket in (LOGS, LAKE):
        client.create_bucket(Bucket=bucket)
    yield client
    handler.flattener.cache_clear()


def test_the_sdks_own_client_does_it(handler, client):
    """Through boto3 against an S3: the object, its metadata, a second message, a second file of the name, a miss."""
    for prefix, identity in (("", "e1"), ("a+b é/", "e2")):
        client.put_object(Bucket=LOGS, Key=key(prefix=prefix), Body=log(event(identity), b"{}"))
    messages = batch(*(notification(key(prefix=prefix)) for prefix in ("", "a+b é/", "", "gone/")))
    assert failures(handler.handle(messages, Context())) == []
    listed = client.list_objects_v2(Bucket=LAKE, Prefix="flatfiles/dt=")["Contents"]
    found = {}
    for item in listed:
        got = client.get_object(Bucket=LAKE, Key=item["Key"])
        lines = [json.loads(line) for line in gzip.decompress(got["Body"].read()).splitlines()]
        found[got["Metadata"]["source"]] = ([line["eventid"] for line in lines], got["Metadata"]["records"])
    assert found == {
        f"s3://{LOGS}/{key()}": (["e1"], "2"),
        f"s3://{LOGS}/a%2Bb%20%C3%A9/{key()}": (["e2"], "2"),
    }
    assert client.list_objects_v2(Bucket=LAKE, Prefix="quarantine/")["KeyCount"] == 3


def test_the_sdks_own_client_reads_the_version(handler, client):
    """In a versioned bucket: a content that was overwritten, and one whose object was deleted, are both flattened."""
    client.put_bucket_versioning(Bucket=LOGS, VersioningConfiguration={"Status": "Enabled"})
    versions = [
        client.put_object(Bucket=LOGS, Key=key(), Body=log(event(identity)))["VersionId"] for identity in ("e1", "e2")
    ]
    client.delete_object(Bucket=LOGS, Key=key())
    messages = batch(*(notification(key(), version=version) for version in versions))
    assert failures(handler.handle(messages, Context())) == []
    found = []
    for item in client.list_objects_v2(Bucket=LAKE, Prefix="flatfiles/dt=")["Contents"]:
        got = client.get_object(Bucket=LAKE, Key=item["Key"])
        found += [json.loads(line)["eventid"] for line in gzip.decompress(got["Body"].read()).splitlines()]
    assert sorted(found) == ["e1", "e2"]
