"""Writes log files and digests the way CloudTrail delivers them: names, folders, hashes and the chain of digests."""

import gzip
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from runtime.local.sample.records import dumps, type_json, unique16

BUCKET = "acme-cloudtrail-logs"
TRAIL = "organization"
AGGREGATED = "CloudTrail-Aggregated"
MOST_RECORDS = 10_000  # in one file, as CloudTrail splits too
_ISO = "%Y-%m-%dT%H:%M:%SZ"
_STAMP = "%Y%m%dT%H%MZ"

Cell = tuple[str, str]  # (account, Region)


@dataclass(slots=True)
class _Chain:
    """One account's digests in one Region."""

    files: list[type_json]
    previous: tuple[str, str] | None = None  # (object, hash)


class Delivery:
    """The log bucket, as a folder. Call `deliver` in the order of time, and `digest` at each day's end."""

    def __init__(self, folder: Path, rng: random.Random, cells: Iterable[Cell]) -> None:
        self.files = 0
        self.digests = 0
        self.bytes = 0
        self.by_folder: Counter[str] = Counter()
        self._folder, self._rng = folder, rng
        self._chains = {cell: _Chain([]) for cell in cells}

    def deliver(self, cell: Cell, time: datetime, records: list[tuple[str, bytes]], folder: str = "CloudTrail") -> None:
        """Log files with these (eventTime, record)s, named after `time`."""
        for at in range(0, len(records), MOST_RECORDS):
            part = records[at : at + MOST_RECORDS]
            content = b'{"Records":[' + b",".join(record for _, record in part) + b"]}"
            times = [event for event, _ in part]
            self.deliver_bytes(cell, time, content, (min(times), max(times)), folder=folder)

    def deliver_bytes(
        self,
        cell: Cell,
        time: datetime,
        content: bytes,
        span: tuple[str, str] | None,
        *,
        folder: str = "CloudTrail",
        cut: int | None = None,
    ) -> None:
        """One log file with this content; `cut` loses so many of its last bytes on the way."""
        account, region = cell
        stamp = time.strftime(_STAMP)
        name = f"{account}_{folder}_{region}_{stamp}_{unique16(self._rng)}.json.gz"
        key = f"AWSLogs/{account}/{folder}/{region}/{time:%Y/%m/%d}/{name}"
        packed = _gzip(content)
        self._write(key, packed[:-cut] if cut else packed)
        self.files += 1
        self.by_folder[folder] += 1
        if folder == AGGREGATED:
            return  # no documentation says that digests cover them
        oldest, newest = span or (None, None)
        self._chains[cell].files.append(
            {
                "s3Bucket": BUCKET,
                "s3Object": key,
                "hashValue": sha256(content).hexdigest(),  # of the uncompressed content, as AWS does
                "hashAlgorithm": "SHA-256",
                "newestEventTime": newest,
                "oldestEventTime": oldest,
            }
        )

    def digest(self, start: datetime, end: datetime) -> None:
        """Every chain's next digest: what was delivered from `start` until before `end`.

        CloudTrail writes one an hour; one a day keeps the sample small and its chain as whole.
        """
        for (account, region), chain in self._chains.items():
            files, chain.files = chain.files, []
            name = f"{account}_CloudTrail-Digest_{region}_{TRAIL}_{region}_{end:%Y%m%dT%H%M%SZ}.json.gz"
            key = f"AWSLogs/{account}/CloudTrail-Digest/{region}/{end:%Y/%m/%d}/{name}"
            newest = [file["newestEventTime"] for file in files if file["newestEventTime"]]
            oldest = [file["oldestEventTime"] for file in files if file["oldestEventTime"]]
            before, before_hash = chain.previous or (None, None)
            content = dumps(
                {
                    "awsAccountId": account,
                    "digestStartTime": start.strftime(_ISO),
                    "digestEndTime": end.strftime(_ISO),
                    "digestS3Bucket": BUCKET,
                    "digestS3Object": key,
                    "digestPublicKeyFingerprint": "00" * 16,
                    "digestSignatureAlgorithm": "SHA256withRSA",
                    "newestEventTime": max(newest, default=None),
                    "oldestEventTime": min(oldest, default=None),
                    "previousDigestS3Bucket": BUCKET if before else None,
                    "previousDigestS3Object": before,
                    "previousDigestHashValue": before_hash,
                    "previousDigestHashAlgorithm": "SHA-256" if before else None,
                    # Only AWS could sign: as long as a signature, and none.
                    "previousDigestSignature": before_hash and before_hash * 8,
                    "logFiles": files,
                }
            ).encode()
            self._write(key, _gzip(content))
            self.digests += 1
            chain.previous = key, sha256(content).hexdigest()

    def _write(self, key: str, content: bytes) -> None:
        path = self._folder / key
        try:
            path.write_bytes(content)
        except FileNotFoundError:
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
        self.bytes += len(content)


def next_day(time: datetime) -> datetime:
    """The midnight after `time`."""
    return time.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _gzip(content: bytes) -> bytes:
    # No time in the header, so that equal content is an equal file; level 6 is what log files come with.
    return gzip.compress(content, 6, mtime=0)
