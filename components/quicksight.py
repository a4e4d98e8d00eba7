"""QuickSight: data source, data sets with their refreshes, analysis and dashboard, and who may see them.

The provider's own Analysis and Dashboard take no definition, so each of the two is a CloudFormation stack
(https://github.com/pulumi/pulumi-aws/issues/2852). The sign-up to QuickSight comes before: docs/quicksight.md.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from components import policies
from components.console import Console
from components.objects import put
from components.part import PartArgs
from components.settings import ImportMode, QuickSightSettings
from runtime.events.ledger import LEDGER
from runtime.quicksight.compile import Asset, Kind, QuickSightDataSet, arn_parameter, data_sets, granted, load, template
from runtime.quicksight.data_sets import ACCOUNT
from runtime.quicksight.spec import Dashboard

EVENTS = "parquettrails"
_RULES = "rules"
_RULE_COLUMNS = {"user_arn": "UserARN", "group_arn": "GroupARN"}
"""Columns of the rules in the SQL -> as QuickSight wants them: capitals of an alias need not survive Athena."""


class QuickSightArgs(PartArgs):
    """What QuickSight needs."""

    settings: QuickSightSettings
    """Its settings, with every default filled in. Required."""
    lake_bucket: str
    """Name of the lake's bucket. Required."""
    database: str
    """Name of the Glue database. Required."""
    workgroup: pulumi.Input[str]
    """Name of the Athena workgroup that it asks in. Required."""
    lake_formation: bool
    """Whether its role needs rights in Lake Formation. Required."""
    after: list[pulumi.Resource]
    """What must exist before a data set is read for the first time: bucket and tables. Required."""


