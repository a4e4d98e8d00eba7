"""Finds CloudTrail's log files in what the user names: files, folders and s3:// prefixes, in every layout they have.

What the path says (account, Region, delivery day, kind: `runtime.events.paths`) decides what is listed and read at all.
"""

import io
import os
from calendar import monthrange
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from runtime.events.paths import KINDS, NO_EVENTS, SUFFIXES, Place, kind_of, place_of, source_key

ACCOUNTS = "accounts.csv"  # labels for the dashboard, which may lie beside the logs


class InputError(ValueError):
    """An input that cannot be listed or read; its text is one sentence with the cure."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file to read. `key` is its path from AWSLogs/ on, `version` changes with its content, `size` is in bytes."""

    uri: str
    key: str
    size: int
    version: str
    day: date | None = None
    account: str | None = None
    region: str | None = None
    kind: str = "log"


@dataclass(frozen=True, slots=True)
class S3Options:
    """How S3 is reached; None is what the AWS SDK finds by itself."""

    profile: str | None = None
    role_arn: str | None = None
    region: str | None = None
    endpoint_url: str | None = None


@dataclass(slots=True)
class Listing:
    """Files to read, sorted by URI, and what was passed over.

    `skipped` counts files by reason: digest, aggregated, other service, not asked for, no log. `pruned` counts folders
    and prefixes that were not asked for, and so not looked into. `unreadable` says of each folder or file that cannot
    be read why. `known` counts the files that the lake has already. `s3_requests` were made to list.
    """

    files: list[LogFile] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    pruned: int = 0
    unreadable: list[str] = field(default_factory=list)
    known: int = 0
    s3_requests: int = 0

    @property
    def why_nothing(self) -> str | None:
        """Where there is no log file at all, why, and what to change."""
        return self.why_none("--from, --to, --account or --region")

    def why_none(self, bounds: str) -> str | None:
        """The same where something else bounds what is asked for."""
        if self.files or self.known:
            return None
        if self.pruned or self.skipped["not asked for"]:
            left = f"{_n(self.skipped['not asked for'], 'file')} and {_n(self.pruned, 'folder')} not asked for"
            return f"no log file within the selection: {left}; widen {bounds}"
        others = ", ".join(
            _n(count, f"{'other' if reason == 'no log' else reason} file")
            for reason, count in sorted(self.skipped.items())
            if count
        )
        if others:
            ends = f"the name of one ends in {', '.join(SUFFIXES)}"
            return f"no log file there ({others} skipped): {ends}; digests are for `trailsight verify`"
        return "no log file there: no file at all; check the path"


