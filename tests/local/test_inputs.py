"""Log files are found in every layout, by path alone, and nothing outside the selection is listed or read."""

import os
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from runtime.local import inputs
from runtime.local.inputs import InputError, S3Options, find, open_bytes

A, B = "111122223333", "444455556666"


def name(account=A, kind="CloudTrail", region="eu-central-1", stamp="20240506T0710Z") -> str:
    return f"{account}_{kind}_{region}_{stamp}_abcdefghijklmnop.json.gz"


def folder(account=A, kind="CloudTrail", region="eu-central-1", day="2024/05/06") -> str:
    return f"{account}/{kind}/{region}/{day}"


LAYOUTS = {
    "account": (f"AWSLogs/{folder()}/{name()}", "log"),
    "organization": (f"AWSLogs/o-abc123/{folder()}/{name()}", "log"),
    "Control Tower": (f"o-abc123/AWSLogs/o-abc123/{folder()}/{name()}", "log"),
    "any prefix": (f"a/b c/AWSLogs/{folder()}/{name()}", "log"),
    "insight": (f"AWSLogs/{folder(kind='CloudTrail-Insight')}/{name(kind='CloudTrail-Insight')}", "insight"),
    "network activity": (
        f"AWSLogs/{folder(kind='CloudTrail-NetworkActivity')}/{name(kind='CloudTrail-NetworkActivity')}",
        "networkactivity",
    ),
    "flat": (name(), "log"),
    "flat, not compressed": (name().removesuffix(".gz"), "log"),
}


def put(root: Path, key: str, content: bytes = b"x") -> Path:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_says_account_region_day_and_kind(tmp_path, layout):
    """The path, or for flat folders the name, says all that is needed to select."""
    key, kind = LAYOUTS[layout]
    path = put(tmp_path, key)
    [file] = find([str(tmp_path)]).files
    assert (file.account, file.region, file.day, file.kind) == (A, "eu-central-1", date(2024, 5, 6), kind)
    assert (file.uri, file.size) == (str(path), 1)
    assert file.key == (key[key.index("AWSLogs") :] if "AWSLogs" in key else key)


def test_digests_aggregates_and_other_files_are_counted(tmp_path):
    """What is no log file is passed over and counted by its reason."""
    put(
        tmp_path,
        f"AWSLogs/{folder(kind='CloudTrail-Digest')}/{A}_CloudTrail-Digest_eu-central-1_t_eu-central-1_20240506T000000Z.json.gz",
    )
    put(tmp_path, f"flat/{A}_CloudTrail-Digest_eu-central-1_my-trail_eu-central-1_20240506T000000Z.json.gz")
    put(tmp_path, f"AWSLogs/{folder(kind='CloudTrail-Aggregated')}/{name(kind='CloudTrail-Aggregated')}")
    put(tmp_path, f"AWSLogs/{folder(kind='GuardDuty')}/0a1b2c3d.jsonl.gz")
    put(tmp_path, "README.md")
    put(tmp_path, "accounts.csv")
    put(tmp_path, f"AWSLogs/{folder()}/.DS_Store")
    put(tmp_path, f"AWSLogs/{folder()}/{name()}")
    listing = find([str(tmp_path)])
    assert len(listing.files) == 1
    assert listing.skipped == {"digest": 2, "aggregated": 1, "other service": 1, "no log": 3}


def test_what_people_have_at_hand_is_taken(tmp_path):
    """Files without CloudTrail's names are read: exports, JSON lines, CSV; and any file named itself."""
    for key in ["export.json", "lines.jsonl", "event_history.csv", "x.JSON.GZ"]:
        put(tmp_path, key)
    assert [f.key for f in find([str(tmp_path)]).files] == [
        "event_history.csv",
        "export.json",
        "lines.jsonl",
        "x.JSON.GZ",
    ]
    odd = put(tmp_path, "download (1)")
    assert [f.key for f in find([str(odd)]).files] == ["download (1)"]


DAYS = ["2024/04/30", "2024/05/01", "2024/05/31", "2024/06/01"]


