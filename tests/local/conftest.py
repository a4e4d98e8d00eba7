"""A folder for log files and one for the lake that they go to."""

from pathlib import Path

import pytest

from runtime.local.lake import Lake


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")
