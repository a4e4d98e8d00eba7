"""Every policy document of a pipeline: pure functions from ARNs to IAM's JSON shape, one role a function.

An action or resource is `*` only where AWS takes no name, and says so. `tests/components/test_policies.py` asks an
evaluator what each of them allows and denies.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from components.names import Names, Where

Document = dict[str, Any]
VERSION = "2012-10-17"
ABANDONED_DAYS = 7

FLATFILES = "flatfiles/"
EVENTS = "parquettrails/"
QUARANTINE = "quarantine/"
LEDGER = "ledger/"
METRICS = "metrics/"
SCRIPTS = "scripts/"
RESULTS = "results/"
LOG_BUCKET_SIDS = frozenset({"DenyInsecureTransport", "TrailAcl", "TrailWrite"})
STATE = ("_job/", "_state/")
TEMPORARY = "_state/temporary/"
DASHBOARD_TABLES = ("parquettrails", "ledger", "ledger_lines", "metrics")


def document(statements: Iterable[Document]) -> Document:
    """A policy of these statements."""
    return {"Version": VERSION, "Statement": list(statements)}


def allow(sid: str, actions: Sequence[str], resources: Sequence[str], **more: Any) -> Document:
    """A statement that allows."""
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources), **more}


def trust(service: str) -> Document:
    """Who may take a role: one service.

    That Lambda, Glue, QuickSight or CloudTrail name a source when they take a role is documented nowhere, and a
    condition on it could lock them out. A role is passed within its account only, by whoever has iam:PassRole for it:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    principal = {"Service": f"{service}.amazonaws.com"}
    return document([{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}])


def _service(sid: str, service: str, actions: Sequence[str], resources: Sequence[str], condition: Document) -> Document:
    principal = {"Service": f"{service}.amazonaws.com"}
    return allow(sid, actions, resources, Principal=principal, Condition=condition)


