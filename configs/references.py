"""References to what no file should hold: `${ssm:/path}`, resolved as a secret in every preview and deployment."""

from dataclasses import dataclass
from typing import Any, TypeVar, cast

import pulumi

from components.parameters import Parameter

Settings = TypeVar("Settings")


@dataclass(frozen=True, slots=True)
class Reference:
    """The SSM parameter at a path of the stack's account, whose value stands in for the reference."""

    path: str

    def __str__(self) -> str:
        return f"${{ssm:{self.path}}}"


def resolve(settings: Settings, opts: pulumi.InvokeOptions) -> Settings:
    """A copy of settings with a Parameter for every Reference; `opts` carries the stack's provider."""
    return cast("Settings", _resolve(settings, opts))


def _resolve(value: Any, opts: pulumi.InvokeOptions) -> Any:
    if isinstance(value, Reference):
        import pulumi_aws as aws

        parameter = aws.ssm.get_parameter_output(name=value.path, with_decryption=True, opts=opts)
        return Parameter(value.path, parameter.value)
    if isinstance(value, dict):
        return {key: _resolve(item, opts) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, opts) for item in value]
    return value
