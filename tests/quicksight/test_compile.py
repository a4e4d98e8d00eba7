"""The compiled dashboard: botocore's model and cfn-lint accept it, all that it refers to is there, no visual is lost."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from cfnlint.api import lint

from runtime.quicksight.compile import ACTIONS, LIMIT_BYTES, Kind, data_sets, load, template
from runtime.quicksight.definition import definition
from runtime.quicksight.spec import Visual
from tests.quicksight.integrity import breaks, wells
from tests.quicksight.model import mistakes, shape

BOARD = load()
SETS = data_sets(BOARD, {"parquettrails": "parquettrails", "ledger": "ledger"})
COLUMNS = {name: dict(made.columns) for name, made in SETS.items()}
MADE = definition(BOARD, dict.fromkeys(SETS, "arn:aws:quicksight:eu-central-1:111122223333:dataset/x"), days=90)
SEC, ALL = (f"arn:aws:quicksight:us-east-1:111122223333:group/default/{name}" for name in ("sec", "all"))
KINDS: tuple[Kind, ...] = ("analysis", "dashboard")
Change = Callable[[dict[str, Any]], Any]


def changed(change: Change) -> dict[str, Any]:
    """The definition with one planted mistake."""
    made = deepcopy(MADE)
    change(made)
    return made


def sheet(made: dict[str, Any], name: str = "overview") -> dict[str, Any]:
    return next(s for s in made["Sheets"] if s["SheetId"] == f"sheet-{name}")


def visual(made: dict[str, Any], name: str) -> dict[str, Any]:
    found = [node for s in made["Sheets"] for v in s["Visuals"] for node in v.values() if node["VisualId"] == name]
    return found[0]


def group(made: dict[str, Any], name: str) -> dict[str, Any]:
    return next(g for g in made["FilterGroups"] if g["FilterGroupId"] == name)


def test_the_definition_is_the_models() -> None:
    """Types, keys, enums, patterns and lengths, for dashboard and analysis."""
    for name in ("DashboardVersionDefinition", "AnalysisDefinition"):
        assert list(mistakes(shape(name), MADE)) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m: sheet(m).update(SheetId="a b"), "'a b' is not [\\w\\-]+"),
        (lambda m: sheet(m).update(Nmae="x"), "unknown Nmae"),
        (lambda m: visual(m, "addresses")["ChartConfiguration"].update(Orientation="ACROSS"), "'ACROSS' is none of"),
        (lambda m: visual(m, "addresses").pop("VisualId"), "lacks VisualId"),
        (lambda m: sheet(m)["Visuals"][0].update(TableVisual={"VisualId": "x"}), "instead of one"),
        (lambda m: m.update(Sheets={}), "dict instead of list"),
        (lambda m: visual(m, "events").update(VisualId="x" * 513), "513 is more than 512"),
        (lambda m: sheet(m)["Layouts"][0]["Configuration"]["GridLayout"]["Elements"][0].update(ColumnSpan=37), "37 is more"),
        (lambda m: sheet(m)["Layouts"][0]["Configuration"]["GridLayout"]["Elements"][0].update(ColumnSpan="3"), "str instead"),
    ],
)  # fmt: skip
def test_the_walk_along_the_model_sees(change: Change, sentence: str) -> None:
    """Each kind of mistake, planted once; some of them botocore's own validator passes over."""
    found = list(mistakes(shape("DashboardVersionDefinition"), changed(change)))
    assert any(sentence in mistake for mistake in found), found


def test_all_that_is_referred_to_is_there() -> None:
    """Columns, fields, filters, controls, layout; unique ids; no overlap."""
    assert list(breaks(MADE, COLUMNS)) == []


def _column(node: dict[str, Any]) -> dict[str, Any]:
    return next(iter(wells(node).values()))[1]["Column"]


def _elements(made: dict[str, Any], layouts: str = "Layouts") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sheet(made)[layouts][0]["Configuration"]["GridLayout"]["Elements"]
    return found


def _control(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = sheet(made)["FilterControls"][0]["CrossSheet"]
    return found


def _sort(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = visual(made, "addresses")["ChartConfiguration"]["SortConfiguration"]["CategorySort"][0]
    return found["FieldSort"]


def _target(made: dict[str, Any], name: str) -> None:
    operation = visual(made, "addresses")["Actions"][0]["ActionOperations"][0]["FilterOperation"]
    operation["TargetVisualsConfiguration"]["SameSheetTargetVisualConfiguration"]["TargetVisuals"][0] = name


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m: m["DataSetIdentifierDeclarations"].pop(0), "no data set events"),
        (lambda m: _column(visual(m, "addresses")).update(ColumnName="nowhere"), "no column events.nowhere"),
        (lambda m: _column(visual(m, "addresses")).update(ColumnName="events"), "addresses.address is INTEGER"),
        (lambda m: _column(visual(m, "events")).update(ColumnName="region"), "events.events is STRING"),
        (lambda m: sheet(m).update(SheetId="sheet-errors"), "twice the id sheet-errors"),
        (lambda m: visual(m, "events").update(VisualId="addresses"), "twice the id addresses"),
        (lambda m: _sort(m).update(FieldId="addresses.nothing"), "addresses: no field addresses.nothing"),
        (lambda m: _control(m).update(SourceFilterId="none"), "overview: no filter none"),
        (lambda m: _elements(m).pop(), "is in no layout"),
        (lambda m: _elements(m, "SheetControlLayouts").pop(), "is in no layout"),
        (lambda m: _elements(m)[0].update(ElementId="ghost"), "no element ghost"),
        (lambda m: _elements(m)[1].update(ColumnIndex=_elements(m)[0]["ColumnIndex"]), "elements overlap"),
        (lambda m: _elements(m)[0].update(RowSpan=22), "is too large"),
        (lambda m: _target(m, "ghost"), "addresses: no target ghost"),
        (lambda m: group(m, "events-region-filter")["Filters"][0]["CategoryFilter"].pop("DefaultFilterControlConfiguration"),
         "events-region: a filter on all sheets needs a default control"),
        (lambda m: [s["FilterControls"].clear() for s in m["Sheets"]], "events-day: no sheet has its control"),
        (lambda m: m["FilterGroups"][-1]["ScopeConfiguration"]["SelectedSheets"]["SheetVisualScopingConfigurations"][0]
         .update(VisualIds=["ghost"]), "no visual {'ghost'}"),
        (lambda m: m["FilterGroups"][-1]["ScopeConfiguration"]["SelectedSheets"]["SheetVisualScopingConfigurations"][0]
         .update(SheetId="ghost"), "no sheet ghost"),
    ],
)  # fmt: skip
def test_the_check_of_references_sees(change: Change, sentence: str) -> None:
    """What no schema says, planted once each."""
    found = list(breaks(changed(change), COLUMNS))
    assert any(sentence in broken for broken in found), found


