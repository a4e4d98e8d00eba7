"""The Parquet job on Glue: its scripts, its role, its logs, and when it runs."""

import hashlib
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import policies
from components.names import Names
from components.settings import JobSettings

REPO = Path(__file__).parents[1]
SCRIPT = "runtime/glue/job.py"
LIBRARY = ("runtime/__init__.py", "runtime/events/*.py", "runtime/glue/*.py")


class ParquetJobArgs(TypedDict):
    """What the job needs."""

    settings: JobSettings
    """Its settings, with every default filled in. Required."""
    names: Names
    """Names of the pipeline. Required."""
    lake_bucket: str
    """Name of the lake's bucket. Required."""
    promote: list[str]
    """All promoted paths; empty for the shipped ones. Required."""
    scheduled: bool
    """Whether it has a schedule of its own; a workflow may start it instead. Required."""
    after: list[pulumi.Resource]
    """What must exist before the scripts are put into the bucket. Required."""
    lake_key_arn: NotRequired[pulumi.Input[str] | None]
    """The KMS key of the lake. Default: none."""
    role_options: NotRequired[dict[str, Any]]
    """Arguments of every role: path and permissions boundary. Default: none."""
    tags: NotRequired[dict[str, str]]
    """Its tags. Default: none."""


class ParquetJob(pulumi.ComponentResource):
    """The job, its schedule and that of the compaction."""

    job_name: pulumi.Output[str]
    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: ParquetJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trailsight:index:ParquetJob", name, {}, opts)
        settings, names, tags = args["settings"], args["names"], args.get("tags")
        here = pulumi.ResourceOptions(parent=self)
        # Fixed, since a job that is replaced loses its bookmark.
        job_name = names.part("parquet", 255)
        prefix = f"/aws-glue/{job_name}"
        groups = [f"{prefix}/error", f"{prefix}/output"]
        for group in groups:
            aws.cloudwatch.LogGroup(
                f"{name}-{group.rpartition('/')[2]}-logs",
                name=group,
                retention_in_days=settings["log_retention_days"],
                tags=tags,
                opts=here,
            )
        role = aws.iam.Role(
            f"{name}-role",
            name=names.role("parquet"),
            assume_role_policy=pulumi.Output.json_dumps(
                policies.trust("glue", names.where, names.where.arn("glue", f"job/{job_name}"))
            ),
            tags=tags,
            **args.get("role_options", {}),
            opts=here,
        )
        rights = aws.iam.RolePolicy(
            f"{name}-role-policy",
            role=role.name,
            policy=pulumi.Output.json_dumps(
                pulumi.Output.from_input(args.get("lake_key_arn")).apply(
                    lambda key: policies.job(
                        names,
                        lake=names.where.bucket(args["lake_bucket"]),
                        job_name=job_name,
                        log_groups=groups,
                        lake_key=key,
                    )
                )
            ),
            opts=here,
        )
        script = _put(f"{name}-script", self, args, "job.py", [SCRIPT], pulumi.FileAsset(str(REPO / SCRIPT)))
        files = sorted(str(path.relative_to(REPO)) for pattern in LIBRARY for path in REPO.glob(pattern))
        library = _put(
            f"{name}-library",
            self,
            args,
            "trailsight.zip",
            files,
            pulumi.AssetArchive({file: pulumi.FileAsset(str(REPO / file)) for file in files}),
        )
        lake = f"s3://{args['lake_bucket']}"
        arguments: dict[str, pulumi.Input[str]] = {
            "--source": f"{lake}/{policies.FLATFILES.rstrip('/')}",
            "--lake": lake,
            "--days": str(settings["days"]),
            "--promote": ",".join(args["promote"]),
            "--extra-py-files": library,
            "--job-bookmark-option": "job-bookmark-enable",
            "--enable-metrics": "true",
            "--custom-logGroup-prefix": prefix,
            "--TempDir": f"{lake}/{policies.STATE[1]}temporary/",
        }
        job = aws.glue.Job(
            name,
            name=job_name,
            description="Takes flat files into the lake's Parquet files",
            role_arn=role.arn,
            glue_version=settings["glue_version"],
            command=aws.glue.JobCommandArgs(name="glueetl", python_version="3", script_location=script),
            worker_type=settings["worker_type"],
            number_of_workers=settings["workers"],
            timeout=settings["timeout_minutes"],
            max_retries=0,
            execution_property=aws.glue.JobExecutionPropertyArgs(max_concurrent_runs=1),
            # A compaction that meets a load waits instead of failing.
            job_run_queuing_enabled=True,
            default_arguments={key: value for key, value in arguments.items() if value != ""},
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights]),
        )
        if args["scheduled"]:
            _trigger(f"{name}-schedule", self, job, settings["schedule"], None, tags)
        _trigger(f"{name}-compaction", self, job, settings["compaction_schedule"], {"--task": "compact"}, tags)
        self.job_name, self.role_arn = job.name, role.arn
        self.register_outputs({"job_name": self.job_name, "role_arn": self.role_arn})


def _put(
    name: str,
    parent: pulumi.Resource,
    args: ParquetJobArgs,
    file: str,
    sources: list[str],
    source: pulumi.Asset | pulumi.Archive,
) -> pulumi.Output[str]:
    """Put `source` below `scripts/<hash of its files>/` and give its URI: a running job keeps what it started with."""
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.encode() + b"\0" + (REPO / path).read_bytes() + b"\0")
    put = aws.s3.BucketObjectv2(
        name,
        bucket=args["lake_bucket"],
        key=f"{policies.SCRIPTS}{digest.hexdigest()[:16]}/{file}",
        source=source,
        # An object takes 10 tags at most, which a provider's default tags may exceed.
        override_provider=aws.s3.BucketObjectv2OverrideProviderArgs(
            default_tags=aws.s3.BucketObjectv2OverrideProviderDefaultTagsArgs(tags={})
        ),
        opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=True, depends_on=args["after"]),
    )
    return pulumi.Output.concat("s3://", args["lake_bucket"], "/", put.key)


def _trigger(
    name: str,
    parent: pulumi.Resource,
    job: aws.glue.Job,
    schedule: str,
    arguments: dict[str, str] | None,
    tags: dict[str, str] | None,
) -> None:
    aws.glue.Trigger(
        name,
        name=name,
        type="SCHEDULED",
        schedule=schedule,
        start_on_creation=True,
        actions=[aws.glue.TriggerActionArgs(job_name=job.name, arguments=arguments)],
        tags=tags,
        opts=pulumi.ResourceOptions(parent=parent),
    )
