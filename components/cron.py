"""When a Glue cron expression starts: the minutes of each of its days, and whether those are all days."""

import re
from itertools import pairwise

MINUTES_OF_DAY = 24 * 60
_EVERY = {"*", "?", "*/1", "1/1"}


def starts(cron: str) -> list[int]:
    """The minutes of one of its days at which a Glue cron expression starts, in order.

    Raises ValueError for minutes or hours that do not exist.
    """
    minutes, hours = cron.removeprefix("cron(").split()[:2]
    return [
        hour * 60 + minute for hour in _numbers(hours, 24, "an hour") for minute in _numbers(minutes, 60, "a minute")
    ]


def days(cron: str) -> tuple[str, ...]:
    """Day, month, weekday and year: what a Glue cron expression says of its days, `*` for every one of them.

    >>> days("cron(0 3 1/1 * ? *)"), days("cron(0 3 ? * SUN *)")
    (('*', '*', '*', '*'), ('*', '*', 'SUN', '*'))
    """
    return tuple("*" if field in _EVERY else field for field in cron.removesuffix(")").split()[2:])


def is_daily(cron: str) -> bool:
    """Whether it leaves no day out, as far as can be told without a calendar."""
    return set(days(cron)) == {"*"}


def shortest_gap(cron: str) -> int | None:
    """The fewest minutes between two starts; None where a calendar would have to tell: one start on some days.

    Raises ValueError as `starts` does.

    >>> shortest_gap("cron(0/20 8-10 * * ? *)"), shortest_gap("cron(0 3 ? * SUN *)")
    (20, None)
    """
    return min(_gaps(cron), default=None)


def longest_gap(cron: str) -> int | None:
    """The most minutes between two starts; None where it leaves days out. Raises ValueError as `starts` does.

    >>> longest_gap("cron(0/20 8-10 * * ? *)"), longest_gap("cron(0 3 ? * MON-FRI *)")
    (1280, None)
    """
    gaps = _gaps(cron)
    return max(gaps) if is_daily(cron) else None


def _gaps(cron: str) -> list[int]:
    """Minutes between the starts of one day, and over midnight where there is a next day."""
    found = starts(cron)
    tomorrow = [found[0] + MINUTES_OF_DAY] if is_daily(cron) else []
    return [later - earlier for earlier, later in pairwise(found + tomorrow)]


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
