"""Fixtures of the components' tests: a bundle that exists, and a way to run a pipeline."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components import flattener
from components.pipeline import CloudTrailPipeline
from tests.components.recorder import Stack, run


@pytest.fixture(autouse=True)
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle that holds no wheel, so that it is for every processor, and the handler as it is here."""
    path = tmp_path / "flattener.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(flattener.REPO / "runtime/lambda/handler.py", "runtime/lambda/handler.py")
    monkeypatch.setattr(flattener, "BUNDLE", path)
    return path


@pytest.fixture
def deploy() -> Callable[..., Stack]:
    """Run `CloudTrailPipeline("acme-prod", args)` and give what it registered."""

    def deployed(args: Any | None = None, name: str = "acme-prod", **where: Any) -> Stack:
        return run(lambda: CloudTrailPipeline(name, args or {}), **where)

    return deployed
