"""What a single value may be, by its key: the one table that checks, the JSON Schema and the docs are made from."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Between:
    """A whole number from `low` to `high`, both included; `or_zero` allows 0 as well."""

    low: int
    high: int
    or_zero: bool = False

    def wrong(self, value: Any) -> str | None:
        """What is wrong with an int, or None."""
        if self.low <= value <= self.high or (self.or_zero and value == 0):
            return None
        return f"must be {self}, got {value}"

    def __str__(self) -> str:
        return f"{'0, or ' if self.or_zero else ''}from {self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few values."""

    values: tuple[str | int, ...]

    def wrong(self, value: Any) -> str | None:
        """What is wrong with a value, or None."""
        return None if value in self.values else f"must be {self}, got {value}"

    def __str__(self) -> str:
        return f"one of {', '.join(map(str, self.values))}"


@dataclass(frozen=True, slots=True)
class Text:
    """Text that a pattern describes as a whole; `also` refuses what no pattern can."""

    pattern: str
    what: str
    also: Callable[[str], bool] | None = None

    def wrong(self, value: Any) -> str | None:
        """What is wrong with a text, or None."""
        if re.fullmatch(self.pattern, value) and not (self.also and self.also(value)):
            return None
        return f"must be {self}, got {value!r}"

    def __str__(self) -> str:
        return self.what


Rule = Between | OneOf | Text


def _no_day(value: str) -> bool:
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return True
    return False


def _no_cron(value: str) -> bool:
    fields = value.removeprefix("cron(").removesuffix(")").split()
    return [fields[2], fields[4]].count("?") != 1


def _no_bucket(value: str) -> bool:
    reserved = value.startswith(("xn--", "sthree-", "amzn-s3-demo-")) or value.endswith(("-s3alias", "--ol-s3"))
    return reserved or ".." in value or bool(re.fullmatch(r"[\d.]+", value))


def family(region: str) -> str:
    """What Regions of another partition than `aws` begin with: `us-gov`, `cn`, `us-iso`, ..., else nothing."""
    found = re.match(r"(us-gov|cn|[a-z]+-iso[a-z]*|eusc)-", region)
    return found[1] if found else ""


