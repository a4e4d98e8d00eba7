"""YAML as nodes with their file and line, from which a value is taken by the type that its key wants.

Nothing is guessed from how a value looks: `012345670123`, `no` and `03:00` stay the text that stands in the file.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Spot:
    """A line of a file; lines count from 1, 0 is the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake in a file; `text` names the key, if there is one, and the cure."""

    spot: Spot
    text: str

    def __str__(self) -> str:
        return f"{self.spot}: {self.text}"


@dataclass(slots=True)
class Node:
    """A mapping (`keys`), a list (`items`) or a scalar (`text`), and where it stands.

    `plain` is false for a scalar in quotes or of a block.
    """

    spot: Spot
    keys: "dict[str, Node] | None" = None
    items: "list[Node] | None" = None
    text: str = ""
    plain: bool = False

    @property
    def empty(self) -> bool:
        """Whether no value stands there, as after `key:`, or null."""
        return (
            self.keys is None and self.items is None and self.plain and self.text in {"", "~", "null", "Null", "NULL"}
        )

    def shown(self) -> str:
        """What stands there, short, for a message."""
        if self.keys is not None:
            return "keys"
        return "a list" if self.items is not None else "nothing" if self.empty else repr(self.text)


@dataclass(slots=True)
class Document:
    """One file's root, None where nothing can be read, and its mistakes."""

    file: str
    root: Node | None = None
    findings: list[Finding] = field(default_factory=list)


def read(path: Path) -> Document:
    """A file as nodes. Raises FileNotFoundError; all else is among the findings."""
    document = Document(str(path))
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        document.findings.append(Finding(Spot(document.file, line), "is not UTF-8; save the file as UTF-8"))
        return document
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        document.findings.append(Finding(Spot(document.file), f"cannot be read: {error.strerror}"))
        return document
    try:
        if _refused(text, document):
            return document
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        document.findings.append(Finding(*_broken(error, document.file)))
    except RecursionError:
        document.findings.append(Finding(Spot(document.file), "is nested too deeply to be read"))
    else:
        document.root = _node(root, document, "") if root is not None else Node(Spot(document.file, 1), keys={})
        if document.root.keys is None:
            document.findings.append(
                Finding(document.root.spot, f"must hold keys, as `account:`, got {document.root.shown()}")
            )
            document.root = None
    return document


def merge(base: Node, over: Node) -> Node:
    """`over` laid upon `base`: mappings key by key, all else replaced; null takes a key of `base` away."""
    if base.keys is None or over.keys is None:
        return over
    keys = dict(base.keys)
    for key, node in over.keys.items():
        if node.empty and key in keys:
            del keys[key]
        else:
            keys[key] = merge(keys[key], node) if key in keys else node
    return Node(over.spot, keys=keys)


def _refused(text: str, document: Document) -> bool:
    """Find what YAML has and these files have not: anchors, aliases, tags and further documents."""
    documents = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        spot = Spot(document.file, event.start_mark.line + 1 if event.start_mark else 0)
        tag = event.tag if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) else None
        if isinstance(event, yaml.AliasEvent):
            document.findings.append(Finding(spot, f"aliases (*{event.anchor}) are not read; write the value out"))
        elif isinstance(event, yaml.NodeEvent) and event.anchor:
            document.findings.append(Finding(spot, f"anchors (&{event.anchor}) are not read; take it out"))
        elif tag:
            document.findings.append(Finding(spot, f"tags ({tag}) are not read; take it out"))
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents == 2:
                document.findings.append(Finding(spot, "a second document begins; one file is one stack"))
    return bool(document.findings)


def _broken(error: yaml.YAMLError, file: str) -> tuple[Spot, str]:
    mark = getattr(error, "problem_mark", None)
    spot = Spot(file, mark.line + 1 if mark else 0)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    if "'\\t'" in problem:
        return spot, "has a tab where YAML wants spaces; indent with spaces"
    context = getattr(error, "context", None)
    cure = "; put text with ? : , { or [ in it in quotes" if context and "flow" in context else ""
    return spot, f"is not valid YAML: {problem}{f' {context}' if context else ''}{cure}"


def _node(node: Any, document: Document, path: str) -> Node:
    spot = Spot(document.file, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode):
        return Node(spot, text=node.value, plain=node.style is None)
    if isinstance(node, yaml.SequenceNode):
        return Node(spot, items=[_node(item, document, f"{path}[{at}]") for at, item in enumerate(node.value)])
    keys: dict[str, Node] = {}
    for key, value in node.value:
        here = Spot(document.file, key.start_mark.line + 1)
        if not isinstance(key, yaml.ScalarNode):
            document.findings.append(Finding(here, f"{path or 'the file'}: a key must be text"))
            continue
        name = f"{path}.{key.value}" if path else key.value
        if key.value in keys:
            first = keys[key.value].spot.line
            document.findings.append(Finding(here, f"{name}: is given twice, first in line {first}; keep one"))
            continue
        keys[key.value] = _node(value, document, name)
        # A section that begins a line below its key is named by its key's line.
        keys[key.value].spot = here
    return Node(spot, keys=keys)
