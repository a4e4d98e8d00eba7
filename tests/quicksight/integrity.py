"""Whether all that a definition refers to is there: what no schema says, and QuickSight finds when it is too late."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any


def _nodes(value: Any) -> Iterator[dict]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _nodes(item)


def _all(value: Any, key: str) -> list[Any]:
    return [node[key] for node in _nodes(value) if key in node]


def wells(visual: dict) -> dict[str, tuple[str, dict]]:
    """Field id -> (kind of field, its node) of a visual's field wells."""
    kinds = ("CategoricalDimensionField", "DateDimensionField", "NumericalMeasureField", "DateMeasureField")
    found = _all(visual, "FieldWells")
    return {node[k]["FieldId"]: (k, node[k]) for node in _nodes(found) for k in kinds if k in node}


def breaks(definition: dict, columns: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Everything that does not hold. `columns`: data set -> column -> type."""
    declared = [d["Identifier"] for d in definition["DataSetIdentifierDeclarations"]]
    for node in _nodes(definition):
        if "ColumnName" in node:
            if node["DataSetIdentifier"] not in declared:
                yield f"no data set {node['DataSetIdentifier']}"
            elif node["ColumnName"] not in columns[node["DataSetIdentifier"]]:
                yield f"no column {node['DataSetIdentifier']}.{node['ColumnName']}"
    if len(definition["Sheets"]) > 20:
        yield "more than 20 sheets"
    groups = definition["FilterGroups"]
    filters = {f["FilterId"]: (f, group) for group in groups for node in group["Filters"] for f in node.values()}
    ids = [sheet["SheetId"] for sheet in definition["Sheets"]]
    for key in ("VisualId", "FilterControlId", "CustomActionId", "FilterGroupId", "FilterId"):
        ids += _all(definition, key)
    ids += [fid for sheet in definition["Sheets"] for v in sheet["Visuals"] for fid in _field_ids(v)]
    yield from (f"twice the id {i}" for i, count in Counter(ids).items() if count > 1)
    visuals_of = {s["SheetId"]: set(_all(s["Visuals"], "VisualId")) for s in definition["Sheets"]}
    data_sets = {
        node["VisualId"]: {field["Column"]["DataSetIdentifier"] for _, field in wells(node).values()}
        for s in definition["Sheets"]
        for v in s["Visuals"]
        for node in v.values()
    }
    for group in groups:
        for scope in _all(group, "SheetVisualScopingConfigurations"):
            for part in scope:
                if part["SheetId"] not in visuals_of:
                    yield f"{group['FilterGroupId']}: no sheet {part['SheetId']}"
                elif missing := set(part.get("VisualIds", ())) - visuals_of[part["SheetId"]]:
                    yield f"{group['FilterGroupId']}: no visual {missing}"
    used_sources = set(_all(definition["Sheets"], "SourceFilterId"))
    for name, (made, group) in filters.items():
        across = "AllSheets" in group["ScopeConfiguration"]
        if across != ("DefaultFilterControlConfiguration" in made):
            yield f"{name}: a filter on all sheets needs a default control, and no other may have one"
        if across and name not in used_sources:
            yield f"{name}: no sheet has its control"
    for sheet in definition["Sheets"]:
        yield from _sheet(sheet, filters, visuals_of[sheet["SheetId"]], data_sets, columns)


def _field_ids(visual: dict) -> list[str]:
    kinds = ("CategoricalDimensionField", "DateDimensionField", "NumericalMeasureField", "DateMeasureField")
    return [node[k]["FieldId"] for node in _nodes(_all(visual, "FieldWells")) for k in kinds if k in node]


def _sheet(sheet: dict, filters: dict, visuals: set[str], data_sets: dict, columns: Mapping) -> Iterator[str]:
    name = sheet["SheetId"]
    if len(sheet["Visuals"]) > 75:
        yield f"{name}: more than 75 visuals"
    controls = set()
    for control in sheet["FilterControls"]:
        for kind, node in control.items():
            controls.add(node["FilterControlId"])
            source = filters.get(node["SourceFilterId"])
            if source is None:
                yield f"{name}: no filter {node['SourceFilterId']}"
            elif (kind == "CrossSheet") != ("AllSheets" in source[1]["ScopeConfiguration"]):
                yield f"{name}: {node['FilterControlId']}: its filter is of another scope"
    for layouts, wanted in (("Layouts", visuals), ("SheetControlLayouts", controls)):
        places = sheet[layouts][0]["Configuration"]["GridLayout"]["Elements"]
        found = {place["ElementId"] for place in places}
        yield from (f"{name}: {i} is in no layout" for i in sorted(wanted - found))
        yield from (f"{name}: no element {i}" for i in sorted(found - wanted))
        cells: Counter = Counter()
        for p in places:
            if p["ColumnIndex"] + p["ColumnSpan"] > 36 or p["RowSpan"] > 21:
                yield f"{name}: {p['ElementId']} is too large"
            rows = range(p["RowIndex"], p["RowIndex"] + p["RowSpan"])
            cells.update((r, c) for r in rows for c in range(p["ColumnIndex"], p["ColumnIndex"] + p["ColumnSpan"]))
        if cells and max(cells.values()) > 1:
            yield f"{name}: {layouts}: elements overlap"
    for visual in sheet["Visuals"]:
        for node in visual.values():
            fields = wells(node)
            of = data_sets[node["VisualId"]]
            if len(of) != 1:
                yield f"{node['VisualId']}: {len(of)} data sets"
            for used in _all(node["ChartConfiguration"], "FieldId"):
                if used not in fields:
                    yield f"{node['VisualId']}: no field {used}"
            for kind, field in fields.values():
                column = field["Column"]
                is_type = columns.get(column["DataSetIdentifier"], {}).get(column["ColumnName"])
                fits = {"CategoricalDimensionField": {"STRING"}, "NumericalMeasureField": {"INTEGER", "DECIMAL"}}
                if is_type and is_type not in fits.get(kind, {"DATETIME"}):
                    yield f"{node['VisualId']}: {field['FieldId']} is {is_type}"
            for targets in _all(node.get("Actions", []), "TargetVisuals"):
                for target in targets:
                    if target not in visuals or data_sets[target] != of:
                        yield f"{node['VisualId']}: no target {target}"
