"""The dashboard spec as the definition of a QuickSight analysis or dashboard: a dict in the API's own keys.

https://docs.aws.amazon.com/quicksight/latest/APIReference/API_DashboardVersionDefinition.html
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runtime.quicksight.data_sets import DAY
from runtime.quicksight.spec import GRID, Dashboard, DataSet, Field, Measure, Row, Sheet, SpecError, Visual

Node = dict[str, Any]

MOST_VISUALS, MOST_SHEETS, TALLEST = 75, 20, 21
COLOURS = 9  # so many values have a colour of their own, as on the page; the rest is "other"
TONES = {"good": "#2F8F5B", "calm": "#3565C4", "warn": "#D9822B", "bad": "#C2453C", "plain": "#9AA3B2"}
_CONTROL_WIDTH = 3
_HEAT = ("#EAF0FB", "#1D3F82")
_AGGREGATE = {"sum": "SUM", "max": "MAX"}
_KINDS = {
    "kpi": "KPIVisual",
    "line": "LineChartVisual",
    "column": "BarChartVisual",
    "bar": "BarChartVisual",
    "heatmap": "HeatMapVisual",
    "table": "TableVisual",
}


def definition(dashboard: Dashboard, arns: Mapping[str, Any], *, days: int) -> Node:
    """The definition. `arns`: data set -> its ARN, or what stands for one.

    The last `days` are shown until a reader chooses others. Raises SpecError for what the page can draw
    and QuickSight cannot.
    """
    if len(dashboard.sheets) > MOST_SHEETS:
        raise SpecError(f"dashboard.yaml: QuickSight has at most {MOST_SHEETS} sheets, not {len(dashboard.sheets)}")
    used = [node for node in dashboard.data_sets.values() if any(v.data_set is node for v in dashboard.visuals)]
    return {
        "DataSetIdentifierDeclarations": [{"Identifier": n.name, "DataSetArn": arns[n.name]} for n in used],
        "Sheets": [_sheet(sheet, dashboard) for sheet in dashboard.sheets],
        "FilterGroups": [
            *(_dashboard_filter(node, field, days) for node in used for field in _filters(node, dashboard)),
            *(group for sheet in dashboard.sheets for visual in sheet.visuals for group in _where(sheet, visual)),
        ],
        "ColumnConfigurations": [
            {"Column": _column(node, field.name), "ColorsConfiguration": {"CustomColors": _tones(field)}}
            for node in used
            for field in node.fields.values()
            if field.tones
        ],
    }


def _sheet(sheet: Sheet, dashboard: Dashboard) -> Node:
    if len(sheet.visuals) > MOST_VISUALS:
        raise SpecError(f"{sheet.id}.yaml: QuickSight has at most {MOST_VISUALS} visuals a sheet; make another sheet")
    shown = [node for node in dashboard.data_sets.values() if any(v.data_set is node for v in sheet.visuals)]
    filters = [(node, field) for node in shown for field in _filters(node, dashboard)]
    controls = [
        {"CrossSheet": {"FilterControlId": f"{sheet.id}-{_filter_id(*f)}", "SourceFilterId": _filter_id(*f)}}
        for f in filters
    ]
    return {
        "SheetId": f"sheet-{sheet.id}",
        "Name": sheet.title,
        "ContentType": "INTERACTIVE",
        "Visuals": [_visual(visual, sheet) for visual in sheet.visuals],
        "FilterControls": controls,
        "Layouts": [_grid(_places(sheet), CanvasSizeOptions=_canvas())],
        "SheetControlLayouts": [_grid(_control_places(c["CrossSheet"]["FilterControlId"] for c in controls))],
    }


def _grid(elements: Sequence[Node], **more: Any) -> Node:
    return {"Configuration": {"GridLayout": {"Elements": list(elements), **more}}}


def _canvas() -> Node:
    return {"ScreenCanvasSizeOptions": {"ResizeOption": "FIXED", "OptimizedViewPortWidth": "1600px"}}


def _places(sheet: Sheet) -> list[Node]:
    places: list[Node] = []
    top = 0
    for row in sheet.rows:
        if row.height > TALLEST:
            raise SpecError(f"{sheet.id}.yaml: {row.visuals[0].id}: QuickSight's rows are at most {TALLEST} high")
        places += _row_places(row, top)
        top += row.height
    return places


def _row_places(row: Row, top: int) -> Iterable[Node]:
    left = 0
    for visual in row.visuals:
        yield _place(visual.id, "VISUAL", left, top, visual.width, row.height)
        left += visual.width


def _control_places(controls: Iterable[str]) -> list[Node]:
    fit = GRID // _CONTROL_WIDTH
    return [
        _place(control, "FILTER_CONTROL", n % fit * _CONTROL_WIDTH, n // fit, _CONTROL_WIDTH, 1)
        for n, control in enumerate(controls)
    ]


def _place(element: str, kind: str, left: int, top: int, width: int, height: int) -> Node:
    return {
        "ElementId": element,
        "ElementType": kind,
        "ColumnIndex": left,
        "ColumnSpan": width,
        "RowIndex": top,
        "RowSpan": height,
    }


def _visual(visual: Visual, sheet: Sheet) -> Node:
    makers = {"kpi": _kpi, "line": _line, "column": _bars, "bar": _bars, "heatmap": _heatmap, "table": _table}
    subtitle = {"Visibility": "HIDDEN"}
    if visual.note:
        subtitle = {"Visibility": "VISIBLE", "FormatText": {"PlainText": visual.note}}  # type: ignore[dict-item]
    made: Node = {
        "VisualId": visual.id,
        "Title": {"Visibility": "VISIBLE", "FormatText": {"PlainText": visual.title}},
        "Subtitle": subtitle,
        "ChartConfiguration": makers[visual.kind](visual),
    }
    # A click filters the sheet's other visuals of the same data set: another one's need not have the field.
    others = [v.id for v in sheet.visuals if v.data_set is visual.data_set and v is not visual]
    if visual.kind != "kpi" and others:
        made["Actions"] = [_click(visual, others)]
    return {_KINDS[visual.kind]: made}


def _click(visual: Visual, others: list[str]) -> Node:
    return {
        "CustomActionId": f"{visual.id}-click",
        "Name": "Filter by this",
        "Status": "ENABLED",
        "Trigger": "DATA_POINT_CLICK",
        "ActionOperations": [
            {
                "FilterOperation": {
                    "SelectedFieldsConfiguration": {"SelectedFieldOptions": "ALL_FIELDS"},
                    "TargetVisualsConfiguration": {"SameSheetTargetVisualConfiguration": {"TargetVisuals": others}},
                }
            }
        ],
    }


def _kpi(visual: Visual) -> Node:
    return {"FieldWells": {"Values": _values(visual)}}


def _line(visual: Visual) -> Node:
    return {
        "FieldWells": {"LineChartAggregatedFieldWells": {"Category": _x(visual), **_values_and_colors(visual)}},
        "SortConfiguration": _limit("ColorItemsLimitConfiguration", _colours(visual)) if visual.color else {},
        "Type": "LINE",
        "XAxisLabelOptions": _hidden(),
        "PrimaryYAxisLabelOptions": _hidden(),
        "Tooltip": _tooltip(visual),
    }


def _bars(visual: Visual) -> Node:
    largest = [{"FieldSort": {"FieldId": _id(visual, visual.measures[0]), "Direction": "DESC"}}]
    sort: Node = {}
    if not visual.timed:
        sort |= {"CategorySort": largest} | _limit("CategoryItemsLimit", visual.limit)
    if visual.color:
        sort |= {"ColorSort": largest} | _limit("ColorItemsLimit", _colours(visual))
    return {
        "FieldWells": {"BarChartAggregatedFieldWells": {"Category": _x(visual), **_values_and_colors(visual)}},
        "SortConfiguration": sort,
        "Orientation": "VERTICAL" if visual.kind == "column" else "HORIZONTAL",
        "BarsArrangement": "STACKED",
        "CategoryLabelOptions": _hidden(),
        "ValueLabelOptions": _hidden(),
        "ColorLabelOptions": _hidden(),
        "Tooltip": _tooltip(visual),
    }


def _heatmap(visual: Visual) -> Node:
    assert visual.color is not None
    largest = [{"FieldSort": {"FieldId": _id(visual, visual.measures[0]), "Direction": "DESC"}}]
    sort: Node = {"HeatMapRowSort": largest} | _limit("HeatMapRowItemsLimitConfiguration", visual.limit)
    if visual.timed:
        sort["HeatMapColumnSort"] = [{"FieldSort": {"FieldId": f"{visual.id}.{DAY}", "Direction": "ASC"}}]
    else:
        sort |= {"HeatMapColumnSort": largest} | _limit("HeatMapColumnItemsLimitConfiguration", visual.limit)
    wells = {"Rows": [_dimension(visual, visual.color)], "Columns": _x(visual), "Values": _values(visual)}
    return {
        "FieldWells": {"HeatMapAggregatedFieldWells": wells},
        "SortConfiguration": sort,
        "RowLabelOptions": _hidden(),
        "ColumnLabelOptions": _hidden(),
        "ColorScale": {"Colors": [{"Color": color} for color in _HEAT], "ColorFillType": "GRADIENT"},
        "Tooltip": _tooltip(visual),
    }


def _table(visual: Visual) -> Node:
    labels = [{"FieldId": _id(visual, part), "CustomLabel": part.title} for part in _parts(visual.x, visual.measures)]
    rank = {"FieldId": _id(visual, visual.measures[0]), "Direction": "DESC"}
    return {
        "FieldWells": {
            "TableAggregatedFieldWells": {
                "GroupBy": [_dimension(visual, field) for field in visual.x],
                "Values": _values(visual),
            }
        },
        "SortConfiguration": {
            "RowSort": [{"FieldSort": rank}],
            # A table has no "other": it shows so many rows a page.
            "PaginationConfiguration": {"PageSize": visual.limit, "PageNumber": 1},
        },
        "FieldOptions": {"SelectedFieldOptions": labels},
    }


def _parts(fields: Iterable[Field], measures: Iterable[Measure]) -> list[Field | Measure]:
    return [*fields, *measures]


def _colours(visual: Visual) -> int:
    return min(visual.limit, COLOURS) if visual.timed else COLOURS


def _limit(key: str, count: int) -> Node:
    return {key: {"ItemsLimit": count, "OtherCategories": "INCLUDE"}}


def _hidden() -> Node:
    return {"Visibility": "HIDDEN"}


def _tooltip(visual: Visual) -> Node:
    labels = [(f"{visual.id}.{DAY}", "Day")] if visual.timed else []
    labels += [(_id(visual, part), part.title) for part in _parts(visual.fields, visual.measures)]
    items = [{"FieldTooltipItem": {"FieldId": n, "Label": label, "Visibility": "VISIBLE"}} for n, label in labels]
    return {
        "TooltipVisibility": "VISIBLE",
        "SelectedTooltipType": "DETAILED",
        "FieldBasedTooltip": {
            "AggregationVisibility": "HIDDEN",
            "TooltipTitleType": "PRIMARY_VALUE",
            "TooltipFields": items,
        },
    }


def _x(visual: Visual) -> list[Node]:
    if visual.timed:
        return [_day(visual)]
    return [_dimension(visual, field) for field in visual.x]


def _day(visual: Visual) -> Node:
    column = _column(visual.data_set, DAY)
    return {"DateDimensionField": {"FieldId": f"{visual.id}.{DAY}", "Column": column, "DateGranularity": "DAY"}}


def _dimension(visual: Visual, field: Field) -> Node:
    if field.name == DAY:
        return _day(visual)
    column = _column(visual.data_set, field.name)
    return {"CategoricalDimensionField": {"FieldId": _id(visual, field), "Column": column}}


def _values_and_colors(visual: Visual) -> Node:
    wells: Node = {"Values": _values(visual)}
    if visual.color:
        wells["Colors"] = [_dimension(visual, visual.color)]
    return wells


def _values(visual: Visual) -> list[Node]:
    return [_measure(visual, measure) for measure in visual.measures]


def _measure(visual: Visual, measure: Measure) -> Node:
    common = {"FieldId": _id(visual, measure), "Column": _column(visual.data_set, measure.name)}
    aggregate = _AGGREGATE[measure.aggregate]
    if measure.unit == "time":
        shown = {"FormatConfiguration": {"DateTimeFormat": "YYYY-MM-DD HH:mm:ss"}}
        return {"DateMeasureField": {**common, "AggregationFunction": aggregate, **shown}}
    return {
        "NumericalMeasureField": {
            **common,
            "AggregationFunction": {"SimpleNumericalAggregation": aggregate},
            "FormatConfiguration": {"FormatConfiguration": {"NumberDisplayFormatConfiguration": _number(measure)}},
        }
    }


def _number(measure: Measure) -> Node:
    if measure.unit == "bytes":
        return {"NumberScale": "AUTO", "Suffix": " bytes", "DecimalPlacesConfiguration": {"DecimalPlaces": 1}}
    whole: Node = {
        "SeparatorConfiguration": {"ThousandsSeparator": {"Symbol": "COMMA", "Visibility": "VISIBLE"}},
        "DecimalPlacesConfiguration": {"DecimalPlaces": 0},
    }
    return whole | ({"Suffix": " s"} if measure.unit == "seconds" else {})


def _id(visual: Visual, part: Field | Measure) -> str:
    return f"{visual.id}.{part.name}"


def _column(node: DataSet, name: str) -> Node:
    return {"DataSetIdentifier": node.name, "ColumnName": name}


def _tones(field: Field) -> list[Node]:
    return [{"FieldValue": value, "Color": TONES[tone]} for value, tone in field.tones.items()]


def _filters(node: DataSet, dashboard: Dashboard) -> list[Field]:
    """The dashboard's filters that a data set has."""
    return [node.fields[name] for name in dashboard.filters if name in node.fields]


