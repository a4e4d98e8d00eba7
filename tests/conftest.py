"""What all tests share: where the real records are, the one way to read them, and the flattener's bundle."""

import gzip
import os
import platform
import re
import sys
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

from tools.bundle import BundleError, bundle

REPO = Path(__file__).parents[1]
REAL_DATA = Path(os.environ.get("TRAILSIGHT_DATA", REPO.parent / "shared" / "data" / "cloudtrail"))
ARCH = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "AMD64": "x86_64"}[platform.machine()]
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def lacking(tool: str, sentence: str) -> NoReturn:
    """Skip a test for want of a tool; fail it where TRAILSIGHT_REQUIRE, as in CI, names the tool: what holds a promise runs."""
    if tool in os.environ.get("TRAILSIGHT_REQUIRE", "").split():
        pytest.fail(f"{sentence}, and TRAILSIGHT_REQUIRE asks for {tool}")
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real CloudTrail log files (TRAILSIGHT_DATA names another)."""
    if not REAL_DATA.exists():
        pytest.skip("no real CloudTrail records here; name a folder of them with TRAILSIGHT_DATA")
    return REAL_DATA


@pytest.fixture(scope="session")
def real_records(real_data: Path) -> list[bytes]:
    """Every real record's own bytes."""
    records = []
    for path in sorted(real_data.rglob("*.json.gz")):
        content = msgspec.json.decode(gzip.decompress(path.read_bytes()), type=dict[str, msgspec.Raw])
        if "Records" in content:
            records += map(bytes, msgspec.json.decode(content["Records"], type=list[msgspec.Raw]))
    return records


@pytest.fixture(scope="session")
def zipped(tmp_path_factory) -> Path:
    """The bundle for this machine's architecture and Python."""
    target = tmp_path_factory.mktemp("bundle") / "flattener.zip"
    try:
        bundle(target, ARCH, VERSION)
    except BundleError as error:
        if re.search(r"NewConnectionError|ConnectTimeout|NameResolution|ProxyError", str(error)):
            pytest.skip("no package index in reach: the bundle cannot be made here")
        raise
    return target


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are named by their argument: a gzip holds the time, and two workers must collect the same names."""
    return argname if isinstance(val, bytes) else None
