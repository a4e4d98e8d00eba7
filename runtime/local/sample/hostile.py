"""Records and files that break naive readers: what attackers, bugs and half-finished uploads leave in a log bucket.

Each is made from an ordinary record; nothing here could do harm where text is treated as text.
"""

import json
from dataclasses import dataclass

from runtime.local.sample.records import dumps, type_json

_HOLE = "@@hole@@"
MARKUP = "</script><img src=x onerror=alert(1)>"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of hostile record: how many there are, and whether no partition can hold it."""

    name: str
    copies: int = 1
    unusable: bool = False


KINDS = (
    Kind("markup", 12),
    Kind("formula", 4),
    Kind("escape-sequence", 3),
    Kind("huge-integer"),
    Kind("huge-exponent"),
    Kind("exact-decimal"),
    Kind("lone-surrogate"),
    Kind("nul"),
    Kind("escaped-slash"),
    Kind("duplicate-key"),
    Kind("duplicate-key-at-the-top"),
    Kind("case-clash"),
    Kind("dotted-key"),
    Kind("deep"),
    Kind("struct-for-scalar"),
    Kind("scalar-for-struct"),
    Kind("unknown-field"),
    Kind("path-traversal"),
    Kind("no-event-id"),
    Kind("no-event-time", unusable=True),
    Kind("odd-event-time", unusable=True),
    Kind("not-utf-8", unusable=True),
    Kind("not-an-object", unusable=True),
)
DIFFERS = "duplicate-differs"
FILES = ("truncated-gzip", "empty-records", "not-cloudtrail")


def record(kind: str, base: str) -> bytes:
    """The record `base` (JSON), made hostile in one way. Raises KeyError for an unknown kind."""
    plain: type_json = json.loads(base)
    if kind in _AGENTS:
        return _with(plain, "userAgent", _AGENTS[kind])
    if kind in _PARAMETERS:
        return _with(plain, "requestParameters", _PARAMETERS[kind])
    return {
        "duplicate-key-at-the-top": _with(plain, "userAgent", '"first","userAgent":"second"'),
        "struct-for-scalar": _with(plain, "userAgent", '{"name":"curl","version":[8,5]}'),
        "scalar-for-struct": _with(plain, "userIdentity", '"nobody"'),
        "unknown-field": _with(plain, "fieldOfTomorrow", '{"since":"2027","values":[1,null]}'),
        "no-event-id": dumps({key: value for key, value in plain.items() if key != "eventID"}).encode(),
        "no-event-time": dumps({key: value for key, value in plain.items() if key != "eventTime"}).encode(),
        "odd-event-time": _with(plain, "eventTime", '"yesterday"'),
        "not-utf-8": dumps(plain | {"userAgent": _HOLE}).encode().replace(_HOLE.encode(), b"caf\xe9 \xff\xfe"),
        "not-an-object": b'"a record that is text"',
        DIFFERS: _with(plain, "userAgent", '"not what the first copy said"'),
    }[kind]


def _with(plain: type_json, key: str, raw: str) -> bytes:
    return dumps(plain | {key: _HOLE}).replace(f'"{_HOLE}"', raw).encode()


_AGENTS = {
    "markup": dumps(MARKUP),
    "formula": dumps("=cmd|' /C calc'!A0"),
    "escape-sequence": dumps("\x1b[2J\x1b[31mowned\x1b]0;owned\x07"),
    "nul": dumps("before\0after"),
    "lone-surrogate": r'"\ud800 alone"',
    "escaped-slash": r'"curl\/8.5"',
}
_PARAMETERS = {
    "huge-integer": '{"bucketName":"b","size":' + "9" * 60 + "}",
    "huge-exponent": '{"bucketName":"b","size":1e400}',
    "exact-decimal": '{"bucketName":"b","price":1.10}',
    "duplicate-key": '{"bucketName":"first","bucketName":"second"}',
    "case-clash": '{"Host":"upper","host":"lower","bucketName":"b"}',
    "dotted-key": '{"tag.Name":"a","tag":{"Name":"b"}}',
    "deep": '{"a":' * 200 + "1" + "}" * 200,
    "path-traversal": r'{"bucketName":"..\/..\/etc","key":"..\\..\\windows\/win.ini"}',
}
