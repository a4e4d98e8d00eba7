"""Cuts what CloudTrail events come in (log files and what people have at hand) into single records' bytes.

Records keep their original bytes. Log files are cut as a stream: memory stays flat for any size. The other forms are
told apart by their first bytes, never by a name.
"""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec
from isal import igzip, isal_zlib

from runtime.events.row import pairs

CHUNK = 1 << 16  # what is unpacked at a time: small enough to stay in a core's own cache
# One record larger than this is taken for broken: CloudTrail caps a record at 1 MB (with 1.11, some more).
RECORD_LIMIT = 64 << 20


class BadFile(ValueError):
    """The file as a whole cannot be used; its text is the reason. Records given out before are to be discarded."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A piece of a file that is no record, with its original bytes, while the rest of the file goes on."""

    raw: bytes
    reason: str


_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_LEVEL = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RECORDS = re.compile(rb'\s*\{\s*"Records"\s*:\s*\[')
_ARRAY = re.compile(rb"\s*\[")
# Where a record begins after a broken one; no text inside a JSON string can look like this, its quotes are escaped.
_NEXT = re.compile(rb'\}\s*,\s*(?=\{\s*"(?:event|userIdentity|awsRegion|sourceIP|request|recipient))')
_END = re.compile(rb"\]\s*\}?\s*$")
_SPACE = b" \t\r\n"
_SCANNER = json.JSONDecoder(parse_int=str, parse_float=str)


def records(stream: BinaryIO, *, limit_bytes: int | None = None) -> Iterator[bytes | Broken]:
    """Each record's bytes in the order of the file, or what is Broken.

    Reads: CloudTrail's log files (gzip or not), a plain array, JSON lines, the CLI's `lookup-events`, the console's
    event history as JSON or CSV, EventBridge wrappers. Raises BadFile for anything else, for a damaged gzip, and
    for one that unpacks to more than `limit_bytes`.
    """
    source = _Source(stream, limit_bytes)
    head = source.head()
    if not head.strip():
        raise BadFile("empty file")
    found = _RECORDS.match(head)
    if found:
        yield from _array(source, found.end(), b'{"Records":[')
    elif found := _ARRAY.match(head):
        for element in _array(source, found.end(), b"["):
            yield from _unwrapped_element(element)
    elif head.lstrip()[:1] == b"{":
        yield from _documents(source)
    elif head.lstrip(b"\"'")[:6].lower() == b"event " or b",Event time," in head.split(b"\n", 1)[0]:
        yield from _event_history(source)
    else:
        raise BadFile(f"not CloudTrail: it begins with {head[:20]!r}")


class _Source:
    """Unpacked bytes of a stream, buffered; every way a gzip can be damaged is a BadFile."""

    def __init__(self, stream: BinaryIO, limit: int | None) -> None:
        buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
        self._read: Callable[[int], bytes] = buffered.read
        if buffered.peek(2)[:2] == b"\x1f\x8b":
            self._read = igzip.IGzipFile(fileobj=buffered, mode="rb").read  # type: ignore[no-untyped-call]
        self._limit, self._count = limit, 0
        self.buffer = b""
        self.ended = False

    def head(self) -> bytes:
        """The first bytes, without a byte order mark."""
        self.more(CHUNK)
        self.buffer = self.buffer.removeprefix(b"\xef\xbb\xbf")
        return self.buffer

    def more(self, size: int = CHUNK) -> bool:
        """Append to the buffer; False at the end of the stream."""
        try:
            chunk = self._read(size)
        except EOFError:
            raise BadFile("gzip is cut short") from None
        except (gzip.BadGzipFile, isal_zlib.IsalError, zlib.error) as error:  # type: ignore[misc]
            raise BadFile(f"gzip is damaged: {error}") from None
        self._count += len(chunk)
        if self._limit is not None and self._count > self._limit:
            raise BadFile(f"unpacks to more than {self._limit:,} bytes")
        self.buffer += chunk
        self.ended = not chunk
        return bool(chunk)

    def rest(self) -> bytes:
        while self.more():
            pass
        return self.buffer


