"""Every form in which AWS tells of a new log file names the same objects."""

import json

import pytest

from runtime.operations.queue import Key
from tests.lambda_.aws import LOGS, messages, notification

refs, Ref, UnknownMessage = messages.refs, messages.Ref, messages.UnknownMessage
ODD = "AWSLogs/a b+c%2B/é/x.json.gz"


def sns(message: str) -> str:
    return json.dumps(
        {"Type": "Notification", "TopicArn": "arn:aws:sns:eu-central-1:111122223333:t", "Message": message}
    )


TRAIL = json.dumps({"s3Bucket": LOGS, "s3ObjectKey": [ODD, "AWSLogs/2.json.gz"]})
EVENT = {
    "source": "aws.s3",
    "time": "2024-05-08T07:12:00Z",
    "detail": {"bucket": {"name": LOGS}, "object": {"key": ODD}},
}
VERSIONED = {**EVENT, "detail": {"bucket": {"name": LOGS}, "object": {"key": ODD, "version-id": "v1"}}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            notification(ODD, "AWSLogs/2.json.gz"),
            [Ref(LOGS, ODD, "2024-05-08"), Ref(LOGS, "AWSLogs/2.json.gz", "2024-05-08")],
        ),
        (sns(notification(ODD)), [Ref(LOGS, ODD, "2024-05-08")]),
        (json.dumps({**EVENT, "detail-type": "Object Created"}), [Ref(LOGS, ODD, "2024-05-08")]),
        (sns(json.dumps({**EVENT, "detail-type": "Object Created"})), [Ref(LOGS, ODD, "2024-05-08")]),
        (TRAIL, [Ref(LOGS, ODD), Ref(LOGS, "AWSLogs/2.json.gz")]),
        (sns(TRAIL), [Ref(LOGS, ODD), Ref(LOGS, "AWSLogs/2.json.gz")]),
        (json.dumps({"s3Bucket": LOGS, "s3ObjectKey": "one"}), [Ref(LOGS, "one")]),
        (json.dumps({"s3Bucket": LOGS, "s3ObjectKey": ["one"], "replace": True}), [Ref(LOGS, "one", None, True)]),
        (notification("same", "same"), [Ref(LOGS, "same", "2024-05-08")]),
        (notification("one", version="v1"), [Ref(LOGS, "one", "2024-05-08", version="v1")]),
        (notification("one", version="null"), [Ref(LOGS, "one", "2024-05-08")]),
        (json.dumps({**VERSIONED, "detail-type": "Object Created"}), [Ref(LOGS, ODD, "2024-05-08", version="v1")]),
        (Key(LOGS, ODD, "v1").message(replace=True), [Ref(LOGS, ODD, replace=True, version="v1")]),
        (Key(LOGS, ODD).message(replace=True, rebuild=True), [Ref(LOGS, ODD, replace=True, rebuild=True)]),
    ],
    ids=[
        "S3",
        "S3 in SNS",
        "EventBridge",
        "EventBridge in SNS",
        "trail",
        "trail in SNS",
        "one key",
        "replace",
        "twice",
        "S3, versioned",
        "S3, suspended",
        "EventBridge, versioned",
        "replay",
        "rebuild",
    ],
)
def test_every_form_names_its_objects(body, expected):
    """Keys of S3 notifications are decoded once, all others not at all; a version is named where there is one."""
    assert refs(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": LOGS}),
        sns(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": LOGS})),
        sns("CloudTrail validation message."),
        "CloudTrail validation message.",
        notification("x", event="ObjectRemoved:Delete"),
        json.dumps({**EVENT, "detail-type": "Object Deleted"}),
    ],
    ids=["test event", "test event in SNS", "validation in SNS", "validation", "removed", "deleted"],
)
def test_what_names_no_new_object_is_ignored(body):
    """Test events, CloudTrail's validation message and deletions succeed and name nothing."""
    assert refs(body) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "message is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[1]", "message is no JSON object but list"),
        ('{"b":1,"a":2}', "message of no known form, with a, b"),
        ("{}", "message of no known form, with nothing in it"),
        ('{"Records":[{"eventSource":"aws:ses"}]}', "message tells of 'aws:ses', not of aws:s3"),
        (
            '{"Records":[7]}',
            "message lacks what its form must have: AttributeError 'int' object has no attribute 'get'",
        ),
        (
            '{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put"}]}',
            "message lacks what its form must have: KeyError 's3'",
        ),
        (
            notification("x").replace('"key": "x"', '"key": "%FF"'),
            "an object's key is not UTF-8: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (
            json.dumps({"s3Bucket": LOGS, "s3ObjectKey": ["\ud800"]}),
            "an object's key is not UTF-8: 'utf-8' codec can't encode character '\\ud800' in position 0: surrogates not allowed",
        ),
        (
            json.dumps({"s3Bucket": LOGS, "s3ObjectKey": [""]}),
            "message names no object but bucket 'acme-logs' and key ''",
        ),
        (sns(sns(sns(sns(TRAIL)))), "message of no known form, with Message, TopicArn, Type"),
    ],
    ids=["cut", "array", "other", "empty", "other service", "number", "no s3", "bytes", "surrogate", "no key", "deep"],
)
def test_an_unknown_message_has_one_reason(body, reason):
    """What names no object and is not to be ignored is refused with its reason."""
    with pytest.raises(UnknownMessage) as refused:
        refs(body)
    assert str(refused.value) == reason
