"""The trail: what CloudTrail records and where it delivers, never the pipeline's own reading and writing."""

from typing import NotRequired

import pulumi
import pulumi_aws as aws

from components import policies
from components.log_groups import log_group
from components.part import PartArgs
from components.roles import role
from components.settings import ReadWrite, TrailSettings

S3, FUNCTION, QUEUE = "AWS::S3::Object", "AWS::Lambda::Function", "AWS::SQS::Queue"
GLUE, TOPIC = "AWS::Glue::Table", "AWS::SNS::Topic"

Selector = aws.cloudtrail.TrailAdvancedEventSelectorArgs
FieldSelector = aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs


class TrailArgs(PartArgs):
    """What a trail needs."""

    settings: TrailSettings
    """The trail's settings, with every default filled in. Required."""
    bucket: pulumi.Input[str]
    """Name of the bucket that it delivers to. Required."""
    prefix: str
    """What stands before AWSLogs/ in the bucket. Required."""
    own_arns: dict[str, list[str]]
    """By resource type, ARN beginnings of the pipeline's own parts, whose data events are never recorded. Required."""
    protect: bool
    """Refuse to destroy it. Required."""
    after: list[pulumi.Resource]
    """What CreateTrail checks: the bucket's policy and the key's. Required."""
    key_arn: NotRequired[pulumi.Input[str] | None]
    """The KMS key that encrypts the log files. Default: none."""


class Trail(pulumi.ComponentResource):
    """A trail with log file validation, and what it needs to write elsewhere than to its bucket."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    topic_arn: pulumi.Output[str] | None

    def __init__(self, name: str, args: TrailArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trailsight:index:Trail", name, {}, opts)
        settings, names, tags = args["settings"], args["names"], args["tags"]
        here = pulumi.ResourceOptions(parent=self)
        trail_name = names.trail(settings.get("name"))
        after = list(args["after"])
        group_arn: pulumi.Input[str] | None = None
        role_arn: pulumi.Input[str] | None = None
        if settings["cloudwatch_logs"]["enabled"]:
            group_name = f"/trailsight/{name}"
            kept = settings["cloudwatch_logs"]["retention_days"]
            group = log_group(f"{name}-logs", self, group_name, kept, tags)
            made, rights = role(
                self,
                f"{name}-role",
                args,
                "trail",
                policies.trust("cloudtrail"),
                lambda: policies.trail_logs(names, group_name),
            )
            after.append(rights)
            group_arn, role_arn = pulumi.Output.concat(group.arn, ":*"), made.arn
        topic = None
        if settings["sns"]:
            topic = aws.sns.Topic(f"{name}-topic", name=names.part("trail", 256), tags=tags, opts=here)
            after.append(
                aws.sns.TopicPolicy(
                    f"{name}-topic-policy",
                    arn=topic.arn,
                    policy=pulumi.Output.json_dumps(
                        policies.trail_topic(names.topic_arn("trail"), names.trail_arn(settings.get("name")))
                    ),
                    opts=here,
                )
            )
        trail = aws.cloudtrail.Trail(
            name,
            name=trail_name,
            s3_bucket_name=args["bucket"],
            s3_key_prefix=args["prefix"] or None,
            is_multi_region_trail=settings["multi_region"],
            include_global_service_events=True,
            enable_log_file_validation=True,
            enable_logging=True,
            kms_key_id=args.get("key_arn"),
            advanced_event_selectors=selectors(settings, args["own_arns"]),
            insight_selectors=[
                aws.cloudtrail.TrailInsightSelectorArgs(insight_type=kind)
                for kind in ("ApiCallRateInsight", "ApiErrorRateInsight")
            ]
            if settings["insights"]
            else None,
            cloud_watch_logs_group_arn=group_arn,
            cloud_watch_logs_role_arn=role_arn,
            sns_topic_name=topic.name if topic else None,
            tags=tags,
            # A trail that is gone stops the evidence: destroy must ask twice, unless this is a trial.
            opts=pulumi.ResourceOptions(parent=self, protect=args["protect"], depends_on=after),
        )
        self.name, self.arn = trail.name, trail.arn
        self.topic_arn = topic.arn if topic else None
        self.register_outputs({"name": self.name, "arn": self.arn, "topic_arn": self.topic_arn})


def selectors(settings: TrailSettings, own: dict[str, list[str]]) -> list[Selector]:
    """Advanced event selectors of these settings; `own` are ARN beginnings that no data event may come from.

    With S3 data events on, the flattener's writes would otherwise become log files that start it again, without end.
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
    """
    management = [_is("eventCategory", "Management"), *_read_write(settings["management_events"])]
    if excluded := settings["exclude_sources"]:
        management.append(FieldSelector(field="eventSource", not_equals=excluded))
    found = [Selector(name="Management events", field_selectors=management)]
    for data in settings["data_events"]:
        fields = [_is("eventCategory", "Data"), _is("resources.type", data["type"])]
        fields += _read_write(data.get("read_write", ReadWrite.ALL))
        arns = FieldSelector(
            field="resources.ARN",
            starts_withs=data.get("arns") or None,
            not_starts_withs=[*own.get(data["type"], []), *settings["exclude_arns"]] or None,
        )
        if arns.starts_withs or arns.not_starts_withs:
            fields.append(arns)
        found.append(Selector(name=f"{data['type']} data events", field_selectors=fields))
    for source in settings["network_activity"]:
        fields = [_is("eventCategory", "NetworkActivity"), _is("eventSource", source)]
        found.append(Selector(name=f"{source} network activity", field_selectors=fields))
    return found


def _is(field: str, value: str) -> FieldSelector:
    return FieldSelector(field=field, equals=[value])


def _read_write(which: ReadWrite) -> list[FieldSelector]:
    return [] if which is ReadWrite.ALL else [_is("readOnly", "true" if which is ReadWrite.READ else "false")]
