"""The progress bar of a run: files, records per second, time left; none where no terminal is looking."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runtime.local.ingest import Progress


@contextmanager
def shown() -> Iterator[Callable[[Progress], None]]:
    """A callback for `ingest` that draws a bar on standard error while the context lasts."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn("files"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]:,.0f} records/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("files", total=None, speed=0.0)
        began = time.monotonic()

        def update(state: Progress) -> None:
            speed = state.records / max(time.monotonic() - began, 0.001)
            bar.update(task, completed=state.files_done, total=state.files, speed=speed)

        yield update
