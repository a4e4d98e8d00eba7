"""The lock of a lake's folder: one run at a time, whichever engine it is of."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(root: Path, error: type[Exception]) -> Iterator[None]:
    """Hold the folder, made if it is not there. Raises `error`, one sentence, if it is taken or cannot be written."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        # The kernel drops the lock with its holder, however that dies: a lock file cannot go stale.
        with (root / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise error(f"{root}: another run holds this lake; wait for it to end") from None
            yield
    except (PermissionError, FileExistsError, NotADirectoryError) as problem:
        raise error(f"{root}: cannot be written ({problem.strerror}); name another folder with --lake") from problem
