"""The SQL of a visual, in Athena's dialect: the one a person copies, and the one that its cube is made with."""

from collections.abc import Iterable, Sequence

from runtime.quicksight.spec import DataSet, Field, Measure, Visual

FILTERS = "{filters}"
DAY = "day"


def shown(visual: Visual) -> str:
    """What the visual shows, to copy; `{filters}` stands where the page writes the chosen filters."""
    items = [f"{visual.data_set.fields[DAY].sql} AS {DAY}"] if visual.timed else []
    items += [f"{field.sql} AS {field.name}" for field in visual.fields]
    groups = len(items)
    items += [f"{_aggregate(measure)} AS {measure.name}" for measure in visual.measures]
    lines = [f"SELECT {', '.join(items)}", f"FROM {_source(visual.data_set)}", f"WHERE {FILTERS}"]
    lines += [f"    AND {condition}" for condition in _conditions(visual.where)]
    if groups:
        lines.append(f"GROUP BY {_numbers(groups)}")
        lines.append("ORDER BY 1" if visual.timed else f"ORDER BY {groups + 1} DESC")
    return "\n".join(lines)


def cells(
    data_set: DataSet,
    filters: Sequence[str],
    own: Iterable[Field],
    measures: Iterable[Measure],
    where: Sequence[tuple[Field, tuple[str, ...]]],
    *,
    hours: bool,
) -> str:
    """The finest cells a visual is added up from.

    Columns: `f_<filter>` for each filter (null where the data set lacks it), `hour`, `o_<n>` for its own fields,
    `m_<n>` for its measures.
    """
    fields = data_set.fields
    groups = [f"{fields[name].sql if name in fields else 'CAST(NULL AS varchar)'} AS f_{name}" for name in filters]
    groups.append(f"{'hour(eventtime)' if hours else '0'} AS hour")
    groups += [f"{field.sql} AS o_{n}" for n, field in enumerate(own)]
    items = groups + [f"{_aggregate(measure)} AS m_{n}" for n, measure in enumerate(measures)]
    conditions = list(_conditions(where))
    lines = [f"SELECT {', '.join(items)}", f"FROM {_source(data_set)}"]
    if conditions:
        lines.append(f"WHERE {' AND '.join(conditions)}")
    return "\n".join([*lines, f"GROUP BY {_numbers(len(groups))}"])


def _aggregate(measure: Measure) -> str:
    return "count(*)" if measure.sql == "1" else f"{measure.aggregate}({measure.sql})"


def _source(data_set: DataSet) -> str:
    return data_set.source if data_set.sql is None else f"(\n    {data_set.sql}\n) AS {data_set.name}"


def _conditions(where: Iterable[tuple[Field, tuple[str, ...]]]) -> Iterable[str]:
    for field, values in where:
        if values:
            quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
            yield f"({field.sql}) IN ({quoted})"
        else:
            yield f"({field.sql}) IS NOT NULL"


def _numbers(count: int) -> str:
    return ", ".join(str(n + 1) for n in range(count))
