"""A lake's folder on a disk: one run at a time holds it, and what was written stays written."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(root: Path, error: type[Exception]) -> Iterator[None]:
    """Hold the folder, made if it is not there. Raises `error`, one sentence, if it is taken or cannot be written."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / ".lock").open("w")
    except OSError as problem:
        raise error(f"{root}: cannot be written ({problem.strerror}); name another folder with --lake") from problem
    with lock:
        try:
            # The kernel drops the lock with its holder, however that dies: a lock file cannot go stale.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise error(f"{root}: another run holds this lake; wait for it to end") from None
        yield


def sync(path: Path) -> None:
    """Have the disk hold the file or folder, so that a power cut does not undo what was said to be done."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