@pytest.mark.parametrize(
    ("options", "days"),
    [
        ({"start": date(2024, 5, 1)}, DAYS[1:]),
        ({"end": date(2024, 5, 31)}, DAYS[:3]),
        ({"start": date(2024, 5, 1), "end": date(2024, 5, 31)}, DAYS[1:3]),
        ({"start": date(2024, 5, 2), "end": date(2024, 5, 30)}, []),
        ({"accounts": {B}}, []),
        ({"accounts": {A}, "regions": {"eu-central-1"}}, DAYS),
        ({"regions": {"us-east-1"}}, []),
    ],
)
def test_the_selection_prunes_by_path(tmp_path, options, days, monkeypatch):
    """Folders outside the bounds are not even opened."""
    for day in DAYS:
        put(tmp_path, f"AWSLogs/{folder(day=day)}/{name(stamp=day.replace('/', '') + 'T0000Z')}")
    opened = []
    monkeypatch.setattr(
        inputs.os,
        "walk",
        lambda *a, walk=os.walk, **k: ((opened.append(str(f)), (f, d, n))[1] for f, d, n in walk(*a, **k)),
    )
    found = find([str(tmp_path)], **options)
    assert [f.day.strftime("%Y/%m/%d") for f in found.files] == days
    assert sorted(o[-10:] for o in opened if o[-10:] in DAYS) == days


@pytest.mark.parametrize("below", ["9999", "9999/12", "9999/12/31", "0000", "2024/13"])
@pytest.mark.parametrize("start", [None, date(2024, 5, 1)])
def test_no_year_stops_a_listing(tmp_path, below, start):
    """A folder that only looks like a day, or is one at the end of time, is one folder more."""
    put(tmp_path, f"AWSLogs/{A}/CloudTrail/us-east-1/{below}/x.json")
    assert [Path(f.uri).name for f in find([str(tmp_path)], start=start).files] == ["x.json"]


def test_a_flat_folder_is_selected_by_name(tmp_path):
    """Downloads in one folder are pruned by what their names say, and counted."""
    for stamp in ["20240506T2355Z", "20240507T0000Z"]:
        put(tmp_path, name(stamp=stamp))
    listing = find([str(tmp_path)], start=date(2024, 5, 7))
    assert ([f.day for f in listing.files], listing.skipped) == ([date(2024, 5, 7)], {"not asked for": 1})


def test_links_that_lead_back_end(tmp_path):
    """A link to a parent folder is walked once."""
    put(tmp_path, f"AWSLogs/{folder()}/{name()}")
    (tmp_path / "AWSLogs" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert len(find([str(tmp_path)]).files) == 1


def test_a_name_that_is_not_utf8_is_found(tmp_path):
    """Odd bytes of a name are spelled out in the key, and the file opens."""
    path = os.fsencode(tmp_path) + b"/\xff.json"
    Path(os.fsdecode(path)).write_bytes(b"{}")
    [file] = find([str(tmp_path)]).files
    assert file.key == "\\xff.json"
    with open_bytes(file) as stream:
        assert stream.read() == b"{}"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("/no/such/place", "/no/such/place: no such file or folder; check the path"),
        ("gs://bucket/x", "gs://bucket/x: name a file, a folder or s3://bucket/prefix"),
        ("s3://", "s3://: name a bucket, as in s3://bucket/prefix"),
    ],
)
def test_an_input_that_is_not_there_is_one_sentence(given, sentence):
    """A wrong input names itself and the cure."""
    with pytest.raises(InputError) as refused:
        find([given])
    assert str(refused.value) == sentence


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Options]:
    """An S3 on 127.0.0.1 (moto)."""
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        options = S3Options(region="us-east-1", endpoint_url=f"http://{host}:{port}")
        client = inputs.client("s3", options)
        client.create_bucket(Bucket="trail-logs")
        for account in (A, B):
            for region in ("eu-central-1", "us-east-1"):
                for day in DAYS:
                    key = f"org/AWSLogs/o-abc/{folder(account, region=region, day=day)}/"
                    key += name(account, region=region, stamp=day.replace("/", "") + "T0000Z")
                    client.put_object(Bucket="trail-logs", Key=key, Body=key.encode())
        client.put_object(
            Bucket="trail-logs", Key=f"org/AWSLogs/o-abc/{folder(kind='CloudTrail-Digest')}/d.json.gz", Body=b""
        )
        client.put_object(Bucket="trail-logs", Key="org/AWSLogs/", Body=b"")
        yield options
    server.stop()


