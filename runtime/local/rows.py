"""Many records at once to Arrow columns: the rows that `RowMaker.row` gives, made column by column.

A record that is as documented costs here a third of what it costs alone. What is not goes through `RowMaker.row`:
a record that the structs refuse, and one whose quotes do not add up.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runtime.events.columns import PROMOTE, Kind
from runtime.events.fast import TypeTree
from runtime.events.row import Row, RowMaker, Unusable, copy_promoted

TIMESTAMP = pa.timestamp("us")
_INSTANT = pa.timestamp("us", tz="UTC")
_BINARY, _STRING, _BOOL = pa.binary(), pa.string(), pa.bool_()
_NOTHING = pa.array(["null", "{}"])
# As CloudTrail writes it, and a row keeps it; anything else is for RowMaker.row to judge.
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII)
_PLAIN = frozenset("-0123456789tf")  # how a number or boolean begins
_astuple = msgspec.structs.astuple
_decode_strings = msgspec.json.Decoder(list[str]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_level = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


Sparse = dict[int, tuple[list[int], list[str]]]
"""Columns that few rows have a value in: by column number, those rows' numbers, in no promised order, and values."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows as Arrow arrays of one length: by column number, those that are not null in all rows.

    `records` says which of the given records each row is (int32); the rows are in no promised order. `sparse` has the
    promoted columns, and `arrays` all others.
    """

    arrays: dict[int, pa.Array]
    sparse: Sparse
    eventdate: pa.Array
    records: pa.Array


@dataclass(frozen=True, slots=True)
class Many:
    """Records that stand one after another: the JSON array of them, and what each was decoded to."""

    content: bytes
    decoded: list[Any]

    def records(self) -> list[bytes]:
        """Each record's own bytes."""
        return [bytes(raw).strip() for raw in _decode_list(self.content)]


@dataclass(slots=True)
class _Level:
    """One struct: how msgspec decodes it, and what each of its fields is, in order."""

    struct: Any
    fields: "list[int | _Level]"  # number of a column, or the struct below
    empty: Any
    decode: Callable[[bytes], Any]


@dataclass(slots=True)
class _Found:
    """What the columns hold, and what accounts for the quotes of what was decoded."""

    arrays: dict[int, pa.Array] = field(default_factory=dict)
    json: dict[int, list[bytes | None]] = field(default_factory=dict)
    # (values of a field, quotes of its key and its value's ends)
    quotes: list[tuple[Sequence[Any] | pa.Array, int]] = field(default_factory=list)
    total: int = 0
    below: list[tuple[_Level, list[bytes | None]]] = field(default_factory=list)
    bad: set[int] = field(default_factory=set)


