"""Marks beside the flat files: the flattener tells the Parquet job of folders that it would not look into by itself.

    flatfiles/_late/<DT>.until-<DAY>        something was written into dt=<DT>, on that day at the latest

docs/decisions/0011-late-flat-files.md says why.
"""

import re
from datetime import date, timedelta

FOLDER = "_late"
DAYS = 2
"""The folders of so many days, today's the last, and tomorrow's, need no mark."""
LEAST = DAYS + 1
"""The job looks into at least so many: what needs no mark before midnight may be written after it."""
_MARK = re.compile(r"(\d{4}-\d\d-\d\d)\.until-(\d{4}-\d\d-\d\d)")


def mark(dt: str, today: date) -> str | None:
    """Path below `flatfiles/` of the mark that must stand before something is written into this folder, if one must."""
    if (today - timedelta(DAYS - 1)).isoformat() <= dt <= (today + timedelta(1)).isoformat():
        return None
    # A mark put just before midnight is for a flat file that may come just after.
    return f"{FOLDER}/{dt}.until-{(today + timedelta(1)).isoformat()}"


def read(path: str) -> tuple[str, str] | None:
    """The folder's day and the mark's last day; None for what is no mark."""
    found = _MARK.fullmatch(path.rsplit("/", 1)[-1])
    return (found[1], found[2]) if found else None
