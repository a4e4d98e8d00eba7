"""Draws the dashboard spec over a lake as one HTML file that needs nothing else: no network, no server, no eval.

What it shows was named by strangers: data travels as JSON with every `<` escaped and reaches the page as text only; the
page's policy lets no script run but its own two, and nothing be fetched.
"""

import base64
import csv
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from runtime.events.ledger import LEDGER
from runtime.local.inputs import InputError
from runtime.local.lake import LakeError
from runtime.local.page import charts, statement
from runtime.local.page.cubes import Coarseness, Cube, Cubes, axes_of, encoded, packed
from runtime.local.query import open_lake, said
from runtime.quicksight.spec import FOLDER as SPEC
from runtime.quicksight.spec import Dashboard, Field, Visual, load

LIMIT_BYTES = 5_000_000
SCRIPTS = ("cubes.js", "look.js", "visuals.js", "page.js")  # one script, from what is given to what is seen
# What is given up, step by step, while a page is too large: how many values have a name, then how fine time is.
COARSER = (
    Coarseness(),
    Coarseness(carried=0.5),
    Coarseness(carried=0.25),
    Coarseness("week", 0.25),
    Coarseness("month", 0.25),
    Coarseness("year", 0.25),
)


def render(lake: Path, output: Path, accounts: Path | None = None) -> bool:
    """Write the dashboard of a lake to `output`; False if it stands there already, made of the same.

    `accounts` is a CSV of id, name and OU that labels accounts. Raises InputError if that cannot be read, LakeError for
    a lake that cannot.
    """
    labels = {} if accounts is None else read_accounts(accounts)
    mark = f"<!-- made of {_state(lake, labels)} -->\n".encode()
    if output.is_file():
        with output.open("rb") as there:
            if there.read(len(mark)) == mark:
                return False
    page = _drawn(lake, labels)
    draft = output.with_name(output.name + ".draft")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(mark + page)
        draft.replace(output)
    except OSError as error:
        raise InputError(f"{output}: cannot be written ({error.strerror}); name another file with --page") from error
    finally:
        with suppress(OSError):
            draft.unlink()
    return True


def _state(lake: Path, labels: Mapping[str, str]) -> str:
    """Digest of all that a page is made of: the lake's runs, the labels, the spec and this program."""
    runs = sorted(path.name for path in (lake / LEDGER).glob("*.jsonl"))
    sources = [*Path(__file__).parent.iterdir(), *SPEC.glob("*.yaml")]
    made_by = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(sources) if path.is_file()]
    return hashlib.sha256(json.dumps([runs, labels, made_by, version("vl-convert-python")]).encode()).hexdigest()


def _drawn(lake: Path, labels: Mapping[str, str]) -> bytes:
    dashboard = load()
    try:
        with ThreadPoolExecutor(1) as aside, open_lake(lake) as connection:
            library = aside.submit(_library)  # some seconds, in which the cubes are made
            cubes = Cubes(connection, dashboard)
            for coarseness in COARSER:
                made = cubes.made(coarseness)
                data, blob = _data(dashboard, cubes, made, coarseness, labels)
                page = _page(data, blob, library.result())
                if len(page) <= LIMIT_BYTES:
                    break
    except duckdb.Error as error:
        cure = "try it with more memory, or more room in TMPDIR"
        raise LakeError(f"{lake}: no dashboard could be drawn ({said(error, lake)}); {cure}") from error
    return page


