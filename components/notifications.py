"""The one notification configuration that a bucket has: our queue first, then everybody else's receivers, by kind."""

from typing import Any

import pulumi
import pulumi_aws as aws

from components.settings import QueueNotification


def notify(
    name: str,
    parent: pulumi.Resource,
    bucket: pulumi.Input[str],
    queue: tuple[pulumi.Input[str], str] | None,
    additional: list[QueueNotification],
    after: list[pulumi.Resource],
) -> None:
    """Have the bucket tell `queue`, (its ARN, what log files' keys begin with), and `additional` of new objects.

    Nothing is registered where nobody is to be told. It is one resource of one name whoever is told: whatever deletes
    another of the same bucket deletes this configuration too. `after` is what must let S3 send before.
    """
    events = ["s3:ObjectCreated:*"]
    kinds: dict[str, list[Any]] = {"queues": [], "topics": [], "lambda_functions": []}
    if queue:
        arn, prefix = queue
        kinds["queues"].append(
            aws.s3.BucketNotificationQueueArgs(
                id="trailsight", queue_arn=arn, events=events, filter_prefix=prefix, filter_suffix=".json.gz"
            )
        )
    for number, other in enumerate(additional):
        common: dict[str, Any] = {
            "id": f"additional-{number}",
            "events": events,
            "filter_prefix": other.get("prefix"),
            "filter_suffix": other.get("suffix"),
        }
        match other["arn"].split(":")[2]:
            case "sns":
                kinds["topics"].append(aws.s3.BucketNotificationTopicArgs(topic_arn=other["arn"], **common))
            case "lambda":
                kinds["lambda_functions"].append(
                    aws.s3.BucketNotificationLambdaFunctionArgs(lambda_function_arn=other["arn"], **common)
                )
            case _:
                kinds["queues"].append(aws.s3.BucketNotificationQueueArgs(queue_arn=other["arn"], **common))
    told: dict[str, Any] = {kind: receivers for kind, receivers in kinds.items() if receivers}
    if told:
        options = pulumi.ResourceOptions(parent=parent, depends_on=after)
        aws.s3.BucketNotification(name, bucket=bucket, **told, opts=options)
