"""Counts for the page: for each visual the events per value of its own fields and of the filters, exact and small.

A visual's own fields are those it groups by that are no filter. Their most frequent values are kept by name, the rest
is counted together as "other" (number 0). One cell per combination that occurs, so that any filter can be applied to
any visual later, exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from runtime.quicksight.spec import Aggregate, Dashboard, Visual

OTHER = "\0other"


@dataclass(frozen=True, slots=True)
class Cube:
    """Cells of one visual: `own[n]` are the values of its own fields for number n + 1; 0 is all others.

    `indexes` are the cells' positions, ascending, in the space own x account x Region x identity x day (the last varies
    fastest); `counts` has a list per counting measure of the visual.
    """

    visual: Visual
    own: list[tuple[str, ...]]
    indexes: list[int]
    counts: list[list[int]]


class Cubes:
    """All cubes of a dashboard over one lake: `connection` has the view `parquettrails`.

    `day_unit` is `day`, or `week` or `month` where days would be too many.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, board: Dashboard, day_unit: str = "day") -> None:
        self._connection, self._board = connection, board
        self._fields = list(board.fields)
        visuals = [visual for visual in board.visuals if visual.ledger is None]
        self._conditions = list(
            dict.fromkeys(
                sql
                for sql in (
                    *(board.measures[m].where for v in visuals for m in v.measures),
                    *(v.where for v in visuals),
                )
                if sql is not None
            )
        )
        self._events(day_unit)
        # The filters' values, sorted; a cell names them by their place.
        self.values: dict[str, list[str]] = {
            name: [row[0] for row in connection.execute(f"SELECT DISTINCT {_field(name)} FROM e ORDER BY 1").fetchall()]
            for name in board.filters
        }
        for name, values in self.values.items():
            connection.execute(f"CREATE OR REPLACE TEMP TABLE v_{name} (value VARCHAR, place BIGINT)")
            if values:
                connection.executemany(
                    f"INSERT INTO v_{name} VALUES (?, ?)", list(zip(values, range(len(values)), strict=True))
                )

    @property
    def events(self) -> int:
        """Events in the lake."""
        return int(self._one("SELECT count(*) FROM e"))

    def _events(self, day_unit: str) -> None:
        """One table of the fields and conditions, so that the lake is read once."""
        fields = {name: field.sql for name, field in self._board.fields.items()}
        if day_unit != "day":
            fields["day"] = f"strftime(date_trunc('{day_unit}', CAST({fields['day']} AS DATE)), '%Y-%m-%d')"
        columns = [f"{sql} AS {_field(name)}" for name, sql in fields.items()]
        columns += [f"coalesce({sql}, false) AS c{n}" for n, sql in enumerate(self._conditions)]
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE e AS SELECT {', '.join(columns)} FROM parquettrails")

    def cubes(self, limit_factor: float = 1.0) -> Iterator[Cube]:
        """A cube per visual that shows events, in the dashboard's order."""
        for visual in self._board.visuals:
            if visual.ledger is None:
                yield self._cube(visual, max(3, round(visual.limit * limit_factor)))

    def _cube(self, visual: Visual, limit: int) -> Cube:
        filters = self._board.filters
        own = [_field(name) for name in visual.by if name not in filters]
        where = "true" if visual.where is None else self._condition(visual.where)
        names: list[tuple[str, ...]] = []
        if own:
            top = f"SELECT {', '.join(own)}, count(*) AS n FROM e WHERE {where} GROUP BY ALL"
            top += f" ORDER BY n DESC, {', '.join(own)} LIMIT {limit}"
            names = [tuple(map(_text, row[:-1])) for row in self._connection.execute(top).fetchall()]
            self._connection.execute(
                f"CREATE OR REPLACE TEMP TABLE own AS SELECT *, row_number() OVER (ORDER BY n DESC, {', '.join(own)}) AS place"
                f" FROM ({top})"
            )
        # Mixed radix: own, then the filters after the first, then the first (days), which varies fastest.
        index = "coalesce(own.place, 0)" if own else "0"
        joins = ""
        for name in (*filters[1:], filters[0]):
            index = f"({index}) * {max(1, len(self.values[name]))} + v_{name}.place"
            joins += f" JOIN v_{name} ON v_{name}.value = e.{_field(name)}"
        if own:
            joins += " LEFT JOIN own ON " + " AND ".join(f"own.{c} IS NOT DISTINCT FROM e.{c}" for c in own)
        counts = [f"count(*) FILTER (WHERE {condition})" for condition in self._counted(visual)]
        rows = self._connection.execute(
            f"SELECT {index} AS i, {', '.join(counts)} FROM e{joins} WHERE {where} GROUP BY 1 ORDER BY 1"
        ).fetchall()
        columns: list[list[int]] = [list(column) for column in zip(*rows, strict=True)] or [[], *([] for _ in counts)]
        return Cube(visual, names, columns[0], columns[1:])

    def _counted(self, visual: Visual) -> Iterator[str]:
        """Condition of each measure that counts; a visual without one counts events, to know its cells."""
        measures = [self._board.measures[name] for name in visual.measures]
        counting = [m for m in measures if m.aggregate is Aggregate.COUNT]
        for measure in counting:
            yield "true" if measure.where is None else self._condition(measure.where)
        if not counting:
            yield "true"

    def _condition(self, sql: str) -> str:
        return f"e.c{self._conditions.index(sql)}"

    def _one(self, sql: str) -> Any:
        row = self._connection.execute(sql).fetchone()
        return row[0] if row else None


def _field(name: str) -> str:
    return f"f_{name}"


def _text(value: Any) -> str:
    return "" if value is None else str(value)
