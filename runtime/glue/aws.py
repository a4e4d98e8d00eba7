"""Glue's own part: its session, its bookmarks, and the reader that they need; awsglue is imported only here.

awsglue has no types and exists only where Glue runs; the two protocols are what the job uses of it.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from runtime.glue.session import configured
from runtime.glue.source import marked
from runtime.glue.storage import File, Storage, noted

VERIFIED = "_state/verified.json"
_MARGIN = timedelta(hours=1)  # bookmarks too look back: S3 may show files out of the order of their times
# Glue's text readers are JSON and CSV. As CSV with a separator that JSON text cannot hold, and no quotes, a line comes
# as one column, untouched, and bookmarks work. If it cuts at a bare CR, which is not documented, each piece is a line.
_SEPARATOR = "\u0001"
_LINE = {"separator": _SEPARATOR, "quoteChar": "-1", "withHeader": False, "attachFilename": "_file"}


class Context(Protocol):
    """awsglue's GlueContext."""

    spark_session: SparkSession
    create_dynamic_frame: Any


class Bookmark(Protocol):
    """awsglue's Job."""

    def init(self, name: str, arguments: Mapping[str, str]) -> None:
        """Load the bookmark."""

    def commit(self) -> None:
        """Move the bookmark past what was read."""


class Glue:
    """A run on Glue. The bookmark moves at `commit` only: a run that dies before it is read again."""

    def __init__(self, name: str, arguments: Mapping[str, str]) -> None:
        from awsglue.context import GlueContext
        from awsglue.job import Job
        from pyspark.context import SparkContext

        self._context: Context = GlueContext(SparkContext.getOrCreate())
        self._bookmark: Bookmark = Job(self._context)
        self._name, self._arguments = name, arguments
        self.spark = configured(self._context.spark_session)

    def lines(self, source: Storage, folders: Sequence[str]) -> DataFrame:
        """Lines of the flat files in these folders that the bookmark has not passed, as `source.lines` gives them."""
        self._bookmark.init(self._name, self._arguments)
        nothing = self.spark.createDataFrame([], "value string, _file string, _at bigint")
        if not folders:  # a source without paths is an error
            return nothing
        frame = self._context.create_dynamic_frame.from_options(
            connection_type="s3",
            connection_options={"paths": [source.uri(f"{name}/") for name in folders], "recurse": True},
            format="csv",
            format_options=_LINE,
            transformation_ctx="flatfiles",
        ).toDF()
        parts = [name for name in frame.columns if name != "_file"]
        if not parts:  # nothing new: a frame without columns
            return nothing
        # More than one part has only a line that holds the separator: it is no JSON, and goes to quarantine whole.
        return marked(frame.select(F.concat_ws(_SEPARATOR, *parts).alias("value"), "_file"))

    def commit(self) -> None:
        """Move the bookmark; only now are the files read once and for all."""
        self._bookmark.commit()


def unverified(lake: Storage, files: Sequence[File]) -> list[File]:
    """The files written since those that an earlier run verified; all if that is not known."""
    until = noted(lake, VERIFIED, lambda text: datetime.fromisoformat(json.loads(text)["until"]))
    return [file for file in files if until is None or file.modified > until - _MARGIN]


def verified(lake: Storage, files: Sequence[File]) -> None:
    """Remember that these files, and with them all older ones, were verified. Losing it costs a second look."""
    if files:
        lake.put(VERIFIED, json.dumps({"until": max(file.modified for file in files).isoformat()}).encode())