def test_s3_is_listed_and_read(s3):
    """A bucket's log files are found and opened; digests are counted."""
    listing = find(["s3://trail-logs/org"], s3=s3)
    assert (len(listing.files), listing.skipped, listing.s3_requests) == (16, {"digest": 1}, 1)
    file = listing.files[0]
    assert file.key == f"AWSLogs/o-abc/{folder(day='2024/04/30')}/{name(stamp='20240430T0000Z')}"
    assert file.uri == f"s3://trail-logs/org/{file.key}"
    with open_bytes(file, s3) as stream:
        assert stream.read() == f"org/{file.key}".encode()


def test_s3_is_pruned_by_prefix(s3):
    """Bounds prune whole prefixes: few requests, only the files asked for."""
    listing = find(
        ["s3://trail-logs/org/"],
        s3=s3,
        start=date(2024, 5, 31),
        end=date(2024, 6, 1),
        accounts={B},
        regions={"us-east-1"},
    )
    assert [(f.account, f.region, str(f.day)) for f in listing.files] == [
        (B, "us-east-1", "2024-05-31"),
        (B, "us-east-1", "2024-06-01"),
    ]
    # org/, AWSLogs/, o-abc/, account, kind, Region, year, two months, two days
    assert listing.s3_requests == 11


def test_s3_errors_are_one_sentence_with_the_cure(s3, monkeypatch):
    """A missing bucket, object or login, and an archived object, say what to do."""
    with pytest.raises(InputError, match="^s3://no-such-bucket/x: there is no such bucket; check its name$"):
        find(["s3://no-such-bucket/x"], s3=s3)
    [file, *_] = find(["s3://trail-logs/org"], s3=s3).files
    gone = inputs.LogFile(file.uri + "x", "k", 0, "v")
    with pytest.raises(InputError, match="the object is gone; list again$"):
        open_bytes(gone, s3)
    client = inputs.client("s3", s3)
    client.create_bucket(Bucket="cold-logs")
    client.put_object(Bucket="cold-logs", Key="a.json.gz", Body=b"", StorageClass="GLACIER")
    [cold] = find(["s3://cold-logs"], s3=s3).files
    with pytest.raises(InputError, match="^s3://cold-logs/a.json.gz: it is archived; restore it first, as `aws s3api"):
        open_bytes(cold, s3)
    with pytest.raises(InputError, match="there is no such profile; see ~/.aws/config$"):
        find(["s3://trail-logs/org"], s3=S3Options(profile="nobody"))


def test_a_run_over_s3_takes_the_same_rows(s3, tmp_path):
    """The engine reads s3:// as it reads folders, and knows a file again by its ETag."""
    from runtime.local.ingest import ingest
    from runtime.local.lake import Lake
    from tests.local.logs import encode, event, rows

    client = inputs.client("s3", s3)
    client.create_bucket(Bucket="events")
    key = f"AWSLogs/{folder()}/{name()}"
    client.put_object(Bucket="events", Key=key, Body=b'{"Records":[' + encode(event("e1")) + b"]}")
    lake = Lake(tmp_path / "lake")
    assert ingest(["s3://events"], lake, s3=s3, workers=1).rows == 1
    assert ingest(["s3://events"], lake, s3=s3, workers=1).known == 1
    assert rows(lake.root) == [("2024-05-06", "e1")]


@pytest.mark.parametrize(
    ("above", "account"),
    [
        (f"202405061234/AWSLogs/{folder()}", A),
        (f"x/{B}/AWSLogs/o-abc/{folder()}", A),
        (f"202405061234/{folder()}", A),
        ("CloudTrail-Digest/AWSLogs", None),
        ("202405061234", None),
    ],
)
def test_twelve_digits_are_an_account_only_where_one_belongs(tmp_path, above, account):
    """A folder named after a time does not hide the account below it, nor prune its logs."""
    put(tmp_path, f"{above}/x.json")
    assert [f.account for f in find([str(tmp_path)]).files] == [account]
    assert len(find([str(tmp_path)], accounts={A}).files) == 1
    assert len(find([str(tmp_path)], accounts={B}).files) == (0 if account else 1)