class BatchMaker:
    """`records -> rows` for one list of promoted paths. Raises ValueError for a path that cannot be promoted."""

    def __init__(self, promote: Iterable[str] = PROMOTE) -> None:
        self._maker = RowMaker(promote)
        self.columns = self._maker.columns
        names = {column.name: at for at, column in enumerate(self.columns)}
        self._eventtime, self._eventid = names["eventtime"], names["eventid"]
        self._sourcefile = names["sourcefile"]
        fixed = [(column.path, at) for at, column in enumerate(self.columns) if column.kind in (Kind.SCALAR, Kind.JSON)]
        self._json = {at for at, column in enumerate(self.columns) if column.kind is Kind.JSON}
        self._top = self._level("Event", fixed)
        self.dictionaries = frozenset(at for path, at in fixed if len(path) > 1)
        self._decode = msgspec.json.Decoder(self._top.struct).decode
        self._decode_array = msgspec.json.Decoder(list[self._top.struct]).decode  # type: ignore[name-defined]

    def together(self, content: bytes) -> Many | None:
        """The records of a JSON array decoded, so that each byte is parsed once; None if one is not as documented."""
        try:
            return Many(content, self._decode_array(content))
        except _REFUSED:
            return None

    def rows(
        self, pieces: Sequence[bytes | Many], sourcefiles: Sequence[str]
    ) -> tuple[list[Rows], list[tuple[int, str]]]:
        """Rows of the records, and (number of the record, reason) of each that can have none, in order.

        The pieces are records or what `together` gave; `sourcefiles` has one for each piece.
        """
        events: list[Any] = []
        taken: list[int] = []
        odd: list[int] = []
        written: list[bytes] = []  # what the events were decoded from
        files: list[str] = []  # by record
        for piece, file in zip(pieces, sourcefiles, strict=True):
            if isinstance(piece, Many):
                events += piece.decoded
                taken += range(len(files), len(files) + len(piece.decoded))
                written.append(piece.content)
                files += [file] * len(piece.decoded)
                continue
            try:
                events.append(self._decode(piece))
            except _REFUSED:
                odd.append(len(files))
            else:
                taken.append(len(files))
                written.append(piece)
            files.append(file)

        @cache
        def records() -> list[bytes]:  # seldom needed
            return cut(pieces)

        result: list[Rows] = []
        if events:
            found = self._found(self._top, events, written, lambda: [records()[at] for at in taken])
            made, bad = self._columns(found, taken, files)
            odd += (taken[row] for row in bad)
            if len(made.records):
                result.append(made)
        refused: list[tuple[int, str]] = []
        if odd:
            rows: list[tuple[int, Row]] = []
            for at in sorted(odd):
                try:
                    rows.append((at, self._maker.row(records()[at], files[at])))
                except Unusable as unusable:
                    refused.append((at, str(unusable)))
            if rows:
                result.append(self._one_by_one(rows))
        return result, refused

    def _columns(self, found: _Found, numbers: list[int], sourcefiles: Sequence[str]) -> tuple[Rows, list[int]]:
        """Rows of decoded records, and which of them are to be made one by one."""
        bad, size = found.bad, len(numbers)
        times = found.arrays.get(self._eventtime)
        texts: list[Any] = times.to_pylist() if times is not None else [None] * size
        usual = {text for text in set(texts) if text and _is_usual(text)}
        identities = found.arrays.get(self._eventid)
        if identities is None:
            bad.update(range(size))
        else:
            made_up = pc.or_(pc.equal(identities, ""), pc.starts_with(identities, "sha256:"))
            if identities.null_count or pc.any(made_up).as_py():
                bad.update(pc.indices_nonzero(pc.fill_null(made_up, True)).to_pylist())
        bad.update(row for row, text in enumerate(texts) if text not in usual)
        if len(bad) == size:
            return Rows({}, {}, pa.nulls(0, _STRING), pa.array([], pa.int32())), sorted(bad)
        dates = pa.array([text[:10] if text else None for text in texts], _STRING)
        rows = pa.array(numbers, pa.int32())
        if bad:
            keep = pa.array([row not in bad for row in range(size)], _BOOL)
            dates, rows = dates.filter(keep), rows.filter(keep)
            found.arrays = {at: array.filter(keep) for at, array in found.arrays.items()}
            found.json = {
                at: [value for row, value in enumerate(values) if row not in bad] for at, values in found.json.items()
            }
        arrays = {at: array for at, array in found.arrays.items() if array.null_count < len(array)}
        arrays[self._sourcefile] = pa.array([sourcefiles[at] for at in rows.to_pylist()], _STRING)
        arrays[self._eventtime] = arrays[self._eventtime].cast(_INSTANT).cast(TIMESTAMP)
        sparse: Sparse = defaultdict(lambda: ([], []))
        for at, table in self._maker.promote:
            if at in arrays:
                # What is shorter has nothing in it: null, {}, [].
                held = [(row, text) for row, text in enumerate(found.json[at]) if text is not None and len(text) > 4]
                _copy_promoted(table, [row for row, _ in held], [text for _, text in held], sparse)
        return Rows(arrays, sparse, dates, rows), sorted(bad)

    def _found(
        self, level: _Level, structs: list[Any], written: Iterable[bytes], each: Callable[[], Sequence[bytes]]
    ) -> _Found:
        """What the structs hold and which are `bad`; they come from `written`, which `each` gives one by one."""
        found = _Found()
        self._fill(level, structs, found)
        # msgspec keeps the last of repeated keys, silently (https://github.com/jcrist/msgspec/issues/648). A key has
        # two quotes and a string two; what is decoded accounts for so many, each at a place of its own. Where a struct
        # has more, a key may have stood there twice. None can have fewer: equal sums mean that all are equal.
        if _count_quotes(written) != found.total:
            found.bad.update(_unaccounted(found, each()))
        for at, values in found.json.items():
            found.arrays[at] = _json_text(values, found.bad)
        for below, values in found.below:
            self._expand(below, values, found)
        return found

    def _fill(self, level: _Level, structs: list[Any], found: _Found) -> None:
        """Arrays of the columns of one struct and those decoded with it."""
        size = len(structs)
        for node, values in zip(level.fields, zip(*map(_astuple, structs), strict=True), strict=True):
            if isinstance(node, _Level) and level is not self._top:
                present = len(list(filter(None, values)))
                if present:
                    found.total += 2 * present
                    found.quotes.append((values, 2))
                    self._fill(node, [node.empty if value is None else value for value in values], found)
            elif isinstance(node, _Level) or node in self._json:
                present = size - values.count(None)
                if present:
                    contents = [None if value is None else bytes(value) for value in values]
                    found.total += 2 * present + _count_quotes(filter(None, contents))
                    found.quotes.append((contents, 2))
                    if isinstance(node, _Level):
                        found.below.append((node, contents))
                    else:
                        found.json[node] = contents
            else:
                try:
                    array, quotes = pa.array(values, _STRING), 4
                except pa.ArrowTypeError:  # booleans
                    array, quotes = _flags(values, found), 2
                if array.null_count < size:
                    found.arrays[node] = array
                    found.total += quotes * (size - array.null_count)
                    found.quotes.append((array, quotes))

    def _expand(self, level: _Level, contents: list[bytes | None], found: _Found) -> None:
        """Columns of a struct of the record, as dictionaries: the same caller stands in one record after another."""
        distinct = [content for content in dict.fromkeys(contents) if content is not None]
        number: dict[bytes | None, int] = {content: at for at, content in enumerate(distinct)}
        structs = []
        refused = set()
        for at, content in enumerate(distinct):
            try:
                structs.append(level.decode(content) or level.empty)
            except _REFUSED:
                structs.append(level.empty)
                refused.add(at)
        below = self._found(level, structs, distinct, lambda: distinct)
        bad = below.bad | refused
        places = [number.get(content) for content in contents]
        if bad:
            found.bad.update(row for row, place in enumerate(places) if place in bad)
        indices = pa.array(places, pa.int32())
        for at, array in below.arrays.items():
            encoded = array.dictionary_encode()
            found.arrays[at] = pa.DictionaryArray.from_arrays(encoded.indices.take(indices), encoded.dictionary)
        for at, values in below.json.items():
            found.json[at] = [None if place is None else values[place] for place in places]

    def _one_by_one(self, rows: list[tuple[int, Row]]) -> Rows:
        """Rows that `RowMaker.row` made."""
        arrays: dict[int, pa.Array] = {}
        for at, values in enumerate(zip(*(row.dense for _, row in rows), strict=True)):
            array = pa.array(values, _STRING)
            if array.null_count == len(rows):
                continue
            if at == self._eventtime:
                array = array.cast(_INSTANT).cast(TIMESTAMP)
            arrays[at] = array.dictionary_encode() if at in self.dictionaries else array
        sparse: Sparse = defaultdict(lambda: ([], []))
        for number, (_, row) in enumerate(rows):
            for at, value in row.promoted:
                sparse[at][0].append(number)
                sparse[at][1].append(value)
        dates = pa.array([row.eventdate for _, row in rows], _STRING)
        return Rows(arrays, sparse, dates, pa.array([at for at, _ in rows], pa.int32()))

    def _level(self, name: str, paths: list[tuple[tuple[str, ...], int]]) -> _Level:
        """Struct of the fields with these paths, its own first."""
        fields: list[tuple[str, Any, Any]] = []
        nodes: list[int | _Level] = []
        for path, at in paths:
            if len(path) == 1:
                fields.append((path[0], msgspec.Raw if at in self._json else bool | str | None, None))
                nodes.append(at)
        for key in dict.fromkeys(path[0] for path, _ in paths if len(path) > 1):
            below = self._level(f"{name}_{key}", [(path[1:], at) for path, at in paths if path[0] == key])
            fields.append((key, msgspec.Raw if name == "Event" else below.struct | None, None))
            nodes.append(below)
        struct = msgspec.defstruct(name, fields, forbid_unknown_fields=True, gc=False)
        return _Level(struct, nodes, struct(), msgspec.json.Decoder(struct | None).decode)


