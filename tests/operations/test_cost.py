"""The cost model counts what the code does: requests for a log file, metrics and alarms that are billed by the month."""

import gzip
import re
from collections import Counter
from importlib import import_module
from typing import Any

import pytest

from components.alarms import alarms, silences
from components.cron import starts
from components.defaults import complete
from runtime.glue.metrics import Metrics, send
from runtime.operations import cost
from tests.conftest import REPO
from tests.lambda_.aws import LOGS, FakeS3, deadline, flattener, key, messages
from tests.local.logs import encode, event


def quantity(rows: list[dict[str, str]], way: str) -> float:
    [found] = [row["quantity"] for row in rows if way in row["way"]]
    return float(found.replace(",", ""))


def test_the_model_has_the_requests_that_the_flattener_makes() -> None:
    """For one log file one GET and two PUTs, of the flat file and of the ledger's line."""
    s3 = FakeS3()
    s3.add(LOGS, key(), gzip.compress(b'{"Records":[' + encode(event("e1")) + b"]}"))
    flattener(s3).take(messages.Ref(LOGS, key()), deadline())
    made = Counter(operation for operation, _ in s3.calls)
    rows = cost.table(cost.Factors(events_per_log_file=1e6))
    flat, ledger = quantity(rows, "S3 PUT of flat files"), quantity(rows, "S3 PUT of the ledger's lines")
    assert {"get": quantity(rows, "S3 GET of log files"), "put": flat + ledger} == made


def test_the_standing_costs_are_those_of_a_pipeline_with_defaults() -> None:
    """A month's alarms are as many as there are, its custom metrics as many as flattener and loads send."""
    sent: list[dict[str, Any]] = []

    class CloudWatch:
        def put_metric_data(self, **arguments: Any) -> None:
            sent.extend(arguments["MetricData"])

    send(Metrics("20240506T070809000000Z-abcd", "load"), "Trailsight", "job", CloudWatch())
    flattener_metrics = import_module("runtime.lambda.report").METRICS
    settings = complete({})["alarms"]
    rows = cost.table()
    assert quantity(rows, "CloudWatch alarms") == len(alarms(settings)) + len(silences(settings, 115))
    assert quantity(rows, "custom metrics") == len(flattener_metrics) + len({metric["MetricName"] for metric in sent})


def test_the_factors_are_the_defaults_and_what_was_measured() -> None:
    """Memory, batch, workers and runs are a stack's defaults; seconds of the job those of the table in docs/parquet-job.md."""
    lake, factors = complete({})["lake"], cost.Factors()
    assert factors.flattener_gb * 1024 == lake["flattener"]["memory_mb"]
    assert factors.files_per_call == lake["flattener"]["batch_size"]
    assert (factors.job_workers, lake["job"]["worker_type"]) == (lake["job"]["workers"], "G.1X")
    starts_a_day = [len(starts(lake["job"][key])) for key in ("schedule", "compaction_schedule")]
    assert [factors.idle_runs, factors.idle_compactions] == [round(n * 365 / 12) for n in starts_a_day]
    page = (REPO / "docs/parquet-job.md").read_text()
    rows = re.findall(r"^\| ([\d,]+) \| a quarter .*?\| [^|]* \| ([\d.]+) :", page, re.MULTILINE)
    (few, less), *_, (many, more) = [(int(events.replace(",", "")), float(seconds)) for events, seconds in rows]
    assert factors.job_seconds == round((more - less) / (many - few) * 1e6, -1)


def test_the_readme_says_what_the_model_gives() -> None:
    """Dollars per million events, in a month without any, and the job's share of those."""
    sums = {row["way"].removeprefix("sum: "): float(row["USD"]) for row in cost.table() if row["way"][:4] == "sum:"}
    standing = sums.pop("standing a month")
    text = (REPO / "README.md").read_text()
    [(events, dollars)] = re.findall(r"in log files of (\d+) each, about ([\d.]+) US dollars per million", text)
    assert (int(events), dollars) == (cost.Factors().events_per_log_file, f"{sum(sums.values()):.2f}")
    assert re.findall(r"some\s(\d+) dollars a month", text) == [str(5 * round(standing / 5))]
    [job] = [float(row["USD"]) for row in cost.table() if row["way"].startswith("standing: Glue")]
    assert round(job / standing * 3) == 2


@pytest.mark.parametrize("group", ["flattener", "job", "kept", "standing"])
def test_sums_are_of_their_rows(group: str) -> None:
    """Each sum is what its rows add up to."""
    rows = cost.table()
    parts = [float(row["USD"]) for row in rows if row["way"].startswith(f"{group}:")]
    [total] = [float(row["USD"]) for row in rows if row["way"].startswith(f"sum: {group}")]
    assert len(parts) >= 2
    assert total == pytest.approx(sum(parts), abs=len(parts) * 1e-5)
