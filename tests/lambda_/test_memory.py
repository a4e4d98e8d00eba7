"""Memory stays flat, whatever the size of the log file, what is quarantined of it and how little of it is valid."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO

BARE = "print([int(line.split()[1]) / 1024 for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"


def run(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(REPO)},
    ).stdout


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here to read peak memory from")
@pytest.mark.parametrize(
    ("megabytes", "kind", "share"),
    [
        (30, "valid", 1),
        (30, "mixed", 0.9),
        (30, "bad", 0),
        (4, "{}", None),
        pytest.param(300, "valid", 1, marks=pytest.mark.long),
        pytest.param(300, "mixed", 0.9, marks=pytest.mark.long),
    ],
)
def test_memory_is_flat(megabytes, kind, share):
    """A log file of any size takes 16 MB more than one of 1 MB, and all of it 64 MB more than a bare interpreter."""
    bare = float(run("-c", BARE))
    peaks = json.loads(run("-m", "tests.lambda_.peak", str(megabytes), kind))
    assert peaks["records"] > 1_500 * megabytes
    if share is None:
        assert peaks["reason"].startswith("too many bad records: ")
    else:
        assert peaks["rows"] == pytest.approx(share * peaks["records"], abs=1)
    assert peaks["after"] - peaks["before"] < 16
    assert peaks["after"] - bare < 64
    assert 5 < bare < peaks["before"]
