"""The job as deployed: arguments that it takes, scripts that stay, one run at a time."""

import io
import re
import zipfile
from typing import Any

import pytest

from components.settings import CatalogMode, KmsMode
from runtime.events.columns import PROMOTE
from runtime.glue.arguments import Options, parse
from tests.conftest import REPO
from tests.glue.permissions import documented, folder
from tools.bundle import glue_zip

JOB = ("aws:glue/job:Job", "acme-prod-parquet")
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
LAKE = "s3://acme-prod-lake-111122223333-eu-central-1"


def arguments(stack: Any, **more: str) -> Options:
    given = {**stack[JOB].inputs["defaultArguments"], "--JOB_NAME": "acme-prod-parquet", **more}
    return parse([text for pair in given.items() for text in pair])


def test_the_job_takes_its_arguments(deploy: Any) -> None:
    """The job's own parser accepts what is deployed: source, lake, days, promoted paths."""
    stack = deploy({"lake": {"promote": ["requestParameters.taskArn"], "job": {"days": 5}}})
    options = arguments(stack)
    assert (options.source, options.lake) == (f"{LAKE}/flatfiles", LAKE)
    assert (options.task, options.days, options.promote) == ("load", 5, (*PROMOTE, "requestParameters.taskArn"))


def test_compaction_is_the_same_job(deploy: Any) -> None:
    """Compaction runs by its own schedule with one argument more, which the job takes."""
    trigger = deploy()["aws:glue/trigger:Trigger", "acme-prod-parquet-compaction"].inputs
    assert trigger["actions"] == [{"jobName": "acme-prod-parquet", "arguments": {"--task": "compact"}}]
    assert arguments(deploy(), **trigger["actions"][0]["arguments"]).task == "compact"
    assert (trigger["schedule"], trigger["startOnCreation"]) == ("cron(35 3 * * ? *)", True)


def test_runs_by_schedule(deploy: Any) -> None:
    """The job runs every hour from the first minute on; its name is fixed, or the bookmark would be lost."""
    stack = deploy()
    trigger = stack["aws:glue/trigger:Trigger", "acme-prod-parquet-schedule"].inputs
    assert (trigger["schedule"], trigger["type"], trigger["startOnCreation"]) == (
        "cron(5 * * * ? *)",
        "SCHEDULED",
        True,
    )
    assert stack[JOB].inputs["name"] == "acme-prod-parquet"


@pytest.mark.parametrize("mode", CatalogMode)
def test_the_docs_pause_every_schedule(deploy: Any, mode: CatalogMode) -> None:
    """docs/operations.md stops, and starts again, what starts the job by the clock; with crawlers the one it names."""
    stack = deploy({"lake": {"catalog": {"mode": mode}}})
    page = (REPO / "docs/operations.md").read_text()
    stopped = re.findall(r"^    aws glue stop-trigger --name (\S+)$", page, re.MULTILINE)
    assert re.findall(r"^    aws glue start-trigger --name (\S+)$", page, re.MULTILINE) == stopped
    if mode is CatalogMode.CRAWLED:
        [stopped[0]] = re.findall(r"mode `crawled` the first of them is `(.*?)`", page)
    scheduled = {r.inputs["name"] for r in stack.of("aws:glue/trigger:Trigger") if r.inputs["type"] == "SCHEDULED"}
    assert {name.replace("STACK", "acme-prod") for name in stopped} == scheduled


def test_one_run_at_a_time_with_a_bookmark(deploy: Any) -> None:
    """Two runs never write at once: a second waits; nothing is read twice without need; a failed run is not repeated blindly."""
    inputs = deploy()[JOB].inputs
    assert inputs["executionProperty"] == {"maxConcurrentRuns": 1}
    assert (inputs["jobRunQueuingEnabled"], inputs["maxRetries"]) == (True, 0)
    assert inputs["defaultArguments"]["--job-bookmark-option"] == "job-bookmark-enable"
    assert (inputs["glueVersion"], inputs["workerType"], inputs["numberOfWorkers"]) == ("5.1", "G.1X", 2)


