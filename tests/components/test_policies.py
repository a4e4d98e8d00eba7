"""What each policy of a deployed pipeline allows and denies, and that no weakening of one goes unnoticed.

The tables are questions to the policies as the pipeline registers them: KMS keys, a crawled catalog, a trail with a
topic and a log group. A question belongs to the policy that carries the answer (its resource's name). For every near
miss some weakening of that policy lets it through, and every weakening lets some near miss through.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from components.policies import LOG_BUCKET_SIDS
from components.settings import CatalogMode, KmsMode, Notification, TrailMode
from tests.components.recorder import Stack
from tests.iam.evaluate import ANONYMOUS, Policy, allowed, mutations

HERE, OTHER = "111122223333", "444455556666"
LOGS, LAKE = (f"arn:aws:s3:::acme-prod-{part}-{HERE}-eu-central-1" for part in ("logs", "lake"))
SOMEBODYS = "arn:aws:s3:::somebodys"
FILE = f"{LOGS}/AWSLogs/{HERE}/CloudTrail/eu-central-1/2026/01/02/{HERE}_CloudTrail_x.json.gz"


def arn(service: str, resource: str, account: str = HERE) -> str:
    return f"arn:aws:{service}:eu-central-1:{account}:{resource}"


TRAIL, SECOND_TRAIL = arn("cloudtrail", "trail/acme-prod"), arn("cloudtrail", "trail/second")
FOREIGN_TRAIL = arn("cloudtrail", "trail/acme-prod", OTHER)
LOG_KEY, LAKE_KEY, OTHER_KEY = (arn("kms", f"acme-prod-{name}") for name in ("logs-key", "lake-key", "other-key"))
QUEUE, DLQ = arn("sqs", "acme-prod-logs"), arn("sqs", "acme-prod-logs-dlq")
TOPIC, ALARMS = arn("sns", "acme-prod-trail"), arn("sns", "acme-prod-alarms")
JOB = arn("glue", "job/acme-prod-parquet")
FLATTENER_LOG = arn("logs", "log-group:/aws/lambda/acme-prod-flattener:log-stream:1")
JOB_LOG = arn("logs", "log-group:/aws-glue/acme-prod-parquet/output:log-stream:1")
CRAWLER_LOG = arn("logs", "log-group:/aws-glue/crawlers:log-stream:acme-prod-flatfiles")
TRAIL_LOG = arn("logs", "log-group:/trailsight/acme-prod-trail:log-stream:")
FLATTENER, PARQUET, CRAWLER, TRAIL_ROLE, DASHBOARD, NOBODY = (
    f"arn:aws:iam::{HERE}:role/acme-prod-{part}"
    for part in ("flattener", "parquet", "crawler", "trail", "quicksight", "nobody")
)
ROOT = f"arn:aws:iam::{HERE}:root"
OPERATOR = f"arn:aws:iam::{HERE}:role/operator"
CLOUDTRAIL, S3, SNS, EVENTS, GLUE, LAMBDA, QUICKSIGHT, OTHER_SERVICE = (
    f"{name}.amazonaws.com" for name in ("cloudtrail", "s3", "sns", "events", "glue", "lambda", "quicksight", "config")
)
# With what each says; EventBridge says nothing, so that it may publish for any account.
PUBLISHERS = {"cloudwatch": {"aws:SourceAccount": HERE}, "events": {}, "budgets": {"aws:SourceAccount": HERE}}
SOURCE, ACCOUNT, ACL = "aws:SourceArn", "aws:SourceAccount", "s3:x-amz-acl"
ENCRYPTED_FOR = "kms:EncryptionContext:aws:cloudtrail:arn"
FULL = "bucket-owner-full-control"
BY_TRAIL, BY_SECOND, BY_FOREIGN = ({SOURCE: trail} for trail in (TRAIL, SECOND_TRAIL, FOREIGN_TRAIL))
CLEAR = {"aws:SecureTransport": "false"}

KMS = {"encryption": {"kms": KmsMode.CREATE}}
FORMS: dict[str, dict[str, Any]] = {
    "full": {
        "trail": {"sns": True, "cloudwatch_logs": {"enabled": True}},
        "logs": KMS,
        "lake": {**KMS, "catalog": {"mode": CatalogMode.CRAWLED}},
    },
    "dashboard": {"logs": KMS, "lake": KMS, "quicksight": {}},  # its tables are declared, those of "full" crawled
    "eventbridge": {
        "trail": {"mode": TrailMode.NONE},
        "logs": {"existing": {"bucket": "theirs", "notification": Notification.EVENTBRIDGE}},
    },
    "topic": {
        "trail": {"mode": TrailMode.NONE},
        "logs": {
            "existing": {
                "bucket": "theirs",
                "account": OTHER,
                "key_arn": arn("kms", "key/theirs", OTHER),
                "notification": Notification.SNS,
                "topic_arn": arn("sns", "theirs", OTHER),
            }
        },
    },
}


@dataclass(frozen=True)
class Ask:
    """A claim: `who` may, or may not, do each of `actions` to each of `resources`."""

    policy: str
    claim: str
    who: str
    actions: str
    resources: tuple[str, ...]
    context: Mapping[str, str] = field(default_factory=dict)
    form: str = "full"

    def __str__(self) -> str:
        return f"{self.policy}: {self.claim}"

    def each(self) -> Iterator[tuple[str, str]]:
        return itertools.product(self.actions.split(), self.resources)


@dataclass(frozen=True)
class Policies:
    """All policies of a stack: by resource's name, and whom or what each is attached to."""

    documents: dict[str, Policy]
    holder: dict[str, str]
    """ARN of the role or of what a resource's policy guards, by resource's name."""
    identity: frozenset[str]

    def decide(self, ask: Ask, action: str, resource: str, weaker: Mapping[str, Policy] | None = None) -> bool:
        documents = {**self.documents, **(weaker or {})}
        guarded = resource.partition("/")[0] if resource.startswith("arn:aws:s3") else resource
        mine = [documents[name] for name, holder in self.holder.items() if name in self.identity and holder == ask.who]
        mine += [_OPERATORS] if ask.who == OPERATOR else []
        own = [name for name, holder in self.holder.items() if name not in self.identity and holder == guarded]
        assert len(own) <= 1
        return allowed(
            action,
            resource,
            principal=ask.who,
            context={"aws:SecureTransport": "true", **ask.context},
            identity=mine,
            resource_policy=documents[own[0]] if own else _OTHERS.get(resource),
        ).allowed


