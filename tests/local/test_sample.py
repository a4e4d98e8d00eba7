"""The sample: the same to the byte, laid out as CloudTrail does, counted exactly, and with its story in it."""

import gzip
import hashlib
import ipaddress
import json
import re
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from runtime.events.columns import COLUMNS
from runtime.events.row import RowMaker, Unusable
from runtime.local.sample import Refused, SampleSummary, hostile, write_sample
from runtime.local.sample.background import activity
from runtime.local.verify import verify

LOG_FILE = re.compile(
    r"AWSLogs/(?P<account>\d{12})/(?P<folder>CloudTrail(-Insight|-NetworkActivity|-Aggregated)?)/(?P<region>[a-z]+-[a-z]+-\d)"
    r"/(?P<day>\d{4}/\d\d/\d\d)/(?P=account)_(?P=folder)_(?P=region)_(?P<time>\d{8}T\d{4}Z)_[A-Za-z0-9]{16}\.json\.gz"
)
DIGEST_FILE = re.compile(
    r"AWSLogs/(?P<account>\d{12})/CloudTrail-Digest/(?P<region>[a-z]+-[a-z]+-\d)/(?P<day>\d{4}/\d\d/\d\d)"
    r"/(?P=account)_CloudTrail-Digest_(?P=region)_organization_(?P=region)_(?P<time>\d{8}T\d{6}Z)\.json\.gz"
)
EVENTS = 2000


class Sample(NamedTuple):
    folder: Path
    summary: SampleSummary


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    return Sample(folder, write_sample(folder, events=EVENTS))


@pytest.fixture(scope="module")
def with_hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    return Sample(folder, write_sample(folder, events=EVENTS, hostile=True))


def files(folder):
    """(key, path) of every file, in the order of their names."""
    return sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())


def slices(text):
    """Each record's own text, found by the standard library's parser; in `text` bytes that are no UTF-8 are escaped."""
    assert text.startswith('{"Records":[')
    assert text.endswith("]}")
    decoder, at, found = json.JSONDecoder(), len('{"Records":['), []
    while text[at] != "]":
        _, end = decoder.raw_decode(text, at)
        found.append(text[at:end])
        at = end + (text[end] == ",")
    assert at == len(text) - 2
    return found


def records(folder, kinds=("CloudTrail", "CloudTrail-Insight", "CloudTrail-NetworkActivity")):
    """(match of the key, record's bytes) of every log file that can be read."""
    for key, path in files(folder):
        match = LOG_FILE.fullmatch(key)
        if match is None or match["folder"] not in kinds:
            continue
        try:
            text = gzip.decompress(path.read_bytes()).decode(errors="surrogateescape")
        except EOFError:
            continue
        if text.startswith('{"Records":['):
            for record in slices(text):
                yield match, record.encode(errors="surrogateescape")


@pytest.fixture(scope="module")
def story(plain):
    """Every record of the plain sample once, in the order of time."""
    found = {record["eventID"]: record for record in (json.loads(raw) for _, raw in records(plain.folder))}
    return sorted(found.values(), key=lambda record: (record["eventTime"], record["eventID"]))


def by_name(story, name):
    return [record for record in story if record.get("eventName") == name]


def contents(folder):
    return {key: hashlib.sha256(path.read_bytes()).hexdigest() for key, path in files(folder)}


def test_same_arguments_same_bytes(plain, tmp_path):
    """Two samples of the same arguments are equal in every file's name and byte, hostile or not."""
    assert write_sample(tmp_path / "a", events=EVENTS) == plain.summary
    assert contents(tmp_path / "a") == contents(plain.folder)
    for name in "bc":
        write_sample(tmp_path / name, events=300, hostile=True, accounts=2, days=3)
    assert contents(tmp_path / "b") == contents(tmp_path / "c")


def test_another_seed_is_another_sample(plain, tmp_path):
    """The seed decides: no file name of two seeds' samples is shared, but for the digests'."""
    write_sample(tmp_path, events=EVENTS, seed=8)
    shared = contents(tmp_path).keys() & contents(plain.folder).keys()
    assert all("CloudTrail-Digest" in key for key in shared)


