"""Each promise of docs/security.md is held by a test that pytest finds, and no test holds two."""

import re
import subprocess
import sys

from tests.conftest import REPO

ROWS = re.findall(r"^\| (?!\*\*)(.+) \| `(tests/[^`]+)` \|$", (REPO / "docs/security.md").read_text(), re.MULTILINE)


def test_every_row_is_read() -> None:
    """A row that is neither a heading nor a claim with a test in backquotes fails."""
    text = (REPO / "docs/security.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("|") and not re.match(r"\| (---|claim|\*\*)", line)]
    assert len(lines) == len(ROWS) > 0


def test_every_claim_has_its_test() -> None:
    """The tests named are collected, under exactly these names."""
    files = sorted({test.partition("::")[0] for _, test in ROWS})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True)
    found = set(done.stdout.splitlines())
    assert done.returncode == 0, done.stdout[-2000:]
    known = found | {test.partition("[")[0] for test in found}
    assert [test for _, test in ROWS if test not in known] == []


def test_no_claim_twice() -> None:
    """Neither a claim nor a test stands in the table twice."""
    for column in zip(*ROWS, strict=True):
        assert sorted(column) == sorted(set(column))
