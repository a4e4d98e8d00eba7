"""Workers end with their run however it ends, ignore Ctrl-C themselves, and say how far they are."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from runtime.local import pool
from runtime.local.pool import Pool, WorkerError
from tests.conftest import REPO
from tests.local.logs import alive, children, until


@pytest.fixture
def pool_at_work(tmp_path) -> Iterator[subprocess.Popen]:
    """A command in a process group of its own, with one worker in a long task and one that waits for the next."""
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, time\n"
        "from cli import main\n"
        "from runtime.local.pool import Pool\n"
        "def task(seconds):\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(seconds)\n"
        "def run():\n"
        "    with Pool(2, lambda *_: None) as pool:\n"
        "        for _ in pool.run(task, [(120,), (0,)]):\n"
        "            print('ended', flush=True)\n"
        "if __name__ == '__main__':\n"
        "    main.app.command()(run)\n"
        "    sys.argv[1:] = ['run']\n"
        "    main.main()\n"
    )
    run = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(REPO)},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert sorted(run.stdout.readline() for _ in range(3)) == ["begun\n", "begun\n", "ended\n"]
    yield run
    with suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    run.stdout.close()
    run.stderr.close()


def test_ctrl_c_ends_the_workers_without_a_word_of_theirs(pool_at_work):
    """The terminal sends Ctrl-C to all processes: the run ends at once, with 130; workers ignore it and say nothing."""
    states = [Path(f"/proc/{worker}/status").read_text() for worker in children(pool_at_work.pid)]
    assert all(int(re.search(r"SigIgn:\s+(\w+)", state)[1], 16) & 1 << signal.SIGINT - 1 for state in states)
    os.killpg(pool_at_work.pid, signal.SIGINT)
    assert pool_at_work.communicate(timeout=30) == ("", "")
    assert pool_at_work.returncode == 130


def test_workers_end_with_a_run_that_is_killed(pool_at_work):
    """Kill -9 of the run leaves no process behind, neither one at work nor one that waits."""
    workers = children(pool_at_work.pid)
    assert len(workers) >= 2
    pool_at_work.kill()
    until(lambda: not any(map(alive, workers)))


def die(_n: int) -> None:
    """Be killed, as a process is that needs more memory than there is."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_is_one_sentence():
    """The kernel kills what needs too much memory; the run says so and what to try."""
    with pytest.raises(WorkerError, match="a worker process was killed; .* try fewer --workers"), _pool(2) as two:
        list(two.run(die, [(1,), (2,)]))


def _pool(workers: int) -> Pool:
    return Pool(workers, lambda *_: None)


def counted(n: int) -> int:
    """A task that says how far it is."""
    pool.done(files=1, records=n, read_bytes=10 * n)
    return n


@pytest.mark.parametrize("workers", [1, 2])
def test_how_far_tasks_are_is_told(workers, monkeypatch):
    """Files, records and bytes are told while tasks run, in this process or in others."""
    monkeypatch.setattr(pool, "INTERVAL", 0)
    seen = []
    with Pool(workers, lambda *counts: seen.append(counts)) as some:
        assert sorted(some.run(counted, [(n,) for n in range(4)])) == [0, 1, 2, 3]
    assert seen[-1] == (4, 6, 60)
    assert seen == sorted(seen)


def test_tasks_run_here_one_after_another():
    """With one worker a task begins when the result of the one before it has been used."""
    begun = []
    with _pool(1) as here:
        results = here.run(begun.append, [(n,) for n in range(3)])
        next(results)
        assert begun == [0]