_OPERATORS: Policy = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["sqs:*", "sns:*"], "Resource": "*"}],
}
_OTHERS = {
    OTHER_KEY: {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}],
    }
}


def policies_of(stack: Stack) -> Policies:
    documents, holder, identity = {}, {}, set()
    for resource in stack:
        inputs = resource.inputs
        match resource.type:
            case "aws:iam/role:Role":
                documents[resource.name], holder[resource.name] = (
                    resource.json("assumeRolePolicy"),
                    f"arn:aws:iam::{HERE}:role/{inputs['name']}",
                )
                continue
            case "aws:iam/rolePolicy:RolePolicy":
                identity.add(resource.name)
                held = f"arn:aws:iam::{HERE}:role/{inputs['role']}"
            case "aws:s3/bucketPolicy:BucketPolicy":
                held = f"arn:aws:s3:::{inputs['bucket']}"
            case "aws:sqs/queuePolicy:QueuePolicy":
                held = arn("sqs", inputs["queueUrl"].rpartition("/")[2])
            case "aws:sns/topicPolicy:TopicPolicy":
                held = inputs["arn"]
            case "aws:kms/key:Key":
                held = arn("kms", resource.name)
            case kind:
                assert "olicy" not in kind.rpartition(":")[2] or kind == "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"
                continue
        documents[resource.name], holder[resource.name] = resource.json("policy"), held
    return Policies(documents, holder, frozenset(identity))


_KNOWN: dict[str, Policies] = {}


@pytest.fixture
def policies(deploy: Callable[..., Stack]) -> Callable[[str], Policies]:
    """The policies of a form of the pipeline, which is run once."""

    def known(form: str) -> Policies:
        if form not in _KNOWN:
            _KNOWN[form] = policies_of(deploy(FORMS[form]))
        return _KNOWN[form]

    return known


def role(part: str, name: str = "") -> str:
    return f"acme-prod-{part}-role{name}"


def lake(*folders: str) -> tuple[str, ...]:
    return tuple(f"{LAKE}/{folder}/x" for folder in folders)


F, P, C, T, D = (role(part, "-policy") for part in ("flattener", "parquet", "catalog-crawler", "trail", "quicksight"))
BUCKET, LAKE_BUCKET = "acme-prod-logs-policy", "acme-prod-lake-policy"
LK, DK = "acme-prod-logs-key", "acme-prod-lake-key"
DLQP = "acme-prod-queue-dlq-policy"
QP, TP, AP = "acme-prod-queue-policy", "acme-prod-trail-topic-policy", "acme-prod-alarms-topic-policy"
ENCRYPTS = {**BY_TRAIL, ENCRYPTED_FOR: TRAIL}
DELIVERS = {**BY_TRAIL, ACL: FULL}
SENDS = {SOURCE: LOGS, ACCOUNT: HERE}
WRITTEN = lake("parquettrails", "quarantine", "metrics", "_job", "_state")
DELETED = lake("flatfiles", "parquettrails", "_job", "_state")
TABLE = arn("glue", "table/acme_prod/parquettrails")
WORKGROUP = arn("athena", "workgroup/acme-prod-athena")
ATHENAS_CATALOG = arn("athena", "datacatalog/AwsDataCatalog")
SHOWN = lake("parquettrails", "ledger", "metrics")
SHOWN_TABLES = tuple(
    arn("glue", f"table/acme_prod/{t}") for t in ("parquettrails", "ledger", "ledger_lines", "metrics")
)
CATALOG = (arn("glue", "catalog"), arn("glue", "database/acme_prod"), TABLE, arn("glue", "table/acme_prod/flatfiles"))
RULE = arn("cloudwatch", "acme-prod-queue-rule")  # the recorder's ARNs name Pulumi's module, not the service

