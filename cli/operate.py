"""`trailsight backfill`, `rebuild` and `replay`: what an operator sends through a deployed pipeline."""

import json
import re
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AccountOption, FromOption, RegionOption, ToOption, day

if TYPE_CHECKING:
    from runtime.local.inputs import Listing, S3Options
    from runtime.operations.queue import Queue

QueueOption = Annotated[
    str, typer.Option("--queue", metavar="URL", help="The pipeline's queue: stack output queue_url.")
]
RateOption = Annotated[float, typer.Option(min=0.1, help="Log files a second, at most.")]
ProfileOption = Annotated[str | None, typer.Option(help="AWS profile.")]
RoleOption = Annotated[str | None, typer.Option(help="Role to assume.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("backfill")(backfill)
    app.command("rebuild")(rebuild)
    app.command("replay")(replay)


def backfill(
    source: Annotated[str, typer.Argument(help="s3://log-bucket/prefix, or with --inventory the manifest.json.")],
    queue: QueueOption,
    inventory: Annotated[bool, typer.Option("--inventory", help="SOURCE is a manifest of S3 Inventory.")] = False,
    start: FromOption = None,
    end: ToOption = None,
    account: AccountOption = None,
    region: RegionOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Flatten anew what has a flat file already; the next load reads it again.")
    ] = False,
    rate: RateOption = 50,
    state: Annotated[
        Path | None, typer.Option(help="File that remembers how far this is, to go on after a stop.")
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    profile: ProfileOption = None,
    role_arn: RoleOption = None,
) -> None:
    """Send log files that are in S3 already through the pipeline: files, bytes, requests and money first (--dry-run).

    Example: `trailsight backfill s3://logs/AWSLogs --queue URL --state backfill.json --dry-run`
    """
    from runtime.operations.backfill import State, left
    from runtime.operations.backfill import backfill as send

    s3 = _s3(profile, role_arn)
    found = _listing(source, s3, (start, end), account, region, inventory=inventory)
    to = f"{' inventory' * inventory}{' replace' * replace} to {queue}"
    progress = State(state, f"{source} {start} {end} {account} {region}{to}")
    files = left(found.files, progress)
    if dry_run:
        _show_plan(files, found, rate, as_json=as_json)
        return
    target = _Clients(s3).queue(queue)
    sent = send(files, target, progress, rate=rate, replace=replace, progress=_counter("sent", len(files)))
    _say({"sent": sent}, f"{sent:,} log files sent to the queue", as_json=as_json)


def rebuild(
    days: Annotated[str, typer.Argument(metavar="FROM..TO", help="Days of the lake, both included.")],
    source: Annotated[str, typer.Argument(help="s3://log-bucket/prefix of the log files.")],
    queue: QueueOption,
    job: Annotated[str, typer.Option(help="The pipeline's Parquet job: stack output job_name.")],
    late: Annotated[int, typer.Option(min=0, help="Also flatten log files delivered up to this many days later.")] = 7,
    rate: RateOption = 50,
    patience: Annotated[float, typer.Option(min=0.1, help="Hours to wait for the queue to be empty.")] = 12,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    profile: ProfileOption = None,
    role_arn: RoleOption = None,
) -> None:
    """Make days of the lake anew from their log files, for instance when a path has been promoted since.

    Example: `trailsight rebuild 2026-01-01..2026-01-31 s3://logs/AWSLogs --queue URL --job acme-prod-parquet`
    """
    from runtime.operations.backfill import State
    from runtime.operations.backfill import backfill as send
    from runtime.operations.rebuild import dead_letters, run_job, wait_until_empty

    first, last = _days(days)
    s3 = _s3(profile, role_arn)
    found = _listing(source, s3, (first, last + timedelta(days=late)), None, None, bounds="the days or --late")
    if dry_run:
        _show_plan(found.files, found, rate, as_json=as_json)
        return
    clients = _Clients(s3)
    target = clients.queue(queue)
    before = dead_letters(target)
    sent = send(
        found.files,
        target,
        State(None, ""),
        rate=rate,
        replace=True,
        rebuild=True,
        progress=_counter("sent", len(found.files)),
    )
    wait_until_empty(target, most_seconds=patience * 3600, progress=_counter("waiting", None))
    failed = max(0, dead_letters(target) - before)
    run = run_job(job, first.isoformat(), last.isoformat(), clients("glue"), progress=_state)
    flattened = (
        f"{sent:,} log files sent, {failed:,} messages failed: see the dead letters, then run this again"
        if failed
        else f"{sent:,} log files flattened anew"
    )
    _say(
        {"sent": sent, "failed": failed, "run": run},
        f"{flattened}; {job} replaced {days} in run {run}",
        as_json=as_json,
    )
    if failed:
        raise typer.Exit(3)


def replay(
    queue: QueueOption,
    dlq: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Move this dead-letter queue's messages back: stack output dlq_url."),
    ] = None,
    lake: Annotated[
        str | None, typer.Option(metavar="S3-URI", help="Flatten what is in this lake's quarantine anew.")
    ] = None,
    rate: RateOption = 50,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    profile: ProfileOption = None,
    role_arn: RoleOption = None,
) -> None:
    """Put what had failed back into the flow, after the cause is mended: dead letters, and quarantined log files.

    Example: `trailsight replay --queue URL --dlq DLQ-URL --lake s3://lake`
    """
    from runtime.operations.replay import again, dead_letters, quarantined

    if dlq is None and lake is None:
        raise typer.BadParameter("name what to replay: --dlq URL, --lake s3://bucket, or both")
    bucket, prefix = _bucket(lake) if lake is not None else ("", "")
    clients = _Clients(_s3(profile, role_arn))
    target = clients.queue(queue)
    done: dict[str, Any] = {}
    # Looked up first: what the dead letters bring back may leave quarantine at once.
    sources = dict(quarantined(bucket, prefix, clients("s3"))) if lake is not None else {}
    if dlq is not None:
        letters = clients.queue(dlq)
        moved = _counter("moved", None)
        done["dead_letters"] = (
            letters.waiting() if dry_run else dead_letters(letters, target, rate=rate, progress=moved)
        )
    if lake is not None:
        done["quarantined"] = len(sources) if dry_run else again(list(sources), target, rate=rate)
        if dry_run:
            done["reasons"] = sources
    counts = ", ".join(f"{v:,} {k.replace('_', ' ')}" for k, v in done.items() if isinstance(v, int))
    _say(done, f"{counts} {'would go' if dry_run else 'went'} back to the queue", as_json=as_json)


class _Clients:
    """AWS clients of one profile and role."""

    def __init__(self, s3: "S3Options") -> None:
        self._s3 = s3

    def __call__(self, service: str) -> Any:
        from runtime.local.inputs import client

        return client(service, self._s3)

    def queue(self, url: str) -> "Queue":
        """The queue of a URL."""
        from runtime.operations.queue import Queue

        return Queue(url, self("sqs"))


def _s3(profile: str | None, role_arn: str | None) -> "S3Options":
    from runtime.local.inputs import S3Options

    return S3Options(profile=profile, role_arn=role_arn)


def _listing(
    source: str,
    s3: "S3Options",
    days: tuple[date | None, date | None],
    accounts: list[str] | None,
    regions: list[str] | None,
    *,
    inventory: bool = False,
    bounds: str = "--from, --to, --account or --region",
) -> "Listing":
    """Log files to send, at least one; `bounds` is what the user can widen. Raises InputError."""
    from runtime.local.ingest import Selection, listing
    from runtime.local.inputs import InputError
    from runtime.operations.inventory import listing as of_inventory

    if not source.startswith("s3://"):
        raise typer.BadParameter(f"{source}: is not in S3; name s3://bucket/prefix")
    selection = Selection(*days, frozenset(accounts) if accounts else None, frozenset(regions) if regions else None)
    found = of_inventory(source, selection, s3) if inventory else listing([source], None, selection, s3)
    if why := found.why_none(bounds):
        raise InputError(f"{source}: {why}")
    return found


def _show_plan(files: Any, found: "Listing", rate: float, *, as_json: bool) -> None:
    from runtime.operations.cost import of_log_files

    plan = of_log_files(len(files), sum(file.size for file in files))
    hours = len(files) / rate / 3600
    _say(
        {
            "files": len(files),
            "bytes": sum(file.size for file in files),
            "skipped": dict(found.skipped),
            "requests": plan.requests,
            "usd": round(plan.usd, 2),
            "hours": round(hours, 2),
            "prices": plan.prices,
        },
        f"{len(files):,} log files, {sum(f.size for f in files):,} bytes;"
        f" {plan.requests:,} requests to S3, SQS and Lambda,"
        f" about {plan.usd:,.2f} USD ({plan.prices}); {hours:,.1f} hours at {rate:g} a second",
        as_json=as_json,
    )


def _say(record: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    print(json.dumps(record, indent=2) if as_json else sentence)


def _counter(what: str, total: int | None) -> Callable[[int], None]:
    """Progress as one line on standard error that a terminal rewrites; nothing elsewhere."""

    def show(count: int) -> None:
        if sys.stderr.isatty():
            of = "" if total is None else f" of {total:,}"
            print(f"\r{count:,}{of} {what} ", end="", file=sys.stderr, flush=True)

    return show


def _state(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\rjob: {text}    ", end="", file=sys.stderr, flush=True)


def _days(text: str) -> tuple[date, date]:
    parts = re.fullmatch(r"(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)", text)
    if parts is None:
        raise typer.BadParameter(f"{text!r} is not a range of days; write FROM..TO, as in 2026-01-01..2026-01-31")
    first, last = day(parts[1]), day(parts[2])
    if first > last:
        raise typer.BadParameter(f"{text!r} ends before it begins; write the earlier day first")
    return first, last


def _bucket(uri: str) -> tuple[str, str]:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise typer.BadParameter(f"{uri}: is not a lake in S3; name s3://bucket or s3://bucket/prefix")
    return bucket, prefix if not prefix or prefix.endswith("/") else prefix + "/"
