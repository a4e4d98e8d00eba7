"""What a user may set: the sections of a pipeline's arguments, each field with a sentence and its default.

The YAML files have the same sections and keys (in camelCase); the loader, the JSON Schema and the docs' reference are
made from these classes. What decides which resources exist is plain; an `Input` may be another resource's output.
No `from __future__ import annotations` here: it breaks Pulumi's inference of the package schema.
"""

from enum import Enum
from typing import Any, Required, TypedDict

from pulumi import Input


class TrailMode(Enum):
    """Whether the pipeline has a trail of its own."""

    ACCOUNT = "account"
    """A trail of this account."""
    NONE = "none"
    """No trail: log files come from one that exists."""


class ReadWrite(Enum):
    """Which events a selector takes."""

    ALL = "all"
    """Read and write events."""
    READ = "read"
    """Events that change nothing."""
    WRITE = "write"
    """Events that change something."""


class KmsMode(Enum):
    """Which key encrypts a bucket."""

    NONE = "none"
    """Amazon S3's own key (SSE-S3)."""
    CREATE = "create"
    """A KMS key of the pipeline's own."""
    GIVEN = "given"
    """The KMS key `keyArn`, whose policy its owner keeps."""


class LockMode(Enum):
    """How firmly Object Lock holds log files."""

    GOVERNANCE = "governance"
    """Principals with `s3:BypassGovernanceRetention` may still delete."""
    COMPLIANCE = "compliance"
    """Nobody may delete before the time is over, not even the account root."""


class Notification(Enum):
    """How the log files of somebody else's bucket are announced."""

    SNS = "sns"
    """A topic that gets the bucket's, or the trail's, notifications: `topicArn`."""
    EVENTBRIDGE = "eventbridge"
    """EventBridge, which the owner of the bucket has switched on."""
    EXCLUSIVE = "exclusive"
    """The bucket's notification configuration, which the pipeline then owns as a whole."""


class Architecture(Enum):
    """The processor that the flattener runs on."""

    ARM64 = "arm64"
    """AWS Graviton, the cheaper one."""
    X86_64 = "x86_64"
    """Intel or AMD."""


class CatalogMode(Enum):
    """How tables come into the Glue catalog."""

    DECLARED = "declared"
    """Declared from the event row, with partition projection."""
    CRAWLED = "crawled"
    """Found by two crawlers, chained with the job in a Glue workflow."""


class ImportMode(Enum):
    """Where QuickSight reads."""

    SPICE = "spice"
    """From SPICE, QuickSight's memory, refreshed every hour."""
    DIRECT = "direct"
    """From Athena, at every look."""


class IamSettings(TypedDict, total=False):
    """How roles are made."""

    permissions_boundary: Input[str]
    """ARN of the policy that bounds every role. Default: none."""
    path: str
    """Path of every role, with / at both ends. Default: /."""
    name_prefix: str
    """What the name of every role begins with. Default: none."""


class EncryptionSettings(TypedDict, total=False):
    """Encryption of a bucket."""

    kms: KmsMode
    """none, create or given. Default: none."""
    key_arn: Input[str]
    """ARN of the KMS key, with `kms: given`; an alias would name another key in another account. Default: none."""


class DataEvents(TypedDict, total=False):
    """Data events, which CloudTrail records only when told to, and charges for."""

    type: Required[str]
    """Resource type, such as AWS::S3::Object or AWS::Lambda::Function. Required."""
    arns: list[str]
    """Only resources whose ARN begins so. Default: all of this type."""
    read_write: ReadWrite
    """all, read or write. Default: all."""


class CloudWatchLogsSettings(TypedDict, total=False):
    """A copy of the trail's events in CloudWatch Logs."""

    enabled: bool
    """Whether there is one. Default: false."""
    retention_days: int
    """Days that it keeps events, one of the numbers that CloudWatch Logs allows. Default: 90."""


class TrailSettings(TypedDict, total=False):
    """The trail."""

    mode: TrailMode
    """account, or none where a trail exists. Default: account."""
    name: str
    """The trail's name. Default: the pipeline's name."""
    multi_region: bool
    """Record events of all Regions. Default: true."""
    management_events: ReadWrite
    """Which management events: all, read or write. Default: all."""
    exclude_sources: list[str]
    """Event sources of management events that are left out: kms.amazonaws.com, rdsdata.amazonaws.com. Default: none."""
    data_events: list[DataEvents]
    """Data events to record; those of the pipeline's own buckets, functions and queues never are. Default: none."""
    network_activity: list[str]
    """Event sources whose network activity at VPC endpoints is recorded, as ec2.amazonaws.com. Default: none."""
    exclude_arns: list[str]
    """ARNs whose data events are left out too, such as another pipeline's buckets. Default: none."""
    insights: bool
    """Record Insights events: unusual call rates and error rates. Default: false."""
    cloudwatch_logs: CloudWatchLogsSettings
    """A copy in CloudWatch Logs. Default: none."""
    sns: bool
    """Publish a message per log file to a topic of the trail's own. Default: false."""