MAY = [
    Ask(F, "reads log files", FLATTENER, "s3:GetObject s3:GetObjectVersion", (FILE,)),
    Ask(F, "tells missing from denied", FLATTENER, "s3:ListBucket", (LOGS, LAKE)),
    Ask(F, "writes flat files", FLATTENER, "s3:PutObject s3:GetObject", lake("flatfiles", "quarantine", "ledger")),
    Ask(F, "clears what it replayed", FLATTENER, "s3:DeleteObject", lake("quarantine")),
    Ask(
        F,
        "takes its messages",
        FLATTENER,
        "sqs:ReceiveMessage sqs:DeleteMessage sqs:ChangeMessageVisibility sqs:GetQueueAttributes",
        (QUEUE,),
    ),
    Ask(F, "writes its log", FLATTENER, "logs:CreateLogStream logs:PutLogEvents", (FLATTENER_LOG,)),
    Ask(F, "decrypts log files", FLATTENER, "kms:Decrypt", (LOG_KEY,)),
    Ask(F, "encrypts flat files", FLATTENER, "kms:Decrypt kms:GenerateDataKey", (LAKE_KEY,)),
    Ask(P, "reads its code", PARQUET, "s3:GetObject", lake("scripts")),
    Ask(P, "reads files", PARQUET, "s3:GetObject", (*lake("flatfiles"), *WRITTEN)),
    Ask(P, "asks whether a folder is a file", PARQUET, "s3:GetObject", (f"{LAKE}/parquettrails", f"{LAKE}/_job")),
    Ask(P, "writes files", PARQUET, "s3:PutObject s3:AbortMultipartUpload", WRITTEN),
    Ask(P, "deletes what it replaces or moves", PARQUET, "s3:DeleteObject", DELETED),
    Ask(P, "lists the lake", PARQUET, "s3:ListBucket s3:GetBucketLocation s3:ListBucketMultipartUploads", (LAKE,)),
    Ask(P, "keeps its bookmark", PARQUET, "glue:GetJob glue:GetJobRun glue:GetJobBookmark", (JOB,)),
    Ask(P, "writes its log", PARQUET, "logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents", (JOB_LOG,)),
    Ask(P, "counts", PARQUET, "cloudwatch:PutMetricData", ("*",), {"cloudwatch:namespace": "Trailsight"}),
    Ask(P, "counts for Glue", PARQUET, "cloudwatch:PutMetricData", ("*",), {"cloudwatch:namespace": "Glue"}),
    Ask(P, "encrypts the lake", PARQUET, "kms:Decrypt kms:GenerateDataKey", (LAKE_KEY,)),
    Ask(C, "reads both tables' files", CRAWLER, "s3:GetObject", lake("flatfiles", "parquettrails")),
    Ask(C, "lists the lake", CRAWLER, "s3:ListBucket s3:GetBucketLocation", (LAKE,)),
    Ask(C, "keeps both tables", CRAWLER, "glue:GetTable glue:UpdateTable glue:BatchCreatePartition", CATALOG),
    Ask(C, "writes its log", CRAWLER, "logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents", (CRAWLER_LOG,)),
    Ask(C, "decrypts the lake", CRAWLER, "kms:Decrypt", (LAKE_KEY,)),
    Ask(
        T,
        "writes its streams",
        TRAIL_ROLE,
        "logs:CreateLogStream logs:PutLogEvents",
        (f"{TRAIL_LOG}{HERE}_CloudTrail_eu-central-1_2",),
    ),
    *(
        Ask(D, claim, DASHBOARD, actions, resources, form="dashboard")
        for claim, actions, resources in (
            ("asks", "athena:StartQueryExecution athena:GetQueryExecution athena:GetQueryResults", (WORKGROUP,)),
            ("knows the workgroup", "athena:GetWorkGroup athena:StopQueryExecution", (WORKGROUP,)),
            ("looks into the catalog", "athena:GetDataCatalog athena:GetTableMetadata", (ATHENAS_CATALOG,)),
            ("reads what it shows", "glue:GetTable glue:GetPartitions", (*CATALOG[:2], *SHOWN_TABLES)),
            ("reads their files", "s3:GetObject", SHOWN),
            ("writes results", "s3:PutObject s3:GetObject s3:AbortMultipartUpload", lake("results")),
            ("lists the lake", "s3:ListBucket s3:GetBucketLocation", (LAKE,)),
            ("decrypts the lake, encrypts results", "kms:Decrypt kms:GenerateDataKey", (LAKE_KEY,)),
        )
    ),
    Ask(role("quicksight"), "QuickSight takes it", QUICKSIGHT, "sts:AssumeRole", (DASHBOARD,), form="dashboard"),
    Ask(role("flattener"), "Lambda takes it", LAMBDA, "sts:AssumeRole", (FLATTENER,)),
    Ask(role("parquet"), "Glue takes it for the job", GLUE, "sts:AssumeRole", (PARQUET,), {}),
    Ask(role("catalog-crawler"), "Glue takes it for a crawler", GLUE, "sts:AssumeRole", (CRAWLER,), {}),
    Ask(role("trail"), "CloudTrail takes it for the trail", CLOUDTRAIL, "sts:AssumeRole", (TRAIL_ROLE,), {}),
    Ask(BUCKET, "the trail looks", CLOUDTRAIL, "s3:GetBucketAcl", (LOGS,), BY_TRAIL),
    Ask(BUCKET, "the trail delivers", CLOUDTRAIL, "s3:PutObject", (FILE,), DELIVERS),
    Ask(LAKE_BUCKET, "IAM decides who comes in", PARQUET, "s3:GetObject", lake("flatfiles")),
    Ask(LK, "the trail encrypts", CLOUDTRAIL, "kms:GenerateDataKey", (LOG_KEY,), ENCRYPTS),
    Ask(LK, "the trail looks", CLOUDTRAIL, "kms:DescribeKey", (LOG_KEY,), BY_TRAIL),
    Ask(LK, "the account manages its key", ROOT, "kms:PutKeyPolicy kms:EnableKey", (LOG_KEY,)),
    Ask(DK, "the account manages its key", ROOT, "kms:PutKeyPolicy kms:EnableKey", (LAKE_KEY,)),
    Ask(QP, "the bucket sends", S3, "sqs:SendMessage", (QUEUE,), SENDS),
    Ask(
        QP,
        "the rule sends",
        EVENTS,
        "sqs:SendMessage",
        (QUEUE,),
        {SOURCE: RULE},
        "eventbridge",
    ),
    Ask(QP, "their topic sends", SNS, "sqs:SendMessage", (QUEUE,), {SOURCE: arn("sns", "theirs", OTHER)}, "topic"),
    Ask(TP, "the trail publishes", CLOUDTRAIL, "sns:Publish", (TOPIC,), BY_TRAIL),
    Ask(DLQP, "IAM decides who replays", OPERATOR, "sqs:ReceiveMessage sqs:DeleteMessage", (DLQ,)),
    *(
        Ask(policy, f"{name} publishes", f"{name}.amazonaws.com", actions, (held,), context)
        for name, context in PUBLISHERS.items()
        for policy, actions, held in ((DK, "kms:Decrypt kms:GenerateDataKey", LAKE_KEY), (AP, "sns:Publish", ALARMS))
    ),
]

