"""Checks log files against CloudTrail's digest files beside them: what changed, is missing, unlisted or unlinked.

A digest lists an hour's log files with the SHA-256 of their uncompressed content, and names its predecessor with its
hash and signature; so the signature of a digest stands in its successor. That of the newest is only in the metadata of
its S3 object. https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
"""

import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isal import igzip

from runtime.local.inputs import InputError, find
from runtime.local.public_keys import read_keys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

CHUNK = 1 << 20
DIGEST_LIMIT = 256 << 20  # uncompressed; an hour's digest is some megabytes at most
# A file is listed by the digest of the hour it was delivered in, which is minutes after the time in its name.
DELIVERY = timedelta(minutes=15)
# How long after the time in a log file's name its digest is in the bucket: delivery, the digest's hour, and room.
DUE = timedelta(hours=3)

_DIGEST = re.compile(r"(\d{12})_CloudTrail-Digest_([a-z0-9-]+?)_(.+)_(\d{8}T\d{6}Z)(_backfill)?\.json(\.gz)?")
_LOG = re.compile(r"(\d{12})_CloudTrail(?:-Insight|-NetworkActivity)?_([a-z0-9-]+)_(\d{8}T\d{4}Z)_")

PROBLEMS = (
    "hash differs",
    "missing",
    "unlisted",
    "not covered",
    "chain broken",
    "gap",
    "unreadable",
    "signature wrong",
    "no key",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: its kind (one of PROBLEMS), the file, and what is wrong in a sentence."""

    kind: str
    file: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Span:
    """First and last time that the digests of a trail in an account and Region cover; what lacks between is a gap."""

    account: str
    region: str
    trail: str
    start: str
    end: str


@dataclass(slots=True)
class Report:
    """What was checked, and what could not be.

    `verified` log files match a digest; of these, `unproven` ones match only a digest whose signature was not verified.
    `unsigned` names the digests whose signature is not in the folder: their successor is not there, or begins a chain.
    `pending` log files are newer than the newest digest.
    """

    digests: int = 0
    verified: int = 0
    signed: int = 0
    unproven: int = 0
    pending: int = 0
    unsigned: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing wrong was found: each log file that is due is listed and unchanged, and the chains are whole."""
        return not self.findings

    @property
    def counts(self) -> Counter[str]:
        """Number of findings per kind."""
        return Counter(finding.kind for finding in self.findings)

    def found(self, kind: str, file: Path | str, sentence: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(kind, str(file), sentence))


_ChainKey = tuple[str, str, str, bool]  # account, Region, trail, whether backfill


@dataclass(slots=True)
class _Digest:
    path: Path
    chain: _ChainKey
    sha256: str
    start: datetime
    end: datetime
    signed: str  # the text that its signature is of
    fingerprint: str | None
    previous: str | None
    previous_sha256: str | None
    previous_signature: str | None
    logs: list[tuple[str, str]]  # key and SHA-256
    matched: int = 0

    @property
    def name(self) -> str:
        return _name(self.path.name)


def verify(folder: Path, public_keys: Sequence[Path] = ()) -> Report:
    """Check all log files below `folder` against its digests, and the digests themselves.

    `public_keys` are outputs of `aws cloudtrail list-public-keys`, or single keys as PEM or base64 DER. Raises
    InputError if there is no digest or a key cannot be read.
    """
    keys: dict[str, RSAPublicKey] = {}
    for path in public_keys:
        keys |= read_keys(path)
    report = Report()
    listing = find([str(folder)])
    for sentence in listing.unreadable:
        report.found("unreadable", folder, sentence)
    given = {path.absolute() for path in public_keys}
    # By name, which is one of a kind in CloudTrail: folders are copied in part, flattened and renamed.
    logs: dict[str, list[Path]] = {}
    for file in listing.files:
        if Path(file.uri) not in given:
            logs.setdefault(_name(file.uri), []).append(Path(file.uri))
    listed: set[str] = set()
    chains: dict[_ChainKey, list[_Digest]] = {}
    seen: set[tuple[str, str]] = set()
    for path in sorted(folder.rglob("*_CloudTrail-Digest_*")):
        digest = _read_digest(path, report)
        if digest is not None and (digest.name, digest.sha256) not in seen:
            seen.add((digest.name, digest.sha256))
            report.digests += 1
            chains.setdefault(digest.chain, []).append(digest)
            listed.update(_check_logs(digest, logs, report))
    if not chains and not report.findings:
        raise InputError(f"{folder}: no digest files; download the trail's CloudTrail-Digest folder beside its logs")
    for chain in chains.values():
        chain.sort(key=lambda digest: digest.end)
        _check_order(chain, report)
    _check_signatures(chains.values(), keys if public_keys else None, report)
    _check_unlisted(sorted(path for name in logs.keys() - listed for path in logs[name]), logs, chains, report)
    return report


def _name(key: str) -> str:
    """A file's own name, the same whether it is unpacked or not: hashes are of the unpacked content."""
    return key.rsplit("/", 1)[-1].removesuffix(".gz")


def _some(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _at(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _read_digest(path: Path, report: Report) -> _Digest | None:
    named = _DIGEST.fullmatch(path.name)
    try:
        if named is None:
            raise ValueError("its name is not a digest's")
        raw = b"".join(_unpacked(path))
        content = json.loads(raw)
        if not isinstance(content, dict):
            raise TypeError("it is not a JSON object")
        account, region, trail, _, backfill, _ = named.groups()
        sha256, signature = hashlib.sha256(raw).hexdigest(), _text(content, "previousDigestSignature")
        # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html
        place = f"{_text(content, 'digestS3Bucket')}/{_text(content, 'digestS3Object')}"
        digest = _Digest(
            path,
            (account, region, trail, backfill is not None),
            sha256,
            _instant(content["digestStartTime"]),
            _instant(content["digestEndTime"]),
            "\n".join((content["digestEndTime"], place, sha256, signature or "null")),
            _text(content, "digestPublicKeyFingerprint"),
            _text(content, "previousDigestS3Object"),
            _text(content, "previousDigestHashValue"),
            signature,
            [(log["s3Object"], log["hashValue"]) for log in content["logFiles"]],
        )
        if not all(isinstance(key, str) and isinstance(sha256, str) for key, sha256 in digest.logs):
            raise ValueError("it lists a log file whose name or hash is not text")
    except (OSError, EOFError, ValueError, KeyError, TypeError, OverflowError, RecursionError, zlib.error) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        report.found("unreadable", path, f"this digest cannot be read: {reason}")
        return None
    return digest


def _text(content: dict[str, Any], field: str) -> str | None:
    value = content.get(field)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"its {field} is not text")
    return value


def _instant(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"its time {text} has no time zone")
    return time.astimezone(UTC)


def _unpacked(path: Path) -> Iterator[bytes]:
    """Uncompressed chunks of a file. Raises OSError, EOFError or ValueError for a damaged one."""
    with path.open("rb") as raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        stream = igzip.IGzipFile(fileobj=raw, mode="rb") if packed else raw  # type: ignore[no-untyped-call]
        try:
            total = 0
            while chunk := stream.read(CHUNK):
                total += len(chunk)
                if "CloudTrail-Digest" in path.name and total > DIGEST_LIMIT:
                    raise ValueError(f"it unpacks to more than {DIGEST_LIMIT:,} bytes")
                yield chunk
        except EOFError:
            raise ValueError("gzip is cut short") from None
        except Exception as error:
            if type(error).__name__ == "IsalError":  # not an OSError, unlike gzip's
                raise ValueError(f"gzip is damaged: {error}") from None
            raise


def _check_logs(digest: _Digest, logs: Mapping[str, list[Path]], report: Report) -> Iterator[str]:
    """Compare each listed log file's hash; gives the names listed."""
    for key, sha256 in digest.logs:
        name = _name(key)
        yield name
        if name not in logs:
            report.found("missing", key, f"listed by {digest.path.name}, not in this folder")
        for path in logs.get(name, ()):
            _check_log(path, sha256, digest, report)


def _check_log(path: Path, expected: str, digest: _Digest, report: Report) -> None:
    found = hashlib.sha256()
    try:
        for chunk in _unpacked(path):
            found.update(chunk)
    except (OSError, ValueError) as error:
        report.found("unreadable", path, f"this log file cannot be read: {error}")
        return
    if found.hexdigest() == expected.lower():
        report.verified += 1
        digest.matched += 1
    else:
        said = "its content is not what CloudTrail delivered: the SHA-256 differs from that in"
        report.found("hash differs", path, f"{said} {digest.path.name}")


def _check_order(chain: Sequence[_Digest], report: Report) -> None:
    """Check that each digest names the one before it in time, with no time between; the first may be in the middle."""
    account, region, trail, backfill = chain[0].chain
    here = {digest.name for digest in chain}
    if not backfill:
        report.spans.append(Span(account, region, trail, _at(chain[0].start), _at(chain[-1].end)))
    for before, digest in pairwise(chain):
        names = f"it names {digest.previous} as the digest before it"
        linked = digest.previous is not None and _name(digest.previous) == before.name
        absent = digest.previous is not None and _name(digest.previous) not in here
        if backfill:  # of hours here and there: only a name tells what was deleted
            if absent:
                report.found("gap", digest.path, f"{names}, which is not here: deleted, or not copied")
        elif digest.start > before.end:
            if linked:
                why = "CloudTrail wrote none, the chain is whole"
            elif absent:
                why = f"{names}, which is not here: deleted, or not copied"
            elif digest.previous is None:
                why = "a new chain begins after it: logging or validation was off, or digests were deleted"
            else:
                why = f"{names}, not {before.path.name}"
            report.found("gap", digest.path, f"no digest covers {_at(before.end)} to {_at(digest.start)}: {why}")
        elif digest.name == before.name:
            report.found("chain broken", digest.path, f"{before.path} has the same name, and other content")
        elif not linked:
            names = names if digest.previous is not None else "it names no digest before it"
            report.found("chain broken", digest.path, f"{names}; the one here is {before.path.name}")


def _check_signatures(
    chains: Iterable[Sequence[_Digest]], keys: Mapping[str, "RSAPublicKey"] | None, report: Report
) -> None:
    """Check each digest's hash and signature in those that name it; `keys` is None to check hashes only."""
    keyless: dict[tuple[str, str | None], list[_Digest]] = {}
    for chain in chains:
        successors: dict[str, list[_Digest]] = {}
        for digest in chain:
            if digest.previous is not None:
                successors.setdefault(_name(digest.previous), []).append(digest)
        for digest in chain:
            following = successors.get(digest.name, [])
            key = None if keys is None else keys.get(digest.fingerprint or "")
            proven = [_check_link(digest, successor, key, report) for successor in following]
            if any(proven):
                report.signed += 1
            else:
                report.unproven += digest.matched
            if not following:
                report.unsigned.append(str(digest.path))
            if keys is not None and key is None:
                keyless.setdefault((digest.chain[1], digest.fingerprint), []).append(digest)
    for (region, fingerprint), digests in keyless.items():
        digests.sort(key=lambda digest: digest.start)
        begin, end = _at(digests[0].start), _at(max(digest.end for digest in digests))
        # No --end-time: a backfill digest is signed long after the hour it is of.
        listing = f"aws cloudtrail list-public-keys --region {region} --start-time {begin}"
        report.found(
            "no key",
            digests[0].path,
            f"the signatures of {_some(len(digests), 'digest')} of {region} from {begin} to {end} cannot be checked: "
            f"no key given has the fingerprint {fingerprint}; give the output of `{listing}` with --public-key too",
        )


def _check_link(digest: _Digest, successor: _Digest, key: "RSAPublicKey | None", report: Report) -> bool:
    """Check what its successor says of a digest; whether a signature was verified."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    if successor.previous_sha256 != digest.sha256:
        said = f"its SHA-256 is not the one that {successor.path.name} names: one of the two was changed"
        report.found("chain broken", digest.path, said)
    if successor.previous_signature is None:
        said = f"{successor.path.name} names it without its signature, which CloudTrail always gives"
        report.found("chain broken", digest.path, said)
        return False
    if key is None:
        return False
    try:
        key.verify(bytes.fromhex(successor.previous_signature), digest.signed.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        said = f"the signature that {successor.path.name} gives for it does not verify: one of the two was changed"
        report.found("signature wrong", digest.path, said)
        return False
    return True


def _check_unlisted(
    paths: Sequence[Path],
    logs: Iterable[str],
    chains: Mapping[_ChainKey, Sequence[_Digest]],
    report: Report,
) -> None:
    """Find the log files that no digest lists: where digests cover their time, and where they should but do not."""
    covered: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
    times = [named[2] for name in logs if (named := _named(name))]
    for (account, region, _, backfill), chain in chains.items():
        if not backfill:  # one of those lists what the hour's own digest left out
            covered.setdefault((account, region), []).extend((digest.start, digest.end) for digest in chain)
            times.append(chain[-1].end)
    newest = max(times, default=datetime.min.replace(tzinfo=UTC))
    whole = {place: _merged(spans) for place, spans in covered.items()}
    bare: dict[tuple[str, str], list[tuple[datetime, Path]]] = {}
    nameless: list[Path] = []
    for path in paths:
        named = _named(path.name)
        if named is None:
            nameless.append(path)
            continue
        account, region, first = named
        spans = whole.get((account, region), [])
        if all(any(start <= at < end for start, end in spans) for at in (first, first + DELIVERY)):
            said = "no digest of its hour lists it: CloudTrail did not deliver it, or not in this form"
            report.found("unlisted", path, said)
        elif first + DUE > newest:
            report.pending += 1
        else:
            bare.setdefault((account, region), []).append((first, path))
    for (account, region), found in sorted(bare.items()):
        found.sort()
        said = (
            f"{_some(len(found), 'log file')} of {account} in {region}, {_at(found[0][0])} to {_at(found[-1][0])}: no "
            "digest here covers that time, so nothing proves them; copy its digests too, if validation was on"
        )
        report.found("not covered", found[0][1], said)
    if nameless:
        said = f"{_some(len(nameless), 'log file')} with a name that CloudTrail does not give: no digest can list it"
        report.found("not covered", nameless[0], said)


def _merged(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The same times in as few spans as can be: a million log files may be held against a year's digests."""
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _named(name: str) -> tuple[str, str, datetime] | None:
    """Account, Region and time that a log file's name says; None if it is not one of CloudTrail's."""
    named = _LOG.match(name)
    if named is None:
        return None
    try:
        time = datetime.fromisoformat(named[3])
        _ = time + DUE
    except (ValueError, OverflowError):  # no day of the calendar, or its last
        return None
    return named[1], named[2], time
