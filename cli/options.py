"""Options that several commands have, and what the text of a day means."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer


def day(text: str) -> date:
    """The day that an option names, as in `2026-01-31`. Raises typer.BadParameter."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day; write it as 2026-01-31") from None


def lake_folder(text: str) -> Path:
    """The folder that --lake names. Raises typer.BadParameter for a lake in S3."""
    if text.startswith("s3://"):
        raise typer.BadParameter(f"{text}: a lake in S3 is asked in Athena; name a folder")
    return Path(text)


def copied_folder(text: str) -> Path:
    """The folder of log files that an argument names. Raises typer.BadParameter for a prefix in S3."""
    if text.startswith("s3://"):
        raise typer.BadParameter(f"copy it first, `aws s3 sync {text} FOLDER`, and name the folder")
    return Path(text)


FolderOption = Annotated[
    Path,
    typer.Option("--lake", parser=lake_folder, metavar="PATH", help="Folder of the lake.", envvar="TRAILSIGHT_LAKE"),
]
FromOption = Annotated[date | None, typer.Option("--from", metavar="DAY", parser=day, help="First delivery day.")]
ToOption = Annotated[date | None, typer.Option("--to", metavar="DAY", parser=day, help="Last delivery day.")]
AccountOption = Annotated[list[str] | None, typer.Option(help="Only this account; may be given again.")]
RegionOption = Annotated[list[str] | None, typer.Option(help="Only this Region; may be given again.")]
