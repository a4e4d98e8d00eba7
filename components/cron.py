"""When a Glue cron expression starts: the minutes of a day, taking every day as one of its days."""

import re
from itertools import pairwise

MINUTES_OF_DAY = 24 * 60


def starts(cron: str) -> list[int]:
    """The minutes of a day at which a Glue cron expression starts, in order.

    Raises ValueError for minutes or hours that do not exist.
    """
    minutes, hours = cron.removeprefix("cron(").split()[:2]
    return [
        hour * 60 + minute for hour in _numbers(hours, 24, "an hour") for minute in _numbers(minutes, 60, "a minute")
    ]


def shortest_gap(cron: str) -> int:
    """The fewest minutes between two starts. Raises ValueError as `starts` does.

    >>> shortest_gap("cron(0/20 8-10 * * ? *)")
    20
    """
    return min(_gaps(cron))


def longest_gap(cron: str) -> int | None:
    """The most minutes between two starts; None where it leaves days out. Raises ValueError as `starts` does.

    >>> longest_gap("cron(0/20 8-10 * * ? *)"), longest_gap("cron(0 3 ? * MON-FRI *)")
    (1280, None)
    """
    daily = set(cron.removesuffix(")").split()[2:]) <= {"*", "?"}
    return max(_gaps(cron)) if daily else None


def _gaps(cron: str) -> list[int]:
    found = starts(cron)
    return [later - earlier for earlier, later in pairwise([*found, found[0] + MINUTES_OF_DAY])]


def _numbers(text: str, limit: int, what: str) -> list[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        if not match:
            raise ValueError(f"{part!r} is not {what}")
        first, last, step = (int(group) if group else None for group in match.groups())
        end = last if last is not None else limit - 1 if first is None or step is not None else first
        numbers = range(first or 0, end + 1, step or 1) if step != 0 and end < limit else range(0)
        if not numbers:
            raise ValueError(f"{part!r} is not {what} from 0 to {limit - 1}")
        found |= set(numbers)
    return sorted(found)