class QuickSight(pulumi.ComponentResource):
    """All of it, in a folder of its own."""

    dashboard_url: pulumi.Output[str]
    """Where the dashboard is."""
    loaded: dict[str, pulumi.Output[str]]
    """Name -> id of each data set that is loaded into SPICE."""

    def __init__(self, name: str, args: QuickSightArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trailsight:index:QuickSight", name, {}, opts)
        self._name, self._args = name, args
        names, settings = args["names"], args["settings"]
        self._here = pulumi.ResourceOptions(parent=self)
        self._owners, self._readers = (self._principals(role) for role in ("owners", "readers"))
        source = self._data_source()
        rules = self._rules(source)
        spec = load()
        tables = {source: f'"{args["database"]}"."{source}"' for source in (EVENTS, LEDGER)}
        made = data_sets(spec, tables, window_days=settings["window_days"])
        sets = {key: self._data_set(data_set, source, rules) for key, data_set in made.items()}
        kinds: tuple[Kind, ...] = ("analysis", "dashboard")
        stacks = {kind: self._stack(kind, spec, sets) for kind in kinds}
        self._folder(sets, stacks)
        dashboard = names.part("dashboard", 512)
        self.dashboard_url = stacks["dashboard"].id.apply(lambda _: Console(names.where).quicksight(dashboard))
        loaded = dict(sets) if settings["import_mode"] is ImportMode.SPICE else {}
        if rules:
            loaded[_RULES] = rules
        self.loaded = {key: data_set.data_set_id for key, data_set in loaded.items()}
        self.register_outputs({"dashboard_url": self.dashboard_url})

    def _arn(self, kind: str, name: str) -> str:
        """ARN of a user or group; they live in the identity Region."""
        where, settings = self._args["names"].where, self._args["settings"]
        who = f"{kind}/{settings['namespace']}/{name}"
        return f"arn:{where.partition}:quicksight:{settings['identity_region']}:{where.account}:{who}"

    def _principals(self, role: Literal["owners", "readers"]) -> list[str]:
        settings = self._args["settings"]
        groups = [self._arn("group", name) for name in settings["groups"][role]]
        return [*groups, *(self._arn("user", name) for name in settings["users"][role])]

    def _owned(self, kind: Asset, shape: Callable[..., Any]) -> list[Any] | None:
        """The owners' permissions on an asset; None without owners, since an empty list is refused."""
        permissions = granted(kind, self._owners)
        return [shape(principal=p["Principal"], actions=p["Actions"]) for p in permissions] or None

    def _data_source(self) -> aws.quicksight.DataSource:
        """The data source, whose queries run as a role of its own and not as the account's one for QuickSight."""
        args, names = self._args, self._args["names"]
        role = aws.iam.Role(
            f"{self._name}-role",
            name=names.role("quicksight"),
            assume_role_policy=pulumi.Output.json_dumps(policies.trust("quicksight")),
            tags=args["tags"],
            **args["role_options"],
            opts=self._here,
        )
        rights: list[pulumi.Resource] = [
            aws.iam.RolePolicy(
                f"{self._name}-role-policy",
                role=role.name,
                policy=pulumi.Output.json_dumps(
                    pulumi.Output.all(key=args["lake_key_arn"], workgroup=args["workgroup"]).apply(
                        lambda known: policies.quicksight(
                            names.where,
                            lake=names.where.bucket(args["lake_bucket"]),
                            database=args["database"],
                            workgroup=known["workgroup"],
                            lake_key=known["key"],
                        )
                    )
                ),
                opts=self._here,
            )
        ]
        if args["lake_formation"]:
            rights += self._lake_formation(role)
        athena = aws.quicksight.DataSourceParametersAthenaArgs(work_group=args["workgroup"], role_arn=role.arn)
        return aws.quicksight.DataSource(
            f"{self._name}-source",
            data_source_id=names.part("cloudtrail", 512),
            name=names.part("cloudtrail", 128),
            type="ATHENA",
            parameters=aws.quicksight.DataSourceParametersArgs(athena=athena),
            ssl_properties=aws.quicksight.DataSourceSslPropertiesArgs(disable_ssl=False),
            permissions=self._owned("data_source", aws.quicksight.DataSourcePermissionArgs),
            tags=args["tags"],
            # Its id is fixed, so that a successor finds the place taken.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*rights, *args["after"]], delete_before_replace=True),
        )

    def _lake_formation(self, role: aws.iam.Role) -> list[pulumi.Resource]:
        database = self._args["database"]
        return [
            aws.lakeformation.Permissions(
                f"{self._name}-database-grant",
                principal=role.arn,
                permissions=["DESCRIBE"],
                database=aws.lakeformation.PermissionsDatabaseArgs(name=database),
                opts=self._here,
            ),
            *(
                aws.lakeformation.Permissions(
                    f"{self._name}-{table.replace('_', '-')}-grant",
                    principal=role.arn,
                    permissions=["DESCRIBE", "SELECT"],
                    table=aws.lakeformation.PermissionsTableArgs(database_name=database, name=table),
                    opts=pulumi.ResourceOptions(parent=self, depends_on=self._args["after"]),
                )
                for table in policies.DASHBOARD_TABLES
            ),
        ]

    def _rules(self, source: aws.quicksight.DataSource) -> aws.quicksight.DataSet | None:
        """The data set of row-level security: a row for each who and account; no account means all of them."""
        rows: list[tuple[str | None, ...]] = []
        for rule in self._args["settings"]["row_level_security"]:
            user = self._arn("user", rule["user"]) if "user" in rule else None
            group = self._arn("group", rule["group"]) if "group" in rule else None
            accounts: list[str | None] = [*rule["accounts"]] or [None]
            rows += [(user, group, account) for account in accounts]
        if not rows:
            return None
        listed = ",\n    ".join(f"({', '.join(map(_literal, row))})" for row in rows)
        columns = [*_RULE_COLUMNS, ACCOUNT]
        return self._set(
            _RULES,
            source,
            f"SELECT * FROM (VALUES\n    {listed}\n) AS rules ({', '.join(columns)})",
            [(column, "STRING") for column in columns],
            import_mode="SPICE",
            use_as="RLS_RULES",
            logical_table_maps=[
                aws.quicksight.DataSetLogicalTableMapArgs(
                    logical_table_map_id=f"{_RULES}-named",
                    alias=_RULES,
                    source=aws.quicksight.DataSetLogicalTableMapSourceArgs(physical_table_id=_RULES),
                    data_transforms=[
                        aws.quicksight.DataSetLogicalTableMapDataTransformArgs(
                            rename_column_operation=aws.quicksight.DataSetLogicalTableMapDataTransformRenameColumnOperationArgs(
                                column_name=column, new_column_name=wanted
                            )
                        )
                        for column, wanted in _RULE_COLUMNS.items()
                    ],
                )
            ],
        )

    def _data_set(
        self, made: QuickSightDataSet, source: aws.quicksight.DataSource, rules: aws.quicksight.DataSet | None
    ) -> aws.quicksight.DataSet:
        settings = self._args["settings"]
        spice = settings["import_mode"] is ImportMode.SPICE
        more: dict[str, Any] = {}
        if rules:
            more["row_level_permission_data_set"] = aws.quicksight.DataSetRowLevelPermissionDataSetArgs(
                arn=rules.arn, permission_policy="GRANT_ACCESS", format_version="VERSION_2", status="ENABLED"
            )
        if spice and made.incremental:
            more["refresh_properties"] = _incremental(made.incremental, settings["lookback_days"])
        data_set = self._set(
            made.name, source, made.sql, made.columns, import_mode="SPICE" if spice else "DIRECT_QUERY", **more
        )
        if spice:
            full = settings["full_refresh"]
            if made.incremental:
                self._refresh(made.name, data_set, "INCREMENTAL_REFRESH", interval="HOURLY")
                sunday = aws.quicksight.RefreshScheduleScheduleScheduleFrequencyRefreshOnDayArgs(day_of_week="SUNDAY")
                weekly = {"interval": "WEEKLY", "refresh_on_day": sunday}
                self._refresh(made.name, data_set, "FULL_REFRESH", time_of_the_day=full, timezone="UTC", **weekly)
            else:
                daily = {"interval": "DAILY", "time_of_the_day": full, "timezone": "UTC"}
                self._refresh(made.name, data_set, "FULL_REFRESH", **daily)
        return data_set

    def _set(
        self,
        key: str,
        source: aws.quicksight.DataSource,
        sql: str,
        columns: Iterable[tuple[str, str]],
        **more: Any,
    ) -> aws.quicksight.DataSet:
        names = self._args["names"]
        query = aws.quicksight.DataSetPhysicalTableMapCustomSqlArgs(
            data_source_arn=source.arn,
            name=key,
            sql_query=sql,
            columns=[
                aws.quicksight.DataSetPhysicalTableMapCustomSqlColumnArgs(name=column, type=kind)
                for column, kind in columns
            ],
        )
        return aws.quicksight.DataSet(
            f"{self._name}-{key}",
            data_set_id=names.part(key, 512),
            name=names.part(key, 128),
            physical_table_maps=[
                aws.quicksight.DataSetPhysicalTableMapArgs(physical_table_map_id=key, custom_sql=query)
            ],
            permissions=self._owned("data_set", aws.quicksight.DataSetPermissionArgs),
            tags=self._args["tags"],
            **more,
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )

    def _refresh(self, key: str, data_set: aws.quicksight.DataSet, kind: str, **frequency: Any) -> None:
        """A schedule, without a first day: one in the past is refused, and the program has no clock."""
        part = kind.split("_", maxsplit=1)[0].lower()
        aws.quicksight.RefreshSchedule(
            f"{self._name}-{key}-{part}",
            data_set_id=data_set.data_set_id,
            schedule_id=part,
            schedule=aws.quicksight.RefreshScheduleScheduleArgs(
                refresh_type=kind,
                schedule_frequency=aws.quicksight.RefreshScheduleScheduleScheduleFrequencyArgs(**frequency),
            ),
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )

    def _stack(self, kind: Kind, spec: Dashboard, sets: dict[str, aws.quicksight.DataSet]) -> aws.cloudformation.Stack:
        """The stack that makes the analysis or the dashboard, by a template that is stored under its hash."""
        args, names = self._args, self._args["names"]
        days = args["settings"]["window_days"]
        body = template(kind, spec, owners=self._owners, readers=self._readers, days=days)
        file = f"{kind}.json"
        source = pulumi.StringAsset(body.decode())
        key = put(
            f"{self._name}-{kind}-template", self, args["lake_bucket"], file, [(file, body)], source, args["after"]
        )
        host = f"{args['lake_bucket']}.s3.{names.where.region}.{names.where.dns_suffix}"
        return aws.cloudformation.Stack(
            f"{self._name}-{kind}",
            name=names.part(f"quicksight-{kind}", 128),
            template_url=pulumi.Output.concat("https://", host, "/", key),
            parameters={
                "Id": names.part(kind, 512),
                "Name": f"{spec.title} {names.pipeline}",
                **{arn_parameter(name): data_set.arn for name, data_set in sets.items()},
            },
            # What could not be made leaves nothing behind, so that the next `up` starts afresh.
            on_failure="DELETE",
            tags=args["tags"],
            opts=self._here,
        )

    def _folder(self, sets: dict[str, aws.quicksight.DataSet], stacks: dict[Kind, aws.cloudformation.Stack]) -> None:
        """A folder for its owners; readers have no right on it, since that would be one on its content."""
        names = self._args["names"]
        folder = aws.quicksight.Folder(
            f"{self._name}-folder",
            folder_id=names.part("folder", 512),
            name=names.part("cloudtrail", 200),
            permissions=self._owned("folder", aws.quicksight.FolderPermissionArgs),
            tags=self._args["tags"],
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        members: list[tuple[str, str, pulumi.Resource]] = [("DATASET", key, data_set) for key, data_set in sets.items()]
        members += [(kind.upper(), kind, stack) for kind, stack in stacks.items()]
        for kind, key, made in members:
            aws.quicksight.FolderMembership(
                f"{self._name}-folder-{key}",
                folder_id=folder.folder_id,
                member_type=kind,
                member_id=names.part(key, 512),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[made], delete_before_replace=True),
            )


def _incremental(column: str, days: int) -> aws.quicksight.DataSetRefreshPropertiesArgs:
    quicksight = aws.quicksight
    window = quicksight.DataSetRefreshPropertiesRefreshConfigurationIncrementalRefreshLookbackWindowArgs(
        column_name=column, size=days, size_unit="DAY"
    )
    incremental = quicksight.DataSetRefreshPropertiesRefreshConfigurationIncrementalRefreshArgs(lookback_window=window)
    configuration = quicksight.DataSetRefreshPropertiesRefreshConfigurationArgs(incremental_refresh=incremental)
    return quicksight.DataSetRefreshPropertiesArgs(refresh_configuration=configuration)


def _literal(value: str | None) -> str:
    return "CAST(NULL AS varchar)" if value is None else "'" + value.replace("'", "''") + "'"
