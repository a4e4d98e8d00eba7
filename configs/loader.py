"""Reads a stack's settings from `defaults.yaml` and `<stack>.yaml`: typed, checked, every mistake with its line."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from pulumi import RunError

from components.checks import combination_mistakes, is_secret, kind_text, rule_of, unknown, value_mistakes
from components.defaults import complete
from components.fields import Field, dotted, fields
from components.fields import Path as KeyPath
from components.mistakes import Mistake
from components.names import Names, Where
from components.rules import PIPELINE
from configs.document import Finding, Node, Spot, merge, read
from configs.model import StackConfig
from configs.references import Reference

FOLDER = Path("configs")
SHARED = "defaults.yaml"
_REFERENCE = re.compile(r"\$\{([^}]*)\}")


class ConfigError(RunError, ValueError):
    """A stack's files that cannot be used; the text has a line for each mistake: file:line: key: what and cure."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = tuple(sorted(findings, key=lambda one: (one.spot.file, one.spot.line, one.text)))
        super().__init__("\n".join(dict.fromkeys(map(str, self.findings))))


def load(stack: str, folder: Path = FOLDER, environ: Mapping[str, str] = os.environ) -> StackConfig:
    """The settings of a stack, without defaults of the component; a Reference stands where SSM is asked later.

    Raises ConfigError.
    """
    path = folder / f"{stack}.yaml"
    wrong = PIPELINE.wrong(stack)
    if wrong or stack == SHARED.removesuffix(".yaml"):
        wrong = wrong or f"cannot be {stack}, since {SHARED} is what all stacks share"
        raise ConfigError([Finding(Spot(str(path)), f"the stack's name {wrong}")])
    try:
        documents = [read(path)]
    except FileNotFoundError:
        raise ConfigError([Finding(Spot(str(path)), _no_file(folder))]) from None
    shared = folder / SHARED
    if shared.exists():
        documents.insert(0, read(shared))
    findings = [finding for document in documents for finding in document.findings]
    roots = [document.root for document in documents if document.root]
    if len(roots) < len(documents):
        raise ConfigError(findings)
    root = merge(*roots) if len(roots) == 2 else roots[0]
    reader = _Reader(environ)
    config = reader.section(StackConfig, root, ())
    findings += reader.findings + [
        Finding(reader.spot(mistake.path), f"{dotted(mistake.path)}: {mistake.text}")
        for mistake in _mistakes(stack, config, reader)
    ]
    if findings:
        raise ConfigError(findings)
    return cast("StackConfig", config)


def _no_file(folder: Path) -> str:
    stacks = sorted(path.stem for path in folder.glob("*.yaml") if path.name != SHARED)
    there = f"there are {', '.join(stacks)}" if stacks else "there is none yet"
    return f"does not exist ({there}); copy one of {folder}/examples and fill it in"


def _mistakes(stack: str, config: dict[str, Any], reader: "_Reader") -> list[Mistake]:
    values = [one for one in value_mistakes(StackConfig, config) if not reader.is_bad(one.path)]
    values = [Mistake(one.path, reader.hidden.get(one.path, one.text)) for one in values]
    bad = [*reader.bad, *(one.path for one in values)]
    account = config.get("account", {})
    # A placeholder is never compared: combinations that involve a bad key are left out.
    where = Where("", "", account.get("id", "0" * 12), account.get("region", "xx-none-1"))
    settings = complete(cast("StackConfig", config))
    combined = combination_mistakes(settings, Names(stack, where), bad)
    return values + [Mistake(one.path, reader.masked(one)) for one in combined]


