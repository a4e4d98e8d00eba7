"""How the job stands on Glue: version, concurrency, default arguments; read by whoever deploys it. No Spark here."""

from typing import TypeVar

GLUE_VERSION = "5.1"
SCRIPT = "runtime/glue/job.py"
# The job needs nothing but Spark, boto3 and the standard library, all of which Glue has: no wheel goes with it.
MODULES = (
    "runtime/__init__.py",
    "runtime/events/__init__.py",
    "runtime/events/columns.py",
    "runtime/events/late.py",
    "runtime/events/quarantine.py",
    "runtime/glue/*.py",
    "runtime/folder.py",
)
_Place = TypeVar("_Place")
MAX_CONCURRENT_RUNS = 1  # the job relies on it: it holds no lock on S3


def default_arguments(source: str, lake: str, modules: _Place, scratch: str, **own: str) -> dict[str, str | _Place]:
    """Default arguments of the Glue job; `own` are further ones of `arguments.ARGUMENTS`, by name.

    `source` and `lake` are `s3://bucket/prefix`; `modules` is the object that is a zip of MODULES, or what will be its
    name; `scratch` is a prefix for Glue's temporary files. No package is to be installed: --additional-python-modules
    stays unset.
    """
    return {
        "--job-language": "python",
        "--job-bookmark-option": "job-bookmark-enable",
        "--extra-py-files": modules,
        "--TempDir": scratch,
        "--enable-metrics": "true",
        "--enable-continuous-cloudwatch-log": "true",
        "--source": source,
        "--lake": lake,
        **{f"--{name}": value for name, value in own.items()},
    }
