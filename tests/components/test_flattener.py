"""The flattener as deployed: the bundle and environment that the code wants, and a mapping that loses nothing."""

import importlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from components import flattener
from components.flattener import BundleError
from components.rules import RULES, Between
from components.settings import Architecture, KmsMode
from runtime.events.columns import PROMOTE
from tests.components.recorder import Stack
from tests.conftest import ARCH, VERSION
from tools import bundle as bundles

FUNCTION = ("aws:lambda/function:Function", "acme-prod-flattener")
settings = importlib.import_module("runtime.lambda.settings")


def environment(stack: Any) -> dict[str, str]:
    found: dict[str, str] = stack[FUNCTION].inputs["environment"]["variables"]
    return found


def test_the_function_starts_with_its_environment(deploy: Any) -> None:
    """The flattener's own settings accept what is deployed, and every variable is one that it knows."""
    key = "arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012"
    lake = {
        "encryption": {"kms": KmsMode.GIVEN, "key_arn": key},
        "promote": ["requestParameters.taskArn"],
        "flattener": {"unpacked_limit_mb": 2048},
    }
    variables = environment(deploy({"lake": lake}))
    assert {name.removeprefix(settings.PREFIX) for name in variables} <= set(settings.VARIABLES)
    read = settings.Settings.read(variables)
    assert read.output_bucket == "acme-prod-lake-111122223333-eu-central-1"
    assert (read.output_owner, read.log_owner, read.kms_key) == ("111122223333", "111122223333", key)
    assert (read.promote, read.unpacked_limit) == ((*PROMOTE, "requestParameters.taskArn"), 2048 << 20)


def test_the_function_takes_what_a_file_may_say(deploy: Any) -> None:
    """Lowest and highest limit of a file are the function's own, and the shortest timeout leaves time above the reserve."""
    limit, timeout = RULES["lake.flattener.unpackedLimitMb"], RULES["lake.flattener.timeoutSeconds"]
    assert isinstance(limit, Between)
    assert isinstance(timeout, Between)
    for megabytes in (limit.low, limit.high):
        variables = environment(deploy({"lake": {"flattener": {"unpacked_limit_mb": megabytes}}}))
        assert settings.Settings.read(variables).unpacked_limit == megabytes << 20
    assert "RESERVE_SECONDS" not in "".join(variables)
    assert timeout.low >= settings.Settings("acme-lake").reserve + 30


def test_size_and_owner_as_asked_for(deploy: Any) -> None:
    """Memory, time and processor reach the function, and the owner of somebody else's bucket its environment."""
    existing = {"bucket": "archive", "account": "999988887777", "notification": "exclusive"}
    size = {"memory_mb": 1024, "timeout_seconds": 120}
    stack = deploy({"trail": {"mode": "none"}, "logs": {"existing": existing}, "lake": {"flattener": size}})
    inputs = stack[FUNCTION].inputs
    assert (inputs["memorySize"], inputs["timeout"], inputs["architectures"]) == (1024, 120, ["arm64"])
    assert environment(stack)["TRAILSIGHT_LOG_OWNER"] == "999988887777"


def test_shipped_paths_do_not_fill_the_environment(deploy: Any) -> None:
    """Lambda allows 4 KB of environment: the shipped promoted paths are in the code, and only further ones are passed."""
    stack = deploy({"lake": {"promote": list(PROMOTE)}})
    assert "TRAILSIGHT_PROMOTE" not in environment(stack)
    stack = deploy({"lake": {"promote": [*PROMOTE, "requestParameters.taskArn", "requestParameters.mine"]}})
    assert environment(stack)["TRAILSIGHT_PROMOTE"] == "requestParameters.taskArn,requestParameters.mine"


