"""A role of a part: who may take it, what it may do, and how the account wants roles made."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws

from components.part import PartArgs
from components.policies import Document


def role(
    parent: pulumi.Resource,
    name: str,
    args: PartArgs,
    suffix: str,
    trusted: Document,
    rights: Callable[..., Document],
    **known: pulumi.Input[Any] | None,
) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
    """The role `name` with its one policy, `rights(**known)`; what uses the role must wait for the policy.

    `suffix` is the end of its name in IAM. Values of `known` may be outputs: the policy is made when they are known.
    """
    here = pulumi.ResourceOptions(parent=parent)
    made = aws.iam.Role(
        name,
        name=args["names"].role(suffix),
        assume_role_policy=pulumi.Output.json_dumps(trusted),
        tags=args["tags"],
        **args["role_options"],
        opts=here,
    )
    policy = pulumi.Output.all(**known).apply(lambda values: rights(**values)) if known else rights()
    return made, aws.iam.RolePolicy(
        f"{name}-policy", role=made.name, policy=pulumi.Output.json_dumps(policy), opts=here
    )
