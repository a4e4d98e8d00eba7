"""S3 as the flattener needs it: reads retried within the time left, objects written once under a name of their own.

The SDK's own retries are off: it does not know when the function times out.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote

from .messages import Ref
from .settings import Settings

ATTEMPTS = 8
FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0
# 409 is the answer to two conditional writes of one key at once, and asks for a retry:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_TRANSIENT = {
    "ConditionalRequestConflict",
    "OperationAborted",
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "KMS.ThrottlingException",
}

T = TypeVar("T")


class Gone(Exception):
    """The object is not there (any more)."""


class OutOfTime(Exception):
    """Too little time is left before the function's timeout; the message has to be given back."""


class Refused(Exception):
    """S3 refused for good; the text says what, on which object."""


class Deadline:
    """The time left to this invocation, in seconds, and how much of it must stay."""

    def __init__(self, left: Callable[[], float], reserve: float) -> None:
        self.left, self._reserve = left, reserve

    def spare(self) -> float:
        """Seconds that may still be used."""
        return self.left() - self._reserve

    def check(self) -> None:
        """Raise OutOfTime if none may."""
        if self.spare() <= 0:
            raise OutOfTime(f"{self.left():.1f} s left before the timeout")


@dataclass(frozen=True, slots=True)
class Opened:
    """An object's bytes as a stream to be closed, with its ETag (no quotes), time of writing and size in bytes."""

    body: BinaryIO
    etag: str
    modified: datetime
    size: int


def metadata_source(uri: str) -> str:
    """A source URI as it stands in metadata, which takes ASCII and 2 KB in all."""
    text = quote(uri, safe=":/=")
    return text if len(text) <= 1000 else "sha256:" + hashlib.sha256(uri.encode()).hexdigest()


