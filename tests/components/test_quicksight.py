"""QuickSight: what is made of the settings, who may see it, and what its role may read."""

import hashlib
import json
from typing import Any

import duckdb
import pytest

from components import policies
from components.console import Console
from components.names import Where
from components.settings import ImportMode
from runtime.local.dialect import to_duckdb
from runtime.quicksight.compile import ACTIONS, data_sets, load, template

QS = "acme-prod-quicksight"
SET = "aws:quicksight/dataSet:DataSet"
SETTINGS = {
    "identity_region": "us-west-2",
    "groups": {"owners": ["sec"], "readers": ["all"]},
    "users": {"owners": ["eve"]},
}
ID = "arn:aws:quicksight:us-west-2:111122223333:"
SEC, ALL, EVE = f"{ID}group/default/sec", f"{ID}group/default/all", f"{ID}user/default/eve"
TABLES = {name: f'"acme_prod"."{name}"' for name in ("parquettrails", "ledger")}
HERE = Where("aws", "amazonaws.com", "111122223333", "eu-central-1")


def sql(stack: Any, key: str) -> dict[str, Any]:
    found: dict[str, Any] = stack[SET, f"{QS}-{key}"].inputs["physicalTableMaps"][0]["customSql"]
    return found


def test_nothing_of_it_unless_asked_for(deploy: Any) -> None:
    """Without the section there is no resource of QuickSight, nor a stack."""
    assert [r.name for r in deploy() if "quicksight" in f"{r.type}{r.name}".lower()] == []


def test_exact_children(deploy: Any) -> None:
    """Role, source, sets with their schedules, templates, stacks, folder; all of them children of the component."""
    names = {name.removeprefix(QS).lstrip("-") for _, name in deploy({"quicksight": SETTINGS}).children(QS)}
    assert names == {
        *("role", "role-policy", "source", "events", "gaps", "files"),
        *("events-incremental", "events-full", "files-incremental", "files-full", "gaps-full"),
        *("analysis-template", "dashboard-template", "analysis", "dashboard", "folder"),
        *(f"folder-{key}" for key in ("events", "gaps", "files", "analysis", "dashboard")),
    }


@pytest.mark.parametrize("mode", ImportMode)
def test_data_sets(deploy: Any, mode: ImportMode) -> None:
    """The compiled SQL and columns, bounded by the window, from a source with the pipeline's workgroup and own role."""
    stack = deploy({"quicksight": {**SETTINGS, "import_mode": mode, "window_days": 30}})
    source = stack["aws:quicksight/dataSource:DataSource", f"{QS}-source"].inputs
    assert source["parameters"]["athena"]["workGroup"] == "acme-prod-athena"
    assert source["parameters"]["athena"]["roleArn"].endswith(":acme-prod-quicksight")
    for key, made in data_sets(load(), TABLES, window_days=30).items():
        found = sql(stack, key)
        assert found["sqlQuery"] == made.sql
        assert [(c["name"], c["type"]) for c in found["columns"]] == list(made.columns)
        whole = stack[SET, f"{QS}-{key}"].inputs
        assert whole["importMode"] == {ImportMode.SPICE: "SPICE", ImportMode.DIRECT: "DIRECT_QUERY"}[mode]
        assert "rowLevelPermissionDataSet" not in whole
    schedules = stack.of("aws:quicksight/refreshSchedule:RefreshSchedule")
    assert bool(schedules) is (mode is ImportMode.SPICE)


def test_refreshes(deploy: Any) -> None:
    """Hourly the last days, weekly all; a set whose rows change later is read in full, once a day; no day of the clock."""
    stack = deploy({"quicksight": {**SETTINGS, "lookback_days": 3, "full_refresh": "04:30"}})
    found = {
        r.name.removeprefix(f"{QS}-"): (r.inputs["dataSetId"], r.inputs["schedule"])
        for r in stack.of("aws:quicksight/refreshSchedule:RefreshSchedule")
    }
    at = {"timeOfTheDay": "04:30", "timezone": "UTC"}
    hourly = {"refreshType": "INCREMENTAL_REFRESH", "scheduleFrequency": {"interval": "HOURLY"}}
    weekly = {
        "refreshType": "FULL_REFRESH",
        "scheduleFrequency": {"interval": "WEEKLY", "refreshOnDay": {"dayOfWeek": "SUNDAY"}, **at},
    }
    daily = {"refreshType": "FULL_REFRESH", "scheduleFrequency": {"interval": "DAILY", **at}}
    assert found == {
        **{f"{key}-incremental": (f"acme-prod-{key}", hourly) for key in ("events", "files")},
        **{f"{key}-full": (f"acme-prod-{key}", weekly) for key in ("events", "files")},
        "gaps-full": ("acme-prod-gaps", daily),
    }
    windows = {key: stack[SET, f"{QS}-{key}"].inputs.get("refreshProperties") for key in ("events", "files", "gaps")}
    window = {"lookbackWindow": {"columnName": "day", "size": 3, "sizeUnit": "DAY"}}
    properties = {"refreshConfiguration": {"incrementalRefresh": window}}
    assert windows == {"events": properties, "files": properties, "gaps": None}


