"""The flattener's settings, from its environment; every mistake is found at once, when the function starts."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runtime.events.columns import PROMOTE, columns, promoting

PREFIX = "TRAILSIGHT_"


class SettingsError(ValueError):
    """The environment is not usable; the text says every mistake, with the cure."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where flat files go and what the function allows itself; sizes in bytes, times in seconds."""

    output_bucket: str
    output_prefix: str = ""
    output_owner: str | None = None
    log_owner: str | None = None
    kms_key: str | None = None
    unpacked_limit: int = 1024 << 20
    reserve: float = 20.0
    promote: tuple[str, ...] = PROMOTE

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Settings of an environment. Raises SettingsError with all mistakes."""
        found: dict[str, object] = {}
        mistakes = []
        for name, variable in VARIABLES.items():
            text = environment.get(PREFIX + name, "")
            try:
                if text:
                    found[variable.field] = variable.parse(text)
                elif variable.required:
                    raise ValueError(variable.must)
            except ValueError as error:
                mistakes.append(f"{PREFIX}{name} {error}" if text else f"{PREFIX}{name} {error}, and is not set")
        if mistakes:
            raise SettingsError("; ".join(mistakes))
        return cls(**found)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable, without its prefix: the field it sets, what it must be, and what it is for."""

    field: str
    must: str
    meaning: str
    default: str
    parse: Callable[[str], object]
    required: bool = False


def _matching(pattern: str, must: str) -> Callable[[str], object]:
    def parse(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(f"{must}, not {text!r}")
        return text

    return parse


def _number(least: int, most: int, scale: int, must: str) -> Callable[[str], object]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
            raise ValueError(f"{must}, not {text!r}")
        return int(text) * scale

    return parse


def _promote(text: str) -> tuple[str, ...]:
    paths = promoting(path.strip() for path in text.split(",") if path.strip())
    try:
        columns(paths)
    except ValueError as error:  # it names the path
        raise ValueError(f"{_PATHS}: {str(error).removeprefix('promote: ')}") from None
    return paths


_OWNER = "must be an account id of 12 digits"
_BUCKET = "must be the name of a bucket"
_FOLDER = "must be empty or end with / and not begin with it"
_KEY = "must be the ARN of a KMS key: across accounts an alias names another key"
_LIMIT = "must be a whole number of megabytes from 1 to 102400"
_PATHS = "must be paths that can be promoted"
_SECONDS = "must be a whole number of seconds from 1 to 600"
VARIABLES = {
    "OUTPUT_BUCKET": Variable(
        "output_bucket",
        _BUCKET,
        "Bucket of flat files and quarantine.",
        "required",
        _matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", _BUCKET),
        required=True,
    ),
    "OUTPUT_PREFIX": Variable(
        "output_prefix",
        _FOLDER,
        "What stands before `flatfiles/`, `quarantine/` and `ledger/`.",
        "none",
        _matching(r"(?!/)[\w!.*'()/=-]{1,500}(?<=/)", _FOLDER),
    ),
    "OUTPUT_OWNER": Variable(
        "output_owner", _OWNER, "Account that must own the output bucket.", "not checked", _matching(r"\d{12}", _OWNER)
    ),
    "LOG_OWNER": Variable(
        "log_owner", _OWNER, "Account that must own the log bucket.", "not checked", _matching(r"\d{12}", _OWNER)
    ),
    "KMS_KEY": Variable(
        "kms_key",
        _KEY,
        "ARN of the KMS key that encrypts what is written.",
        "the bucket's own encryption",
        _matching(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+", _KEY),
    ),
    "UNPACKED_LIMIT_MB": Variable(
        "unpacked_limit",
        _LIMIT,
        "A log file that unpacks to more is refused.",
        "1024",
        _number(1, 102400, 1 << 20, _LIMIT),
    ),
    "RESERVE_SECONDS": Variable(
        "reserve",
        _SECONDS,
        "With less time left before the timeout, messages are given back.",
        "20",
        _number(1, 600, 1, _SECONDS),
    ),
    "PROMOTE": Variable(
        "promote",
        _PATHS,
        "Further promoted paths, separated by commas; the shipped ones always are.",
        "none",
        _promote,
    ),
}
"""What the function reads of its environment; docs/flattener.md lists the same."""
