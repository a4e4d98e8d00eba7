"""The job asks S3 and CloudWatch for what docs/parquet-job.md says that it does, and for all of that.

Spark's and Glue's own requests cannot be seen here: there is no S3A, and no Glue.
"""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import boto3
import pytest

pytest.importorskip("pyspark")

from runtime.glue import job as glue_job
from runtime.glue import storage as places
from tests.glue.flat import put
from tests.glue.permissions import Pair, documented, requested
from tests.glue.test_job import DAY, FAKE, flat

BUCKET = "permissions"


class Mirrored(places._Folder):
    """A folder, so that Spark can read and write it, whose own requests go to S3 as well."""

    def __init__(self, root: str, prefix: str, client: Any) -> None:
        super().__init__(root)
        self._s3, self._client, self._below = places._S3(f"s3://{BUCKET}/{prefix}"), client, prefix

    def _show(self, *names: str) -> None:
        """Put what stands below these names into the bucket, as Spark would have."""
        for name in names:
            path = Path(self.root, name)
            for file in [path] if path.is_file() else path.rglob("*"):
                if file.is_file():
                    key = f"{self._below}/{file.relative_to(self.root)}".lstrip("/")
                    self._client.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())

    def folders(self, path: str) -> list[str]:
        self._s3.folders(path)
        return super().folders(path)

    def files(self, path: str) -> Iterator[places.File]:
        list(self._s3.files(path))
        return super().files(path)

    def exists(self, path: str) -> bool:
        self._s3.exists(path)
        return super().exists(path)

    def open(self, path: str) -> BinaryIO:
        self._show(path)
        self._s3.open(path)
        return super().open(path)

    def put(self, path: str, content: bytes | BinaryIO) -> None:
        whole = content if isinstance(content, bytes) else content.read()
        self._s3.put(path, whole)
        super().put(path, whole)

    def delete(self, paths: Sequence[str]) -> None:
        self._s3.delete(paths)
        super().delete(paths)

    def publish(self, moves: Sequence[tuple[str, str]]) -> None:
        self._show(*(source for source, _ in moves))
        self._s3.publish(moves)
        super().publish(moves)

    def clear(self, path: str) -> None:
        self._show(path)
        self._client.create_multipart_upload(Bucket=BUCKET, Key=f"{path}/unfinished")
        self._s3.clear(path)
        super().clear(path)

    def abort(self, paths: Iterable[str]) -> None:
        paths = list(paths)
        for path in paths:
            self._client.create_multipart_upload(Bucket=BUCKET, Key=path)
        self._s3.abort(paths)


@pytest.fixture
def asked(s3, job, monkeypatch) -> set[Pair]:
    """What the job has asked of AWS; its lake is a bucket's root, its flat files stand in the folder `flatfiles`."""
    s3.create_bucket(Bucket=BUCKET)
    pairs: set[Pair] = set()
    session = boto3.session.Session()
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    session.events.register(
        "before-parameter-build", lambda params, model, **_: pairs.update(requested(model.name, params))
    )
    names = {str(job.lake): "", str(job.source): "flatfiles"}
    monkeypatch.setattr(glue_job, "storage", lambda root: Mirrored(root, names[root], s3))
    monkeypatch.setenv("FAKE_BOOKMARK", str(job.lake.parent / "bookmark.json"))
    monkeypatch.syspath_prepend(FAKE)
    return pairs


def test_what_the_job_asks_for(job, asked):
    """A load with all that can happen in it, a rebuild and a compaction use each right that is said to be the job's."""
    glue = ["--JOB_NAME", "j", "--days", "9999"]
    put(job.source, DAY, "f1", flat("e1"), flat("e1"), flat("e1", userAgent="other"), b"broken\n")
    put(job.source, DAY, "damaged").write_bytes(gzip.compress(b"x")[:-1])
    dead = job.lake / "_job" / "dead" / "rows" / "part-0.parquet"
    dead.parent.mkdir(parents=True)
    dead.write_bytes(b"x")
    first = job.run(*glue)
    assert (first["written"], first["flatfiles_set_aside"]) == (1, 1)
    put(job.source, DAY, "f2", flat("e2"))
    places.storage(str(job.source)).put(f"_late/{DAY}.until-2024-05-07", b"")  # long over
    assert job.run(*glue)["written"] == 1
    assert not list((job.source / "_late").iterdir())
    assert [record["files_replaced"] for record in job.compact("--JOB_NAME", "j", "--smallfiles", "2")] == [2]
    assert job.run("--JOB_NAME", "j", "--rebuild", f"{DAY}..{DAY}")["written"] == 2
    assert asked == {pair for pair, who in documented().items() if "the job" in who}
