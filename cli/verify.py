"""`trailsight verify`: log files against CloudTrail's digests."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import copied_folder

if TYPE_CHECKING:
    from runtime.local.verify import Report

SHOWN = 20
"""So many findings of a kind are printed: a folder without its log files lacks thousands."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("verify")(verify)


def verify(
    folder: Annotated[
        Path,
        typer.Argument(
            parser=copied_folder, metavar="FOLDER", help="Folder with log files and their CloudTrail-Digest folder."
        ),
    ],
    public_key: Annotated[
        list[Path] | None,
        typer.Option(
            help="Output of `aws cloudtrail list-public-keys` for a Region, or one key as PEM or base64; may be given "
            "again.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check log files against the digest files beside them: changed, missing, unlisted, broken chain, gaps.

    Exits with 3 if anything is found. Whatever could not be checked is counted; `--json` lists all findings.

    Example: `trailsight verify ~/AWSLogs --public-key keys.json`
    """
    from runtime.local.text import harmless
    from runtime.local.verify import verify as check

    report = check(folder, public_key or ())
    if as_json:
        print(json.dumps(asdict(report) | {"ok": report.ok, "counts": report.counts}, indent=2))
    else:
        for sentence in _sentences(report, with_keys=bool(public_key)):
            print(harmless(sentence))
    if not report.ok:
        raise typer.Exit(3)


def _sentences(report: "Report", *, with_keys: bool) -> Iterator[str]:
    shown: Counter[str] = Counter()
    for finding in report.findings:
        shown[finding.kind] += 1
        if shown[finding.kind] <= SHOWN:
            yield f"{finding.kind}: {finding.file}: {finding.sentence}"
    for kind, count in sorted(report.counts.items()):
        if count > SHOWN:
            yield f"{kind}: ... and {count - SHOWN:,} more; --json lists all"
    if report.spans:
        first, last = min(span.start for span in report.spans), max(span.end for span in report.spans)
        yield f"digests from {first} to {last}"
        for span in report.spans:
            if (span.start, span.end) != (first, last):
                where = f"{span.account} {span.region} {span.trail}"
                yield f"  {where}: only from {span.start} to {span.end}"
    problems = "".join(f", {count:,} {kind}" for kind, count in sorted(report.counts.items()))
    yield f"{report.digests:,} digests, {report.verified:,} log files match them{problems or ', nothing wrong found'}"
    if report.pending:
        yield f"{_files(report.pending)} not checked: newer than the newest digest"
    if not with_keys:
        yield (
            "signatures not checked: whoever changes log files and digests alike goes unnoticed; give AWS's public "
            "keys with --public-key"
        )
        return
    yield (
        f"{report.signed:,} signatures verified, {len(report.unsigned):,} not in this folder: a digest's signature is "
        "in the next digest, and in the metadata of its own S3 object"
    )
    if report.unproven:
        yield f"{_files(report.unproven)} matched only by a digest whose signature was not verified"


def _files(count: int) -> str:
    return f"{count:,} log file{'' if count == 1 else 's'}"