def _array(source: _Source, start: int, opening: bytes) -> Iterator[bytes | Broken]:
    """Elements of the array whose content begins at `start`; what follows it must complete the document."""
    source.buffer = source.buffer[start:]
    while True:
        # Nearly always the last `},{` ends a record: then all before it is decoded in one call. Where it stands in a
        # string or a nested array, what is before it is no valid list, and the elements are taken one by one.
        cut = source.buffer.rfind(b"},{")
        if cut > 0:
            try:
                found = _LIST.decode(b"[" + source.buffer[: cut + 1] + b"]")
            except (msgspec.MsgspecError, RecursionError):
                found = None
            if found is not None:
                for raw in found:
                    yield _object(bytes(raw))
                source.buffer = source.buffer[cut + 2 :]
        ended = yield from _elements(source)
        if ended:
            break
    # The document ends with its line, and another may follow (JSON lines of log files), or with the file.
    while b"\n" not in source.buffer and source.more():
        pass
    line, newline, following = source.buffer.partition(b"\n")
    if newline and _is_json(opening + line):
        source.buffer = following
        yield from _documents(source)
    elif not _is_json(opening + source.rest()):
        raise BadFile("something follows the records that does not belong there")


def _is_json(document: bytes) -> bool:
    try:
        json.loads(document)
    except (ValueError, RecursionError):
        return False
    return True


def _elements(source: _Source) -> Generator[bytes | Broken, None, bool]:
    """Elements one by one, until the buffer holds no whole one (more is read, False) or the array ends (True)."""
    # Latin-1 gives one character per byte: positions in the text are positions in the buffer, UTF-8 or not.
    text = source.buffer.decode("latin-1")
    at = 0
    while True:
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        if text[at : at + 1] == "]":
            source.buffer = source.buffer[at:]
            return True
        reason = ""
        try:
            _, end = _SCANNER.raw_decode(text, at) if at < len(text) else (None, -1)
        except RecursionError:
            reason, end = "nested too deep to read", -1
        except ValueError as error:
            where = getattr(error, "pos", len(text))
            reason, end = f"not JSON: {getattr(error, 'msg', error)}", -1
            if len(text) - where > 16 and not str(error).startswith("Unterminated string"):
                source.buffer, at, text = source.buffer[at:], 0, text[at:]
                yield from _broken(source, reason)
                return False
        # A number or word at the very end may go on in the next chunk; an object or array ends with its bracket.
        if end >= 0 and (end < len(text) or text[end - 1] in '}]"'):
            yield _object(source.buffer[at:end])
            at = end
            continue
        source.buffer = source.buffer[at:]
        if len(source.buffer) > RECORD_LIMIT:
            yield from _broken(source, reason or "one record is too large")
            return False
        # As much again as is there: what is scanned twice stays a constant factor.
        if not source.more(max(CHUNK, len(source.buffer))):
            if source.buffer.strip() and reason and _END.search(source.buffer):
                yield from _broken(source, reason)
                return False
            raise BadFile("ends in the middle of the records")
        return False


def _broken(source: _Source, reason: str) -> Iterator[Broken]:
    """Give the bytes up to where the next record begins, or the array ends, as Broken."""
    searched = 0
    while (found := _NEXT.search(source.buffer, searched)) is None:
        searched = max(0, len(source.buffer) - 64)
        if not source.more():
            break
    if found is None:
        found = _END.search(source.buffer)
        if found is None:
            raise BadFile(f"ends in the middle of the records, after one that is {reason}")
        raw, source.buffer = source.buffer[: found.start()], source.buffer[found.start() :]
    else:
        raw, source.buffer = source.buffer[: found.start() + 1], source.buffer[found.end() :]
    yield Broken(raw.strip(_SPACE + b","), reason)


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\r", "\n"):
        at += 1
    return at


def _object(raw: bytes) -> bytes | Broken:
    if raw[:1] != b"{":
        raw = raw.strip(_SPACE)
        if raw[:1] != b"{":
            return Broken(raw, "not an object")
    return raw


