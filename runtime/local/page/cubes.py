"""Cubes for the page: what each visual is added up from under any filter, exact and small.

A cube has a row per combination, that occurs, of the four filters and of its own axes: the fields of a visual that are
no filter. Only the leading values of an axis have a number of their own, the rest is 0, "other": those with the largest
totals, and those that lead within one account, Region or identity type, since a filter may bring them to the top.
"""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from runtime.local.dialect import to_duckdb
from runtime.local.page import statement
from runtime.quicksight.spec import Dashboard, DataSet, Field, Measure, Visual

CARRIED = 4  # an axis carries so many times the values it shows
LEADERS = 5  # and so many that lead within one value of a filter
HOURS_UP_TO = 3  # days; over more of them, time is in days


@dataclass(frozen=True, slots=True)
class Coarseness:
    """What is given up for size: `unit` of time, and which part of the values carried beyond those shown."""

    unit: str = "day"
    carried: float = 1.0


@dataclass(slots=True)
class Cube:
    """Rows of small numbers, column by column: the filters, `hour` and the axes as places, then the measures.

    `values[a]` are the values of axis `a`, tuples of its fields', the first for number 1; `others[a]` is how many more
    there are. A place in the filters' columns is that in `Cubes.filters`.
    """

    axes: tuple[tuple[Field, ...], ...]
    measures: tuple[Measure, ...]
    data_set: DataSet
    columns: list[pa.Array] = field(default_factory=list)
    values: list[list[tuple[str | None, ...]]] = field(default_factory=list)
    others: list[int] = field(default_factory=list)