def test_layout(plain):
    """Every file stands where CloudTrail would put it, under the day of its own time; nothing else is in the folder."""
    seen = Counter()
    for key, _ in files(plain.folder):
        match = LOG_FILE.fullmatch(key) or DIGEST_FILE.fullmatch(key)
        assert match, key
        assert match["day"].replace("/", "") == match["time"][:8]
        seen[key.split("/")[2]] += 1
    assert set(seen) == {
        "CloudTrail",
        "CloudTrail-Insight",
        "CloudTrail-NetworkActivity",
        "CloudTrail-Aggregated",
        "CloudTrail-Digest",
    }
    assert seen["CloudTrail-Aggregated"] == plain.summary.aggregated == 1
    assert seen["CloudTrail-Digest"] == plain.summary.digests
    assert sum(seen.values()) == plain.summary.files + plain.summary.digests + plain.summary.aggregated
    assert plain.summary.bytes == sum(path.stat().st_size for _, path in files(plain.folder))


def test_records_are_compact_json_of_their_account_and_region(plain):
    """A record is compact JSON in the folder of its recipient account and Region."""
    for match, raw in records(plain.folder):
        record = json.loads(raw)
        assert json.dumps(record, separators=(",", ":")).encode() == raw
        assert (record["recipientAccountId"], record["awsRegion"]) == (match["account"], match["region"])


@pytest.mark.parametrize(
    ("events", "accounts", "days"), [(1, 1, 1), (50, 1, 1), (300, 1, 2), (EVENTS, 3, 14), (4000, 7, 3), (9000, 1, 1)]
)
def test_counts_are_exact(tmp_path, events, accounts, days):
    """What the summary says is what is found when the folder is read again."""
    summary = write_sample(tmp_path, events=events, accounts=accounts, days=days)
    copies, delivered, happened, per_kind = Counter(), {}, {}, Counter()
    for match, raw in records(tmp_path):
        record = json.loads(raw)
        copies[raw] += 1
        at = datetime.strptime(match["time"] + "+0000", "%Y%m%dT%H%MZ%z")
        event = record["eventID"]
        delivered[event] = min(at, delivered.get(event, at))
        happened[event] = datetime.fromisoformat(record["eventTime"])
        if copies[raw] == 1:
            per_kind[match["folder"]] += 1
    assert len(copies) == len(happened) == summary.events == events
    assert copies.total() == summary.records_written
    assert copies.total() - len(copies) == summary.duplicates
    assert max(copies.values()) <= 2
    delays = [delivered[event] - happened[event] for event in happened]
    assert sum(delay >= timedelta(days=1) for delay in delays) == summary.late
    assert min(delays) > timedelta(0)
    assert max(delays) < timedelta(days=3)
    assert per_kind["CloudTrail-Insight"] == summary.insights
    assert per_kind["CloudTrail-NetworkActivity"] == summary.network_activity
    assert {time.date() for time in happened.values()} <= {summary.first_day + timedelta(n) for n in range(days)}
    assert summary.last_day == date(2026, 10, 31)
    assert summary.differs == summary.unusable == summary.bad_files == 0
    assert summary.hostile == {}


def test_small_sample_has_late_events_and_duplicates(plain):
    """The smallest demo already has late and duplicate deliveries, each duplicate in another file than the first."""
    assert plain.summary.late > 0
    assert plain.summary.duplicates > 0
    keys = defaultdict(list)
    for match, raw in records(plain.folder):
        keys[raw].append(match.string)
    twice = [found for found in keys.values() if len(found) > 1]
    assert len(twice) == plain.summary.duplicates
    assert all(len(set(found)) == 2 for found in twice)


