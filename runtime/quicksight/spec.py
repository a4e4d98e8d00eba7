"""Reads the dashboard spec (the `.yaml` files beside this one) into checked, typed parts.

`dashboard.yaml` names sheets, filters and data sets; each sheet has a file of its name: rows of visuals on a grid of 36
columns. A visual takes fields and measures of its data set by name. Kinds map one to one:

    kpi -> KPIVisual, a number          line -> LineChartVisual, line         column -> BarChartVisual, upright bars
    bar -> BarChartVisual, bars         heatmap -> HeatMapVisual, rect        table -> TableVisual, a table

SQL is in Athena's dialect over the source's columns.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import yaml

FOLDER = Path(__file__).parent
GRID = 36
TIME = "time"
Kind = Literal["kpi", "line", "column", "bar", "heatmap", "table"]
Unit = Literal["count", "bytes", "seconds", "time"]
Tone = Literal["good", "calm", "warn", "bad", "plain"]


class SpecError(ValueError):
    """The spec is wrong; its text is one sentence naming file, place and cure."""


@dataclass(frozen=True, slots=True)
class Field:
    """A dimension: its value is `sql`; `tones` are the colours of values that mean something."""

    name: str
    title: str
    sql: str
    tones: Mapping[str, Tone]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number: the sum of `sql` over the rows, or its maximum; `unit` is how it is shown."""

    name: str
    title: str
    sql: str
    aggregate: Literal["sum", "max"]
    unit: Unit


@dataclass(frozen=True, slots=True)
class DataSet:
    """Rows that visuals are about: those of the table `source`, or of the statement `sql` over it."""

    name: str
    source: str
    sql: str | None
    fields: Mapping[str, Field]
    measures: Mapping[str, Measure]


