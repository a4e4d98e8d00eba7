"""What a million events and a quiet month cost on AWS: a small model, each factor named, prices of one dated file.

The prices are in prices.yaml. Not measured on AWS: a factor is a stack's default, a number of this repository's
benchmarks, or an estimate, and says which. The job's seconds leave out the waiting for S3, so a real run takes longer.
Storage is per month kept.
"""

import importlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from runtime.glue.metrics import NOT_SENT, Metrics

PRICES = Path(__file__).parent / "prices.yaml"


@dataclass(frozen=True, slots=True)
class Factors:
    """What the costs follow from; per million events where the name does not say otherwise."""

    events_per_log_file: float = 250.0  # estimate, for a busy account; docs/benchmarks.md has files of 10 and of 63
    log_bytes_per_event: float = 200.0  # gzipped, as CloudTrail delivers it: between the two inputs of the table `size`
    flat_bytes_per_event: float = 250.0  # 122 to 135 % of the log file, by the table `flatten`
    parquet_bytes_per_event: float = 150.0  # 78 % of the log file, by the table `size`
    # Estimate: 12 ms of CPU by the table `flatten` at a third of a core, which 512 MB get, and three calls of S3.
    flattener_seconds_per_file: float = 0.25
    flattener_gb: float = 0.5  # lake.flattener.memoryMb
    files_per_call: float = 10.0  # lake.flattener.batchSize
    # CPU of the executors by the table `spark` in docs/parquet-job.md: what 900,000 events more cost, for a million.
    job_seconds: float = 110.0
    job_workers: float = 2.0  # lake.job.workers; G.1X: 1 DPU, 4 vCPU each; one is the driver
    cores_at_work: float = 4.0
    runs: float = 1.0  # of the job, for these million events
    job_start_seconds: float = 30.0  # estimate
    idle_runs: float = 730.0  # of the job in a month, by lake.job.schedule
    idle_compactions: float = 30.0  # by lake.job.compactionSchedule
    idle_seconds: float = 120.0  # estimate: what is billed of a run with nothing to do
    alarms: float = 10.0  # of a pipeline with defaults


def table(factors: Factors | None = None) -> list[dict[str, Any]]:
    """A row per item: its quantity for a million events, or in a month of none, unit price and cost; the sums last."""
    f = factors or Factors()
    prices = yaml.safe_load(PRICES.read_text())
    files = 1e6 / f.events_per_log_file
    calls = files / f.files_per_call
    busy = f.job_seconds / f.cores_at_work + f.runs * f.job_start_seconds
    billed = max(busy, f.runs * prices["glue_minimum_seconds"])
    parquet_files = max(f.runs, 1e6 * f.parquet_bytes_per_event / (128 << 20))
    gigabyte = 1e6 / 2**30
    items = [
        (
            "flattener: Lambda GB-seconds",
            files * f.flattener_seconds_per_file * f.flattener_gb,
            "lambda_gb_second_arm64",
        ),
        ("flattener: Lambda calls", calls, "lambda_request"),
        ("flattener: SQS requests (receive, delete; S3 sends free of charge)", 2 * calls, "sqs_request"),
        ("flattener: S3 GET of log files", files, "s3_get_request"),
        ("flattener: S3 PUT of flat files", files, "s3_put_request"),
        ("flattener: S3 PUT of the ledger's lines", files, "s3_put_request"),
        ("job: Glue DPU-hours", billed * f.job_workers / 3600, "glue_dpu_hour"),
        ("job: S3 GET of flat files (verify, two passes)", 3 * files, "s3_get_request"),
        ("job: S3 LIST of flat files (two listings)", 2 * files / 1000 + 20 * f.runs, "s3_put_request"),
        ("job: S3 PUT, copy and delete of Parquet and records", 12 * parquet_files + 20 * f.runs, "s3_put_request"),
        ("kept: flat files, GB-months", f.flat_bytes_per_event * gigabyte, "s3_gb_month"),
        ("kept: Parquet, GB-months", f.parquet_bytes_per_event * gigabyte, "s3_gb_month"),
        (
            "standing: Glue DPU-hours of runs with nothing to do",
            (f.idle_runs + f.idle_compactions) * f.idle_seconds * f.job_workers / 3600,
            "glue_dpu_hour",
        ),
        ("standing: custom metrics of flattener and loads", _metrics(), "cloudwatch_metric_month"),
        ("standing: CloudWatch alarms", f.alarms, "cloudwatch_alarm_month"),
        ("standing: CloudWatch dashboards (three are free)", 1.0, "cloudwatch_dashboard_month"),
    ]
    rows = [
        {
            "way": title,
            "quantity": f"{quantity:,.4g}",
            "price": f"{prices[price]:.10f}".rstrip("0"),
            "USD": f"{quantity * prices[price]:.5f}",
        }
        for title, quantity, price in items
    ]
    for name in ("flattener", "job", "kept", "standing"):
        total = sum(quantity * prices[price] for title, quantity, price in items if title.startswith(name))
        rows.append({"way": f"sum: {name}{' a month' if name == 'standing' else ''}", "USD": f"{total:.5f}"})
    return rows


def _metrics() -> float:
    """How many metrics are sent at least hourly; CloudWatch bills each by the hours in which it comes."""
    report = importlib.import_module("runtime.lambda.report")
    return float(len(report.METRICS) + len(fields(Metrics)) - len(NOT_SENT))


@dataclass(frozen=True, slots=True)
class Plan:
    """What it takes to flatten log files that are in S3: requests of all kinds, and money by the prices named."""

    requests: int
    usd: float
    prices: str


def of_log_files(files: int, size: int) -> Plan:
    """What so many log files of `size` bytes together cost on the way to flat files, and the job's share of them."""
    f, prices = Factors(), yaml.safe_load(PRICES.read_text())
    events = size / f.log_bytes_per_event
    sends, calls = -(-files // 10), -(-files // round(f.files_per_call))
    usd = (
        (sends + 2 * calls) * prices["sqs_request"]
        + calls * prices["lambda_request"]
        + files * f.flattener_seconds_per_file * f.flattener_gb * prices["lambda_gb_second_arm64"]
        + 4 * files * prices["s3_get_request"]
        + 2 * files * prices["s3_put_request"]
        + events / 1e6 * f.job_seconds / f.cores_at_work * f.job_workers / 3600 * prices["glue_dpu_hour"]
    )
    return Plan(sends + 3 * calls + 6 * files, usd, f"list prices of {prices['date']}, {prices['region']}")


def title() -> str:
    """What the table is, with the prices' date and Region."""
    prices = yaml.safe_load(PRICES.read_text())
    where = f"{prices['date']}, {prices['region']}"
    return f"cost per million events, and of a month without any, USD; a model: list prices of {where}, to be checked"
