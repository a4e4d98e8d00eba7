"""Runs a command and says what it cost, from the operating system's own accounting of the finished process."""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.data import REPO


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds (user and system, with children waited for), peak resident megabytes of the largest process."""

    cpu: float
    peak_mb: float
    output: str


class Failed(RuntimeError):
    """The command did not end well; the text is what it said, without a traceback's frames."""


def run(*arguments: str) -> Cost:
    """Cost of `python ARGUMENTS` in the repository. Raises Failed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        child = subprocess.Popen([sys.executable, *arguments], cwd=REPO, stdout=out, stderr=errors)
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:  # Ctrl-C: the child would go on measuring for nobody
            child.kill()
            child.wait()
            raise
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if child.returncode:
            raise Failed(_reason(errors.read().decode(errors="replace")) or f"exit {child.returncode}")
        return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read().decode())


def _reason(said: str) -> str:
    """What follows the frames of the last traceback, in one line; all of it if there is none."""
    frames = list(re.finditer(r'^  File ".*\n(?:    .*\n)*', said, re.MULTILINE))
    return " ".join(said[frames[-1].end() if frames else 0 :].split())


def make(folder: Path, events: int, files: int, days: int = 1) -> None:
    """Replicate the real events into a folder; see benchmarks.data."""
    run("-m", "benchmarks.data", str(folder), str(events), str(files), str(days))


def interleaved(commands: dict[str, tuple[str, ...]], rounds: int) -> dict[str, Cost | Failed]:
    """Median cost of each command, run in turn so that a drift of the machine's speed hits all alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    failed: dict[str, Cost | Failed] = {}
    for _ in range(rounds):
        for name, command in commands.items():
            if name not in failed:
                try:
                    costs[name].append(run(*command))
                except Failed as error:
                    failed[name] = error
    return failed | {
        name: Cost(median(c.cpu for c in found), median(c.peak_mb for c in found), found[-1].output)
        for name, found in costs.items()
        if name not in failed
    }
