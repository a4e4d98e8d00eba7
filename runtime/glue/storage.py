"""The few things the job does to files itself, beside Spark: list, read, put, delete many, publish; folder or S3."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from runtime.folder import held, sync

T = TypeVar("T")
DELETE_KEYS = 1_000  # what one DeleteObjects call takes
COPY_BYTES = 128 << 20  # part of a server-side copy
THREADS = 16


class StorageError(RuntimeError):
    """A place that cannot be used; its text is one sentence with the cure."""


@dataclass(frozen=True, slots=True)
class File:
    """One file: its path below the storage's root, its size in bytes, when it was last written."""

    path: str
    size: int
    modified: datetime


class Storage(Protocol):
    """One root and what is below it. Paths are relative to the root, with `/` between their parts."""

    root: str

    def uri(self, path: str) -> str:
        """Full name, as Spark takes it."""

    def folders(self, path: str) -> list[str]:
        """Names of the folders right below, sorted; none where the folder is missing."""

    def files(self, path: str) -> Iterator[File]:
        """All files below, sorted by path."""

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""

    def open(self, path: str) -> BinaryIO:
        """The file's bytes as a stream. Raises OSError where there is none."""

    def put(self, path: str, content: bytes | BinaryIO) -> None:
        """Write a file; readers see all of it or nothing."""

    def delete(self, paths: Sequence[str]) -> None:
        """Delete files, up to 1,000 at a time; one that is missing is no error."""

    def publish(self, moves: Sequence[tuple[str, str]]) -> None:
        """Make staged files appear under their final names, as near to one moment as the storage can.

        Repeatable: a move that was done is passed over. The sources need not be gone afterwards.
        """

    def clear(self, path: str) -> None:
        """Delete everything below a folder, unfinished uploads too."""

    def abort(self, paths: Iterable[str]) -> None:
        """Give up unfinished uploads of exactly these files."""

    def locked(self) -> AbstractContextManager[None]:
        """Hold the root against other runs. Raises StorageError if it is taken."""


def storage(root: str) -> Storage:
    """Storage for `s3://bucket/prefix` or a folder's name."""
    if root.startswith(("s3://", "s3a://")):
        return _S3(root)
    return _Folder(root.removeprefix("file://"))


def read(place: Storage, path: str) -> bytes:
    """All bytes of a file. Raises OSError where there is none."""
    with place.open(path) as stream:
        return stream.read()


def noted(place: Storage, path: str, meaning: Callable[[str], T]) -> T | None:
    """What `meaning` makes of what an earlier run noted; None without it, or if it is spoilt, which the log says."""
    if not place.exists(path):
        return None
    try:
        return meaning(read(place, path).decode())
    except (ValueError, LookupError, TypeError):
        print(f"{place.uri(path)}: cannot be read, and is taken for lost", flush=True)  # noqa: T201 - the job's log
        return None


class _Folder:
    """A local folder."""

    def __init__(self, root: str) -> None:
        self._root = Path(root).resolve()
        self.root = str(self._root)

    def uri(self, path: str) -> str:
        return str(self._root / path)

    def folders(self, path: str) -> list[str]:
        folder = self._root / path
        return sorted(child.name for child in folder.iterdir() if child.is_dir()) if folder.is_dir() else []

    def files(self, path: str) -> Iterator[File]:
        for child in sorted((self._root / path).rglob("*")):
            if child.is_file():
                state = child.stat()
                modified = datetime.fromtimestamp(state.st_mtime, UTC)
                yield File(str(child.relative_to(self._root)), state.st_size, modified)

    def exists(self, path: str) -> bool:
        return (self._root / path).is_file()

    def open(self, path: str) -> BinaryIO:
        return (self._root / path).open("rb")

    def put(self, path: str, content: bytes | BinaryIO) -> None:
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.draft")
        with draft.open("wb") as out:
            if isinstance(content, bytes):
                out.write(content)
            else:
                shutil.copyfileobj(content, out)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(target)
        sync(target.parent)

    def delete(self, paths: Sequence[str]) -> None:
        for path in paths:
            (self._root / path).unlink(missing_ok=True)

    def publish(self, moves: Sequence[tuple[str, str]]) -> None:
        left = [(self._root / a, self._root / b) for a, b in moves if (self._root / a).exists()]
        for source, target in left:
            sync(source)
            target.parent.mkdir(parents=True, exist_ok=True)
        for source, target in left:
            source.replace(target)
        # A new folder is an entry of the one above it, up to the root.
        above = {folder for _, target in left for folder in target.parents if folder.is_relative_to(self._root)}
        for folder in above:
            sync(folder)

    def clear(self, path: str) -> None:
        if (self._root / path).exists():
            shutil.rmtree(self._root / path)

    def abort(self, paths: Iterable[str]) -> None:
        pass

    def locked(self) -> AbstractContextManager[None]:
        return held(self._root, StorageError)


