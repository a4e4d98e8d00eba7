"""The Spark session of the Parquet job's tests, for those of the whole pipeline too."""

from tests.glue.conftest import spark

__all__ = ["spark"]
