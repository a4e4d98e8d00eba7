"""Every named query and the view over the corpus of real records, counts compared with the records themselves."""

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from runtime.athena import named
from runtime.athena.named import load
from runtime.events.columns import PARTITION
from runtime.events.row import RowMaker

DATA = Path(
    os.environ.get("TRAILSIGHT_DATA", Path(named.__file__).resolve().parents[3] / "shared" / "data" / "cloudtrail")
)
pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason="no real records: set TRAILSIGHT_DATA to a folder of CloudTrail log files"
)
ALL = {"from": "2000-01-01", "to": "2100-01-01"}


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    """Every record of the corpus."""
    found: list[dict[str, Any]] = []
    for path in sorted(DATA.rglob("*.json.gz")):
        found += json.loads(gzip.decompress(path.read_bytes())).get("Records", [])
    assert found
    return found


@pytest.fixture
def corpus(records: list[dict[str, Any]], lake: Callable[..., Any]) -> Any:
    """The corpus as a lake, through `record -> row`."""
    maker = RowMaker()
    names = [column.name for column in maker.columns]
    rows = (maker.row(json.dumps(record).encode(), "test") for record in records)
    return lake([dict(zip(names, maker.full(row), strict=True)) for row in rows])


def ask(corpus: Any, name: str, **values: str | list[str]) -> list[dict[str, Any]]:
    query = load()[name]
    known = {parameter.name for parameter in query.parameters}
    days = {key: value for key, value in ALL.items() if key in known}
    rows: list[dict[str, Any]] = corpus.ask(query.render({**days, **values}, date(2024, 5, 10)))
    return rows


def test_every_query_runs(corpus: Any) -> None:
    """No query fails on what real records hold, and these find something in them."""
    given = {
        query.name: {p.name: "ASIAEXAMPLE" for p in query.parameters if p.default is None} for query in load().values()
    }
    given["hour"] = {"from_time": "2000-01-01T00:00:00Z", "to_time": "2100-01-01T00:00:00Z"}
    given["new-regions"] = given["new-services"] = {"since": ALL["from"]}
    found = {name: len(ask(corpus, name, **values)) for name, values in given.items()}
    full = {name for name, rows in found.items() if rows}
    assert {"hour", "error-codes", "top-talkers", "gaps", "new-regions", "new-services", "trail-tampering"} <= full
    assert {"cis-4-1-unauthorized-calls", "cis-4-4-iam-policy-changes", "credentials-created"} <= full


def test_counts_agree_with_the_records(corpus: Any, records: list[dict[str, Any]]) -> None:
    """Counts by address and identity type, and by error code, are those of the records."""
    pairs = Counter((r.get("sourceIPAddress"), r.get("userIdentity", {}).get("type")) for r in records)
    rows = ask(corpus, "addresses-by-identity-type")
    assert {(row["sourceipaddress"], row["useridentity_type"]): row["events"] for row in rows} == pairs
    errors = Counter(r["errorCode"] for r in records if r.get("errorCode"))
    counted: Counter[str] = Counter()
    for row in ask(corpus, "error-codes"):
        counted[row["errorcode"]] += row["errors"]
    assert counted == errors


def test_role_chains_agree_with_the_records(corpus: Any, records: list[dict[str, Any]]) -> None:
    """The first step from a real key is each credential issued to it."""
    issued: dict[str, set[str]] = {}
    for record in records:
        credentials = (record.get("responseElements") or {}).get("credentials")
        parent = record.get("userIdentity", {}).get("accessKeyId")
        if isinstance(credentials, dict) and parent:
            issued.setdefault(parent, set()).add(credentials["accessKeyId"])
    parent = max(issued, key=lambda key: (len(issued[key]), key))
    rows = ask(corpus, "role-chain", key=parent)
    assert {row["new_key"] for row in rows if row["step"] == 1} >= issued[parent]


def test_the_view_holds_every_event(corpus: Any, records: list[dict[str, Any]]) -> None:
    """Every column of the view can be read for every real record, resources that are no objects included."""
    rows = corpus.ask(f"SELECT * FROM cloudtrail_logs WHERE {PARTITION.name} >= '2000-01-01'")
    assert len(rows) == len(records)
    types = Counter((r.get("userIdentity") or {}).get("type") for r in records)
    assert Counter((row["useridentity"] or {}).get("type") for row in rows) == types
    resources = sum(len(r["resources"]) for r in records if isinstance(r.get("resources"), list))
    assert sum(len(row["resources"] or []) for row in rows) == resources