@dataclass(frozen=True, slots=True)
class Visual:
    """One visual.

    `timed` when its x is time, which is no field; else `x` has one field, for a table some. `color` splits the x values
    (of a heatmap it makes the rows). `where` is (field, admitted values), without values any but null. `limit` is how
    many values are shown, `width` in grid columns.
    """

    id: str
    kind: Kind
    title: str
    data_set: DataSet
    timed: bool
    x: tuple[Field, ...]
    color: Field | None
    measures: tuple[Measure, ...]
    where: tuple[tuple[Field, tuple[str, ...]], ...]
    limit: int
    width: int
    note: str | None

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its fields in their order, time aside."""
        return (*self.x, self.color) if self.color else self.x


@dataclass(frozen=True, slots=True)
class Row:
    """Visuals side by side, `height` grid rows high."""

    height: int
    visuals: tuple[Visual, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of the dashboard."""

    id: str
    title: str
    rows: tuple[Row, ...]

    @property
    def visuals(self) -> tuple[Visual, ...]:
        """All visuals, from left to right and downwards."""
        return tuple(visual for row in self.rows for visual in row.visuals)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The whole; `filters` are names of fields, of which a data set has all or some."""

    title: str
    filters: tuple[str, ...]
    data_sets: Mapping[str, DataSet]
    sheets: tuple[Sheet, ...]

    @property
    def visuals(self) -> tuple[Visual, ...]:
        """All visuals of all sheets."""
        return tuple(visual for sheet in self.sheets for visual in sheet.visuals)


class _Struct(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _FieldNode(_Struct):
    title: str
    sql: str
    tones: dict[str, Tone] = {}


class _MeasureNode(_Struct):
    title: str
    sum: str | None = None
    max: str | None = None
    unit: Unit = "count"


class _DataSetNode(_Struct):
    source: str
    fields: dict[str, _FieldNode]
    measures: dict[str, _MeasureNode]
    sql: str | None = None


class _DashboardNode(_Struct):
    title: str
    sheets: list[str]
    filters: list[str]
    data_sets: dict[str, _DataSetNode]


class _VisualNode(_Struct):
    id: str
    kind: Kind
    title: str | None = None
    data_set: str = "events"
    x: str | list[str] = []
    color: str | None = None
    measure: str | None = None
    measures: list[str] = []
    where: dict[str, Literal["present"] | list[str]] = {}
    limit: int = 10
    width: int | None = None
    note: str | None = None


class _RowNode(_Struct):
    height: int
    visuals: list[_VisualNode]


class _SheetNode(_Struct):
    title: str
    rows: list[_RowNode]


@cache
def load(folder: Path = FOLDER) -> Dashboard:
    """The dashboard whose files stand in `folder`. Raises SpecError."""
    top = _read(folder / "dashboard.yaml", _DashboardNode)
    data_sets = {name: _data_set(name, node) for name, node in top.data_sets.items()}
    sheets = []
    seen: dict[str, str] = {}
    for name in top.sheets:
        sheet = _sheet(name, _read(folder / f"{name}.yaml", _SheetNode), data_sets)
        for visual in sheet.visuals:
            if visual.id in seen:
                raise SpecError(f"{name}.yaml: the id {visual.id!r} is taken by {seen[visual.id]}; choose another")
            seen[visual.id] = f"{name}.yaml"
        sheets.append(sheet)
    for name in top.filters:
        _named("dashboard.yaml: filters", "field", name, data_sets["events"].fields)
    return Dashboard(top.title, tuple(top.filters), data_sets, tuple(sheets))


_T = TypeVar("_T")


def _read(path: Path, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), kind)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise SpecError(f"{path.name}: {' '.join(str(error).split())}") from error


def _data_set(name: str, node: _DataSetNode) -> DataSet:
    measures = {}
    for key, measure in node.measures.items():
        if (measure.sum is None) == (measure.max is None):
            raise SpecError(f"dashboard.yaml: {name}: the measure {key} needs either sum or max")
        aggregate: Literal["sum", "max"] = "max" if measure.sum is None else "sum"
        measures[key] = Measure(key, measure.title, measure.sum or measure.max or "", aggregate, measure.unit)
    fields = {key: Field(key, field.title, field.sql, field.tones) for key, field in node.fields.items()}
    return DataSet(name, node.source, node.sql, fields, measures)


def _sheet(name: str, node: _SheetNode, data_sets: Mapping[str, DataSet]) -> Sheet:
    rows = []
    for row in node.rows:
        visuals = tuple(_visual(f"{name}.yaml", v, data_sets, GRID // len(row.visuals)) for v in row.visuals)
        if sum(visual.width for visual in visuals) > GRID:
            raise SpecError(f"{name}.yaml: the row of {visuals[0].id} is wider than {GRID} columns")
        rows.append(Row(row.height, visuals))
    return Sheet(name, node.title, tuple(rows))


def _visual(file: str, node: _VisualNode, data_sets: Mapping[str, DataSet], width: int) -> Visual:
    place = f"{file}: {node.id}"
    data_set = _named(place, "data set", node.data_set, data_sets)

    def field(name: str) -> Field:
        return _named(place, "field", name, data_set.fields)

    x = [node.x] if isinstance(node.x, str) else node.x
    timed = x == [TIME]
    needs = {
        "kpi": ("no fields", not x and node.color is None),
        "line": (f"x: {TIME}", timed),
        "column": (f"x: {TIME}", timed),
        "bar": ("one field as x", len(x) == 1 and not timed),
        "heatmap": (f"{TIME} or a field as x, and color", len(x) == 1 and node.color is not None),
        "table": ("fields as x, and no color", bool(x) and not timed and node.color is None),
    }
    what, met = needs[node.kind]
    if not met:
        raise SpecError(f"{place}: a {node.kind} takes {what}")
    names = [*([node.measure] if node.measure else []), *node.measures]
    if not names or (len(names) > 1 and node.kind != "table"):
        raise SpecError(f"{place}: a {node.kind} takes {'measures' if node.kind == 'table' else 'one measure'}")
    measures = tuple(_named(place, "measure", name, data_set.measures) for name in names)
    if measures[0].aggregate != "sum":
        raise SpecError(f"{place}: the first measure ranks the values and must be a sum, not {measures[0].name}")
    return Visual(
        id=node.id,
        kind=node.kind,
        title=node.title or measures[0].title,
        data_set=data_set,
        timed=timed,
        x=() if timed else tuple(field(name) for name in x),
        color=None if node.color is None else field(node.color),
        measures=measures,
        where=tuple((field(name), () if v == "present" else tuple(v)) for name, v in node.where.items()),
        limit=node.limit,
        width=node.width or width,
        note=node.note,
    )


def _named(place: str, kind: str, name: str, known: Mapping[str, _T]) -> _T:
    if name in known:
        return known[name]
    raise SpecError(f"{place}: there is no {kind} {name!r}; {_hint(name, known)}")


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