def _documents(source: _Source) -> Iterator[bytes | Broken]:
    """JSON lines, or one JSON document of another form than a log file's."""
    while b"\n" not in source.buffer.lstrip(_SPACE) and source.more():
        pass
    source.buffer = source.buffer.lstrip(_SPACE)
    first = source.buffer.split(b"\n", 1)[0]
    if first and _level(first) is None:  # the first line is no whole document: the file is
        yield from _unwrap(source.rest(), whole=True)
        return
    while True:
        *lines, source.buffer = source.buffer.split(b"\n")
        for line in lines:
            yield from _line(line, only=False)
        if not source.more():
            yield from _line(source.buffer, only=not lines and source.buffer.strip() == first.strip())
            return


def _line(line: bytes, *, only: bool) -> Iterator[bytes | Broken]:
    line = line.strip(_SPACE)
    if not line:
        return
    if only or _level(line) is not None:
        yield from _unwrap(line, whole=only)
    else:
        yield Broken(line, "not a JSON object")


def _level(document: bytes) -> dict[str, bytes] | None:
    """Keys and values' bytes of a JSON object, the first of a repeated key; None if it is none."""
    try:
        return {key: bytes(raw) for key, raw in _LEVEL.decode(document).items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        found: dict[str, bytes] = {}
        for key, raw in pairs(document.decode("latin-1")):
            found.setdefault(key, raw.encode("latin-1"))
    except (ValueError, RecursionError):
        return None
    return found


def _unwrapped_element(element: bytes | Broken) -> Iterator[bytes | Broken]:
    if isinstance(element, bytes) and (b'"CloudTrailEvent"' in element or b'"detail' in element):
        yield from _unwrap(element, whole=False)
    else:
        yield element


def _unwrap(document: bytes, *, whole: bool) -> Iterator[bytes | Broken]:
    """Records of one document, out of whatever it is wrapped in; `whole` if the document is the whole file."""
    level = _level(document)
    if level is None:
        raise BadFile("not CloudTrail: not a JSON document")
    if "eventVersion" in level or "eventTime" in level or "eventID" in level:
        yield document.strip(_SPACE)
    elif "Records" in level:
        yield from _inner(level["Records"], "Records")
    elif "Events" in level:
        for event in _inner(level["Events"], "Events"):
            yield from _unwrapped_element(event)
    elif "CloudTrailEvent" in level:
        event = msgspec.json.decode(level["CloudTrailEvent"])
        if isinstance(event, str):
            yield event.encode()
        else:
            yield Broken(document, "CloudTrailEvent is not text")
    elif "detail" in level and "detail-type" in level:
        yield _object(level["detail"])
    elif whole:
        raise BadFile(f"not CloudTrail: an object with {', '.join(sorted(level)[:4]) or 'nothing in it'}")
    else:
        yield Broken(document, f"not an event: an object with {', '.join(sorted(level)[:4]) or 'nothing in it'}")


def _inner(array: bytes, name: str) -> Iterator[bytes | Broken]:
    if array.lstrip(_SPACE)[:1] != b"[":
        raise BadFile(f"not CloudTrail: {name} is not an array")
    inner = _Source(io.BytesIO(array), None)
    inner.more(len(array))
    yield from _array(inner, inner.buffer.index(b"[") + 1, b"[")


# Headers of the console's event history download, by what they are in a record.
_HISTORY: dict[str, tuple[str, ...]] = {
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


def _event_history(source: _Source) -> Iterator[bytes | Broken]:
    """Events of the console's CSV; a column that no field answers to keeps its header as key."""
    try:
        text = source.rest().decode()
    except UnicodeDecodeError:
        raise BadFile("not UTF-8") from None
    rows = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip() for name in next(rows)]
    if "event time" not in [name.lower() for name in header]:
        raise BadFile(f"not CloudTrail: a table with {', '.join(header[:4])}")
    for row in rows:
        record: dict[str, Any] = {}
        for name, value in zip(header, row, strict=False):
            path = _HISTORY.get(name.lower(), (name,))
            if value:
                level = record
                for key in path[:-1]:
                    level = level.setdefault(key, {})
                level[path[-1]] = value
        yield msgspec.json.encode(record)
