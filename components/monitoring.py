"""Monitoring: one topic, the alarms and event rules that publish to it, a CloudWatch dashboard, an optional budget.

What is watched stands in alarms.py, what is drawn in graphs.py.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import policies
from components.alarms import (
    CALL_INPUT,
    CRAWLER_INPUT,
    DATA_SET,
    DLQ,
    FIVE_MINUTES,
    FUNCTION,
    HOUR,
    JOB,
    JOB_INPUT,
    NAMESPACE,
    QUEUE,
    REFRESH,
    Alarm,
    Silence,
    alarms,
    changed_bucket,
    changed_key,
    changed_trail,
    described,
    failed_crawler,
    failed_job,
    silences,
)
from components.console import Console
from components.graphs import dashboard
from components.parameters import Parameter
from components.part import TAG, PartArgs
from components.settings import AlarmSettings

DAY_HOURS = 24


class LakeParts(TypedDict):
    """The lake's parts that are watched."""

    dlq_name: pulumi.Input[str]
    """Name of the dead-letter queue. Required."""
    queue_name: pulumi.Input[str]
    """Name of the queue of new log files. Required."""
    function_name: pulumi.Input[str]
    """Name of the flattener. Required."""
    job_name: pulumi.Input[str]
    """Name of the Parquet job. Required."""
    longest_gap: int | None
    """Minutes that may pass between the ends of two of its runs; None where a day may pass without any. Required."""
    crawlers: Sequence[pulumi.Input[str]]
    """Names of the crawlers; none where tables are declared. Required."""
    data_sets: Mapping[str, pulumi.Input[str]]
    """Name -> id of each QuickSight data set in SPICE. Required."""


class MonitoringArgs(PartArgs):
    """What is watched."""

    settings: AlarmSettings
    """Its settings, with every default filled in. Required."""
    lake: NotRequired[LakeParts | None]
    """The pipeline's lake. Default: there is none, and tampering is all that is watched."""
    trail_name: NotRequired[pulumi.Input[str] | None]
    """The pipeline's own trail, watched for tampering. Default: none."""
    buckets: NotRequired[Sequence[pulumi.Input[str]]]
    """The pipeline's own buckets, watched for tampering. Default: none."""
    log_key_arn: NotRequired[pulumi.Input[str] | None]
    """The KMS key of the log files, watched as the lake's is. Default: none."""


