"""Monitoring: one topic, the alarms and event rules that publish to it, a CloudWatch dashboard, an optional budget.

Each alarm and rule has its section in docs/operations.md, named by its message.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NotRequired

import pulumi
import pulumi_aws as aws

from components import policies
from components.console import Console
from components.names import Names
from components.part import TAG, PartArgs
from components.settings import AlarmSettings

NAMESPACE = "Trailsight"
PAGE = "docs/operations.md"
HOUR, FIVE_MINUTES = 3600, 300
DAY_HOURS = 24
FUNCTION, JOB, QUEUE, DLQ = "FunctionName", "JobName", "QueueName", "DLQ"


class Alarm(NamedTuple):
    """An alarm on one metric: in alarm when `statistic` over `period` seconds is more than `above`."""

    heading: str
    """Its section in the docs page."""
    namespace: str
    metric: str
    of: str
    """Whose metric: one of FUNCTION, JOB, QUEUE, DLQ."""
    statistic: str
    period: int
    above: int
    says: str
    """What happened and what to do."""


class MonitoringArgs(PartArgs):
    """What is watched."""

    settings: AlarmSettings
    """Its settings, with every default filled in. Required."""
    dlq_name: pulumi.Input[str]
    """Name of the dead-letter queue. Required."""
    queue_name: pulumi.Input[str]
    """Name of the queue of new log files. Required."""
    function_name: pulumi.Input[str]
    """Name of the flattener. Required."""
    job_name: pulumi.Input[str]
    """Name of the Parquet job. Required."""
    trail_name: NotRequired[pulumi.Input[str] | None]
    """The pipeline's own trail, watched for tampering. Default: none."""
    log_bucket: NotRequired[pulumi.Input[str] | None]
    """The pipeline's own log bucket, watched for tampering. Default: none."""
    log_key_arn: NotRequired[pulumi.Input[str] | None]
    """The KMS key of the log files, watched as the lake's is. Default: none."""


