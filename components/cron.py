"""When a Glue cron expression starts: the minutes of each of its days, and how far apart those days are."""

import re
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from operator import contains

MINUTES_OF_DAY = 24 * 60
_EVERY = {"*", "?", "*/1", "1/1"}
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_CALENDAR = range(date(2001, 1, 1).toordinal(), date(2013, 1, 1).toordinal())  # every kind of year, and 29 February


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


def most_days(cron: str) -> int | None:
    """The most days between two of its days; None where it has none, or says them by a year, L, W or #.

    >>> most_days("cron(5 * * * ? *)"), most_days("cron(0 3 ? * MON-FRI *)"), most_days("cron(0 3 L * ? *)")
    (1, 3, None)
    """
    if is_daily(cron):
        return 1
    of_month, months, weekdays, year = days(cron)
    try:
        wanted = _days(of_month, 31), _days(months, 12, _MONTHS), _days(weekdays, 7, _WEEKDAYS)
    except ValueError:
        return None
    found = [at for at in _CALENDAR if all(map(contains, wanted, _of(date.fromordinal(at))))]
    return max((later - earlier for earlier, later in pairwise(found)), default=None) if year == "*" else None


def _of(day: date) -> tuple[int, int, int]:
    """Day of the month, month, and weekday from Sunday, 1, on."""
    return day.day, day.month, day.isoweekday() % 7 + 1


def _days(text: str, last: int, names: Sequence[str] = ()) -> list[int]:
    """The numbers, from 1 on, that a field of days gives; ValueError for one that needs a calendar of its own."""
    for number, name in enumerate(names, 1):
        text = text.replace(name, str(number))
    return _numbers(re.sub(r"\*(/|$)", rf"1-{last}\1", text), last + 1, "a day")


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
