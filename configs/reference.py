"""The list of every key in docs/configuration.md, made from the model and the rules."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.checks import kind_text, rule_of
from components.fields import Field, dotted, fields
from components.fields import Path as KeyPath
from configs.model import StackConfig, sentences

FILE = Path(__file__).parents[1] / "docs/configuration.md"
BEGIN = "<!-- made by `make docs`, do not edit below -->\n"


def text() -> str:
    """The page as it must be: what people wrote above the mark, and the list of keys below it."""
    above, mark, _ = FILE.read_text().partition(BEGIN)
    assert mark, f"{FILE.name} has lost its mark"
    return above + mark + "".join(f"\n## {title}\n\n{table}" for title, table in _tables())


def _tables() -> Iterator[tuple[str, str]]:
    known = fields(StackConfig)
    for name in ("account", "deploy", *(name for name in known if name not in {"account", "deploy"})):
        field = known[name]
        rows = [_row(field, (name,), sentences(StackConfig)[name])]
        rows += _rows(field.type, (name,)) if field.kind == "section" else []
        yield f"`{name}`", "| key | value | default | what it is |\n| --- | --- | --- | --- |\n" + "".join(rows)


def _rows(section: Any, path: KeyPath) -> Iterator[str]:
    said = sentences(section)
    for name, field in fields(section).items():
        below = (*path, name)
        yield _row(field, below, said[name])
        if field.kind == "section":
            yield from _rows(field.type, below)
        elif field.item and field.item.kind == "section":
            yield from _rows(field.item.type, (*below, 0))


def _row(field: Field, path: KeyPath, sentence: str) -> str:
    if field.item and field.kind == "list":
        item = "sections" if field.item.kind == "section" else _value(field.item, (*path, 0))
        value = f"a list: {item}"
    else:
        value = _value(field, path)
    if field.takes_output or (field.item and field.item.takes_output):
        value += "; or `${ssm:/path}`"
    key = dotted(path).replace("[0]", "[]")
    said, default = split(sentence)
    return f"| `{key}` | {value} | {default} | {said} |\n"


def split(sentence: str) -> tuple[str, str]:
    """A field's sentence and its default, or `required`.

    >>> split("Its memory. Default: 512.")
    ('Its memory.', '512')
    """
    found = re.fullmatch(r"(.+?)(?: Default: (.+)\.| Required\.)", sentence)
    if not found:
        raise ValueError(f"{sentence!r} ends neither with its default nor with Required.")
    return found[1], found[2] or "required"


def _value(field: Field, path: KeyPath) -> str:
    rule = rule_of(path)
    if field.kind == "whole number":
        return f"a whole number, {rule}"
    return str(rule) if rule else kind_text(field)
