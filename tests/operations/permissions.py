"""The table of permissions in docs/operations.md, and requests to AWS, as the same pairs of an action and what it is on."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.conftest import REPO

Pair = tuple[str, str]
_LINE = re.compile(r"^\| (`[a-z`, ]+`) \| (`[a-z0-9]+:.*?) \| (.*?) \|$", re.MULTILINE)
_QUEUES = {
    "SendMessageBatch": "sqs:SendMessage",
    "ReceiveMessage": "sqs:ReceiveMessage",
    "DeleteMessageBatch": "sqs:DeleteMessage",
    "GetQueueAttributes": "sqs:GetQueueAttributes",
}
# What S3 asks of the lake's key in the caller's name: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
_KEYS = {"s3:GetObject": "kms:Decrypt", "s3:PutObject": "kms:GenerateDataKey"}


def documented() -> dict[str, set[Pair]]:
    """What a command needs, by its name."""
    found: dict[str, set[Pair]] = defaultdict(set)
    for commands, actions, on in _LINE.findall((REPO / "docs/operations.md").read_text()):
        for command in re.findall(r"`(.*?)`", commands):
            for action in re.findall(r"`(.*?)`", re.sub(r"\(.*?\)", "", actions)):
                pair = action, re.sub(r" \(.*?\)", "", on)
                assert pair not in found[command], f"{pair} stands twice in the table for {command}"
                found[command].add(pair)
    return dict(found)


def requested(operation: str, parameters: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Pair]:
    """What IAM is asked for a request of boto3; `names` says what a bucket or a queue's URL is.

    An operation that is not known here fails: it may need another right.
    """
    match operation:
        case "ListObjectsV2":
            yield "s3:ListBucket", names[parameters["Bucket"]]
        case "GetObject" | "PutObject":
            action, bucket = f"s3:{operation}", names[parameters["Bucket"]]
            if bucket == "lake bucket":
                folder = re.match(r"[a-z]+/", parameters["Key"])
                yield action, f"{bucket}, `{folder and folder[0]}`"
                yield _KEYS[action], "key of the lake"
            else:
                yield action, bucket
        case "StartJobRun" | "GetJobRun":
            yield f"glue:{operation}", "job"
        case _:
            yield _QUEUES[operation], names[parameters["QueueUrl"]]