class _S3:
    """A prefix of an S3 bucket. The client finds Region and credentials as the AWS SDK does."""

    def __init__(self, root: str) -> None:
        self._scheme, _, rest = root.partition("://")
        self._bucket, _, prefix = rest.partition("/")
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self.root = root.rstrip("/")
        import boto3

        self._client: Any = boto3.client("s3")

    def uri(self, path: str) -> str:
        return f"{self._scheme}://{self._bucket}/{self._prefix}{path}"

    def folders(self, path: str) -> list[str]:
        prefix = self._folder(path)
        found = []
        for page in self._pages(prefix, Delimiter="/"):
            found += [entry["Prefix"][len(prefix) : -1] for entry in page.get("CommonPrefixes", ())]
        return sorted(found)

    def files(self, path: str) -> Iterator[File]:
        for page in self._pages(self._folder(path)):
            for entry in page.get("Contents", ()):
                if not entry["Key"].endswith("/"):  # else a console's stand-in for a folder
                    yield File(entry["Key"][len(self._prefix) :], entry["Size"], entry["LastModified"])

    def exists(self, path: str) -> bool:
        from botocore.exceptions import ClientError

        try:
            self._client.head_object(Bucket=self._bucket, Key=self._prefix + path)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
                return False
            raise
        return True

    def open(self, path: str) -> BinaryIO:
        from botocore.exceptions import ClientError

        try:
            body: BinaryIO = self._client.get_object(Bucket=self._bucket, Key=self._prefix + path)["Body"]
        except ClientError as error:
            raise OSError(f"{self.uri(path)}: {error}") from error
        return body

    def put(self, path: str, content: bytes | BinaryIO) -> None:
        if isinstance(content, bytes):
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + path, Body=content)
        else:
            self._client.upload_fileobj(content, self._bucket, self._prefix + path)

    def delete(self, paths: Sequence[str]) -> None:
        for start in range(0, len(paths), DELETE_KEYS):
            keys = [{"Key": self._prefix + path} for path in paths[start : start + DELETE_KEYS]]
            answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})
            for error in answer.get("Errors", ()):
                raise StorageError(f"{self._bucket}/{error['Key']}: not deleted: {error['Code']}; run the job again")

    def publish(self, moves: Sequence[tuple[str, str]]) -> None:
        # S3 has no rename. A copy made in parts is invisible until it is completed, and completing takes no time,
        # so all files of a change appear within moments, however long their copies took.
        moves = [move for move in moves if not self.exists(move[1])]
        with ThreadPoolExecutor(THREADS) as threads:
            uploads = list(threads.map(self._copied, moves))
            list(threads.map(lambda upload: self._client.complete_multipart_upload(**upload), uploads))

    def clear(self, path: str) -> None:
        self._abort(self._folder(path))
        self.delete([file.path for file in self.files(path)])

    def abort(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._abort(self._prefix + path, exact=True)

    def locked(self) -> AbstractContextManager[None]:
        # Glue itself keeps a job to one run at a time (maximum concurrency 1): loads and compactions are one job.
        return nullcontext()

    def _folder(self, path: str) -> str:
        return f"{self._prefix}{path}/" if path else self._prefix

    def _pages(self, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2")
        yield from pages.paginate(Bucket=self._bucket, Prefix=prefix, **options)

    def _copied(self, move: tuple[str, str]) -> dict[str, Any]:
        """What completes the copy of one file, all of whose parts are there."""
        source, target = (self._prefix + path for path in move)
        size = self._client.head_object(Bucket=self._bucket, Key=source)["ContentLength"]
        where = {"Bucket": self._bucket, "Key": target}
        where["UploadId"] = self._client.create_multipart_upload(**where)["UploadId"]
        parts = []
        for number, start in enumerate(range(0, size, COPY_BYTES), 1):
            end = min(start + COPY_BYTES, size) - 1
            answer = self._client.upload_part_copy(
                **where,
                PartNumber=number,
                CopySource={"Bucket": self._bucket, "Key": source},
                CopySourceRange=f"bytes={start}-{end}",
            )
            parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
        return {**where, "MultipartUpload": {"Parts": parts}}

    def _abort(self, prefix: str, *, exact: bool = False) -> None:
        for page in self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=prefix):
            for upload in page.get("Uploads", ()):
                if not exact or upload["Key"] == prefix:
                    self._client.abort_multipart_upload(
                        Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                    )
