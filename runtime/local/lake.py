"""The lake's folder: where things stand in it, its lock, its ledger, and how a run's files appear in it at once.

    LAKE/parquettrails/eventdate=YYYY-MM-DD/<run>-<n>.parquet   the events
    LAKE/quarantine/<run>/records.jsonl, files/                 what could not become a row, with the reason
    LAKE/ledger/<run>.jsonl                                     one line per log file taken
    LAKE/_run/<run>/                                            a run at work; no reader looks here

A run writes everything below `_run`. Its commit is one atomic rename: that of the manifest that lists the moves
into place. A run killed before it never happened; one killed after it is completed by whoever opens the lake next, to
write or to ask.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from runtime.events.ledger import LEDGER
from runtime.folder import held, sync


class LakeError(RuntimeError):
    """The lake cannot be used; its text is one sentence with the cure."""


class Interrupted(RuntimeError):
    """A run was interrupted; its text says what that leaves of it. Typer would swallow a KeyboardInterrupt."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Ledger line of one log file: records = rows + duplicates + duplicate_differs + quarantined.

    `reason` is set when the file as a whole was quarantined, or could not be read (`unread`: the next run tries again);
    then all counts are 0. `problem` is why the first of its records was set aside. `account`, `region` and `day` are
    what the file's path and name say.
    """

    uri: str
    key: str
    version: str
    records: int = 0
    rows: int = 0
    duplicates: int = 0
    duplicate_differs: int = 0
    quarantined: int = 0
    reason: str | None = None
    problem: str | None = None
    unread: bool = False
    account: str | None = None
    region: str | None = None
    day: str | None = None


class Lake:
    """One lake folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.events = root / "parquettrails"
        self.quarantine = root / "quarantine"
        self._ledger = root / LEDGER
        self._runs = root / "_run"

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that are the lake's own, below its root: no input, wherever they lie."""
        return self.events, self.quarantine, self._ledger, self._runs

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lake for one run, its predecessor's commit completed first. Raises LakeError if it is taken."""
        with held(self.root, LakeError):
            self.recover()
            yield

    def settle(self) -> None:
        """Complete a killed run that had committed, before the lake is read: it shows all of a run or nothing.

        Raises LakeError where that cannot be done, or where the run is alive and at it.
        """
        if not any(self._runs.glob("*/manifest.json")):
            return
        if not os.access(self.root, os.W_OK):
            cure = "run `trailsight local` once where it can be written, or query a copy"
            raise LakeError(f"{self.root}: a run was cut short, and the folder is read-only; {cure}")
        with self.locked():
            pass

    def recover(self) -> None:
        """Complete a killed run that had committed; forget one that had not."""
        if not self._runs.exists():
            return
        for run in sorted(self._runs.iterdir()):
            if (run / "manifest.json").exists():
                self._move_into_place(run)
            shutil.rmtree(run, ignore_errors=True)

    def new_run(self, name: str) -> Path:
        """Empty work folder of a run."""
        run = self._runs / name
        (run / "out").mkdir(parents=True)
        return run

    def commit(self, run: Path, entries: list[Entry]) -> None:
        """Make a run's `out/` part of the lake, with its ledger: all of it or, if killed before, nothing."""
        ledger = run / "out" / LEDGER / f"{run.name}.jsonl"
        ledger.parent.mkdir(parents=True, exist_ok=True)
        with ledger.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(asdict(entry)) + "\n" for entry in entries)
        written = sorted((run / "out").rglob("*"))
        moves = [str(path.relative_to(run / "out")) for path in written if path.is_file()]
        for path in (*written, run / "out", run, self._runs, self.root):  # a new folder is an entry of the one above
            sync(path)
        draft = run / "manifest.draft"
        draft.write_text(json.dumps(moves), encoding="utf-8")
        sync(draft)
        try:
            draft.rename(run / "manifest.json")
            sync(run)
            self._move_into_place(run)
            shutil.rmtree(run)
        except KeyboardInterrupt:
            if draft.exists():
                raise
            whoever = "the next run or query puts its files in place"
            raise Interrupted(f"interrupted once the run was in the lake; {whoever}") from None

    def _move_into_place(self, run: Path) -> None:
        folders: set[Path] = set()
        for move in json.loads((run / "manifest.json").read_text(encoding="utf-8")):
            source, target = run / "out" / move, self.root / move
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                source.replace(target)
            elif not target.exists():  # else an earlier attempt moved it
                ledger = self._ledger / f"{run.name}.jsonl"
                cure = f"restore it, or remove {run} and {ledger} to have that run's log files read again"
                raise LakeError(f"{target}: lost before it was in its place; {cure}")
            folders.update(target.parents[: len(Path(move).parts)])
        for folder in folders:
            sync(folder)

    def entries(self) -> Iterator[Entry]:
        """Ledger lines of all committed runs, oldest run first. Raises LakeError for a line that is none."""
        for path in sorted(self._ledger.glob("*.jsonl")) if self._ledger.exists() else []:
            with path.open(encoding="utf-8", errors="replace") as lines:
                for number, line in enumerate(lines, 1):
                    try:
                        yield Entry(**json.loads(line))
                    except (ValueError, TypeError):
                        cure = "restore the file, or remove it to have its log files read again"
                        raise LakeError(f"{path}: line {number} is damaged; {cure}") from None

    def partition(self, eventdate: str) -> list[Path]:
        """Parquet files of one day."""
        return sorted((self.events / f"eventdate={eventdate}").glob("*.parquet"))
