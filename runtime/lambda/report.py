"""What the flattener tells CloudWatch: a JSON line per object and problem, and one with the invocation's metrics.

JSON with only ASCII: no name or reason, however hostile, can start a line of its own or colour a terminal.
"""

import json
import sys
import time
from collections import Counter
from typing import Any

from runtime.events.elements import BadFile

from .flatten import Outcome
from .messages import UnknownMessage
from .store import Refused

NAMESPACE = "Trailsight"
METRICS = {
    "Files": ("Count", "Log files whose rows are in place after this invocation."),
    "FilesFailed": ("Count", "Log files, or messages, that failed for a reason of their own."),
    "FilesEmpty": ("Count", "Log files with no records in them."),
    "FilesMissing": ("Count", "Log files that were gone when their message came."),
    "FilesSkipped": ("Count", "Objects passed over: digests, aggregated events, other services', own output, no logs."),
    "MessagesGivenBack": ("Count", "Messages given back for lack of time, or because S3 kept failing."),
    "Records": ("Count", "Records in the log files written."),
    "Quarantined": ("Count", "Records of them that could not become rows."),
    "BytesRead": ("Bytes", "Size of the log files, as stored."),
    "BytesWritten": ("Bytes", "Size of the flat files written."),
    "Seconds": ("Seconds", "Time that one log file took."),
    "DeliveryLag": ("Seconds", "From the log file's delivery to its flat file."),
}
"""Metric -> unit and meaning; docs/flattener.md lists the same."""
_LONGEST = 1_000
_VALUES = 100  # of one metric in one record, by the format's rule


class Report:
    """Log lines of one invocation as they come, and its metrics at the end."""

    def __init__(self, function: str, request: str) -> None:
        self._function, self._request = function, request
        self._sums: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._series: dict[str, list[float]] = {"Seconds": [], "DeliveryLag": []}

    def outcome(self, message: str, outcome: Outcome, seconds: float) -> None:
        """What became of one object."""
        if outcome.state == "skipped":
            self._sums["FilesSkipped"] += 1
            self._skipped[outcome.why] += 1
            return
        troubled = outcome.state in ("missing", "empty") or outcome.quarantined
        fields = {
            "messageId": message,
            "source": outcome.source,
            "output": outcome.output,
            "records": outcome.records,
            "rows": outcome.rows,
            "quarantined": outcome.quarantined,
            "reason": outcome.why or outcome.problem,
            "seconds": round(seconds, 3),
        }
        self._say("WARN" if troubled else "INFO", outcome.state, fields)
        if outcome.state in ("missing", "empty"):
            self._sums[f"Files{outcome.state.capitalize()}"] += 1
            return
        self._sums["Files"] += 1
        if outcome.state == "written":
            self._sums["Records"] += outcome.records
            self._sums["Quarantined"] += outcome.quarantined
            self._sums["BytesRead"] += outcome.bytes_read
            self._sums["BytesWritten"] += outcome.bytes_written
            self._series["Seconds"].append(seconds)
            if outcome.modified is not None:
                self._series["DeliveryLag"].append(max(0.0, time.time() - outcome.modified))

    def failed(self, message: str, source: str, error: Exception) -> None:
        """A message will come again, and in the end be dead-lettered, for this reason."""
        self._sums["FilesFailed"] += 1
        known = isinstance(error, BadFile | Refused | UnknownMessage)
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        self._say("ERROR", "failed", {"messageId": message, "source": source, "reason": reason})

    def given_back(self, message: str, reason: str) -> None:
        """A message will come again, through no fault of its own."""
        self._sums["MessagesGivenBack"] += 1
        self._say("WARN", "given back", {"messageId": message, "reason": reason})

    def close(self) -> None:
        """Write the metrics, in CloudWatch's embedded format."""
        values: dict[str, Any] = {name: self._sums[name] for name in METRICS if name not in self._series}
        values |= {name: [round(v, 3) for v in series[-_VALUES:]] for name, series in self._series.items() if series}
        listed = [{"Name": name, "Unit": METRICS[name][0]} for name in values]
        directive = {"Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": listed}
        _print(
            {
                "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
                "FunctionName": self._function,
                "requestId": self._request,
                "skipped": dict(self._skipped),
                **values,
            }
        )

    def _say(self, level: str, event: str, fields: dict[str, Any]) -> None:
        shown = {k: v[:_LONGEST] if isinstance(v, str) else v for k, v in fields.items() if v not in ("", None)}
        _print({"level": level, "event": event, "requestId": self._request, **shown})


def _print(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
