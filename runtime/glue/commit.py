"""A run of the job as a transaction: staged below LAKE/_job/<run>/, committed by one manifest, completed by anyone.

    LAKE/_job/<run>/...             what Spark writes, `_temporary` and `__magic` too; no reader looks here
    LAKE/_job/<run>/manifest.json   the commit: what appears in the lake, and what it replaces

A run killed before its manifest never happened. One killed after it is completed by the next, before that looks at the
lake: what it finds there is then exact, whichever committer Spark used (docs/decisions/0020-compaction.md).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from secrets import token_hex

from runtime.glue.storage import Storage, read

RUNS = "_job"
MANIFEST = "manifest.json"


@dataclass(slots=True)
class Change:
    """Files that appear (from, to) and then the files that these replace; all paths below the lake."""

    moves: list[tuple[str, str]] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)


class Run:
    """One run's staging folder."""

    def __init__(self, lake: Storage) -> None:
        self._lake = lake
        # Sorts by time, so that files and metrics read in the order of their runs.
        self.name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{token_hex(2)}"
        self.folder = f"{RUNS}/{self.name}"

    def staged(self, part: str) -> str:
        """Path of a part of the staging folder."""
        return f"{self.folder}/{part}"

    def moves(self, part: str, suffix: str, target: str) -> list[tuple[str, str]]:
        """Moves of all staged files of a part into `target`, named `<run>-<n><suffix>`, folders kept."""
        result = []
        root = self.staged(part)
        for number, file in enumerate(self.committed(part, suffix)):
            folder = file.rsplit("/", 1)[0][len(root) :]
            result.append((file, f"{target}{folder}/{self.name}-{number}{suffix}"))
        return result

    def committed(self, part: str, suffix: str) -> list[str]:
        """Staged files that Spark has committed; names that begin with `_` or `.` are Spark's own."""
        hidden = re.compile(r"/[_.]")
        files = (file.path for file in self._lake.files(self.staged(part)))
        return [path for path in files if path.endswith(suffix) and not hidden.search(path, len(self.folder))]

    def commit(self, changes: Sequence[Change]) -> None:
        """Make the changes part of the lake: all of them or, if killed before, none."""
        manifest = json.dumps({"changes": [asdict(change) for change in changes]})
        self._lake.put(f"{self.folder}/{MANIFEST}", manifest.encode())
        _complete(self._lake, self.folder)


def recover(lake: Storage) -> list[str]:
    """Complete the runs that died after their commit, clear what those before it left; their names.

    Touches nothing but `_job/` and what a manifest there names.
    """
    found = lake.folders(RUNS)
    for name in found:
        folder = f"{RUNS}/{name}"
        if lake.exists(f"{folder}/{MANIFEST}"):
            _complete(lake, folder)
        else:
            lake.clear(folder)
    return found


def _complete(lake: Storage, folder: str) -> None:
    changes = json.loads(read(lake, f"{folder}/{MANIFEST}"))["changes"]
    for change in changes:
        moves = [(source, target) for source, target in change["moves"]]
        lake.abort(target for _, target in moves)  # an earlier attempt's copies
        lake.publish(moves)
        lake.delete(change["deletes"])
    # The manifest goes last: without it, what is left would pass for a run that never happened.
    lake.delete([f.path for f in lake.files(folder) if not f.path.endswith(f"/{MANIFEST}")])
    lake.clear(folder)
