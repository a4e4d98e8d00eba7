"""The named queries: each `.sql` file beside this one, its header read, its placeholders filled.

A file is a header of comments and one statement in Athena's dialect over the table `parquettrails`:

    -- title: what it is called
    -- question: what it answers
    -- param name: default          (no default: the value must be given)
    -- param name[]: one, two       (a list; empty is allowed)
    -- control: the benchmark's control it implements, with the benchmark's version

`today` and `today-7` as a default make the parameter a date. In the statement `:name` stands for the quoted value,
a list's for its quoted items with commas between.

`python -m runtime.athena.named` prints docs/queries.md.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).parent
FIRST = "hour"  # the post's query opens every list

_HEADER = re.compile(r"-- (title|question|control|param ([a-z_]+)(\[\])?):[ \t]*(.*)")
_TODAY = re.compile(r"today(?:-(\d{1,5}))?", re.ASCII)
# What may hold a colon that is no placeholder comes first: strings, quoted names, comments, casts.
_PLACEHOLDER = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|::|:([a-z_]+)\b", re.DOTALL)


class QueryError(ValueError):
    """A query cannot be made from what was given; its text is one sentence with the cure."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: `default` is text, a tuple for a list, None where a value must be given."""

    name: str
    default: str | tuple[str, ...] | None

    @property
    def is_list(self) -> bool:
        """Takes any number of values."""
        return isinstance(self.default, tuple)

    @property
    def is_date(self) -> bool:
        """Takes YYYY-MM-DD, `today` or `today-<days>`."""
        return isinstance(self.default, str) and _TODAY.fullmatch(self.default) is not None


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """One named query; `sql` is the statement with its placeholders, without the header."""

    name: str
    title: str
    question: str
    parameters: tuple[Parameter, ...]
    control: str | None
    sql: str

    def render(self, values: Mapping[str, str | list[str]], today: date) -> str:
        """The statement with its parameters filled in, the defaults where `values` has none.

        A list may be given as text with commas. Raises QueryError for an unknown or missing parameter and for a
        date that is none.
        """
        known = ", ".join(parameter.name for parameter in self.parameters)
        for name in values:
            if all(name != parameter.name for parameter in self.parameters):
                raise QueryError(f"{self.name}: there is no parameter {name}; known are: {known}")
        filled: dict[str, str | Sequence[str]] = {}
        for parameter in self.parameters:
            value = values.get(parameter.name, parameter.default)
            if value is None:
                raise QueryError(
                    f"{self.name}: the parameter {parameter.name} has no default, give it a value; known are: {known}"
                )
            filled[parameter.name] = self._checked(parameter, value, today)
        return substitute(self.sql, filled)

    def saved(self) -> str:
        """The statement to keep in a console: dates are relative to `current_date`, the rest are the defaults.

        A parameter without default becomes its name in angle brackets, to be overwritten.
        """
        return _PLACEHOLDER.sub(self._saved, self.sql)

    def _saved(self, match: re.Match[str]) -> str:
        parameter = next((known for known in self.parameters if known.name == match[1]), None)
        if parameter is None:
            return match[0]
        if parameter.is_date and isinstance(parameter.default, str) and (day := _TODAY.fullmatch(parameter.default)):
            return f"date_format(current_date - interval '{int(day[1] or 0)}' day, '%Y-%m-%d')"
        return substitute(
            match[0], {parameter.name: f"<{parameter.name}>" if parameter.default is None else parameter.default}
        )

    def _checked(self, parameter: Parameter, value: str | Sequence[str], today: date) -> str | Sequence[str]:
        if parameter.is_list:
            return _items(value) if isinstance(value, str) else value
        if not isinstance(value, str):
            raise QueryError(f"{self.name}: the parameter {parameter.name} takes one value, not a list")
        return self._day(parameter.name, value, today) if parameter.is_date else value

    def _day(self, name: str, value: str, today: date) -> str:
        try:
            if relative := _TODAY.fullmatch(value):
                return (today - timedelta(days=int(relative[1] or 0))).isoformat()
            # fromisoformat also takes 20240101, which as text compares with no partition.
            if date.fromisoformat(value).isoformat() == value:
                return value
        except (ValueError, OverflowError):
            pass
        raise QueryError(f"{self.name}: {name} is {value!r}; write YYYY-MM-DD, today or today-<days>")


def substitute(sql: str, values: Mapping[str, str | Sequence[str]]) -> str:
    """`sql` with each `:name` replaced by the value as a quoted literal; a list gives literals with commas between.

    Placeholders in strings, quoted names and comments stay. An empty list gives `''`, so that `IN (:list)` stays
    SQL and matches nothing. Raises QueryError for a placeholder without value.
    """

    def literal(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0]
        if name not in values:
            given = ", ".join(values) or "none"
            raise QueryError(f"the query has a placeholder :{name} without a value; given are: {given}")
        value = values[name]
        return ", ".join(_quoted(item) for item in ([value] if isinstance(value, str) else value or [""]))

    return _PLACEHOLDER.sub(literal, sql)


@cache
def load() -> Mapping[str, NamedQuery]:
    """All named queries by name: the post's first, the rest by name with numbers in their order."""
    queries = [_parse(path.stem, path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.sql")]
    queries.sort(key=lambda query: (query.name != FIRST, _natural(query.name)))
    return MappingProxyType({query.name: query for query in queries})


def _parse(name: str, text: str) -> NamedQuery:
    """Raises QueryError where the header is not as this module's description says."""
    fields: dict[str, str] = {}
    parameters: list[Parameter] = []
    lines = text.splitlines()
    at = 0
    while at < len(lines) and lines[at].startswith("--"):
        match = _HEADER.fullmatch(lines[at].rstrip())
        if match is None:
            raise QueryError(f"{name}.sql: line {at + 1} is no header line; write -- title|question|param|control:")
        key, parameter, is_list, value = match.groups()
        if parameter is None:
            fields[key] = value
        else:
            parameters.append(Parameter(parameter, _items(value) if is_list else value or None))
        at += 1
    for key in ("title", "question"):
        if not fields.get(key):
            raise QueryError(f"{name}.sql: the header has no {key}; add a line -- {key}: ...")
    return NamedQuery(
        name,
        fields["title"],
        fields["question"],
        tuple(parameters),
        fields.get("control"),
        "\n".join(lines[at:]).strip() + "\n",
    )


def _items(value: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in value.split(",") if item.strip())


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def reference() -> str:
    """docs/queries.md: every query with its question, parameters and control, in Markdown."""
    lines = [
        "# Named queries",
        "",
        "Made from the headers of `runtime/athena/*.sql` by `make docs`; do not edit.",
        "",
        "Run one with `trailsight query NAME --param name=value`. Days are `YYYY-MM-DD`, `today` or `today-<days>`;",
        "both ends are included. A list takes values with commas between.",
        "",
        "| query | answers |",
        "| --- | --- |",
        *(f"| [{query.name}](#{query.name}) | {query.title} |" for query in load().values()),
    ]
    for query in load().values():
        lines += ["", f"## {query.name}", "", f"**{query.title}.** {query.question}", ""]
        if query.control:
            lines += [f"Control: {query.control}.", ""]
        lines += ["| parameter | default |", "| --- | --- |"]
        lines += [f"| `{parameter.name}` | {_shown(parameter)} |" for parameter in query.parameters]
    return "\n".join(lines) + "\n"


def _shown(parameter: Parameter) -> str:
    if parameter.default is None:
        return "none: must be given"
    if isinstance(parameter.default, tuple):
        return "list: " + (", ".join(f"`{item}`" for item in parameter.default) or "empty")
    return f"`{parameter.default}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
