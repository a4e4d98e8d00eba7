"""QuickSight data sets of the dashboard spec: the SQL that Athena runs for each, and the columns that it gives.

Fields and measures have the names of the spec, so that the columns of all data sets match by name. There is a row for
each row of the source, and a visual sums or maximises a measure's column: rows taken together by all their fields would
hardly be fewer, since addresses, sessions and keys are among them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from runtime.quicksight.spec import Dashboard, DataSet, Measure, SpecError

DAY = "day"
ACCOUNT = "account"
"""The column of every data set that row-level security goes by."""
PARTITIONS = {"parquettrails": "eventdate", "ledger": "day"}
"""Source -> its column of days as text, which bounds what a refresh reads."""
ColumnType = Literal["STRING", "INTEGER", "DECIMAL", "DATETIME"]
_TYPES: Mapping[str, ColumnType] = {"count": "INTEGER", "seconds": "INTEGER", "bytes": "DECIMAL", "time": "DATETIME"}


@dataclass(frozen=True, slots=True)
class QuickSightDataSet:
    """One data set: `columns` are (name, type) in the order of the SQL's.

    `incremental` is the column of an incremental refresh, None where only a full one is right.
    """

    name: str
    sql: str
    columns: tuple[tuple[str, ColumnType], ...]
    incremental: str | None


def data_sets(
    dashboard: Dashboard, tables: Mapping[str, str], *, window_days: int | None = None
) -> dict[str, QuickSightDataSet]:
    """Data sets by the spec's names. `tables`: source -> table as it stands in SQL, such as `"db"."parquettrails"`.

    `window_days` days up to today are read, or all of them.
    """
    return {name: _data_set(node, tables, window_days) for name, node in dashboard.data_sets.items()}


def column_type(measure: Measure) -> ColumnType:
    """Type of a measure's column."""
    return _TYPES[measure.unit]


def _data_set(node: DataSet, tables: Mapping[str, str], window_days: int | None) -> QuickSightDataSet:
    both = sorted(node.fields.keys() & node.measures.keys())
    if both:
        raise SpecError(f"dashboard.yaml: {node.name}: {', '.join(both)} is a field and a measure; rename one of them")
    items: list[tuple[str, str]] = []
    columns: list[tuple[str, ColumnType]] = []
    for field in node.fields.values():
        days = field.name == DAY
        items.append((f"date_parse({field.sql}, '%Y-%m-%d')" if days else field.sql, field.name))
        columns.append((field.name, "DATETIME" if days else "STRING"))
    for measure in node.measures.values():
        items.append((measure.sql, measure.name))
        columns.append((measure.name, column_type(measure)))
    listed = ",\n    ".join(f'{sql} AS "{name}"' for sql, name in items)
    return QuickSightDataSet(
        name=node.name,
        sql=f"SELECT\n    {listed}\nFROM {_from(node, tables[node.source], window_days)}",
        columns=tuple(columns),
        # A row of a statement of its own may change with every later event, as the silence after the last one does.
        incremental=DAY if node.sql is None else None,
    )


def _from(node: DataSet, table: str, window_days: int | None) -> str:
    rows = table
    if window_days is not None:
        day = PARTITIONS[node.source]
        # date_format of current_date is a constant to the planner: partitions before it are not read.
        # A log file whose name has no day stays.
        since = f"{day} >= date_format(current_date - interval '{window_days}' day, '%Y-%m-%d')"
        condition = since if node.source == "parquettrails" else f"({since} OR {day} IS NULL)"
        rows = f"(SELECT * FROM {table} WHERE {condition})"
    if node.sql is None:
        return f"{rows} AS {node.source}"
    sql, found = re.subn(rf"\bFROM {node.source}\b", f"FROM {rows} AS {node.source}", node.sql)
    if not found:
        raise SpecError(f"dashboard.yaml: {node.name}: its sql must read FROM {node.source}, its source")
    return f"({sql}) AS {node.name}"
