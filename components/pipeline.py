"""`CloudTrailPipeline`: the whole way from CloudTrail to QuickSight, composed of the other components."""

from typing import Any

import pulumi
import pulumi_aws as aws

from components import owners, policies
from components.athena import Athena
from components.buckets import Bucket, expire, tidy
from components.catalog import Catalog
from components.checks import check, hints
from components.console import Console
from components.cron import longest_gap
from components.defaults import complete
from components.flattener import BATCHING_WINDOW, Flattener, check_bundle
from components.intake import Intake
from components.keys import Key
from components.monitoring import LakeParts, Monitoring
from components.names import Names, Where
from components.notifications import notify
from components.parquet_job import ParquetJob
from components.part import TAG, PartArgs
from components.settings import (
    CatalogMode,
    CloudTrailPipelineArgs,
    EncryptionSettings,
    KmsMode,
    LakeSettings,
    LogsSettings,
    TrailMode,
)
from components.trail import FUNCTION, GLUE, QUEUE, S3, TOPIC, Trail
from runtime.events.columns import PROMOTE, promoting


class CloudTrailPipeline(pulumi.ComponentResource):
    """A CloudTrail lake in one account and Region, from the trail to the dashboard.

    Raises SettingsError with every mistake in `args`, or BundleError, before anything in it is registered.
    """

    log_bucket: pulumi.Output[str]
    """Name of the log bucket."""
    trail_arn: pulumi.Output[str | None]
    """ARN of the trail, if it is the pipeline's own."""
    lake_bucket: pulumi.Output[str | None]
    """Name of the lake's bucket."""
    queue_url: pulumi.Output[str | None]
    """URL of the queue of new log files, which `trailsight backfill` sends to."""
    dlq_url: pulumi.Output[str | None]
    """URL of the dead-letter queue, which `trailsight replay` empties."""
    job_name: pulumi.Output[str | None]
    """Name of the Parquet job."""
    database: pulumi.Output[str | None]
    """Name of the Glue database."""
    tables: pulumi.Output[list[str] | None]
    """Its tables and views, as `database.table`, for an Athena query."""
    workgroup: pulumi.Output[str | None]
    """Name of the Athena workgroup."""
    dashboard_url: pulumi.Output[str | None]
    """Where the QuickSight dashboard is."""
    alarm_topic_arn: pulumi.Output[str | None]
    """ARN of the topic that alarms go to."""
    console_links: pulumi.Output[dict[str, str]]
    """Where to look in the AWS console, by part."""
    owner_commands: pulumi.Output[list[str]]
    """What owners of an existing log bucket, its topic and of given keys have to do; a preview shows it."""

    def __init__(self, name: str, args: CloudTrailPipelineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trailsight:index:CloudTrailPipeline", name, {}, opts)
        settings = complete(args)
        names = Names(name, self._where(), settings["iam"]["name_prefix"], settings["iam"]["path"])
        check(settings, names)
        if settings["lake"]["enabled"]:
            check_bundle(settings["lake"]["flattener"]["architecture"])
        for hint in hints(settings, names):
            pulumi.log.warn(hint, self)
        settings["tags"] = {**settings["tags"], TAG: name}
        self._names, self._settings = names, settings
        self._here = pulumi.ResourceOptions(parent=self)
        boundary = settings["iam"].get("permissions_boundary")
        self._role_options = {"path": settings["iam"]["path"], "permissions_boundary": boundary}

        logs, lake = settings["logs"], settings["lake"]
        outputs: dict[str, Any] = {}
        links = Console(names.where)
        log_key, log_bucket = self._logs(logs)
        log_name: pulumi.Input[str] = log_bucket.name if log_bucket else logs["existing"]["bucket"]
        prefix = policies.log_prefix(logs["prefix"])
        shown: dict[str, pulumi.Input[str]] = {"logs": pulumi.Output.from_input(log_name).apply(links.bucket)}
        trail = self._trail(logs, log_name, log_key, log_bucket) if self._has_trail else None
        if trail:
            outputs["trail_arn"] = trail.arn
            shown["trail"] = trail.arn.apply(links.trail)
        own = [log_bucket.name] if log_bucket else []
        lake_key, watched = None, None
        if lake["enabled"]:
            lake_key = self._key("lake", lake["encryption"], policies.lake_key(names.where), lake["protect"])
            made, watched = self._lake(lake, lake_key, log_name, log_key, f"{prefix}AWSLogs/", log_bucket, links, shown)
            outputs |= made
            own.append(made["lake_bucket"])
        elif log_bucket:
            self._notify(log_name, None, [log_bucket.policy])
        monitoring = Monitoring(
            f"{name}-alarms",
            {
                "settings": settings["alarms"],
                "lake": watched,
                "trail_name": trail.name if trail else None,
                "buckets": own,
                "log_key_arn": log_key,
                **self._part(lake_key),
            },
            self._here,
        )
        outputs["alarm_topic_arn"] = monitoring.topic_arn
        if watched:
            shown["alarms"] = monitoring.dashboard_url.apply(str)
        outputs["log_bucket"] = pulumi.Output.from_input(log_name)
        outputs["console_links"] = pulumi.Output.from_input(shown)
        outputs["owner_commands"] = self._owner_commands()
        for output in self.__annotations__:
            setattr(self, output, pulumi.Output.from_input(outputs.get(output)))
        self.register_outputs({output: getattr(self, output) for output in self.__annotations__})

    @property
    def _has_trail(self) -> bool:
        return self._settings["trail"]["mode"] is TrailMode.ACCOUNT

    @property
    def _log_owner(self) -> str:
        existing = self._settings["logs"].get("existing")
        return (existing.get("account") if existing else None) or self._names.where.account

    def _where(self) -> Where:
        look = pulumi.InvokeOptions(parent=self)
        partition = aws.get_partition(opts=look)
        account, region = aws.get_caller_identity(opts=look).account_id, aws.get_region(opts=look).region
        return Where(partition.partition, partition.dns_suffix, account, region)

    def _part(self, lake_key: Any) -> PartArgs:
        return {
            "names": self._names,
            "lake_key_arn": lake_key,
            "role_options": self._role_options,
            "tags": self._settings["tags"],
        }

    def _key(self, part: str, encryption: EncryptionSettings, policy: policies.Document, protect: bool) -> Any:
        """ARN of the key that encrypts a bucket: made here, given, or None."""
        if encryption["kms"] is KmsMode.GIVEN:
            return encryption["key_arn"]
        if encryption["kms"] is KmsMode.NONE:
            return None
        description = f"Trailsight {self._names.pipeline}: {part}"
        return Key(
            f"{self._names.pipeline}-{part}-key",
            {"description": description, "policy": policy, "protect": protect, "tags": self._settings["tags"]},
            self._here,
        ).arn

    def _logs(self, logs: LogsSettings) -> tuple[Any, Bucket | None]:
        """The log bucket's key and the bucket; no bucket where it is somebody else's."""
        if existing := logs.get("existing"):
            return existing.get("key_arn"), None
        names = self._names
        trails = [names.trail_arn(self._settings["trail"].get("name"))] if self._has_trail else []
        key = self._key("logs", logs["encryption"], policies.log_key(names.where, trails), logs["protect"])
        bucket = logs.get("bucket_name") or names.bucket("logs")
        return key, Bucket(
            f"{names.pipeline}-logs",
            {
                "bucket": bucket,
                "policy": policies.log_bucket(
                    names.where,
                    names.where.bucket(bucket),
                    logs["prefix"],
                    trails,
                    logs["additional_policy_statements"],
                ),
                "rules": [
                    expire("log-files", logs["expire_after_days"], glacier_after=logs["glacier_after_days"]),
                    tidy(logs["noncurrent_days"], policies.ABANDONED_DAYS),
                ]
                if logs["expire_after_days"] or logs["glacier_after_days"]
                else [tidy(logs["noncurrent_days"], policies.ABANDONED_DAYS)],
                "protect": logs["protect"],
                "adopt": logs["adopt"],
                "key_arn": key,
                # With a bucket key CloudTrail would need kms:Decrypt too:
                # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
                "bucket_key": False,
                "object_lock": logs.get("object_lock"),
                "access_logs": logs.get("access_logs"),
                "tags": self._settings["tags"],
            },
            self._here,
        )

    def _notify(
        self, bucket: pulumi.Input[str], queue: tuple[pulumi.Input[str], str] | None, after: list[pulumi.Resource]
    ) -> None:
        additional = self._settings["logs"]["additional_notifications"]
        notify(f"{self._names.pipeline}-notification", self, bucket, queue, additional, after)

    def _lake_bucket_name(self) -> str:
        return self._settings["lake"].get("bucket_name") or self._names.bucket("lake")

    def _trail(self, logs: LogsSettings, bucket: pulumi.Input[str], key: Any, after: Bucket | None) -> Trail:
        names, lake = self._names, self._settings["lake"]
        own = names.where.bucket
        buckets = [own(self._lake_bucket_name())] if lake["enabled"] else []
        if after:
            buckets.append(own(logs.get("bucket_name") or names.bucket("logs")))
        tables = names.where.arn("glue", f"table/{lake['catalog'].get('database') or names.database}/")
        return Trail(
            f"{names.pipeline}-trail",
            {
                "settings": self._settings["trail"],
                "bucket": bucket,
                "prefix": logs["prefix"],
                "own_arns": {
                    S3: [f"{arn}/" for arn in sorted(buckets)],
                    FUNCTION: [names.function_arn],
                    QUEUE: [names.queue_arn],
                    TOPIC: [names.topic_arn(part) for part in ("alarms", "trail")],
                    GLUE: [tables],
                },
                "key_arn": key,
                "protect": logs["protect"],
                # CreateTrail asks the bucket's policy whether it may deliver; the key's stands in the key.
                "after": [after.policy] if after else [],
                **self._part(None),
            },
            self._here,
        )

    def _lake(
        self,
        lake: LakeSettings,
        key: Any,
        log_bucket: pulumi.Input[str],
        log_key: Any,
        log_prefix: str,
        logs: Bucket | None,
        links: Console,
        shown: dict[str, pulumi.Input[str]],
    ) -> tuple[dict[str, Any], LakeParts]:
        """Everything from the queue to QuickSight; gives the outputs and what is watched, adds links to `shown`."""
        names, settings = self._names, self._settings
        name = names.pipeline
        bucket_name = self._lake_bucket_name()
        results_days = lake["athena"]["results_days"]
        bucket = Bucket(
            f"{name}-lake",
            {
                "bucket": bucket_name,
                "policy": policies.lake_bucket(names.where.bucket(bucket_name)),
                "rules": [
                    expire("flat-files", lake["flatfiles_days"], policies.FLATFILES),
                    expire("quarantine", lake["quarantine_days"], policies.QUARANTINE),
                    expire("ledger", lake["quarantine_days"], policies.LEDGER),
                    expire("metrics", lake["quarantine_days"], policies.METRICS),
                    expire("temporary", policies.ABANDONED_DAYS, policies.TEMPORARY),
                    expire("results", results_days, policies.RESULTS),
                    tidy(lake["noncurrent_days"], policies.ABANDONED_DAYS),
                ],
                "protect": lake["protect"],
                "adopt": lake["adopt"],
                "key_arn": key,
                "access_logs": lake.get("access_logs"),
                "tags": self._settings["tags"],
            },
            self._here,
        )
        # Lambda's environment is small, and the shipped paths are in the code.
        further = list(promoting(lake["promote"])[len(PROMOTE) :])
        existing = settings["logs"].get("existing")
        part = self._part(key)
        intake = Intake(
            f"{name}-queue",
            {
                "bucket": log_bucket,
                "prefix": log_prefix,
                "function_timeout": lake["flattener"]["timeout_seconds"],
                "batching_window": BATCHING_WINDOW,
                "max_receives": lake["flattener"]["max_receives"],
                "existing": existing,
                **part,
            },
            self._here,
        )
        if intake.notified:
            self._notify(log_bucket, (intake.queue_arn, log_prefix), [intake.policy, *([logs.policy] if logs else [])])
        flattener = Flattener(
            f"{name}-flattener",
            {
                "settings": lake["flattener"],
                "log_bucket": log_bucket,
                "log_owner": self._log_owner,
                "log_prefix": log_prefix,
                "lake_bucket": bucket_name,
                "queue_arn": intake.queue_arn,
                "promote": further,
                "log_key_arn": log_key,
                **part,
            },
            self._here,
        )
        job = ParquetJob(
            f"{name}-parquet",
            {
                "settings": lake["job"],
                "lake_bucket": bucket_name,
                "promote": further,
                "scheduled": lake["catalog"]["mode"] is CatalogMode.DECLARED,
                "after": [bucket],
                **part,
            },
            self._here,
        )
        catalog = Catalog(
            f"{name}-catalog",
            {
                "settings": lake["catalog"],
                "lake_bucket": bucket_name,
                "promote": further,
                "job_name": job.job_name,
                "schedule": lake["catalog"]["crawl_schedule"],
                **part,
            },
            self._here,
        )
        athena = Athena(
            f"{name}-athena",
            {
                "settings": lake["athena"],
                "lake_bucket": bucket_name,
                "database": catalog.database,
                **part,
            },
            self._here,
        )
        loaded: dict[str, pulumi.Output[str]] = {}
        if "quicksight" in settings:
            # Its compiler is read only where there is something to compile.
            from components.quicksight import QuickSight

            quicksight = QuickSight(
                f"{name}-quicksight",
                {
                    "settings": settings["quicksight"],
                    "lake_bucket": bucket_name,
                    "database": lake["catalog"].get("database") or names.database,
                    "workgroup": athena.workgroup,
                    "lake_formation": lake["catalog"]["lake_formation"],
                    "after": [bucket, *catalog.tables],
                    **part,
                },
                self._here,
            )
            shown["dashboard"], loaded = quicksight.dashboard_url, quicksight.loaded
        gap = longest_gap(lake["catalog"]["crawl_schedule"])
        watched: LakeParts = {
            "dlq_name": intake.dlq_name,
            "queue_name": intake.queue_name,
            "function_name": flattener.function_name,
            "job_name": job.job_name,
            "longest_gap": gap and gap + lake["job"]["timeout_minutes"],
            "crawlers": catalog.crawlers,
            "data_sets": loaded,
        }
        outputs: dict[str, Any] = {
            "lake_bucket": bucket.name,
            "queue_url": intake.queue_url,
            "dlq_url": intake.dlq_url,
            "job_name": job.job_name,
            "database": catalog.database,
            "tables": catalog.table_names,
            "workgroup": athena.workgroup,
            "dashboard_url": shown.get("dashboard"),
        }
        shown |= {
            "lake": bucket.name.apply(links.bucket),
            "dlq": intake.dlq_url.apply(links.queue),
            "flattener": flattener.function_name.apply(links.function),
            "job": job.job_name.apply(links.job),
            "athena": athena.workgroup.apply(links.workgroup),
        }
        return outputs, watched

    def _owner_commands(self) -> Any:
        """What owners of a bucket, keys and a topic that are not the pipeline's own have to do."""
        names, settings = self._names, self._settings
        logs, lake, alarms = settings["logs"], settings["lake"], settings["alarms"]
        existing = logs.get("existing") if lake["enabled"] else None
        trails = [names.trail_arn(settings["trail"].get("name"))] if self._has_trail else []
        publishers = [] if "topic_arn" in alarms else policies.lake_key(names.where)["Statement"][1:]
        given: list[tuple[Any, list[policies.Document]]] = [
            (logs["encryption"].get("key_arn"), policies.log_key(names.where, trails)["Statement"][1:]),
            (lake["encryption"].get("key_arn") if lake["enabled"] else None, publishers),
        ]

        def lines(known: dict[str, Any]) -> list[str]:
            found: list[str] = []
            for arn, (_, statements) in zip(known["given"], given, strict=True):
                found += owners.given_key(names.where, arn, statements) if arn else []
            if existing:
                prefix = policies.log_prefix(logs["prefix"])
                found += owners.topic(names, known["topic"])
                found += owners.bucket(names, known["bucket"], self._log_owner, prefix, existing["notification"])
                found += owners.log_key(names, known["key"])
            return found

        theirs: dict[str, Any] = {**existing} if existing else {}
        return pulumi.Output.all(
            given=[arn for arn, _ in given],
            bucket=theirs.get("bucket"),
            key=theirs.get("key_arn"),
            topic=theirs.get("topic_arn"),
        ).apply(lines)
