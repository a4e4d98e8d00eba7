"""GlueContext: `create_dynamic_frame.from_options` gives the files written since the last committed run began.

By their times and not by their names, as Glue has it, which passes over an old file in a folder that is new to it:
https://docs.aws.amazon.com/glue/latest/dg/monitor-continuations.html
"""

import json
import os
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812


def state() -> Path:
    return Path(os.environ["FAKE_BOOKMARK"])


class GlueContext:
    cuts_at_cr = True  # whether Glue's reader takes a bare CR for the end of a line is not documented

    def __init__(self, context):  # noqa: ARG002 - as the real one
        self.spark_session = SparkSession.builder.getOrCreate()
        self.create_dynamic_frame = self
        self.started: int | None = None
        self.read = []

    def from_options(self, connection_type, connection_options, format, format_options, transformation_ctx):  # noqa: A002
        assert self.started is not None, "the source was made before job.init: it would have no bookmark"
        assert (connection_type, format, transformation_ctx) == ("s3", "csv", "flatfiles")
        assert connection_options["recurse"] is True
        assert connection_options["paths"], "no path given"
        assert format_options.pop("attachFilename") == "_file"
        assert format_options == {"separator": "\u0001", "quoteChar": "-1", "withHeader": False}
        format_options["attachFilename"] = "_file"
        since = json.loads(state().read_text()) if state().exists() else 0
        found = [p for folder in connection_options["paths"] for p in sorted(Path(folder).rglob("*.gz"))]
        self.read = [str(path) for path in found if path.stat().st_mtime_ns > since]
        return self

    def toDF(self):  # noqa: N802
        spark = self.spark_session
        if not self.read:
            return spark.createDataFrame([], "struct<>")
        reader = spark.read if self.cuts_at_cr else spark.read.option("lineSep", "\n")
        lines = reader.text(self.read).select(
            F.split("value", "\u0001").alias("parts"), F.input_file_name().alias("_file")
        )
        width = lines.agg(F.max(F.size("parts"))).first()[0] or 1
        return lines.select(*(F.col("parts")[at].alias(f"col{at}") for at in range(width)), "_file")