def tls_only(action: str, *resources: str) -> Document:
    """Nobody does `action` to these in the clear."""
    return {
        "Sid": "DenyInsecureTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _bucket_tls(bucket: str) -> Document:
    return tls_only("s3:*", bucket, f"{bucket}/*")


def log_bucket(where: Where, bucket: str, prefix: str, trails: Sequence[str], additional: Sequence[Any]) -> Document:
    """Policy of the log bucket with ARN `bucket`: these trails deliver below `prefix`, for this account.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
    """
    statements = [_bucket_tls(bucket)]
    if trails:
        source: Document = {"StringEquals": {"aws:SourceArn": list(trails)}}
        delivered = f"{bucket}/{log_prefix(prefix)}AWSLogs/{where.account}/*"
        owned: Document = {"StringEquals": {**source["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}}
        statements.append(_service("TrailAcl", "cloudtrail", ["s3:GetBucketAcl"], [bucket], source))
        statements.append(_service("TrailWrite", "cloudtrail", ["s3:PutObject"], [delivered], owned))
    return document([*statements, *additional])


def log_prefix(prefix: str) -> str:
    """What stands before `AWSLogs/` in the keys."""
    return f"{prefix}/" if prefix else ""


def lake_bucket(bucket: str) -> Document:
    """Policy of the lake's bucket: IAM decides who comes in, but never in the clear."""
    return document([_bucket_tls(bucket)])


def _account_rules(where: Where) -> Document:
    # The account root must hold every right, or a key can become unmanageable; IAM policies then say who has which:
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    root = {"AWS": where.iam("root")}
    return allow("AccountThroughIam", ["kms:*"], ["*"], Principal=root)


def log_key(where: Where, trails: Sequence[str]) -> Document:
    """Policy of the log bucket's key: CloudTrail encrypts for these trails; readers come by their IAM policies."""
    statements = [_account_rules(where)]
    if trails:
        source = {"StringEquals": {"aws:SourceArn": list(trails)}}
        context = {
            "StringLike": {
                "kms:EncryptionContext:aws:cloudtrail:arn": where.arn("cloudtrail", "trail/*").replace(
                    where.region, "*"
                )
            }
        }
        statements.append(
            _service("TrailEncrypts", "cloudtrail", ["kms:GenerateDataKey*"], ["*"], {**source, **context})
        )
        statements.append(_service("TrailLooks", "cloudtrail", ["kms:DescribeKey"], ["*"], source))
    return document(statements)


def lake_key(where: Where) -> Document:
    """Policy of the lake's key, which also encrypts the alarm topic: those that publish there use it."""
    actions = ["kms:Decrypt", "kms:GenerateDataKey*"]
    return document([_account_rules(where), *_publishers(where, actions, "*")])


def alarm_topic(where: Where, topic_arn: str) -> Document:
    """Policy of the alarm topic: alarms, event rules and budgets publish."""
    return document([_topic_tls(topic_arn), *_publishers(where, ["sns:Publish"], topic_arn)])


def _topic_tls(topic_arn: str) -> Document:
    # A topic's policy takes only actions that a topic has, so no sns:*, and to publish is all that carries anything.
    return tls_only("sns:Publish", topic_arn)


def _publishers(where: Where, actions: Sequence[str], resource: str) -> list[Document]:
    """What the alarm topic's publishers may do, on behalf of this account only; EventBridge does not say for whom.

    A condition would drop its messages in silence, on the topic and on the key:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    here = {"StringEquals": {"aws:SourceAccount": where.account}}
    return [
        _service("CloudwatchPublishes", "cloudwatch", actions, [resource], here),
        allow("EventsPublishes", actions, [resource], Principal={"Service": "events.amazonaws.com"}),
        _service("BudgetsPublishes", "budgets", actions, [resource], here),
    ]


def queue(queue_arn: str, sources: Sequence[tuple[str, str, Document]]) -> Document:
    """Policy of a queue; a source is a statement's id, a service and the condition under which it may send."""
    statements = [tls_only("sqs:*", queue_arn)]
    statements += [
        _service(sid, service, ["sqs:SendMessage"], [queue_arn], condition) for sid, service, condition in sources
    ]
    return document(statements)


def trail_topic(topic_arn: str, trail: str) -> Document:
    """Policy of the trail's topic: this trail publishes."""
    return document(
        [
            _topic_tls(topic_arn),
            _service(
                "TrailPublishes",
                "cloudtrail",
                ["sns:Publish"],
                [topic_arn],
                {"StringEquals": {"aws:SourceArn": trail}},
            ),
        ]
    )


def trail_logs(names: Names, log_group: str) -> Document:
    """Role of the trail: it writes its own streams of its log group.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html
    """
    where = names.where
    streams = where.arn("logs", f"log-group:{log_group}:log-stream:{where.account}_CloudTrail_{where.region}*")
    return document([allow("OwnStreams", ["logs:CreateLogStream", "logs:PutLogEvents"], [streams])])


def flattener(
    names: Names, *, logs: str, prefix: str, lake: str, log_group: str, log_key: str | None, lake_key: str | None
) -> Document:
    """Role of the flattener: reads log files, writes flat files, takes its messages, writes its log.

    `logs` and `lake` are ARNs of buckets, the keys ARNs or None.
    """
    written = [f"{lake}/{FLATFILES}*", f"{lake}/{QUARANTINE}*", f"{lake}/{LEDGER}*"]
    statements = [
        # S3's messages name the version that they are about, which may not be the current one any more.
        allow("ReadLogFiles", ["s3:GetObject", "s3:GetObjectVersion"], [f"{logs}/{prefix}*"]),
        # Without it a missing object looks like a denied one; GetObject sends no prefix that a condition could see.
        allow("TellMissingFromDenied", ["s3:ListBucket"], [logs, lake]),
        # If-None-Match and the comparison with what is there need GetObject.
        allow("WriteFlatFiles", ["s3:PutObject", "s3:GetObject"], written),
        allow("ClearReplayed", ["s3:DeleteObject"], [f"{lake}/{QUARANTINE}*"]),
        allow(
            "TakeMessages",
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"],
            [names.queue_arn],
        ),
        allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [names.log_group_arn(log_group)]),
    ]
    if log_key:
        statements.append(allow("ReadEncrypted", ["kms:Decrypt"], [log_key]))
    if lake_key:
        statements.append(allow("WriteEncrypted", ["kms:Decrypt", "kms:GenerateDataKey"], [lake_key]))
    return document(statements)


def job(names: Names, *, lake: str, job_name: str, log_groups: Sequence[str], lake_key: str | None) -> Document:
    """Role of the Parquet job: reads flat files, writes the lake, keeps its bookmark, writes its log and metrics."""
    where = names.where
    written = (EVENTS, QUARANTINE, METRICS, *STATE)

    def below(*folders: str) -> list[str]:
        return [f"{lake}/{folder}*" for folder in folders]

    # Before it reads or writes a folder, S3A asks whether it is a file: a HEAD of its name without the last slash.
    asked = [f"{lake}/{folder.rstrip('/')}" for folder in (FLATFILES, EVENTS, STATE[0])]
    statements = [
        allow("Read", ["s3:GetObject"], [*below(SCRIPTS, FLATFILES, *written), *asked]),
        allow("Write", ["s3:PutObject", "s3:AbortMultipartUpload"], below(*written)),
        allow("Delete", ["s3:DeleteObject"], below(FLATFILES, EVENTS, *STATE)),
        allow("List", ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"], [lake]),
        allow(
            "Bookmark", ["glue:GetJob", "glue:GetJobRun", "glue:GetJobBookmark"], [where.arn("glue", f"job/{job_name}")]
        ),
        allow(
            "WriteLog",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            [names.log_group_arn(group) for group in log_groups],
        ),
        allow(  # PutMetricData takes no resource, only a namespace; Glue's own metrics are in `Glue`
            "PutMetrics",
            ["cloudwatch:PutMetricData"],
            ["*"],
            Condition={"StringEquals": {"cloudwatch:namespace": ["Trailsight", "Glue"]}},
        ),
    ]
    if lake_key:
        statements.append(allow("Encrypted", ["kms:Decrypt", "kms:GenerateDataKey"], [lake_key]))
    return document(statements)


def crawler(names: Names, *, lake: str, database: str, log_group: str, lake_key: str | None) -> Document:
    """Role of the two crawlers: they read two folders and keep two tables of one database."""
    where = names.where
    tables = [where.arn("glue", f"table/{database}/{table}") for table in ("flatfiles", "parquettrails")]
    named = [where.arn("glue", "catalog"), where.arn("glue", f"database/{database}"), *tables]
    reads = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions"]
    writes = ["glue:CreateTable", "glue:UpdateTable", "glue:BatchCreatePartition", "glue:BatchGetPartition"]
    statements = [
        allow("ReadFiles", ["s3:GetObject"], [f"{lake}/{FLATFILES}*", f"{lake}/{EVENTS}*"]),
        allow("List", ["s3:ListBucket", "s3:GetBucketLocation"], [lake]),
        allow("KeepTables", [*reads, *writes, "glue:UpdatePartition", "glue:DeletePartition"], named),
        allow(
            "WriteLog",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            [names.log_group_arn(log_group)],
        ),
    ]
    if lake_key:
        statements.append(allow("Encrypted", ["kms:Decrypt"], [lake_key]))
    return document(statements)


def quicksight(where: Where, *, lake: str, database: str, workgroup: str, lake_key: str | None) -> Document:
    """Role of the QuickSight data source: it asks the tables of one database in one workgroup, and changes nothing.

    `lake` is the bucket's ARN, `workgroup` a name.
    """
    tables = [where.arn("glue", f"table/{database}/{table}") for table in DASHBOARD_TABLES]
    results = f"{lake}/{RESULTS}*"
    statements = [
        allow(
            "Ask",
            [
                "athena:StartQueryExecution",
                "athena:StopQueryExecution",
                "athena:GetQueryExecution",
                "athena:BatchGetQueryExecution",
                "athena:GetQueryResults",
                "athena:GetQueryResultsStream",
                "athena:GetWorkGroup",
            ],
            [where.arn("athena", f"workgroup/{workgroup}")],
        ),
        allow(
            "LookIntoCatalog",
            ["athena:GetDataCatalog", "athena:ListDatabases", "athena:ListTableMetadata", "athena:GetTableMetadata"],
            [where.arn("athena", "datacatalog/AwsDataCatalog")],
        ),
        allow(
            "ReadTables",
            [
                "glue:GetDatabase",
                "glue:GetDatabases",
                "glue:GetTable",
                "glue:GetTables",
                "glue:GetPartition",
                "glue:GetPartitions",
                "glue:BatchGetPartition",
            ],
            [where.arn("glue", "catalog"), where.arn("glue", f"database/{database}"), *tables],
        ),
        allow("ReadFiles", ["s3:GetObject"], [f"{lake}/{folder}*" for folder in (EVENTS, LEDGER, METRICS)]),
        allow(
            "WriteResults",
            ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            [results],
        ),
        allow("List", ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"], [lake]),
    ]
    if lake_key:
        statements.append(allow("Encrypted", ["kms:Decrypt", "kms:GenerateDataKey"], [lake_key]))
    return document(statements)