class Cubes:
    """All cubes of a dashboard. `connection` has the data sets' sources as views; temporary tables are left in it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, dashboard: Dashboard) -> None:
        self._connection, self._dashboard = connection, dashboard
        self._of: dict[str, int] = {}
        self._limits: list[int] = []
        plans: list[tuple[Any, ...]] = []
        self._cubes: list[Cube] = []
        self.span = self._days()
        first, last = (date.fromisoformat(day or "1970-01-01") for day in self.span)
        self.hours = (last - first).days < HOURS_UP_TO
        for visual in dashboard.visuals:
            axes = axes_of(visual, dashboard.filters)
            ranked = visual.measures[0].name if axes else None
            hours = self.hours and visual.data_set.sql is None and visual.data_set.source == "parquettrails"
            plan = (visual.data_set.name, axes, visual.where, ranked, hours and (visual.timed or visual.kind == "kpi"))
            if plan not in plans:
                plans.append(plan)
                self._cubes.append(Cube(axes, (), visual.data_set))
                self._limits.append(0)
            at = plans.index(plan)
            self._of[visual.id] = at
            cube = self._cubes[at]
            cube.measures = tuple(dict.fromkeys((*cube.measures, *visual.measures)))
            self._limits[at] = max(self._limits[at], visual.limit)
        for at, (cube, plan) in enumerate(zip(self._cubes, plans, strict=True)):
            sql = statement.cells(
                cube.data_set,
                dashboard.filters,
                [f for axis in cube.axes for f in axis],
                cube.measures,
                plan[2],
                hours=plan[4],
            )
            connection.execute(f"CREATE TEMP TABLE cells_{at} AS {to_duckdb(sql)}")
        self.filters = {name: self._values(name) for name in dashboard.filters}

    def of(self, visual: Visual) -> int:
        """Number of the visual's cube in `made`."""
        return self._of[visual.id]

    def made(self, coarseness: Coarseness) -> list[Cube]:
        """The cubes, as coarse as told; days are then `coarse_days`."""
        self._place_filters(coarseness.unit)
        return [self._made(at, cube, coarseness.carried) for at, cube in enumerate(self._cubes)]

    def coarse_days(self, unit: str) -> list[str | None]:
        """First days of the weeks or months that the days lie in; the days themselves for `day`."""
        if unit == "day":
            return self.filters[statement.DAY]
        rows = self._connection.execute(f"SELECT DISTINCT coarse FROM place_{statement.DAY} ORDER BY 1 NULLS LAST")
        return [row[0] for row in rows.fetchall()]

    def _days(self) -> tuple[str, str]:
        """First and last day with an event; empty if there is none."""
        sql = "SELECT coalesce(min(eventdate), ''), coalesce(max(eventdate), '') FROM parquettrails"
        row = self._connection.execute(sql).fetchone()
        assert row is not None
        return row[0], row[1]

    def _values(self, name: str) -> list[str | None]:
        """Values of a filter in all cubes, days in order, the rest by their events; null last."""
        union = " UNION ALL ".join(
            f"SELECT f_{name} AS value, m_0 AS n FROM cells_{at}"
            for at, cube in enumerate(self._cubes)
            if name in cube.data_set.fields
        )
        order = "value" if name == statement.DAY else "sum(n) DESC, value"
        rows = self._connection.execute(f"SELECT value FROM ({union}) GROUP BY 1 ORDER BY value IS NULL, {order}")
        return [row[0] for row in rows.fetchall()]

    def _place_filters(self, unit: str) -> None:
        """Tables `place_<filter>`: the number of each value."""
        for name, values in self.filters.items():
            table = pa.table(
                {"value": pa.array(values, pa.string()), "place": pa.array(range(len(values)), pa.int32())}
            )
            self._connection.register("given", table)
            if name == statement.DAY and unit != "day":
                coarse = f"strftime(date_trunc('{unit}', TRY_CAST(value AS DATE)), '%Y-%m-%d')"
                place = f"dense_rank() OVER (ORDER BY {coarse} NULLS LAST) - 1"
                sql = f"SELECT value, {coarse} AS coarse, {place} AS place FROM given"
            else:
                sql = "SELECT value, value AS coarse, place FROM given"
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE place_{name} AS {sql}")
            self._connection.unregister("given")

    def _made(self, at: int, cube: Cube, carried: float) -> Cube:
        """The cube with its rows, sorted so that neighbours differ little: by axes, then filters, days last."""
        made = Cube(cube.axes, cube.measures, cube.data_set)
        filters = [*self._dashboard.filters[1:], self._dashboard.filters[0]]
        joins = "".join(
            f" JOIN place_{name} ON place_{name}.value IS NOT DISTINCT FROM c.f_{name}"
            for name in filters
            if name in cube.data_set.fields
        )
        keys = [
            (f"place_{name}.place" if name in cube.data_set.fields else "0") + f" AS f_{name}"
            for name in self._dashboard.filters
        ]
        keys.append("hour")
        start = 0
        for number, axis in enumerate(cube.axes):
            columns = [f"o_{start + n}" for n in range(len(axis))]
            start += len(axis)
            self._keep(at, columns, self._limits[at], carried)
            made.values.append(self._kept(columns))
            made.others.append(
                self._count(f"SELECT DISTINCT {', '.join(columns)} FROM cells_{at}") - len(made.values[-1])
            )
            self._connection.execute(f"ALTER TABLE keep RENAME TO keep_{number}")
            joins += f" LEFT JOIN keep_{number} ON {_equal(f'keep_{number}', 'c', columns)}"
            keys.append(f"coalesce(keep_{number}.number, 0) AS a_{number}")
        measures = [_number(n, measure) for n, measure in enumerate(cube.measures)]
        order = [f"a_{n}" for n in range(len(cube.axes))] + [f"f_{name}" for name in filters] + ["hour"]
        table = self._connection.sql(
            f"SELECT {', '.join(keys + measures)} FROM cells_{at} AS c{joins} GROUP BY ALL ORDER BY {', '.join(order)}"
        ).to_arrow_table()
        for number in range(len(cube.axes)):
            self._connection.execute(f"DROP TABLE keep_{number}")
        made.columns = [column.combine_chunks() for column in table.columns]
        return made

    def _keep(self, at: int, columns: list[str], limit: int, carried: float) -> None:
        """Table `keep`: the values of an axis that have a number, the largest first."""
        listed = ", ".join(columns)
        most = max(limit, round(limit * CARRIED * carried))
        kept = [f"SELECT {listed} FROM (SELECT * FROM totals ORDER BY total DESC, {listed} LIMIT {most})"]
        if carried == 1:
            kept += [
                f"SELECT {listed} FROM (SELECT {listed}, row_number() OVER"
                f" (PARTITION BY f_{name} ORDER BY sum(m_0) DESC, {listed}) AS place"
                f" FROM cells_{at} GROUP BY {listed}, f_{name}) WHERE place <= {LEADERS}"
                for name in self._dashboard.filters[1:]
            ]
        self._connection.execute(
            f"CREATE TEMP TABLE keep AS"
            f" WITH totals AS (SELECT {listed}, sum(m_0) AS total FROM cells_{at} GROUP BY {listed}),"
            f" kept AS ({' UNION '.join(kept)})"
            f" SELECT {listed}, row_number() OVER (ORDER BY total DESC, {listed}) AS number"
            f" FROM totals SEMI JOIN kept ON {_equal('kept', 'totals', columns)}"
            f" ORDER BY number LIMIT {most * 3}"
        )

    def _kept(self, columns: list[str]) -> list[tuple[str | None, ...]]:
        rows = self._connection.execute(f"SELECT {', '.join(columns)} FROM keep ORDER BY number").fetchall()
        return [tuple(None if value is None else str(value) for value in row) for row in rows]

    def _count(self, rows: str) -> int:
        found = self._connection.execute(f"SELECT count(*) FROM ({rows})").fetchone()
        return int(found[0]) if found else 0


