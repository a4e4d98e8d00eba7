"""Each way a log folder can have been tampered with is found, and what is untouched is not accused."""

import base64
import gzip
import hashlib
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from typer.testing import CliRunner, Result

from cli.main import app
from runtime.local.inputs import InputError
from runtime.local.verify import verify

ACCOUNT, REGION = "111122223333", "us-east-1"
KEY = rsa.generate_private_key(65537, 2048)
OTHER_KEY = rsa.generate_private_key(65537, 2048)
# AWS's own example: https://docs.aws.amazon.com/cli/latest/reference/cloudtrail/list-public-keys.html
AWS_KEY = (
    "MIIBCgKCAQEAlSS3cl92HDycr/MTj0moOhas8habjrraXw+KzlWF0axSI2tcF+3iJ9BKQAVSKxGwxwu3m0wG3J+kUl1xboEcEPHYoIYMbgfSw7KG"
    "nuDKwkLzsQWhUJ0cIbOHASox1vv/5fNXkrHhGbDCHeVXm804c83nvHUEFYThr1PfyP/8HwrCtR3FX5OANtQCP61C1nJtSSkC8JSQUOrIP4CuwJjc"
    "+4WGDk+BGH5m9iuiAKkipEHWmUl8/P7XpfpWQuk4h8g3pXZOrNXr08lbh4d39svj7UqdhvOXoBISp9t/EXYuePGEtBdrKD9Dz+VHwyUPtBQvYr9B"
    "nkF88qBnaPNhS44rzwIDAQAB"
)
AWS_FINGERPRINT = "7f3f401420072e50a65a141430817ab3"


def der(key: RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)


def fingerprint(key: RSAPrivateKey) -> str:
    return hashlib.md5(der(key)).hexdigest()


def key(kind: str, at: datetime, tail: str, region: str = REGION) -> str:
    return f"AWSLogs/{ACCOUNT}/{kind}/{region}/{at:%Y/%m/%d}/{ACCOUNT}_{kind}_{region}_{tail}"


def log_key(at: datetime, region: str = REGION) -> str:
    return key("CloudTrail", at, f"{at:%Y%m%dT%H%MZ}_abcdefghijklmnop.json.gz", region)


def digest_key(end: datetime, region: str = REGION, kind: str = "") -> str:
    return key("CloudTrail-Digest", end, f"my-trail_{REGION}_{end:%Y%m%dT%H%M%SZ}{kind}.json.gz", region)


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0))


def read(path: Path) -> dict:
    return json.loads(gzip.decompress(path.read_bytes()))


def write_chain(
    root: Path, hours: list[int], region: str = REGION, signer: RSAPrivateKey = KEY, kind: str = "", minute: int = 10
) -> None:
    """A log file and a signed digest for each hour, as CloudTrail writes them."""
    previous: dict = {"object": None, "hash": None, "signature": None}
    for hour in hours:
        start = datetime(2024, 5, 6) + timedelta(hours=hour)
        end = start + timedelta(hours=1)
        log, content = log_key(start + timedelta(minutes=minute), region), b'{"Records":[%d]}' % hour
        put(root / log, content)
        digest = {
            "awsAccountId": ACCOUNT,
            "digestStartTime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "digestEndTime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "digestS3Bucket": "logs",
            "digestS3Object": f"prefix/{digest_key(end, region, kind)}",
            "digestPublicKeyFingerprint": fingerprint(signer),
            "previousDigestS3Object": previous["object"],
            "previousDigestHashValue": previous["hash"],
            "previousDigestSignature": previous["signature"],
            "logFiles": [{"s3Object": f"prefix/{log}", "hashValue": hashlib.sha256(content).hexdigest()}],
        }
        raw = json.dumps(digest).encode()
        put(root / digest_key(end, region, kind), raw)
        digest_hash = hashlib.sha256(raw).hexdigest()
        signed = f"{digest['digestEndTime']}\nlogs/{digest['digestS3Object']}\n{digest_hash}\n{previous['signature'] or 'null'}"
        signature = signer.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()
        previous = {"object": digest["digestS3Object"], "hash": digest_hash, "signature": signature}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory) -> Path:
    """Three hours of a Region."""
    root = tmp_path_factory.mktemp("untouched")
    write_chain(root, [0, 1, 2])
    return root


@pytest.fixture
def folder(untouched, tmp_path) -> Path:
    shutil.copytree(untouched, tmp_path / "logs")
    return tmp_path / "logs"


def key_list(path: Path, *keys: RSAPrivateKey) -> Path:
    """What `aws cloudtrail list-public-keys` gives."""
    listed = [{"Fingerprint": fingerprint(key), "Value": base64.b64encode(der(key)).decode()} for key in keys]
    path.write_text(json.dumps({"PublicKeyList": listed}))
    return path


