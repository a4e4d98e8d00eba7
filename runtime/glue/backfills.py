"""Which old `dt` folders the job looks into as well, because a backfill is filling them; no Spark needed to say so.

SOURCE/_backfill/<FROM>..<TO>.until-<DAY>       look into these days' folders too, until that day has passed
"""

import re
from datetime import date

from runtime.glue.arguments import Days
from runtime.glue.storage import Storage

FOLDER = "_backfill"
_MARK = re.compile(r"(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)\.until-(\d{4}-\d\d-\d\d)")


def mark(source: Storage, days: Days, until: date) -> None:
    """Have the job look into these days' folders up to and including `until`: while older keys are being flattened."""
    source.put(f"{FOLDER}/{days.first}..{days.last}.until-{until.isoformat()}", b"")


def current(source: Storage, today: date) -> list[Days]:
    """Days of the backfills under way; an expired mark is removed."""
    found = []
    for file in source.files(FOLDER):
        said = _MARK.fullmatch(file.path.rsplit("/", 1)[-1])
        if said is None:
            continue
        if date.fromisoformat(said[3]) >= today:
            found.append(Days(said[1], said[2]))
        else:
            source.delete([file.path])
    return found