def test_rows_balance(with_hostile):
    """Every record becomes a row or is refused, and both are as many as the summary says, kind by kind."""
    summary, maker = with_hostile.summary, RowMaker()
    at = {column.name: n for n, column in enumerate(COLUMNS)}
    rows, reasons = defaultdict(set), []
    total = 0
    for match, raw in records(with_hostile.folder):
        total += 1
        try:
            row = maker.row(raw, match.string)
        except Unusable as error:
            reasons.append(str(error))
            continue
        identity = row.eventdate, row.dense[at["recipientaccountid"]] or "", row.dense[at["eventid"]]
        rows[identity].add(raw)
    assert total == summary.records_written
    assert len(rows) == summary.events == EVENTS + sum(k.copies for k in hostile.KINDS if not k.unusable) + 1
    assert len(reasons) == summary.unusable == 4
    assert sum(len(copies) - 1 for copies in rows.values()) == summary.differs == 1
    assert summary.records_written == summary.events + summary.duplicates + summary.differs + summary.unusable
    assert {re.split(r"[:\"]", reason)[0] for reason in reasons} == {
        "no usable eventTime",
        "not UTF-8",
        "not a JSON object",
    }


def test_ordinary_records_fit_the_columns(plain):
    """No record of a plain sample has a field that the event row does not know."""
    maker = RowMaker()
    extra = [column.name for column in COLUMNS].index("extra")
    assert {maker.row(raw, "").dense[extra] for _, raw in records(plain.folder)} == {None}


def test_hostile_records_are_there(with_hostile, plain):
    """Each kind that is counted is found in the bytes, and none of it in a plain sample."""
    marks = {
        "markup": rb"</script><img src=x onerror=alert(1)>",
        "formula": rb'"=cmd|',
        "escape-sequence": rb"\u001b[31m",
        "huge-integer": b"9" * 60,
        "huge-exponent": b"1e400",
        "exact-decimal": b":1.10}",
        "lone-surrogate": rb"\ud800",
        "nul": rb"\u0000",
        "escaped-slash": rb"curl\/8.5",
        "duplicate-key": b'"bucketName":"first","bucketName":"second"',
        "duplicate-key-at-the-top": b'"userAgent":"first","userAgent":"second"',
        "case-clash": b'"Host":"upper","host":"lower"',
        "dotted-key": b'"tag.Name"',
        "deep": b'{"a":' * 200,
        "struct-for-scalar": b'"userAgent":{',
        "scalar-for-struct": b'"userIdentity":"nobody"',
        "unknown-field": b'"fieldOfTomorrow"',
        "path-traversal": rb"..\/..\/etc",
        "odd-event-time": b'"eventTime":"yesterday"',
        "not-utf-8": b"caf\xe9",
        "not-an-object": b'"a record that is text"',
    }
    kinds = with_hostile.summary.hostile
    raws = [raw for _, raw in records(with_hostile.folder)]
    for kind, mark in marks.items():
        assert sum(mark in raw for raw in raws) == kinds[kind] > 0, kind
        assert not any(mark in raw for _, raw in records(plain.folder)), kind
    objects = [raw for raw in raws if raw.startswith(b"{")]
    assert sum(b'"eventID":' not in raw for raw in objects) == kinds["no-event-id"] == 1
    assert sum(b'"eventTime":' not in raw for raw in objects) == kinds["no-event-time"] == 1
    assert kinds.keys() == marks.keys() | {"no-event-id", "no-event-time", hostile.DIFFERS, *hostile.FILES}


def test_bad_files(with_hostile):
    """One file is cut off, one has no records, one is no CloudTrail log: the three that the summary counts."""
    found = []
    for _, path in files(with_hostile.folder):
        try:
            content = gzip.decompress(path.read_bytes())
        except EOFError:
            found.append("truncated")
            continue
        if content == b'{"Records":[]}':
            found.append("empty")
        elif b'"Records"' not in content and b'"logFiles"' not in content:
            found.append("stranger")
    assert sorted(found) == ["empty", "stranger", "truncated"]
    assert with_hostile.summary.bad_files == 3
    logs = [key for key, _ in files(with_hostile.folder) if LOG_FILE.fullmatch(key) and "-Aggregated" not in key]
    assert len(logs) == with_hostile.summary.files


