"""A visual as a Vega-Lite specification; the page fills in its rows, size, colours and theme.

Rows are `{x, c, v}`: the label or time of the x value, that of the colour, and the measure. `domain` and `range` of the
colours and `sort` of the labels are written by the page, since they change with the filters.
"""

from typing import Any

from runtime.quicksight.spec import Measure, Visual

_FORMATS = {"count": ",", "bytes": ".3s", "seconds": ",", "time": ","}


def vega_lite(visual: Visual) -> dict[str, Any] | None:
    """The specification without data; None for what the page draws itself, a table or a number."""
    makers = {"line": _over_time, "column": _over_time, "bar": _bars, "heatmap": _heatmap}
    made = makers.get(visual.kind)
    if made is None:
        return None
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"name": "rows", "values": []},
        "autosize": {"type": "fit", "contains": "padding"},
        "background": None,
        **made(visual, visual.measures[0]),
    }


def _value() -> dict[str, Any]:
    return {
        "field": "v",
        "type": "quantitative",
        "title": None,
        "axis": {"format": "~s", "tickCount": 4, "domain": False},
    }


def _tooltip(visual: Visual, measure: Measure, *, timed: bool) -> list[dict[str, Any]]:
    x = {"field": "label", "type": "nominal", "title": "Time" if timed else visual.x[0].title}
    color = [{"field": "c", "type": "nominal", "title": visual.color.title}] if visual.color else []
    return [
        x,
        *color,
        {"field": "v", "type": "quantitative", "title": measure.title, "format": _FORMATS[measure.unit]},
    ]


def _color(visual: Visual) -> dict[str, Any]:
    if visual.color is None:
        return {"value": "accent"}
    return {
        "field": "c",
        "type": "nominal",
        "scale": {"domain": [], "range": []},
        "legend": {"title": None, "orient": "top", "symbolType": "square"},
    }


def _time(visual: Visual) -> dict[str, Any]:
    return {
        "field": "x",
        "type": "temporal",
        "title": None,
        **({} if visual.kind == "line" else {"bin": "binned"}),
        "scale": {"type": "utc"},
        "axis": {"grid": False, "labelOverlap": True, "tickCount": 6},
    }


def _over_time(visual: Visual, measure: Measure) -> dict[str, Any]:
    line = visual.kind == "line"
    encoding: dict[str, Any] = {
        "x": _time(visual),
        "y": _value() | ({} if line else {"stack": "zero"}),
        "color": _color(visual),
        "tooltip": _tooltip(visual, measure, timed=True),
    }
    if not line:
        encoding["x2"] = {"field": "x2"}
        encoding["order"] = {"field": "o", "type": "quantitative"}
    mark: dict[str, Any] = {"type": "bar", "binSpacing": 1, "cursor": "pointer"}
    if line:
        mark = {"type": "line", "strokeWidth": 2, "point": {"size": 18}, "interpolate": "linear", "cursor": "pointer"}
    return {"mark": mark, "encoding": encoding}


def _bars(visual: Visual, measure: Measure) -> dict[str, Any]:
    y: dict[str, Any] = {
        "field": "x",
        "type": "nominal",
        "title": None,
        "sort": [],
        "scale": {"paddingInner": 0.25},
        "axis": {"ticks": False, "domain": False, "grid": False},
    }
    value = _value()
    bars = {
        "mark": {"type": "bar", "cornerRadiusEnd": 2, "cursor": "pointer"},
        "encoding": {
            "y": y,
            "x": {**value, "axis": {**value["axis"], "labelBound": True}, "stack": "zero"},
            "color": _color(visual),
            "order": {"field": "o", "type": "quantitative"},
            "tooltip": _tooltip(visual, measure, timed=False),
        },
    }
    totals = {
        "transform": [{"filter": "isValid(datum.total)"}],
        "mark": {"type": "text", "align": "left", "dx": 4, "fontSize": 11},
        "encoding": {
            "y": y,
            "x": {"field": "total", "type": "quantitative"},
            "text": {"field": "total_text", "type": "nominal"},
        },
    }
    return {"layer": [bars, totals]}


def _heatmap(visual: Visual, measure: Measure) -> dict[str, Any]:
    x = (
        _time(visual)
        if visual.timed
        else {
            "field": "x",
            "type": "nominal",
            "title": None,
            "sort": [],
            "axis": {"labelAngle": -35, "labelLimit": 110, "ticks": False, "domain": False},
        }
    )
    cell = {"x2": {"field": "x2"}} if visual.timed else {}
    assert visual.color is not None
    return {
        "mark": {"type": "rect", "cursor": "pointer"},
        "encoding": {
            "x": x,
            **cell,
            "y": {
                "field": "c",
                "type": "nominal",
                "title": None,
                "sort": [],
                "axis": {"labelLimit": 190, "ticks": False, "domain": False},
            },
            "color": {
                "field": "v",
                "type": "quantitative",
                "scale": {"type": "symlog", "range": []},
                "legend": {"title": None, "format": "~s", "gradientLength": 90},
            },
            "tooltip": _tooltip(visual, measure, timed=visual.timed),
        },
    }
