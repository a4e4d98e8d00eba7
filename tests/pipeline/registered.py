"""Makes in the emulator what a pipeline registered: each resource's recorded inputs as the one boto3 call they stand for.

Every input is either given to the emulator or named in `LEFT_OUT` with the reason, so that a new one cannot be forgotten.
The names and ARNs are those registered: the emulator is asked for the same account and Region as the program.
"""

import io
import zipfile
from pathlib import Path
from typing import Any

from tests.components.recorder import Registered, Stack
from tests.conftest import VERSION

ACCOUNT, REGION = "000000000000", "us-east-1"
"""MiniStack's."""
LEFT_OUT = {
    "tags": "the emulator does nothing with them",
    "description": "for people",
    "forceDestroy": "Pulumi's own, for destroy",
    "objectLockEnabled": "off by default, and then an empty argument",
}
_ATTRIBUTES = {
    "visibilityTimeoutSeconds": "VisibilityTimeout",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "redrivePolicy": "RedrivePolicy",
}


def one(stack: Stack, kind: str, ends: str = "") -> Registered:
    """The one resource of a type, or the one whose name ends so."""
    found = [r for r in stack.of(kind) if r.name.endswith(ends)]
    assert len(found) == 1, f"{kind} {ends}: {[r.name for r in found]}"
    return found[0]


def inputs(resource: Registered, **renamed: str) -> dict[str, Any]:
    """A resource's inputs under boto3's names: `renamed`, else with a capital first; whole numbers as such."""
    given = {key: value for key, value in resource.inputs.items() if key not in LEFT_OUT}
    assert not resource.inputs.get("objectLockEnabled"), "the emulator's bucket has no object lock"
    return {renamed.get(key, _capital(key)): _plain(value) for key, value in given.items()}


def _capital(key: str) -> str:
    return key[:1].upper() + key[1:]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_capital(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) else value


def asset(source: dict[str, Any]) -> bytes:
    """Bytes of a recorded file, of an archive that is a file, or of an archive put together from files."""
    if "assets" not in source:
        return Path(source["path"]).read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in sorted(source["assets"].items()):
            archive.writestr(name, asset(part))
    return buffer.getvalue()


def buckets(stack: Stack, s3: Any) -> None:
    """Both buckets, versioned, with the objects that were registered to be in them.

    Not their policies: these refuse whatever comes without TLS, and the emulator has none (tests/iam asks them).
    """
    for bucket in stack.of("aws:s3/bucket:Bucket"):
        s3.create_bucket(**inputs(bucket))
    for versioning in stack.of("aws:s3/bucketVersioning:BucketVersioning"):
        s3.put_bucket_versioning(**inputs(versioning))
    for item in stack.of("aws:s3/bucketObjectv2:BucketObjectv2"):
        s3.put_object(Bucket=item.inputs["bucket"], Key=item.inputs["key"], Body=asset(item.inputs["source"]))


def queues(stack: Stack, sqs: Any) -> dict[str, str]:
    """The queues with their attributes and policies; URLs by the queues' names."""
    urls: dict[str, str] = {}
    # The dead-letter queue first: the other one's redrive policy names it.
    for queue in sorted(stack.of("aws:sqs/queue:Queue"), key=lambda q: "redrivePolicy" in q.inputs):
        given = {key: value for key, value in queue.inputs.items() if key not in (*LEFT_OUT, "name")}
        attributes = {_ATTRIBUTES[key]: _text(value) for key, value in given.items()}
        name = queue.inputs["name"]
        urls[name] = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=urls[name], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        assert arn == f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", "the emulator's account or Region is another one"
    for kind, attribute in (("queuePolicy:QueuePolicy", "policy"), ("redriveAllowPolicy:RedriveAllowPolicy", None)):
        key = attribute or "redriveAllowPolicy"
        for policy in stack.of(f"aws:sqs/{kind}"):
            url = urls[policy.inputs["queueUrl"].rpartition("/")[2]]
            sqs.set_queue_attributes(QueueUrl=url, Attributes={_capital(key): policy.inputs[key]})
    return urls


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else value


def function(stack: Stack, client: Any) -> str:
    """The function and what feeds it; its name. Only the version of Python is not the registered one but this machine's."""
    registered = one(stack, "aws:lambda/function:Function")
    given = inputs(registered, name="FunctionName", code="Code")
    # The variables' names are data.
    given["Environment"] = {"Variables": registered.inputs["environment"]["variables"]}
    given["Code"] = {"ZipFile": asset(registered.inputs["code"])}
    given["Runtime"] = f"python{VERSION}"  # the emulator runs the bundle on the Python that it finds here
    client.create_function(**given)
    name = given["FunctionName"]
    mapping = inputs(one(stack, "aws:lambda/eventSourceMapping:EventSourceMapping"))
    # The recorder's ARN of a function ends in its name, and has no more of it than that right.
    assert mapping.pop("FunctionName").rpartition(":")[2] == name
    client.create_event_source_mapping(FunctionName=name, **mapping)
    return str(name)


def notification(stack: Stack, s3: Any) -> None:
    """What the log bucket tells of new objects, and whom."""
    registered = one(stack, "aws:s3/bucketNotification:BucketNotification")
    assert set(registered.inputs) == {"bucket", "queues"}
    told = []
    for queue in registered.inputs["queues"]:
        assert set(queue) == {"id", "queueArn", "events", "filterPrefix", "filterSuffix"}
        rules = [{"Name": end, "Value": queue[f"filter{_capital(end)}"]} for end in ("prefix", "suffix")]
        told.append(
            {
                "Id": queue["id"],
                "QueueArn": queue["queueArn"],
                "Events": queue["events"],
                "Filter": {"Key": {"FilterRules": rules}},
            }
        )
    s3.put_bucket_notification_configuration(
        Bucket=registered.inputs["bucket"], NotificationConfiguration={"QueueConfigurations": told}
    )
