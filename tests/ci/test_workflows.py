"""The workflows keep the rules that a linter can check, and those that none checks."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components.flattener import RUNTIME
from tests.conftest import lacking

CI_PAGE = Path(__file__).parents[2] / "docs" / "ci.md"
WORKFLOWS = sorted((Path(__file__).parents[2] / ".github" / "workflows").glob("*.yml"))
USES = re.compile(r"^\s*(?:- )?uses: (?P<action>\S+)(?P<comment>.*)$", re.MULTILINE)


def test_there_are_workflows():
    """Tests, preview and apply; otherwise the tests below would pass on nothing."""
    assert [path.name for path in WORKFLOWS] == ["apply.yml", "preview.yml", "tests.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned(path):
    """Every action is pinned by a full commit, with its version beside it."""
    uses = list(USES.finditer(path.read_text()))
    assert uses
    for use in uses:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", use["action"]), use["action"]
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", use["comment"]), use[0]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_permissions_are_least(path):
    """Nothing is permitted at the top; each job says what it needs, and writes nothing to the repository."""
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"]["contents"] == "read"
        assert "timeout-minutes" in job


def test_preview_has_no_rights_to_change():
    """A pull request's code never sees the apply role; forks and other stacks' failures are left alone."""
    text = next(path for path in WORKFLOWS if path.name == "preview.yml").read_text()
    job = yaml.safe_load(text)["jobs"]["preview"]
    assert "APPLY_ROLE" not in text
    assert "pull_request_target" not in text
    assert job["strategy"]["fail-fast"] is False
    assert "matrix.stack" in job["concurrency"]["group"]
    assert "head.repo.full_name == github.repository" in yaml.safe_load(text)["jobs"]["stacks"]["if"]


def test_apply_waits_for_approval():
    """Every apply runs in its stack's GitHub environment, where the approval is asked for."""
    job = yaml.safe_load(next(path for path in WORKFLOWS if path.name == "apply.yml").read_text())["jobs"]["apply"]
    assert job["environment"] == "${{ matrix.stack }}"
    assert job["concurrency"]["cancel-in-progress"] is False


@pytest.mark.parametrize("name", ["preview", "apply"])
def test_the_bundle_is_made_by_lambdas_python(name):
    """Where CI makes the bundle Lambda's Python is there too, so that the bundle has its bytecode; tests' Python is the default."""
    steps, tests = (
        yaml.safe_load(path.read_text())["jobs"][job]["steps"]
        for path, job in ((WORKFLOWS[0].with_name(f"{name}.yml"), name), (WORKFLOWS[0].with_name("tests.yml"), "tests"))
    )
    versions, tested = (
        [step["with"]["python-version"].split() for step in of if "setup-python" in step.get("uses", "")]
        for of in (steps, tests)
    )
    assert any(step.get("run", "").startswith("make bundle") for step in steps)
    assert [[f"python{version}" for version in found] for found in versions] == [[RUNTIME, f"python{tested[0][0]}"]]


@pytest.mark.parametrize(
    ("stack", "chosen"),
    [
        ("acme-prod", '["acme-prod"]'),
        ("acme-pord", None),
        ("configs/acme-prod", None),
        ("team/acme-prod", None),
        ("defaults", None),
        ("--all", None),
        ("", '["acme-dev", "acme-prod"]'),
    ],
)
def test_a_mistyped_stack_applies_none(tmp_path, stack, chosen):
    """The step that chooses by hand, run as it stands: a name that is no stack's fails, and chooses nothing."""
    (tmp_path / "tools").symlink_to(WORKFLOWS[0].parents[2] / "tools")
    (tmp_path / "configs").mkdir()
    for name in ("acme-prod", "acme-dev", "defaults"):
        (tmp_path / "configs" / f"{name}.yaml").touch()
    workflow = yaml.safe_load(next(path for path in WORKFLOWS if path.name == "apply.yml").read_text())
    [script] = [step["run"] for step in workflow["jobs"]["stacks"]["steps"] if step.get("id") == "matrix"]
    output = tmp_path / "output"
    given = {"EVENT": "workflow_dispatch", "BEFORE": "", "STACK": stack, "GITHUB_OUTPUT": str(output)}
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=tmp_path, env={**os.environ, **given}, capture_output=True, text=True
    )
    if chosen:
        assert (done.returncode, output.read_text()) == (0, f"stacks={chosen}\n")
    else:
        assert done.returncode != 0
        assert not output.exists()
        assert stack == "--all" or f"there is no stack '{stack}'; there are acme-dev, acme-prod" in done.stderr


def test_ci_runs_what_holds_a_promise():
    """The tests that docs/security.md names need Pulumi: CI has the program's own version, and lets none of them be skipped."""
    [job] = yaml.safe_load(next(path for path in WORKFLOWS if path.name == "tests.yml").read_text())["jobs"].values()
    [install] = [step for step in job["steps"] if step.get("uses", "").startswith("pulumi/actions@")]
    [run] = [step for step in job["steps"] if step.get("run") == ".ci/run"]
    assert install["with"] == {"pulumi-version-file": ".pulumi.version"}
    assert job["steps"].index(install) < job["steps"].index(run)
    assert run["env"]["TRAILSIGHT_REQUIRE"].split() == ["pulumi", "zizmor"]


