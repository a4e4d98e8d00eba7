"""Backfill: existing log files sent to the queue, from a listing or an inventory, resumable."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from runtime.local.inputs import InputError, LogFile
from runtime.operations.queue import Key, Queue


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
                raise InputError(f"{path}: is not the state of a backfill ({error}); name another file") from error
            if known != what:
                raise InputError(f"{path}: is the state of another backfill ({known}); name another file")
            self.after = after

    def sent(self, uri: str) -> None:
        """Remember that all keys up to this one are in the queue."""
        self.after = uri
        if self._path is not None:
            draft = self._path.with_name(self._path.name + ".draft")
            draft.write_text(json.dumps({"what": self._what, "after": uri}), encoding="utf-8")
            draft.replace(self._path)


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
    rebuild: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Send what is left of the files; how many that were. Sending one twice is harmless: it is flattened once.

    With `replace` also what has been flattened already is, and the next load reads it; or the `rebuild` does.
    """
    waiting = left(files, state)
    keys: Iterator[Key] = (Key.of(file.uri) for file in waiting)
    sent = 0
    for batch in queue.send(keys, rate=rate, replace=replace, rebuild=rebuild):
        sent += len(batch)
        state.sent(waiting[sent - 1].uri)
        progress(sent)
    return sent
