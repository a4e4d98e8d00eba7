"""The Lambda's entry: an SQS batch of messages about log files in, the messages that have to come again out."""

import gc
import os
import time
from functools import lru_cache
from typing import Any

from .flatten import Flattener
from .messages import refs
from .report import Report
from .settings import Settings
from .store import Deadline, OutOfTime, Store, s3_client

SETTINGS = Settings.read(os.environ)


@lru_cache
def flattener() -> Flattener:
    """The one of this execution environment; the AWS SDK is loaded with it."""
    return Flattener(Store(s3_client(), SETTINGS), SETTINGS)


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Partial batch response: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html."""
    deadline = Deadline(lambda: context.get_remaining_time_in_millis() / 1000, SETTINGS.reserve)
    report = Report(context.function_name, context.aws_request_id)
    gc.disable()  # rows hold no cycles, and looking for some takes an eighth of the time
    try:
        failed = [m["messageId"] for m in event["Records"] if not _done(m["messageId"], m["body"], deadline, report)]
    finally:
        gc.enable()
        report.close()
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}


def _done(message: str, body: str, deadline: Deadline, report: Report) -> bool:
    """Whether all objects of the message are dealt with; each one that can be is, whatever becomes of the others."""
    source, done = "", True
    try:
        deadline.check()
        for ref in refs(body):
            source, began = ref.uri, time.monotonic()
            try:
                outcome = flattener().take(ref, deadline)
            except OutOfTime:
                raise
            except Exception as error:  # noqa: BLE001 - reported, and the message comes again
                report.failed(message, source, error)
                done = False
            else:
                report.outcome(message, outcome, time.monotonic() - began)
    except OutOfTime as late:
        report.given_back(message, f"{late}" + (f"; at {source}" if source else ""))
        return False
    except Exception as error:  # noqa: BLE001 - the same, for a message that names no object
        report.failed(message, source, error)
        return False
    return done
