"""Draws the dashboard spec over a lake as one HTML file that needs nothing else: no network, no server, no eval.

What it shows was named by strangers: data travels as JSON with every `<` escaped and reaches the page as text nodes
only; the page's policy lets no other script run and nothing be fetched.
"""

import base64
import csv
import gzip
import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from runtime.events.columns import COLUMNS, PARTITION
from runtime.local.inputs import InputError
from runtime.local.lake import Lake
from runtime.local.page.cube import Cube, Cubes
from runtime.quicksight.spec import Dashboard, Visual, load

LIMIT_BYTES = 5_000_000
# What is given up, step by step, while a page is too large: how many values have a name, then how fine the days are.
COARSER = (("day", 1.0), ("day", 0.5), ("week", 1.0), ("week", 0.5), ("month", 0.5))


@dataclass(frozen=True, slots=True)
class PageSummary:
    """What was drawn: the file's size, the events in it, and what was coarsened to keep it small."""

    bytes: int
    events: int
    notes: list[str] = field(default_factory=list)


def render(lake: Path, output: Path, accounts: Path | None = None) -> PageSummary:
    """Write the dashboard of a lake to `output`.

    `accounts` is a CSV of id, name and OU that labels accounts. Raises InputError if that cannot be read.
    """
    board = load()
    labels = _labels(accounts)
    with duckdb.connect() as connection:
        _view(connection, lake)
        for unit, factor in COARSER:
            cubes = Cubes(connection, board, unit)
            notes = _notes(unit, factor)
            page = _page(board, cubes, list(cubes.cubes(factor)), Lake(lake), labels, notes)
            if len(page) <= LIMIT_BYTES:
                break
        events = cubes.events
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = output.with_name(output.name + ".draft")
    draft.write_bytes(page)
    draft.replace(output)
    return PageSummary(len(page), events, notes)


def _view(connection: duckdb.DuckDBPyConnection, lake: Path) -> None:
    """The view `parquettrails`; over an empty lake, an empty one."""
    connection.execute("SET TimeZone = 'UTC'")
    if any((lake / "parquettrails").glob("eventdate=*/*.parquet")):
        files = str(lake / "parquettrails" / "eventdate=*" / "*.parquet").replace("'", "''")
        options = "hive_partitioning = 1, hive_types_autocast = 0, union_by_name = true"
        connection.execute(f"CREATE VIEW parquettrails AS SELECT * FROM read_parquet('{files}', {options})")
    else:
        columns = (f"CAST(NULL AS {'TIMESTAMP' if c.type == 'timestamp' else 'VARCHAR'}) AS {c.name}" for c in _ALL)
        connection.execute(f"CREATE VIEW parquettrails AS SELECT {', '.join(columns)} WHERE false")


_ALL = (*COLUMNS, PARTITION)


def _labels(accounts: Path | None) -> dict[str, dict[str, str]]:
    if accounts is None:
        return {}
    try:
        with accounts.open(newline="", encoding="utf-8-sig") as lines:
            rows = list(csv.DictReader(lines))
        return {row["id"]: {"name": row["name"], "ou": row.get("OU") or ""} for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        reason = f"no column {error}" if isinstance(error, KeyError) else error
        raise InputError(f"{accounts}: {reason}; give a CSV with the header id,name,OU") from error


def _notes(unit: str, factor: float) -> list[str]:
    notes = []
    if unit != "day":
        notes.append(f"To keep this page small, days are shown as {unit}s.")
    if factor < 1:
        notes.append(
            "To keep this page small, fewer values are shown by name; the rest is in “other”, counted exactly."
        )
    return notes


def _page(
    board: Dashboard,
    cubes: Cubes,
    made: list[Cube],
    lake: Lake,
    labels: dict[str, dict[str, str]],
    notes: list[str],
) -> bytes:
    found = {cube.visual.id: cube for cube in made}
    blob = b"".join(_encoded(cube) for cube in made)
    data = {
        "title": board.title,
        "events": cubes.events,
        "notes": notes,
        "filters": [{"id": f, "title": board.fields[f].title, "sql": board.fields[f].sql} for f in board.filters],
        "values": cubes.values,
        "labels": labels,
        "fields": {name: f.title for name, f in board.fields.items()},
        "measures": {n: {"title": m.title, "aggregate": m.aggregate.value} for n, m in board.measures.items()},
        "sheets": [
            {"id": sheet.id, "title": sheet.title, "visuals": [_visual(v, board, found, lake) for v in sheet.visuals]}
            for sheet in board.sheets
        ],
    }
    # `<` never reaches the parser as such: `</script>` in a user agent is text like any other.
    payload = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    script = _library() + "\n" + _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = _asset("page.html")
    for name, content in (
        ("{{policy}}", f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:"),
        ("{{style}}", _asset("page.css")),
        ("{{data}}", payload),
        ("{{cells}}", base64.b64encode(gzip.compress(blob, 9, mtime=0)).decode()),
        ("{{script}}", script),
    ):
        before, _, after = page.partition(name)
        page = before + content + after
    return page.encode()


def _visual(visual: Visual, board: Dashboard, found: dict[str, Cube], lake: Lake) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": visual.id,
        "title": visual.title,
        "kind": visual.kind.value,
        "by": list(visual.by),
        "measures": list(visual.measures),
        "limit": visual.limit,
        "width": visual.width,
    }
    if visual.ledger is not None:
        entries = list(lake.entries())
        shown["value"] = {
            "files": len(entries),
            "files_quarantined": sum(entry.reason is not None for entry in entries),
        }.get(visual.ledger, sum(int(getattr(entry, visual.ledger, 0)) for entry in entries))
        return shown
    cube = found[visual.id]
    return shown | {
        "own": cube.own,
        "cells": len(cube.indexes),
        "counts": len(cube.counts),
        "sql": sql_of(visual, board),
    }


def sql_of(visual: Visual, board: Dashboard) -> str:
    """Athena SQL behind a visual; `{filters}` stands where the page puts the filters chosen."""
    items = [f"{board.fields[name].sql} AS {name}" for name in visual.by]
    for name in visual.measures:
        where = board.measures[name].where
        items.append(
            {
                "count": f"count(*) AS {name}" if where is None else f"count(CASE WHEN {where} THEN 1 END) AS {name}",
                "last_day": "max(eventdate) AS last_day",
                "silent_days": "date_diff('day', CAST(min(eventdate) AS date), CAST(max(eventdate) AS date)) + 1"
                " - count(DISTINCT eventdate) AS silent_days",
            }[board.measures[name].aggregate.value]
        )
    lines = ["SELECT " + ",\n       ".join(items), "FROM parquettrails", "WHERE {filters}"]
    if visual.where is not None:
        lines.append(f"  AND ({visual.where})")
    if visual.by:
        lines.append("GROUP BY " + ", ".join(str(n + 1) for n in range(len(visual.by))))
        lines.append(f"ORDER BY {len(visual.by) + 1} DESC")
    return "\n".join(lines)


def _encoded(cube: Cube) -> bytes:
    """Cells as variable-length integers: the indexes' differences, then the counts, measure by measure."""
    out = bytearray()
    last = 0
    for index in cube.indexes:
        _varint(out, index - last)
        last = index
    for counts in cube.counts:
        for count in counts:
            _varint(out, count)
    return bytes(out)


def _varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@lru_cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed with its interpreter, from the package that carries them."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")
