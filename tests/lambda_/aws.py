"""What stands in for AWS in the flattener's tests: an S3 client in memory that fails on demand, and the messages."""

import gzip
import io
import json
from collections import deque
from datetime import UTC, date, datetime
from hashlib import md5
from importlib import import_module

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

flatten = import_module("runtime.lambda.flatten")
messages = import_module("runtime.lambda.messages")
settings = import_module("runtime.lambda.settings")
store = import_module("runtime.lambda.store")

LOGS, LAKE = "acme-logs", "acme-lake"
MODIFIED = datetime(2024, 5, 7, 0, 3, 0, tzinfo=UTC)
TODAY = MODIFIED.date()
ACCOUNT = "111122223333"


def name(stamp: str = "20240506T0710Z", unique: str = "abcdefghijklmnop") -> str:
    return f"{ACCOUNT}_CloudTrail_eu-central-1_{stamp}_{unique}.json.gz"


def key(stamp: str = "20240506T0710Z", unique: str = "abcdefghijklmnop", prefix: str = "") -> str:
    day = f"{stamp[:4]}/{stamp[4:6]}/{stamp[6:8]}"
    return f"{prefix}AWSLogs/{ACCOUNT}/CloudTrail/eu-central-1/{day}/{name(stamp, unique)}"


def etag(content: bytes) -> str:
    return md5(content).hexdigest()


def failure(status: int, code: str, operation: str = "PutObject") -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)


class FakeS3:
    """Buckets in memory. `fail[operation]` holds what the next calls raise (None: they pass); `calls` what was asked."""

    def __init__(self):
        self.objects: dict[tuple[str, str], dict] = {}
        self.versions: dict[tuple[str, str, str], dict] = {}
        self.fail: dict[str, deque] = {"get": deque(), "put": deque(), "head": deque(), "delete": deque()}
        self.calls: list[tuple[str, dict]] = []

    def add(self, bucket: str, object_key: str, content: bytes, version: str | None = None) -> None:
        made = {"Body": content, "Metadata": {}, "ETag": etag(content)}
        self.objects[bucket, object_key] = made
        if version:
            self.versions[bucket, object_key, version] = made

    def _called(self, operation: str, arguments: dict) -> None:
        self.calls.append((operation, arguments))
        error = self.fail[operation].popleft() if self.fail[operation] else None
        if error is not None:
            raise error

    def get_object(self, **arguments):
        self._called("get", arguments)
        place, version = (arguments["Bucket"], arguments["Key"]), arguments.get("VersionId")
        found = self.versions.get((*place, version)) if version else self.objects.get(place)
        if found is None:
            raise failure(404, "NoSuchVersion" if version else "NoSuchKey", "GetObject")
        content = found["Body"]
        return {
            "Body": StreamingBody(io.BytesIO(content), len(content)),
            "ETag": f'"{found["ETag"]}"',
            "LastModified": MODIFIED,
            "ContentLength": len(content),
        }

    def put_object(self, **arguments):
        body = arguments.pop("Body").read()
        self._called("put", arguments)
        place = arguments["Bucket"], arguments["Key"]
        if arguments.get("IfNoneMatch") == "*" and place in self.objects:
            raise failure(412, "PreconditionFailed")
        self.objects[place] = {"Body": body, "Metadata": arguments["Metadata"], "ETag": etag(body)}

    def delete_object(self, **arguments):
        self._called("delete", arguments)
        del self.objects[arguments["Bucket"], arguments["Key"]]

    def head_object(self, **arguments):
        self._called("head", arguments)
        found = self.objects.get((arguments["Bucket"], arguments["Key"]))
        if found is None:
            raise failure(404, "404", "HeadObject")
        return {"Metadata": found["Metadata"]}

    def written(self) -> list[str]:
        """Keys of the lake's bucket, sorted; the ledger's aside, since every file has one there."""
        return sorted(k for bucket, k in self.objects if bucket == LAKE and not k.startswith("ledger/"))

    def ledger(self) -> dict[str, dict]:
        """Key -> line of the ledger's objects, sorted; each holds one."""
        keys = sorted(k for bucket, k in self.objects if bucket == LAKE and k.startswith("ledger/"))
        return {k: json.loads(self.objects[LAKE, k]["Body"]) for k in keys}

    def lines(self, object_key: str) -> list[dict]:
        """JSON lines of an object of the lake's bucket."""
        content = self.objects[LAKE, object_key]["Body"]
        text = gzip.decompress(content) if object_key.endswith(".gz") else content
        return [json.loads(line) for line in text.splitlines()]


class Context:
    """The Lambda's context, with so many seconds left at each asking; the last is repeated."""

    function_name = "flattener"
    aws_request_id = "request-1"

    def __init__(self, *seconds: float):
        self._seconds = deque(seconds or [300])

    def get_remaining_time_in_millis(self) -> float:
        seconds = self._seconds.popleft() if len(self._seconds) > 1 else self._seconds[0]
        return seconds * 1000


def deadline(*seconds: float, reserve: float = 20):
    context = Context(*seconds)
    return store.Deadline(lambda: context.get_remaining_time_in_millis() / 1000, reserve)


def flattener(client, pauses: list | None = None, today: date = TODAY, **options):
    """A flattener over a client, at work on a day, that notes its pauses and does not sleep."""
    chosen = settings.Settings(LAKE, **options)
    own = store.Store(client, chosen, (pauses if pauses is not None else []).append)
    return flatten.Flattener(own, chosen, lambda: today)


def notification(*keys: str, bucket: str = LOGS, event: str = "ObjectCreated:Put", version: str | None = None) -> str:
    """Body of an S3 notification; keys as S3 encodes them, and their version if the bucket has any."""
    from urllib.parse import quote_plus

    made = {"eventVersion": "2.1", "eventSource": "aws:s3", "eventTime": "2024-05-08T07:12:00.000Z", "eventName": event}
    versioned = {"versionId": version} if version else {}
    objects = [{"key": quote_plus(k, safe="/"), **versioned} for k in keys]
    return json.dumps({"Records": [{**made, "s3": {"bucket": {"name": bucket}, "object": o}} for o in objects]})
