"""The pipeline as a whole: what every example deploys, the same every time, whatever is still unknown."""

import ast
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components.fields import fields
from components.flattener import BundleError
from components.mistakes import SettingsError
from components.pipeline import CloudTrailPipeline
from components.settings import CloudTrailPipelineArgs, KmsMode, Notification
from configs.loader import ConfigError, load
from tests.components.recorder import Stack, run

REPO = Path(__file__).parents[2]
EXAMPLES = sorted(path.stem for path in (REPO / "configs" / "examples").glob("*.yaml"))
GOLDEN = Path(__file__).parent / "golden"


def example(name: str, monkeypatch: pytest.MonkeyPatch, *, preview: bool = False) -> Stack:
    """The program itself, `__main__.py`, over an example."""
    folder = REPO / "configs" / "examples"
    monkeypatch.chdir(REPO)
    monkeypatch.setattr("configs.loader.load.__defaults__", (folder, os.environ))
    config = load(name)
    account = config["account"]
    return run(
        lambda: runpy.run_path(str(REPO / "__main__.py")),
        stack_name=name,
        account=account["id"],
        region=account["region"],
        preview=preview,
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_exact_children(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an example deploys is what the golden list says: a renamed or lost child is seen in review.

    `TRAILSIGHT_GOLDEN=write` writes the lists anew.
    """
    found = "\n".join(example(name, monkeypatch).urns()) + "\n"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("TRAILSIGHT_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EXAMPLES)
def test_one_provider(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every AWS resource and look-up has the stack's provider, which accepts its account and no other."""
    stack = example(name, monkeypatch)
    bound = stack["pulumi:providers:aws", "aws"]
    account = load(name)["account"]
    assert bound.inputs["allowedAccountIds"] == json.dumps([account["id"]])
    assert bound.inputs["region"] == account["region"]
    assert {r.provider for r in stack if r.type.startswith("aws:")} == {f"{bound.urn}::aws-id"}
    # The role's ARN needs a partition before the provider exists; all else is asked of the account itself.
    before = {"aws:index/getPartition:getPartition"} if "deploy" in load(name) else set()
    assert {token for token, provider in stack.calls if provider != f"{bound.urn}::aws-id"} == before
    assert {"aws:index/getPartition:getPartition", "aws:index/getCallerIdentity:getCallerIdentity"} <= {
        token for token, provider in stack.calls if provider == f"{bound.urn}::aws-id"
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_previews_with_unknowns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first preview, where nothing exists yet, registers the same children as the update."""
    assert example(name, monkeypatch, preview=True).urns() == example(name, monkeypatch).urns()


def test_no_typed_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """The partition comes from a look-up: in GovCloud no input says `arn:aws:`."""
    assert "arn:aws:" not in json.dumps([r.inputs for r in example("govcloud", monkeypatch)])


_RUN = """
import datetime, json, sys
from pathlib import Path

class Day(datetime.date):
    @classmethod
    def today(cls):
        return cls(int(sys.argv[3]), 1, 2)

class Moment(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(int(sys.argv[3]), 1, 2, 3, 4, 5, tzinfo=tz)

datetime.date, datetime.datetime = Day, Moment
sys.path.insert(0, sys.argv[1])
from components import flattener
from tools import bundle
flattener.BUNDLE = Path(sys.argv[2])
files = bundle.sources() | {bundle.MANIFEST: json.dumps(bundle.manifest()).encode()}
flattener.BUNDLE.write_bytes(bundle.stored(files))
from components.pipeline import CloudTrailPipeline
from configs.loader import load
from configs.model import pipeline_args
from configs.references import resolve
from pulumi import InvokeOptions
from tests.components.recorder import run
args = pipeline_args(load("full", Path(sys.argv[1]) / "configs" / "examples"))
stack = run(lambda: CloudTrailPipeline("acme-prod", resolve(args, InvokeOptions())))
print(json.dumps(sorted([r.urn, r.inputs] for r in stack), sort_keys=True))
"""


def test_two_runs_are_the_same(tmp_path: Path) -> None:
    """Two processes with other hash seeds register the same, input by input, in whatever time zone and year."""

    def once(seed: str, zone: str, year: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}
        command = [sys.executable, "-W", "ignore", "-c", _RUN, str(REPO), str(tmp_path / "bundle.zip"), year]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    first = once("1", "UTC", "2026")
    assert first == once("2", "Pacific/Auckland", "2031")
    assert "acme-prod-quicksight" in first


def test_the_project_keeps_aws_explicit_and_its_toolchain_locked() -> None:
    """No default provider for AWS, a version of Pulumi, and `pulumi install` with pip from requirements.txt."""
    project = yaml.safe_load((REPO / "Pulumi.yaml").read_text())
    assert project["config"]["pulumi:disable-default-providers"] == {"value": ["aws"]}
    assert project["requiredPulumiVersion"].startswith(">=3.")
    assert project["runtime"]["options"] == {"toolchain": "pip", "virtualenv": ".venv-pulumi"}


def _unknown() -> Any:
    return pulumi.Output.from_input("").apply(lambda _: pulumi.UNKNOWN)


KEY: Any = {"kms": KmsMode.GIVEN, "key_arn": "unknown"}
UNKNOWN: list[Any] = [
    {
        "trail": {"mode": "none"},
        "logs": {
            "existing": {
                "bucket": "unknown",
                "key_arn": "unknown",
                "topic_arn": "unknown",
                "account": "999988887777",
                "notification": Notification.SNS,
            }
        },
        "lake": {"encryption": KEY, "access_logs": {"bucket": "unknown"}},
        "alarms": {"topic_arn": "unknown"},
        "iam": {"permissions_boundary": "unknown"},
    },
    {
        "logs": {"encryption": KEY, "access_logs": {"bucket": "unknown"}},
        "lake": {"encryption": KEY},
        "alarms": {"webhooks": ["unknown"]},
    },
]


def _taking(section: Any, path: str = "") -> Iterator[str]:
    """Keys that take another resource's output."""
    for name, of in fields(section).items():
        inner = of.item or of
        if inner.takes_output:
            yield f"{path}{name}"
        elif inner.kind == "section":
            yield from _taking(inner.type, f"{path}{name}.")


def _made_unknown(value: Any, path: str, met: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _made_unknown(below, f"{path}.{key}".lstrip("."), met) for key, below in value.items()}
    if isinstance(value, list):
        return [_made_unknown(below, path, met) for below in value]
    if value == "unknown":
        met.add(path)
        return _unknown()
    return value


def test_every_input_may_be_unknown() -> None:
    """Whatever takes an output of another resource takes one that is not known yet."""
    met: set[str] = set()
    for args in UNKNOWN:
        stack = run(lambda args=args: CloudTrailPipeline("acme-prod", _made_unknown(args, "", met)), preview=True)  # type: ignore[misc]
        assert stack["aws:lambda/function:Function", "acme-prod-flattener"]
    assert met == set(_taking(CloudTrailPipelineArgs))


def test_doubts_are_warned_of(deploy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may go wrong in this Region is a warning, which stops nothing."""
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message, *_: warned.append(message))
    deploy(region="us-gov-west-1")
    assert [text.split(":")[0] for text in warned] == ["lake.job.glueVersion"]
    warned.clear()
    deploy()
    assert warned == []


def test_mistakes_are_refused_before_anything_is_registered(deploy: Any) -> None:
    """A component used without YAML refuses what cannot work, all of it in one error."""
    with pytest.raises(SettingsError) as refused:
        deploy({"lake": {"flattener": {"concurrency": 1}}, "logs": {"encryption": {"kms": KmsMode.GIVEN}}})
    assert len(refused.value.mistakes) == 2


@pytest.mark.parametrize("error", [ConfigError, SettingsError, BundleError])
def test_a_users_mistake_is_no_crash(error: type[Exception]) -> None:
    """Pulumi shows the text of these alone; of every other error the program's source and a traceback come first."""
    assert issubclass(error, pulumi.RunError)
    assert issubclass(error, ValueError)


def test_long_names_fit(deploy: Any) -> None:
    """With a stack name of 40 characters every name keeps its service's limit, and no two are alike."""
    name = "acme-production-europe-audit-team-lake-1"
    assert len(name) == 40
    create = {"encryption": {"kms": KmsMode.CREATE}}
    trail = {"sns": True, "cloudwatch_logs": {"enabled": True}}
    iam = {"name_prefix": "company-wide-prefix-"}
    stack = deploy(
        {"logs": create, "lake": {**create, "catalog": {"mode": "crawled"}}, "trail": trail, "iam": iam}, name
    )
    limits = {
        "iam/role": 64,
        "s3/bucket:": 63,
        "lambda/function": 64,
        "sqs/queue:": 80,
        "sns/topic:": 256,
        "cloudwatch/metricAlarm": 255,
        "glue/job": 255,
        "glue/trigger": 255,
        "athena/workgroup": 128,
        "cloudtrail/trail": 128,
        "events": 64,
        "cloudwatch/eventRule": 64,
    }
    seen = set()
    for resource in stack:
        physical = resource.inputs.get("name") or (
            resource.inputs.get("bucket") if "bucket:B" in resource.type else None
        )
        if not physical or resource.type.endswith(("NamedQuery", "CatalogTable")):
            continue
        limit = next((size for kind, size in limits.items() if f"aws:{kind}" in resource.type), 255)
        assert len(physical) <= limit, (resource.type, physical)
        assert (resource.type, physical) not in seen
        seen.add((resource.type, physical))


def test_roles_as_the_account_wants_them(deploy: Any) -> None:
    """Every role has the boundary, the path and the prefix."""
    boundary = "arn:aws:iam::111122223333:policy/boundary"
    iam = {"permissions_boundary": boundary, "path": "/team/", "name_prefix": "acme-"}
    lake = {"catalog": {"mode": "crawled"}}
    stack = deploy({"iam": iam, "lake": lake, "trail": {"cloudwatch_logs": {"enabled": True}}})
    roles = stack.of("aws:iam/role:Role")
    assert len(roles) == 4
    for role in roles:
        assert role.inputs["permissionsBoundary"] == boundary
        assert role.inputs["path"] == "/team/"
        assert role.inputs["name"].startswith("acme-acme-prod-")


def test_outputs_say_what_comes_next(deploy: Any) -> None:
    """The outputs are what an operator needs: where things are and where to look."""
    outputs = deploy().outputs["acme-prod"]
    assert outputs["log_bucket"] == "acme-prod-logs-111122223333-eu-central-1"
    assert outputs["lake_bucket"] == "acme-prod-lake-111122223333-eu-central-1"
    assert outputs["dlq_url"].endswith("/acme-prod-logs-dlq")
    assert (outputs["job_name"], outputs["database"]) == ("acme-prod-parquet", "acme_prod")
    assert outputs["workgroup"] == "acme-prod-athena"
    assert set(outputs["console_links"]) == {"logs", "trail", "lake", "dlq", "flattener", "job", "athena", "alarms"}
    assert all(
        link.startswith("https://eu-central-1.console.aws.amazon.com/") for link in outputs["console_links"].values()
    )


def test_the_program_is_thin() -> None:
    """`__main__.py` has under 60 lines, and no AWS resource class."""
    source = (REPO / "__main__.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) < 60
    imported = {
        name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
    }
    assert not {name for name in imported if name and name.startswith("pulumi_")}


def test_the_package_schema_is_inferred() -> None:
    """Pulumi infers the schema of the component, with a description for every input and output."""
    from pulumi.provider.experimental.analyzer import Analyzer

    result = Analyzer("trailsight").analyze([CloudTrailPipeline])
    component = result["component_definitions"]["CloudTrailPipeline"]
    assert set(component.inputs) == {"trail", "logs", "lake", "quicksight", "alarms", "iam", "tags"}
    for properties in (component.inputs, component.outputs):
        assert [name for name, found in properties.items() if not found.description] == []
    for kind in result["type_definitions"].values():
        if not kind.enum:
            assert [name for name, found in kind.properties.items() if not found.description] == [], kind.name
