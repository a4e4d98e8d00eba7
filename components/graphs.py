"""The CloudWatch dashboard's body: alarms first, then graphs of each stage in the order of the flow. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.alarms import DLQ, FIVE_MINUTES, FUNCTION, HOUR, JOB, NAMESPACE, QUEUE, REFRESH
from components.names import Names


def dashboard(
    names: Names, dimensions: Mapping[str, Any], data_sets: Sequence[Mapping[str, Any]], alarm_arns: Sequence[Any]
) -> dict[str, Any]:
    """The body. `dimensions`: whose -> the dimensions of its metrics; `data_sets`: those of each one in SPICE.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    graphs: list[tuple[str, str, str, str, int, list[str]]] = [
        # title, namespace, whose, statistic, period, metrics
        ("Log files", NAMESPACE, FUNCTION, "Sum", FIVE_MINUTES, ["Files", "FilesFailed", "FilesMissing", "FilesEmpty"]),
        ("Records", NAMESPACE, FUNCTION, "Sum", FIVE_MINUTES, ["Records", "Quarantined"]),
        ("From delivery to flat file, seconds", NAMESPACE, FUNCTION, "p90", FIVE_MINUTES, ["DeliveryLag", "Seconds"]),
        (
            "Queue",
            "AWS/SQS",
            QUEUE,
            "Maximum",
            FIVE_MINUTES,
            ["ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"],
        ),
        ("Oldest message, seconds", "AWS/SQS", QUEUE, "Maximum", FIVE_MINUTES, ["ApproximateAgeOfOldestMessage"]),
        ("Dead letters", "AWS/SQS", DLQ, "Maximum", FIVE_MINUTES, ["ApproximateNumberOfMessagesVisible"]),
        ("Flattener", "AWS/Lambda", FUNCTION, "Sum", FIVE_MINUTES, ["Invocations", "Errors", "Throttles"]),
        ("Parquet job: lines", NAMESPACE, JOB, "Sum", HOUR, ["read", "written", "duplicates"]),
        (
            "Parquet job: set aside",
            NAMESPACE,
            JOB,
            "Sum",
            HOUR,
            ["quarantined", "duplicate_differs", "flatfiles_set_aside"],
        ),
        ("Parquet job: seconds", NAMESPACE, JOB, "Maximum", HOUR, ["seconds"]),
    ]
    width, height, row = 8, 6, 3
    widgets: list[dict[str, Any]] = [
        {
            "type": "alarm",
            "x": 0,
            "y": 0,
            "width": 24,
            "height": 3,
            "properties": {"title": "Alarms", "alarms": list(alarm_arns)},
        }
    ]
    drawn = [
        (title, statistic, period, [[namespace, metric, *_listed(dimensions[of])] for metric in metrics])
        for title, namespace, of, statistic, period, metrics in graphs
    ]
    if data_sets:
        failed = [[REFRESH.namespace, REFRESH.metric, *_listed(of)] for of in data_sets]
        drawn.append(("Dashboard: failed refreshes", REFRESH.statistic, REFRESH.period, failed))
    for number, (title, statistic, period, lines) in enumerate(drawn):
        widgets.append(
            {
                "type": "metric",
                "x": number % row * width,
                "y": 3 + number // row * height,
                "width": width,
                "height": height,
                "properties": {
                    "title": title,
                    "region": names.where.region,
                    "stat": statistic,
                    "period": period,
                    "metrics": lines,
                },
            }
        )
    return {"widgets": widgets}


def _listed(dimensions: Mapping[str, Any]) -> list[Any]:
    return [part for pair in dimensions.items() for part in pair]
