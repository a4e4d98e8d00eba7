"""What a run did, as numbers that balance: a JSON record in the lake, and CloudWatch metrics."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from runtime.events.columns import VERSION

NOT_SENT = ("run", "task", "row_version")
"""Fields that are no count, and no metric."""


class Unbalanced(AssertionError):
    """Rows are unaccounted for: nothing of the run is committed."""


@dataclass(slots=True)
class Metrics:
    """Counts of one run; every line read is in exactly one of the others.

    `outside` are rows of other days that a rebuild read past; `carried` are rows that a rebuild or a compaction took
    over from the partition it replaces; `replaced_differs` are rows of that partition in whose place a rebuild put one
    with other content. They were not read, and so stand outside the balance.
    """

    run: str
    task: str
    read: int = 0
    written: int = 0
    duplicates: int = 0
    duplicate_differs: int = 0
    quarantined: int = 0
    outside: int = 0
    carried: int = 0
    replaced_differs: int = 0
    files: int = 0
    files_replaced: int = 0
    flatfiles: int = 0
    flatfiles_set_aside: int = 0
    partitions: int = 0
    written_bytes: int = 0
    seconds: float = 0.0
    row_version: int = VERSION

    @property
    def missing(self) -> int:
        """Lines that are not accounted for."""
        found = self.written + self.duplicates + self.duplicate_differs + self.quarantined + self.outside
        return self.read + self.carried - found

    def check(self) -> None:
        """Raise Unbalanced if a line was lost or doubled."""
        if self.missing:
            raise Unbalanced(f"{self.run}: the counts do not balance, nothing was committed: {self}")

    def record(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @property
    def path(self) -> str:
        """Where in the lake the record stands."""
        return f"metrics/dt={self.run[:4]}-{self.run[4:6]}-{self.run[6:8]}/{self.run}.json"


def send(metrics: Metrics, namespace: str, job: str, client: Any = None) -> None:
    """Put all counts into CloudWatch under the dimensions JobName and Task: no alarm on loads hears of a rebuild."""
    if client is None:
        import boto3

        client = boto3.client("cloudwatch")
    units = {"written_bytes": "Bytes", "seconds": "Seconds"}
    data = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "JobName", "Value": job}, {"Name": "Task", "Value": metrics.task}],
            "Value": float(getattr(metrics, name)),
            "Unit": units.get(name, "Count"),
        }
        for name in (field.name for field in fields(metrics))
        if name not in NOT_SENT
    ]
    client.put_metric_data(Namespace=namespace, MetricData=data)