def _n(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class _Wanted:
    start: date | None
    end: date | None
    accounts: Collection[str] | None
    regions: Collection[str] | None

    def admits(self, place: Place) -> bool:
        """Whether anything below the place can be wanted."""
        if self.accounts is not None and place.account is not None and place.account not in self.accounts:
            return False
        if self.regions is not None and place.region is not None and place.region not in self.regions:
            return False
        if place.year is None:
            return True
        try:
            first = date(place.year, place.month or 1, place.day or 1)
            month = place.month or 12
            last = date(place.year, month, place.day or monthrange(place.year, month)[1])
        except ValueError:
            return True  # no real day: the folder means something else
        return not ((self.end is not None and first > self.end) or (self.start is not None and last < self.start))


def find(
    inputs: Sequence[str],
    *,
    start: date | None = None,
    end: date | None = None,
    accounts: Collection[str] | None = None,
    regions: Collection[str] | None = None,
    s3: S3Options | None = None,
    without: Collection[Path] = (),
) -> Listing:
    """Log files of the inputs; `start` and `end` (inclusive) bound the delivery day that the path names.

    Digests, aggregated events and other services' files are counted, not listed; folders of `without` are not looked
    into where they lie below an input. Raises InputError for an input that is not there.
    """
    wanted = _Wanted(start, end, accounts, regions)
    listing = Listing()
    found: dict[str, LogFile] = {}
    for name in inputs:
        if name.startswith("s3://"):
            files = _find_s3(name, wanted, s3 or S3Options(), listing)
        elif "://" in name:
            raise InputError(f"{name}: name a file, a folder or s3://bucket/prefix")
        else:
            files = _find_local(name, wanted, listing, without)
        found.update((file.uri, file) for file in files)
    listing.files = [found[uri] for uri in sorted(found)]
    return listing


def of_keys(
    objects: Iterable[tuple[str, str, int]],
    *,
    start: date | None = None,
    end: date | None = None,
    accounts: Collection[str] | None = None,
    regions: Collection[str] | None = None,
) -> Listing:
    """The same from objects that were listed elsewhere: (bucket, key, size in bytes). Their version is not known."""
    wanted = _Wanted(start, end, accounts, regions)
    listing = Listing()
    for bucket, key, size in objects:
        parts = key.split("/")
        if wanted.admits(place_of(parts[:-1])):
            place = _log_file(parts[:-1], parts[-1], listing, wanted) if parts[-1] else None
            if place is not None:
                listing.files.append(_made(f"s3://{bucket}/{key}", parts, key, size, "", place))
    listing.files.sort(key=lambda file: file.uri)
    return listing


def open_bytes(file: LogFile, s3: S3Options | None = None) -> io.BufferedReader:
    """The file's bytes as a stream. Raises InputError or OSError if it cannot be opened, and while it is read."""
    if not file.uri.startswith("s3://"):
        return Path(file.uri).open("rb")
    bucket, _, key = file.uri.removeprefix("s3://").partition("/")
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        body = client("s3", s3 or S3Options()).get_object(Bucket=bucket, Key=key)["Body"]
    except (BotoCoreError, ClientError) as error:
        raise InputError(_s3_sentence(file.uri, error)) from error
    return io.BufferedReader(_Readable(body, file.uri), buffer_size=1 << 20)


class _Readable(io.RawIOBase):
    """An S3 body as a raw stream."""

    def __init__(self, body: Any, uri: str) -> None:
        self._body, self._uri = body, uri

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        from botocore.exceptions import BotoCoreError

        try:
            chunk = self._body.read(len(buffer))
        except BotoCoreError as error:  # a connection that breaks off is no OSError there
            raise InputError(_s3_sentence(self._uri, error)) from error
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._body.close()
        super().close()


def _log_file(
    parts: Sequence[str], name: str, listing: Listing, wanted: _Wanted, *, chosen: bool = False
) -> Place | None:
    """What path and name say of a file to read; None, counted with its reason, for one to pass over."""
    kind, found = kind_of(parts, name, chosen=chosen)
    if name == ACCOUNTS:
        kind = "no log"
    if kind in NO_EVENTS:
        listing.skipped[kind] += 1
    elif not wanted.admits(found):
        listing.skipped["not asked for"] += 1
    else:
        return found
    return None


def _made(uri: str, parts: Sequence[str], fallback: str, size: int, version: str, place: Place) -> LogFile:
    kind = KINDS.get(place.kind or "CloudTrail", "log")
    return LogFile(uri, source_key(parts, fallback), size, version, place.date, place.account, place.region, kind)


def _find_local(name: str, wanted: _Wanted, listing: Listing, without: Collection[Path]) -> Iterator[LogFile]:
    root = Path(name).expanduser().absolute()

    def failed(error: OSError) -> None:
        if error.filename == str(root):
            raise error
        listing.unreadable.append(f"{error.filename}: not read: {error.strerror}; check its permissions")

    try:
        if not root.exists():
            raise InputError(f"{name}: no such file or folder; check the path")
        if root.is_file():
            place = _log_file(root.parts[:-1], root.name, listing, wanted, chosen=True)
            if place is not None:
                yield _local_file(root, root.name, place)
            return
        here = _identity(root)
        seen = {_identity(folder) for folder in without if folder.exists()} - {here}
        for folder, folders, files in os.walk(root, followlinks=True, onerror=failed):
            here = _identity(Path(folder))
            if here in seen:  # a link that leads back, or the lake's own
                folders.clear()
                continue
            seen.add(here)
            parts = Path(folder).parts
            found = sorted(f for f in folders if wanted.admits(place_of((*parts, f))))
            listing.pruned += len(folders) - len(found)
            folders[:] = found
            for file in files:
                place = _log_file(parts, file, listing, wanted)
                if place is not None:
                    path = Path(folder, file)
                    try:
                        yield _local_file(path, str(path.relative_to(root)), place)
                    except OSError as error:  # a link that leads nowhere
                        failed(error)
    except OSError as error:
        raise InputError(f"{error.filename or name}: {error.strerror}; check the path and its permissions") from error


def _identity(folder: Path) -> tuple[int, int]:
    state = folder.stat()
    return state.st_dev, state.st_ino


def _local_file(path: Path, fallback: str, place: Place) -> LogFile:
    state = path.stat()
    return _made(str(path), path.parts, fallback, state.st_size, f"{state.st_mtime_ns}-{state.st_size}", place)


@lru_cache
def client(service: str, options: S3Options) -> Any:
    """boto3 client of an AWS service for a profile and role."""
    import boto3
    from botocore.config import Config

    session = boto3.Session(profile_name=options.profile, region_name=options.region)
    if options.role_arn is not None:
        from botocore.credentials import DeferredRefreshableCredentials, create_assume_role_refresher
        from botocore.session import Session

        refresh = create_assume_role_refresher(
            # STS has no Region of its own choice, as S3 has; any will do.
            session.client("sts", region_name=session.region_name or "us-east-1", endpoint_url=options.endpoint_url),
            {"RoleArn": options.role_arn, "RoleSessionName": "trailsight"},
        )
        inner = Session(profile=options.profile)
        inner._credentials = DeferredRefreshableCredentials(refresh, "assume-role")  # noqa: SLF001 - its documented use
        session = boto3.Session(botocore_session=inner, region_name=options.region)
    return session.client(
        service, endpoint_url=options.endpoint_url, config=Config(retries={"mode": "adaptive", "max_attempts": 8})
    )


def _find_s3(name: str, wanted: _Wanted, options: S3Options, listing: Listing) -> Iterator[LogFile]:
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, prefix = name.removeprefix("s3://").partition("/")
    if not bucket:
        raise InputError(f"{name}: name a bucket, as in s3://bucket/prefix")
    try:
        s3 = client("s3", options)
        for item in _list_s3(s3, bucket, prefix, wanted, listing):
            key = item["Key"]
            parts = key.split("/")
            place = _log_file(parts[:-1], parts[-1], listing, wanted, chosen=key == prefix) if parts[-1] else None
            if place is not None:
                yield _made(f"s3://{bucket}/{key}", parts, key, item["Size"], item["ETag"].strip('"'), place)
    except (BotoCoreError, ClientError) as error:
        raise InputError(_s3_sentence(name, error)) from error


def _list_s3(client: Any, bucket: str, prefix: str, wanted: _Wanted, listing: Listing) -> Iterator[dict[str, Any]]:
    """Objects below a prefix, level by level where a bound can prune what is below."""
    parts = prefix.split("/")[:-1]
    place = place_of(parts)
    bounded = wanted.start is not None or wanted.end is not None
    deep_enough = place.day is not None or (place.region is not None and not bounded)
    unbounded = not bounded and wanted.accounts is None and wanted.regions is None
    flat = unbounded or deep_enough or KINDS.get(place.kind or "") in ("digest", "aggregated")
    arguments = {"Bucket": bucket, "Prefix": prefix, **({} if flat else {"Delimiter": "/"})}
    for page in client.get_paginator("list_objects_v2").paginate(**arguments):
        listing.s3_requests += 1
        yield from page.get("Contents", ())
        for below in page.get("CommonPrefixes", ()):
            if wanted.admits(place_of(below["Prefix"].split("/")[:-1])):
                yield from _list_s3(client, bucket, below["Prefix"], wanted, listing)
            else:
                listing.pruned += 1


def _s3_sentence(name: str, error: Exception) -> str:
    """What went wrong with S3, and what to do about it."""
    denied = "access denied; it takes s3:ListBucket and s3:GetObject there, and kms:Decrypt on its key"
    code = (getattr(error, "response", None) or {}).get("Error", {}).get("Code", type(error).__name__)
    cures = {
        "NoSuchBucket": "there is no such bucket; check its name",
        "NoSuchKey": "the object is gone; list again",
        "404": "there is no such bucket or object; check the name",
        "InvalidObjectState": "it is archived; restore it first, as `aws s3api restore-object` does",
        "AccessDenied": denied,
        "403": denied,
        "NoCredentialsError": "no AWS credentials; name a profile with --profile, or log in first",
        "ProfileNotFound": "there is no such profile; see ~/.aws/config",
    }
    return f"{name}: {cures.get(code, f'S3 said {error}; try again or check --profile and --role-arn')}"
