"""Worker processes of a run: they end with it however it ends, leave Ctrl-C to it, and say how far they are."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

INTERVAL = 0.2  # seconds between two looks at how far the workers are

Report = Callable[[int, int, int], None]

_reports: list[Report] = []  # who is told in this process of what is done


class WorkerError(RuntimeError):
    """A worker process has died; its text is one sentence with the cure."""


def done(files: int = 0, records: int = 0, read_bytes: int = 0) -> None:
    """Say, from inside a task, that so much more is done."""
    for report in _reports:
        report(files, records, read_bytes)


class Pool:
    """Runs tasks in worker processes, or here where one would do; `seen` is told now and then what is `done`."""

    def __init__(self, workers: int, seen: Report) -> None:
        self._seen = seen
        self._told = 0.0
        self._counts = [0, 0, 0]
        self._pool: ProcessPoolExecutor | None = None
        if workers > 1:
            # Not forked: a fork would inherit the lake's lock and outlive a killed run with it.
            context = multiprocessing.get_context("spawn")
            # Its other end closes with this process, even if that is killed.
            receiver, self._alive = context.Pipe(duplex=False)
            self._shared: Any = context.Array("q", 3)
            self._pool = ProcessPoolExecutor(
                workers, mp_context=context, initializer=_begin, initargs=(receiver, self._shared)
            )

    def __enter__(self) -> Self:
        if self._pool is None:
            _reports.append(self._add)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is None:
            _reports.remove(self._add)
            return
        if kind is not None:
            self._alive.close()  # what they are at is of no use any more
        self._pool.shutdown(cancel_futures=kind is not None)
        self._alive.close()

    def run(self, call: Callable[..., T], tasks: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        """What `call` returns for each task, in the order in which they end. Raises WorkerError."""
        if self._pool is None:
            for task in tasks:
                yield call(*task)
            return
        try:
            pending = {self._pool.submit(call, *task) for task in tasks}
            while pending:
                ended, pending = wait(pending, INTERVAL, FIRST_COMPLETED)
                self._seen(*self._shared[:])
                for future in ended:
                    yield future.result()
        except BrokenProcessPool:
            cure = "it may have run out of memory: try fewer --workers"
            raise WorkerError(f"a worker process was killed; {cure}; the lake is as it was before") from None

    def _add(self, *more: int) -> None:
        self._counts = [count + n for count, n in zip(self._counts, more, strict=True)]
        now = time.monotonic()
        if now - self._told >= INTERVAL:
            self._told = now
            self._seen(*self._counts)


def _begin(receiver: Connection, shared: Any) -> None:
    """Make this process a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to all; the run decides
    threading.Thread(target=_end_with_run, args=(receiver,), daemon=True).start()

    def add(*more: int) -> None:
        with shared.get_lock():
            for at, n in enumerate(more):
                shared[at] += n

    _reports.append(add)


def _end_with_run(receiver: Connection) -> None:
    try:
        receiver.recv()
    except EOFError:
        os._exit(1)
