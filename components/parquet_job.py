"""The Parquet job on Glue: its scripts, its role, its logs, and when it runs."""

import pulumi
import pulumi_aws as aws

from components import policies
from components.log_groups import log_group
from components.objects import put
from components.part import PartArgs
from components.roles import role
from components.settings import JobSettings
from runtime.glue import deployment
from tools import bundle


class ParquetJobArgs(PartArgs):
    """What the job needs."""

    settings: JobSettings
    """Its settings, with every default filled in. Required."""
    lake_bucket: str
    """Name of the lake's bucket. Required."""
    promote: list[str]
    """Promoted paths beside the shipped ones. Required."""
    scheduled: bool
    """Whether it has a schedule of its own; a workflow may start it instead. Required."""
    after: list[pulumi.Resource]
    """What must exist before the scripts are put into the bucket. Required."""


class ParquetJob(pulumi.ComponentResource):
    """The job, its schedule and that of the compaction."""

    job_name: pulumi.Output[str]
    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: ParquetJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trailsight:index:ParquetJob", name, {}, opts)
        settings, names, tags = args["settings"], args["names"], args["tags"]
        # Fixed, since a job that is replaced loses its bookmark.
        job_name = names.part("parquet", 255)
        prefix = f"/aws-glue/{job_name}"
        groups = [f"{prefix}/error", f"{prefix}/output"]
        for group in groups:
            log_group(f"{name}-{group.rpartition('/')[2]}-logs", self, group, settings["log_retention_days"], tags)
        made, rights = role(
            self,
            f"{name}-role",
            args,
            "parquet",
            policies.trust("glue"),
            lambda key: policies.job(
                names,
                lake=names.where.bucket(args["lake_bucket"]),
                job_name=job_name,
                log_groups=groups,
                lake_key=key,
            ),
            key=args["lake_key_arn"],
        )
        lake = f"s3://{args['lake_bucket']}"

        modules = dict(sorted(bundle.glue_modules().items()))
        assets: dict[str, pulumi.Asset | pulumi.Archive] = {
            file: pulumi.FileAsset(str(bundle.REPO / file)) for file in modules
        }

        def uploaded(
            part: str, file: str, content: dict[str, bytes], source: pulumi.Asset | pulumi.Archive
        ) -> pulumi.Output[str]:
            key = put(f"{name}-{part}", self, args["lake_bucket"], file, content.items(), source, args["after"])
            return pulumi.Output.concat(lake, "/", key)

        at = deployment.SCRIPT
        script = uploaded("script", "job.py", {at: modules[at]}, assets[at])
        library = uploaded("library", "trailsight.zip", modules, pulumi.AssetArchive(assets))
        own = {"days": str(settings["days"]), "promote": ",".join(args["promote"]), "custom-logGroup-prefix": prefix}
        arguments = deployment.default_arguments(
            f"{lake}/{policies.FLATFILES.rstrip('/')}",
            lake,
            library,
            f"{lake}/{policies.TEMPORARY}",
            **{key: value for key, value in own.items() if value},
        )
        job = aws.glue.Job(
            name,
            name=job_name,
            description="Takes flat files into the lake's Parquet files",
            role_arn=made.arn,
            glue_version=settings["glue_version"],
            command=aws.glue.JobCommandArgs(name="glueetl", python_version="3", script_location=script),
            worker_type=settings["worker_type"],
            number_of_workers=settings["workers"],
            timeout=settings["timeout_minutes"],
            max_retries=0,
            execution_property=aws.glue.JobExecutionPropertyArgs(max_concurrent_runs=deployment.MAX_CONCURRENT_RUNS),
            # A compaction that meets a load waits for 15 minutes before it fails, and only without retries:
            # https://docs.aws.amazon.com/glue/latest/dg/job-run-statuses.html
            job_run_queuing_enabled=True,
            default_arguments=arguments,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights]),
        )
        if args["scheduled"]:
            _trigger(f"{name}-schedule", self, job, settings["schedule"], None, tags)
        _trigger(f"{name}-compaction", self, job, settings["compaction_schedule"], {"--task": "compact"}, tags)
        self.job_name, self.role_arn = job.name, made.arn
        self.register_outputs({"job_name": self.job_name, "role_arn": self.role_arn})


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
