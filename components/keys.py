"""A KMS key of the pipeline's own, with rotation and an alias, which outlives a destroy."""

from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.options import kept


class KeyArgs(TypedDict):
    """What a key is for."""

    description: str
    """What it encrypts. Required."""
    policy: dict[str, Any]
    """Its policy, which names the account root and services, never a role of ours. Required."""
    protect: bool
    """Refuse to destroy it. Required."""
    tags: NotRequired[dict[str, str]]
    """Its tags. Default: none."""


class Key(pulumi.ComponentResource):
    """A key and its alias `alias/<name>`."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: KeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trailsight:index:Key", name, {}, opts)
        options = kept(self, args["protect"])
        key = aws.kms.Key(
            name,
            description=args["description"],
            policy=pulumi.Output.json_dumps(args["policy"]),
            enable_key_rotation=True,
            deletion_window_in_days=30,
            tags=args.get("tags"),
            opts=options,
        )
        aws.kms.Alias(f"{name}-alias", name=f"alias/{name}", target_key_id=key.key_id, opts=options)
        self.arn = key.arn
        self.register_outputs({"arn": self.arn})