def axes_of(visual: Visual, filters: Sequence[str]) -> tuple[tuple[Field, ...], ...]:
    """Fields that a visual needs beyond the filters: one axis for each, for a table one of all together."""
    own = tuple(f for f in visual.fields if f.name not in filters)
    if visual.kind == "table":
        return (own,) if own else ()
    return tuple((f,) for f in own)


def _equal(one: str, other: str, columns: Sequence[str]) -> str:
    """Condition that the columns of two tables are equal, null equal to null."""
    return " AND ".join(f"{one}.{c} IS NOT DISTINCT FROM {other}.{c}" for c in columns)


def _number(n: int, measure: Measure) -> str:
    """A measure as a whole number of at least 0; a time as seconds since 1970."""
    value = f"epoch({measure.aggregate}(m_{n}))" if measure.unit == "time" else f"{measure.aggregate}(m_{n})"
    return f"CAST(greatest(0, round(coalesce({value}, 0))) AS UBIGINT) AS m_{n}"


def encoded(columns: Sequence[pa.Array], day: int) -> Iterator[tuple[int, bytes]]:
    """(number of planes, bytes) of each column: its lowest bytes for all rows, then the next ones, and so on.

    Column `day` holds each row's difference from the one before, in 16 bits: nearly always 1.
    """
    for at, column in enumerate(columns):
        values = column.cast(pa.uint64(), safe=False)
        if at == day and len(values):
            short = values.cast(pa.uint16())
            before = pa.concat_arrays([pa.array([0], pa.uint16()), short[:-1]])
            values = pc.subtract(short, before).cast(pa.uint64())
        content = b"" if not len(values) else values.buffers()[1].to_pybytes()[values.offset * 8 :][: len(values) * 8]
        most = pc.max(values).as_py() or 0
        planes = max(1, (most.bit_length() + 7) // 8)
        yield planes, b"".join(content[plane::8] for plane in range(planes))


def packed(content: bytes) -> bytes:
    """Gzip that is the same for the same content."""
    return gzip.compress(content, 9, mtime=0)
