"""kill -9 at any point: after the next run every event is in the lake exactly once, and nothing is left over."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyspark")

from runtime.events.row import RowMaker
from runtime.glue import compact
from tests.conftest import REPO
from tests.glue.conftest import JAVA, Job
from tests.glue.flat import put
from tests.glue.test_job import flat

PROMOTE = "requestParameters.bucketName"
MAKER = RowMaker([PROMOTE])
DAYS = [f"2024-05-{day:02d}" for day in range(1, 5)]
FAKE = Path(__file__).parent / "fake"


def long(*points: str) -> list:
    return [pytest.param(point, marks=pytest.mark.long) for point in points]


LOAD = ["write", "task-commit", "job-commit", "after-manifest", *long("before-manifest", "half-published")]
COMPACT = ["before-delete", "after-delete", *long("job-commit", "half-deleted")]


def victim(job, point: str, *arguments: str) -> subprocess.CompletedProcess:
    """The job run in a process group of its own, which kills itself at the point."""
    given = ["--lake", str(job.lake), "--promote", PROMOTE, *arguments]
    return subprocess.run(
        [sys.executable, "-m", "tests.glue.victim", point, *given],
        cwd=REPO,
        env=os.environ | {"JDK_JAVA_OPTIONS": JAVA, "TRAILSIGHT_SPARK_MEMORY": "800m"},
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=280,
    )


def kill(job, point: str, *arguments: str) -> None:
    dead = victim(job, point, *arguments)
    assert dead.returncode == -signal.SIGKILL, dead.stderr[-2000:]


def fill(job) -> list[tuple[str, str]]:
    """Flat files of four days, one event of each twice, one late; what must be in the lake then."""
    expected = []
    for number, day in enumerate(DAYS):
        lines = [flat(f"{day}-{n}", f"{day}T{n:02d}:00:00Z", maker=MAKER) for n in range(20)]
        put(
            job.source, day, f"f{number}", *lines, lines[0], flat(f"late-{number}", "2020-01-01T00:00:00Z", maker=MAKER)
        )
        expected += [(day, f"{day}-{n}") for n in range(20)] + [("2020-01-01", f"late-{number}")]
    return sorted(expected)


def visible(job) -> list[tuple[str, str]]:
    return job.rows("eventid") if job.files() else []


@pytest.fixture
def source_arguments(job) -> list[str]:
    return ["--source", str(job.source), "--days", "9999"]


@pytest.mark.parametrize("point", LOAD)
def test_killed_load(job, point, source_arguments):
    """Until the manifest no reader sees a row of the dead run; the next run makes the lake whole, whatever it finds."""
    expected = fill(job)
    kill(job, point, *source_arguments)
    seen = visible(job)
    assert (len(seen) > 0) == (point == "half-published")
    assert set(seen) < set(expected)
    assert job.left() != []
    metrics = job.run("--promote", PROMOTE)
    assert visible(job) == expected
    assert job.left() == []
    assert (metrics["written"] == 0) == (point in ("after-manifest", "half-published"))  # else completed, not repeated
    assert len(job.records()) == (2 if metrics["written"] == 0 else 1)


def test_killed_before_the_bookmark(job, monkeypatch):
    """A run that dies between its commit and Glue's is read again, by the bookmark, and adds nothing."""
    expected = fill(job)
    monkeypatch.setenv("FAKE_BOOKMARK", str(job.lake.parent / "bookmark.json"))
    monkeypatch.syspath_prepend(FAKE)
    glue = ["--JOB_NAME", "j", "--namespace", ""]
    days = ["--days", "9999"]
    kill(job, "before-bookmark", "--source", str(job.source), *days, *glue)
    assert visible(job) == expected
    again = job.run("--promote", PROMOTE, *days, *glue)
    assert (again["read"], again["written"], again["duplicates"]) == (88, 0, 88)
    assert visible(job) == expected
    put(job.source, DAYS[0], "new", flat("new", f"{DAYS[0]}T00:00:00Z", maker=MAKER))
    third = job.run("--promote", PROMOTE, *days, *glue)
    assert (third["read"], third["written"], third["duplicates"]) == (1, 1, 0)
    assert visible(job) == sorted([*expected, (DAYS[0], "new")])


@pytest.fixture(scope="module")
def scattered(spark, tmp_path_factory) -> Path:
    """Lake of one day in three files, of the events e0, e1 and e2."""
    job = Job(tmp_path_factory.mktemp("scattered"))
    for number in range(3):
        put(job.source, DAYS[0], f"f{number}", flat(f"e{number}", f"{DAYS[0]}T00:00:00Z", maker=MAKER))
        job.run("--promote", PROMOTE)
        (job.source / f"dt={DAYS[0]}" / f"f{number}.gz").unlink()
    return job.lake


@pytest.mark.parametrize("point", COMPACT)
def test_killed_compaction(job, point, scattered):
    """No row is ever missing; rows seen twice by a kill before the delete are single again after the next run."""
    shutil.copytree(scattered, job.lake)
    expected = [(DAYS[0], f"e{number}") for number in range(3)]
    kill(job, point, "--task", "compact", "--smallfiles", "3")
    assert set(visible(job)) == set(expected)
    assert len(visible(job)) == {"before-delete": 6, "half-deleted": 5}.get(point, 3)
    put(job.source, DAYS[0], "again", *(flat(f"e{n}", f"{DAYS[0]}T00:00:00Z", maker=MAKER) for n in range(3)))
    metrics = job.run("--promote", PROMOTE)
    assert (metrics["written"], metrics["duplicates"]) == (0, 3)
    assert visible(job) == expected
    assert job.left() == []
    assert len(job.files()) == (3 if point == "job-commit" else 1)


def test_one_call_deletes_what_a_compaction_replaces(job, scattered, monkeypatch):
    """It joins no more files than one DeleteObjects call takes, so that no reader sees rows twice for longer."""
    assert compact.DELETE_KEYS == 1_000
    monkeypatch.setattr(compact, "DELETE_KEYS", 2)
    shutil.copytree(scattered, job.lake)
    assert [record["files_replaced"] for record in job.compact("--smallfiles", "2", "--promote", PROMOTE)] == [2]
    assert len(job.files()) == 2


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_killed_at_random(job, source_arguments):
    """20 kills at random moments, loads and compactions in turn, over one lake: in the end every event once."""
    expected = fill(job)
    deaths = 0
    for number in range(20):
        compaction = ["--task", "compact", "--smallfiles", "2"]
        dead = victim(job, f"after-15/{number}", *(compaction if number % 4 == 3 else source_arguments))
        assert dead.returncode in (-signal.SIGKILL, 0), dead.stderr[-2000:]  # 0: it was quicker than its death
        deaths += dead.returncode != 0
        assert set(visible(job)) <= set(expected)
        put(job.source, DAYS[0], f"new-{number}", flat(f"new-{number}", f"{DAYS[0]}T00:00:00Z", maker=MAKER))
        expected.append((DAYS[0], f"new-{number}"))
        if number % 5 == 4:  # a whole run now and then, so that there is something to compact and to double
            job.run("--promote", PROMOTE)
            assert visible(job) == sorted(expected)
    assert job.left() == []
    assert deaths >= 10
