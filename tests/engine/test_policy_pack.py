"""The policy pack in earnest: the CLI starts it, and it passes the program and refuses what it is there for."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.engine.conftest import REPO, Stack

ENVIRONMENT = Path(sys.prefix) / "policies"  # apart: pulumi-policy wants an older protobuf than the program
PACK = ("--policy-pack", "policies")
STRAY = """
import pulumi_aws
pulumi_aws.s3.Bucket("stray", bucket="stray", opts=pulumi.ResourceOptions(provider=account))
"""


@pytest.fixture
def guarded(stack: Stack) -> Stack:
    """The stack, with the pack beside the program and its environment in place of the one that docs/security.md makes."""
    if not ENVIRONMENT.is_dir():
        lacking("pulumi", "needs the pack's environment: `make test` makes it where there is a pulumi CLI")
    ignored = shutil.ignore_patterns(".venv-pulumi", "__pycache__")
    shutil.copytree(REPO / "policies", stack.folder / "policies", ignore=ignored)
    (stack.folder / "policies" / ".venv-pulumi").symlink_to(ENVIRONMENT)
    return stack


def test_the_program_passes(guarded: Stack) -> None:
    """`up` is asked by every rule, all values known, and none has anything to say."""
    told = guarded.ok("up", "--yes", "--skip-preview", *PACK)
    assert "trailsight@v0.1.0 (local: policies)" in told
    assert "mandatory" not in told
    assert "can't run policy" not in told


def test_what_breaks_a_rule_is_refused_in_the_preview(guarded: Stack) -> None:
    """A bucket that somebody puts beside the pipeline is refused by resource and by stack, each with its sentence."""
    with (guarded.folder / "__main__.py").open("a") as program:
        program.write(STRAY)
    refused = guarded.run("preview", *PACK)
    assert refused.returncode != 0
    for rule, sentence in (
        ("tags", "stray: the tag trailsight is missing"),
        ("buckets", "stray: has no BucketPublicAccessBlock"),
        ("buckets", "stray: has no policy that denies clear text, for the bucket and all its objects"),
    ):
        assert f"[mandatory]  {rule}" in refused.stdout
        assert sentence in refused.stdout
    assert guarded.cloud.existing() == set()
