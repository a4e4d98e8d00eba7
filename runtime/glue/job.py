"""The Parquet job's entry, on Glue and on plain pyspark: `python -m runtime.glue.job --source DIR --lake DIR`.

On Glue this file is the script, and a zip with `runtime/` comes by --extra-py-files; `--JOB_NAME` tells it where it is.
"""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from pyspark.sql import DataFrame, SparkSession

from runtime.events.columns import columns
from runtime.glue import aws, source, verify
from runtime.glue.arguments import ArgumentError, Options, parse
from runtime.glue.commit import Run, recover
from runtime.glue.compact import compact
from runtime.glue.dedupe import lake_rows
from runtime.glue.load import EVENTS, Load
from runtime.glue.metrics import Metrics, send
from runtime.glue.parse import DATE
from runtime.glue.session import plain
from runtime.glue.storage import File, Storage, StorageError, storage


def main(argv: Sequence[str]) -> int:
    """Run the job: 0, or 2 with one sentence for arguments or a lake that cannot be used; else the error is raised."""
    try:
        options = parse(argv)
        if options.job is None:
            with plain() as spark:
                _print(_run(spark, options, None))
        else:
            if options.passed_over:
                print(f"passed over: --{', --'.join(options.passed_over)}", flush=True)  # noqa: T201 - the job's log
            glue = aws.Glue(options.job, options.given)
            for metrics in _run(glue.spark, options, glue):
                _print([metrics])
                if options.namespace:
                    send(metrics, options.namespace, options.job)
    except (ArgumentError, StorageError) as error:
        print(f"runtime.glue.job: {error}", file=sys.stderr)  # noqa: T201 - the job's log
        return 2
    return 0


def _run(spark: SparkSession, options: Options, glue: "aws.Glue | None") -> Iterator[Metrics]:
    lake = storage(options.lake)
    with lake.locked():
        for name in recover(lake):
            print(f"{name}: a run that had died was completed or cleared", flush=True)  # noqa: T201 - the job's log
        if options.task == "compact":
            yield from compact(spark, lake, columns(options.promote), options.smallfiles)
        else:
            yield _load(spark, lake, options, glue)


def _load(spark: SparkSession, lake: Storage, options: Options, glue: "aws.Glue | None") -> Metrics:
    """One load or rebuild.

    With days of its own it has nothing to do with the bookmark: it reads flat files again, and the bookmark, a time,
    would move past new ones in the folders that it does not look into.
    """
    flat, run, today = storage(options.source), Run(lake), datetime.now(UTC).date()
    is_for_new = options.rebuild is None and options.folders is None
    if not is_for_new:
        glue = None
    metrics = Metrics(run.name, "rebuild" if options.rebuild else "load")
    folders = _folders(spark, flat, lake, options, today)
    files = source.flat_files(flat, folders)
    suspicious = files if glue is None else aws.unverified(lake, files)
    aside = verify.set_aside(spark, flat, lake, [file.path for file in suspicious])
    left = [file for file in files if file.path not in set(aside)]
    metrics.flatfiles, metrics.flatfiles_set_aside = len(left), len(aside)
    lines = _lines(spark, flat, left, glue)
    Load(spark, lake, run, lines, columns(options.promote), metrics, options.rebuild).go()
    if glue is not None:
        glue.commit()
        aws.verified(lake, files)
    if is_for_new:
        source.looked(lake, today)
    return metrics


def _lines(spark: SparkSession, flat: Storage, files: Sequence[File], glue: "aws.Glue | None") -> DataFrame:
    folders = sorted({file.path.split("/", 1)[0] for file in files})
    return source.lines(spark, flat, folders) if glue is None else glue.lines(flat, folders)


def _folders(spark: SparkSession, flat: Storage, lake: Storage, options: Options, today: date) -> list[str]:
    if options.rebuild is not None:
        names = [name.removeprefix(f"{DATE}=") for name in lake.folders(EVENTS)]
        days = [day for day in names if day in options.rebuild]
        wanted = [column for column in columns(options.promote) if column.name == "sourcefile"]
        return source.feeding(flat, options.rebuild, lake_rows(spark, lake.uri(EVENTS), days, wanted))
    if options.folders is not None:
        return source.within(flat, options.folders)
    return source.recent(flat, lake, options.days, today)


def _print(all_metrics: "Iterator[Metrics] | list[Metrics]") -> None:
    for metrics in all_metrics:
        print(metrics.record().decode(), end="", flush=True)  # noqa: T201 - the job's log


if __name__ == "__main__":
    if code := main(sys.argv[1:]):  # Glue takes even sys.exit(0) for a failure
        sys.exit(code)