MAY_NOT = [
    Ask(
        F,
        "reads no other prefix",
        FLATTENER,
        "s3:GetObject s3:GetObjectVersion",
        (f"{LOGS}/private/x", f"{SOMEBODYS}/x"),
    ),
    Ask(F, "changes no log file", FLATTENER, "s3:PutObject s3:DeleteObject s3:PutObjectAcl", (FILE,)),
    Ask(F, "lists no other bucket", FLATTENER, "s3:ListBucket", (SOMEBODYS,)),
    Ask(F, "changes no bucket", FLATTENER, "s3:PutBucketPolicy s3:DeleteBucket", (LOGS, LAKE)),
    Ask(
        F, "has no access to the events", FLATTENER, "s3:PutObject s3:GetObject s3:DeleteObject", lake("parquettrails")
    ),
    Ask(F, "changes no code", FLATTENER, "s3:PutObject", lake("scripts")),
    Ask(F, "deletes no flat file and no ledger", FLATTENER, "s3:DeleteObject", lake("flatfiles", "ledger")),
    Ask(F, "deletes no version", FLATTENER, "s3:DeleteObjectVersion", lake("flatfiles", "quarantine")),
    Ask(F, "sends no message", FLATTENER, "sqs:SendMessage sqs:PurgeQueue", (QUEUE,)),
    Ask(F, "takes no dead letter", FLATTENER, "sqs:ReceiveMessage sqs:DeleteMessage", (DLQ,)),
    Ask(F, "deletes no log", FLATTENER, "logs:DeleteLogStream", (FLATTENER_LOG,)),
    Ask(F, "writes no other log", FLATTENER, "logs:PutLogEvents", (JOB_LOG, f"{TRAIL_LOG}{HERE}_CloudTrail_x")),
    Ask(F, "encrypts nothing with the log key", FLATTENER, "kms:GenerateDataKey kms:Encrypt", (LOG_KEY,)),
    Ask(F, "manages no key", FLATTENER, "kms:ScheduleKeyDeletion kms:PutKeyPolicy", (LOG_KEY, LAKE_KEY)),
    Ask(F, "uses no other key", FLATTENER, "kms:Decrypt kms:GenerateDataKey", (OTHER_KEY,)),
    Ask(P, "cannot change its own code", PARQUET, "s3:PutObject s3:DeleteObject", lake("scripts")),
    Ask(P, "cannot read the log bucket", PARQUET, "s3:GetObject", (FILE,)),
    Ask(P, "cannot list the log bucket", PARQUET, "s3:ListBucket", (LOGS,)),
    Ask(P, "leaves the ledger alone", PARQUET, "s3:GetObject s3:PutObject s3:DeleteObject", lake("ledger")),
    Ask(P, "reads nobody's results", PARQUET, "s3:GetObject s3:DeleteObject", lake("results")),
    Ask(P, "aborts nobody's upload", PARQUET, "s3:AbortMultipartUpload", lake("results")),
    Ask(P, "writes no flat file", PARQUET, "s3:PutObject s3:AbortMultipartUpload", lake("flatfiles")),
    Ask(P, "keeps quarantine and metrics", PARQUET, "s3:DeleteObject", lake("quarantine", "metrics")),
    Ask(P, "deletes no version", PARQUET, "s3:DeleteObjectVersion", (*WRITTEN, *DELETED)),
    Ask(P, "changes no bucket", PARQUET, "s3:DeleteBucketPolicy s3:PutLifecycleConfiguration", (LAKE,)),
    Ask(P, "changes no job", PARQUET, "glue:UpdateJob glue:ResetJobBookmark", (JOB,)),
    Ask(P, "looks at no other job", PARQUET, "glue:GetJobRun", (arn("glue", "job/other"),)),
    Ask(P, "deletes no log", PARQUET, "logs:DeleteLogGroup", (JOB_LOG,)),
    Ask(P, "writes no other log", PARQUET, "logs:PutLogEvents logs:CreateLogStream", (FLATTENER_LOG,)),
    Ask(P, "forges no metric", PARQUET, "cloudwatch:PutMetricData", ("*",), {"cloudwatch:namespace": "AWS/Lambda"}),
    Ask(P, "decrypts no log file", PARQUET, "kms:Decrypt", (LOG_KEY,)),
    Ask(P, "manages no key", PARQUET, "kms:ScheduleKeyDeletion kms:PutKeyPolicy", (LAKE_KEY,)),
    Ask(C, "reads no other folder", CRAWLER, "s3:GetObject", (*lake("quarantine", "results", "scripts"), FILE)),
    Ask(C, "changes no file", CRAWLER, "s3:PutObject s3:DeleteObject", lake("flatfiles", "parquettrails")),
    Ask(C, "lists no log bucket", CRAWLER, "s3:ListBucket", (LOGS,)),
    Ask(C, "changes no bucket", CRAWLER, "s3:DeleteBucketPolicy", (LAKE,)),
    Ask(C, "knows no other table", CRAWLER, "glue:GetTable glue:UpdateTable", (arn("glue", "table/acme_prod/other"),)),
    Ask(C, "knows no other database", CRAWLER, "glue:GetTable glue:CreateTable", (arn("glue", "table/hr/flatfiles"),)),
    Ask(C, "deletes no table", CRAWLER, "glue:DeleteTable", (TABLE,)),
    Ask(C, "deletes no log", CRAWLER, "logs:DeleteLogGroup", (CRAWLER_LOG,)),
    Ask(C, "writes no other log", CRAWLER, "logs:PutLogEvents", (JOB_LOG,)),
    Ask(C, "decrypts no log file", CRAWLER, "kms:Decrypt", (LOG_KEY,)),
    Ask(C, "encrypts nothing", CRAWLER, "kms:GenerateDataKey", (LAKE_KEY,)),
    Ask(T, "writes no other stream", TRAIL_ROLE, "logs:PutLogEvents", (f"{TRAIL_LOG}{OTHER}_CloudTrail_x", JOB_LOG)),
    Ask(T, "deletes no stream", TRAIL_ROLE, "logs:DeleteLogStream", (f"{TRAIL_LOG}{HERE}_CloudTrail_eu-central-1",)),
    *(
        Ask(D, claim, DASHBOARD, actions, resources, form="dashboard")
        for claim, actions, resources in (
            ("asks in no other workgroup", "athena:StartQueryExecution", (arn("athena", "workgroup/primary"),)),
            ("changes no workgroup", "athena:UpdateWorkGroup athena:DeleteWorkGroup", (WORKGROUP,)),
            ("looks into no other catalog", "athena:GetTableMetadata", (arn("athena", "datacatalog/other"),)),
            ("changes no catalog", "athena:DeleteDataCatalog", (ATHENAS_CATALOG,)),
            ("reads no other table", "glue:GetTable glue:GetPartitions", (arn("glue", "table/acme_prod/flatfiles"),)),
            ("reads no other database", "glue:GetTable", (arn("glue", "table/hr/parquettrails"),)),
            ("changes no table", "glue:UpdateTable glue:DeleteTable glue:BatchCreatePartition", SHOWN_TABLES),
            ("reads no other folder", "s3:GetObject", (*lake("flatfiles", "quarantine", "scripts"), FILE)),
            ("changes no event", "s3:PutObject s3:DeleteObject", SHOWN),
            ("deletes no result", "s3:DeleteObject", lake("results")),
            ("lists no log bucket", "s3:ListBucket", (LOGS,)),
            ("changes no bucket", "s3:PutBucketPolicy s3:DeleteBucket", (LAKE,)),
            ("decrypts no log file", "kms:Decrypt", (LOG_KEY,)),
            ("manages no key", "kms:ScheduleKeyDeletion kms:PutKeyPolicy", (LAKE_KEY,)),
        )
    ),
    *(
        Ask(role("quicksight"), f"{who} cannot {action}", who, action, (DASHBOARD,), form="dashboard")
        for who, action in (
            *((who, "sts:AssumeRole") for who in (OTHER_SERVICE, NOBODY, ANONYMOUS)),
            (QUICKSIGHT, "sts:TagSession"),
        )
    ),
    *(
        Ask(role(part), f"{who} cannot take it", who, "sts:AssumeRole", (taken,), context)
        for part, taken, context in (
            ("flattener", FLATTENER, {}),
            ("parquet", PARQUET, {}),
            ("catalog-crawler", CRAWLER, {}),
            ("trail", TRAIL_ROLE, {}),
        )
        for who in (OTHER_SERVICE, NOBODY, ANONYMOUS)
    ),
    *(
        Ask(role(part), "its service takes it as it is", service, "sts:TagSession", (taken,), context)
        for part, taken, service, context in (
            ("flattener", FLATTENER, LAMBDA, {}),
            ("parquet", PARQUET, GLUE, {}),
            ("catalog-crawler", CRAWLER, GLUE, {}),
            ("trail", TRAIL_ROLE, CLOUDTRAIL, {}),
        )
    ),
    Ask(BUCKET, "nobody reads in clear text", FLATTENER, "s3:GetObject", (FILE,), CLEAR),
    Ask(BUCKET, "nobody lists in clear text", FLATTENER, "s3:ListBucket", (LOGS,), CLEAR),
    Ask(BUCKET, "no trail delivers in clear text", CLOUDTRAIL, "s3:PutObject", (FILE,), {**DELIVERS, **CLEAR}),
    *(
        Ask(BUCKET, f"{said} cannot {does}", CLOUDTRAIL, action, (held,), {**context, ACL: FULL})
        for does, action, held in (("look", "s3:GetBucketAcl", LOGS), ("deliver", "s3:PutObject", FILE))
        for said, context in (
            ("another account's trail", BY_FOREIGN),
            ("another trail of this account", BY_SECOND),
            ("CloudTrail without a trail", {}),
        )
    ),
    Ask(BUCKET, "another service cannot look", OTHER_SERVICE, "s3:GetBucketAcl", (LOGS,), BY_TRAIL),
    Ask(BUCKET, "another service cannot deliver", OTHER_SERVICE, "s3:PutObject", (FILE,), DELIVERS),
    Ask(
        BUCKET,
        "the trail delivers only for this account",
        CLOUDTRAIL,
        "s3:PutObject",
        (f"{LOGS}/AWSLogs/{OTHER}/x",),
        DELIVERS,
    ),
    Ask(BUCKET, "the trail delivers only below AWSLogs", CLOUDTRAIL, "s3:PutObject", (f"{LOGS}/x",), DELIVERS),
    Ask(BUCKET, "what the trail delivers is the account's", CLOUDTRAIL, "s3:PutObject", (FILE,), BY_TRAIL),
    Ask(BUCKET, "the trail changes no ACL", CLOUDTRAIL, "s3:PutObjectAcl", (FILE,), DELIVERS),
    Ask(BUCKET, "the trail changes no bucket", CLOUDTRAIL, "s3:PutBucketAcl s3:DeleteBucket", (LOGS,), BY_TRAIL),
    Ask(LAKE_BUCKET, "nobody reads in clear text", PARQUET, "s3:GetObject s3:PutObject", lake("parquettrails"), CLEAR),
    Ask(LAKE_BUCKET, "nobody lists in clear text", CRAWLER, "s3:ListBucket", (LAKE,), CLEAR),
    *(
        Ask(LK, f"{said} cannot {does}", CLOUDTRAIL, action, (LOG_KEY,), {**context, ENCRYPTED_FOR: TRAIL})
        for does, action in (("encrypt", "kms:GenerateDataKey"), ("look", "kms:DescribeKey"))
        for said, context in (
            ("another account's trail", BY_FOREIGN),
            ("another trail of this account", BY_SECOND),
            ("CloudTrail without a trail", {}),
        )
    ),
    Ask(
        LK,
        "encrypts for no other account",
        CLOUDTRAIL,
        "kms:GenerateDataKey",
        (LOG_KEY,),
        {**BY_TRAIL, ENCRYPTED_FOR: FOREIGN_TRAIL},
    ),
    Ask(LK, "encrypts nothing but log files", CLOUDTRAIL, "kms:GenerateDataKey", (LOG_KEY,), BY_TRAIL),
    Ask(LK, "the trail cannot decrypt", CLOUDTRAIL, "kms:Decrypt kms:CreateGrant", (LOG_KEY,), ENCRYPTS),
    Ask(LK, "no other service", OTHER_SERVICE, "kms:GenerateDataKey kms:DescribeKey", (LOG_KEY,), ENCRYPTS),
    Ask(LK, "no role without a policy", NOBODY, "kms:Decrypt kms:ScheduleKeyDeletion", (LOG_KEY,)),
    Ask(DK, "no role without a policy", NOBODY, "kms:Decrypt kms:ScheduleKeyDeletion", (LAKE_KEY,)),
    *(
        Ask(policy, f"{name}: {said}", who, actions, (held,), context)
        for name, source in PUBLISHERS.items()
        for policy, uses, more, held in (
            (DK, "kms:Decrypt kms:GenerateDataKey", "kms:CreateGrant", LAKE_KEY),
            (AP, "sns:Publish", "sns:Subscribe sns:DeleteTopic", ALARMS),
        )
        for said, who, actions, context in (
            ("not for another account", f"{name}.amazonaws.com", uses, {ACCOUNT: OTHER}),
            ("not for nobody knows whom", f"{name}.amazonaws.com", uses, {}),
            ("nothing else", f"{name}.amazonaws.com", more, {ACCOUNT: HERE}),
            ("no other service", OTHER_SERVICE, uses, {ACCOUNT: HERE}),
        )
        if source or not said.startswith("not for")
    ),
    Ask(QP, "no other bucket sends", S3, "sqs:SendMessage", (QUEUE,), {SOURCE: SOMEBODYS, ACCOUNT: HERE}),
    Ask(
        QP,
        "no bucket of that name in another account sends",
        S3,
        "sqs:SendMessage",
        (QUEUE,),
        {SOURCE: LOGS, ACCOUNT: OTHER},
    ),
    Ask(QP, "the bucket takes no message", S3, "sqs:ReceiveMessage sqs:PurgeQueue", (QUEUE,), SENDS),
    Ask(QP, "nobody sends in clear text", S3, "sqs:SendMessage", (QUEUE,), {**SENDS, **CLEAR}),
    Ask(QP, "nobody takes in clear text", FLATTENER, "sqs:ReceiveMessage sqs:DeleteMessage", (QUEUE,), CLEAR),
    Ask(DLQP, "nobody takes in clear text", OPERATOR, "sqs:ReceiveMessage sqs:SendMessage", (DLQ,), CLEAR),
    Ask(TP, "nobody publishes in clear text", CLOUDTRAIL, "sns:Publish", (TOPIC,), {**BY_TRAIL, **CLEAR}),
    Ask(AP, "nobody publishes in clear text", EVENTS, "sns:Publish", (ALARMS,), CLEAR),
    Ask(QP, "no other service sends", OTHER_SERVICE, "sqs:SendMessage", (QUEUE,), SENDS),
    Ask(QP, "no other rule sends", EVENTS, "sqs:SendMessage", (QUEUE,), {SOURCE: f"{RULE}-other"}, "eventbridge"),
    Ask(QP, "no other topic sends", SNS, "sqs:SendMessage", (QUEUE,), {SOURCE: arn("sns", "other", OTHER)}, "topic"),
    *(
        Ask(TP, f"{said} cannot publish", CLOUDTRAIL, "sns:Publish", (TOPIC,), context)
        for said, context in (("another account's trail", BY_FOREIGN), ("another trail", BY_SECOND), ("no trail", {}))
    ),
    Ask(TP, "the trail only publishes", CLOUDTRAIL, "sns:Subscribe", (TOPIC,), BY_TRAIL),
    Ask(TP, "no other service publishes", OTHER_SERVICE, "sns:Publish", (TOPIC,), BY_TRAIL),
]

