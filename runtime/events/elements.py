"""Cuts a JSON array, as CloudTrail's log files hold one, into its elements' bytes, whatever is broken among them.

Elements keep their original bytes, and are cut as a stream: memory stays flat for any size.
"""

import codecs
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

import msgspec
from isal import igzip, isal_zlib

from runtime.events.columns import FIXED
from runtime.events.row import pairs

T = TypeVar("T")
CHUNK = 1 << 16  # what is unpacked at a time: small enough to stay in a core's own cache
HEAD = 64  # bytes that tell the forms of JSON apart
# One record larger than this is taken for broken: CloudTrail caps a record at 1 MB (with 1.11, some more). Twice as
# much is held in bytes, and again as text, while the next record is looked for: the bound on a worker's memory.
RECORD_LIMIT = 16 << 20
# What can only be read as a whole (a table, a document that does not begin with its records) is held several times.
WHOLE_LIMIT = 64 << 20
SPLIT = "split it, or make its events JSON lines"


class BadFile(ValueError):
    """The file as a whole cannot be used; its text is the reason. Records given out before are to be discarded."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A piece of a file that is no record, with its original bytes, while the rest of the file goes on."""

    raw: bytes
    reason: str


_BEGINNING = len('{"eventVersion":"1.')  # so much of an element tells it from what is nested in one
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
EVENT = frozenset({"eventVersion", "eventTime", "eventID"})  # an object with one of these keys is an event
# How a record begins; no text inside a JSON string can look like this, its quotes are escaped.
RECORD_BEGINS = b'\\{\\s*"(?:' + "|".join(sorted({column.path[0] for column in FIXED})).encode() + b')"\\s*:'
_NEXT = re.compile(rb"\}\s*,\s*(?=" + RECORD_BEGINS + rb")")
_END = re.compile(rb"\]\s*\}?\s*$")
_SPACES = re.compile(r"[ \t\r\n]*")
SPACE = b" \t\r\n"
SCANNER = json.JSONDecoder(parse_int=str, parse_float=str)


class Source:
    """Unpacked bytes of a stream, buffered; every way a gzip can be damaged is a BadFile."""

    def __init__(self, stream: BinaryIO, limit: int | None) -> None:
        buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[type-var]
        self._read: Callable[[int], bytes] = buffered.read
        if buffered.peek(2)[:2] == b"\x1f\x8b":
            self._read = igzip.IGzipFile(fileobj=buffered, mode="rb").read  # type: ignore[no-untyped-call]
        self._limit, self._count = limit, 0
        self.buffer = b""
        self.ended = False

    @classmethod
    def of(cls, content: bytes) -> "Source":
        """All of `content`, in the buffer."""
        source = cls(io.BytesIO(), None)
        source.buffer, source.ended = content, True
        return source

    def head(self) -> bytes:
        """The first bytes, without a byte order mark."""
        while len(self.buffer) < HEAD and self.more():
            pass
        if self.buffer.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            self._from_utf16()
        self.buffer = self.buffer.removeprefix(codecs.BOM_UTF8)
        return self.buffer

    def _from_utf16(self) -> None:
        """Read on as UTF-8; PowerShell's `>` writes UTF-16. A lone surrogate becomes JSON's escape for it."""
        read, decode = self._read, codecs.getincrementaldecoder("utf-16")("surrogatepass").decode

        def recoded(size: int) -> bytes:
            text = ""
            while not text and (chunk := read(size)):
                text = decode(chunk)
            try:
                return (text or decode(b"", final=True)).encode(errors="backslashreplace")
            except UnicodeDecodeError:
                raise BadFile("UTF-16 is cut short") from None

        self.buffer = decode(self.buffer).encode(errors="backslashreplace")
        self._read = recoded

    def more(self, size: int = 0) -> bool:
        """Append `size` bytes, or a CHUNK, to the buffer; False at the end of the stream."""
        try:
            chunk = self._read(size or CHUNK)
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

    def double(self, limit: int) -> bool:
        """Append as much again as is there, so that what is scanned twice stays a constant factor; to `limit` bytes."""
        there = len(self.buffer)
        return self.more(max(CHUNK, min(there, limit - there)))

    def rest(self) -> bytes:
        """All that is left, in the buffer too. Raises BadFile where that is more than WHOLE_LIMIT."""
        while len(self.buffer) <= WHOLE_LIMIT:
            if not self.double(WHOLE_LIMIT + 1):
                return self.buffer
        raise BadFile(f"more than {WHOLE_LIMIT:,} bytes in a form that is not read piece by piece; {SPLIT}")


def one_by_one(_: bytes) -> bytes | None:
    """For `array`: no elements are taken together."""
    return None


