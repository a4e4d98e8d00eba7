"""The provider of a stack: one account, and the role that fits what is being done."""

import json
from typing import Any

import pytest

from configs.provider import provider
from tests.components.recorder import run

# https://www.pulumi.com/docs/iac/concepts/secrets/ : how a secret is marked on its way to the engine.
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
ACCOUNT = {"id": "111122223333", "region": "eu-central-1"}


def chain(deploy: dict[str, str], *, preview: bool, region: str = "eu-central-1") -> Any:
    config: Any = {"account": {**ACCOUNT, "region": region}, "deploy": deploy}
    stack = run(lambda: provider(config), preview=preview, region=region, stack_name="acme-prod")
    roles = stack["pulumi:providers:aws", "aws"].inputs.get("assumeRoles", "null")
    if deploy.get("external_id"):
        assert roles[SIGNATURE] == SECRET
        roles = roles["value"]
    return json.loads(roles)


@pytest.mark.parametrize(
    ("preview", "role"), [(False, "trailsight-deploy"), (True, "ops/trailsight-preview")], ids=["up", "preview"]
)
def test_each_in_its_role(preview: bool, role: str) -> None:
    """A preview assumes the preview role, an update the deploying one, with a session that says who.

    The external id is a secret in the state: who knows it may pretend to be this deployment.
    """
    deploy = {"role": "trailsight-deploy", "preview_role": "ops/trailsight-preview", "external_id": "acme"}
    assert chain(deploy, preview=preview) == [
        {
            "roleArn": f"arn:aws:iam::111122223333:role/{role}",
            "externalId": "acme",
            "sessionName": "trailsight-acme-prod",
        }
    ]


def test_one_role_for_both() -> None:
    """Without a preview role a preview assumes the deploying one; without any, the credentials are taken as they are."""
    assert chain({"role": "deploy"}, preview=True)[0]["roleArn"] == "arn:aws:iam::111122223333:role/deploy"
    assert chain({}, preview=False) is None


def test_the_partition_is_looked_up() -> None:
    """A role's name becomes an ARN of the Region's own partition."""
    found = chain({"role": "deploy"}, preview=False, region="us-gov-west-1")
    assert found[0]["roleArn"] == "arn:aws-us-gov:iam::111122223333:role/deploy"