# Weakenings that let nothing through, and why.
OWN_ONLY = "the policy of a resource reaches no other"
HARMLESS = {
    (P, "PutMetrics: cloudwatch:* for cloudwatch:PutMetricData"): "no other action has a namespace",
    (BUCKET, f"TrailAcl: * for {LOGS}"): OWN_ONLY,
    (QP, f"BucketSends: * for {QUEUE}"): OWN_ONLY,
    (TP, f"TrailPublishes: * for {TOPIC}"): OWN_ONLY,
    **{(AP, f"{name}Publishes: * for {ALARMS}"): OWN_ONLY for name in map(str.title, PUBLISHERS)},
}

Given = Callable[[str], Policies]


def own_policies(policies: Given, form: str) -> set[str]:
    """Names of a form's policies; what "full" has too is asked about there."""
    return set(policies(form).documents) - (set() if form == "full" else set(policies("full").documents))


@pytest.mark.parametrize("form", ["full", "dashboard"])
def test_every_policy_has_its_questions(form: str, policies: Given) -> None:
    """No role, bucket, key, queue or topic has a policy about which nothing is claimed, either way."""
    for asks in (MAY, MAY_NOT):
        assert {ask.policy for ask in asks if ask.form == form} == own_policies(policies, form)


@pytest.mark.parametrize("ask", MAY, ids=str)
def test_what_the_pipeline_needs_is_allowed(ask: Ask, policies: Given) -> None:
    """Each part may do its work."""
    for action, resource in ask.each():
        assert policies(ask.form).decide(ask, action, resource), (action, resource)


