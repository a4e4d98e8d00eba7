"""`trailsight verify`: log files against CloudTrail's digests."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("verify")(verify)


def verify(
    folder: Annotated[Path, typer.Argument(help="Folder with log files and their CloudTrail-Digest folder.")],
    public_key: Annotated[
        Path | None,
        typer.Option(help="Output of `aws cloudtrail list-public-keys`, or one key as PEM or base64."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check log files against the digest files beside them: changed, missing, unlisted, broken chain, gaps.

    Example: `trailsight verify ~/AWSLogs --public-key keys.json`
    """
    from runtime.local.text import harmless
    from runtime.local.verify import verify as check

    report = check(folder, public_key)
    if as_json:
        print(json.dumps(asdict(report) | {"ok": report.ok, "counts": report.counts}, indent=2))
    else:
        for finding in report.findings:
            print(harmless(f"{finding.kind}: {finding.file}: {finding.sentence}"))
        problems = "".join(f", {count:,} {kind}" for kind, count in sorted(report.counts.items())) or ", nothing wrong"
        print(f"{report.digests:,} digests, {report.verified:,} log files as delivered{problems}")
        if public_key is None:
            print("signatures not checked: they need AWS's public key; give --public-key")
        else:
            print(f"{report.signed:,} signatures verified, {report.unsigned:,} not to be checked without S3's metadata")
    if not report.ok:
        raise typer.Exit(3)
