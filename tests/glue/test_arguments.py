"""Every argument of the job has a default or is named when missing, in one sentence; the docs list them all."""

import re

import pytest

pytest.importorskip("pyspark")

from runtime.events.columns import PROMOTE
from runtime.glue.arguments import ARGUMENTS, ArgumentError, Days, parse
from runtime.glue.job import main
from tests.conftest import REPO

BOTH = ["--source", "flat", "--lake", "lake"]


def test_defaults():
    """Source and lake are all that must be given."""
    options = parse(BOTH)
    assert (options.source, options.lake, options.task, options.days) == ("flat", "lake", "load", 3)
    assert (options.folders, options.rebuild, options.promote) == (None, None, PROMOTE)
    assert (options.smallfiles, options.namespace, options.job) == (8, "Trailsight", None)


def test_glue_form():
    """On Glue, `--name=value` and empty values are understood, and Glue's own arguments passed over, by name."""
    glue = ["--JOB_NAME", "j", "--enable-metrics", "--job-bookmark-option=job-bookmark-enable", "--namespace", ""]
    options = parse([*BOTH, *glue, "--days=9", "--rebuild", ""])
    assert (options.job, options.days, options.namespace, options.rebuild) == ("j", 9, "", None)
    assert options.given["job-bookmark-option"] == "job-bookmark-enable"
    assert options.passed_over == ("enable-metrics", "job-bookmark-option")


# https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-glue-arguments.html, and what the service adds
GLUES_OWN = """
    JOB_ID JOB_RUN_ID SECURITY_CONFIGURATION TempDir additional-python-modules auto-scale-within-microbatch class conf
    continuous-log-conversionPattern continuous-log-logGroup continuous-log-logStreamPrefix customer-driver-env-vars
    customer-executor-env-vars datalake-formats disable-proxy-v2 enable-auto-scaling enable-continuous-cloudwatch-log
    enable-continuous-log-filter enable-glue-datacatalog enable-job-insights enable-lakeformation-fine-grained-access
    enable-metrics enable-observability-metrics enable-rename-algorithm-v2 enable-s3-parquet-optimized-committer
    enable-spark-ui encryption-type executor-cores extra-files extra-jars extra-py-files job-bookmark-from
    job-bookmark-option job-bookmark-to job-language library-set python-modules-installer-option scriptLocation
    spark-event-logs-path use-postgres-driver user-jars-first write-shuffle-files-to-s3 write-shuffle-spills-to-s3
    conf.spark.shuffle.glue.s3ShuffleBucket RedshiftTempDir
"""


def test_glues_own_arguments_are_not_taken_for_ours():
    """None of the arguments that Glue documents, or adds, is refused as one of ours misspelt."""
    names = GLUES_OWN.split()
    options = parse([*BOTH, "--JOB_NAME", "j", *(f"--{name}=x" for name in names)])
    assert options.passed_over == tuple(names)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("rebiuld", "rebuild"),
        ("Rebuild", "rebuild"),
        ("re-build", "rebuild"),
        ("rebuilds", "rebuild"),
        ("folder", "folders"),
        ("day", "days"),
        ("small-files", "smallfiles"),
        ("promoted", "promote"),
        ("taks", "task"),
    ],
)
def test_a_misspelt_argument_is_refused_on_glue_too(name, meant, capsys):
    """A run that was to rebuild, and would load in its place, ends with 2 and says what may be meant."""
    argv = [*BOTH, "--JOB_NAME", "j", f"--{name}", "2024-05-01..2024-05-02"]
    assert main(argv) == 2
    said = f"runtime.glue.job: --{name}: no such argument; is --{meant} meant?\n"
    assert capsys.readouterr().err == said


def test_promoted_paths_join_the_shipped_ones():
    """Further paths stand behind the shipped ones; one that is shipped counts once."""
    options = parse([*BOTH, "--promote", "requestParameters.mine,requestParameters.bucketName,responseElements.x.y"])
    assert options.promote == (*PROMOTE, "requestParameters.mine", "responseElements.x.y")


def test_compact_needs_no_source():
    """A compaction reads the lake only."""
    assert parse(["--lake", "lake", "--task", "compact"]).source == ""


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "--source is missing: "),
        (["--source", "flat"], "--lake is missing: "),
        (["--task", "compact"], "--lake is missing: "),
        ([*BOTH, "--dasy", "4"], "--dasy: no such argument; there are --source, --lake, "),
        (["flat", "lake"], "flat: an argument begins with --"),
        ([*BOTH, "--days", "0"], "--days 0: not a number from 1 on"),
        ([*BOTH, "--days", "x"], "--days x: not a number from 1 on"),
        ([*BOTH, "--task", "vacuum"], "--task vacuum: no such task; it is load or compact"),
        ([*BOTH, "--rebuild", "2024-05-02..2024-05-01"], "--rebuild 2024-05-02..2024-05-01: no range of days"),
        ([*BOTH, "--rebuild", "2024-02-30..2024-03-01"], "--rebuild 2024-02-30..2024-03-01: no range of days"),
        ([*BOTH, "--folders", "May"], "--folders May: no range of days; write it as 2026-01-01..2026-01-31"),
        ([*BOTH, "--task", "compact", "--rebuild", "2024-05-01..2024-05-01"], "--task compact takes no --rebuild"),
        (
            [*BOTH, "--rebuild", "2024-05-01..2024-05-01", "--folders", "2024-05-01..2024-05-01"],
            "--rebuild takes no --folders",
        ),
        ([*BOTH, "--promote", "userAgent.x"], "--promote: 'userAgent.x' is in no free-form field"),
    ],
)
def test_each_mistake_is_one_sentence(argv, said, capsys):
    """Wrong arguments end the job with 2 and one line that names the argument, before Spark starts."""
    with pytest.raises(ArgumentError) as error:
        parse(argv)
    assert str(error.value).startswith(said)
    assert main(argv) == 2
    assert capsys.readouterr().err == f"runtime.glue.job: {error.value}\n"


def test_ranges():
    """A range of days has both its ends."""
    days = parse([*BOTH, "--folders", "2024-05-01..2024-05-03"]).folders
    assert days == Days("2024-05-01", "2024-05-03")
    assert [d for d in ("2024-04-30", "2024-05-01", "2024-05-03", "2024-05-04") if d in days] == [
        "2024-05-01",
        "2024-05-03",
    ]


def test_the_docs_list_every_argument():
    """docs/parquet-job.md has each argument with its default and meaning, and no other."""
    text = (REPO / "docs" / "parquet-job.md").read_text()
    rows = re.findall(r"^\| `--([a-z]+)` \| (.+?) \| (.+) \|$", text, re.MULTILINE)
    shown = {None: "must be given", "": "none"}
    assert rows == [(a.name, shown.get(a.default, f"`{a.default}`"), a.meaning) for a in ARGUMENTS]
