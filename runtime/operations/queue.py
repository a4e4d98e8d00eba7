"""The pipeline's queue as an operator sees it: log files sent to be flattened, at a set rate, and what waits in it."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

BATCH = 10  # what one SendMessageBatch takes
TRIES = 5


class QueueError(RuntimeError):
    """A queue that cannot be used; its text is one sentence with the cure."""


@dataclass(frozen=True, slots=True)
class Key:
    """One log file in S3; without a version, as it is when its message comes."""

    bucket: str
    key: str
    version: str | None = None

    @classmethod
    def of(cls, uri: str) -> "Key":
        """Key of an s3:// URI."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return cls(bucket, key)

    def message(self, *, replace: bool, rebuild: bool = False) -> str:
        """Body that the flattener takes; `replace` has it flatten a file anew that it has flattened before.

        With `rebuild` the next load does not read again what it had: somebody has the job replace the file's day.
        """
        body: dict[str, Any] = {"s3Bucket": self.bucket, "s3ObjectKey": [self.key]}
        if self.version:
            body["versionId"] = self.version
        body |= {"replace": True} if replace else {}
        return json.dumps(body | ({"rebuild": True} if rebuild else {}))


class Queue:
    """One SQS queue by its URL. `client` is boto3's; `pause` waits so many seconds."""

    def __init__(self, url: str, client: Any, pause: Callable[[float], None] = time.sleep) -> None:
        self.url, self._client, self._pause = url, client, pause

    def send(
        self, keys: Iterable[Key], *, rate: float, replace: bool = False, rebuild: bool = False
    ) -> Iterator[list[Key]]:
        """Send a message per key, at most `rate` a second; yields each batch once SQS has all of it.

        Raises QueueError when SQS refuses a message for good.
        """
        began, sent = time.monotonic(), 0
        keys = iter(keys)
        while batch := list(islice(keys, BATCH)):
            self._keep(rate, began, sent)
            self._send([key.message(replace=replace, rebuild=rebuild) for key in batch])
            sent += len(batch)
            yield batch

    def post(self, bodies: Iterable[str]) -> None:
        """Send bodies as they are."""
        bodies = iter(bodies)
        while batch := list(islice(bodies, BATCH)):
            self._send(batch)

    def _keep(self, rate: float, began: float, sent: int) -> None:
        """Wait until so many messages, sent since `began`, are no more than `rate` a second."""
        early = began + sent / rate - time.monotonic()
        if early > 0:
            self._pause(early)

    def _send(self, bodies: list[str]) -> None:
        """Send all bodies; what SQS could not take for a moment is sent again."""
        left = dict(enumerate(bodies))
        for attempt in range(TRIES):
            if attempt:
                self._pause(2.0**attempt / 4)
            entries = [{"Id": str(n), "MessageBody": body} for n, body in left.items()]
            answer = self._client.send_message_batch(QueueUrl=self.url, Entries=entries)
            failed = answer.get("Failed", [])
            for failure in failed:
                if failure.get("SenderFault"):
                    raise QueueError(f"{self.url}: SQS refuses a message: {failure.get('Message') or failure['Code']}")
            left = {int(failure["Id"]): left[int(failure["Id"])] for failure in failed}
            if not left:
                return
        raise QueueError(f"{self.url}: SQS took {TRIES} tries and still not all messages; run the command again")

    def waiting(self) -> int:
        """Messages that wait or are at work, as far as SQS knows at the moment."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(found.get(name, 0)) for name in names)

    def dead_letters(self) -> "Queue | None":
        """Its dead-letter queue, which SQS has in the same account and Region; None if it has none."""
        names = ["RedrivePolicy"]
        found = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names).get("Attributes", {})
        if "RedrivePolicy" not in found:
            return None
        name = json.loads(found["RedrivePolicy"])["deadLetterTargetArn"].rsplit(":", 1)[-1]
        return Queue(f"{self.url.rsplit('/', 1)[0]}/{name}", self._client, self._pause)

    def move_to(
        self,
        other: "Queue",
        rewrite: Callable[[str], list[str]] = lambda body: [body],
        *,
        rate: float,
        wait_seconds: int = 2,
    ) -> Iterator[int]:
        """Move all messages to another queue, each as the bodies that `rewrite` makes of it; yields how many at a time.

        At most `rate` bodies a second. A message is deleted here only when it is there, so one may come twice, and
        none is lost.
        """
        began, sent = time.monotonic(), 0
        empty = 0
        while empty < 2:  # a receive may miss messages that are there
            self._keep(rate, began, sent)  # not with messages in hand, which would come again meanwhile
            received = self._client.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=BATCH, WaitTimeSeconds=wait_seconds, VisibilityTimeout=60
            ).get("Messages", [])
            empty = 0 if received else empty + 1
            if not received:
                continue
            bodies = [body for message in received for body in rewrite(message["Body"])]
            other.post(bodies)
            sent += len(bodies)
            gone = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(received)]
            self._client.delete_message_batch(QueueUrl=self.url, Entries=gone)
            yield len(received)
