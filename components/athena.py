"""Athena: a workgroup whose settings nobody can get round, and every named query."""

import pulumi
import pulumi_aws as aws

from components import policies
from components.part import PartArgs
from components.settings import AthenaSettings
from runtime.athena import named

GB = 1024**3


class AthenaArgs(PartArgs):
    """What Athena needs."""

    settings: AthenaSettings
    """Its settings, with every default filled in. Required."""
    lake_bucket: str
    """Name of the lake's bucket, which also holds results. Required."""
    database: pulumi.Input[str]
    """The database that the named queries are for. Required."""


class Athena(pulumi.ComponentResource):
    """The workgroup and its named queries, the post's hour query first."""

    workgroup: pulumi.Output[str]

    def __init__(self, name: str, args: AthenaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trailsight:index:Athena", name, {}, opts)
        key = args["lake_key_arn"]
        workgroup = aws.athena.Workgroup(
            name,
            name=args["names"].part("athena", 128),
            description="Queries over CloudTrail events",
            force_destroy=True,  # what it holds is history of queries only
            configuration=aws.athena.WorkgroupConfigurationArgs(
                enforce_workgroup_configuration=True,
                publish_cloudwatch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=args["settings"]["cutoff_gb"] * GB,
                engine_version=aws.athena.WorkgroupConfigurationEngineVersionArgs(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=aws.athena.WorkgroupConfigurationResultConfigurationArgs(
                    output_location=f"s3://{args['lake_bucket']}/{policies.RESULTS}",
                    expected_bucket_owner=args["names"].where.account,
                    encryption_configuration=aws.athena.WorkgroupConfigurationResultConfigurationEncryptionConfigurationArgs(
                        encryption_option="SSE_S3" if key is None else "SSE_KMS", kms_key_arn=key
                    ),
                ),
            ),
            tags=args["tags"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        for query in named.load().values():
            aws.athena.NamedQuery(
                f"{name}-{query.name}",
                name=query.title,
                description=query.question,
                workgroup=workgroup.id,
                database=args["database"],
                query=query.saved(),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.workgroup = workgroup.name
        self.register_outputs({"workgroup": self.workgroup})
