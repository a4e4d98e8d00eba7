"""The queue: sized for the function, fed by one source, and nothing lost on the way."""

from typing import Any

import pytest

from components.settings import Notification

QUEUE, DLQ = ("aws:sqs/queue:Queue", "acme-prod-queue"), ("aws:sqs/queue:Queue", "acme-prod-queue-dlq")
POLICY = ("aws:sqs/queuePolicy:QueuePolicy", "acme-prod-queue-policy")
NOTIFICATION = ("aws:s3/bucketNotification:BucketNotification", "acme-prod-notification")
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
    assert stack[POLICY].json("policy")["Statement"][-1]["Condition"] == {
        "ArnEquals": {"aws:SourceArn": "arn:aws:s3:::acme-prod-logs-111122223333-eu-central-1"},
        "StringEquals": {"aws:SourceAccount": "111122223333"},
    }


def test_other_receivers_stay(deploy: Any) -> None:
    """A bucket has one notification configuration: other receivers stand in it, each as its kind."""
    kinds = {"sqs": "queues", "sns": "topics", "lambda": "lambdaFunctions"}
    arns = [f"arn:aws:{service}:eu-central-1:111122223333:{'function:' * (service == 'lambda')}x" for service in kinds]
    stack = deploy(
        {"logs": {"additional_notifications": [{"arn": arn, "prefix": f"{at}/"} for at, arn in enumerate(arns)]}}
    )
    inputs = stack[NOTIFICATION].inputs
    assert {kind: len(inputs[kind]) for kind in kinds.values()} == {"queues": 2, "topics": 1, "lambdaFunctions": 1}
    assert inputs["topics"][0]["topicArn"] == arns[1]
    assert inputs["topics"][0]["filterPrefix"] == "1/"


def test_other_receivers_without_a_lake(deploy: Any) -> None:
    """A log bucket whose lake is elsewhere, or nowhere, announces its log files all the same, by the same resource."""
    arn = "arn:aws:sqs:eu-central-1:111122223333:siem"
    stack = deploy({"lake": {"enabled": False}, "logs": {"additional_notifications": [{"arn": arn}]}})
    found = stack[NOTIFICATION]
    assert [queue["queueArn"] for queue in found.inputs["queues"]] == [arn]
    assert found.inputs["bucket"] == "acme-prod-logs-111122223333-eu-central-1"
    assert stack["aws:s3/bucketPolicy:BucketPolicy", "acme-prod-logs-policy"].urn in found.depends_on
    assert found.urn == deploy()[NOTIFICATION].urn


def test_nothing_to_announce(deploy: Any) -> None:
    """Without lake and receivers the bucket's configuration is left alone."""
    assert deploy({"lake": {"enabled": False}}).of(NOTIFICATION[0]) == []


def test_somebody_elses_bucket_through_sns(deploy: Any) -> None:
    """With a topic, the queue subscribes to it raw, only it may send, and the bucket's configuration is not touched."""
    stack = deploy(existing(Notification.SNS, topic_arn=TOPIC, account="999988887777"))
    subscription = stack["aws:sns/topicSubscription:TopicSubscription", "acme-prod-queue-subscription"].inputs
    assert (subscription["topic"], subscription["protocol"], subscription["rawMessageDelivery"]) == (TOPIC, "sqs", True)
    statement = stack[POLICY].json("policy")["Statement"][-1]
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": TOPIC}}
    assert not [r for r in stack if r.type.startswith("aws:s3/") and "archive" in str(r.inputs)]


def test_somebody_elses_bucket_through_eventbridge(deploy: Any) -> None:
    """With EventBridge, a rule on new log files of that bucket sends to the queue; the bucket is not touched."""
    stack = deploy(existing(Notification.EVENTBRIDGE))
    rule = stack["aws:cloudwatch/eventRule:EventRule", "acme-prod-queue-rule"]
    assert rule.json("eventPattern")["source"] == ["aws.s3"]
    assert rule.json("eventPattern")["detail-type"] == ["Object Created"]
    assert rule.json("eventPattern")["detail"] == {
        "bucket": {"name": ["archive"]},
        "object": {"key": [{"wildcard": "o-1/AWSLogs/*.json.gz"}]},
    }
    target = stack["aws:cloudwatch/eventTarget:EventTarget", "acme-prod-queue-target"]
    assert target.inputs["arn"].endswith(":acme-prod-logs")
    assert stack[POLICY].json("policy")["Statement"][-1]["Principal"] == {"Service": "events.amazonaws.com"}
    assert not stack.of("aws:s3/bucketNotification:BucketNotification")


def test_somebody_elses_bucket_exclusively(deploy: Any) -> None:
    """`exclusive` owns the whole configuration of the bucket, and nothing else of it."""
    stack = deploy(existing(Notification.EXCLUSIVE))
    touched = [r.type for r in stack if r.inputs.get("bucket") == "archive"]
    assert touched == ["aws:s3/bucketNotification:BucketNotification"]


FORMS = {
    "the trail's": {"s3Bucket": "archive", "s3ObjectKey": ["AWSLogs/x.json.gz"]},
    "the bucket's": {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "archive"}}}]},
    "EventBridge's": {"source": "aws.s3", "detail": {"bucket": {"name": "archive"}}},
    "another bucket's": {"Records": [{"s3": {"bucket": {"name": "other"}}}]},
    "another trail's": {"s3Bucket": "other", "s3ObjectKey": ["AWSLogs/x.json.gz"]},
    "AWS Config's": {"messageType": "ConfigurationItemChangeNotification", "s3Bucket": None},
}


def passes(policy: Any, message: Any) -> bool:
    """Whether SNS lets a message by: keys are joined by and, `$or` and values by or; of a list, one element is enough."""
    if isinstance(policy, list):
        return any(value in (message if isinstance(message, list) else [message]) for value in policy)
    if isinstance(message, list):
        return any(passes(policy, one) for one in message)
    if not isinstance(message, dict):
        return False
    return all(
        any(passes(one, message) for one in below) if key == "$or" else key in message and passes(below, message[key])
        for key, below in policy.items()
    )


@pytest.mark.parametrize("form", FORMS)
def test_of_a_shared_topic_only_this_buckets_messages_are_taken(deploy: Any, form: str) -> None:
    """Control Tower's topic also carries AWS Config's messages of the whole organization, each a dead letter otherwise."""
    stack = deploy(existing(Notification.SNS, topic_arn=TOPIC))
    subscription = stack["aws:sns/topicSubscription:TopicSubscription", "acme-prod-queue-subscription"]
    assert subscription.inputs["filterPolicyScope"] == "MessageBody"
    wanted = form in {"the trail's", "the bucket's", "EventBridge's"}
    assert passes(subscription.json("filterPolicy"), FORMS[form]) is wanted