def array(
    source: Source, start: int, opening: bytes, together: Callable[[bytes], T | None]
) -> Iterator[bytes | Broken | T]:
    """Elements of the array whose content begins at `start`; `opening` is what stands before it, without spaces.

    `together` is offered elements as JSON arrays, many at a time; where it gives None they come one by one. What it
    takes must be whole and valid, or it would take what is cut in the wrong place.
    Then the buffer holds what follows the document that this completes: nothing, or the beginning of another one.
    """
    source.buffer = source.buffer[start:]
    ended = False
    while not ended:
        # Nearly always the last place where one element ends and another begins, as the first one does, is found by its
        # bytes, and `}]}` ends the last one: then all before it is decoded in one call. Where such bytes stand in a
        # string or a nested array, what is before them is no valid array, and the elements are taken one by one.
        last = source.buffer.endswith(b"}]}") and _whole(source.buffer[:-2], together)
        if last:
            yield from last
            source.buffer = source.buffer[-2:]
        elif (cut := _last_begins(source.buffer)) and (found := _whole(source.buffer[:cut], together)):
            yield from found
            source.buffer = source.buffer[cut + 1 :]  # without the comma
            if source.more():
                continue  # what is left is cut in its middle, mostly
        ended = yield from _elements(source)
    _complete(source, opening)


def _last_begins(elements: bytes) -> int:
    """Where the comma before the last element stands, probably; 0 if nowhere."""
    return elements.rfind(b"}," + elements[:_BEGINNING]) + 1 or elements.rfind(b"},{") + 1


def _whole(elements: bytes, together: Callable[[bytes], T | None]) -> list[bytes | Broken | T] | None:
    """What `array` gives for elements that end where one does; None if they do not."""
    elements = b"[" + elements + b"]"
    taken = together(elements)
    if taken is not None:
        return [taken]
    try:
        return [_object(bytes(raw)) for raw in _LIST.decode(elements)]
    except (msgspec.MsgspecError, RecursionError):
        return None


def _complete(source: Source, opening: bytes) -> None:
    """Take the end of the array's document out of the buffer."""
    if source.buffer == b"]}" and opening[:1] == b"{" and not source.more():
        source.buffer = b""  # as nearly always
        return
    while True:
        text = (opening + source.buffer).decode("latin-1")
        try:
            _, end = SCANNER.raw_decode(text)
            break
        except (ValueError, RecursionError):
            if len(text) > RECORD_LIMIT or not source.double(RECORD_LIMIT):
                raise BadFile("something follows the records that does not belong there") from None
    if opening != b"[":
        name, *others = [key for key, _ in pairs(text[:end])]
        if name in others:
            raise BadFile(f"{name} stands in it twice")
    source.buffer = source.buffer[end - len(opening) :].lstrip(SPACE)
    while not source.buffer and source.more():
        source.buffer = source.buffer.lstrip(SPACE)
    if source.buffer and source.buffer[:1] not in b'{["':
        raise BadFile("something follows the records that does not belong there")


def _elements(source: Source) -> Generator[bytes | Broken, None, bool]:
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
            _, end = SCANNER.raw_decode(text, at) if at < len(text) else (None, -1)
        except RecursionError:
            reason, end = "nested too deeply to read", -1
        except ValueError as error:
            reason, end = f"not JSON: {getattr(error, 'msg', error)}", -1
            if not may_go_on(error, text):
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
            yield from _broken(source, f"larger than {RECORD_LIMIT:,} bytes")
            return False
        if not source.double(RECORD_LIMIT):
            if source.buffer.strip() and reason and _END.search(source.buffer):
                yield from _broken(source, reason)
                return False
            raise BadFile("ends in the middle of the records")
        return False


def _broken(source: Source, reason: str) -> Iterator[Broken]:
    """Give the bytes up to where the next record begins, or the array ends, as Broken."""
    end = next_record(source, _NEXT)
    if end is not None:
        raw, source.buffer = source.buffer[: end.start() + 1], source.buffer[end.end() :]
    elif found := _END.search(source.buffer):
        raw, source.buffer = source.buffer[: found.start()], source.buffer[found.start() :]
    else:
        raise BadFile(f"ends in the middle of the records, after one that is {reason}")
    yield Broken(raw.strip(SPACE + b","), reason)


def next_record(source: Source, before: re.Pattern[bytes]) -> re.Match[bytes] | None:
    """The first match of `before` in the buffer that a whole record follows; reads on as far as that takes."""
    searched = 0
    while True:
        text = source.buffer.decode("latin-1")
        for found in before.finditer(source.buffer, searched):
            # What is inside a broken record may begin like one too; but a record says its time, version or id.
            try:
                begun, _ = SCANNER.raw_decode(text, found.end())
            except RecursionError:
                continue
            except ValueError as error:
                if not source.ended and may_go_on(error, text):
                    searched = found.start()
                    break
                continue
            if not EVENT.isdisjoint(begun):
                return found
        else:
            searched = max(searched, len(source.buffer) - 64)
        if not source.double(2 * RECORD_LIMIT):
            return None
        if len(source.buffer) > 2 * RECORD_LIMIT:
            raise BadFile(f"no record begins in {len(source.buffer):,} bytes")


def may_go_on(error: ValueError, text: str) -> bool:
    """Whether JSON broke off at the end of the text, and more of it could mend that."""
    where = getattr(error, "pos", len(text))
    return len(text) - where <= 16 or str(error).startswith("Unterminated string")


def _skip(text: str, at: int) -> int:
    spaces = _SPACES.match(text, at)
    return spaces.end() if spaces else at


def _object(raw: bytes) -> bytes | Broken:
    if raw[:1] != b"{":
        raw = raw.strip(SPACE)
        if raw[:1] != b"{":
            return Broken(raw, "not an object")
    return raw
