"""The job's arguments: each has a default or is named when missing; the same on Glue and on plain pyspark."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from runtime.events.columns import columns, promoting

DAYS = re.compile(r"(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)")
_GLUE = "JOB_NAME"
_LIKE = 0.75  # one or two letters of six or more; none of Glue's own names is so near to one of ours


class ArgumentError(ValueError):
    """Arguments that make no job; the text is one sentence with the cure."""


class Argument(NamedTuple):
    """One argument: its name, its default as text (None: it must be given), what it says."""

    name: str
    default: str | None
    meaning: str


ARGUMENTS = (
    Argument("source", None, "Folder or `s3://bucket/prefix` of the flat files, whose folders are `dt=YYYY-MM-DD`."),
    Argument("lake", None, "Folder or `s3://bucket/prefix` of the lake, which holds `parquettrails/`."),
    Argument("task", "load", "`load` takes flat files into the lake, `compact` joins small Parquet files."),
    Argument("days", "3", "How many `dt` folders up to the last run's day to look into; newer and late ones too."),
    Argument("folders", "", "`FROM..TO`: read the `dt` folders of these days whole, and no others."),
    Argument("rebuild", "", "`FROM..TO`: write the partitions of these days anew from their flat files."),
    Argument("promote", "", "Further promoted paths, with commas between; the shipped ones always are."),
    Argument("smallfiles", "8", "`compact` rewrites a partition that has at least so many small files."),
    Argument("namespace", "Trailsight", "CloudWatch namespace of the metrics, on Glue; empty: none are sent."),
)


@dataclass(frozen=True, slots=True)
class Days:
    """Days from `first` to `last`, both inclusive, `YYYY-MM-DD`."""

    first: str
    last: str

    def __contains__(self, day: str) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Options:
    """What one run is to do. `job` is the Glue job's name, None on plain pyspark; `passed_over` are names not ours."""

    source: str
    lake: str
    task: str
    days: int
    folders: Days | None
    rebuild: Days | None
    promote: tuple[str, ...]
    smallfiles: int
    namespace: str
    job: str | None
    given: dict[str, str]
    passed_over: tuple[str, ...]


def parse(argv: Sequence[str]) -> Options:
    """Options of `--name value` pairs. Raises ArgumentError.

    Glue adds arguments of its own; on Glue those that are not in `ARGUMENTS` are passed over, unless they look like one
    of them misspelt: a run for `--rebiuld` would be a load that ends well.
    """
    given = _pairs(argv)
    known = {argument.name: argument for argument in ARGUMENTS}
    job = given.get(_GLUE)
    unknown = tuple(name for name in given if name not in known and name != _GLUE)
    if unknown and job is None:
        raise ArgumentError(f"--{unknown[0]}: no such argument; there are --{', --'.join(known)}")
    for name in unknown:
        if meant := difflib.get_close_matches(re.sub("[-_]", "", name.lower()), known, 1, _LIKE):
            raise ArgumentError(f"--{name}: no such argument; is --{meant[0]} meant?")
    values: dict[str, str] = {}
    for argument in ARGUMENTS:
        value = given.get(argument.name) or argument.default
        if value is None and not (argument.name == "source" and given.get("task") == "compact"):
            raise ArgumentError(f"--{argument.name} is missing: {argument.meaning}")
        values[argument.name] = value or ""
    if values["task"] not in ("load", "compact"):
        raise ArgumentError(f"--task {values['task']}: no such task; it is load or compact")
    if values["task"] == "compact" and values["rebuild"]:
        raise ArgumentError("--task compact takes no --rebuild; run them one after the other")
    if values["rebuild"] and values["folders"]:
        raise ArgumentError("--rebuild takes no --folders; it finds the flat files of its days itself")
    promote = promoting(path for path in values["promote"].split(",") if path)
    try:
        columns(promote)
    except ValueError as error:
        raise ArgumentError(f"--{error}") from None
    return Options(
        values["source"],
        values["lake"],
        values["task"],
        _number("days", values["days"]),
        _days("folders", values["folders"]),
        _days("rebuild", values["rebuild"]),
        promote,
        _number("smallfiles", values["smallfiles"]),
        values["namespace"] if given.get("namespace") != "" else "",
        job,
        given,
        unknown,
    )


def _pairs(argv: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    at = 0
    while at < len(argv):
        name, is_joined, value = argv[at].removeprefix("--").partition("=")
        if not argv[at].startswith("--"):
            raise ArgumentError(f"{argv[at]}: an argument begins with --; there are --source DIR, --lake DIR, ...")
        at += 1
        if not is_joined and at < len(argv) and not argv[at].startswith("--"):
            value = argv[at]
            at += 1
        pairs[name] = value
    return pairs


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise ArgumentError(f"--{name} {text}: not a number from 1 on; write it as --{name} 3")
    return int(text)


def _days(name: str, text: str) -> Days | None:
    if not text:
        return None
    found = DAYS.fullmatch(text)
    try:
        if found is None or date.fromisoformat(found[1]) > date.fromisoformat(found[2]):
            raise ValueError
    except ValueError:
        raise ArgumentError(f"--{name} {text}: no range of days; write it as 2026-01-01..2026-01-31") from None
    return Days(found[1], found[2])
