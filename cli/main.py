"""The command `trailsight`: each subcommand reads its options, calls one function and prints what it returns.

Imports of the engine stand inside the commands: `trailsight --help` needs none of it.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cli import operate, query, sample, verify
from cli.options import AccountOption, FromOption, RegionOption, ToOption, lake_folder

QUARANTINED = 3
WRONG_USE = 2
INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Your own CloudTrail lake: log files in; Parquet, SQL and a dashboard out.",
    epilog="Exit codes: 0 clean, 1 failure, 2 wrong use, 3 something was quarantined, could not be read or does not"
    " verify, 130 Ctrl-C.",
)


def main() -> NoReturn:
    """Run the command line; a foreseen mistake is one sentence on standard error, never a traceback."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: nobody is left to tell
        sys.exit(1)
    except Exception as error:
        code = _foreseen(error)
        if code is None:
            raise
        _stop(_sentence(error), code)
    sys.exit(0)


def _foreseen(error: Exception) -> int | None:
    """Exit code of an error that is the user's to mend; None for one that is ours."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"InputError", "QueryError", "Refused", "SpecError"}:
        return WRONG_USE
    if "Interrupted" in names:
        return INTERRUPTED
    return 1 if names & {"LakeError", "WorkerError", "OSError", "QueueError", "RebuildError", *_AWS} else None


_AWS = {"BotoCoreError", "ClientError"}


def _sentence(error: Exception) -> str:
    if _AWS & {kind.__name__ for kind in type(error).__mro__}:
        return f"{str(error).rstrip('.')}; check names, --profile, --role-arn and AWS_REGION"
    return str(error)


def _stop(sentence: str, code: int) -> NoReturn:
    from runtime.local.text import harmless

    print(f"trailsight: {harmless(sentence)}", file=sys.stderr)
    sys.exit(code)


def _account_names(inputs: list[str], lake: Path) -> Path | None:
    """The accounts.csv that lies in an input's folder or in the lake, if one does."""
    from runtime.local.inputs import ACCOUNTS

    found = (Path(folder) / ACCOUNTS for folder in (*inputs, str(lake)) if not folder.startswith("s3://"))
    return next((path for path in found if path.is_file()), None)


def _somebody_looks() -> bool:
    """A person at a terminal of a machine with a screen; a browser in a text terminal would take it over."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or "SSH_CONNECTION" in os.environ or "CI" in os.environ:
        return False
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _promoted(further: list[str]) -> tuple[str, ...]:
    """The shipped paths and these, each of which can be promoted beside the others."""
    from runtime.events.columns import columns, promoting

    paths = promoting(further)
    try:
        columns(paths)
    except ValueError as error:
        raise typer.BadParameter(f"--{error}") from None
    return paths


def _say(sentence: str | None) -> None:
    if sentence is not None:
        print(f"trailsight: {sentence}", file=sys.stderr)


@app.command()
def local(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Log files, folders of them, or s3://bucket/prefix.")
    ],
    lake: Annotated[
        Path | None,
        typer.Option(
            parser=lake_folder,
            metavar="PATH",
            help="Folder of the lake; optional with --dry-run only.",
            envvar="TRAILSIGHT_LAKE",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    start: FromOption = None,
    end: ToOption = None,
    account: AccountOption = None,
    region: RegionOption = None,
    page: Annotated[Path | None, typer.Option(help="File of the dashboard; LAKE/dashboard.html by default.")] = None,
    show: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Open the dashboard; by default only at a terminal with a screen."),
    ] = None,
    account_names: Annotated[
        Path | None,
        typer.Option(help="CSV with the header id,name,OU that names accounts; INPUT/accounts.csv by default."),
    ] = None,
    promote: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Path in a free-form field that gets a column too; may be given again."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be read; read and write nothing.")] = False,
    profile: Annotated[str | None, typer.Option(help="AWS profile for s3:// inputs.")] = None,
    role_arn: Annotated[str | None, typer.Option(help="Role to assume for s3:// inputs.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one per core by default.")] = None,
) -> None:
    """Take log files into the lake, say what became of each record, and draw the dashboard.

    Example: `trailsight local ~/AWSLogs --lake lake --from 2026-01-01`
    """
    from cli.progress import shown
    from cli.summary import as_dict, print_listing, print_summary
    from runtime.local.ingest import Selection, ingest, listing
    from runtime.local.inputs import S3Options
    from runtime.local.lake import Lake

    selection = Selection(
        start,
        end,
        frozenset(account) if account else None,
        frozenset(region) if region else None,
    )
    s3 = S3Options(profile=profile, role_arn=role_arn)
    if dry_run:
        found = listing(inputs, Lake(lake) if lake else None, selection, s3)
        print_listing(found, as_json=as_json)
        _say(found.why_nothing)
        return
    if lake is None:
        raise typer.BadParameter("the lake's folder is missing; name one with --lake")
    promoted = _promoted(promote or [])
    with shown() as progress:
        summary = ingest(
            inputs, Lake(lake), selection=selection, s3=s3, promote=promoted, workers=workers, progress=progress
        )
    output = page or lake / "dashboard.html"
    if not as_json:
        print_summary(summary)
    _say(summary.why_nothing)
    from runtime.local.page import render

    drawn = None
    try:
        render(lake, output, account_names or _account_names(inputs, lake))
        drawn = str(output)
    finally:  # the lake has changed, whatever became of the page
        if as_json:
            _print_json(as_dict(summary) | {"page": drawn})
    if not as_json:
        print(f"dashboard: {output}")
    if show or (show is None and _somebody_looks()):
        import webbrowser

        webbrowser.open(output.resolve().as_uri())
    if not summary.clean:
        raise typer.Exit(QUARANTINED)


@app.command()
def columns(
    output_format: Annotated[str, typer.Option("--format", help="table, json or markdown.")] = "table",
) -> None:
    """List the columns of the event row: the reference. Those of kind `promoted` are the shipped promoted paths.

    Example: `trailsight columns --format json`
    """
    from runtime.events.columns import COLUMNS, PARTITION, Column

    def path(column: Column) -> str:
        return ".".join(column.path)

    listed = (*COLUMNS, PARTITION)
    if output_format == "json":
        _print_json(
            [
                {"name": c.name, "type": c.type, "kind": c.kind.value, "path": path(c), "description": c.description}
                for c in listed
            ]
        )
    elif output_format == "markdown":
        print("| column | type | kind | path in the record | meaning |\n| --- | --- | --- | --- | --- |")
        for c in listed:
            inside = f"`{path(c)}`" if c.path else ""
            print(f"| `{c.name}` | {c.type} | {c.kind.value} | {inside} | {c.description} |")
    elif output_format == "table":
        from rich.console import Console
        from rich.table import Table

        table = Table("column", "type", "kind", "path", "meaning", box=None, pad_edge=False)
        for c in listed:
            table.add_row(c.name, c.type, c.kind.value, path(c), c.description)
        Console().print(table)
    else:
        raise typer.BadParameter(f"--format {output_format!r}: choose table, json or markdown")


query.register(app)
verify.register(app)
sample.register(app)
operate.register(app)


def _print_json(value: Any) -> None:
    import json

    print(json.dumps(value, indent=2))