def _filter_id(node: DataSet, field: Field) -> str:
    return f"{node.name}-{field.name}"


def _dashboard_filter(node: DataSet, field: Field, days: int) -> Node:
    """A filter on all sheets. Its control on each is a `CrossSheet` one: QuickSight joins no other to such a scope."""
    common = {"FilterId": _filter_id(node, field), "Column": _column(node, field.name)}
    # Where two data sets have controls on a sheet, these say whose they are.
    title = field.title if node.name == "events" else f"{field.title} ({node.name})"

    def control(options: Node) -> Node:
        return {"DefaultFilterControlConfiguration": {"Title": title, "ControlOptions": options}}

    if field.name == DAY:
        made: Node = {
            "RelativeDatesFilter": {
                **common,
                "AnchorDateConfiguration": {"AnchorOption": "NOW"},
                "MinimumGranularity": "DAY",
                "TimeGranularity": "DAY",
                "RelativeDateType": "LAST",
                "RelativeDateValue": days,
                "NullOption": "ALL_VALUES",
                **control({"DefaultRelativeDateTimeOptions": {"CommitMode": "AUTO"}}),
            }
        }
    else:
        every = {"MatchOperator": "CONTAINS", "SelectAllOptions": "FILTER_ALL_VALUES", "NullOption": "ALL_VALUES"}
        made = {
            "CategoryFilter": {
                **common,
                "Configuration": {"FilterListConfiguration": every},
                **control({"DefaultDropdownOptions": {"Type": "MULTI_SELECT", "CommitMode": "AUTO"}}),
            }
        }
    return _group(f"{_filter_id(node, field)}-filter", made, {"AllSheets": {}})


def _where(sheet: Sheet, visual: Visual) -> Iterable[Node]:
    """Filters of one visual; groups of their own, since all groups must admit a row, and of a group's filters any."""
    for field, values in visual.where:
        admitted: Node = {"MatchOperator": "CONTAINS", "NullOption": "NON_NULLS_ONLY"}
        admitted |= {"CategoryValues": list(values)} if values else {"SelectAllOptions": "FILTER_ALL_VALUES"}
        made = {
            "CategoryFilter": {
                "FilterId": f"{visual.id}-where-{field.name}",
                "Column": _column(visual.data_set, field.name),
                "Configuration": {"FilterListConfiguration": admitted},
            }
        }
        scope = {"SheetId": f"sheet-{sheet.id}", "Scope": "SELECTED_VISUALS", "VisualIds": [visual.id]}
        yield _group(
            f"{visual.id}-only-{field.name}", made, {"SelectedSheets": {"SheetVisualScopingConfigurations": [scope]}}
        )


def _group(name: str, made: Node, scope: Node) -> Node:
    return {
        "FilterGroupId": name,
        "CrossDataset": "SINGLE_DATASET",
        "Status": "ENABLED",
        "ScopeConfiguration": scope,
        "Filters": [made],
    }
