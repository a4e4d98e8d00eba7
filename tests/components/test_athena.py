"""Athena: settings that nobody gets round, and every named query ready to run."""

from datetime import UTC, datetime
from typing import Any

import pytest

from components.settings import KmsMode
from runtime.athena import named
from runtime.local.dialect import to_duckdb

WORKGROUP = ("aws:athena/workgroup:Workgroup", "acme-prod-athena")


def test_workgroup(deploy: Any) -> None:
    """Settings are enforced: results encrypted in our bucket of our account, queries cut off, engine 3."""
    stack = deploy({"lake": {"athena": {"cutoff_gb": 7}}})
    configuration = stack[WORKGROUP].inputs["configuration"]
    assert configuration == {
        "enforceWorkgroupConfiguration": True,
        "publishCloudwatchMetricsEnabled": True,
        "bytesScannedCutoffPerQuery": 7 * 1024**3,
        "engineVersion": {"selectedEngineVersion": "Athena engine version 3"},
        "resultConfiguration": {
            "outputLocation": "s3://acme-prod-lake-111122223333-eu-central-1/results/",
            "expectedBucketOwner": "111122223333",
            "encryptionConfiguration": {"encryptionOption": "SSE_S3"},
        },
    }


def test_results_with_the_lakes_key(deploy: Any) -> None:
    """With a key, results are encrypted with it."""
    stack = deploy({"lake": {"encryption": {"kms": KmsMode.CREATE}}})
    found = stack[WORKGROUP].inputs["configuration"]["resultConfiguration"]["encryptionConfiguration"]
    assert found["encryptionOption"] == "SSE_KMS"
    assert found["kmsKeyArn"].endswith("acme-prod-lake-key")


def test_every_named_query(deploy: Any) -> None:
    """Each .sql file is a named query with its title and question, in our database and workgroup."""
    deployed = {r.name: r.inputs for r in deploy().of("aws:athena/namedQuery:NamedQuery")}
    assert {name: (q["name"], q["description"]) for name, q in deployed.items()} == {
        f"acme-prod-athena-{query.name}": (query.title, query.question) for query in named.load().values()
    }
    assert {q["database"] for q in deployed.values()} == {"acme_prod"}
    assert all(len(q["name"]) <= 128 and len(q["description"]) <= 1024 for q in deployed.values())


@pytest.mark.parametrize("name", named.load())
def test_saved_queries_hold_no_placeholder(name: str) -> None:
    """A saved query is SQL as it stands, with days counted from today, never a day of the deployment."""
    query = named.load()[name]
    saved = query.saved()
    to_duckdb(saved)
    assert datetime.now(UTC).date().isoformat() not in saved
    for parameter in query.parameters:
        assert f":{parameter.name}" not in saved
        assert (f"<{parameter.name}>" in saved) is (parameter.default is None)
