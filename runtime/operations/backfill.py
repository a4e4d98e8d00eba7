"""Backfill: existing log files sent to the queue, from a listing or an inventory, resumable."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from runtime.local.inputs import LogFile
from runtime.operations.queue import Key, Queue

UNTIL_DAYS = 2  # the job keeps looking into backfilled folders for so long after the sending


@dataclass(frozen=True, slots=True)
class Span:
    """Days that the log files' names hold, both ends included; None where no name has a day."""

    first: date | None
    last: date | None


class State:
    """How far a backfill is, in a file: the last key sent. Keys are sent in order, so what is behind it is done."""

    def __init__(self, path: Path | None, what: str) -> None:
        self._path, self._what = path, what
        self.after: str | None = None
        if path is not None and path.exists():
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
                known, after = found["what"], found["after"]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}: is no state of a backfill ({error}); name another file or remove it") from error
            if known != what:
                raise ValueError(f"{path}: is the state of another backfill ({known}); name another file or remove it")
            self.after = after

    def sent(self, uri: str) -> None:
        """Remember that all keys up to this one are in the queue."""
        self.after = uri
        if self._path is not None:
            draft = self._path.with_name(self._path.name + ".draft")
            draft.write_text(json.dumps({"what": self._what, "after": uri}), encoding="utf-8")
            draft.replace(self._path)


def span(files: Sequence[LogFile]) -> Span:
    """First and last day of the files."""
    days = [file.day for file in files if file.day is not None]
    return Span(min(days, default=None), max(days, default=None))


def left(files: Sequence[LogFile], state: State) -> list[LogFile]:
    """The files that are not sent yet, in the order of their keys."""
    after = state.after
    return [file for file in sorted(files, key=lambda f: f.uri) if after is None or file.uri > after]


def backfill(
    files: Sequence[LogFile],
    queue: Queue,
    state: State,
    *,
    rate: float,
    replace: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Send what is left of the files; how many that were. Sending one twice is harmless: it is flattened once."""
    waiting = left(files, state)
    keys: Iterator[Key] = (Key.of(file.uri) for file in waiting)
    sent = 0
    for batch in queue.send(keys, rate=rate, replace=replace):
        sent += len(batch)
        state.sent(waiting[sent - 1].uri)
        progress(sent)
    return sent
