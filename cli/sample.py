"""`trailsight sample`: a made-up CloudTrail folder to try everything on."""

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli.options import day


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("sample")(sample)


def sample(
    folder: Annotated[Path, typer.Argument(help="Folder to make; it gets AWSLogs/ and accounts.csv.")],
    events: Annotated[int, typer.Option(min=1, help="How many different events.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Another seed, another story.")] = 7,
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts.")] = 5,
    days: Annotated[int, typer.Option(min=1, help="How many days the events span.")] = 30,
    end: Annotated[str, typer.Option(metavar="DAY", help="The day after the last event.")] = "2026-11-01",
    hostile: Annotated[bool, typer.Option("--hostile", help="Add records and files that attack the reader.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Make a synthetic CloudTrail folder that tells a story: people, roles, services, and an attacker.

    The same arguments give the same bytes. Example: `trailsight sample demo/logs --events 50000 --accounts 8`
    """
    from runtime.local.sample import write_sample

    made = write_sample(folder, events=events, seed=seed, accounts=accounts, days=days, end=day(end), hostile=hostile)
    with (folder / "accounts.csv").open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["id", "name", "OU"])
        table.writerows((account.id, account.name, account.ou) for account in made.accounts)
    if as_json:
        print(json.dumps(asdict(made), indent=2, default=str))
        return
    print(
        f"{made.events:,} events in {made.files:,} log files ({made.bytes:,} bytes),"
        f" {made.first_day} to {made.last_day}: {made.attack:,} of an attack, {made.late:,} late,"
        f" {made.duplicates:,} delivered twice"
    )