def test_handler_exists(deploy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler string names a function, which loads in the environment that is deployed."""
    stack = deploy()
    for key, value in environment(stack).items():
        monkeypatch.setenv(key, value)
    path, _, name = stack[FUNCTION].inputs["handler"].rpartition(".")
    module = path.replace("/", ".")
    # It reads the environment when it is imported; another test may have done that.
    monkeypatch.delitem(sys.modules, module, raising=False)
    assert callable(getattr(importlib.import_module(module), name))


def test_mapping(deploy: Any) -> None:
    """Good messages of a batch are done though others fail; concurrency is bounded where messages are taken."""
    stack = deploy({"lake": {"flattener": {"concurrency": 4, "batch_size": 7}}})
    mapping = stack["aws:lambda/eventSourceMapping:EventSourceMapping", "acme-prod-flattener-mapping"].inputs
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["scalingConfig"] == {"maximumConcurrency": 4}
    assert mapping["batchSize"] == 7
    assert "reservedConcurrentExecutions" not in stack[FUNCTION].inputs


def test_own_log_with_an_end(deploy: Any) -> None:
    """The function writes to a log group of the program's, which forgets after 30 days."""
    stack = deploy()
    group = stack["aws:cloudwatch/logGroup:LogGroup", "acme-prod-flattener-logs"].inputs
    assert (group["name"], group["retentionInDays"]) == ("/aws/lambda/acme-prod-flattener", 30)
    assert stack[FUNCTION].inputs["loggingConfig"] == {
        "logFormat": "JSON",
        "logGroup": "/aws/lambda/acme-prod-flattener",
    }


def test_missing_bundle(deploy: Any, bundle: Path) -> None:
    """Without a bundle one sentence says what to run, and no bucket or trail is made first."""
    bundle.unlink()
    stack = Stack()
    with pytest.raises(BundleError, match=r"^build/flattener.zip is missing; make it with `make bundle ARCH=arm64`$"):
        deploy(into=stack)
    assert [r.type for r in stack if r.type.startswith("aws:")] == []


def made(path: Path, files: dict[str, bytes | None] | None = None, **says: str) -> None:
    """A bundle whose manifest `says` something else, or that has these files (None: has them not)."""
    manifest = json.dumps(bundles.manifest() | says).encode()
    all_files = bundles.sources() | {bundles.MANIFEST: manifest} | (files or {})
    path.write_bytes(bundles.stored({name: content for name, content in all_files.items() if content is not None}))


@pytest.mark.parametrize(
    ("says", "files", "wrong"),
    [
        ({"architecture": "x86_64"}, {}, "is for x86_64, not for arm64"),
        ({"python": "3.14"}, {}, "is for Python 3.14, not for 3.13"),
        ({"lock": "0" * 64}, {}, "has the wheels of another requirements/lambda.txt than here"),
        ({}, {"bundle.json": None}, "has no bundle.json, so it is of another version"),
        ({}, {"runtime/lambda/handler.py": b"# of last month"}, "has another runtime/lambda/handler.py than here"),
        ({}, {"runtime/lambda/renamed_since.py": b""}, "has another runtime/lambda/renamed_since.py than here"),
        ({}, {"runtime/events/flat.py": None}, "lacks runtime/events/flat.py"),
    ],
    ids=["processor", "Python", "wheels", "no manifest", "changed", "gone here", "missing"],
)
def test_a_bundle_of_another_checkout_processor_or_python_is_refused(
    deploy: Any, bundle: Path, says: dict[str, str], files: dict[str, bytes | None], wrong: str
) -> None:
    """Before anything is made: after an update without `make bundle` an old flattener would go on beside the new job."""
    made(bundle, files, **says)
    stack = Stack()
    with pytest.raises(BundleError) as caught:
        deploy(into=stack)
    assert str(caught.value) == f"build/flattener.zip {wrong}; make it anew with `make bundle ARCH=arm64`"
    assert [r.type for r in stack if r.type.startswith("aws:")] == []


def test_a_bundle_for_x86_is_taken_for_x86(deploy: Any, bundle: Path) -> None:
    """The processor is the setting's."""
    made(bundle, architecture="x86_64")
    deploy({"lake": {"flattener": {"architecture": Architecture.X86_64}}})


def test_the_real_bundle_is_taken_for_its_own_python(zipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `make bundle` makes of this checkout, bytecode and all, is no other version, but may be another Python's."""
    assert [
        name for name in zipfile.ZipFile(zipped).namelist() if name.startswith("runtime/") and name.endswith(".pyc")
    ]
    monkeypatch.setattr(flattener, "BUNDLE", zipped)
    if VERSION != bundles.PYTHON:
        with pytest.raises(BundleError, match=f" is for Python {VERSION}, not for 3.13;"):
            flattener.check_bundle(Architecture(ARCH))
    monkeypatch.setattr(bundles, "PYTHON", VERSION)
    flattener.check_bundle(Architecture(ARCH))


def test_the_function_runs_on_the_bundles_python(deploy: Any) -> None:
    """One version says both which wheels are bundled and which Python Lambda starts."""
    assert deploy()[FUNCTION].inputs["runtime"] == f"python{bundles.PYTHON}"


def test_bundle_stands_where_make_puts_it() -> None:
    """The component and the Makefile mean the same file."""
    repo = Path(flattener.__file__).parents[1]
    assert "build/flattener.zip" in (repo / "Makefile").read_text(encoding="utf-8")
    assert flattener.BUNDLE.name == "flattener.zip"