class Monitoring(pulumi.ComponentResource):
    """Who hears of trouble, and a page of graphs for whoever then looks."""

    topic_arn: pulumi.Output[str]
    """ARN of the topic that everything publishes to."""
    dashboard_name: pulumi.Output[str | None]
    """Name of the CloudWatch dashboard, if there is a lake to draw."""
    dashboard_url: pulumi.Output[str | None]
    """Where it is in the console."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trailsight:index:Monitoring", name, {}, opts)
        self._name, self._names, self._tags = name, args["names"], args["tags"]
        self._here = pulumi.ResourceOptions(parent=self)
        settings = args["settings"]
        self.topic_arn, self._published = self._topic(settings, args["lake_key_arn"])
        self._subscribe(settings)
        lake = args.get("lake")
        board = self._lake(lake, settings) if lake else None
        trail, buckets = args.get("trail_name"), args.get("buckets")
        keys = [key for key in (args.get("log_key_arn"), args["lake_key_arn"]) if key is not None]
        if trail is not None:
            arn = pulumi.Output.concat(self._names.where.arn("cloudtrail", "trail/"), trail)
            self._rule("trail-changed", "The trail was changed", changed_trail(trail, arn), CALL_INPUT)
        if buckets:
            self._rule("bucket-changed", "A bucket was changed", changed_bucket(buckets), CALL_INPUT)
        if keys:
            named = pulumi.Output.all(*keys).apply(
                lambda arns: sorted({n for a in arns for n in (a, a.rpartition("/")[2])})
            )
            self._rule("key-changed", "A key was changed", changed_key(named), CALL_INPUT)
        if "budget" in settings:
            self._budget(settings["budget"]["monthly_usd"])
        self.dashboard_name = pulumi.Output.from_input(board)
        self.dashboard_url = pulumi.Output.from_input(board and board.apply(Console(self._names.where).metrics))
        outputs = ("topic_arn", "dashboard_name", "dashboard_url")
        self.register_outputs({output: getattr(self, output) for output in outputs})

    def _lake(self, lake: LakeParts, settings: AlarmSettings) -> pulumi.Output[str]:
        """Alarms and the rule on the lake's parts; gives the dashboard's name."""
        dimensions = {
            FUNCTION: {"FunctionName": lake["function_name"]},
            # A rebuild has somebody at it, and its own Task.
            JOB: {"JobName": lake["job_name"], "Task": "load"},
            QUEUE: {"QueueName": lake["queue_name"]},
            DLQ: {"QueueName": lake["dlq_name"]},
        }
        data_sets = {key: {DATA_SET: name} for key, name in lake["data_sets"].items()}
        made = [self._alarm(key, alarm, dimensions[alarm.of]) for key, alarm in alarms(settings).items()]
        made += [
            self._silence(key, silence, dimensions[silence.of])
            for key, silence in silences(settings, lake["longest_gap"]).items()
        ]
        made += [self._alarm(f"refresh-{key}", REFRESH, of) for key, of in data_sets.items()]
        self._rule("job-failed", "The Parquet job failed", failed_job(lake["job_name"]), JOB_INPUT)
        if lake["crawlers"]:
            self._rule("crawler-failed", "A crawler failed", failed_crawler(lake["crawlers"]), CRAWLER_INPUT)
        body = dashboard(self._names, dimensions, list(data_sets.values()), [alarm.arn for alarm in made])
        return aws.cloudwatch.Dashboard(
            f"{self._name}-dashboard",
            dashboard_name=self._names.part("pipeline", 255),
            dashboard_body=pulumi.Output.json_dumps(body, sort_keys=True),
            opts=self._here,
        ).dashboard_name

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
            aws.sns.TopicSubscription(
                f"{self._name}-email-{_mark(email)}",
                topic=self.topic_arn,
                protocol="email",
                endpoint=email,
                opts=self._here,
            )
        for number, webhook in enumerate(settings["webhooks"]):
            # A webhook's address is its password.
            aws.sns.TopicSubscription(
                f"{self._name}-webhook-{_mark(webhook) or number}",
                topic=self.topic_arn,
                protocol="https",
                endpoint=pulumi.Output.secret(webhook),
                opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["endpoint"]),
            )

    def _alarm(self, key: str, alarm: Alarm, dimensions: Mapping[str, Any]) -> aws.cloudwatch.MetricAlarm:
        return aws.cloudwatch.MetricAlarm(
            f"{self._name}-{key}",
            name=self._names.part(key, 255),
            alarm_description=described(alarm.says, alarm.heading),
            namespace=alarm.namespace,
            metric_name=alarm.metric,
            dimensions=dimensions,
            statistic=alarm.statistic,
            period=alarm.period,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=alarm.above,
            # All these metrics count trouble, and silence is none; what must not fall silent has a Silence.
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._published),
        )

    def _silence(self, key: str, silence: Silence, dimensions: Mapping[str, Any]) -> aws.cloudwatch.MetricAlarm:
        """Speaks up when a metric stops coming, never before the first data point.

        `breaching` would be in alarm from the first minute; metric math sees only the window that is evaluated, and
        cannot know whether there ever was one. So missing data stays missing: a new alarm is INSUFFICIENT_DATA, the
        first data point makes it OK, and when the window has no data at all it *changes back* to INSUFFICIENT_DATA,
        which has the same action as ALARM. (Actions are taken on changes of state only.) It is ALARM itself when the
        metric comes and is zero: the flattener runs but puts no file in place. Short periods, since CloudWatch looks a
        few data points further back than it is told, and would be late by as many; with a period below an hour the
        window is a day at most:
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
        """
        period = FIVE_MINUTES if silence.hours <= DAY_HOURS else HOUR
        return aws.cloudwatch.MetricAlarm(
            f"{self._name}-{key}",
            name=self._names.part(key, 255),
            alarm_description=described(silence.says, silence.heading),
            namespace=NAMESPACE,
            metric_name=silence.metric,
            dimensions=dimensions,
            statistic=silence.statistic,
            period=period,
            evaluation_periods=silence.hours * HOUR // period,
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
            description=described("", heading).strip(),
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
                input_template=f'"Trailsight {self._names.pipeline}: {described(sentence, heading)}"',
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


def _mark(address: pulumi.Input[str]) -> str:
    """What a subscription is named by: of the address or its parameter alone, so that no address stands in a URN.

    By its place in the list, one that moves up would be subscribed under another's name. SNS gives such a second
    Subscribe the first one's ARN, and Pulumi, deleting what is no longer named, would unsubscribe it. Empty for an
    output that says nothing of itself.
    """
    known = address.path if isinstance(address, Parameter) else address
    return hashlib.sha256(known.encode()).hexdigest()[:8] if isinstance(known, str) else ""
