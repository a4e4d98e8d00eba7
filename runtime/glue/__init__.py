"""The Parquet job: flat files to the lake's sorted Parquet, with Spark; on Glue and on plain pyspark by one `main`."""
