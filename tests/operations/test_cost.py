"""The cost model counts what the code does: requests for a log file, metrics and alarms that are billed by the month."""

import gzip
from collections import Counter
from importlib import import_module
from typing import Any

import pytest

from components.alarms import alarms, silences
from components.defaults import complete
from runtime.glue.metrics import Metrics, send
from runtime.operations import cost
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


@pytest.mark.parametrize("group", ["flattener", "job", "kept", "standing"])
def test_sums_are_of_their_rows(group: str) -> None:
    """Each sum is what its rows add up to."""
    rows = cost.table()
    parts = [float(row["USD"]) for row in rows if row["way"].startswith(f"{group}:")]
    [total] = [float(row["USD"]) for row in rows if row["way"].startswith(f"sum: {group}")]
    assert len(parts) >= 2
    assert total == pytest.approx(sum(parts), abs=len(parts) * 1e-5)
