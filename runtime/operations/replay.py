"""Replay: what had failed goes back into the flow after a fix, dead letters as they are, quarantined files by their source.

A quarantined log file is flattened anew, in place of what was made of it. Its lines leave quarantine when the flattener
has found nothing to set aside any more: `replay` itself deletes nothing.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from runtime.operations.queue import Key, Queue

QUARANTINE = "quarantine/dt="


def dead_letters(dlq: Queue, queue: Queue, progress: Callable[[int], None] = lambda _: None) -> int:
    """Move all messages of the dead-letter queue back to the queue; how many."""
    moved = 0
    for count in dlq.move_to(queue):
        moved += count
        progress(moved)
    return moved


def quarantined(bucket: str, prefix: str, s3: Any) -> Iterator[tuple[str, str]]:
    """(source, reason) of each log file that the flattener set aside, or set records of aside, below the lake's prefix."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix + QUARANTINE):
        for item in page.get("Contents", ()):
            body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"]
            line = json.loads(next(body.iter_lines()))
            if line.get("kind") != "missing":  # its object is gone: there is nothing to flatten
                yield line["source"], line["reason"]


def again(sources: list[str], queue: Queue, *, rate: float, progress: Callable[[int], None] = lambda _: None) -> int:
    """Send log files to be flattened anew; how many."""
    sent = 0
    for batch in queue.send(map(Key.of, sources), rate=rate, replace=True):
        sent += len(batch)
        progress(sent)
    return sent
