"""Log groups of the program's own, which forget: one that a service makes for itself keeps everything for ever."""

import pulumi
import pulumi_aws as aws


def log_group(
    name: str, parent: pulumi.Resource, path: str, days: int, tags: dict[str, str]
) -> aws.cloudwatch.LogGroup:
    """The log group called `path`, which keeps what it gets for `days`."""
    options = pulumi.ResourceOptions(parent=parent)
    return aws.cloudwatch.LogGroup(name, name=path, retention_in_days=days, tags=tags, opts=options)