class _Reader:
    """Takes values out of nodes by their fields' types; collects mistakes, and where each path stands."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.findings: list[Finding] = []
        self.bad: list[KeyPath] = []
        self.spots: dict[KeyPath, Spot] = {}
        self.hidden: dict[KeyPath, str] = {}
        self.taken: dict[KeyPath, dict[str, str]] = {}

    def spot(self, path: KeyPath) -> Spot:
        """Where a path stands, or the nearest around it."""
        while path not in self.spots:
            path = path[:-1]
        return self.spots[path]

    def is_bad(self, path: KeyPath) -> bool:
        """Whether a path, or what it is in, has been refused."""
        return any(path[: len(bad)] == bad for bad in self.bad)

    def masked(self, mistake: Mistake) -> str:
        """A mistake's text with the reference in place of each value that came by one."""
        text, about = mistake.text, (mistake.path, *mistake.others)
        for path, values in self.taken.items():
            if any(path[: len(one)] == one for one in about):
                for name in sorted(values, key=lambda name: len(values[name]), reverse=True):
                    text = text.replace(values[name], f"${{env:{name}}}")
        return text

    def refuse(self, path: KeyPath, spot: Spot, text: str) -> Any:
        """Note a mistake; gives None, the value of a path that has none."""
        self.findings.append(Finding(spot, f"{dotted(path)}: {text}"))
        self.bad.append(path)
        return None

    def section(self, section: Any, node: Node, path: KeyPath) -> dict[str, Any]:
        """Values by Python name."""
        self.spots[path] = node.spot
        by_key = {field.key: field for field in fields(section).values()}
        values = {}
        for key, below in (node.keys or {}).items():
            field = by_key.get(key)
            if field is None:
                name = f"{dotted(path)}.{key}" if path else key
                self.findings.append(Finding(below.spot, f"{name}: {unknown(key, by_key)}"))
                continue
            value = self.value(field, below, (*path, field.name))
            if value is not None:
                values[field.name] = value
        return values

    def value(self, field: Field, node: Node, path: KeyPath) -> Any:
        """The value of a node, None where it is refused."""
        self.spots[path] = node.spot
        if node.empty:
            cure = "write {} for all its defaults" if field.kind == "section" else "give one"
            return self.refuse(path, node.spot, f"has no value; {cure}, or take the key out")
        if field.kind == "anything":
            return _as_it_stands(node)
        if field.kind == "section" and node.keys is not None:
            return self.section(field.type, node, path)
        if field.kind == "list" and field.item and node.items is not None:
            return [self.value(field.item, item, (*path, at)) for at, item in enumerate(node.items)]
        if field.kind == "map" and field.item and node.keys is not None:
            found = {key: self.value(field.item, item, (*path, key)) for key, item in node.keys.items()}
            return {key: value for key, value in found.items() if value is not None}
        if field.kind in {"section", "list", "map"} or node.keys is not None or node.items is not None:
            return self.refuse(path, node.spot, self._wrong(field, node, path))
        readers: dict[str, Callable[[Field, Node, KeyPath], Any]] = {
            "text": self._text,
            "whole number": self._number,
            "switch": self._switch,
            "choice": self._choice,
        }
        return readers[field.kind](field, node, path)

    def _wrong(self, field: Field, node: Node, path: KeyPath, cure: str = "") -> str:
        got = "something else" if is_secret(path) else node.shown()
        return f"must be {kind_text(field)}, got {got}{cure}"

    def _number(self, field: Field, node: Node, path: KeyPath) -> Any:
        if node.plain and re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", node.text):
            return int(node.text)
        bare = re.fullmatch(r"-?[0-9]+", node.text)
        cure = "; take the quotes away" if bare and not node.plain else "; without a 0 in front" if bare else ""
        return self.refuse(path, node.spot, self._wrong(field, node, path, cure))

    def _switch(self, field: Field, node: Node, path: KeyPath) -> Any:
        if node.plain and node.text in {"true", "false"}:
            return node.text == "true"
        return self.refuse(path, node.spot, self._wrong(field, node, path))

    def _choice(self, field: Field, node: Node, path: KeyPath) -> Any:
        for member in field.type:
            if member.value == node.text:
                return member
        return self.refuse(path, node.spot, self._wrong(field, node, path))

    def _text(self, field: Field, node: Node, path: KeyPath) -> Any:
        whole = re.fullmatch(r"\$\{ssm:([^}]*)\}", node.text)
        if whole and field.takes_output:
            if re.fullmatch(r"/[A-Za-z0-9_./-]+", whole[1]):
                return Reference(whole[1])
            return self.refuse(
                path, node.spot, f"{node.text} names no parameter; give its path, as ${{ssm:/trailsight/webhook}}"
            )
        text = node.text
        for inside in _REFERENCE.findall(node.text):
            scheme, _, name = inside.partition(":")
            if scheme == "ssm":
                why = (
                    "must be the whole value"
                    if field.takes_output
                    else "is known too late for this key; use ${env:NAME}"
                )
                return self.refuse(path, node.spot, f"${{{inside}}} {why}")
            if scheme != "env" or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                return self.refuse(
                    path, node.spot, f"${{{inside}}} is not a reference; there are ${{env:NAME}} and ${{ssm:/path}}"
                )
            if not self.environ.get(name):
                return self.refuse(path, node.spot, f"the environment variable {name} is not set; set it")
            text = text.replace(f"${{{inside}}}", self.environ[name])
            self.taken.setdefault(path, {})[name] = self.environ[name]
            self.hidden[path] = f"must be {rule_of(path) or 'text'}; its value comes from ${{{inside}}}"
        return text


def _as_it_stands(node: Node) -> Any:
    """What IAM takes: every scalar as text, which it reads for numbers and booleans too."""
    if node.keys is not None:
        return {key: _as_it_stands(value) for key, value in node.keys.items()}
    return [_as_it_stands(item) for item in node.items] if node.items is not None else node.text
