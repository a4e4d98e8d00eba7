"""The fast way of `record -> row`: msgspec decodes a record that is as documented; any other goes the careful way."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import msgspec

T = TypeVar("T")
Values = tuple[str | None, ...]
TypeTree = dict[str, "int | TypeTree"]
"""Keys of the record down to column numbers."""

# Fields that real records hold both as booleans and as text; with msgspec told so, neither leaves the fast way.
BOOLEANS = {"managementEvent", "readOnly", "sessionCredentialFromConsole", "mfaAuthenticated", "assumedRoot"}
# Of the structs inside records, so many are remembered, if they are no longer: 4 MB at most for each of the four.
_REMEMBERED, _LONGEST = 1 << 10, 1 << 12
FAILURES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_astuple = msgspec.structs.astuple


class Decoded(NamedTuple):
    """A record as documented: its scalar columns, the values of each struct in it, and its free-form fields."""

    scalars: list[str | None]
    structs: list[Values]
    documents: list[str | None]


def fast_way(tree: TypeTree, json_columns: frozenset[int]) -> Callable[[bytes], Decoded | None]:
    """Way from a record's bytes to its values, which stand in the columns' order; None if it is not as documented.

    The structs inside (userIdentity, tlsDetails, ...) are looked up by their bytes before they are decoded: the same
    caller with the same session stands in record after record.

    msgspec keeps the last of repeated keys, silently (https://github.com/jcrist/msgspec/issues/648). So quotes are
    counted: a key has two, a string has two, and a record must have as many as what was decoded accounts for. With
    more, a key may have stood there twice.
    """
    scalars = [(key, at) for key, at in tree.items() if isinstance(at, int) and at not in json_columns]
    documents = [(key, at) for key, at in tree.items() if isinstance(at, int) and at in json_columns]
    parts = [(key, Part(node, json_columns)) for key, node in tree.items() if isinstance(node, dict)]
    order = [*(at for _, at in scalars), *(at for _, p in parts for at in p.columns), *(at for _, at in documents)]
    assert order == list(range(len(order))), "columns stand in the order: scalars, each struct's, free-form fields"

    raw = [(key, msgspec.Raw, None) for key, _ in (*parts, *documents)]
    decode = msgspec.json.Decoder(record_struct(scalars, raw)).decode
    first, last = len(scalars), len(scalars) + len(parts)
    slots = [(first + n, remembering(part.values), (None,) * len(part.columns)) for n, (_, part) in enumerate(parts)]
    booleans = [at for at, (key, _) in enumerate(scalars) if key in BOOLEANS]

    def fast(record: bytes) -> Decoded | None:
        try:
            flat = _astuple(decode(record))
            values: list[Any] = [*flat[:first]]
            quotes = record.count(b'"') - 4 * (first - values.count(None))
            for at in booleans:
                value = values[at]
                if value is True:
                    values[at] = "true"
                    quotes += 2
                elif value is False:
                    values[at] = "false"
                    quotes += 2
            structs: list[Values] = []
            for at, take, nothing in slots:
                raw = flat[at]
                if raw is None:
                    structs.append(nothing)
                else:
                    found, count = take(bytes(raw))
                    structs.append(found)
                    quotes -= count
            texts: list[str | None] = []
            for raw in flat[last:]:
                if raw is None:
                    texts.append(None)
                else:
                    text, count = _document(raw)
                    texts.append(text)
                    quotes -= count
        except FAILURES:
            return None
        return None if quotes else Decoded(values, structs, texts)

    return fast


def record_struct(scalars: Iterable[tuple[str, int]], raw: Sequence[tuple[str, Any, Any]]) -> type[msgspec.Struct]:
    """What msgspec decodes a record into: its scalars, None where there is none, then the fields of `raw`."""
    fields = [*((key, _scalar_type(key), None) for key, _ in scalars), *raw]
    return msgspec.defstruct("Record", fields, forbid_unknown_fields=True, gc=False)


def remembering(decoded: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """The same, for the bytes of a struct: what is made of the latest ones is at hand, unless they are long."""
    remembered = lru_cache(_REMEMBERED)(decoded)

    def take(content: bytes) -> T:
        return remembered(content) if len(content) <= _LONGEST else decoded(content)

    return take


class Part:
    """One struct of the record, with those inside it: its columns, and the way to their values."""

    def __init__(self, tree: TypeTree, json_columns: frozenset[int]) -> None:
        order: list[int] = []  # column per place in the flattened structs; -1 for a struct itself
        self._nested: list[tuple[int, tuple[None, ...]]] = []
        struct = self._struct("Part", tree, json_columns, order)
        self._decode = msgspec.json.Decoder(struct | None).decode
        self.columns = sorted(at for at in order if at >= 0)
        places = {at: place for place, at in enumerate(order) if at >= 0}
        self._pick = itemgetter(*(places[at] for at in self.columns))
        self._json = [n for n, at in enumerate(self.columns) if at in json_columns]

    def values(self, content: bytes) -> tuple[Values, int]:
        """Values of the columns, and the quotes that they and the struct's own key account for.

        Raises what msgspec raises for a struct that is not as documented.
        """
        decoded = self._decode(content)
        flat: list[Any] = [None] * len(self.columns) if decoded is None else list(_astuple(decoded))
        quotes = 2
        if decoded is not None:
            for place, empty in self._nested:
                child = flat[place]
                if child is None:
                    flat += empty
                else:
                    flat += _astuple(child)
                    quotes += 2
            flat = list(self._pick(flat))
        quotes += 4 * (len(flat) - flat.count(None))
        for at, value in enumerate(flat):
            if value is True or value is False:
                flat[at] = "true" if value else "false"
                quotes -= 2
        for at in self._json:
            if flat[at] is not None:
                flat[at], count = _document(flat[at])
                quotes += count - 4
        return tuple(flat), quotes

    def _struct(
        self, name: str, tree: TypeTree, json_columns: frozenset[int], order: list[int]
    ) -> type[msgspec.Struct]:
        """Struct of one level; appends to `order` what its places hold, then its children's places."""
        fields: list[tuple[str, Any, Any]] = []
        children: list[tuple[int, str, TypeTree]] = []
        for key, node in tree.items():
            if isinstance(node, dict):
                children.append((len(order), key, node))
                order.append(-1)
                fields.append((key, None, None))
            else:
                order.append(node)
                fields.append((key, msgspec.Raw if node in json_columns else _scalar_type(key), None))
        types: dict[str, type[msgspec.Struct]] = {}
        for place, key, node in children:
            slot = len(self._nested)
            self._nested.append((place, ()))
            types[key] = self._struct(f"{name}_{key}", node, json_columns, order)
            # a child's own fields come first; its children's places are appended when they are reached
            self._nested[slot] = (place, (None,) * len(node))
        return msgspec.defstruct(
            name,
            [(k, types[k] | None if k in types else t, d) for k, t, d in fields],
            forbid_unknown_fields=True,
            gc=False,
        )


def _scalar_type(key: str) -> Any:
    return bool | str | None if key in BOOLEANS else str | None


def _document(raw: msgspec.Raw) -> tuple[str | None, int]:
    """Text of a free-form field, None for null and {}, and the quotes that it and its key account for."""
    content = str(raw, "utf-8")
    if content[0] <= " ":  # msgspec keeps the space before a value
        content = content.lstrip()
    if content == "null" or content == "{}":  # noqa: PLR1714 - quicker than `in`
        return None, 2
    return content, 2 + content.count('"')
