"""Fixtures of the components' tests: a bundle that exists, and a way to run a pipeline."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components import flattener
from components.pipeline import CloudTrailPipeline
from tests.components.recorder import Stack, run
from tools import bundle as bundles


@pytest.fixture(autouse=True)
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of this checkout for arm64, its wheels left out: making one takes a package index."""
    path = tmp_path / "flattener.zip"
    path.write_bytes(bundles.stored(bundles.sources() | {bundles.MANIFEST: json.dumps(bundles.manifest()).encode()}))
    monkeypatch.setattr(flattener, "BUNDLE", path)
    return path


@pytest.fixture
def deploy() -> Callable[..., Stack]:
    """Run `CloudTrailPipeline("acme-prod", args)` and give what it registered."""

    def deployed(args: Any | None = None, name: str = "acme-prod", **where: Any) -> Stack:
        return run(lambda: CloudTrailPipeline(name, args or {}), **where)

    return deployed