def test_a_file_named_as_an_input_is_selected_too(tmp_path):
    """What a shell's glob names is no other than what lies in a folder, but that it may end in anything."""
    digest = put(tmp_path, f"{A}_CloudTrail-Digest_eu-central-1_t_eu-central-1_20240506T000000Z.json.gz")
    names = [name(), name(B), name(region="us-east-1"), name(stamp="20240507T0000Z")]
    files = [str(put(tmp_path, n)) for n in names] + [str(digest), str(put(tmp_path, "accounts.csv"))]
    options = {"accounts": {A}, "regions": {"eu-central-1"}, "start": date(2024, 5, 1), "end": date(2024, 5, 6)}
    listing = find(files, **options)
    assert [f.key for f in listing.files] == [name()]
    assert listing.skipped == {"not asked for": 3, "digest": 1, "no log": 1}


def test_one_unreadable_folder_stops_no_other(tmp_path, monkeypatch):
    """What may not be looked into is said, and the rest is found; so is a link that leads nowhere."""
    put(tmp_path, "open/a.json")
    closed = tmp_path / "closed"
    closed.mkdir()
    (tmp_path / "open" / "gone.json").symlink_to(tmp_path / "nowhere")

    def scandir(path, scandir=os.scandir):
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scandir)
    listing = find([str(tmp_path)])
    assert [f.key for f in listing.files] == ["open/a.json"]
    assert sorted(listing.unreadable) == [
        f"{closed}: not read: Permission denied; check its permissions",
        f"{tmp_path}/open/gone.json: not read: No such file or directory; check its permissions",
    ]
    with pytest.raises(InputError, match=f"{closed}: Permission denied; check the path and its permissions"):
        find([str(closed)])


def test_why_there_is_nothing_is_said(tmp_path):
    """No log file at all is a sentence that names what was there, or what was left out."""
    empty = find([str(tmp_path)])
    assert empty.why_nothing == "no log file there: no file at all; check the path"
    put(tmp_path, "notes.txt")
    assert find([str(tmp_path)]).why_nothing.startswith(
        "no log file there (1 other file skipped): the name of one ends in .json, .json.gz, "
    )
    put(tmp_path, f"AWSLogs/{folder()}/{name()}")
    put(tmp_path, name())
    assert find([str(tmp_path)], accounts={B}).why_nothing == (
        "no log file within the selection: 1 file and 1 folder not asked for; widen --from, --to, --account or --region"
    )
    assert find([str(tmp_path)]).why_nothing is None


def test_a_role_is_assumed_without_a_region(s3, monkeypatch):
    """The role that is named is assumed, by the profile's credentials, even where no Region is configured."""
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    options = S3Options(role_arn=f"arn:aws:iam::{A}:role/reader", endpoint_url=s3.endpoint_url)
    assert len(find(["s3://trail-logs/org"], s3=options).files) == 16
    import boto3

    found = inputs.client("s3", options)._request_signer._credentials.get_frozen_credentials()
    who = boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=s3.endpoint_url,
        aws_access_key_id=found.access_key,
        aws_secret_access_key=found.secret_key,
        aws_session_token=found.token,
    ).get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::{A}:assumed-role/reader/trailsight"


class Busy(BaseHTTPRequestHandler):
    """An S3 that is too busy for the first two requests."""

    refused: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        body = b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
        status = 503 if len(self.refused) < 2 else 200
        if status == 503:
            self.refused.append(self.path)
            body = b"<Error><Code>SlowDown</Code><Message>x</Message></Error>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_busy_s3_is_asked_again(s3):
    """S3's SlowDown is no failure: the request is repeated."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            options = S3Options(region="us-east-1", endpoint_url=f"http://127.0.0.1:{server.server_port}")
            assert find(["s3://some-logs"], s3=options).files == []
        finally:
            server.shutdown()
    assert len(Busy.refused) == 2