@pytest.mark.parametrize("ask", MAY_NOT, ids=str)
def test_near_misses_are_denied(ask: Ask, policies: Given) -> None:
    """What looks almost like that work is denied, and it is this policy that denies it: some weakening lets it through."""
    known = policies(ask.form)
    for action, resource in ask.each():
        assert not known.decide(ask, action, resource), (action, resource)
        weaker = [{ask.policy: one} for _, one in mutations(known.documents[ask.policy])]
        assert any(known.decide(ask, action, resource, one) for one in weaker), (
            f"{action} {resource}: carried elsewhere"
        )


@pytest.mark.parametrize("form", ["full", "dashboard"])
def test_no_weakening_goes_unnoticed(form: str, policies: Given) -> None:
    """Every weakening of every policy lets one of its own near misses through, but for those that are harmless."""
    known, names = policies(form), own_policies(policies, form)
    unnoticed = {
        (name, what)
        for name in names
        for what, weaker in mutations(known.documents[name])
        if not any(
            known.decide(ask, action, resource, {name: weaker})
            for ask in MAY_NOT
            if ask.policy == name and ask.form == form
            for action, resource in ask.each()
        )
    }
    assert unnoticed == {(name, what) for name, what in HARMLESS if name in names}


def test_the_log_buckets_sids_are_known(policies: Given) -> None:
    """Additional statements are refused with a Sid that the policy has itself."""
    assert {one["Sid"] for one in policies("full").documents[BUCKET]["Statement"]} == LOG_BUCKET_SIDS