@pytest.mark.parametrize("kind", ["analysis", "dashboard"])
def test_stacks(deploy: Any, kind: Any) -> None:
    """Each stack's template is the compiled one, stored under its hash; its parameters are exactly the template's."""
    stack = deploy({"quicksight": SETTINGS})
    body = template(kind, load(), owners=[SEC, EVE], readers=[ALL], days=90)
    put = stack["aws:s3/bucketObjectv2:BucketObjectv2", f"{QS}-{kind}-template"]
    assert put.inputs["source"]["text"].encode() == body
    digest = hashlib.sha256(f"{kind}.json".encode() + b"\0" + body + b"\0").hexdigest()[:16]
    assert put.inputs["key"] == f"scripts/{digest}/{kind}.json"
    made = stack["aws:cloudformation/stack:Stack", f"{QS}-{kind}"].inputs
    bucket = "acme-prod-lake-111122223333-eu-central-1"
    assert made["templateUrl"] == f"https://{bucket}.s3.eu-central-1.amazonaws.com/{put.inputs['key']}"
    assert set(made["parameters"]) == set(json.loads(body)["Parameters"])
    assert made["parameters"]["EventsDataSetArn"].endswith(":acme-prod-events")
    assert (made["parameters"]["Id"], made["onFailure"]) == (f"acme-prod-{kind}", "DELETE")


def test_owners_in_the_identity_region(deploy: Any) -> None:
    """Owners own all parts; readers get the dashboard alone, which its template says; nobody at all is no empty list."""
    stack = deploy({"quicksight": SETTINGS})
    kinds = {"DataSource": "data_source", "DataSet": "data_set", "Folder": "folder"}
    seen = set()
    for resource in stack:
        kind = kinds.get(resource.type.rpartition(":")[2])
        if kind:
            given = {p["principal"]: p["actions"] for p in resource.inputs["permissions"]}
            actions = list(ACTIONS[kind, "owner"])  # type: ignore[index]
            assert given == {SEC: actions, EVE: actions}
            seen.add(kind)
    assert seen == set(kinds.values())
    assert "permissions" not in deploy({"quicksight": {}})[SET, f"{QS}-events"].inputs


def test_row_level_rules(deploy: Any) -> None:
    """A row for each who and account, no account for all, applied to every data set of events."""
    rules = [{"group": "sec"}, {"user": "o'k", "accounts": ["111122223333", "012345678901"]}]
    stack = deploy({"quicksight": {**SETTINGS, "row_level_security": rules}})
    made = stack[SET, f"{QS}-rules"].inputs
    with duckdb.connect() as connection:
        rows = connection.execute(to_duckdb(sql(stack, "rules")["sqlQuery"])).fetchall()
    odd = f"{ID}user/default/o'k"
    assert rows == [(None, SEC, None), (odd, None, "111122223333"), (odd, None, "012345678901")]
    assert [c["name"] for c in sql(stack, "rules")["columns"]] == ["user_arn", "group_arn", "account"]
    renamed = [t["renameColumnOperation"]["newColumnName"] for t in made["logicalTableMaps"][0]["dataTransforms"]]
    assert renamed == ["UserARN", "GroupARN"]
    assert (made["useAs"], made["importMode"]) == ("RLS_RULES", "SPICE")
    for key in data_sets(load(), TABLES):
        applied = stack[SET, f"{QS}-{key}"].inputs["rowLevelPermissionDataSet"]
        assert applied.pop("arn").endswith(":acme-prod-rules")
        assert applied == {"permissionPolicy": "GRANT_ACCESS", "formatVersion": "VERSION_2", "status": "ENABLED"}


def test_lake_formation(deploy: Any) -> None:
    """Where Lake Formation guards the catalog, the role is granted the database and its tables, and only to look."""
    stack = deploy({"quicksight": SETTINGS, "lake": {"catalog": {"lake_formation": True}}})
    grants = [r.inputs for r in stack.of("aws:lakeformation/permissions:Permissions") if r.name.startswith(QS)]
    assert {p for grant in grants for p in grant["permissions"]} == {"DESCRIBE", "SELECT"}
    assert {grant["table"]["name"] for grant in grants if "table" in grant} == set(policies.DASHBOARD_TABLES)
    assert all(grant["principal"].endswith(":acme-prod-quicksight") for grant in grants)


def test_the_role_reads_and_no_more() -> None:
    """Named resources only; nothing of the lake is written but query results; a key only where there is one."""
    lake = HERE.bucket("lake")
    made = policies.quicksight(HERE, lake=lake, database="db", workgroup="wg", lake_key="arn:key")
    statements = {s["Sid"]: s for s in made["Statement"]}
    resources = [r for s in statements.values() for r in s["Resource"]]
    assert "*" not in resources
    writes = {
        (action, resource)
        for s in statements.values()
        for action in s["Action"]
        for resource in s["Resource"]
        if action.split(":")[1].startswith(("Put", "Delete", "Create", "Update", "Abort"))
    }
    results = f"{lake}/results/*"
    assert writes == {("s3:PutObject", results), ("s3:AbortMultipartUpload", results)}
    assert statements["ReadFiles"]["Resource"] == [f"{lake}/{f}/*" for f in ("parquettrails", "ledger", "metrics")]
    assert statements["Ask"]["Resource"] == ["arn:aws:athena:eu-central-1:111122223333:workgroup/wg"]
    without = policies.quicksight(HERE, lake=lake, database="db", workgroup="wg", lake_key=None)
    assert "Encrypted" not in {s["Sid"] for s in without["Statement"]}


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-central-1", "eu-central-1.quicksight.aws.amazon.com"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.quicksight.aws.amazonaws-us-gov.com"),
        ("aws-cn", "cn-north-1", "cn-north-1.quicksight.amazonaws.cn"),
    ],
)
def test_where_the_dashboard_is(partition: str, region: str, host: str) -> None:
    """The host follows the partition."""
    where = Where(partition, "amazonaws.com", "111122223333", region)
    assert Console(where).quicksight("acme-prod-dashboard") == f"https://{host}/sn/dashboards/acme-prod-dashboard"
