"""What an SQS message says: which objects to flatten, out of every form in which AWS tells of a new log file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import unquote_plus

# CloudTrail sends this text when a topic is set on a trail.
_VALIDATION = "CloudTrail validation message."
_ENVELOPES = 3


class UnknownMessage(ValueError):
    """A message that names no object and is none of those to ignore; its text is the reason."""


@dataclass(frozen=True, slots=True)
class Ref:
    """An object to flatten: `day` is when the message says it was made, `replace` asks to flatten it anew.

    `rebuild` says that a rebuild asks, which has the Parquet job read the result by itself. `version` is the one
    that the message is about; without, the object is read as it is now.
    """

    bucket: str
    key: str
    day: str | None = None
    replace: bool = False
    version: str | None = None
    rebuild: bool = False

    @property
    def uri(self) -> str:
        """s3://bucket/key."""
        return f"s3://{self.bucket}/{self.key}"


def refs(body: str) -> list[Ref]:
    """Objects that a message body names, each once; none for a message to ignore. Raises UnknownMessage.

    Keys of S3 notifications are URL-encoded; those of EventBridge and of CloudTrail are not, and decoding them would
    spoil `+` and `%`: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    try:
        return list(dict.fromkeys(_refs(body, _ENVELOPES)))
    except (KeyError, TypeError, AttributeError) as error:
        raise UnknownMessage(f"message lacks what its form must have: {type(error).__name__} {error}") from error
    except UnicodeError as error:
        raise UnknownMessage(f"an object's key is not UTF-8: {error}") from error


def _refs(body: str, envelopes: int) -> Iterator[Ref]:
    if body.strip() == _VALIDATION:
        return
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnknownMessage(f"message is not JSON: {error}") from error
    if not isinstance(message, dict):
        raise UnknownMessage(f"message is no JSON object but {type(message).__name__}")
    if message.get("Event") == "s3:TestEvent":
        return
    if isinstance(message.get("Records"), list):
        for record in message["Records"]:
            yield from _s3(record)
    elif message.get("source") == "aws.s3" and "detail" in message:
        if message.get("detail-type") == "Object Created":
            detail = message["detail"]
            made = detail["object"]
            yield _ref(detail["bucket"]["name"], made["key"], message.get("time"), made.get("version-id"))
    elif "s3Bucket" in message and "s3ObjectKey" in message:
        keys = message["s3ObjectKey"]
        for key in [keys] if isinstance(keys, str) else keys:
            # CloudTrail tells of no version; `trailsight replay` does.
            asked = {name: message.get(name) is True for name in ("replace", "rebuild")}
            yield _ref(message["s3Bucket"], key, None, message.get("versionId"), **asked)
    elif message.get("Type") == "Notification" and isinstance(message.get("Message"), str) and envelopes:
        yield from _refs(message["Message"], envelopes - 1)
    else:
        raise UnknownMessage(f"message of no known form, with {', '.join(sorted(message)[:6]) or 'nothing in it'}")


def _s3(record: Any) -> Iterator[Ref]:
    if record.get("eventSource") != "aws:s3":
        raise UnknownMessage(f"message tells of {record.get('eventSource')!r}, not of aws:s3")
    if str(record.get("eventName")).removeprefix("s3:").startswith("ObjectCreated:"):
        s3 = record["s3"]
        key = unquote_plus(s3["object"]["key"], errors="strict")
        yield _ref(s3["bucket"]["name"], key, record.get("eventTime"), s3["object"].get("versionId"))


def _ref(bucket: Any, key: Any, time: Any, version: Any, *, replace: bool = False, rebuild: bool = False) -> Ref:
    if not (isinstance(bucket, str) and isinstance(key, str) and bucket and key):
        raise UnknownMessage(f"message names no object but bucket {bucket!r} and key {key!r}")
    key.encode()  # a lone surrogate names no object
    # "null" is written over by the next one: it names no content.
    version = version if isinstance(version, str) and version != "null" else None
    return Ref(bucket, key, _day(time), replace, version, rebuild)


def _day(time: Any) -> str | None:
    try:
        return date.fromisoformat(time[:10]).isoformat() if isinstance(time, str) else None
    except ValueError:
        return None
