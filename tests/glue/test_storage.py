"""Folder and S3 (moto) behave alike; a run's commit is completed or cleared, and nobody else's files are touched."""

import io
import os
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("pyspark")

from runtime.glue.commit import Change, Run, recover
from runtime.glue.storage import Storage, StorageError, read, storage


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return storage(str(tmp_path / "root"))
    s3 = request.getfixturevalue("s3")
    bucket = f"bucket-{abs(hash(request.node.name)):x}"[:40]
    s3.create_bucket(Bucket=bucket)
    return storage(f"s3://{bucket}/some/prefix")


def paths(place: Storage, folder: str = "") -> list[str]:
    return [file.path for file in place.files(folder)]


def test_put_list_read_delete(place):
    """Files are listed by path with size and time; folders by name; what is deleted is gone; a missing one is no error."""
    place.put("dt=2024-05-02/b.gz", b"bb")
    place.put("dt=2024-05-01/a.gz", io.BytesIO(b"a"))
    place.put("other", b"")
    assert place.folders("") == ["dt=2024-05-01", "dt=2024-05-02"]
    assert place.folders("none") == []
    assert [(f.path, f.size) for f in place.files("dt=2024-05-02")] == [("dt=2024-05-02/b.gz", 2)]
    assert all(file.modified.utcoffset() is not None for file in place.files(""))
    assert read(place, "dt=2024-05-01/a.gz") == b"a"
    assert place.exists("other")
    with pytest.raises(OSError, match="missing"):
        read(place, "missing")
    place.delete(["other", "missing"])
    assert not place.exists("other")
    place.clear("dt=2024-05-02")
    assert paths(place) == ["dt=2024-05-01/a.gz"]


def test_more_files_than_one_call_deletes(s3):
    """1,001 keys are deleted by two calls."""
    s3.create_bucket(Bucket="many")
    place = storage("s3://many")
    for number in range(1_001):
        s3.put_object(Bucket="many", Key=f"x/{number:04d}")
    place.delete(paths(place))
    assert paths(place) == []


def test_commit_moves_and_replaces(place):
    """What a change moves appears with its content, what it replaces is gone, and no staging is left."""
    place.put("t/old", b"old")
    run = Run(place)
    place.put(run.staged("rows/d=1/part-0.parquet"), b"new")
    place.put(run.staged("rows/_temporary/0/part-9.parquet"), b"a dead task's")
    moves = run.moves("rows", ".parquet", "t")
    assert moves == [(f"_job/{run.name}/rows/d=1/part-0.parquet", f"t/d=1/{run.name}-0.parquet")]
    run.commit([Change(moves, ["t/old"])])
    assert paths(place) == [f"t/d=1/{run.name}-0.parquet"]
    assert read(place, paths(place)[0]) == b"new"


def test_a_run_without_manifest_never_happened(place):
    """Its staging is cleared, all else stays."""
    place.put("t/kept", b"")
    place.put("_job/dead/rows/_temporary/0/x", b"")
    place.put("_job/dead/rows/__magic_job-1/x", b"")
    assert recover(place) == ["dead"]
    assert paths(place) == ["t/kept"]
    assert recover(place) in ([], ["dead"])  # an empty folder may be left of it


class Killed(BaseException):
    pass


@pytest.mark.parametrize("survived", range(6))
def test_a_committed_run_is_completed(place, monkeypatch, survived):
    """Killed after any step behind its manifest, a run is completed by the next one, which may be killed too."""
    place.put("t/old", b"old")
    run = Run(place)
    for name in "ab":
        place.put(run.staged(f"rows/{name}.parquet"), name.encode())
    left = survived
    real = {name: getattr(place, name) for name in ("publish", "delete", "clear")}

    def step(name):
        def call(*arguments):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return real[name](*arguments)

        return call

    with monkeypatch.context() as patch:
        for name in real:
            patch.setattr(place, name, step(name))
        try:
            run.commit([Change(run.moves("rows", ".parquet", "t"), ["t/old"])])
        except Killed:
            left = survived // 2
        with suppress(Killed):
            recover(place)
    recover(place)
    assert [(path, read(place, path)) for path in paths(place)] == [
        (f"t/{run.name}-0.parquet", b"a"),
        (f"t/{run.name}-1.parquet", b"b"),
    ]


def test_unfinished_uploads_of_ours_are_aborted_and_no_others(s3):
    """Those below the staging folder and of the files a manifest names go; another program's stays."""
    s3.create_bucket(Bucket="uploads")
    place = storage("s3://uploads/lake")
    run = Run(place)
    place.put(run.staged("rows/a.parquet"), b"a")
    moves = run.moves("rows", ".parquet", "t")
    place.put(
        run.staged("manifest.json"),
        f'{{"changes":[{{"moves":[{list(moves[0])}],"deletes":[]}}]}}'.replace("'", '"').encode(),
    )
    for key in (
        "lake/_job/dead/rows/b.parquet",
        f"lake/{moves[0][1]}",
        f"lake/{moves[0][1]}.theirs",
        "lake/t/theirs",
        "else",
    ):
        s3.create_multipart_upload(Bucket="uploads", Key=key)
    place.put("_job/dead/x", b"")
    recover(place)
    left = [upload["Key"] for upload in s3.list_multipart_uploads(Bucket="uploads")["Uploads"]]
    assert sorted(left) == sorted(["else", f"lake/{moves[0][1]}.theirs", "lake/t/theirs"])
    assert paths(place) == [moves[0][1]]


def test_a_file_of_many_parts_is_copied_whole(s3, monkeypatch):
    """A copy in several parts has the same bytes."""
    monkeypatch.setattr("runtime.glue.storage.COPY_BYTES", 5 << 20)
    s3.create_bucket(Bucket="parts")
    place = storage("s3://parts")
    content = bytes(range(256)) * (11 << 12)
    place.put("a", content)
    place.publish([("a", "b")])
    assert read(place, "b") == content


def test_a_folder_is_held_by_one(tmp_path):
    """A second run is refused with one sentence; the lock goes with its holder."""
    one, two = storage(str(tmp_path)), storage(f"file://{tmp_path}")
    with (
        one.locked(),
        pytest.raises(StorageError, match="another run holds this lake; wait for it to end"),
        two.locked(),
    ):
        pass
    with two.locked():
        pass


def test_new_folders_are_on_the_disk_too(tmp_path, monkeypatch):
    """What appears in a new folder is synced with each folder above it, up to the root: a power cut takes none of them."""
    place = storage(str(tmp_path / "root"))
    run = Run(place)
    place.put(run.staged("new"), b"new")
    seen, fsync = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda handle: (seen.append(str(Path(f"/proc/self/fd/{handle}").readlink())), fsync(handle))
    )
    place.publish([(run.staged("new"), "parquettrails/eventdate=2024-05-06/new")])
    root = tmp_path / "root"
    assert {str(root), str(root / "parquettrails"), str(root / "parquettrails/eventdate=2024-05-06")} <= set(seen)