def _is_usual(text: str) -> bool:
    found = _TIME.fullmatch(text)
    if found is None:
        return False
    try:
        date.fromisoformat(found[1])
    except ValueError:
        return False
    return True


def _flags(values: Sequence[Any], found: _Found) -> pa.Array:
    """Texts of booleans, among which texts may be; a text's two quotes are accounted for here."""
    try:
        return pa.array(values, _BOOL).cast(_STRING)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        strings = [value if isinstance(value, str) else None for value in values]
        found.total += 2 * (len(strings) - strings.count(None))
        found.quotes.append((strings, 2))
        return pa.array([str(v).lower() if isinstance(v, bool) else v for v in values], _STRING)


def cut(pieces: Iterable[bytes | Many]) -> list[bytes]:
    """The pieces' records one by one."""
    return [record for piece in pieces for record in (piece.records() if isinstance(piece, Many) else (piece,))]


def _count_quotes(contents: Iterable[bytes]) -> int:
    return int(np.count_nonzero(np.frombuffer(b"".join(contents), np.uint8) == ord('"')))


def _unaccounted(found: _Found, contents: Sequence[bytes]) -> list[int]:
    """Numbers of the contents with quotes that the decoded keys and strings do not account for."""
    expected = np.zeros(len(contents), np.int64)
    for values, ends in found.quotes:
        if isinstance(values, pa.Array):
            present = values.is_valid().to_numpy(zero_copy_only=False)
            expected += pc.count_substring(values, '"').fill_null(0).to_numpy(zero_copy_only=False)
        else:
            present = np.array([value is not None for value in values])
            expected += [value.count(b'"') if isinstance(value, bytes) else 0 for value in values]
        expected += present * ends
    # A quote escaped as one is in a string's value; with \u0022 a value has one that the record does not.
    return [
        at
        for at, (content, accounted) in enumerate(zip(contents, expected.tolist(), strict=True))
        if content.count(b'"') != accounted or b"\\u0022" in content
    ]


