"""What a log file's path says of it: account, kind, Region, day, and its key in the lake; standard library only.

Known layouts, below any prefix: AWSLogs/<account>/<kind>/<region>/<yyyy>/<mm>/<dd>/, AWSLogs/o-<id>/<account>/...,
Control Tower's o-<id>/AWSLogs/o-<id>/<account>/..., and flat folders of downloads, whose file names say the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

SUFFIXES = (".json", ".json.gz", ".gz", ".jsonl", ".jsonl.gz", ".ndjson", ".csv")
KINDS = {
    "CloudTrail": "log",
    "CloudTrail-Insight": "insight",
    "CloudTrail-NetworkActivity": "networkactivity",
    "CloudTrail-Digest": "digest",
    "CloudTrail-Aggregated": "aggregated",
}
OTHER_SERVICE = "other service"
NO_EVENTS = ("digest", "aggregated", OTHER_SERVICE, "no log")
"""Kinds of file that hold no events of the lake: they are skipped, and counted."""
ACCOUNT = re.compile(r"\d{12}")
REGION = re.compile(r"[a-z]{2,6}(-[a-z0-9]+)+")
_NAME = re.compile(r"(\d{12})_(CloudTrail(?:-[A-Za-z]+)?)_([a-z0-9-]+)_(?:.*_)?(\d{4})(\d\d)(\d\d)T\d{4,6}Z(?:_|\.)")
# AWS Config, load balancers, flow logs, GuardDuty, WAF, ... share the bucket, in folders of the same form:
# AWSLogs/<account>/<service>/..., with Hive's names AWSLogs/aws-account-id=<account>/aws-service=<service>/...
_ACCOUNT_FOLDER = re.compile(r"(?:aws-account-id=)?\d{12}")
_NO_SERVICE = re.compile(r"\d+|[a-z]{2,6}(-[a-z]+)+-\d")  # a year, or a Region: somebody's own order of log files
_OTHER_NAME = re.compile(r"\d{12}_(?!CloudTrail[_-])[A-Za-z][A-Za-z0-9-]*_[a-z]{2,6}(-[a-z]+)+-\d_")


@dataclass(frozen=True, slots=True)
class Place:
    """What a path says so far; None is not known."""

    account: str | None = None
    kind: str | None = None
    region: str | None = None
    year: int | None = None
    month: int | None = None
    day: int | None = None

    @property
    def date(self) -> date | None:
        """The delivery day; None if it is not known, or only looks like one."""
        if not (self.year and self.month and self.day):
            return None
        try:
            return date(self.year, self.month, self.day)
        except ValueError:
            return None


def place_of(parts: Sequence[str]) -> Place:
    """What the folders of a path say: of the last `<account>/<kind>/<region>/<yyyy>/<mm>/<dd>` that begins in it.

    Twelve digits are an account below AWSLogs, or where a kind follows; elsewhere they are anything, such as a time.
    """
    found, below = Place(), False
    for at, part in enumerate(parts):
        if part == "AWSLogs":
            found, below = Place(), True
        elif ACCOUNT.fullmatch(part) and (
            (below and found.kind is None) or not KINDS.keys().isdisjoint(parts[at + 1 : at + 2])
        ):
            found = Place(account=part)
        elif part in KINDS and found.kind is None:
            found = Place(account=found.account, kind=part)
            rest = parts[at + 1 : at + 5]
            if rest and REGION.fullmatch(rest[0]):
                numbers = []
                for text, width in zip(rest[1:], (4, 2, 2), strict=False):
                    if not (text.isascii() and text.isdigit() and len(text) == width):
                        break
                    numbers.append(int(text))
                found = Place(found.account, part, rest[0], *numbers)
    return found


def named(name: str) -> Place | None:
    """What a log file's own name says; None if it is not one of CloudTrail's names."""
    found = _NAME.match(name)
    if found is None:
        return None
    account, kind, region, *numbers = found.groups()
    return Place(account, kind, region, *map(int, numbers))


def kind_of(parts: Sequence[str], name: str, *, chosen: bool = False) -> tuple[str, Place]:
    """Kind (`log`, `insight`, `networkactivity` or one of NO_EVENTS) and place of a file, from its folders and name.

    A file that somebody has `chosen` by its name may end as it likes, and lie in any folder.
    """
    return _kind_of(tuple(parts), name, chosen)


# One log file after another is asked about, each more than once.
@lru_cache(maxsize=8)
def _kind_of(parts: tuple[str, ...], name: str, chosen: bool) -> tuple[str, Place]:
    found, own = place_of(parts), named(name)
    if own is not None:
        found = Place(own.account, found.kind or own.kind, own.region, own.year, own.month, own.day)
    kind = KINDS.get(found.kind or "CloudTrail", "no log")
    if kind not in NO_EVENTS and not chosen:
        if own is None and found.kind is None and _is_of_other_service(parts, name):
            kind = OTHER_SERVICE
        elif not name.lower().endswith(SUFFIXES):
            kind = "no log"
    return kind, found


def _is_of_other_service(parts: Sequence[str], name: str) -> bool:
    """Whether the file's name, or the folder below AWSLogs/<account>/, is that of another service than CloudTrail.

    To be asked only where neither says CloudTrail.
    """
    if _OTHER_NAME.match(name):
        return True
    if "AWSLogs" not in parts:
        return False
    below = [*parts[len(parts) - parts[::-1].index("AWSLogs") :]]
    if below[:1] and below[0].startswith("o-"):
        below.pop(0)
    return len(below) > 1 and bool(_ACCOUNT_FOLDER.fullmatch(below[0])) and not _NO_SERVICE.fullmatch(below[1])


def source_key(parts: Sequence[str], fallback: str) -> str:
    """`sourcefile` of a log file's events: its path from the last AWSLogs on, or `fallback`, as text that is UTF-8.

    File names that are not UTF-8 (surrogates, as Python has them) have their odd bytes spelled out.
    """
    key = "/".join(parts[len(parts) - 1 - parts[::-1].index("AWSLogs") :]) if "AWSLogs" in parts else fallback
    return key.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