OPENED = {
    "Sid": "Opened",
    "Effect": "Allow",
    "Principal": "*",
    "Action": ["s3:*", "kms:*", "sqs:*", "sns:*"],
    "Resource": "*",
}


@pytest.mark.parametrize(
    ("action", "resource", "policy"),
    [
        ("s3:GetObject", FILE, BUCKET),
        ("s3:PutObject", FILE, BUCKET),
        ("s3:GetObject", f"{LAKE}/parquettrails/x", LAKE_BUCKET),
        ("kms:Decrypt", LOG_KEY, LK),
        ("kms:Decrypt", LAKE_KEY, DK),
        ("sqs:SendMessage", QUEUE, QP),
        ("sqs:ReceiveMessage", QUEUE, QP),
        ("sns:Subscribe", TOPIC, TP),
        ("sns:Subscribe", ALARMS, AP),
    ],
)
def test_other_accounts_stay_outside(action: str, resource: str, policy: str, policies: Given) -> None:
    """Not even an administrator of another account comes in; a statement that opens the resource would let them."""
    document = policies("full").documents[policy]
    admin = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

    def comes_in(own: Policy) -> bool:
        return allowed(
            action,
            resource,
            principal=f"arn:aws:iam::{OTHER}:role/admin",
            identity=[admin],
            resource_policy=own,
            context={"aws:SecureTransport": "true"},
            same_account=False,
        ).allowed

    assert not comes_in(document)
    assert comes_in({**document, "Statement": [*document["Statement"], OPENED]})


