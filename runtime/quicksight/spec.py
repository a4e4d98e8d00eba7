"""Reads and checks the dashboard spec: sheets, visuals, fields, measures and filters, in neutral terms.

A visual's kind maps one to one to a QuickSight visual and to a Vega-Lite mark:

    kpi -> KPIVisual, a number          line -> LineChartVisual, line         bar -> BarChartVisual, bar
    table -> TableVisual, HTML table    heatmap -> HeatMapVisual, rect

Fields are Athena SQL over the event row's columns, in the few functions that Athena and DuckDB share.
"""

import difflib
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

import msgspec
import sqlglot
import yaml
from sqlglot import exp

from runtime.events.columns import COLUMNS, PARTITION

PATH = Path(__file__).with_name("dashboard.yaml")


class SpecError(ValueError):
    """The spec is wrong; its text names file, place and cure."""


class Kind(StrEnum):
    """What a visual is drawn as."""

    KPI = "kpi"
    BAR = "bar"
    LINE = "line"
    HEATMAP = "heatmap"
    TABLE = "table"


class Aggregate(StrEnum):
    """How a measure sums up events."""

    COUNT = "count"  # events, those that meet the measure's `where`
    LAST_DAY = "last_day"  # the last day with an event
    SILENT_DAYS = "silent_days"  # days without an event between the first and the last


class Field(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Something to group by: its title and its Athena SQL over columns."""

    title: str
    sql: str


class Measure(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A number: its title, how it sums up, and the SQL condition that an event must meet to count."""

    title: str
    aggregate: Aggregate = Aggregate.COUNT
    where: str | None = None


class Visual(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One visual. `by` are the fields it groups by: rows of a table; axis and colour of a chart; none for a KPI.

    `limit` is how many values of each field but the filters' are shown by name; the rest is an exact "other". `ledger`
    names a count of the ledger that a KPI shows instead of a measure.
    """

    id: str
    title: str
    kind: Kind
    by: tuple[str, ...] = ()
    measures: tuple[str, ...] = ("events",)
    where: str | None = None
    limit: int = 12
    width: int = 6
    ledger: str | None = None


class Sheet(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A tab of the dashboard."""

    id: str
    title: str
    visuals: tuple[Visual, ...]


class Dashboard(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole spec."""

    title: str
    filters: tuple[str, ...]
    fields: dict[str, Field]
    measures: dict[str, Measure]
    sheets: tuple[Sheet, ...]

    @property
    def visuals(self) -> list[Visual]:
        """All visuals, sheet by sheet."""
        return [visual for sheet in self.sheets for visual in sheet.visuals]


LEDGER = ("files", "records", "rows", "duplicates", "duplicate_differs", "quarantined", "files_quarantined")
_FIELDS = {Kind.KPI: (0, 0), Kind.BAR: (1, 2), Kind.LINE: (1, 2), Kind.HEATMAP: (2, 2), Kind.TABLE: (1, 4)}


@lru_cache
def load(path: Path = PATH) -> Dashboard:
    """The dashboard of a YAML file. Raises SpecError for the first mistake, with its place."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        dashboard = msgspec.convert(content, Dashboard)
    except (OSError, yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise SpecError(f"{path.name}: {' '.join(str(error).split())}") from error
    _Check(path.name, dashboard).all()
    return dashboard


class _Check:
    def __init__(self, name: str, dashboard: Dashboard) -> None:
        self._name, self._dashboard = name, dashboard
        self._columns = {column.name for column in (*COLUMNS, PARTITION)}

    def all(self) -> None:
        """Check what types cannot: names that must exist, ids that must differ, SQL that must read columns."""
        board = self._dashboard
        for name, field in board.fields.items():
            self._sql(f"fields.{name}.sql", field.sql)
        for name, measure in board.measures.items():
            if measure.where is not None:
                self._sql(f"measures.{name}.where", measure.where)
        for name in board.filters:
            self._known("filters", "field", name, board.fields)
        seen: dict[str, str] = {}
        for sheet in board.sheets:
            for place, identity in [(sheet.id, sheet.id), *((f"{sheet.id}.{v.id}", v.id) for v in sheet.visuals)]:
                if identity in seen:
                    self._stop(place, f"the id {identity!r} is taken by {seen[identity]}; choose another")
                seen[identity] = place
            for visual in sheet.visuals:
                self._visual(f"{sheet.id}.{visual.id}", visual)

    def _visual(self, place: str, visual: Visual) -> None:
        least, most = _FIELDS[visual.kind]
        if not least <= len(visual.by) <= most:
            self._stop(place, f"a {visual.kind.value} groups by {least} to {most} fields, not {len(visual.by)}")
        for name in visual.by:
            self._known(f"{place}.by", "field", name, self._dashboard.fields)
        for name in visual.measures:
            self._known(f"{place}.measures", "measure", name, self._dashboard.measures)
        if visual.where is not None:
            self._sql(f"{place}.where", visual.where)
        if visual.ledger is not None:
            self._known(f"{place}.ledger", "count of the ledger", visual.ledger, LEDGER)

    def _known(self, place: str, kind: str, name: str, names: Iterable[str]) -> None:
        if name not in names:
            near = difflib.get_close_matches(name, list(names), 1)
            cure = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
            self._stop(place, f"there is no {kind} {name!r}; {cure}")

    def _sql(self, place: str, sql: str) -> None:
        try:
            parsed = sqlglot.parse_one(sql, read="athena")
        except sqlglot.ParseError as error:
            self._stop(place, f"not SQL: {str(error).splitlines()[0]}")
        for column in parsed.find_all(exp.Column):
            self._known(place, "column", column.name, self._columns)

    def _stop(self, place: str, sentence: str) -> NoReturn:
        raise SpecError(f"{self._name}: {place}: {sentence}")
