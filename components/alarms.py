"""What is watched: the alarms on metrics, and the event patterns, and the sentence that reports each. Pure.

Each has its section in docs/operations.md, named by its message.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pulumi

from components.settings import AlarmSettings

NAMESPACE = "Trailsight"
PAGE = "docs/operations.md"
HOUR, FIVE_MINUTES = 3600, 300
# Whose metric it is; a data set's id is DatasetId here, and DataSetId in the API:
# https://docs.aws.amazon.com/quicksight/latest/user/cw-metrics.html
FUNCTION, JOB, QUEUE, DLQ, DATA_SET = "FunctionName", "JobName", "QueueName", "DLQ", "DatasetId"


class Alarm(NamedTuple):
    """An alarm on one metric: in alarm when `statistic` over `period` seconds is more than `above`."""

    heading: str
    """Its section in the docs page."""
    namespace: str
    metric: str
    of: str
    """Whose metric: one of FUNCTION, JOB, QUEUE, DLQ, DATA_SET."""
    statistic: str
    period: int
    above: int
    says: str
    """What happened and what to do."""


class Silence(NamedTuple):
    """An alarm on a metric that must keep coming: `metric` of NAMESPACE, at least one in `hours`."""

    heading: str
    """Its section in the docs page."""
    metric: str
    of: str
    """Whose metric: FUNCTION or JOB."""
    statistic: str
    hours: int
    says: str
    """What happened and what to do."""


def silences(settings: AlarmSettings, longest_gap: int | None) -> dict[str, Silence]:
    """The alarms that hear silence, by the end of their name.

    `longest_gap` is how many minutes may pass between the ends of two runs of the job; None where a day may pass
    without any: then nothing is expected of the job.
    """
    stale = settings["stale_hours"]
    made = {
        "no-new-files": Silence(
            "No new flat file",
            "Files",
            FUNCTION,
            "Sum",
            stale,
            f"For {stale} hours no log file became a flat file: look whether the trail delivers, whether the bucket"
            " notifies the queue, and what the flattener's log says.",
        )
    }
    if longest_gap is not None:
        hours = max(stale, -(-longest_gap // 60))
        made["no-new-run"] = Silence(
            "No run of the Parquet job",
            "seconds",
            JOB,
            "SampleCount",
            hours,
            f"For {hours} hours no run of the Parquet job ended well, and the lake has no newer events: look whether"
            " its schedule is on and how its last runs ended.",
        )
    return made


REFRESH = Alarm(
    "A refresh failed",
    "AWS/QuickSight",
    "IngestionErrorCount",
    DATA_SET,
    "Sum",
    HOUR,
    0,
    "QuickSight could not load a data set, so that the dashboard shows older events: its refresh history says why.",
)


def alarms(settings: AlarmSettings) -> dict[str, Alarm]:
    """The alarms that count trouble in the lake's parts, by the end of their name; a data set's is REFRESH."""
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


def failed_crawler(crawlers: Sequence[pulumi.Input[str]]) -> dict[str, Any]:
    """Event pattern: one of the crawlers failed. A day without a partition in the catalog is seen by no query."""
    return {
        "source": ["aws.glue"],
        "detail-type": ["Glue Crawler State Change"],
        "detail": {"crawlerName": [*crawlers], "state": ["Failed"]},
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


def changed_bucket(names: Sequence[pulumi.Input[str]]) -> dict[str, Any]:
    """Event pattern: somebody deleted one of the buckets, or changed who may read it or how long it keeps its files."""
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
    return _call("s3", calls, {"requestParameters": {"bucketName": [*names]}})


def changed_key(names: pulumi.Input[list[str]]) -> dict[str, Any]:
    """Event pattern: somebody took a key away, or changed who may use it; `names` are key ids and ARNs."""
    calls = ["ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy", "DeleteImportedKeyMaterial"]
    return _call("kms", calls, {"requestParameters": {"keyId": names}})


# Paths in an event, and the sentence around them; a path that an event lacks leaves nothing.
JOB_INPUT = (
    {"job": "$.detail.jobName", "state": "$.detail.state", "run": "$.detail.jobRunId", "time": "$.time"},
    "run <run> of the job <job> ended as <state> at <time>; its log says why, and the next run makes up for it.",
)
CRAWLER_INPUT = (
    {"crawler": "$.detail.crawlerName", "error": "$.detail.errorMessage", "time": "$.time"},
    "the crawler <crawler> failed at <time>: <error>.",
)
CALL_INPUT = (
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


def described(sentence: str, heading: str) -> str:
    """The sentence, and where to read on."""
    return f"{sentence} See '{heading}' in {PAGE}."