@pytest.mark.parametrize("drawn", BOARD.visuals, ids=lambda drawn: drawn.id)
def test_every_visual_of_the_page_is_in_it(drawn: Visual) -> None:
    """With its title, its fields and measures in their order, its sums and maxima, and what it is restricted to."""
    made = visual(MADE, drawn.id)
    assert made["Title"]["FormatText"]["PlainText"] == drawn.title
    fields = wells(made)
    days = {f"{drawn.id}.day"} if drawn.timed else set()
    assert set(fields) == {f"{drawn.id}.{part.name}" for part in (*drawn.fields, *drawn.measures)} | days
    measured = {name: node for name, (kind, node) in fields.items() if kind.endswith("MeasureField")}
    assert {
        name.rpartition(".")[2]: node["AggregationFunction"]
        if isinstance(node["AggregationFunction"], str)
        else node["AggregationFunction"]["SimpleNumericalAggregation"]
        for name, node in measured.items()
    } == {measure.name: measure.aggregate.upper() for measure in drawn.measures}
    only = {}
    for g in MADE["FilterGroups"]:
        for scope in g["ScopeConfiguration"].get("SelectedSheets", {}).get("SheetVisualScopingConfigurations", []):
            if scope["VisualIds"] == [drawn.id]:
                found = g["Filters"][0]["CategoryFilter"]
                listed = found["Configuration"]["FilterListConfiguration"]
                only[found["Column"]["ColumnName"]] = (tuple(listed.get("CategoryValues", ())), listed["NullOption"])
    assert only == {field.name: (values, "NON_NULLS_ONLY") for field, values in drawn.where}


def linted(made: bytes) -> list[str]:
    """What cfn-lint finds wrong, in a Region that has the resource; hints on style aside."""
    found = lint(made.decode(), regions=["eu-central-1"])
    return [str(match) for match in found if match.rule.severity != "informational"]


@pytest.mark.parametrize("kind", KINDS)
def test_templates(kind: Kind) -> None:
    """Below the limit by URL; equal bytes for equal arguments; cfn-lint has nothing to say."""
    made = template(kind, BOARD, owners=[SEC], readers=[ALL])
    assert len(made) < LIMIT_BYTES
    assert made == template(kind, BOARD, owners=[SEC], readers=[ALL])
    assert linted(made) == []


def test_cfn_lint_sees_a_mistake() -> None:
    """It knows the resource: an enum of the definition is checked."""
    made = template("dashboard", BOARD, owners=[SEC]).replace(b'"HORIZONTAL"', b'"ACROSS"')
    assert any("ACROSS" in sentence for sentence in linted(made))


def test_who_may_what() -> None:
    """Owners may change, readers of a dashboard look; an analysis has no readers; who is both owns."""
    permissions = {
        kind: {p["Principal"]: p["Actions"] for p in _properties(kind, [SEC], [SEC, ALL])["Permissions"]}
        for kind in KINDS
    }
    assert permissions == {
        "analysis": {SEC: list(ACTIONS["analysis", "owner"])},
        "dashboard": {SEC: list(ACTIONS["dashboard", "owner"]), ALL: list(ACTIONS["dashboard", "reader"])},
    }
    assert "Permissions" not in _properties("dashboard", [], [])
    assert set(ACTIONS["dashboard", "reader"]) < set(ACTIONS["dashboard", "owner"])
    assert all(not a.split(":")[1].startswith(("Update", "Delete")) for a in ACTIONS["dashboard", "reader"])


def _properties(kind: Kind, owners: list[str], readers: list[str]) -> dict[str, Any]:
    made = json.loads(template(kind, BOARD, owners=owners, readers=readers))
    found: dict[str, Any] = made["Resources"][kind.capitalize()]["Properties"]
    return found


def test_regions_without_dashboards_are_those_that_cfn_lint_knows() -> None:
    """A Region is refused exactly where CloudFormation has no dashboards."""
    from cfnlint.helpers import REGIONS
    from cfnlint.schema._exceptions import ResourceNotFoundError
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    from components.rules import NO_DASHBOARDS

    def lacks(region: str) -> bool:
        try:
            PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, "AWS::QuickSight::Dashboard")
        except ResourceNotFoundError:
            return True
        return False

    assert {region for region in REGIONS if lacks(region)} == NO_DASHBOARDS
