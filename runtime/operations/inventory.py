"""Log files from an S3 Inventory report, for buckets whose listing would take hours.

A manifest names gzipped CSV files without a header, or Parquet or ORC files; keys are URL-encoded in CSV only:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

from runtime.local.ingest import Selection
from runtime.local.inputs import InputError, Listing, S3Options, client, of_keys


def listing(manifest_uri: str, selection: Selection, options: S3Options) -> Listing:
    """Log files of a report within the selection, as a listing of the bucket gives them. Raises InputError."""
    return of_keys(
        _objects(manifest_uri, client("s3", options)),
        start=selection.start,
        end=selection.end,
        accounts=selection.accounts,
        regions=selection.regions,
    )


def _objects(manifest_uri: str, s3: Any) -> Iterator[tuple[str, str, int]]:
    """(bucket, key, size in bytes) of each object that the report lists."""
    bucket, _, key = manifest_uri.removeprefix("s3://").partition("/")
    try:
        manifest = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        columns = [name.strip() for name in _schema(manifest["fileSchema"], manifest["fileFormat"])]
        files = [file["key"] for file in manifest["files"]]
        form = manifest["fileFormat"]
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{manifest_uri}: is not a manifest of S3 Inventory ({error}); name its manifest.json"
        ) from error
    target = manifest.get("destinationBucket", bucket).rsplit(":", 1)[-1]
    for name in files:
        content = s3.get_object(Bucket=target, Key=name)["Body"].read()
        for row in _rows(form, columns, content):
            if str(row.get("is_delete_marker", "false")).lower() != "true" and _latest(row):
                yield row["bucket"], row["key"], int(row.get("size") or 0)


def _schema(text: str, form: str) -> list[str]:
    if form == "CSV":
        return [_snake(name) for name in text.split(",")]
    return []


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in name.strip()).lstrip("_")


def _latest(row: dict[str, Any]) -> bool:
    return str(row.get("is_latest", "true")).lower() == "true"


def _rows(form: str, columns: list[str], content: bytes) -> Iterator[dict[str, Any]]:
    if form == "CSV":
        with gzip.open(io.BytesIO(content), "rt", encoding="utf-8", newline="") as lines:
            for values in csv.reader(lines):
                row = dict(zip(columns, values, strict=False))
                yield row | {"key": unquote_plus(row["key"])}
    elif form == "Parquet":
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(io.BytesIO(content)).iter_batches():
            yield from batch.to_pylist()
    elif form == "ORC":
        from pyarrow import orc

        yield from orc.ORCFile(io.BytesIO(content)).read().to_pylist()
    else:
        raise InputError(f"the inventory is in the format {form!r}; CSV, Parquet and ORC are read")
