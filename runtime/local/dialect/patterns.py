"""Literals that Athena's engine reads in its own way: regular expressions, time formats, JSON paths."""

import re

from runtime.local.dialect.types import Refused

_GROUP_MAY_BE_EMPTY = re.compile(r"\)[?*{]")
_CLASS = {"d": r"\p{Nd}", "w": r"\p{L}\p{M}\p{N}\p{Pc}", "s": r"\s\x0b\x{85}\p{Z}"}


def regex(pattern: str) -> str:
    r"""The pattern for RE2, with classes as wide as Athena's (`\d` is any digit of Unicode). Raises Refused.

    Look-around, back-references, possessive quantifiers and Java's class arithmetic have no like on RE2.
    """
    out: list[str] = []
    inside = False
    at = 0
    while at < len(pattern):
        char = pattern[at]
        following = pattern[at + 1 : at + 2]
        if char == "\\":
            if following in _CLASS:
                out.append(_CLASS[following] if inside else f"[{_CLASS[following]}]")
            elif following.lower() in _CLASS and not inside and following:
                out.append(f"[^{_CLASS[following.lower()]}]")
            elif (not following.isalnum() and following.isascii() and following) or following in {"t", "n", "r", "f"}:
                out.append(char + following)
            elif following == "b" and not inside:
                out.append("\\b")
            else:
                raise Refused(f"the regular expression's \\{following} is not supported; spell it without")
            at += 2
            continue
        if inside:
            if char == "[" or pattern[at : at + 2] == "&&":
                raise Refused(
                    f"a class in a class is not supported in the regular expression {pattern!r}; write one class"
                )
            inside = char != "]"
        elif char == "[":
            inside = True
            start = at + 1 + (following == "^")
            if pattern[start : start + 1] == "]":
                raise Refused(f"a class that begins with ] is not supported in {pattern!r}; write \\]")
        elif char == "(" and following == "?" and not re.match(r"\(\?(?::|i\))", pattern[at:]):
            raise Refused(
                f"{pattern[at : at + 4]!r} is not supported in a regular expression; of (?, only (?: and (?i) are"
            )
        elif pattern[at : at + 2] in {"++", "*+", "?+", "}+"}:
            raise Refused(f"a possessive quantifier is not supported in {pattern!r}; leave out the second +")
        out.append(char)
        at += 1
    result = "".join(out)
    try:
        re.compile(pattern)
    except re.error as error:
        raise Refused(f"{pattern!r} is no regular expression ({error}); check it") from None
    return result


def never_empty(pattern: str) -> None:
    """Raise Refused for a pattern that matches the empty text: engines differ in where."""
    if re.compile(pattern).search("") or re.search(r"\\b|(?<![\[\\])[\^$]", pattern):
        raise Refused(f"{pattern!r} can match without a character; ask for at least one, without ^, $ or \\b")


def group(pattern: str, number: int) -> None:
    """Raise Refused where the group is not there, or not in every match: Athena then gives null, DuckDB ''."""
    if number > re.compile(pattern).groups or number < 0:
        raise Refused(f"{pattern!r} has no group {number}; count its parentheses")
    if number and ("|" in pattern or _GROUP_MAY_BE_EMPTY.search(pattern)):
        raise Refused(f"group {number} of {pattern!r} may be without a match; write it without | and without )? or )*")


def replacement(text: str, pattern: str) -> str:
    r"""Athena's `$1` as RE2's `\\1`. Raises Refused for what else a replacement may hold."""
    if "\\" in text or re.search(r"\$(?!\d)|\$\d\d", text):
        raise Refused(f"the replacement {text!r} is not supported; write groups as $1 to $9, no other $ or \\")
    for number in re.findall(r"\$(\d)", text):
        group(pattern, int(number))
    return re.sub(r"\$(\d)", r"\\\1", text)


# MySQL's letters, as Athena's date_format and date_parse take them, and strftime's.
_FORMAT = {
    "Y": "%Y", "y": "%y", "m": "%m", "c": "%-m", "d": "%d", "e": "%-d", "H": "%H", "k": "%-H", "h": "%I", "I": "%I",
    "l": "%-I", "i": "%M", "s": "%S", "S": "%S", "f": "%f", "p": "%p", "a": "%a", "W": "%A", "b": "%b", "M": "%B",
    "j": "%j", "T": "%H:%M:%S", "r": "%I:%M:%S %p", "%": "%%",
}  # fmt: skip
_PARSE = frozenset("YmdHisST%")


def time_format(text: str, *, parse: bool = False) -> str:
    """Athena's time format as strftime's; for `parse` only what both read alike. Raises Refused."""

    def letter(match: re.Match[str]) -> str:
        if match[1] not in _FORMAT or (parse and match[1] not in _PARSE):
            raise Refused(
                f"%{match[1]} is not supported in a time format; known are: %" + " %".join(_PARSE if parse else _FORMAT)
            )
        return _FORMAT[match[1]]

    return re.sub(r"%(.?)", letter, text, flags=re.DOTALL)


_STEP = re.compile(r'\.([A-Za-z0-9_]+)|\["([^"\\*]+)"\]|\[(\d+)\]')


def path_keys(text: str) -> list[str | int]:
    """Keys and list positions of Athena's JSON path. Raises Refused for what Athena refuses and for quotes in a key."""
    if not text.startswith("$"):
        raise Refused(f"the JSON path {text!r} does not begin with $; write $.key")
    keys: list[str | int] = []
    at = 1
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            raise Refused(f'the JSON path {text!r} is not supported; write $.key, $["a key"] or $.list[0]')
        key, quoted, index = step.groups()
        keys.append(int(index) if index else key or quoted)
        at = step.end()
    return keys


def json_path(keys: list[str | int]) -> str:
    """Those keys as DuckDB's path."""
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f'."{key}"' for key in keys)