class Monitoring(pulumi.ComponentResource):
    """Who hears of trouble, and a page of graphs for whoever then looks."""

    topic_arn: pulumi.Output[str]
    """ARN of the topic that everything publishes to."""
    dashboard_name: pulumi.Output[str]
    """Name of the CloudWatch dashboard."""
    dashboard_url: pulumi.Output[str]
    """Where it is in the console."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trailsight:index:Monitoring", name, {}, opts)
        self._name, self._names, self._tags = name, args["names"], args["tags"]
        self._here = pulumi.ResourceOptions(parent=self)
        settings = args["settings"]
        self.topic_arn, self._published = self._topic(settings, args["lake_key_arn"])
        self._subscribe(settings)
        dimensions = {
            FUNCTION: {"FunctionName": args["function_name"]},
            # A rebuild has somebody at it, and its own Task.
            JOB: {"JobName": args["job_name"], "Task": "load"},
            QUEUE: {"QueueName": args["queue_name"]},
            DLQ: {"QueueName": args["dlq_name"]},
        }
        made = [self._alarm(key, alarm, dimensions[alarm.of]) for key, alarm in alarms(settings).items()]
        made.append(self._freshness(settings["stale_hours"], dimensions[FUNCTION]))
        self._rule("job-failed", "The Parquet job failed", failed_job(args["job_name"]), _JOB_INPUT)
        trail, bucket = args.get("trail_name"), args.get("log_bucket")
        keys = [key for key in (args.get("log_key_arn"), args["lake_key_arn"]) if key is not None]
        if trail is not None:
            arn = pulumi.Output.concat(self._names.where.arn("cloudtrail", "trail/"), trail)
            self._rule("trail-changed", "The trail was changed", changed_trail(trail, arn), _CALL_INPUT)
        if bucket is not None:
            self._rule("log-bucket-changed", "The log bucket was changed", changed_bucket(bucket), _CALL_INPUT)
        if keys:
            named = pulumi.Output.all(*keys).apply(
                lambda arns: sorted({n for a in arns for n in (a, a.rpartition("/")[2])})
            )
            self._rule("key-changed", "A key was changed", changed_key(named), _CALL_INPUT)
        if "budget" in settings:
            self._budget(settings["budget"]["monthly_usd"])
        board = aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=self._names.part("pipeline", 255),
            dashboard_body=pulumi.Output.json_dumps(
                dashboard(self._names, dimensions, [alarm.arn for alarm in made]), sort_keys=True
            ),
            opts=self._here,
        )
        self.dashboard_name = board.dashboard_name
        self.dashboard_url = board.dashboard_name.apply(Console(self._names.where).metrics)
        outputs = ("topic_arn", "dashboard_name", "dashboard_url")
        self.register_outputs({output: getattr(self, output) for output in outputs})

    def _topic(self, settings: AlarmSettings, key: Any) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
        """The topic's ARN, and what must exist before anything is published."""
        if "topic_arn" in settings:
            return pulumi.Output.from_input(settings["topic_arn"]), []
        name = self._names.part("alarms", 256)
        topic = aws.sns.Topic(f"{self._name}-topic", name=name, kms_master_key_id=key, tags=self._tags, opts=self._here)
        where = self._names.where
        policy = aws.sns.TopicPolicy(
            f"{self._name}-topic-policy",
            arn=topic.arn,
            policy=pulumi.Output.json_dumps(policies.alarm_topic(where, where.arn("sns", name))),
            opts=self._here,
        )
        return topic.arn, [policy]

    def _subscribe(self, settings: AlarmSettings) -> None:
        for email in settings["emails"]:
            # Named by a hash: a list in another order changes nothing, and no address stands in a URN.
            mark = hashlib.sha256(email.encode()).hexdigest()[:8]
            aws.sns.TopicSubscription(
                f"{self._name}-email-{mark}", topic=self.topic_arn, protocol="email", endpoint=email, opts=self._here
            )
        for number, webhook in enumerate(settings["webhooks"]):
            # A webhook's address is its password.
            aws.sns.TopicSubscription(
                f"{self._name}-webhook-{number}",
                topic=self.topic_arn,
                protocol="https",
                endpoint=pulumi.Output.secret(webhook),
                opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["endpoint"]),
            )

    def _alarm(self, key: str, alarm: Alarm, dimensions: Mapping[str, Any]) -> aws.cloudwatch.MetricAlarm:
        return aws.cloudwatch.MetricAlarm(
            f"{self._name}-{key}",
            name=self._names.part(key, 255),
            alarm_description=_described(alarm.says, alarm.heading),
            namespace=alarm.namespace,
            metric_name=alarm.metric,
            dimensions=dimensions,
            statistic=alarm.statistic,
            period=alarm.period,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=alarm.above,
            # All these metrics count trouble: silence is none, and the freshness alarm hears silence.
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._published),
        )

    def _freshness(self, hours: int, dimensions: Mapping[str, Any]) -> aws.cloudwatch.MetricAlarm:
        """Speaks up when flat files stop coming, never before the first.

        `breaching` would be in alarm from the first minute; metric math sees only the window that is evaluated, and
        cannot know whether there ever was a file. So missing data stays missing: a new alarm is INSUFFICIENT_DATA, the
        first file makes it OK, and when the window has no data at all it *changes back* to INSUFFICIENT_DATA, which
        has the same action as ALARM. (Actions are taken on changes of state only.) It is ALARM itself when the
        flattener runs but puts no file in place. Short periods, since CloudWatch looks a few data points further back
        than it is told, and would be late by as many; with a period below an hour the window is a day at most:
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
        """
        period = FIVE_MINUTES if hours <= DAY_HOURS else HOUR
        return aws.cloudwatch.MetricAlarm(
            f"{self._name}-no-new-files",
            name=self._names.part("no-new-files", 255),
            alarm_description=_described(
                f"For {hours} hours no log file became a flat file: look whether the trail delivers, whether the bucket"
                " notifies the queue, and what the flattener's log says.",
                FRESHNESS,
            ),
            namespace=NAMESPACE,
            metric_name="Files",
            dimensions=dimensions,
            statistic="Sum",
            period=period,
            evaluation_periods=hours * HOUR // period,
            comparison_operator="LessThanThreshold",
            threshold=1,
            treat_missing_data="missing",
            alarm_actions=[self.topic_arn],
            insufficient_data_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._published),
        )

    def _rule(self, key: str, heading: str, pattern: Any, transformed: tuple[dict[str, str], str]) -> None:
        paths, sentence = transformed
        rule = aws.cloudwatch.EventRule(
            f"{self._name}-{key}",
            name=self._names.part(key),
            description=_described("", heading).strip(),
            event_pattern=pulumi.Output.json_dumps(pattern),
            tags=self._tags,
            opts=self._here,
        )
        aws.cloudwatch.EventTarget(
            f"{self._name}-{key}-target",
            rule=rule.name,
            arn=self.topic_arn,
            input_transformer=aws.cloudwatch.EventTargetInputTransformerArgs(
                input_paths=paths,
                input_template=f'"Trailsight {self._names.pipeline}: {_described(sentence, heading)}"',
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._published),
        )

    def _budget(self, usd: int) -> None:
        from pulumi_aws import budgets

        budgets.Budget(
            f"{self._name}-budget",
            name=self._names.part("budget", 100),
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(usd),
            limit_unit="USD",
            # Counts only once the tag is activated for cost allocation, in the payer's account.
            cost_filters=[
                budgets.BudgetCostFilterArgs(name="TagKeyValue", values=[f"user:{TAG}${self._names.pipeline}"])
            ],
            notifications=[
                budgets.BudgetNotificationArgs(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=100,
                    threshold_type="PERCENTAGE",
                    subscriber_sns_topic_arns=[self.topic_arn],
                )
                for kind in ("ACTUAL", "FORECASTED")
            ],
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._published),
        )


