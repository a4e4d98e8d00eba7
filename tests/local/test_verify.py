"""Each way a log folder can have been tampered with is found, and what is untouched is not accused."""

import gzip
import hashlib
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from runtime.local.inputs import InputError
from runtime.local.verify import verify

ACCOUNT, REGION = "111122223333", "us-east-1"
KEY = rsa.generate_private_key(65537, 2048)
FINGERPRINT = "31e8b5433410dfb61a9dc45cc65b22ff"


def key(kind: str, at: datetime, tail: str) -> str:
    return f"AWSLogs/{ACCOUNT}/{kind}/{REGION}/{at:%Y/%m/%d}/{ACCOUNT}_{kind}_{REGION}_{tail}"


def log_key(at: datetime) -> str:
    return key("CloudTrail", at, f"{at:%Y%m%dT%H%MZ}_abcdefghijklmnop.json.gz")


def digest_key(end: datetime) -> str:
    return key("CloudTrail-Digest", end, f"my-trail_{REGION}_{end:%Y%m%dT%H%M%SZ}.json.gz")


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0))


@pytest.fixture(scope="module")
def untouched(tmp_path_factory) -> Path:
    """Three hours, a log file and a signed digest each, as CloudTrail writes them."""
    root = tmp_path_factory.mktemp("untouched")
    previous: dict = {"object": None, "hash": None, "signature": None}
    for hour in range(3):
        start = datetime(2024, 5, 6, hour)
        end = start + timedelta(hours=1)
        log, content = log_key(start + timedelta(minutes=10)), b'{"Records":[%d]}' % hour
        put(root / log, content)
        digest = {
            "awsAccountId": ACCOUNT,
            "digestStartTime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "digestEndTime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "digestS3Bucket": "logs",
            "digestS3Object": f"prefix/{digest_key(end)}",
            "digestPublicKeyFingerprint": FINGERPRINT,
            "previousDigestS3Object": previous["object"],
            "previousDigestHashValue": previous["hash"],
            "previousDigestSignature": previous["signature"],
            "logFiles": [{"s3Object": f"prefix/{log}", "hashValue": hashlib.sha256(content).hexdigest()}],
        }
        raw = json.dumps(digest).encode()
        put(root / digest_key(end), raw)
        digest_hash = hashlib.sha256(raw).hexdigest()
        signed = f"{digest['digestEndTime']}\nlogs/{digest['digestS3Object']}\n{digest_hash}\n{previous['signature'] or 'null'}"
        signature = KEY.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()
        previous = {"object": digest["digestS3Object"], "hash": digest_hash, "signature": signature}
    return root


@pytest.fixture
def folder(untouched, tmp_path) -> Path:
    shutil.copytree(untouched, tmp_path / "logs")
    return tmp_path / "logs"


@pytest.fixture
def public_key(tmp_path) -> Path:
    der = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    import base64

    path = tmp_path / "keys.json"
    path.write_text(
        json.dumps({"PublicKeyList": [{"Fingerprint": FINGERPRINT, "Value": base64.b64encode(der).decode()}]})
    )
    return path


def found(report) -> list[tuple[str, str]]:
    return [(f.kind, f.file.rsplit("/", 1)[-1]) for f in report.findings]


def log(hour: int) -> str:
    return log_key(datetime(2024, 5, 6, hour, 10))


def digest(hour: int) -> str:
    return digest_key(datetime(2024, 5, 6, hour + 1))


def name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def test_an_untouched_folder_verifies(folder, public_key):
    """All hashes and all signatures that a folder can hold verify; the newest digest's is not in it."""
    report = verify(folder, public_key)
    assert (report.ok, report.digests, report.verified, report.signed, report.unsigned) == (True, 3, 3, 2, 1)
    without = verify(folder)
    assert (without.ok, without.signed, without.unsigned) == (True, 0, 3)


@pytest.mark.parametrize("part", ["relative", "account", "flat", "unpacked", "renamed", "twice"])
def test_what_is_untouched_is_not_accused_wherever_it_lies(folder, tmp_path, monkeypatch, part):
    """Hashes and chain hold for a folder named in any way, copied in part, flattened, unpacked or kept twice."""
    root, copies = tmp_path / "copy", 1
    if part == "relative":
        monkeypatch.chdir(folder / "AWSLogs")
        root = Path()
    elif part == "account":
        shutil.copytree(folder / "AWSLogs" / ACCOUNT, root / ACCOUNT)
    elif part == "renamed":
        shutil.copytree(folder / "AWSLogs", tmp_path / "AWSLogs" / "copy")
        root = tmp_path / "AWSLogs" / "copy"
    elif part == "twice":
        copies = 2
        shutil.copytree(folder, root / "a")
        shutil.copytree(folder / "AWSLogs", root / "b")
    else:
        root.mkdir()
        for path in folder.rglob("*.gz"):
            content = path.read_bytes()
            unpacked = part == "unpacked"
            (root / (path.stem if unpacked else path.name)).write_bytes(
                gzip.decompress(content) if unpacked else content
            )
    report = verify(root)
    assert (report.findings, report.digests, report.verified) == ([], 3, 3 * copies)


