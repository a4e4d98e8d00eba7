"""Replay: what had failed goes back into the flow after a fix, from the dead-letter queue and from quarantine.

The log files are flattened anew, in place of what was made of them. A file's lines leave quarantine when the flattener
finds nothing to set aside any more: `replay` itself deletes nothing in the lake.
"""

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from runtime.events.quarantine import EMPTY
from runtime.operations.queue import Key, Queue

QUARANTINE = "quarantine/dt="


def dead_letters(dlq: Queue, queue: Queue, *, rate: float, progress: Callable[[int], None] = lambda _: None) -> int:
    """Move all messages of the dead-letter queue back to the queue; how many.

    A message that names log files becomes one for each, to be flattened anew; any other goes back as it is.
    """
    moved = 0
    for count in dlq.move_to(queue, _bodies, rate=rate):
        moved += count
        progress(moved)
    return moved


def _bodies(body: str) -> list[str]:
    messages = import_module("runtime.lambda.messages")
    try:
        return [Key(ref.bucket, ref.key, ref.version).message(replace=True) for ref in messages.refs(body)] or [body]
    except messages.UnknownMessage:
        return [body]


def quarantined(bucket: str, prefix: str, s3: Any) -> Iterator[tuple[str, str]]:
    """(source, reason) of each log file that the flattener set aside, or records of it, below the lake's prefix.

    Without those of which there is nothing to flatten: gone, or without records.
    """
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix + QUARANTINE):
        for item in page.get("Contents", ()):
            body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"]
            line = json.loads(next(body.iter_lines()))
            if line.get("kind") != "missing" and line["reason"] != EMPTY:
                yield line["source"], line["reason"]


def again(sources: list[str], queue: Queue, *, rate: float, progress: Callable[[int], None] = lambda _: None) -> int:
    """Send log files to be flattened anew; how many."""
    sent = 0
    for batch in queue.send(map(Key.of, sources), rate=rate, replace=True):
        sent += len(batch)
        progress(sent)
    return sent