@pytest.fixture
def public_key(tmp_path) -> list[Path]:
    return [key_list(tmp_path / "keys.json", KEY)]


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
    assert (report.findings, report.digests, report.verified, report.signed, report.unproven) == ([], 3, 3, 2, 1)
    assert [name(path) for path in report.unsigned] == [name(digest(2))]
    without = verify(folder)
    assert (without.ok, without.signed, without.unproven, without.unsigned) == (True, 0, 3, report.unsigned)


def test_a_digest_whose_key_is_not_given_is_a_finding(folder, tmp_path, public_key):
    """Keys are of a Region and a time: the finding says which to list; with them, all signatures verify."""
    write_chain(folder, [0, 1, 2, 3], "eu-central-1", OTHER_KEY)
    report = verify(folder, public_key)
    first = digest_key(datetime(2024, 5, 6, 1), "eu-central-1")
    assert found(report) == [("no key", name(first))]
    assert report.findings[0].sentence == (
        "the signatures of 4 digests of eu-central-1 from 2024-05-06T00:00:00Z to 2024-05-06T04:00:00Z cannot be "
        f"checked: no key given has the fingerprint {fingerprint(OTHER_KEY)}; give the output of `aws cloudtrail "
        "list-public-keys --region eu-central-1 --start-time 2024-05-06T00:00:00Z` with --public-key too"
    )
    assert (report.signed, report.unproven) == (2, 5)
    one = tmp_path / "one"
    write_chain(one, [0])
    assert found(verify(one, [key_list(tmp_path / "eu.json", OTHER_KEY)])) == [("no key", name(digest(0)))]
    report = verify(folder, [*public_key, key_list(tmp_path / "eu.json", OTHER_KEY)])
    assert (report.findings, report.signed, report.unproven) == ([], 5, 2)


@pytest.mark.parametrize("removed", ["previousDigestSignature", "digestPublicKeyFingerprint"])
def test_a_chain_written_anew_without_signatures_is_found(folder, public_key, removed):
    """Digests that were all rewritten, with what would give them away left out, do not pass for unsigned ones."""
    forged = b'{"Records":["forged"]}'
    put(folder / log(0), forged)
    previous = None
    for hour in range(3):
        content = read(folder / digest(hour)) | {removed: None}
        if hour == 0:
            content["logFiles"][0]["hashValue"] = hashlib.sha256(forged).hexdigest()
        else:
            content["previousDigestHashValue"] = previous
        raw = json.dumps(content).encode()
        put(folder / digest(hour), raw)
        previous = hashlib.sha256(raw).hexdigest()
    report = verify(folder, public_key)
    assert (report.ok, report.signed) == (False, 0)
    kinds = {"previousDigestSignature": {"chain broken": 2}, "digestPublicKeyFingerprint": {"no key": 1}}
    assert report.counts == kinds[removed]


def test_log_files_without_their_digests_are_not_taken_for_proven(folder, public_key):
    """Digests cut off at the beginning or the end leave log files that nothing proves: one finding for a Region."""
    write_chain(folder, list(range(10)))
    (folder / digest(0)).unlink()
    (folder / digest(1)).unlink()
    report = verify(folder, public_key)
    assert found(report) == [("not covered", name(log(0)))]
    assert report.findings[0].sentence.startswith(
        "2 log files of 111122223333 in us-east-1, 2024-05-06T00:10:00Z to 2024-05-06T01:10:00Z: no digest here covers"
    )
    (folder / log(0)).unlink()
    (folder / log(1)).unlink()
    assert (verify(folder, public_key).findings, verify(folder).spans[0].start) == ([], "2024-05-06T02:00:00Z")
    for hour in range(5, 10):
        (folder / digest(hour)).unlink()
    report = verify(folder, public_key)
    assert found(report) == [("not covered", name(log(5)))]
    assert "2 log files of 111122223333 in us-east-1" in report.findings[0].sentence
    assert report.pending == 3


def test_a_region_without_digests_is_not_taken_for_proven(folder):
    """Another Region's digests prove nothing; nor is a file proven whose name CloudTrail does not give."""
    put(folder / log_key(datetime(2024, 5, 6, 0, 10), "eu-central-1"), b'{"Records":[]}')
    put(folder / "extra.json.gz", b'{"Records":[]}')
    put(folder / f"{ACCOUNT}_CloudTrail_{REGION}_20249999T0000Z_abcdefghijklmnop.json.gz", b'{"Records":[]}')
    write_chain(folder, [0, 1, 2, 3, 4])
    assert found(verify(folder)) == [
        ("not covered", name(log_key(datetime(2024, 5, 6, 0, 10), "eu-central-1"))),
        ("not covered", f"{ACCOUNT}_CloudTrail_{REGION}_20249999T0000Z_abcdefghijklmnop.json.gz"),
    ]


