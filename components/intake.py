"""How a new log file reaches the flattener: the queue, its dead-letter queue, every sender but the bucket itself."""

from typing import Any, NotRequired

import pulumi
import pulumi_aws as aws

from components import policies
from components.part import PartArgs
from components.settings import ExistingLogsSettings, Notification

DAY = 24 * 60 * 60
# AWS asks for six times the function's timeout, plus the batching window:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
VISIBILITY = 6


class IntakeArgs(PartArgs):
    """What an intake needs."""

    bucket: pulumi.Input[str]
    """Name of the log bucket. Required."""
    prefix: str
    """What log files' keys begin with. Required."""
    function_timeout: int
    """The flattener's timeout in seconds. Required."""
    batching_window: int
    """Seconds that a batch is gathered. Required."""
    max_receives: int
    """Tries before a message is dead-lettered. Required."""
    existing: NotRequired[ExistingLogsSettings | None]
    """Somebody else's bucket. Default: the bucket is the pipeline's own."""


class Intake(pulumi.ComponentResource):
    """The queue of new log files. Messages that fail for good wait 14 days in the dead-letter queue."""

    queue_arn: pulumi.Output[str]
    queue_name: pulumi.Output[str]
    queue_url: pulumi.Output[str]
    dlq_arn: pulumi.Output[str]
    dlq_name: pulumi.Output[str]
    dlq_url: pulumi.Output[str]
    policy: pulumi.Resource
    """The queue's policy, which whatever sends must wait for."""
    notified: bool
    """Whether the bucket itself is to tell the queue."""

    def __init__(self, name: str, args: IntakeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trailsight:index:Intake", name, {}, opts)
        names, tags = args["names"], args["tags"]
        here = pulumi.ResourceOptions(parent=self)
        dlq = aws.sqs.Queue(
            f"{name}-dlq",
            name=names.part("logs-dlq", 80),
            message_retention_seconds=14 * DAY,
            sqs_managed_sse_enabled=True,
            tags=tags,
            opts=here,
        )
        queue = aws.sqs.Queue(
            name,
            name=names.part("logs", 80),
            visibility_timeout_seconds=VISIBILITY * args["function_timeout"] + args["batching_window"],
            message_retention_seconds=4 * DAY,
            receive_wait_time_seconds=20,
            sqs_managed_sse_enabled=True,
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": dlq.arn, "maxReceiveCount": args["max_receives"]}
            ),
            tags=tags,
            opts=here,
        )
        aws.sqs.QueuePolicy(
            f"{name}-dlq-policy",
            queue_url=dlq.url,
            policy=pulumi.Output.json_dumps(policies.queue(names.dlq_arn, [])),
            opts=here,
        )
        aws.sqs.RedriveAllowPolicy(
            f"{name}-dlq-sources",
            queue_url=dlq.url,
            redrive_allow_policy=pulumi.Output.json_dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [queue.arn]}
            ),
            opts=here,
        )
        existing = args.get("existing")
        notification = existing["notification"] if existing else Notification.EXCLUSIVE
        account = (existing.get("account") if existing else None) or names.where.account
        rule = None
        if notification is Notification.EVENTBRIDGE:
            rule = aws.cloudwatch.EventRule(
                f"{name}-rule",
                description="A log file was delivered",
                event_pattern=pulumi.Output.json_dumps(
                    {
                        "source": ["aws.s3"],
                        "detail-type": ["Object Created"],
                        "detail": {
                            "bucket": {"name": [args["bucket"]]},
                            "object": {"key": [{"wildcard": f"{args['prefix']}*.json.gz"}]},
                        },
                    }
                ),
                tags=tags,
                opts=here,
            )
        policy = aws.sqs.QueuePolicy(
            f"{name}-policy",
            queue_url=queue.url,
            policy=pulumi.Output.json_dumps(
                policies.queue(names.queue_arn, [_sender(notification, args, account, existing, rule)])
            ),
            opts=here,
        )
        after = pulumi.ResourceOptions(parent=self, depends_on=[policy])
        self.notified, self.policy = notification is Notification.EXCLUSIVE, policy
        if rule is not None:
            aws.cloudwatch.EventTarget(f"{name}-target", rule=rule.name, arn=queue.arn, opts=after)
        elif not self.notified:
            assert existing is not None
            aws.sns.TopicSubscription(
                f"{name}-subscription",
                topic=existing["topic_arn"],
                protocol="sqs",
                endpoint=queue.arn,
                raw_message_delivery=True,
                filter_policy_scope="MessageBody",
                filter_policy=pulumi.Output.json_dumps(_of_bucket(args["bucket"])),
                opts=after,
            )
        self.queue_arn, self.queue_name, self.queue_url = queue.arn, queue.name, queue.url
        self.dlq_arn, self.dlq_name, self.dlq_url = dlq.arn, dlq.name, dlq.url
        self.register_outputs({"queue_url": self.queue_url, "dlq_url": self.dlq_url})


def _sender(
    notification: Notification,
    args: IntakeArgs,
    account: str,
    existing: ExistingLogsSettings | None,
    rule: aws.cloudwatch.EventRule | None,
) -> tuple[str, str, dict[str, Any]]:
    """Who may send to the queue: a statement's id, a service, and the condition that ties it to one source."""
    if rule is not None:
        return "RuleSends", "events", {"ArnEquals": {"aws:SourceArn": rule.arn}}
    if notification is Notification.SNS:
        assert existing is not None
        return "TopicSends", "sns", {"ArnEquals": {"aws:SourceArn": existing["topic_arn"]}}
    arn = pulumi.Output.concat(args["names"].where.bucket(""), args["bucket"])
    return "BucketSends", "s3", {"ArnEquals": {"aws:SourceArn": arn}, "StringEquals": {"aws:SourceAccount": account}}


def _of_bucket(bucket: pulumi.Input[str]) -> dict[str, Any]:
    """Filter for a topic that carries more: what a trail, the bucket itself or EventBridge say of this bucket.

    Control Tower's has all that AWS Config says in the organization, and each such message would be a dead letter.
    https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
    """
    name = {"bucket": {"name": [bucket]}}
    return {"$or": [{"s3Bucket": [bucket]}, {"Records": {"s3": name}}, {"detail": name}]}