def digests(folder):
    """(key, digest's bytes) per account and Region, in the order of time."""
    chains = defaultdict(list)
    for key, path in files(folder):
        match = DIGEST_FILE.fullmatch(key)
        if match:
            chains[match["account"], match["region"]].append((key, gzip.decompress(path.read_bytes())))
    return chains


def test_digests_prove_every_log_file(plain):
    """Each log file but the aggregated one is in exactly one digest, under its account and Region, with the hash of its content."""
    hashes, times = {}, {}
    for key, path in files(plain.folder):
        if LOG_FILE.fullmatch(key) and "-Aggregated" not in key:
            content = gzip.decompress(path.read_bytes())
            hashes[key] = hashlib.sha256(content).hexdigest()
            found = [record["eventTime"] for record in json.loads(content)["Records"] if "eventTime" in record]
            times[key] = min(found, default=None), max(found, default=None)
    listed = {}
    for (account, region), chain in digests(plain.folder).items():
        for key, content in chain:
            digest = json.loads(content)
            assert digest["awsAccountId"] == account
            assert digest["digestS3Object"] == key
            for file in digest["logFiles"]:
                assert file["s3Object"] not in listed
                assert f"/{region}/" in file["s3Object"]
                stamp = LOG_FILE.fullmatch(file["s3Object"])["time"]
                start, end = (re.sub(r"[-:]", "", digest[name]) for name in ("digestStartTime", "digestEndTime"))
                assert start <= stamp.replace("Z", "00Z") < end
                assert (file["oldestEventTime"], file["newestEventTime"]) == times[file["s3Object"]]
                assert file["hashAlgorithm"] == "SHA-256"
                listed[file["s3Object"]] = file["hashValue"]
    assert listed == hashes


def test_the_sample_verifies(plain):
    """`trailsight verify` finds nothing wrong in a sample: its digests look as CloudTrail's do, but for a true signature."""
    report = verify(plain.folder)
    assert report.findings == []
    assert (report.digests, report.verified) == (plain.summary.digests, plain.summary.files)


def test_digests_are_a_chain(plain):
    """Each digest names the one before it with the hash of its content and begins where it ended; the first, none."""
    chains = digests(plain.folder)
    assert sum(map(len, chains.values())) == plain.summary.digests
    for chain in chains.values():
        before = None
        for key, content in chain:
            digest = json.loads(content)
            if before is None:
                assert digest["previousDigestS3Object"] is digest["previousDigestHashValue"] is None
                assert digest["previousDigestSignature"] is None
                assert digest["digestStartTime"].startswith(plain.summary.first_day.isoformat())
            else:
                assert digest["previousDigestS3Object"] == before[0]
                assert digest["previousDigestHashValue"] == hashlib.sha256(before[1]).hexdigest()
                assert digest["digestStartTime"] == json.loads(before[1])["digestEndTime"]
                assert re.fullmatch("[0-9a-f]{512}", digest["previousDigestSignature"])
            before = key, content


def test_digests_tell_of_the_truncated_file(with_hostile):
    """Of the hostile sample's files, only the truncated one is not what its digest says."""
    broken = []
    for chain in digests(with_hostile.folder).values():
        for _, content in chain:
            for file in json.loads(content)["logFiles"]:
                packed = (with_hostile.folder / file["s3Object"]).read_bytes()
                try:
                    same = hashlib.sha256(gzip.decompress(packed)).hexdigest() == file["hashValue"]
                except EOFError:
                    same = False
                if not same:
                    broken.append(file["s3Object"])
    assert len(broken) == with_hostile.summary.hostile["truncated-gzip"] == 1


