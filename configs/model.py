"""What a stack's file may say: the pipeline's settings and the two sections that only a stack has.

No `from __future__ import annotations` here: `components.fields` reads the annotations as they are.
"""

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise
from typing import Any, Required, TypedDict, cast, is_typeddict

from components.names import Where
from components.settings import CloudTrailPipelineArgs


class AccountSettings(TypedDict, total=False):
    """The account that the stack is in; the provider refuses every other."""

    id: Required[str]
    """Its 12 digits. Required."""
    region: Required[str]
    """The Region, such as eu-central-1. Required."""


class DeploySettings(TypedDict, total=False):
    """The roles that deploy: names, with their path if they have one, of roles of that account; or ARNs."""

    role: str
    """The role that `up` and `destroy` assume. Default: none, the credentials as they are."""
    preview_role: str
    """The role that a preview assumes, which needs to read only. Default: that of `role`."""
    external_id: str
    """The external id that their trust policies want. Default: none."""


class StackConfig(CloudTrailPipelineArgs, total=False):
    """A stack."""

    account: Required[AccountSettings]
    """The account. Required."""
    deploy: DeploySettings
    """How it is deployed. Default: with the credentials as they are."""


def role_arn(role: str, where: Where) -> str:
    """ARN of `deploy.role`: a name becomes one of the account in the partition that was looked up, an ARN stays."""
    return role if role.startswith("arn:") else where.iam(f"role/{role.lstrip('/')}")


@cache
def sentences(section: Any) -> dict[str, str]:
    """The sentence under each field of a TypedDict, or each member of an Enum, by its name; bases' included."""
    module = sys.modules[section.__module__]
    node = _classes(module)[section.__name__]
    found: dict[str, str] = {}
    for base in node.bases:
        above = getattr(module, getattr(base, "id", ""), None)
        if is_typeddict(above):
            found |= sentences(above)
    for field, text in pairwise(node.body):
        target = getattr(field, "target", None) or next(iter(getattr(field, "targets", ())), None)
        if isinstance(target, ast.Name) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[target.id] = str(text.value.value)
    return found


@cache
def _classes(module: Any) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ClassDef)}


def pipeline_args(config: StackConfig) -> CloudTrailPipelineArgs:
    """What of a stack's settings the pipeline takes: all but the two sections that only a stack has."""
    return cast(
        "CloudTrailPipelineArgs", {key: value for key, value in config.items() if key not in {"account", "deploy"}}
    )
