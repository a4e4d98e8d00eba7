"""The one AWS provider of a stack: bound to its account, in the role that deploys or previews."""

import pulumi
import pulumi_aws as aws

from components.names import Where
from configs.model import StackConfig, role_arn


def provider(config: StackConfig) -> aws.Provider:
    """The provider of a stack: it refuses every account but `account.id`.

    It assumes `deploy.role` or, for a preview, `deploy.previewRole`.
    """
    account, deploy = config["account"], config.get("deploy", {})
    role, external_id = deploy.get("role"), deploy.get("external_id")
    if pulumi.runtime.is_dry_run():
        role = deploy.get("preview_role", role)
    chain = None
    if role:
        where = Where(_partition(account["region"]), "", account["id"], account["region"])
        chain = [
            aws.ProviderAssumeRoleArgs(
                role_arn=role_arn(role, where),
                session_name=f"trailsight-{pulumi.get_stack()}"[:64],
                external_id=pulumi.Output.secret(external_id) if external_id else None,
            )
        ]
    return aws.Provider("aws", region=account["region"], allowed_account_ids=[account["id"]], assume_roles=chain)


def _partition(region: str) -> str:
    """The Region's partition, asked before any role is assumed: it needs no credentials."""
    ambient = aws.Provider(
        "partition",
        region=region,
        skip_credentials_validation=True,
        skip_requesting_account_id=True,
        skip_metadata_api_check=True,
    )
    return aws.get_partition(opts=pulumi.InvokeOptions(provider=ambient)).partition