def test_the_key_file_beside_the_logs_is_no_log_file(folder):
    """The output of list-public-keys may lie where the logs lie."""
    assert verify(folder, [key_list(folder / "keys.json", KEY)]).findings == []


def test_a_chain_may_begin_anew_and_says_so(folder, public_key):
    """Where logging was off there is a gap, and the new chain names no digest: not the same as one deleted."""
    write_chain(folder, [6, 7])
    report = verify(folder, public_key)
    assert found(report) == [("gap", name(digest(6)))]
    assert report.findings[0].sentence == (
        "no digest covers 2024-05-06T03:00:00Z to 2024-05-06T06:00:00Z: a new chain begins after it: logging or "
        "validation was off, or digests were deleted"
    )
    assert [name(path) for path in report.unsigned] == [name(digest(2)), name(digest(7))]


def test_a_missing_backfill_digest_is_found(folder, public_key):
    """Backfill digests are of hours here and there; that one of them is gone is told by the one that names it."""
    write_chain(folder, [0, 2, 5], kind="_backfill", minute=30)
    write_chain(folder, list(range(8)))
    report = verify(folder, public_key)
    assert (report.findings, report.signed, len(report.unsigned)) == ([], 9, 2)
    gone = digest_key(datetime(2024, 5, 6, 3), kind="_backfill")
    (folder / gone).unlink()
    (folder / log_key(datetime(2024, 5, 6, 2, 30))).unlink()
    report = verify(folder, public_key)
    assert found(report) == [("gap", name(digest_key(datetime(2024, 5, 6, 6), kind="_backfill")))]
    assert report.findings[0].sentence.endswith(
        f"{gone} as the digest before it, which is not here: deleted, or not copied"
    )


def test_a_backfill_digest_does_not_cover_its_hour(folder):
    """It lists what the hour's own digest left out: without that, a log file is not proven, and not accused."""
    write_chain(folder, list(range(8)))
    write_chain(folder, [1], kind="_backfill", minute=30)
    (folder / digest(1)).unlink()
    assert found(verify(folder)) == [("gap", name(digest(2))), ("not covered", name(log(1)))]


def test_two_digests_of_one_name_are_found(folder):
    """A changed copy of the newest digest, which no successor gives away, is found beside the true one."""
    put(folder / "elsewhere" / name(digest(2)), json.dumps(read(folder / digest(2)) | {"logFiles": []}).encode())
    assert [f.kind for f in verify(folder).findings] == ["chain broken"]


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
    """A file slipped in is unlisted; those whose digest may not be written yet are not accused, and counted."""
    put(folder / log_key(datetime(2024, 5, 6, 1, 20)), b'{"Records":[]}')
    put(folder / log_key(datetime(2024, 5, 6, 4, 20)), b'{"Records":[]}')
    put(folder / log_key(datetime(2024, 5, 6, 2, 50)), b'{"Records":[]}')
    report = verify(folder)
    assert found(report) == [("unlisted", name(log_key(datetime(2024, 5, 6, 1, 20))))]
    assert report.pending == 2


def test_a_missing_digest_is_a_gap(folder):
    """A digest cut out of the middle leaves a gap that its neighbours show."""
    (folder / digest(1)).unlink()
    report = verify(folder)
    assert found(report) == [("gap", name(digest(2)))]
    assert report.findings[0].sentence.endswith("which is not here: deleted, or not copied")


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
        (gzip.compress(b"[1]", mtime=0), "this digest cannot be read: it is not a JSON object"),
        (b"[" * 100_000, "this digest cannot be read: maximum recursion depth exceeded"),
        ({"logFiles": [{"s3Object": 1, "hashValue": "x"}]}, "this digest cannot be read: it lists a log file whose"),
        ({"previousDigestS3Object": 1}, "this digest cannot be read: its previousDigestS3Object is not text"),
        ({"digestPublicKeyFingerprint": [1]}, "this digest cannot be read: its digestPublicKeyFingerprint is not text"),
        ({"digestEndTime": "2024-05-06T03:00:00"}, "this digest cannot be read: its time 2024-05-06T03:00:00 has no"),
    ],
)
def test_a_digest_that_cannot_be_read_says_why(folder, content, sentence):
    """A damaged digest is one finding, and the others are still checked."""
    if isinstance(content, dict):
        content = json.dumps(read(folder / digest(2)) | content).encode()
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
        verify(folder, [tmp_path / "key"])
    with pytest.raises(InputError, match=r"key: no public key \(the list is empty; AWS lists the keys of one Region"):
        verify(folder, [key_list(tmp_path / "key")])
    with pytest.raises(InputError, match=r"none: no public key \(No such file or directory\); give the output"):
        verify(folder, [tmp_path / "none"])
    (tmp_path / "key").write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(InputError, match="no public key .not an RSA key"):
        verify(folder, [tmp_path / "key"])


