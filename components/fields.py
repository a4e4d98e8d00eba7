"""The tree of fields behind a pipeline's settings, read from the classes' annotations: what each key may hold."""

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, Required

Kind = Literal["text", "whole number", "switch", "choice", "section", "list", "map", "anything"]
Path = tuple[str | int, ...]
"""Where a value is: Python keys and, in lists, indexes."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key: its Python name, its name in YAML, the kind of its value, and what follows from that.

    `type` is the class of a section or the Enum of a choice; `item` is what a list or a map holds.
    """

    name: str
    key: str
    kind: Kind
    required: bool = False
    takes_output: bool = False
    type: Any = None
    item: "Field | None" = None

    @property
    def fields(self) -> "dict[str, Field]":
        """A section's fields by Python name."""
        return fields(self.type)


@cache
def fields(section: Any) -> dict[str, Field]:
    """Fields of a TypedDict in their order, by Python name. Raises TypeError for a type that YAML cannot give."""
    # Not typing.get_type_hints: it fails on the Output that `Input` names as text.
    return {name: _field(name, hint) for name, hint in section.__annotations__.items()}


def _field(name: str, hint: Any) -> Field:
    required = typing.get_origin(hint) is Required
    hint = typing.get_args(hint)[0] if required else hint
    takes_output = typing.get_origin(hint) is typing.Union and typing.get_args(hint)[0] is str  # Input[str]
    hint = str if takes_output else hint
    key = camel(name)
    origin = typing.get_origin(hint)
    if origin is list:
        return Field(name, key, "list", required, item=_field(name, typing.get_args(hint)[0]))
    if hint == dict[str, str]:
        return Field(name, key, "map", required, item=_field(name, str))
    if typing.is_typeddict(hint):
        return Field(name, key, "section", required, type=hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Field(name, key, "choice", required, type=hint)
    kinds: dict[Any, Kind] = {str: "text", int: "whole number", bool: "switch", Any: "anything"}
    if isinstance(hint, types.UnionType) or hint not in kinds:
        raise TypeError(f"{name}: no setting can be {hint!r}")
    return Field(name, key, kinds[hint], required, takes_output)


def camel(name: str) -> str:
    """A Python name as YAML and the package schema write it.

    >>> camel("i_understand_this")
    'iUnderstandThis'
    """
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def dotted(path: Path) -> str:
    """A path as messages name it.

    >>> dotted(("trail", "data_events", 0, "read_write"))
    'trail.dataEvents[0].readWrite'
    """
    names = (part if path[0] == "tags" or isinstance(part, int) else camel(part) for part in path)
    text = "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in names)
    return text.removeprefix(".")


def leaves(section: Any, settings: Any, path: Path = ()) -> Iterator[tuple[Path, Field, Any]]:
    """Every given value of known keys below a section, sections and lists included, outermost first."""
    for name, field in fields(section).items():
        if name in settings:
            yield from _below((*path, name), field, settings[name])


def _below(path: Path, field: Field, value: Any) -> Iterator[tuple[Path, Field, Any]]:
    yield path, field, value
    if field.kind == "section" and isinstance(value, dict):
        yield from leaves(field.type, value, path)
    elif field.kind == "list" and field.item and isinstance(value, list):
        for at, item in enumerate(value):
            yield from _below((*path, at), field.item, item)
