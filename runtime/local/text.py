"""Text from outside made harmless for a terminal: what an attacker named must not move its cursor."""

import re

# C0, DEL and C1 controls, and the marks that reorder text or hide in it.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def harmless(text: str) -> str:
    r"""`text` with every control character as its escape, such as `\x1b`.

    >>> harmless("a\x1b[31m")
    'a\\x1b[31m'
    """
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)
