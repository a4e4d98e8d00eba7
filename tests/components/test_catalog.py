"""The catalog: columns from the event row, days by projection, or the post's crawlers in a workflow."""

import base64
import json
from typing import Any

import duckdb
import pytest

from components.settings import CatalogMode
from runtime.athena import ledger, view
from runtime.events.columns import COLUMNS
from runtime.events.ledger import LEDGER_COLUMNS, LINE_COLUMNS

TABLE = "aws:glue/catalogTable:CatalogTable"
LAKE = "s3://acme-prod-lake-111122223333-eu-central-1"


def table(stack: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = stack[TABLE, f"acme-prod-catalog-{name}"].inputs
    return found


def test_events_table(deploy: Any) -> None:
    """`parquettrails` has the row's columns with their types and comments, in order, and its days without a crawler."""
    found = table(deploy(), "parquettrails")
    described = [(c["name"], c["type"], c["comment"]) for c in found["storageDescriptor"]["columns"]]
    assert described == [(c.name, c.type, c.description) for c in COLUMNS]
    assert found["name"] == "parquettrails"
    assert [(k["name"], k["type"]) for k in found["partitionKeys"]] == [("eventdate", "string")]
    assert {k: v for k, v in found["parameters"].items() if k.startswith(("projection", "storage"))} == {
        "projection.enabled": "true",
        "projection.eventdate.type": "date",
        "projection.eventdate.format": "yyyy-MM-dd",
        "projection.eventdate.range": "2013-11-01,NOW+1DAYS",
        "projection.eventdate.interval": "1",
        "projection.eventdate.interval.unit": "DAYS",
        "storage.location.template": LAKE + "/parquettrails/eventdate=${eventdate}/",
    }


def test_first_day_as_asked_for(deploy: Any) -> None:
    """A query sees nothing older, in any table."""
    stack = deploy({"lake": {"catalog": {"first_date": "2024-05-06"}}})
    ranges = {r.name: [v for k, v in r.inputs["parameters"].items() if k.endswith(".range")] for r in stack.of(TABLE)}
    assert {tuple(found) for found in ranges.values() if found} == {("2024-05-06,NOW+1DAYS",)}


def test_flat_table_is_text(deploy: Any) -> None:
    """`flatfiles` has the same columns, all strings, by the day in the log file's name."""
    found = table(deploy(), "flatfiles")
    assert {c["type"] for c in found["storageDescriptor"]["columns"]} == {"string"}
    assert [c["name"] for c in found["storageDescriptor"]["columns"]] == [c.name for c in COLUMNS]
    assert [k["name"] for k in found["partitionKeys"]] == ["dt"]
    assert found["parameters"]["storage.location.template"] == LAKE + "/flatfiles/dt=${dt}/"


@pytest.mark.parametrize(
    ("name", "classification", "reader", "serde"),
    [
        ("parquettrails", "parquet", "MapredParquetInputFormat", "ParquetHiveSerDe"),
        *((name, "json", "TextInputFormat", "JsonSerDe") for name in ("flatfiles", "ledger-lines", "metrics")),
    ],
)
def test_a_table_is_read_as_its_files_are_written(
    deploy: Any, name: str, classification: str, reader: str, serde: str
) -> None:
    """Events are Parquet, all else lines of JSON, for Athena and for whoever goes by the classification."""
    found = table(deploy(), name)
    descriptor = found["storageDescriptor"]
    assert found["parameters"]["classification"] == classification
    assert descriptor["inputFormat"].rpartition(".")[2] == reader
    assert descriptor["serDeInfo"]["serializationLibrary"].rpartition(".")[2] == serde


def test_promoted_paths_become_columns(deploy: Any) -> None:
    """Own promoted paths are columns of both tables, behind the shipped ones, which named queries and dashboard read."""
    stack = deploy({"lake": {"promote": ["requestParameters.bucketName", "requestParameters.taskArn"]}})
    expected = [*(c.name for c in COLUMNS), "requestparameters_taskarn"]
    for name in ("parquettrails", "flatfiles"):
        assert [c["name"] for c in table(stack, name)["storageDescriptor"]["columns"]] == expected


@pytest.mark.parametrize("name", ["acme", "acme-prod"])
def test_database(deploy: Any, name: str) -> None:
    """The database's name needs no quotes in Athena."""
    database = deploy(name=name)["aws:glue/catalogDatabase:CatalogDatabase", f"{name}-catalog"].inputs["name"]
    assert database == name.lower().replace("-", "_")


def test_view_as_athena_keeps_one(deploy: Any) -> None:
    """`cloudtrail_logs` is stored as Athena stores views: statement in base64, both engines' types, the same columns."""
    found = table(deploy(), "view")
    text = found["viewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
    statement = json.loads(base64.b64decode(text))
    assert (statement["catalog"], statement["schema"]) == ("awsdatacatalog", "acme_prod")
    assert f"CREATE OR REPLACE VIEW {view.NAME} AS\n{statement['originalSql']}\n" == view.athena()
    hive = {c["name"]: c["type"] for c in found["storageDescriptor"]["columns"]}
    assert list(hive) == [c["name"] for c in statement["columns"]]
    assert (found["tableType"], found["parameters"]["presto_view"]) == ("VIRTUAL_VIEW", "true")
    assert hive["resources"] == "array<struct<arn:string,accountid:string,type:string>>"
    assert hive["tlsdetails"].startswith("struct<tlsversion:string,ciphersuite:string,clientprovidedhostheader:string")
    assert hive["eventtime"] == hive["timestamp"] == hive["eventdate"] == "string"
    assert hive["useridentity"].startswith("struct<type:string,")
    assert "webidfederationdata:struct<" in hive["useridentity"]
    assert hive["useridentity"].count("<") == hive["useridentity"].count(">")


def test_view_has_the_columns_of_its_statement() -> None:
    """The declared columns are those that the statement gives, in its order."""
    connection = duckdb.connect()
    names = ", ".join(f"NULL::{'TIMESTAMP' if c.type == 'timestamp' else 'VARCHAR'} AS {c.name}" for c in COLUMNS)
    connection.execute(f"CREATE TABLE {view.TABLE} AS SELECT {names}, NULL::VARCHAR AS eventdate")
    connection.execute(view.duckdb())
    shown = [row[0] for row in connection.execute(f"DESCRIBE {view.NAME}").fetchall()]
    assert shown == [name for name, _, _ in view.fields()]


def test_crawled(deploy: Any) -> None:
    """Two crawlers make the two tables of the same names, chained crawl -> job -> crawl; the job has no schedule of its own."""
    stack = deploy({"lake": {"catalog": {"mode": CatalogMode.CRAWLED}}})
    crawlers = {r.inputs["name"]: r.inputs["s3Targets"] for r in stack.of("aws:glue/crawler:Crawler")}
    assert crawlers == {
        f"acme-prod-{t}": [{"path": f"{LAKE}/{t}/", "exclusions": ["_late/**"]}] for t in ("flatfiles", "parquettrails")
    }
    triggers = {r.inputs["name"]: r.inputs for r in stack.of("aws:glue/trigger:Trigger")}
    first, second, third = (triggers[f"acme-prod-{step}"] for step in ("crawl-flatfiles", "convert", "crawl-events"))
    assert (first["type"], first["schedule"]) == ("SCHEDULED", "cron(5 * * * ? *)")
    assert first["actions"] == [{"crawlerName": "acme-prod-flatfiles"}]
    assert second["predicate"]["conditions"][0]["crawlerName"] == "acme-prod-flatfiles"
    assert second["actions"] == [{"jobName": "acme-prod-parquet"}]
    assert third["predicate"]["conditions"][0] == {
        "jobName": "acme-prod-parquet",
        "state": "SUCCEEDED",
        "logicalOperator": "EQUALS",
    }
    workflow = stack["aws:glue/workflow:Workflow", "acme-prod-catalog-workflow"].inputs
    assert (workflow["name"], workflow["maxConcurrentRuns"]) == ("acme-prod-crawl", 1)
    assert third["actions"] == [{"crawlerName": "acme-prod-parquettrails"}]
    assert all(t["workflowName"] == "acme-prod-crawl" and t["startOnCreation"] for t in (first, second, third))
    assert set(triggers) == {t["name"] for t in (first, second, third)} | {"acme-prod-parquet-compaction"}
    assert [r.name for r in stack.of(TABLE) if r.inputs["name"] in {"flatfiles", "parquettrails"}] == []


def test_lake_formation_grants_what_the_crawler_does(deploy: Any) -> None:
    """Where Lake Formation rules, the crawler's role is granted the database."""
    lake = {"catalog": {"mode": CatalogMode.CRAWLED, "lake_formation": True}}
    grant = deploy({"lake": lake})[
        "aws:lakeformation/permissions:Permissions", "acme-prod-catalog-crawler-grant"
    ].inputs
    assert grant["permissions"] == ["CREATE_TABLE", "DESCRIBE", "ALTER"]
    assert grant["database"] == {"name": "acme_prod"}


def test_ledger_tables_and_view(deploy: Any) -> None:
    """Its two tables read what flattener and job write, by day; the view over them has the ledger's columns."""
    stack = deploy()
    for name, folder, expected in (
        ("ledger-lines", "ledger", LINE_COLUMNS),
        ("metrics", "metrics", ledger.METRICS_COLUMNS),
    ):
        found = table(stack, name)
        types = {"string": "varchar", "bigint": "bigint"}
        assert {c["name"]: types[c["type"]] for c in found["storageDescriptor"]["columns"]} == expected
        assert found["name"] == name.replace("-", "_")
        assert found["parameters"]["storage.location.template"] == f"{LAKE}/{folder}" + "/dt=${dt}/"
    found = table(stack, "ledger")
    text = found["viewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
    statement = json.loads(base64.b64decode(text))
    assert f"CREATE OR REPLACE VIEW ledger AS\n{statement['originalSql']}\n" == ledger.athena()
    assert {c["name"]: c["type"] for c in statement["columns"]} == LEDGER_COLUMNS
    assert (found["name"], found["tableType"]) == ("ledger", "VIRTUAL_VIEW")


@pytest.mark.parametrize("mode", list(CatalogMode))
def test_an_operator_is_told_the_tables(deploy: Any, mode: CatalogMode) -> None:
    """The output has every table and view that there is, or that crawlers will make, with its database."""
    stack = deploy({"lake": {"catalog": {"mode": mode}}})
    made = {f"acme_prod.{r.inputs['name']}" for r in stack.of(TABLE)}
    crawled = {"acme_prod.flatfiles", "acme_prod.parquettrails"}
    assert set(stack.outputs["acme-prod"]["tables"]) == made | crawled
    assert len(stack.outputs["acme-prod"]["tables"]) == len(made | crawled)


def test_no_ledger_where_crawlers_make_the_tables(deploy: Any) -> None:
    """Nothing reads it there: QuickSight needs declared tables."""
    stack = deploy({"lake": {"catalog": {"mode": CatalogMode.CRAWLED}}})
    assert [r.inputs["name"] for r in stack.of(TABLE)] == [view.NAME]