ACCOUNT = Text(r"[0-9]{12}", "the 12 digits of an account")
REGION = Text(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}", "a Region, such as eu-central-1")
PIPELINE = Text(
    r"[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*",
    "3 to 40 letters, digits and single hyphens between them, a letter first",
    lambda value: not 3 <= len(value) <= 40,
)
BUCKET = Text(
    r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    "a bucket's name: 3 to 63 lower-case letters, digits, hyphens and dots, no beginning that AWS keeps for itself",
    _no_bucket,
)
LAKE_BUCKET = Text(
    r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
    "a bucket's name without dots, which Spark cannot reach by TLS: 3 to 63 lower-case letters, digits and hyphens, no"
    " beginning that AWS keeps for itself",
    _no_bucket,
)
KEY = Text(
    r"arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+",
    "the ARN of a KMS key (arn:PARTITION:kms:REGION:ACCOUNT:key/ID), not its id and no alias",
)
TOPIC = Text(r"arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+", "the ARN of an SNS topic")
POLICY = Text(r"arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+", "the ARN of an IAM policy")
ARN = Text(r"arn:[a-z-]+:[a-z0-9-]+:.+", "an ARN, or what one begins with")
RECEIVER = Text(r"arn:[a-z-]+:(sqs|sns|lambda):[a-z0-9-]+:[0-9]{12}:.+", "the ARN of a queue, a topic or a function")
SOURCE = Text(r"[a-z0-9.-]+\.amazonaws\.com", "an event source, such as ec2.amazonaws.com")
DAY = Text(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a day that exists, as YYYY-MM-DD", _no_day)
CRON = Text(
    r"cron\([0-9,/*-]+ [0-9,/*-]+ [0-9LW,/*?-]+ [0-9A-Z,/*-]+ [0-9A-ZL#,/*?-]+ [0-9,/*-]+\)",
    "a Glue cron expression in UTC, as cron(5 * * * ? *), with ? as day of month or day of week",
    _no_cron,
)
DAYS = Between(1, 36500)
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION = OneOf(
    (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
)
WORKERS = OneOf(("G.1X", "G.2X", "G.4X", "G.8X", "R.1X", "R.2X", "R.4X", "R.8X"))
NAME = Text(r"\S(.*\S)?", "a name, without spaces around it")

RULES: dict[str, Rule] = {
    "trail.name": Text(
        r"[A-Za-z0-9]([._-]?[A-Za-z0-9])+",
        "a trail's name: 3 to 128 letters, digits and single . _ - between them",
        lambda value: not 3 <= len(value) <= 128 or bool(re.fullmatch(r"[\d.]+", value)),
    ),
    "trail.excludeSources[]": OneOf(("kms.amazonaws.com", "rdsdata.amazonaws.com")),
    "trail.dataEvents[].type": Text(
        r"AWS::[A-Za-z0-9]+::[A-Za-z0-9]+", "a resource type of CloudTrail, such as AWS::S3::Object"
    ),
    "trail.dataEvents[].arns[]": ARN,
    "trail.networkActivity[]": SOURCE,
    "trail.excludeArns[]": ARN,
    "trail.cloudwatchLogs.retentionDays": RETENTION,
    "logs.bucketName": BUCKET,
    "logs.prefix": Text(
        # S3 would take a *, but it stands for anything in IAM's policies and EventBridge's patterns.
        r"([A-Za-z0-9!_.'()-]+(/[A-Za-z0-9!_.'()-]+)*)?",
        "a prefix of up to 200 characters without / at its ends and without *",
        lambda value: len(value) > 200,
    ),
    "logs.encryption.keyArn": KEY,
    "logs.expireAfterDays": Between(1, 36500, or_zero=True),
    "logs.glacierAfterDays": Between(1, 36500, or_zero=True),
    "logs.noncurrentDays": DAYS,
    "logs.objectLock.days": DAYS,
    "logs.accessLogs.bucket": BUCKET,
    "logs.additionalNotifications[].arn": RECEIVER,
    "logs.existing.bucket": BUCKET,
    "logs.existing.account": ACCOUNT,
    "logs.existing.keyArn": KEY,
    "logs.existing.topicArn": TOPIC,
    "lake.bucketName": LAKE_BUCKET,
    "lake.encryption.keyArn": KEY,
    "lake.flatfilesDays": DAYS,
    "lake.quarantineDays": DAYS,
    "lake.noncurrentDays": DAYS,
    "lake.promote[]": Text(  # flattener and job get all of them in one text, with commas between
        r"[^\s,]([^,]*[^\s,])?",
        "a path, such as requestParameters.taskArn, without a comma and without spaces around it",
    ),
    "lake.accessLogs.bucket": BUCKET,
    "lake.flattener.memoryMb": Between(128, 10240),
    "lake.flattener.timeoutSeconds": Between(60, 900),  # of which the function keeps 20 s in reserve
    "lake.flattener.concurrency": Between(2, 1000),
    "lake.flattener.batchSize": Between(1, 10),
    "lake.flattener.maxReceives": Between(5, 1000),
    "lake.flattener.unpackedLimitMb": Between(1, 102_400),
    "lake.flattener.logRetentionDays": RETENTION,
    "lake.job.schedule": CRON,
    "lake.job.compactionSchedule": CRON,
    "lake.job.workers": Between(2, 299),
    "lake.job.workerType": WORKERS,
    "lake.job.timeoutMinutes": Between(1, 2880),
    "lake.job.glueVersion": OneOf(("5.0", "5.1")),
    "lake.job.days": DAYS,
    "lake.job.logRetentionDays": RETENTION,
    "lake.catalog.database": Text(r"[a-z0-9_]{1,255}", "lower-case letters, digits and _, at most 255"),
    "lake.catalog.firstDate": DAY,
    "lake.catalog.crawlSchedule": CRON,
    "lake.athena.cutoffGb": Between(1, 1_000_000),
    "lake.athena.resultsDays": DAYS,
    "quicksight.identityRegion": REGION,
    "quicksight.namespace": Text(r"[A-Za-z0-9._-]{1,64}", "a namespace of QuickSight: letters, digits and . _ -"),
    "quicksight.groups.owners[]": NAME,
    "quicksight.groups.readers[]": NAME,
    "quicksight.users.owners[]": NAME,
    "quicksight.users.readers[]": NAME,
    "quicksight.windowDays": Between(1, 36500),
    "quicksight.lookbackDays": Between(1, 36500),
    "quicksight.fullRefresh": Text(r"([01][0-9]|2[0-3]):[0-5][0-9]", "a time of day, as HH:MM"),
    "quicksight.rowLevelSecurity[].group": NAME,
    "quicksight.rowLevelSecurity[].user": NAME,
    "quicksight.rowLevelSecurity[].accounts[]": ACCOUNT,
    "alarms.emails[]": Text(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address"),
    "alarms.topicArn": TOPIC,
    "alarms.webhooks[]": Text(r"https://\S+", "an https:// address"),
    "alarms.queueAgeMinutes": Between(1, 5759),  # the queue keeps a message for 4 days
    "alarms.staleHours": Between(1, 168),  # an alarm looks back 7 days at most
    "alarms.quarantinedRecords": Between(0, 1_000_000_000),
    "alarms.budget.monthlyUsd": Between(1, 1_000_000_000),
    "iam.permissionsBoundary": POLICY,
    "iam.path": Text(r"/([\w+=,.@-]+/)*", "a path with / at both ends, such as /trailsight/"),
    "iam.namePrefix": Text(r"[\w+=,.@-]{0,32}", "up to 32 letters, digits and + = , . @ _ -"),
    "account.id": ACCOUNT,
    "account.region": REGION,
    "deploy.role": Text(r"(arn:[a-z-]+:iam::[0-9]{12}:role/)?[\w+=,.@/-]+", "a role's name, path included, or its ARN"),
    "deploy.previewRole": Text(
        r"(arn:[a-z-]+:iam::[0-9]{12}:role/)?[\w+=,.@/-]+", "a role's name, path included, or its ARN"
    ),
    "deploy.externalId": Text(r"[\w+=,.@:/-]{2,1224}", "2 to 1224 letters, digits and + = , . @ : / _ -"),
    "tags.*": Text(r"[\w\s.:/=+@-]{0,256}", "up to 256 letters, digits, spaces and . : / = + - @ _"),
}
"""Rules by key as YAML writes it; `[]` is any item of a list, `.*` any key of a map."""

TAG_KEY = Text(
    r"[\w\s.:/=+@-]{1,128}",
    "1 to 128 letters, digits, spaces and . : / = + - @ _, and not begin with aws:",
    lambda value: value.lower().startswith("aws:"),
)
SECRET = frozenset({"alarms.webhooks[]", "deploy.externalId"})
"""Keys whose values no message repeats."""

NO_DASHBOARDS = frozenset(
    {
        "ap-east-1",
        "ap-east-2",
        "ap-northeast-3",
        "ap-south-2",
        "ap-southeast-4",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "cn-northwest-1",
        "il-central-1",
        "me-central-1",
        "mx-central-1",
        "us-west-1",
    }
)
"""Regions where CloudFormation has no `AWS::QuickSight::Dashboard`, as cfn-lint's schemas know them."""
