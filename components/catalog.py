"""The Glue catalog: tables declared from the event row, or found by the post's two crawlers."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components import policies
from components.part import PartArgs
from components.roles import role
from components.settings import CatalogMode, CatalogSettings
from runtime.athena import ledger, view
from runtime.events import late
from runtime.events.columns import PARTITION, columns, promoting
from runtime.events.ledger import LEDGER, LEDGER_COLUMNS, LINE_COLUMNS, LINES

FLATFILES, EVENTS = "flatfiles", "parquettrails"
FLAT_PARTITION = "dt"

_HIVE = "org.apache.hadoop.hive.ql.io"
_JSON = (
    "org.apache.hadoop.mapred.TextInputFormat",
    f"{_HIVE}.HiveIgnoreKeyTextOutputFormat",
    "org.openx.data.jsonserde.JsonSerDe",
)
_PARQUET = (
    f"{_HIVE}.parquet.MapredParquetInputFormat",
    f"{_HIVE}.parquet.MapredParquetOutputFormat",
    f"{_HIVE}.parquet.serde.ParquetHiveSerDe",
)
_TableColumn = aws.glue.CatalogTableStorageDescriptorColumnArgs


class CatalogArgs(PartArgs):
    """What the catalog needs."""

    settings: CatalogSettings
    """Its settings, with every default filled in. Required."""
    lake_bucket: str
    """Name of the lake's bucket. Required."""
    promote: list[str]
    """Promoted paths beside the shipped ones. Required."""
    job_name: pulumi.Input[str]
    """Name of the Parquet job, which a workflow of crawlers starts. Required."""
    schedule: str
    """When that workflow starts. Required."""


