"""Records out of what people have at hand: JSON documents one after another, and what events come wrapped in.

Lines or pretty-printed or with nothing between them: events, log files, the output of `lookup-events` whole or by
`--query`, EventBridge events.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from runtime.events import elements
from runtime.events.elements import (
    EVENT,
    RECORD_BEGINS,
    SCANNER,
    SPACE,
    BadFile,
    Broken,
    Source,
    array,
    may_go_on,
    next_record,
    one_by_one,
)
from runtime.events.row import pairs

# So many pieces that are no event, of so many bytes together, may stand before the first event; with more, each is
# given.
HELD = 1_000
HELD_BYTES = 4 << 20

_LEVEL = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SPACES = re.compile(rb"[ \t\r\n]*")
_AFTER_BROKEN = re.compile(rb"\n[ \t\r]*(?=[{\[])")
_BESIDE_BROKEN = re.compile(rb"\}[ \t\r]*(?=" + RECORD_BEGINS + rb")")


def documents(source: Source, *, first: bool = True) -> Iterator[bytes | Broken]:
    """Records of all documents up to the end. Raises BadFile where none of them holds any, if they are the `first`."""
    held: list[Broken] | None = [] if first else None
    size = 0
    for piece in _pieces(source):
        if held is not None:
            if isinstance(piece, Broken) and len(held) < HELD and size < HELD_BYTES:
                held.append(piece)
                size += len(piece.raw)
                continue
            yield from held
            held = None
        yield piece
    if held:
        raise BadFile(f"not CloudTrail: {held[0].reason.removeprefix('not an event: ')}")


def unwrapped(elements: Iterable[bytes | Broken]) -> Iterator[bytes | Broken]:
    """Records of an array's elements: events, their wrappers, or events as JSON strings."""
    for element in elements:
        if isinstance(element, Broken):
            yield from _record_text(element.raw, element) if element.raw[:1] == b'"' else [element]
        elif b'"CloudTrailEvent"' in element or b'"detail' in element:
            yield from _document(element)
        else:
            yield element


def _pieces(source: Source) -> Iterator[bytes | Broken]:
    at = 0
    failed = -1  # end of a line that is no document by itself
    text = ""  # the buffer as text, once it is needed
    while True:
        spaces = _SPACES.match(source.buffer, at)
        at = spaces.end() if spaces else at
        if at == len(source.buffer):
            source.buffer, at, failed, text = b"", 0, -1, ""
            if not source.more():
                return
            continue
        # Nearly always a document is a line.
        end = source.buffer.find(b"\n", at)
        if end < 0:
            end = len(source.buffer) if source.ended else failed
        if end != failed:
            line = source.buffer[at:end]
            if line[:1] == b"{" and (level := _level(line)) is not None:
                yield from _unwrap(line, level)
                at = end
                continue
            failed = end
        text = text or source.buffer.decode("latin-1")
        reason = "not a JSON object"
        try:
            _, end = SCANNER.raw_decode(text, at)
        except RecursionError:
            reason = "nested too deeply to read"
        except ValueError as error:
            if not source.ended and may_go_on(error, text):
                source.buffer, at, failed, text = source.buffer[at:], 0, -1, ""
                # The standard library's parser makes Python objects: no more than a record is given to it twice.
                if len(source.buffer) > elements.RECORD_LIMIT:
                    source.rest()
                else:
                    source.double(elements.RECORD_LIMIT + 1)
                if source.ended and (level := _level(source.buffer)) is not None:
                    yield from _unwrap(source.buffer, level)
                    return
                continue
        else:
            yield from _document(source.buffer[at:end])
            at = end
            continue
        source.buffer, at, failed, text = source.buffer[at:], 0, -1, ""
        yield _broken(source, reason)


def _broken(source: Source, reason: str) -> Broken:
    """Cut off the bytes up to the next line that may begin a document, or to a record on the same line."""
    while (found := _AFTER_BROKEN.search(source.buffer)) is None and len(source.buffer) <= elements.RECORD_LIMIT:
        if not source.double(elements.RECORD_LIMIT):
            break
    line = Source.of(source.buffer[: found.start()] if found else source.buffer)
    beside = next_record(line, _BESIDE_BROKEN)
    end = beside.start() + 1 if beside else len(line.buffer)
    raw, source.buffer = source.buffer[:end], source.buffer[end:]
    return Broken(raw.strip(SPACE), reason)


def _level(document: bytes) -> dict[str, bytes] | None:
    """Keys and values' bytes of a JSON object; None if it is none. Of a repeated key, which one is not said."""
    try:
        return {key: bytes(raw) for key, raw in _LEVEL.decode(document).items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return {key: raw.encode("latin-1") for key, raw in pairs(document.decode("latin-1"))}
    except (ValueError, RecursionError):
        return None


def _document(document: bytes) -> Iterator[bytes | Broken]:
    """Records of one document that is valid JSON."""
    if document[:1] == b"{":
        level = _level(document)
        yield from [Broken(document, "not a JSON object")] if level is None else _unwrap(document, level)
    elif document[:1] == b"[":
        yield from _inner(document)
    elif document[:1] == b'"':
        yield from _record_text(document, Broken(document, "not a JSON object"))
    else:
        yield Broken(document, "not a JSON object")


def _unwrap(document: bytes, level: dict[str, bytes]) -> Iterator[bytes | Broken]:
    """Records of an object, given its keys and values, out of whatever it is wrapped in."""
    if not EVENT.isdisjoint(level):
        yield document.strip(SPACE)
        return
    for key in ("Records", "Events", "CloudTrailEvent", "detail"):
        if key in level:
            break
    else:
        key = ""
    if not key or (key == "detail" and "detail-type" not in level):
        keys = sorted(level)[:4]
        what = f"the key{'s' * (len(keys) > 1)} {', '.join(keys)}" if keys else "nothing in it"
        yield Broken(document, f"not an event: an object with {what}")
    elif _is_twice(key, document):
        yield Broken(document, f"{key} stands in it twice")
    elif key == "detail":
        detail = level[key].strip(SPACE)
        yield detail if detail[:1] == b"{" else Broken(document, "detail is not an object")
    elif key == "CloudTrailEvent":
        yield from _record_text(level[key], Broken(document, "CloudTrailEvent is not a JSON object as text"))
    elif level[key].lstrip(SPACE)[:1] == b"[":
        yield from _inner(level[key])
    else:
        yield Broken(document, f"{key} is not an array")


def _is_twice(key: str, document: bytes) -> bool:
    # Only where its name stands there twice, in whatever way, is a second parse worth its while.
    if document.count(f'"{key}"'.encode()) < 2 and b"\\u00" not in document:
        return False
    return [name for name, _ in pairs(document.decode("latin-1"))].count(key) > 1


def _inner(elements: bytes) -> Iterator[bytes | Broken]:
    inner = Source.of(elements.strip(SPACE))
    yield from unwrapped(array(inner, 1, b"[", one_by_one))


def _record_text(raw: bytes, otherwise: Broken) -> Iterator[bytes | Broken]:
    """The record that a JSON string holds. A lone surrogate in it becomes JSON's escape for it, which says the same."""
    try:
        text = SCANNER.decode(raw.decode())
    except (ValueError, RecursionError):
        text = None
    record = text.strip().encode(errors="backslashreplace") if isinstance(text, str) else b""
    yield record if record[:1] == b"{" else otherwise
