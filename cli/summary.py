"""What a run did, as a person or a program reads it."""

from typing import Any

from runtime.local.ingest import Summary
from runtime.local.inputs import Listing
from runtime.local.text import harmless

SHOWN_PROBLEMS = 20


def as_dict(summary: Summary) -> dict[str, Any]:
    """The summary for `--json`; keys are stable."""
    return {
        "files": summary.files,
        "known": summary.known,
        "skipped": summary.skipped,
        "records": summary.records,
        "rows": summary.rows,
        "duplicates": summary.duplicates,
        "duplicate_differs": summary.duplicate_differs,
        "quarantined": summary.quarantined,
        "files_quarantined": summary.files_quarantined,
        "unread": summary.unread,
        "problems": summary.problems,
        "seconds": round(summary.seconds, 3),
    }


def print_summary(summary: Summary) -> None:
    """The summary for a person: lines of counts, then one for each problem."""
    print(
        f"{_n(summary.files, 'log file')} taken, {summary.known:,} known already"
        + (f", {summary.unread:,} that could not be read" if summary.unread else "")
        + "".join(f", {count:,} skipped ({reason})" for reason, count in sorted(summary.skipped.items()))
    )
    print(
        f"{_n(summary.records, 'record')} = {_n(summary.rows, 'row')} + {_n(summary.duplicates, 'duplicate')}"
        f" + {summary.duplicate_differs:,} that differ + {summary.quarantined:,} quarantined,"
        f" in {summary.seconds:.1f} s"
    )
    for problem in summary.problems[:SHOWN_PROBLEMS]:
        print("  " + harmless(problem))
    if len(summary.problems) > SHOWN_PROBLEMS:
        more = len(summary.problems) - SHOWN_PROBLEMS
        print(f"  ... and {more:,} more; the lake's table `ledger` has reason and problem of each log file")


def print_listing(listing: Listing, *, as_json: bool) -> None:
    """What `--dry-run` found."""
    total = sum(file.size for file in listing.files)
    reads = sum(file.uri.startswith("s3://") for file in listing.files)
    if as_json:
        import json

        print(
            json.dumps(
                {
                    "files": len(listing.files),
                    "known": listing.known,
                    "bytes": total,
                    "skipped": dict(listing.skipped),
                    "unreadable": listing.unreadable,
                    "s3_requests": listing.s3_requests + reads,
                },
                indent=2,
            )
        )
        return
    requests = listing.s3_requests
    print(
        f"{_n(len(listing.files), 'log file')} to read, {total:,} bytes, {listing.known:,} known already"
        + (f", {requests + reads:,} S3 requests ({requests:,} to list, {reads:,} to read)" if requests else "")
        + "".join(f", {count:,} skipped ({reason})" for reason, count in sorted(listing.skipped.items()))
    )
    for problem in listing.unreadable:
        print("  " + harmless(problem))


def _n(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
