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
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[speed]:,.0f} records/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        reading, merging = None, None
        began = time.monotonic()

        def update(state: Progress) -> None:
            nonlocal reading, merging
            begins = reading is None or (bool(state.days) and merging is None)
            speed = state.records / max(time.monotonic() - began, 0.001)
            if reading is None:
                reading = bar.add_task("", total=state.bytes, speed=0.0)
            if not state.days:
                files = f"files {state.files_done:,}/{state.files:,}"
                # Bytes, not files, measure what is left: files differ in size, and one may be all there is.
                bar.update(reading, description=files, completed=state.bytes_done, speed=speed, refresh=begins)
                return
            if merging is None:
                bar.update(reading, visible=False)
                merging = bar.add_task("", total=state.days, speed=speed)
            days = f"days {state.days_done:,}/{state.days:,}"
            bar.update(merging, description=days, completed=state.days_done, refresh=begins)

        yield update
