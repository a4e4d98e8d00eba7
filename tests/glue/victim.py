"""A run of the job that kills its whole process group, JVM too, at a point: python -m tests.glue.victim POINT ARGUMENTS."""

import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "fake"))

from awsglue import job as fake

from runtime.glue import commit, job, layout, load, session
from runtime.glue.storage import _Folder

# What a folder below the run shows when Spark has reached the point: the files live a second or more before the next.
SEEN = {
    "write": "_temporary/0/_temporary/attempt_*/*/*.parquet",
    "task-commit": "_temporary/0/task_*",
    "job-commit": "eventdate=*/*.parquet",
}


def die(*_arguments, **_options):
    os.killpg(0, signal.SIGKILL)


def watch(lake: str, pattern: str) -> None:
    def look():
        while not any(Path(lake).glob(pattern)):
            time.sleep(0.001)
        die()

    threading.Thread(target=look, daemon=True).start()


def arm(point: str, lake: str) -> None:
    if point in SEEN:
        watch(lake, f"_job/*/rows/{SEEN[point]}")
    elif point == "before-manifest":
        commit.Run.commit = die
    elif point == "after-manifest":
        _Folder.publish = die
    elif point == "half-published":
        publish = _Folder.publish
        _Folder.publish = lambda self, moves: (publish(self, moves[:1]), die())
    elif point == "before-bookmark":
        fake.Job.commit = die
    elif point in ("before-delete", "after-delete"):
        delete = _Folder.delete

        def deleting(self, paths):
            if point == "before-delete":
                die()
            delete(self, paths)
            if paths and paths[0].startswith("parquettrails/"):
                die()

        _Folder.delete = deleting
    elif point == "half-deleted":
        delete = _Folder.delete
        _Folder.delete = lambda self, paths: (delete(self, paths[: len(paths) // 2]), die())
    elif point.startswith("after-"):  # seconds, random
        threading.Timer(random.Random(point).uniform(0, float(point.removeprefix("after-").split("/")[0])), die).start()
    else:
        raise SystemExit(f"no point {point}")


if __name__ == "__main__":
    given = sys.argv[2:]
    # One task per day, one after the other, so that a task's commit is seconds before the job's.
    load.plan = lambda days, pieces: layout.plan(days, pieces, 1 + max((d.rows for d in days), default=1))
    load.large = lambda _days: []
    with session.plain(cores="1"):
        arm(sys.argv[1], given[given.index("--lake") + 1])
        sys.exit(job.main(given))