class ObjectLockSettings(TypedDict, total=False):
    """Object Lock on the log bucket, which can be had only when the bucket is made."""

    mode: Required[LockMode]
    """governance or compliance. Required."""
    days: Required[int]
    """Days that a log file cannot be deleted. Required."""
    i_understand_this_is_irreversible: bool
    """Must be true with `mode: compliance`: the bucket then outlives every wish to delete it. Default: false."""


class AccessLogSettings(TypedDict, total=False):
    """S3 server access logs of a bucket."""

    bucket: Required[Input[str]]
    """Bucket that they are written to, in the same Region, whose policy lets logging.s3.amazonaws.com. Required."""
    prefix: str
    """What their keys begin with. Default: the bucket's name and /."""


class QueueNotification(TypedDict, total=False):
    """Another receiver of the log bucket's notifications, since a bucket has only one configuration."""

    arn: Required[str]
    """ARN of a queue, a topic or a function that already lets S3 call it. Required."""
    prefix: str
    """Only keys that begin so. Default: all."""
    suffix: str
    """Only keys that end so. Default: all."""


class ExistingLogsSettings(TypedDict, total=False):
    """Somebody else's log bucket; its policy is never changed."""

    bucket: Required[Input[str]]
    """The bucket's name. Required."""
    account: str
    """The account that owns it. Default: this one."""
    key_arn: Input[str]
    """ARN of the KMS key that encrypts it. Default: none."""
    notification: Required[Notification]
    """sns, eventbridge or exclusive. Required."""
    topic_arn: Input[str]
    """The topic, with `notification: sns`. Default: none."""


class LogsSettings(TypedDict, total=False):
    """The log bucket."""

    bucket_name: str
    """Its name. Default: made of the pipeline's name, the account and the Region."""
    prefix: str
    """What stands before AWSLogs/ in its keys, without / at the end. Default: nothing."""
    encryption: EncryptionSettings
    """Its encryption. Default: SSE-S3."""
    expire_after_days: int
    """Days after which log files are deleted; 0 keeps them. Default: 2557, seven years."""
    glacier_after_days: int
    """Days after which log files of 128 KB or more move to Glacier Flexible Retrieval; 0 never. Default: 0."""
    noncurrent_days: int
    """Days that overwritten and deleted versions are kept. Default: 90."""
    object_lock: ObjectLockSettings
    """Object Lock. Default: none."""
    access_logs: AccessLogSettings
    """S3 server access logs. Default: none."""
    additional_policy_statements: list[Any]
    """Statements added to the bucket policy, as IAM writes them. Default: none."""
    additional_notifications: list[QueueNotification]
    """Other receivers of its notifications, each of objects that no other takes. Default: none."""
    protect: bool
    """Refuse to destroy the trail, the bucket and what guards it, until unprotected by hand. Default: true."""
    adopt: bool
    """Take over the bucket that an earlier destroy left behind. Default: false."""
    existing: ExistingLogsSettings
    """Somebody else's bucket in place of an own one. Default: none."""


class FlattenerSettings(TypedDict, total=False):
    """The flattener Lambda and its queue."""

    memory_mb: int
    """Its memory, which also decides its CPU. Default: 512."""
    timeout_seconds: int
    """How long a batch may take. Default: 300."""
    concurrency: int
    """How many run at once, from 2 on. Default: 10."""
    batch_size: int
    """Messages in a batch, up to 10. Default: 10."""
    max_receives: int
    """Tries before a message goes to the dead-letter queue, from 5 on. Default: 5."""
    unpacked_limit_mb: int
    """A log file that unpacks to more is refused. Default: 1024."""
    architecture: Architecture
    """arm64 or x86_64. Default: arm64."""
    log_retention_days: int
    """Days that its own log is kept. Default: 30."""


class JobSettings(TypedDict, total=False):
    """The Parquet job."""

    schedule: str
    """When it runs, in UTC, as a Glue cron expression. Default: cron(5 * * * ? *), every hour."""
    compaction_schedule: str
    """When partitions of many small files are joined. Default: cron(35 3 * * ? *), every night."""
    workers: int
    """Glue workers, from 2 on. Default: 2."""
    worker_type: str
    """G.1X, G.2X, G.4X, G.8X, or R.1X to R.8X. Default: G.1X."""
    timeout_minutes: int
    """A run that takes longer is stopped. Default: 55."""
    glue_version: str
    """Glue's version, for Regions that do not have the newest. Default: 5.1."""
    days: int
    """How many dt folders of flat files, up to the last run's day, a run looks into beside newer ones. Default: 3."""
    log_retention_days: int
    """Days that its log is kept. Default: 30."""


class CatalogSettings(TypedDict, total=False):
    """The Glue catalog."""

    mode: CatalogMode
    """declared or crawled. Default: declared."""
    database: str
    """The database's name. Default: the pipeline's name with _ for -."""
    first_date: str
    """The first day that a query can see, YYYY-MM-DD. Default: 2013-11-01, the start of CloudTrail."""
    lake_formation: bool
    """Grant the pipeline's roles their rights in Lake Formation too; people get theirs by you. Default: false."""
    crawl_schedule: str
    """When the workflow of crawlers and job runs, with `mode: crawled`. Default: that of the job."""


