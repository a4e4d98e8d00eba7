"""What goes to Glue is enough there: the zip alone with pyspark and boto3, and arguments that the job understands."""

import io
import os
import subprocess
import sys
import sysconfig
import zipfile

import pytest

pytest.importorskip("pyspark")

from runtime.glue.arguments import parse
from runtime.glue.deployment import SCRIPT, default_arguments
from tests.conftest import REPO
from tests.glue.test_job import DAY, flat, put
from tools.bundle import glue_zip

# What of the project's own packages Glue 5.1 does not have, or has in another version.
BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("msgspec", "isal", "pyarrow", "duckdb", "sqlglot", "numpy", "pandas"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
sys.path[0] = sys.argv[1]
sys.argv = sys.argv[2:]
import runpy
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_the_zip_is_always_the_same_and_holds_the_job_only():
    """Same bytes each time; no local engine, no decoder, nothing that needs a package."""
    assert glue_zip() == glue_zip()
    names = zipfile.ZipFile(io.BytesIO(glue_zip())).namelist()
    assert "runtime/glue/job.py" in names
    assert {n for n in names if not n.startswith("runtime/glue/")} == {
        "runtime/__init__.py",
        "runtime/events/__init__.py",
        "runtime/events/columns.py",
        "runtime/events/late.py",
        "runtime/events/quarantine.py",
        "runtime/folder.py",
    }


def test_the_job_runs_from_the_zip_alone(tmp_path):
    """The script and the zip, with plain pyspark and none of the project's other packages, load a flat file."""
    modules, script = tmp_path / "glue.zip", tmp_path / "job.py"
    modules.write_bytes(glue_zip())
    script.write_bytes((REPO / SCRIPT).read_bytes())
    put(tmp_path / "flat", DAY, "f1", flat("e1"), flat("e2"), flat("e2"))
    arguments = ["--source", str(tmp_path / "flat"), "--lake", str(tmp_path / "lake"), "--folders", f"{DAY}..{DAY}"]
    done = subprocess.run(
        # -S: an editable installation would bring in from the checkout whatever the zip lacks.
        [sys.executable, "-S", "-c", BLOCKED, str(modules), str(script), *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": sysconfig.get_path("purelib"), "TRAILSIGHT_SPARK_MEMORY": "800m"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert '"written": 2, "duplicates": 1' in done.stdout


def test_default_arguments_are_the_jobs():
    """What the deployment gives, the job takes, Glue's own arguments beside."""
    given = default_arguments("s3://b/flatfiles", "s3://b", "s3://b/glue.zip", "s3://b/tmp/", days="5")
    options = parse(["--JOB_NAME", "j", *(text for pair in given.items() for text in pair)])
    assert (options.source, options.lake, options.days, options.job) == ("s3://b/flatfiles", "s3://b", 5, "j")
    assert options.given["job-bookmark-option"] == "job-bookmark-enable"
