"""Cuts what CloudTrail events come in (log files and what people have at hand) into single records' bytes.

The forms are told apart by their first bytes, never by a name. They are read in `elements` (log files and other
arrays), `documents` (other JSON) and `history` (CSV).
"""

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeVar

from runtime.events.elements import BadFile, Broken, Source, array, one_by_one

_LOG_FILE = re.compile(rb'\s*\{\s*"Records"\s*:\s*\[')
_LOOKUP = re.compile(rb'\s*\{\s*"Events"\s*:\s*\[')
_ARRAY = re.compile(rb"\s*\[")


T = TypeVar("T")


def records(stream: BinaryIO, *, limit_bytes: int | None = None) -> Iterator[bytes | Broken]:
    """Each record's bytes in the order of the file, or what is Broken.

    Reads: CloudTrail's log files (gzip or not), a plain array, JSON documents one after another (lines or not), the
    CLI's `lookup-events`, the console's event history as JSON or CSV, EventBridge wrappers; UTF-16 becomes UTF-8.
    Raises BadFile for anything else, for a damaged gzip, and for one that unpacks to more than `limit_bytes`.
    """
    return records_together(stream, one_by_one, limit_bytes=limit_bytes)


def records_together(
    stream: BinaryIO, together: Callable[[bytes], T | None], *, limit_bytes: int | None = None
) -> Iterator[bytes | Broken | T]:
    """The same; but for records of a log file that `together` takes, many as one JSON array, there is what it gives.

    It gives None for those that it does not take: they come one by one.
    """
    source = Source(stream, limit_bytes)
    head = source.head()
    if not head.strip():
        raise BadFile("empty file")
    if found := _LOG_FILE.match(head):
        yield from array(source, found.end(), b'{"Records":[', together)
        if not source.buffer:
            return
    # What is below is not needed for log files: the Lambda starts without it.
    from runtime.events import documents, history

    if found:
        yield from documents.documents(source, first=False)
    elif found := _LOOKUP.match(head):
        yield from documents.unwrapped(array(source, found.end(), b'{"Events":[', one_by_one))
        yield from documents.documents(source, first=False)
    elif found := _ARRAY.match(head):
        yield from documents.unwrapped(array(source, found.end(), b"[", one_by_one))
        yield from documents.documents(source, first=False)
    elif history.is_history(head):
        yield from history.events(source.rest())
    elif head.lstrip()[:1] in (b"{", b'"') or b"\n{" in head:
        yield from documents.documents(source)
    else:
        raise BadFile(f"not CloudTrail: it begins with {head[:20]!r}")
