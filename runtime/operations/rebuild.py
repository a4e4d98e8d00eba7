"""Rebuild: days of the lake made anew from their log files, for instance when a path has been promoted.

Three steps, each of which can be run again: flatten the days' log files anew, wait until the queue is empty, have the
Parquet job replace the days' partitions.
"""

import time
from collections.abc import Callable
from typing import Any

from runtime.operations.queue import Queue

POLL_SECONDS = 15.0
QUIET_POLLS = 5  # SQS counts approximately, for up to a minute: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
RUNNING = ("STARTING", "RUNNING", "STOPPING", "WAITING")


class RebuildError(RuntimeError):
    """A step that did not end well; its text is one sentence with the cure."""


def wait_until_empty(
    queue: Queue,
    *,
    most_seconds: float,
    progress: Callable[[int], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Return when nothing has waited in the queue for a minute. Raises RebuildError after `most_seconds`."""
    quiet = 0
    for _ in range(max(1, round(most_seconds / POLL_SECONDS))):
        waiting = queue.waiting()
        progress(waiting)
        quiet = quiet + 1 if waiting == 0 else 0
        if quiet >= QUIET_POLLS:
            return
        pause(POLL_SECONDS)
    raise RebuildError(
        f"{queue.url}: {queue.waiting()} messages still wait after {most_seconds:,.0f} s; see why, then run this again"
    )


def dead_letters(queue: Queue) -> int:
    """Messages in the queue's dead-letter queue, where those end that fail again and again; 0 if it has none."""
    dlq = queue.dead_letters()
    return 0 if dlq is None else dlq.waiting()


def run_job(
    name: str,
    first: str,
    last: str,
    glue: Any,
    *,
    progress: Callable[[str], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
) -> str:
    """Have the Parquet job replace the partitions of these days; its run's id. Raises RebuildError if it fails."""
    run = glue.start_job_run(JobName=name, Arguments={"--rebuild": f"{first}..{last}"})["JobRunId"]
    while True:
        state = glue.get_job_run(JobName=name, RunId=run)["JobRun"]
        progress(state["JobRunState"])
        if state["JobRunState"] == "SUCCEEDED":
            return str(run)
        if state["JobRunState"] not in RUNNING:
            why = state.get("ErrorMessage", "see its log")
            # A run that dies behind its commit leaves days replaced, and others not yet: runtime/glue/commit.py.
            cure = "each day is as it was, or the job's next run completes it: start the job, then run this again"
            raise RebuildError(f"{name}: run {run} ended as {state['JobRunState']}: {why}; {cure}")
        pause(POLL_SECONDS)
