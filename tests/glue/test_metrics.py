"""Counts that balance go to CloudWatch; counts that do not are refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest

pytest.importorskip("pyspark")

from runtime.events.columns import VERSION
from runtime.glue import aws
from runtime.glue.metrics import Metrics, Unbalanced, send
from runtime.glue.storage import File, storage

GOOD = Metrics("20240506T070809000000Z-abcd", "load", 10, 4, 3, 2, 1, files=2, written_bytes=99, seconds=1.5)


def test_balance():
    """What is read and carried is written + duplicates + duplicate_differs + quarantined + outside, to the row."""
    GOOD.check()
    replace(GOOD, carried=5, outside=5).check()
    for name in ("read", "written", "duplicates", "duplicate_differs", "quarantined", "outside", "carried"):
        with pytest.raises(Unbalanced, match="20240506T070809000000Z-abcd: the counts do not balance"):
            replace(GOOD, **{name: getattr(GOOD, name) + 1}).check()


def test_record():
    """The record stands under the run's day, one line of JSON."""
    assert GOOD.path == "metrics/dt=2024-05-06/20240506T070809000000Z-abcd.json"
    assert GOOD.record().endswith(b'"row_version": %d}\n' % VERSION)
    assert GOOD.record().startswith(
        b'{"run": "20240506T070809000000Z-abcd", "task": "load", "read": 10, "written": 4, '
    )


def test_cloudwatch(s3):
    """Every number is a metric of the job and its task (moto)."""
    send(GOOD, "Trailsight", "parquet")
    client = boto3.client("cloudwatch")
    listed = client.list_metrics(Namespace="Trailsight")["Metrics"]
    dimensions = [{"Name": "JobName", "Value": "parquet"}, {"Name": "Task", "Value": "load"}]
    assert all(metric["Dimensions"] == dimensions for metric in listed)
    names = sorted(metric["MetricName"] for metric in listed)
    assert names == sorted(set(Metrics.__slots__) - {"run", "task", "row_version"})
    found = client.get_metric_statistics(
        Namespace="Trailsight",
        MetricName="written_bytes",
        Dimensions=dimensions,
        StartTime=datetime.now(UTC) - timedelta(hours=1),
        EndTime=datetime.now(UTC) + timedelta(hours=1),
        Period=60,
        Statistics=["Sum"],
    )
    assert [(point["Sum"], point["Unit"]) for point in found["Datapoints"]] == [(99.0, "Bytes")]


def test_only_new_files_are_verified_again(tmp_path):
    """On Glue, files that an earlier run verified are passed over, but for an hour's margin."""
    lake = storage(str(tmp_path))
    start = datetime(2024, 5, 6, tzinfo=UTC)
    files = [File(f"{hour}.gz", 1, start + timedelta(hours=hour)) for hour in range(4)]
    assert aws.unverified(lake, files) == files
    aws.verified(lake, files[:3])
    assert [file.path for file in aws.unverified(lake, files)] == ["2.gz", "3.gz"]
    aws.verified(lake, [])
    assert [file.path for file in aws.unverified(lake, files)] == ["2.gz", "3.gz"]