def test_size_as_asked_for(deploy: Any) -> None:
    """Workers, their type, the time that a run may take and the retention of its logs are the settings'."""
    job = {"workers": 5, "worker_type": "G.2X", "timeout_minutes": 40, "log_retention_days": 7}
    stack = deploy({"lake": {"job": job}})
    inputs = stack[JOB].inputs
    assert (inputs["numberOfWorkers"], inputs["workerType"], inputs["timeout"]) == (5, "G.2X", 40)
    groups = [r for r in stack.of("aws:cloudwatch/logGroup:LogGroup") if r.name.startswith("acme-prod-parquet")]
    assert {r.inputs["retentionInDays"] for r in groups} == {7}


def test_scripts_by_their_content(deploy: Any) -> None:
    """Scripts stand below a hash of their files and are never deleted: a running job keeps what it started with."""
    stack = deploy()
    script, library = stack[OBJECT, "acme-prod-parquet-script"], stack[OBJECT, "acme-prod-parquet-library"]
    for put, file in ((script, "job.py"), (library, "trailsight.zip")):
        folder, digest, name = put.inputs["key"].split("/")
        assert (folder, len(digest), name, put.retain) == ("scripts", 16, file, True)
        assert put.inputs["overrideProvider"] == {"defaultTags": {"tags": {}}}
    assert stack[JOB].inputs["command"]["scriptLocation"] == f"{LAKE}/{script.inputs['key']}"
    assert stack[JOB].inputs["defaultArguments"]["--extra-py-files"] == f"{LAKE}/{library.inputs['key']}"


def test_temporary_files_go(deploy: Any) -> None:
    """What Glue puts aside during a run is forgotten by the lake's lifecycle."""
    stack = deploy()
    folder = stack[JOB].inputs["defaultArguments"]["--TempDir"].removeprefix(f"{LAKE}/")
    lifecycle = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    rules = stack[lifecycle, "acme-prod-lake-lifecycle"].inputs["rules"]
    assert [rule["expiration"] for rule in rules if rule["filter"]["prefix"] == folder] == [{"days": 7}]


def test_the_library_holds_the_jobs_modules(deploy: Any) -> None:
    """The zip mirrors the repo and has every module of the zip that the job is tested with, and no other."""
    archive = deploy()[OBJECT, "acme-prod-parquet-library"].inputs["source"]["assets"]
    assert {name: asset["path"] for name, asset in archive.items()} == {
        name: str(REPO / name) for name in zipfile.ZipFile(io.BytesIO(glue_zip())).namelist()
    }
    assert {"runtime/glue/job.py", "runtime/events/columns.py", "runtime/folder.py"} <= set(archive)


def test_logs_with_an_end(deploy: Any) -> None:
    """Both of Glue's log groups are the program's, named as the job's argument says, and forget after 30 days."""
    stack = deploy()
    prefix = stack[JOB].inputs["defaultArguments"]["--custom-logGroup-prefix"]
    groups = [r.inputs for r in stack.of("aws:cloudwatch/logGroup:LogGroup") if r.name.startswith("acme-prod-parquet")]
    assert [(g["name"], g["retentionInDays"]) for g in groups] == [(f"{prefix}/error", 30), (f"{prefix}/output", 30)]


def test_the_table_of_permissions_is_the_policy(deploy: Any) -> None:
    """docs/parquet-job.md lists each pair of action and resource that the role may use, and no other."""
    stack = deploy({"lake": {"encryption": {"kms": KmsMode.CREATE}}})
    name = "acme-prod-parquet-role-policy"
    bucket = f"arn:aws:s3:::{LAKE.removeprefix('s3://')}"
    allowed = set()
    for statement in stack["aws:iam/rolePolicy:RolePolicy", name].json("policy")["Statement"]:
        assert statement["Effect"] == "Allow"
        spaces = statement.get("Condition", {}).get("StringEquals", {}).get("cloudwatch:namespace", [])
        for resource in spaces or statement["Resource"]:
            on = resource
            if resource == bucket:
                on = "bucket"
            elif resource.startswith(f"{bucket}/"):
                on = folder(resource.removeprefix(f"{bucket}/"))
                assert resource in (f"{bucket}/{on}*", f"{bucket}/{on}")
            elif resource.startswith("arn:"):
                on = {"kms": "key", "glue": "job", "logs": "logs"}[resource.split(":")[2]]
            allowed |= {(action, on) for action in statement["Action"]}
    assert allowed == set(documented())
