"""`trailsight query` and `trailsight queries`: SQL in Athena's dialect over the lake, and what there is to ask."""

import io
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import FolderOption

if TYPE_CHECKING:
    from runtime.local.output import Format


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("query")(query)
    app.command("queries")(queries)


def query(
    name_or_sql: Annotated[
        str,
        typer.Argument(metavar="NAME|SQL", help="A named query, or SQL in Athena's dialect; - reads it from stdin."),
    ],
    lake: FolderOption,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="Value of a parameter; may be given again."),
    ] = None,
    output_format: Annotated[str | None, typer.Option("--format", help="table, csv, json or parquet.")] = None,
    output: Annotated[Path | None, typer.Option(help="File to write; its suffix gives the format.")] = None,
) -> None:
    """Ask the lake: a named query, or SQL as Athena takes it over parquettrails, cloudtrail_logs and ledger.

    Example: `trailsight query failed-logins-by-ip --lake lake --param from=2026-01-01`
    """
    chosen = _format(output_format, output)
    from runtime.local.output import write
    from runtime.local.query import run, why_nothing

    sql = sys.stdin.read() if name_or_sql == "-" else name_or_sql
    values = _parameters(param or [])
    table = run(lake, sql, values, _today())
    if table.num_rows == 0 and (why := why_nothing(lake, sql, values)):
        print(f"trailsight: {why}", file=sys.stderr)
    if output is None:
        made = io.BytesIO()
        write(table, chosen, made)
        sys.stdout.buffer.write(made.getvalue())
        sys.stdout.buffer.flush()
        return
    draft = output.with_name(output.name + ".part")
    try:
        with draft.open("wb") as file:
            write(table, chosen, file)
        draft.replace(output)
    except OSError as error:
        raise typer.BadParameter(
            f"--output {output}: {error.strerror}; name a file in a folder that is there"
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def queries(
    sql: Annotated[str | None, typer.Argument(metavar="[SQL]", help="With --lint: SQL to look at.")] = None,
    lint: Annotated[
        bool,
        typer.Option("--lint", help="Name the JSON paths that queries read and that have, or could have, a column."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the named queries with the question that each answers.

    Example: `trailsight queries --lint "SELECT json_extract_scalar(requestparameters, '$.key') FROM parquettrails"`
    """
    if sql is not None and not lint:
        raise typer.BadParameter("SQL is for --lint; `trailsight query` runs it")
    if lint:
        _lint(sql, as_json=as_json)
        return
    from runtime.athena.named import load

    found = load().values()
    if as_json:
        keys = ("name", "title", "question", "control")
        listed = [
            {key: getattr(q, key) for key in keys}
            | {
                "parameters": {
                    p.name: list(p.default) if isinstance(p.default, tuple) else p.default for p in q.parameters
                }
            }
            for q in found
        ]
        print(json.dumps(listed, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table("name", "title", "question", box=None, pad_edge=False)
    for q in found:
        shown.add_row(q.name, q.title, q.question)
    Console(markup=False).print(shown)


def _lint(sql: str | None, *, as_json: bool) -> None:
    from runtime.local.lint import lint, lint_named

    found = lint(sql) if sql is not None else lint_named()
    if as_json:
        print(
            json.dumps([{"query": f.query, "path": f.path, "column": f.column, "promoted": f.promoted} for f in found])
        )
        return
    for f in found:
        where = f"{f.query}: " if f.query else ""
        if f.promoted:
            print(f"{where}{f.path} has a column: read {f.column}")
        else:
            print(f"{where}{f.path} is worth promoting, it would be the column {f.column}")
    if not found:
        print("no JSON path is read that has a column or could have one")


def _parameters(given: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"--param {item!r}: write name=value")
        if name in values:
            raise typer.BadParameter(f"--param {name} is given twice; a list takes its values with commas between")
        values[name] = value
    return values


def _format(given: str | None, output: Path | None) -> "Format":
    from runtime.local.output import FORMATS

    asked = given or (output.suffix.removeprefix(".") if output is not None else "table")
    for known in FORMATS:
        if asked == known:
            if known == "parquet" and output is None:
                raise typer.BadParameter("--format parquet needs a file; name one with --output")
            return known
    what = f"--format {given!r}" if given else f"--output {output}: its suffix gives no format"
    raise typer.BadParameter(f"{what}; choose {', '.join(FORMATS)} with --format")


def _today() -> date:
    return datetime.now(UTC).date()  # the partition key is UTC's day
