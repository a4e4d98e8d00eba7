"""The queue: sized for the function, fed by one source, and nothing lost on the way."""

import json
from typing import Any

import pytest

from components.settings import Notification

QUEUE, DLQ = ("aws:sqs/queue:Queue", "acme-prod-queue"), ("aws:sqs/queue:Queue", "acme-prod-queue-dlq")
POLICY = ("aws:sqs/queuePolicy:QueuePolicy", "acme-prod-queue-policy")
NOTIFICATION = ("aws:s3/bucketNotification:BucketNotification", "acme-prod-queue-notification")
TOPIC = "arn:aws:sns:eu-central-1:999988887777:trail"


def existing(notification: Notification, **more: Any) -> dict[str, Any]:
    logs = {"existing": {"bucket": "archive", "notification": notification, **more}, "prefix": "o-1"}
    return {"trail": {"mode": "none"}, "logs": logs}


def test_times_fit_together(deploy: Any) -> None:
    """A message is hidden six timeouts and the batching window long; the dead-letter queue keeps longest of all."""
    stack = deploy({"lake": {"flattener": {"timeout_seconds": 120, "max_receives": 7}}})
    queue, dlq = stack[QUEUE], stack[DLQ]
    assert queue.inputs["visibilityTimeoutSeconds"] == 6 * 120 + 5
    assert dlq.inputs["messageRetentionSeconds"] == 14 * 24 * 60 * 60 > queue.inputs["messageRetentionSeconds"]
    redrive = queue.json("redrivePolicy")
    assert redrive["maxReceiveCount"] == 7
    assert redrive["deadLetterTargetArn"].endswith(":acme-prod-logs-dlq")
    assert queue.inputs["sqsManagedSseEnabled"] is dlq.inputs["sqsManagedSseEnabled"] is True


def test_only_our_queue_is_redriven(deploy: Any) -> None:
    """The dead-letter queue takes from this queue and from no other."""
    allow = deploy()["aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "acme-prod-queue-dlq-sources"].json(
        "redriveAllowPolicy"
    )
    assert allow["redrivePermission"] == "byQueue"
    assert [arn.rpartition(":")[2] for arn in allow["sourceQueueArns"]] == ["acme-prod-logs"]


def test_own_bucket(deploy: Any) -> None:
    """The bucket announces gzip files below AWSLogs/ of this account's prefix, once the queue lets it."""
    stack = deploy({"logs": {"prefix": "audit"}})
    found = stack[NOTIFICATION]
    assert found.inputs["queues"] == [
        {
            "id": "trailsight",
            "queueArn": "arn:aws:sqs:eu-central-1:111122223333:acme-prod-logs",
            "events": ["s3:ObjectCreated:*"],
            "filterPrefix": "audit/AWSLogs/",
            "filterSuffix": ".json.gz",
        }
    ]
    assert stack[POLICY].urn in found.depends_on
    assert stack[POLICY].json("policy")["Statement"][0]["Condition"] == {
        "ArnEquals": {"aws:SourceArn": "arn:aws:s3:::acme-prod-logs-111122223333-eu-central-1"},
        "StringEquals": {"aws:SourceAccount": "111122223333"},
    }


def test_other_receivers_stay(deploy: Any) -> None:
    """A bucket has one notification configuration: other receivers stand in it, each as its kind."""
    kinds = {"sqs": "queues", "sns": "topics", "lambda": "lambdaFunctions"}
    arns = [f"arn:aws:{service}:eu-central-1:111122223333:{'function:' * (service == 'lambda')}x" for service in kinds]
    stack = deploy({"logs": {"additional_notifications": [{"arn": arn, "prefix": "b/"} for arn in arns]}})
    inputs = stack[NOTIFICATION].inputs
    assert {kind: len(inputs[kind]) for kind in kinds.values()} == {"queues": 2, "topics": 1, "lambdaFunctions": 1}
    assert inputs["topics"][0]["topicArn"] == arns[1]
    assert inputs["topics"][0]["filterPrefix"] == "b/"


def test_somebody_elses_bucket_through_sns(deploy: Any) -> None:
    """With a topic, the queue subscribes to it raw, only it may send, and the bucket's configuration is not touched."""
    stack = deploy(existing(Notification.SNS, topic_arn=TOPIC, account="999988887777"))
    subscription = stack["aws:sns/topicSubscription:TopicSubscription", "acme-prod-queue-subscription"].inputs
    assert (subscription["topic"], subscription["protocol"], subscription["rawMessageDelivery"]) == (TOPIC, "sqs", True)
    statement = stack[POLICY].json("policy")["Statement"][0]
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": TOPIC}}
    assert not [r for r in stack if r.type.startswith("aws:s3/") and "archive" in str(r.inputs)]


def test_somebody_elses_bucket_through_eventbridge(deploy: Any) -> None:
    """With EventBridge, a rule on new log files of that bucket sends to the queue; the bucket is not touched."""
    stack = deploy(existing(Notification.EVENTBRIDGE))
    rule = stack["aws:cloudwatch/eventRule:EventRule", "acme-prod-queue-rule"]
    assert rule.json("eventPattern")["detail"] == {
        "bucket": {"name": ["archive"]},
        "object": {"key": [{"wildcard": "o-1/AWSLogs/*.json.gz"}]},
    }
    target = stack["aws:cloudwatch/eventTarget:EventTarget", "acme-prod-queue-target"]
    assert target.inputs["arn"].endswith(":acme-prod-logs")
    assert stack[POLICY].json("policy")["Statement"][0]["Principal"] == {"Service": "events.amazonaws.com"}
    assert not stack.of("aws:s3/bucketNotification:BucketNotification")


def test_somebody_elses_bucket_exclusively(deploy: Any) -> None:
    """`exclusive` owns the whole configuration of the bucket, and nothing else of it."""
    stack = deploy(existing(Notification.EXCLUSIVE))
    touched = [r.type for r in stack if r.inputs.get("bucket") == "archive"]
    assert touched == ["aws:s3/bucketNotification:BucketNotification"]


@pytest.mark.parametrize("notification", list(Notification))
def test_the_owner_is_told(deploy: Any, notification: Notification) -> None:
    """In another account, the owner gets the statements and the grant to run; their policy is never changed by us."""
    key = "arn:aws:kms:eu-central-1:999988887777:key/1"
    topic = {"topic_arn": TOPIC} if notification is Notification.SNS else {}
    stack = deploy(existing(notification, account="999988887777", key_arn=key, **topic))
    _, statements, grant = stack.outputs["acme-prod"]["owner_commands"]
    role = "arn:aws:iam::111122223333:role/acme-prod-flattener"
    assert [(s["Principal"], s["Action"], s["Resource"]) for s in json.loads(statements)] == [
        ({"AWS": role}, ["s3:GetObject"], ["arn:aws:s3:::archive/o-1/AWSLogs/*"]),
        ({"AWS": role}, ["s3:ListBucket"], ["arn:aws:s3:::archive"]),
    ]
    assert grant == f"aws kms create-grant --key-id {key} --grantee-principal {role} --operations Decrypt"
    assert [r.name for r in stack.of("aws:s3/bucketPolicy:BucketPolicy")] == ["acme-prod-lake-policy"]


def test_nothing_to_tell_in_the_same_account(deploy: Any) -> None:
    """The role's own policy is enough for a bucket of this account."""
    assert deploy(existing(Notification.EVENTBRIDGE)).outputs["acme-prod"]["owner_commands"] == []