class AthenaSettings(TypedDict, total=False):
    """Athena."""

    cutoff_gb: int
    """A query that scans more is cancelled. Default: 100."""
    results_days: int
    """Days that query results are kept. Default: 30."""


class LakeSettings(TypedDict, total=False):
    """The lake: its bucket, the code that fills it, the catalog and Athena."""

    enabled: bool
    """Whether there is a lake. Default: true."""
    bucket_name: str
    """Its bucket's name. Default: made of the pipeline's name, the account and the Region."""
    encryption: EncryptionSettings
    """Its encryption. Default: SSE-S3."""
    flatfiles_days: int
    """Days that flat files are kept: more than lie between runs. A rebuild of older days flattens anew. Default: 30."""
    quarantine_days: int
    """Days that what was set aside, the ledger and the job's record of its runs are kept. Default: 365."""
    noncurrent_days: int
    """Days that overwritten and deleted versions are kept. Default: 30."""
    promote: list[str]
    """Paths that get a column too, beside the shipped ones that `trailsight columns` lists. Default: none."""
    access_logs: AccessLogSettings
    """S3 server access logs. Default: none."""
    protect: bool
    """Refuse to destroy the bucket, and what guards it, until it is unprotected by hand. Default: true."""
    adopt: bool
    """Take over the bucket that an earlier destroy left behind. Default: false."""
    flattener: FlattenerSettings
    """The flattener. Default: as its fields say."""
    job: JobSettings
    """The Parquet job. Default: as its fields say."""
    catalog: CatalogSettings
    """The catalog. Default: as its fields say."""
    athena: AthenaSettings
    """Athena. Default: as its fields say."""


class PrincipalSettings(TypedDict, total=False):
    """QuickSight groups or users."""

    owners: list[str]
    """Those who may change and share. Default: none."""
    readers: list[str]
    """Those who may look. Default: none."""


class AccountRule(TypedDict, total=False):
    """Which accounts' events somebody sees."""

    group: str
    """A QuickSight group; either this or `user`. Default: none."""
    user: str
    """A QuickSight user; either this or `group`. Default: none."""
    accounts: list[str]
    """Account ids whose events are seen; empty means all. Default: all."""


class QuickSightSettings(TypedDict, total=False):
    """QuickSight, whose once-per-account sign-up must have been done."""

    identity_region: str
    """The Region of QuickSight's users and groups. Default: us-east-1."""
    namespace: str
    """The namespace of users and groups. Default: default."""
    groups: PrincipalSettings
    """Groups that own or read the dashboard. Default: none."""
    users: PrincipalSettings
    """Users that own or read the dashboard. Default: none."""
    import_mode: ImportMode
    """spice or direct. Default: spice."""
    window_days: int
    """Days that the dashboard shows, and that SPICE holds. Default: 90."""
    lookback_days: int
    """Days that each hourly refresh reads again, for events that came late. Default: 2."""
    full_refresh: str
    """When the weekly full refresh starts, Sunday UTC, HH:MM. Default: 03:00."""
    row_level_security: list[AccountRule]
    """Who sees which accounts; with it, nobody else sees any. Default: everybody sees all."""


class BudgetSettings(TypedDict, total=False):
    """A budget that warns; it stops nothing."""

    monthly_usd: Required[int]
    """US dollars a month for what carries the pipeline's tag. Required."""


class AlarmSettings(TypedDict, total=False):
    """Who hears of trouble, and of what."""

    emails: list[str]
    """Addresses that are subscribed to the alarm topic, each after its owner confirms. Default: none."""
    topic_arn: Input[str]
    """A topic in place of an own one, whose policy lets CloudWatch and EventBridge publish. Default: an own one."""
    webhooks: list[Input[str]]
    """HTTPS endpoints that are subscribed to the alarm topic. Default: none."""
    queue_age_minutes: int
    """Minutes that the oldest log file may wait before the alarm. Default: 60."""
    stale_hours: int
    """Hours without a new flat file or run of the Parquet job, counted from the first, before the alarm. Default: 6."""
    quarantined_records: int
    """Records that may be set aside in an hour without an alarm. Default: 0."""
    budget: BudgetSettings
    """A monthly budget. Default: none."""


class CloudTrailPipelineArgs(TypedDict, total=False):
    """What a pipeline is to be."""

    trail: TrailSettings
    """The trail. Default: a multi-Region trail of this account."""
    logs: LogsSettings
    """The log bucket. Default: an own one."""
    lake: LakeSettings
    """The lake. Default: there is one."""
    quicksight: QuickSightSettings
    """QuickSight. Default: none."""
    alarms: AlarmSettings
    """Alarms. Default: a topic without subscribers."""
    iam: IamSettings
    """How roles are made. Default: as its fields say."""
    tags: dict[str, str]
    """Tags of every resource that can carry them. Default: none."""