FRESHNESS = "No new flat file"


def alarms(settings: AlarmSettings) -> dict[str, Alarm]:
    """The alarms that count trouble, by the end of their name; `no-new-files` is apart, since it hears silence."""
    waiting, records = settings["queue_age_minutes"], settings["quarantined_records"]
    return {
        "dead-letters": Alarm(
            "Dead letters",
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            DLQ,
            "Maximum",
            FIVE_MINUTES,
            0,
            "Log files could not be flattened: find the reason in the flattener's log, mend it, and run"
            " `trailsight replay` within 14 days.",
        ),
        "queue-age": Alarm(
            "The queue waits",
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            QUEUE,
            "Maximum",
            FIVE_MINUTES,
            waiting * 60,
            f"A log file waits for more than {waiting} minutes: see whether the flattener fails or is throttled,"
            " or give it more concurrency.",
        ),
        "flattener-errors": Alarm(
            "The flattener fails",
            "AWS/Lambda",
            "Errors",
            FUNCTION,
            "Sum",
            FIVE_MINUTES,
            0,
            "An invocation of the flattener crashed, ran out of memory or out of time: its log says which.",
        ),
        "flattener-throttles": Alarm(
            "The flattener is throttled",
            "AWS/Lambda",
            "Throttles",
            FUNCTION,
            "Sum",
            FIVE_MINUTES,
            0,
            "Lambda had no room for the flattener: raise the account's concurrency quota, or lower the flattener's.",
        ),
        "flattener-quarantine": Alarm(
            "Records in quarantine",
            NAMESPACE,
            "Quarantined",
            FUNCTION,
            "Sum",
            HOUR,
            records,
            f"More than {records} records in an hour could not become rows: their reasons are in quarantine/dt=<day>/.",
        ),
        "job-quarantine": Alarm(
            "Lines in quarantine",
            NAMESPACE,
            "quarantined",
            JOB,
            "Sum",
            HOUR,
            records,
            f"The Parquet job met more than {records} lines that are no rows: see quarantine/<run>/lines/.",
        ),
        "job-differs": Alarm(
            "One event with two contents",
            NAMESPACE,
            "duplicate_differs",
            JOB,
            "Sum",
            HOUR,
            0,
            "An event came again with another content, which may mean a changed log file: see quarantine/<run>/differs/"
            " and run `trailsight verify`.",
        ),
        "job-set-aside": Alarm(
            "Damaged flat files",
            NAMESPACE,
            "flatfiles_set_aside",
            JOB,
            "Sum",
            HOUR,
            0,
            "The Parquet job set damaged flat files aside: `trailsight backfill` their log files.",
        ),
    }


def failed_job(job: pulumi.Input[str]) -> dict[str, Any]:
    """Event pattern: a run of the job ended, but not well. Glue has no metric for that.

    https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
    """
    return {
        "source": ["aws.glue"],
        "detail-type": ["Glue Job State Change"],
        "detail": {"jobName": [job], "state": ["FAILED", "TIMEOUT", "STOPPED"]},
    }


