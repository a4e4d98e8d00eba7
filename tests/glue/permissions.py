"""The table of permissions in docs/parquet-job.md, and requests to S3 and CloudWatch, as the same pairs."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from tests.conftest import REPO

Pair = tuple[str, str]
"""An IAM action, and what it is on: a folder of the lake's bucket (`_job/`), a bare name there, or `bucket` and so on."""
_LINE = re.compile(r"^\| (`[a-z0-9]+:.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)
_OBJECTS = {
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "UploadPartCopy": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
}
_BUCKETS = {"ListObjectsV2": "s3:ListBucket", "ListMultipartUploads": "s3:ListBucketMultipartUploads"}


def documented() -> dict[Pair, set[str]]:
    """Who needs it, by pair."""
    found: dict[Pair, set[str]] = defaultdict(set)
    for actions, on, who in _LINE.findall((REPO / "docs/parquet-job.md").read_text()):
        without_remarks = re.sub(r"\(.*?\)", "", on)
        for action in re.findall(r"`(.*?)`", actions):
            for name in re.findall(r"`(.*?)`", without_remarks) or [without_remarks]:
                assert who not in found[action, name], f"{action} on {name} stands twice in the table"
                found[action, name].add(who)
    return dict(found)


def requested(operation: str, parameters: Mapping[str, Any]) -> Iterator[Pair]:
    """What IAM is asked for a request of boto3. An operation that is not known here fails: it may need another right."""
    match operation:
        case "DeleteObjects":
            yield from (("s3:DeleteObject", folder(key["Key"])) for key in parameters["Delete"]["Objects"])
        case "PutMetricData":
            yield "cloudwatch:PutMetricData", parameters["Namespace"]
        case _ if operation in _BUCKETS:
            yield _BUCKETS[operation], "bucket"
        case _:
            yield _OBJECTS[operation], folder(parameters["Key"])
            if operation == "UploadPartCopy":
                yield "s3:GetObject", folder(unquote(parameters["CopySource"]).partition("/")[2])  # BUCKET/KEY


def folder(key: str) -> str:
    """`_job/` of `_job/x/y`."""
    name, slash, _ = key.partition("/")
    return name + slash