@pytest.mark.parametrize(("required", "outcome"), [("pulumi zizmor", "failed"), ("", "skipped"), ("zizmor", "skipped")])
def test_a_required_tool_that_is_missing_fails(monkeypatch, required, outcome):
    """Only what the environment names is required; a developer's run goes on without."""
    monkeypatch.setenv("TRAILSIGHT_REQUIRE", required)
    raised = {"failed": pytest.fail.Exception, "skipped": pytest.skip.Exception}[outcome]
    with pytest.raises(raised, match="needs the pulumi CLI"):
        lacking("pulumi", "needs the pulumi CLI")


def test_actionlint():
    """Finds nothing: actionlint, which knows what a workflow may say."""
    if shutil.which("actionlint") is None:
        lacking("actionlint", "needs actionlint")
    done = subprocess.run(["actionlint", *map(str, WORKFLOWS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor():
    """Finds nothing: zizmor, which knows how a workflow is attacked; it asks nobody on the net."""
    zizmor = shutil.which("zizmor") or shutil.which("zizmor", path=str(Path(sys.executable).parent))
    if zizmor is None:
        lacking("zizmor", "needs zizmor")
    done = subprocess.run([zizmor, "--offline", *map(str, WORKFLOWS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


GITLAB = yaml.safe_load(re.findall(r"```yaml\n(stages:.*?)```", CI_PAGE.read_text(), re.DOTALL)[0])


@pytest.mark.parametrize(("stack", "code"), [("acme-prod", 0), ("acme-dev", 77)])
def test_gitlabs_job_ends_early_for_a_stack_that_is_not_chosen(tmp_path, stack, code):
    """Its first command fails with the code that the job allows, and does not for a stack of the list."""
    job = GITLAB[".stack"]
    assert job["allow_failure"]["exit_codes"] == [77]
    (tmp_path / "stacks.json").write_text('["acme-prod"]')
    command = ["bash", "-c", job["before_script"][0]]
    assert subprocess.run(command, cwd=tmp_path, env={**os.environ, "STACK": stack}).returncode == code


@pytest.mark.parametrize(("name", "role"), [("preview", "previewer"), ("apply", "applier")])
def test_gitlabs_job_has_its_role_before_it_asks_aws(tmp_path, name, role):
    """Each call of pulumi, the login to the state's bucket too, sees the job's role beside the token."""
    job = GITLAB[".stack"] | GITLAB[name]
    for tool in ("pulumi", "make"):
        fake = tmp_path / "bin" / tool
        fake.parent.mkdir(exist_ok=True)
        fake.write_text(f'#!/bin/sh\necho "{tool} $1 $AWS_ROLE_ARN $(cat $AWS_WEB_IDENTITY_TOKEN_FILE)" >> calls\n')
        fake.chmod(0o755)
    (tmp_path / "stacks.json").write_text('["acme-prod"]')
    known = {"AWS_PREVIEW_ROLE": "previewer", "AWS_APPLY_ROLE": "applier", "AWS_TOKEN": "jwt", "STACK": "acme-prod"}
    known |= {key: known[value.removeprefix("$")] for key, value in job.get("variables", {}).items()}
    lines = "\n".join([*job["before_script"], job["script"]]).replace("/tmp/token", str(tmp_path / "token"))
    environment = {**os.environ, **known, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-ec", lines], cwd=tmp_path, env=environment, check=True)
    called = {"preview": "preview", "apply": "up"}[name]
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"{call} {role} jwt" for call in ("pulumi login", "make bundle", "pulumi install", f"pulumi {called}")
    ]


def test_gitlab_selects_stacks_and_applies_by_hand(tmp_path):
    """Its selection, run as it stands over a change of one stack, lists that stack; apply waits, previews do not apply."""
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    (tmp_path / "tools").symlink_to(WORKFLOWS[0].parents[2] / "tools")
    (tmp_path / "configs").mkdir()
    for name in ("acme-prod", "acme-dev"):
        (tmp_path / "configs" / f"{name}.yaml").touch()
    for command in (["init", "-q"], ["add", "configs"], ["commit", "-qm", "before"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    (tmp_path / "configs" / "acme-prod.yaml").write_text("changed")
    subprocess.run([*git, "commit", "-qam", "after"], cwd=tmp_path, check=True)
    [script] = GITLAB["select"]["script"]
    environment = {**os.environ, "CI_COMMIT_BEFORE_SHA": "HEAD~1"}
    subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "stacks.json").read_text() == '["acme-prod"]\n'
    assert [rule["when"] for rule in GITLAB["apply"]["rules"]] == ["manual"]
    assert "APPLY" not in str(GITLAB["preview"])
    assert "pulumi up" not in str(GITLAB["preview"])
