"""Checks log files against CloudTrail's digest files beside them: what changed, is missing, unlisted or unlinked.

A digest lists an hour's log files with the SHA-256 of their uncompressed content, and names its predecessor with its
hash and signature; so the signature of a digest stands in its successor. That of the newest is only in the metadata of
its S3 object. https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
"""

import base64
import binascii
import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from isal import igzip

from runtime.local.inputs import InputError, find

CHUNK = 1 << 20
DIGEST_LIMIT = 256 << 20  # uncompressed; an hour's digest is some megabytes at most
# A file is listed by the digest of the hour it was delivered in, which is minutes after the time in its name.
DELIVERY = timedelta(minutes=15)

_DIGEST = re.compile(r"(\d{12})_CloudTrail-Digest_([a-z0-9-]+?)_(.+)_(\d{8}T\d{6}Z)(_backfill)?\.json(\.gz)?")
_LOG = re.compile(r"(\d{12})_CloudTrail(?:-Insight|-NetworkActivity)?_([a-z0-9-]+)_(\d{8}T\d{4}Z)_")

PROBLEMS = ("hash differs", "missing", "unlisted", "chain broken", "gap", "unreadable", "signature wrong")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: its kind (one of PROBLEMS), the file, and what is wrong in a sentence."""

    kind: str
    file: str
    sentence: str


@dataclass(slots=True)
class Report:
    """What was checked. `ok` says that nothing is wrong; signatures that could not be checked are `unsigned`."""

    digests: int = 0
    verified: int = 0
    signed: int = 0
    unsigned: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Every log file listed is there, unchanged, and the chain is whole."""
        return not self.findings

    @property
    def counts(self) -> Counter[str]:
        """Number of findings per kind."""
        return Counter(finding.kind for finding in self.findings)


@dataclass(slots=True)
class _Digest:
    path: Path
    chain: tuple[str, str, str, bool]  # account, Region, trail, whether backfill
    content: dict[str, Any]
    sha256: str
    start: datetime
    end: datetime


def verify(folder: Path, public_keys: Path | None = None) -> Report:
    """Check all log files below `folder` that its digests cover, and the digests themselves.

    `public_keys` is the output of `aws cloudtrail list-public-keys`, or one key as PEM or base64 DER. Raises InputError
    if there is no digest or the keys cannot be read.
    """
    keys = _read_keys(public_keys) if public_keys else {}
    report = Report()
    listing = find([str(folder)])
    report.findings += [Finding("unreadable", str(folder), sentence) for sentence in listing.unreadable]
    # By name, which is one of a kind in CloudTrail: folders are copied in part, flattened and renamed.
    logs: dict[str, list[Path]] = {}
    for file in listing.files:
        logs.setdefault(_name(file.uri), []).append(Path(file.uri))
    listed: set[str] = set()
    chains: dict[tuple[str, str, str, bool], list[_Digest]] = {}
    seen: set[tuple[str, str]] = set()
    for path in sorted(folder.rglob("*_CloudTrail-Digest_*")):
        digest = _read_digest(path, report)
        if digest is not None and (_name(path.name), digest.sha256) not in seen:
            seen.add((_name(path.name), digest.sha256))
            report.digests += 1
            chains.setdefault(digest.chain, []).append(digest)
            listed.update(_check_logs(digest, logs, report))
    if not chains and not report.findings:
        raise InputError(f"{folder}: no digest files; download the trail's CloudTrail-Digest folder beside its logs")
    for chain in chains.values():
        chain.sort(key=lambda digest: digest.end)
        _check_chain(chain, keys, report)
    unlisted = sorted(path for name in logs.keys() - listed for path in logs[name])
    _check_unlisted(unlisted, chains, report)
    return report


def _name(key: str) -> str:
    """A file's own name, the same whether it is unpacked or not: hashes are of the unpacked content."""
    return key.rsplit("/", 1)[-1].removesuffix(".gz")


def _read_digest(path: Path, report: Report) -> _Digest | None:
    named = _DIGEST.fullmatch(path.name)
    try:
        if named is None:
            raise ValueError("its name is not a digest's")
        raw = b"".join(_unpacked(path))
        content = json.loads(raw)
        account, region, trail, _, backfill, _ = named.groups()
        digest = _Digest(
            path,
            (account, region, trail, backfill is not None),
            content,
            hashlib.sha256(raw).hexdigest(),
            _instant(content["digestStartTime"]),
            _instant(content["digestEndTime"]),
        )
        _ = [(log["s3Object"], log["hashValue"]) for log in content["logFiles"]]
    except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        report.findings.append(Finding("unreadable", str(path), f"this digest cannot be read: {reason}"))
        return None
    return digest


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


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
    for log in digest.content["logFiles"]:
        name = _name(log["s3Object"])
        yield name
        if name not in logs:
            said = f"listed by {digest.path.name}, not in this folder"
            report.findings.append(Finding("missing", log["s3Object"], said))
        for path in logs.get(name, ()):
            _check_log(path, log["hashValue"], digest, report)


