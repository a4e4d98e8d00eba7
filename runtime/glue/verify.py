"""Reads gzip files whole before Spark does, and sets the damaged ones aside by name, so that the rest goes on.

Spark fails a whole job over one damaged file and seldom names it; `ignoreCorruptFiles` would take the part before the
damage as the whole file, without a word, and is never used.
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from pyspark.sql import SparkSession

from runtime.glue.storage import Storage, storage

CHUNK = 1 << 20
DRIVER_FILES = 256  # so many are read sooner here than workers start
ASIDE = "quarantine/flatfiles"


def damage(stream: BinaryIO) -> str | None:
    """Why a gzip stream (one member or more) is damaged, or None; one of no bytes is damaged too."""
    member = zlib.decompressobj(wbits=31)
    ended = False
    while chunk := stream.read(CHUNK):
        while chunk:
            try:
                member.decompress(chunk)
            except zlib.error as error:
                return f"damaged gzip: {error}"
            chunk, ended = member.unused_data, member.eof
            if ended:  # another member may follow; anything else is garbage, on which Spark fails
                member = zlib.decompressobj(wbits=31)
    return None if ended else "damaged gzip: it ends too early"


def set_aside(spark: SparkSession, source: Storage, lake: Storage, paths: list[str]) -> list[str]:
    """Move the damaged ones of these flat files to the lake's quarantine, each beside its reason; their paths.

    Repeatable if killed at any point.
    """
    found = sorted(_damaged(spark, source, paths))
    for path, reason in found:
        target = f"{ASIDE}/{path}"
        line = {"kind": "flatfile", "reason": reason, "source": source.uri(path), "kept": lake.uri(target)}
        lake.put(f"{target}.reason.json", json.dumps(line).encode() + b"\n")
        with source.open(path) as stream:
            lake.put(target, stream)
        source.delete([path])
        print(f"{source.uri(path)}: set aside: {reason}", flush=True)  # noqa: T201 - the job's log
    return [path for path, _ in found]


def _damaged(spark: SparkSession, source: Storage, paths: list[str]) -> list[tuple[str, str]]:
    if len(paths) <= DRIVER_FILES:
        with ThreadPoolExecutor(4) as threads:  # zlib lets other threads run
            reasons = threads.map(lambda path: _reason(source, path), paths)
            return [(path, reason) for path, reason in zip(paths, reasons, strict=True) if reason]
    root = source.root

    def check(part: Iterable[str]) -> Iterator[tuple[str, str]]:
        place = storage(root)
        for path in part:
            if reason := _reason(place, path):
                yield path, reason

    context = spark.sparkContext
    slices = min(len(paths), 4 * context.defaultParallelism)
    return context.parallelize(paths, slices).mapPartitions(check).collect()


def _reason(source: Storage, path: str) -> str | None:
    with source.open(path) as stream:
        return damage(stream)