def test_a_changed_copy_is_found_beside_the_true_one(folder):
    """A file of a listed name is checked wherever it lies; a true one elsewhere does not vouch for it."""
    put(folder / "elsewhere" / name(log(0)), b'{"Records":["forged"]}')
    report = verify(folder)
    assert [(f.kind, f.file) for f in report.findings] == [("hash differs", str(folder / "elsewhere" / name(log(0))))]


def test_a_changed_log_file_is_found(folder):
    """One byte more in a log file, and its hash differs; recompressed alone, it does not."""
    put(folder / log(0), b'{"Records":[0] }')
    (folder / log(1)).write_bytes(gzip.compress(b'{"Records":[1]}', 1, mtime=0))
    assert found(verify(folder)) == [("hash differs", name(log(0)))]


def test_a_missing_log_file_is_found(folder):
    """A log file that a digest lists and the folder lacks is missing."""
    (folder / log(1)).unlink()
    assert found(verify(folder)) == [("missing", name(log(1)))]


def test_a_log_file_nobody_lists_is_found(folder):
    """A file slipped in is unlisted; one of an hour without digest, or not yet due in one, is not accused."""
    put(folder / log_key(datetime(2024, 5, 6, 1, 20)), b'{"Records":[]}')
    put(folder / log_key(datetime(2024, 5, 6, 7, 20)), b'{"Records":[]}')
    put(folder / log_key(datetime(2024, 5, 6, 2, 50)), b'{"Records":[]}')
    assert found(verify(folder)) == [("unlisted", name(log_key(datetime(2024, 5, 6, 1, 20))))]


def test_a_missing_digest_is_a_gap(folder):
    """A digest cut out of the middle leaves a gap that its neighbours show."""
    (folder / digest(1)).unlink()
    assert found(verify(folder)) == [("gap", name(digest(2)))]


def test_a_forged_digest_breaks_the_chain_and_its_signature(folder, public_key):
    """A digest changed to match a changed log file is given away by its successor."""
    path = folder / digest(0)
    content = json.loads(gzip.decompress(path.read_bytes()))
    changed = b'{"Records":["forged"]}'
    put(folder / log(0), changed)
    content["logFiles"][0]["hashValue"] = hashlib.sha256(changed).hexdigest()
    put(path, json.dumps(content).encode())
    assert found(verify(folder)) == [("chain broken", name(digest(0)))]
    assert found(verify(folder, public_key)) == [
        ("chain broken", name(digest(0))),
        ("signature wrong", name(digest(0))),
    ]


def test_a_chain_that_names_another_digest_is_broken(folder):
    """A digest whose predecessor is not the one before it in time is found."""
    path = folder / digest(2)
    content = json.loads(gzip.decompress(path.read_bytes()))
    put(path, json.dumps(content | {"previousDigestS3Object": "AWSLogs/other.json.gz"}).encode())
    assert found(verify(folder)) == [("chain broken", name(digest(2)))]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"junk", "this digest cannot be read: Expecting value"),
        (gzip.compress(b"{}", mtime=0)[:-4], "this digest cannot be read: gzip is cut short"),
        (gzip.compress(b"{}", mtime=0), "this digest cannot be read: it has no 'digestStartTime'"),
        (gzip.compress(b"[1]", mtime=0), "this digest cannot be read: list indices"),
    ],
)
def test_a_digest_that_cannot_be_read_says_why(folder, content, sentence):
    """A damaged digest is one finding, and the others are still checked."""
    (folder / digest(2)).write_bytes(content)
    report = verify(folder)
    assert found(report) == [("unreadable", name(digest(2)))]
    assert report.findings[0].sentence.startswith(sentence)
    assert report.verified == 2


def test_a_log_file_that_cannot_be_read_says_why(folder):
    """A truncated log file is unreadable, not merely different."""
    path = folder / log(0)
    path.write_bytes(path.read_bytes()[:-9])
    assert found(verify(folder)) == [("unreadable", name(log(0)))]


def test_wrong_use_is_one_sentence(folder, tmp_path):
    """A folder without digests and a file that is no key name the cure."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no digest files; download the trail's CloudTrail-Digest folder"):
        verify(tmp_path / "empty")
    (tmp_path / "key").write_text("{}")
    with pytest.raises(InputError, match="no public key .*; give the output of `aws cloudtrail list-public-keys`"):
        verify(folder, tmp_path / "key")
    with pytest.raises(InputError, match=r"none: no public key \(No such file or directory\); give the output"):
        verify(folder, tmp_path / "none")


def test_one_key_may_come_alone(folder, tmp_path):
    """A PEM file is a public key too; another's key verifies nothing."""
    pem = tmp_path / "key.pem"
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem.write_bytes(KEY.public_key().public_bytes(encoding, form))
    assert verify(folder, pem).signed == 2
    pem.write_bytes(rsa.generate_private_key(65537, 2048).public_key().public_bytes(encoding, form))
    assert verify(folder, pem).counts == {"signature wrong": 2}


def test_the_real_digest_is_read(real_data):
    """The real digest lists one file that the corpus does not have, and nothing else is wrong."""
    report = verify(real_data)
    assert report.counts == {"missing": 1}