def _check_log(path: Path, expected: str, digest: _Digest, report: Report) -> None:
    found = hashlib.sha256()
    try:
        for chunk in _unpacked(path):
            found.update(chunk)
    except (OSError, ValueError) as error:
        report.findings.append(Finding("unreadable", str(path), f"this log file cannot be read: {error}"))
        return
    if found.hexdigest() == expected.lower():
        report.verified += 1
    else:
        said = "its content is not what CloudTrail delivered: the SHA-256 differs from that in"
        report.findings.append(Finding("hash differs", str(path), f"{said} {digest.path.name}"))


def _check_chain(chain: list[_Digest], keys: Mapping[str, Any], report: Report) -> None:
    """Check that each digest names its predecessor, with its hash, signature and no time between."""
    backfill = chain[0].chain[3]
    successors: list[_Digest | None] = [*chain[1:], None]
    for digest, successor in zip(chain, successors, strict=True):
        if successor is None:
            report.unsigned += 1
            continue
        named = successor.content.get("previousDigestS3Object")
        if successor.start > digest.end and not backfill:
            between = f"no digest covers {digest.end:%Y-%m-%dT%H:%M:%SZ} to {successor.start:%Y-%m-%dT%H:%M:%SZ}"
            report.findings.append(
                Finding("gap", str(successor.path), f"{between}: digests were deleted, or not copied")
            )
        if named is None or _name(named) != _name(digest.path.name):
            if successor.start <= digest.end:
                report.findings.append(
                    Finding(
                        "chain broken", str(successor.path), f"it names {named} as the digest before it, not this one's"
                    )
                )
            report.unsigned += 1
            continue
        if successor.content.get("previousDigestHashValue") != digest.sha256:
            said = f"its SHA-256 is not the one that {successor.path.name} names: the digest was changed"
            report.findings.append(Finding("chain broken", str(digest.path), said))
        _check_signature(digest, successor.content.get("previousDigestSignature"), keys, report)


def _check_signature(digest: _Digest, signature: Any, keys: Mapping[str, Any], report: Report) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    key = keys.get(digest.content.get("digestPublicKeyFingerprint", ""), keys.get(""))
    if key is None or not isinstance(signature, str):
        report.unsigned += 1
        return
    content = digest.content
    # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html
    signed = "\n".join(
        (
            content["digestEndTime"],
            f"{content.get('digestS3Bucket')}/{content.get('digestS3Object')}",
            digest.sha256,
            content.get("previousDigestSignature") or "null",
        )
    )
    try:
        key.verify(bytes.fromhex(signature), signed.encode(), PKCS1v15(), SHA256())
        report.signed += 1
    except (InvalidSignature, ValueError):
        said = "its signature does not verify with the public key: it is not what CloudTrail wrote"
        report.findings.append(Finding("signature wrong", str(digest.path), said))


def _check_unlisted(
    paths: list[Path], chains: Mapping[tuple[str, str, str, bool], list[_Digest]], report: Report
) -> None:
    """Find log files of an hour that digests cover and that none of them lists."""
    covered: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
    for (account, region, _, _), chain in chains.items():
        covered.setdefault((account, region), []).extend((digest.start, digest.end) for digest in chain)
    for path in paths:
        named = _LOG.match(path.name)
        if named is None:
            continue
        account, region, stamp = named.groups()
        first = datetime.fromisoformat(stamp)
        spans = covered.get((account, region), [])
        if all(any(start <= at < end for start, end in spans) for at in (first, first + DELIVERY)):
            said = "no digest of its hour lists it: CloudTrail did not deliver it, or not in this form"
            report.findings.append(Finding("unlisted", str(path), said))


def _read_keys(path: Path) -> dict[str, Any]:
    """Public keys by fingerprint; a key that comes alone is at ''."""
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    try:
        content = path.read_bytes()
        if content.lstrip().startswith(b"{"):
            listed = json.loads(content)["PublicKeyList"]
            return {key["Fingerprint"]: load_der_public_key(base64.b64decode(key["Value"])) for key in listed}
        if content.lstrip().startswith(b"-----"):
            return {"": load_pem_public_key(content)}
        return {"": load_der_public_key(base64.b64decode(content, validate=False))}
    except (OSError, ValueError, KeyError, TypeError, binascii.Error) as error:
        why = getattr(error, "strerror", None) or error
        cure = "give the output of `aws cloudtrail list-public-keys`, or one key as PEM or base64"
        raise InputError(f"{path}: no public key ({why}); {cure}") from error