def read_accounts(path: Path) -> dict[str, str]:
    """Name of each account id in a CSV with the header id,name,OU. Raises InputError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            return {row["id"]: " · ".join(filter(None, (row["name"], row.get("OU")))) for row in csv.DictReader(lines)}
    except KeyError as error:
        raise InputError(f"{path}: it has no column {error}; give a CSV with the header id,name,OU") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}; give a CSV with the header id,name,OU") from error


def _data(
    dashboard: Dashboard, cubes: Cubes, made: Sequence[Cube], coarseness: Coarseness, labels: Mapping[str, str]
) -> tuple[dict[str, Any], bytes]:
    """What the page knows, and the cubes' columns as bytes."""
    blob: list[bytes] = []
    described = []
    at = 0
    for cube in made:
        columns = []
        for planes, content in encoded(cube.columns, dashboard.filters.index(statement.DAY)):
            columns.append({"planes": planes, "at": at})
            blob.append(content)
            at += len(content)
        described.append(
            {
                "rows": len(cube.columns[0]),
                "columns": columns,
                "filters": [name in cube.data_set.fields for name in dashboard.filters],
                "values": cube.values,
                "others": cube.others,
                "measures": [m.name for m in cube.measures],
            }
        )
    data = {
        "title": dashboard.title,
        "unit": "hour" if cubes.hours and coarseness.unit == "day" else coarseness.unit,
        "notes": _notes(coarseness),
        "filters": [
            {
                "name": name,
                "title": dashboard.data_sets["events"].fields[name].title,
                "values": cubes.coarse_days(coarseness.unit) if name == statement.DAY else cubes.filters[name],
            }
            for name in dashboard.filters
        ],
        "span": cubes.span,
        "labels": labels,
        "cubes": described,
        "sheets": [
            {
                "id": sheet.id,
                "title": sheet.title,
                "rows": [
                    {"height": row.height, "visuals": [_visual(v, dashboard, cubes) for v in row.visuals]}
                    for row in sheet.rows
                ],
            }
            for sheet in dashboard.sheets
        ],
    }
    return data, b"".join(blob)


def _notes(coarseness: Coarseness) -> list[str]:
    notes = []
    if coarseness.unit != "day":
        notes.append(f"To keep this page small, days are taken together by {coarseness.unit}.")
    if coarseness.carried < 1:
        notes.append(
            "To keep this page small, fewer values are shown by name; the rest is in “other”, counted exactly."
        )
    return notes


def _visual(visual: Visual, dashboard: Dashboard, cubes: Cubes) -> dict[str, Any]:
    axes = axes_of(visual, dashboard.filters)

    def part(shown: Field) -> dict[str, Any]:
        common = {"name": shown.name, "title": shown.title, "tones": dict(shown.tones)}
        if shown.name in dashboard.filters:
            return common | {"filter": dashboard.filters.index(shown.name)}
        for number, axis in enumerate(axes):
            if shown in axis:
                return common | {"axis": number, "at": axis.index(shown)}
        raise AssertionError(shown.name)

    return {
        "id": visual.id,
        "kind": visual.kind,
        "title": visual.title,
        "note": visual.note,
        "cube": cubes.of(visual),
        "timed": visual.timed,
        "x": [part(f) for f in visual.x],
        "color": None if visual.color is None else part(visual.color),
        "measures": [
            {"name": m.name, "title": m.title, "aggregate": m.aggregate, "unit": m.unit} for m in visual.measures
        ],
        "limit": visual.limit,
        "width": visual.width,
        "sql": statement.shown(visual),
        "filters": {
            name: visual.data_set.fields[name].sql for name in dashboard.filters if name in visual.data_set.fields
        },
        "chart": charts.vega_lite(visual),
    }


def _page(data: Mapping[str, Any], blob: bytes, library: str) -> bytes:
    # `<` never reaches the parser as such: `</script>` in a user agent is text like any other.
    payload = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    own = "\n".join(map(_asset, SCRIPTS))
    scripts = {"library": library, "script": f'"use strict";\n(() => {{\n{own}}})();'}
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts.values())
    parts = {
        "policy": f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:",
        "style": _asset("page.css"),
        "data": payload,
        "cells": base64.b64encode(packed(blob)).decode(),
        **scripts,
    }
    # In one pass: what is filled in may hold `{{cells}}` itself.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _asset("page.html")).encode()


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed with its interpreter, from the package that carries them."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")