def test_insights_come_in_pairs(story):
    """Each Insight has a start and a later end that share sharedEventID and nothing else that identifies them."""
    pairs = defaultdict(list)
    for record in story:
        if record["eventCategory"] == "Insight":
            pairs[record["sharedEventID"]].append(record)
    assert len(pairs) == 5
    for pair in pairs.values():
        assert [record["insightDetails"]["state"] for record in pair] == ["Start", "End"]
        assert pair[0]["eventTime"] < pair[1]["eventTime"]
        assert pair[0]["recipientAccountId"] == pair[1]["recipientAccountId"]
    errors = [p[0]["insightDetails"].get("errorCode") for p in pairs.values()]
    assert errors.count("AccessDenied") == 1


def test_the_story_is_told_in_order(story):
    """From the password spray to the keys' deletion, each step follows the one before; then it is cleaned up."""
    spray = [r for r in by_name(story, "ConsoleLogin") if r["sourceIPAddress"] == "192.0.2.150"]
    leaked = [r for r in story if r.get("sourceIPAddress") == "192.0.2.66"]
    refused = [r for r in leaked if r.get("errorCode") == "AccessDenied"]
    assert len({r["userIdentity"]["userName"] for r in spray}) >= 5
    assert [r["responseElements"]["ConsoleLogin"] for r in spray].count("Success") == 1
    assert spray[-1]["additionalEventData"]["MFAUsed"] == "No"
    assert len(refused) >= 30

    def first(name, **fields):
        return next(r for r in by_name(leaked, name) if all(r[key] == value for key, value in fields.items()))

    steps = [
        spray[0],
        first("GetCallerIdentity"),
        refused[0],
        next(r for r in by_name(leaked, "AssumeRole") if "errorCode" not in r),
        first("CreateAccessKey"),
        first("StopLogging", errorCode="AccessDenied"),
        first("DeleteTrail"),
        first("AuthorizeSecurityGroupIngress"),
        first("RunInstances", errorCode="Client.VcpuLimitExceeded"),
        first("ModifySnapshotAttribute"),
        first("GetObject"),
        first("ScheduleKeyDeletion"),
        by_name(story, "CancelKeyDeletion")[0],
    ]
    times = [step["eventTime"] for step in steps]
    assert times == sorted(times)
    assert len(set(times)) == len(times)
    assert len(by_name(leaked, "GetObject")) >= 60
    assert "0.0.0.0/0" in json.dumps(first("AuthorizeSecurityGroupIngress")["requestParameters"])
    share = first("ModifySnapshotAttribute")["requestParameters"]["createVolumePermission"]
    assert share == {"add": {"items": [{"group": "all"}]}}
    assert {r["userIdentity"]["type"] for r in by_name(story, "DeleteUser")} == {"Root"}


def test_the_role_chain_can_be_followed(story):
    """From the leaked key each new key is used by the next call, across two accounts, which share the event."""
    made = {}
    for record in by_name(story, "AssumeRole"):
        if record.get("sourceIPAddress") == "192.0.2.66" and record["responseElements"]:
            made.setdefault(record["sharedEventID"], []).append(record)
    first, second = sorted(made.values(), key=lambda copies: copies[0]["eventTime"])
    assert first[0]["userIdentity"]["accessKeyId"].startswith("AKIA")
    middle = first[0]["responseElements"]["credentials"]["accessKeyId"]
    last = second[0]["responseElements"]["credentials"]["accessKeyId"]
    assert {copy["recipientAccountId"] for copy in second} == {"111122223333", "444455556666"}
    assert len({copy["eventID"] for copy in second}) == 2
    assert [c["userIdentity"]["accessKeyId"] for c in second if "accessKeyId" in c["userIdentity"]] == [middle]
    stolen = [r for r in by_name(story, "GetObject") if r["sourceIPAddress"] == "192.0.2.66"]
    assert {r["userIdentity"]["accessKeyId"] for r in stolen} == {last}
    assert {r["recipientAccountId"] for r in stolen} == {"111122223333"}