def pem(key) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def test_one_key_may_come_alone(folder, tmp_path):
    """A PEM file is a public key too; another's key is not the digests' own, which is no proof against them."""
    (tmp_path / "key.pem").write_bytes(pem(KEY))
    assert verify(folder, [tmp_path / "key.pem"]).signed == 2
    (tmp_path / "key.pem").write_bytes(pem(OTHER_KEY))
    assert verify(folder, [tmp_path / "key.pem"]).counts == {"no key": 1}


def test_a_fingerprint_is_as_in_awss_example(folder, tmp_path):
    """The fingerprint of a key that comes alone is the one that AWS gives for it."""
    (tmp_path / "key").write_text(AWS_KEY)
    put(
        folder / digest(0),
        json.dumps(read(folder / digest(0)) | {"digestPublicKeyFingerprint": AWS_FINGERPRINT}).encode(),
    )
    report = verify(folder, [tmp_path / "key"])
    assert [f.kind for f in report.findings] == ["chain broken", "signature wrong", "no key"]


def test_the_real_digest_is_read(real_data):
    """The real digest lists one file that the corpus does not have; it is of one hour, and the log files are of years."""
    report = verify(real_data)
    assert (report.counts["missing"], report.verified, set(report.counts)) == (1, 0, {"missing", "not covered"})


def trailsight(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_says_what_was_proven(folder, tmp_path, public_key):
    """Each case in words: no key, all keys, a key missing; keys may be given several times."""
    verified = "3 digests, 3 log files match them, nothing wrong found\n"
    done = trailsight("verify", folder)
    assert (done.exit_code, done.stdout) == (
        0,
        "digests from 2024-05-06T00:00:00Z to 2024-05-06T03:00:00Z\n" + verified + "signatures not checked: whoever "
        "changes log files and digests alike goes unnoticed; give AWS's public keys with --public-key\n",
    )
    other = key_list(tmp_path / "other.json", OTHER_KEY)
    done = trailsight("verify", folder, "--public-key", other, "--public-key", *public_key)
    assert (done.exit_code, done.stdout) == (
        0,
        "digests from 2024-05-06T00:00:00Z to 2024-05-06T03:00:00Z\n"
        + verified
        + "2 signatures verified, 1 not in this "
        "folder: a digest's signature is in the next digest, and in the metadata of its own S3 object\n"
        "1 log file matched only by a digest whose signature was not verified\n",
    )
    done = trailsight("verify", folder, "--public-key", other)
    assert done.exit_code == 3
    assert "3 digests, 3 log files match them, 1 no key\n0 signatures verified" in done.stdout
    assert "nothing wrong" not in done.stdout
    (folder / digest(0)).unlink()
    shutil.rmtree((folder / log(0)).parent)
    write_chain(folder, [0, 1, 2], "eu-central-1")
    (folder / digest_key(datetime(2024, 5, 6, 3), "eu-central-1")).unlink()
    done = trailsight("verify", folder)
    assert (
        f"  {ACCOUNT} eu-central-1 my-trail_us-east-1: only from 2024-05-06T00:00:00Z to 2024-05-06T02:00:00Z\n"
        in done.stdout
    )
    assert "1 log file not checked: newer than the newest digest\n" in done.stdout
    found = json.loads(trailsight("verify", folder, "--json").stdout)
    assert (found["ok"], found["pending"], len(found["spans"])) == (False, 1, 2)


def test_a_kind_of_finding_that_is_met_often_is_cut_short(folder, monkeypatch):
    """The first ones of each kind are printed, and how many more there are; --json has all."""
    monkeypatch.setattr("cli.verify.SHOWN", 2)
    for hour in range(3):
        (folder / log(hour)).unlink()
    done = trailsight("verify", folder)
    assert done.exit_code == 3
    assert [line.split(":")[0] for line in done.stdout.splitlines()].count("missing") == 3
    assert "\nmissing: ... and 1 more; --json lists all\n" in done.stdout
    assert len(json.loads(trailsight("verify", folder, "--json").stdout)["findings"]) == 3


def test_logs_in_s3_are_refused():
    """A prefix in S3 is no folder of this machine: the sentence says how to get there."""
    done = trailsight("verify", "s3://acme-logs/AWSLogs")
    assert (done.exit_code, done.stdout) == (2, "")
    sentence = "copy it first, `aws s3 sync s3://acme-logs/AWSLogs FOLDER`, and name the folder"
    assert sentence in " ".join(done.stderr.replace("│", " ").split())
