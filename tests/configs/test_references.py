"""A reference to SSM becomes a secret output that the stack's own provider reads."""

from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi.runtime import mocks

from configs.references import Reference, resolve


class Monitor(mocks.Mocks):
    """Answers the parameter's value; keeps what was asked and through which provider."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], str]] = []

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return f"{args.name}-id", dict(args.inputs)

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        self.calls.append((args.token, dict(args.args), args.provider))
        return {"name": args.args["name"], "value": "hunter2"}


def test_a_reference_becomes_a_secret() -> None:
    """Decrypted, by the given provider, marked as secret; all else stays as it is."""
    monitor = Monitor()
    mocks.set_mocks(monitor, preview=False)
    seen: dict[str, Any] = {}
    given = {"alarms": {"webhooks": [Reference("/hook"), "https://x.example"], "stale_hours": 6}}

    @mocks.test
    def program() -> pulumi.Output[Any]:
        provider = aws.Provider("account", region="eu-central-1")
        settings = resolve(given, pulumi.InvokeOptions(provider=provider))
        hook = settings["alarms"]["webhooks"][0]
        seen["rest"] = settings["alarms"]["webhooks"][1:], settings["alarms"]["stale_hours"]
        seen["secret"] = pulumi.Output.from_input(hook.is_secret())

        def keep(values: list[Any]) -> None:
            seen["value"], seen["secret"] = values

        return pulumi.Output.all(pulumi.Output.unsecret(hook), seen["secret"]).apply(keep)

    program()
    assert seen == {"rest": (["https://x.example"], 6), "value": "hunter2", "secret": True}
    ((token, args, provider),) = monitor.calls
    assert token == "aws:ssm/getParameter:getParameter"
    assert args == {"name": "/hook", "withDecryption": True}
    assert "::account::" in provider
    assert given["alarms"]["webhooks"][0] == Reference("/hook")
    assert str(Reference("/hook")) == "${ssm:/hook}"