class Store:
    """The two buckets, through one S3 client."""

    def __init__(self, client: Any, settings: Settings, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client, self._sleep = client, sleep
        self._bucket = settings.output_bucket
        self._of_logs = {"ExpectedBucketOwner": settings.log_owner} if settings.log_owner else {}
        self._of_output = {"ExpectedBucketOwner": settings.output_owner} if settings.output_owner else {}
        self._encryption = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": settings.kms_key} if settings.kms_key else {}
        )

    def retry(self, what: str, call: Callable[[], T], deadline: Deadline) -> T:
        """What `call` gives; throttling, 5xx and broken connections are tried again while there is time.

        Raises OutOfTime where it goes on, and Refused for what trying again cannot mend.
        """
        import random

        from botocore.exceptions import BotoCoreError, ClientError

        delay = FIRST_DELAY
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return call()
            except (BotoCoreError, ClientError) as error:
                if not _transient(error):
                    raise Refused(f"{what}: {error}") from error
                pause = delay * random.uniform(0.5, 1)  # noqa: S311 - only spreads the retries
                if attempt == ATTEMPTS or deadline.spare() < pause:
                    raise OutOfTime(f"{what}: S3 still says after {attempt} attempts: {error}") from error
            self._sleep(pause)
            delay = min(2 * delay, LONGEST_DELAY)
        raise AssertionError

    def open(self, ref: Ref) -> Opened:
        """The log file, opened: the version that the message names, if any. Raises Gone, or what the SDK raises."""
        from botocore.exceptions import ClientError

        version = {"VersionId": ref.version} if ref.version else {}
        try:
            got = self._client.get_object(Bucket=ref.bucket, Key=ref.key, **version, **self._of_logs)
        except ClientError as error:
            if _code(error) in ("NoSuchKey", "NoSuchVersion"):
                raise Gone from error
            raise
        return Opened(got["Body"], got["ETag"].strip('"'), got["LastModified"], got["ContentLength"])

    def write_once(
        self,
        stem: str,
        suffix: str,
        body: BinaryIO,
        ref: Ref,
        metadata: dict[str, str],
        deadline: Deadline,
        replace: bool,
    ) -> tuple[str, bool]:
        """Write `body` as `<stem><suffix>` unless that is done; (key, whether it was written now).

        Done is what has the same source and ETag; `replace` writes over it. Any other object of that name is left
        alone, and the name gets a hash of this one's source. Raises OutOfTime and Refused.
        """
        source, etag = metadata["source"], metadata["etag"]
        for key in _names(stem, suffix, ref.uri, etag):
            while True:
                if self._put(key, body, metadata, deadline, {"IfNoneMatch": "*"}):
                    return key, True
                there = self._head(key, deadline)
                if there is not None:
                    break  # else it was deleted in between
            if there.get("source") == source and there.get("etag") == etag:
                return key, replace and self._put(key, body, metadata, deadline, {})
        raise Refused(f"s3://{self._bucket}/{stem}{suffix}: other files have taken its names; move them away")

    def metadata(self, stem: str, suffix: str, ref: Ref, etag: str, deadline: Deadline) -> dict[str, str] | None:
        """Metadata of what `write_once` has written under this name for the same source and ETag, or None."""
        source = metadata_source(ref.uri)
        for key in _names(stem, suffix, ref.uri, etag):
            there = self._head(key, deadline)
            if there is not None and there.get("source") == source and there.get("etag") == etag:
                return there
        return None

    def put_empty(self, key: str, deadline: Deadline) -> None:
        """Write an object that says all by its name, unless there is one."""
        self._put(key, BytesIO(), {}, deadline, {"IfNoneMatch": "*"})

    def remove(self, stem: str, suffix: str, ref: Ref, etag: str, deadline: Deadline) -> None:
        """Delete what was written under this name for the same source, whatever its content was then.

        Where `ref` names a version, which says nothing of the others, only what was written of this content.
        """
        source = metadata_source(ref.uri)
        for key in _names(stem, suffix, ref.uri, etag):
            there = self._head(key, deadline)
            if there is None or there.get("source") != source:
                continue
            if not ref.version or there.get("etag") == etag:
                delete = partial(self._client.delete_object, Bucket=self._bucket, Key=key, **self._of_output)
                self.retry(f"deleting s3://{self._bucket}/{key}", delete, deadline)

    def _put(
        self, key: str, body: BinaryIO, metadata: dict[str, str], deadline: Deadline, condition: dict[str, str]
    ) -> bool:
        """Whether the object was written: not if there is one and the condition forbids it."""
        from botocore.exceptions import ClientError

        def call() -> bool:
            body.seek(0)
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    Metadata=metadata,
                    **self._encryption,
                    **self._of_output,
                    **condition,
                )
            except ClientError as error:
                if _code(error) == "PreconditionFailed":
                    return False
                raise
            return True

        return self.retry(f"writing s3://{self._bucket}/{key}", call, deadline)

    def _head(self, key: str, deadline: Deadline) -> dict[str, str] | None:
        from botocore.exceptions import ClientError

        def call() -> dict[str, str] | None:
            try:
                found = self._client.head_object(Bucket=self._bucket, Key=key, **self._of_output)
            except ClientError as error:
                if _code(error) in ("404", "NoSuchKey"):
                    return None
                raise
            metadata: dict[str, str] = found["Metadata"]
            return metadata

        return self.retry(f"looking at s3://{self._bucket}/{key}", call, deadline)


def _names(stem: str, suffix: str, uri: str, etag: str) -> Iterator[str]:
    """The name, that with this source's hash, then numbered ones, then one that only this content has.

    Each later name is longer, or sorts behind: of one log file's contents the Parquet job keeps what came first.
    """
    yield stem + suffix
    stem += "." + _hash(uri)
    yield stem + suffix
    for number in range(2, 10):
        yield f"{stem}.{number}{suffix}"
    yield f"{stem}.{_hash(etag)}{suffix}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _transient(error: Exception) -> bool:
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or status == 429 or _code(error) in _TRANSIENT
    return isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError | exceptions.IncompleteReadError)


def s3_client() -> Any:
    """An S3 client without retries of its own, that gives up on a silent connection soon."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3", config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=15, tcp_keepalive=True)
    )
