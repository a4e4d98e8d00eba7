"""Which changed files select which stacks for a preview."""

import json
import subprocess
import sys

import pytest

from tools.preview_matrix import select, stacks_of

STACKS = ["acme-dev", "acme-prod"]


@pytest.mark.parametrize(
    ("changed", "chosen"),
    [
        ([], []),
        (["configs/acme-prod.yaml"], ["acme-prod"]),
        (["configs/acme-prod.yaml", "configs/acme-dev.yaml"], STACKS),
        (["configs/gone.yaml"], []),
        (["Pulumi.acme-prod.yaml"], ["acme-prod"]),
        (["configs/defaults.yaml"], STACKS),
        (["configs/examples/minimal.yaml"], []),
        (["configs/model.py"], STACKS),
        (["docs/ci.md", "README.md", "tests/ci/test_matrix.py"], []),
        (["docs/ci.md", "configs/acme-dev.yaml"], ["acme-dev"]),
        (["components/trail.py"], STACKS),
        (["runtime/lambda/handler.py"], STACKS),
        (["__main__.py"], STACKS),
        (["Pulumi.yaml"], STACKS),
        (["Makefile"], STACKS),
        (["requirements/run.txt"], STACKS),
        (["something/new"], STACKS),
    ],
)
def test_select(changed, chosen):
    """A config selects its stack, code and defaults all, docs and examples none; what is unknown counts as code.

    The Makefile says for which Python and processor the bundle is.
    """
    assert select(changed, STACKS) == chosen


def test_stacks_are_the_config_files(tmp_path):
    """Every file of configs/ but the defaults is a stack; examples are not."""
    for name in ("b.yaml", "a.yaml", "defaults.yaml", "schema.json", "model.py"):
        (tmp_path / name).touch()
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "full.yaml").touch()
    assert stacks_of(tmp_path) == ["a", "b"]


def test_a_name_that_could_be_code_is_refused(tmp_path):
    """A file name that would be more than a name in a workflow is refused."""
    (tmp_path / "a$(id).yaml").touch()
    with pytest.raises(ValueError, match="a stack's name has only letters"):
        stacks_of(tmp_path)


@pytest.mark.parametrize(("flags", "chosen"), [([], ["a"]), (["--all"], ["a", "b"]), (["--only=b"], ["b"])])
def test_command(tmp_path, flags, chosen):
    """The command prints a JSON list, which is what a workflow's matrix takes."""
    (tmp_path / "a.yaml").touch()
    (tmp_path / "b.yaml").touch()
    command = [sys.executable, "-m", "tools.preview_matrix", "--configs", str(tmp_path), *flags]
    done = subprocess.run(command, input="configs/a.yaml\n", capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == chosen