def _json_text(contents: list[bytes | None], bad: set[int]) -> pa.Array:
    """Text of a JSON column, where null and {} are nothing; what is no UTF-8 is `bad`."""
    array = pa.array(contents, _BINARY)
    try:
        text = array.cast(_STRING)
    except pa.ArrowInvalid:
        for row, content in enumerate(contents):
            try:
                (content or b"").decode()
            except UnicodeDecodeError:
                bad.add(row)
                contents[row] = None
        text = pa.array(contents, _BINARY).cast(_STRING)
    if (pc.min(array).as_py() or b"~")[0] <= 0x20:  # msgspec keeps the space before a value
        text = pc.ascii_ltrim_whitespace(text)
    return pc.if_else(pc.is_in(text, _NOTHING), None, text)


def _copy_promoted(table: TypeTree, rows: Iterable[int], contents: Iterable[bytes], sparse: Sparse) -> None:
    """Add what the promoted paths of `table` find in JSON contents, each of the row with its number.

    As `copy_promoted` does for one; here a key's values are made texts all at once.
    """
    found: defaultdict[str, tuple[list[int], list[Any]]] = defaultdict(lambda: ([], []))
    known = table.__contains__
    for row, content in zip(rows, contents, strict=True):
        try:
            level = _decode_level(content)
        except _REFUSED:
            text = content.decode().lstrip()
            if text[0] == "{":
                _copy_carefully(table, row, text, sparse)
            continue
        for key in filter(known, level):
            places, raws = found[key]
            places.append(row)
            raws.append(level[key])
    for key, (places, raws) in found.items():
        node = table[key]
        if isinstance(node, dict):
            inner = [(row, content) for row, raw in zip(places, raws, strict=True) if len(content := bytes(raw)) > 2]
            _copy_promoted(node, [row for row, _ in inner], [content for _, content in inner], sparse)
        elif (texts := _texts(raws)) is not None:
            rows_so_far, texts_so_far = sparse[node]
            rows_so_far += places
            texts_so_far += texts
        else:
            for row, raw in zip(places, raws, strict=True):
                _copy_carefully({key: node}, row, f"{{{json.dumps(key)}:{str(raw, 'utf-8')}}}", sparse)


def _copy_carefully(table: TypeTree, row: int, text: str, sparse: Sparse) -> None:
    pairs: list[tuple[int, str]] = []
    copy_promoted(text, table, pairs)
    for at, value in pairs:
        rows, texts = sparse[at]
        rows.append(row)
        texts.append(value)


def _texts(raws: list[Any]) -> list[str] | None:
    """Texts of JSON values that are all strings, or all numbers and booleans; None for others."""
    try:
        return _decode_strings(b"[" + b",".join(raws) + b"]")
    except _REFUSED:
        texts = b"\n".join(raws).decode().split("\n")
        return texts if len(texts) == len(raws) and _PLAIN.issuperset(text[0] for text in texts) else None