def test_what_the_owner_of_a_bucket_is_asked_for(deploy: Callable[..., Stack]) -> None:
    """With the statements that the owner is told to add, the flattener reads their log files, and that is all."""
    stack = deploy(FORMS["topic"])
    *_, statements, _, grant = stack.outputs["acme-prod"]["owner_commands"]
    own = {"Version": "2012-10-17", "Statement": json.loads(statements)}
    identity = [stack["aws:iam/rolePolicy:RolePolicy", F].json("policy")]
    everything = [{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]

    def may(action: str, resource: str, who: str = FLATTENER, mine: list[Any] = identity) -> bool:
        decision = allowed(action, resource, principal=who, identity=mine, resource_policy=own, same_account=False)
        return decision.allowed

    theirs = "arn:aws:s3:::theirs"
    assert may("s3:GetObject", f"{theirs}/AWSLogs/{OTHER}/x")
    assert may("s3:GetObjectVersion", f"{theirs}/AWSLogs/{OTHER}/x")
    assert may("s3:ListBucket", theirs)
    assert not may("s3:GetObject", f"{theirs}/private/x", mine=everything)
    assert not may("s3:PutObject", f"{theirs}/AWSLogs/{OTHER}/x", mine=everything)
    assert not may("s3:GetObject", f"{theirs}/AWSLogs/{OTHER}/x", who=PARQUET, mine=everything)
    assert grant == (
        f"aws kms create-grant --region eu-central-1 --key-id {arn('kms', 'key/theirs', OTHER)}"
        f" --grantee-principal {FLATTENER} --operations Decrypt"
    )
