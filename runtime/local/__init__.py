"""The one-machine engine: log files in; a Parquet lake, SQL and a page out, with no AWS."""