def test_people_rest(tmp_path):
    """People work on weekdays by day; services do not care."""
    write_sample(tmp_path, events=20_000)
    people, services = Counter(), Counter()
    for _, raw in records(tmp_path, ("CloudTrail",)):
        record = json.loads(raw)
        weekend = datetime.fromisoformat(record["eventTime"]).weekday() >= 5
        if "AWSReservedSSO_Developer" in record["userIdentity"].get("arn", ""):
            people[weekend] += 1
        elif record["userIdentity"].get("type") == "AWSService":
            services[weekend] += 1
    # two of seven days are weekend: 29 % of what does not rest
    assert people[True] < people.total() * 0.05
    assert services.total() * 0.2 < services[True] < services.total() * 0.4
    assert activity("human", 1, 10) > 50 * activity("human", 1, 3)


def test_addresses_and_accounts_are_made_up(story, plain):
    """No address, account or key could be anybody's: documentation or private ranges, and keys that end in EXAMPLE."""
    made_up = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "10.0.0.0/8")]
    for record in story:
        source = record.get("sourceIPAddress", "AWS Internal")
        if not (source.endswith("amazonaws.com") or source == "AWS Internal"):
            assert any(ipaddress.ip_address(source) in network for network in made_up), source
        assert re.fullmatch(r"(\d)\1{3}(\d)\2{3}(\d)\3{3}", record["recipientAccountId"])
    for key in re.findall(r"A[KS]IA[A-Z0-9]{16}", json.dumps(story)):
        assert key.endswith("EXAMPLE")
    assert [account.id for account in plain.summary.accounts] == ["111122223333", "444455556666", "777788889999"]


def test_many_kinds_of_identity_versions_and_errors(story):
    """The sample shows what a dashboard wants to show: identity types, event versions, old TLS, errors."""
    assert {r["userIdentity"]["type"] for r in story if "type" in r.get("userIdentity", {})} >= {
        *("Root", "IAMUser", "AssumedRole", "AWSService", "AWSAccount", "WebIdentityUser", "IdentityCenterUser"),
    }
    assert {r["eventVersion"] for r in story} >= {"1.08", "1.09", "1.10", "1.11"}
    assert {r["tlsDetails"]["tlsVersion"] for r in story if "tlsDetails" in r} == {"TLSv1.1", "TLSv1.3"}
    assert {r.get("errorCode") for r in story} >= {
        "AccessDenied",
        "NoSuchKey",
        "ThrottlingException",
        "VpceAccessDenied",
    }


def test_progress_is_told(tmp_path):
    """Progress never falls, and ends with all records written."""
    told = []
    summary = write_sample(tmp_path, events=500, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == summary.records_written


def test_what_cannot_be_made_is_refused(plain, tmp_path):
    """No events, no days, no or too many accounts, and a folder that has a sample: one sentence each."""
    for arguments, sentence in (
        ({"events": 0}, "a sample needs at least one event and one day, not 0 events in 14 days"),
        ({"events": 9, "days": 0}, "a sample needs at least one event and one day, not 9 events in 0 days"),
        ({"events": 9, "days": 3661}, "--days 3661: choose 1 to 3660"),
        ({"events": 9, "accounts": 505}, "--accounts 505: choose 1 to 504"),
        ({"events": 9, "accounts": 0}, "--accounts 0: choose 1 to 504"),
    ):
        with pytest.raises(Refused) as refused:
            write_sample(tmp_path, **arguments)
        assert str(refused.value) == sentence
    assert list(tmp_path.iterdir()) == []
    before = contents(plain.folder)
    with pytest.raises(FileExistsError, match="AWSLogs exists; name another folder or remove it"):
        write_sample(plain.folder, events=9)
    assert contents(plain.folder) == before


def test_most_accounts_are_all_different(tmp_path):
    """The largest number of accounts has as many ids, names included."""
    from runtime.local.sample.world import MOST_ACCOUNTS, accounts

    assert len({account.id for account in accounts(MOST_ACCOUNTS)}) == MOST_ACCOUNTS == len(accounts(MOST_ACCOUNTS + 1))
    assert len({account.name for account in accounts(MOST_ACCOUNTS)}) == MOST_ACCOUNTS