class Catalog(pulumi.ComponentResource):
    """A database with `flatfiles`, `parquettrails`, the view `cloudtrail_logs` and, in declared mode, `ledger`."""

    database: pulumi.Output[str]
    tables: list[pulumi.Resource]
    table_names: pulumi.Output[list[str]]
    """Every table and view, or what crawlers will make, as `database.table`."""
    crawlers: list[pulumi.Output[str]]

    def __init__(self, name: str, args: CatalogArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trailsight:index:Catalog", name, {}, opts)
        settings = args["settings"]
        database = aws.glue.CatalogDatabase(
            name,
            name=settings.get("database") or args["names"].database,
            description="CloudTrail events, flattened",
            tags=args["tags"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.tables, self.crawlers = [], []
        names = [FLATFILES, EVENTS, view.NAME]
        if settings["mode"] is CatalogMode.DECLARED:
            self.tables.extend(_table(self, name, args, database.name, table) for table in _declared(args["promote"]))
            self.tables.append(_view(self, f"{name}-{LEDGER}", database.name, _LEDGER_VIEW))
            names += [LINES, ledger.METRICS, LEDGER]
        else:
            self._crawl(name, args, database)
        self.tables.append(_view(self, f"{name}-view", database.name, _LOGS_VIEW))
        self.database = database.name
        self.table_names = database.name.apply(lambda known: [f"{known}.{table}" for table in names])
        self.register_outputs({"database": self.database, "table_names": self.table_names})

    def _crawl(self, name: str, args: CatalogArgs, database: aws.glue.CatalogDatabase) -> None:
        """Two crawlers, and the workflow crawl -> job -> crawl."""
        names, tags = args["names"], args["tags"]
        here = pulumi.ResourceOptions(parent=self)
        database_name = args["settings"].get("database") or names.database
        made, rights = role(
            self,
            f"{name}-crawler-role",
            args,
            "crawler",
            policies.trust("glue"),
            lambda key: policies.crawler(
                names,
                lake=names.where.bucket(args["lake_bucket"]),
                database=database_name,
                log_group="/aws-glue/crawlers",
                lake_key=key,
            ),
            key=args["lake_key_arn"],
        )
        needs: list[pulumi.Resource] = [rights]
        if args["settings"]["lake_formation"]:
            needs.append(
                aws.lakeformation.Permissions(
                    f"{name}-crawler-grant",
                    principal=made.arn,
                    permissions=["CREATE_TABLE", "DESCRIBE", "ALTER"],
                    database=aws.lakeformation.PermissionsDatabaseArgs(name=database.name),
                    opts=here,
                )
            )
        ready = pulumi.ResourceOptions(parent=self, depends_on=needs)
        crawlers = {
            table: aws.glue.Crawler(
                f"{name}-{table}",
                name=f"{names.pipeline}-{table}",
                role=made.arn,
                database_name=database.name,
                s3_targets=[
                    aws.glue.CrawlerS3TargetArgs(
                        path=f"s3://{args['lake_bucket']}/{table}/", exclusions=[f"{late.FOLDER}/**"]
                    )
                ],
                schema_change_policy=aws.glue.CrawlerSchemaChangePolicyArgs(
                    update_behavior="UPDATE_IN_DATABASE", delete_behavior="LOG"
                ),
                # One table per folder, whatever the crawler thinks of its files, and its partitions like the table.
                configuration=json.dumps(
                    {
                        "Version": 1.0,
                        "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas"},
                        "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
                    }
                ),
                tags=tags,
                opts=ready,
            )
            for table in (FLATFILES, EVENTS)
        }
        workflow = aws.glue.Workflow(
            f"{name}-workflow",
            name=names.part("crawl"),
            description="Crawl, convert, crawl",
            # A second one beside it would crawl what the first is still writing.
            max_concurrent_runs=1,
            tags=tags,
            opts=here,
        )

        def trigger(step: str, action: aws.glue.TriggerActionArgs, **when: Any) -> None:
            aws.glue.Trigger(
                f"{name}-{step}",
                name=f"{names.pipeline}-{step}",
                workflow_name=workflow.name,
                actions=[action],
                start_on_creation=True,
                tags=tags,
                opts=here,
                **when,
            )

        def after(**condition: Any) -> dict[str, Any]:
            met = aws.glue.TriggerPredicateConditionArgs(logical_operator="EQUALS", **condition)
            return {"type": "CONDITIONAL", "predicate": aws.glue.TriggerPredicateArgs(conditions=[met])}

        action = aws.glue.TriggerActionArgs
        flat, events = crawlers[FLATFILES].name, crawlers[EVENTS].name
        trigger("crawl-flatfiles", action(crawler_name=flat), type="SCHEDULED", schedule=args["schedule"])
        trigger("convert", action(job_name=args["job_name"]), **after(crawler_name=flat, crawl_state="SUCCEEDED"))
        trigger("crawl-events", action(crawler_name=events), **after(job_name=args["job_name"], state="SUCCEEDED"))
        self.tables.extend(crawlers.values())
        self.crawlers.extend(crawler.name for crawler in crawlers.values())


@dataclass(frozen=True, slots=True)
class _Table:
    """A table over the files below `folder`: (name, meaning) of its partition, (name, type, meaning) of its columns."""

    name: str
    folder: str
    description: str
    partition: tuple[str, str]
    columns: tuple[tuple[str, str, str], ...]
    parquet: bool = False


@dataclass(frozen=True, slots=True)
class _View:
    """A view: its columns are (name, Trino's type, Glue's type)."""

    name: str
    description: str
    select: str
    fields: list[tuple[str, str, str]]


_GLUE_TYPES = {"varchar": "string", "bigint": "bigint"}
_LOGS_VIEW = _View(view.NAME, "CloudTrail events in the shape of AWS's documented table", view.select(), view.fields())
_LEDGER_VIEW = _View(
    LEDGER,
    "What became of each log file's records",
    ledger.select(),
    [(name, trino, _GLUE_TYPES[trino]) for name, trino in LEDGER_COLUMNS.items()],
)


def _declared(promote: list[str]) -> list[_Table]:
    """Both tables of events, and the two that the ledger is put together from."""
    of_event = columns(promoting(promote))
    day_of_file = (FLAT_PARTITION, "Day in the log file's path, YYYY-MM-DD.")
    day_of_run = (FLAT_PARTITION, "Day of the run, YYYY-MM-DD.")

    def plain(kinds: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
        return tuple((name, _GLUE_TYPES[kind], "") for name, kind in kinds.items())

    return [
        _Table(  # a flat file is text throughout
            FLATFILES,
            FLATFILES,
            "CloudTrail events, one JSON row a line",
            day_of_file,
            tuple((c.name, "string", c.description) for c in of_event),
        ),
        _Table(
            EVENTS,
            EVENTS,
            "CloudTrail events as Parquet",
            (PARTITION.name, PARTITION.description),
            tuple((c.name, c.type, c.description) for c in of_event),
            parquet=True,
        ),
        _Table(LINES, LEDGER, "The flattener's line for each log file", day_of_file, plain(LINE_COLUMNS)),
        _Table(ledger.METRICS, ledger.METRICS, "Runs of the Parquet job", day_of_run, plain(ledger.METRICS_COLUMNS)),
    ]


def _table(
    parent: pulumi.Resource, name: str, args: CatalogArgs, database: pulumi.Input[str], table: _Table
) -> pulumi.Resource:
    """One table with partition projection: queries know its days without a crawler, and none older than `first_date`.

    https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html
    """
    location = f"s3://{args['lake_bucket']}/{table.folder}"
    partition, meaning = table.partition
    source, target, serde = _PARQUET if table.parquet else _JSON
    parameters = {
        "classification": "parquet" if table.parquet else "json",
        "EXTERNAL": "TRUE",
        "projection.enabled": "true",
        f"projection.{partition}.type": "date",
        f"projection.{partition}.format": "yyyy-MM-dd",
        f"projection.{partition}.range": f"{args['settings']['first_date']},NOW+1DAYS",
        f"projection.{partition}.interval": "1",
        f"projection.{partition}.interval.unit": "DAYS",
        "storage.location.template": f"{location}/{partition}=${{{partition}}}/",
    }
    return aws.glue.CatalogTable(
        f"{name}-{table.name.replace('_', '-')}",
        name=table.name,
        database_name=database,
        description=table.description,
        table_type="EXTERNAL_TABLE",
        parameters=parameters,
        partition_keys=[aws.glue.CatalogTablePartitionKeyArgs(name=partition, type="string", comment=meaning)],
        storage_descriptor=aws.glue.CatalogTableStorageDescriptorArgs(
            location=f"{location}/",
            input_format=source,
            output_format=target,
            ser_de_info=aws.glue.CatalogTableStorageDescriptorSerDeInfoArgs(
                serialization_library=serde, parameters={"serialization.format": "1"}
            ),
            columns=[
                _TableColumn(name=column, type=kind, comment=text[:255] or None)  # Glue's limit
                for column, kind, text in table.columns
            ],
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _view(parent: pulumi.Resource, name: str, database: pulumi.Output[str], of: _View) -> pulumi.Resource:
    """A view as Athena itself keeps one: a table whose text is the statement in base64.

    https://trino.io/docs/current/connector/hive.html#hive-views (Presto views in a metastore)
    """

    def text(schema: str) -> str:
        statement = {
            "originalSql": of.select,
            "catalog": "awsdatacatalog",
            "schema": schema,
            "columns": [{"name": field, "type": trino} for field, trino, _ in of.fields],
        }
        return f"/* Presto View: {base64.b64encode(json.dumps(statement).encode()).decode()} */"

    return aws.glue.CatalogTable(
        name,
        name=of.name,
        database_name=database,
        description=of.description,
        table_type="VIRTUAL_VIEW",
        parameters={"presto_view": "true", "comment": "Presto View"},
        view_original_text=database.apply(text),
        view_expanded_text="/* Presto View */",
        storage_descriptor=aws.glue.CatalogTableStorageDescriptorArgs(
            columns=[_TableColumn(name=field, type=hive) for field, _, hive in of.fields],
            ser_de_info=aws.glue.CatalogTableStorageDescriptorSerDeInfoArgs(),
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