def _call(service: str, names: Sequence[str], detail: Mapping[str, Any]) -> dict[str, Any]:
    # Refused calls match as well: who tries is worth a message too.
    return {
        "source": [f"aws.{service}"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventName": list(names), **detail},
    }


def changed_trail(name: pulumi.Input[str], arn: pulumi.Input[str]) -> dict[str, Any]:
    """Event pattern: somebody stopped, deleted or changed the trail, by its name or its ARN."""
    calls = ["StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors", "PutInsightSelectors", "RemoveTags"]
    fields = ("name", "trailName", "resourceId")
    return _call("cloudtrail", calls, {"$or": [{"requestParameters": {field: [name, arn]}} for field in fields]})


def changed_bucket(name: pulumi.Input[str]) -> dict[str, Any]:
    """Event pattern: somebody deleted the log bucket, or changed who may read it or how long it keeps log files."""
    calls = [
        "DeleteBucket",
        *("PutBucketPolicy", "DeleteBucketPolicy", "PutBucketAcl"),
        *("PutBucketPublicAccessBlock", "DeleteBucketPublicAccessBlock"),
        *("PutBucketOwnershipControls", "DeleteBucketOwnershipControls"),
        *("PutBucketLifecycle", "PutBucketLifecycleConfiguration", "DeleteBucketLifecycle"),
        *("PutBucketEncryption", "DeleteBucketEncryption"),
        *("PutBucketVersioning", "PutBucketObjectLockConfiguration"),
        *("PutBucketNotification", "PutBucketNotificationConfiguration"),
        *("PutBucketReplication", "DeleteBucketReplication"),
    ]
    return _call("s3", calls, {"requestParameters": {"bucketName": [name]}})


def changed_key(names: pulumi.Input[list[str]]) -> dict[str, Any]:
    """Event pattern: somebody took a key away, or changed who may use it; `names` are key ids and ARNs."""
    calls = ["ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy", "DeleteImportedKeyMaterial"]
    return _call("kms", calls, {"requestParameters": {"keyId": names}})


# A path that an event lacks leaves nothing in the sentence.
_JOB_INPUT = (
    {"job": "$.detail.jobName", "state": "$.detail.state", "run": "$.detail.jobRunId", "time": "$.time"},
    "run <run> of the job <job> ended as <state> at <time>; its log says why, and the next run makes up for it.",
)
_CALL_INPUT = (
    {
        "who": "$.detail.userIdentity.arn",
        "what": "$.detail.eventName",
        "service": "$.detail.eventSource",
        "address": "$.detail.sourceIPAddress",
        "error": "$.detail.errorCode",
        "time": "$.detail.eventTime",
        "event": "$.detail.eventID",
    },
    "<who> called <what> of <service> from <address> at <time> (event <event>) <error>; if nobody planned that, act.",
)


def _described(sentence: str, heading: str) -> str:
    return f"{sentence} See '{heading}' in {PAGE}."


def dashboard(names: Names, dimensions: Mapping[str, Any], alarm_arns: Sequence[Any]) -> dict[str, Any]:
    """The body of the CloudWatch dashboard: alarms first, then each stage in the order of the flow.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    graphs: list[tuple[str, str, str, str, int, list[str]]] = [
        # title, namespace, whose, statistic, period, metrics
        ("Log files", NAMESPACE, FUNCTION, "Sum", FIVE_MINUTES, ["Files", "FilesFailed", "FilesMissing", "FilesEmpty"]),
        ("Records", NAMESPACE, FUNCTION, "Sum", FIVE_MINUTES, ["Records", "Quarantined"]),
        ("From delivery to flat file, seconds", NAMESPACE, FUNCTION, "p90", FIVE_MINUTES, ["DeliveryLag", "Seconds"]),
        (
            "Queue",
            "AWS/SQS",
            QUEUE,
            "Maximum",
            FIVE_MINUTES,
            ["ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"],
        ),
        ("Oldest message, seconds", "AWS/SQS", QUEUE, "Maximum", FIVE_MINUTES, ["ApproximateAgeOfOldestMessage"]),
        ("Dead letters", "AWS/SQS", DLQ, "Maximum", FIVE_MINUTES, ["ApproximateNumberOfMessagesVisible"]),
        ("Flattener", "AWS/Lambda", FUNCTION, "Sum", FIVE_MINUTES, ["Invocations", "Errors", "Throttles"]),
        ("Parquet job: lines", NAMESPACE, JOB, "Sum", HOUR, ["read", "written", "duplicates"]),
        (
            "Parquet job: set aside",
            NAMESPACE,
            JOB,
            "Sum",
            HOUR,
            ["quarantined", "duplicate_differs", "flatfiles_set_aside"],
        ),
        ("Parquet job: seconds", NAMESPACE, JOB, "Maximum", HOUR, ["seconds"]),
    ]
    width, height, row = 8, 6, 3
    widgets: list[dict[str, Any]] = [
        {
            "type": "alarm",
            "x": 0,
            "y": 0,
            "width": 24,
            "height": 3,
            "properties": {"title": "Alarms", "alarms": list(alarm_arns)},
        }
    ]
    for number, (title, namespace, of, statistic, period, metrics) in enumerate(graphs):
        named = [part for pair in dimensions[of].items() for part in pair]
        widgets.append(
            {
                "type": "metric",
                "x": number % row * width,
                "y": 3 + number // row * height,
                "width": width,
                "height": height,
                "properties": {
                    "title": title,
                    "region": names.where.region,
                    "stat": statistic,
                    "period": period,
                    "metrics": [[namespace, metric, *named] for metric in metrics],
                },
            }
        )
    return {"widgets": widgets}
