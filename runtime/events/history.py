"""Records out of the CSV that the console's event history gives for download."""

import csv
import io
import json
from collections.abc import Iterator

from runtime.events.elements import RECORD_LIMIT, BadFile

csv.field_size_limit(RECORD_LIMIT)

# What the headers are in a record.
_FIELDS: dict[str, tuple[str, ...]] = {
    "event id": ("eventID",),
    "event time": ("eventTime",),
    "event name": ("eventName",),
    "event source": ("eventSource",),
    "event type": ("eventType",),
    "user name": ("userIdentity", "userName"),
    "aws access key": ("userIdentity", "accessKeyId"),
    "aws region": ("awsRegion",),
    "source ip address": ("sourceIPAddress",),
    "error code": ("errorCode",),
    "read-only": ("readOnly",),
    "request id": ("requestID",),
    "recipient account id": ("recipientAccountId",),
    "user agent": ("userAgent",),
}


def is_history(head: bytes) -> bool:
    """Whether a file that begins with `head` is such a table: its first line has the header Event time."""
    line = head.lstrip().split(b"\n", 1)[0].decode("utf-8", "replace")
    try:
        return any("event time" in map(_plain, row) for row in csv.reader([line]))
    except csv.Error:
        return False


def events(content: bytes) -> Iterator[bytes]:
    """Records of the table. A column that no field answers to keeps its header as key, one without header its number.

    Two columns of one name give one key twice, as no JSON writer would; the row keeps both. Raises BadFile for a table
    whose quotes do not close.
    """
    try:
        # Strict: one quote too many would swallow all events that follow it.
        rows = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
        header = next(rows)
        for row in filter(None, rows):
            yield _record(header, row)
    except UnicodeDecodeError:
        raise BadFile("not UTF-8") from None
    except csv.Error as error:
        raise BadFile(f"not a table: line {rows.line_num}: {error}") from None


def _plain(header: str) -> str:
    return header.strip().lower()


def _record(header: list[str], row: list[str]) -> bytes:
    fields: list[tuple[str, str]] = []
    structs: dict[str, list[tuple[str, str]]] = {}
    for at, value in enumerate(row):
        if value:
            name = header[at].strip() if at < len(header) else f"column {at + 1}"
            *outer, key = _FIELDS.get(name.lower(), (name,))
            target = structs.setdefault(outer[0], []) if outer else fields
            target.append((key, json.dumps(value)))
    return _object([*((key, _object(inner)) for key, inner in structs.items()), *fields]).encode()


def _object(fields: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in fields) + "}"
