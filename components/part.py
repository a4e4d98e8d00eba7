"""What every part of a pipeline is told: names, the lake's key, how roles are made, tags."""

from typing import Any, TypedDict

import pulumi

from components.names import Names

TAG = "trailsight"
"""The tag that every resource of a pipeline carries, with the pipeline's name; a budget counts by it."""


class PartArgs(TypedDict):
    """What every part of a pipeline is told."""

    names: Names
    """Names of the pipeline. Required."""
    lake_key_arn: pulumi.Input[str] | None
    """The KMS key of the lake, None without one. Required."""
    role_options: dict[str, Any]
    """Arguments of every role: path and permissions boundary. Required."""
    tags: dict[str, str]
    """Tags of every resource that can carry them. Required."""
