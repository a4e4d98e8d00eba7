"""A stack in a temporary folder: file backend, own PULUMI_HOME, no network; AWS is the stand-in of `cloud.py`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.engine.cloud import VERSION, Cloud
from tools import bundle

REPO = Path(__file__).parents[2]
PROGRAM = ("__main__.py", "Pulumi.yaml", "components", "configs", "requirements", "runtime", "tools")
CONFIG = """\
account: {id: "111122223333", region: eu-central-1}
logs: {encryption: {kms: create}}
lake: {encryption: {kms: create}, flattener: {memoryMb: 512}}
"""


class Stack:
    """The stack `test` of a copy of the program itself, driven by the CLI as an operator drives it."""

    def __init__(self, folder: Path, cloud: Cloud):
        self.cloud = cloud
        self.folder = folder / "program"
        self._copy()
        home, self.state = folder / "home", folder / "state"
        self.state.mkdir()
        # The engine looks for a plugin even where it attaches to a running one; this one only has to be there.
        plugin = home / "plugins" / f"resource-aws-v{VERSION}" / "pulumi-resource-aws"
        plugin.parent.mkdir(parents=True)
        plugin.write_text("#!/bin/sh\nexit 1\n")
        plugin.chmod(0o755)
        self.env = {
            "HOME": str(folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": self.state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DEBUG_PROVIDERS": f"aws:{cloud.port}",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        self.ok("stack", "init", "test")

    def _copy(self) -> None:
        """The program beside a stack's file; in place of `pulumi install` and `make bundle`, what the tests have."""
        self.folder.mkdir()
        for name in PROGRAM:
            copy = shutil.copytree if (REPO / name).is_dir() else shutil.copy
            copy(REPO / name, self.folder / name)
        (self.folder / ".venv-pulumi").symlink_to(sys.prefix)
        (self.folder / "build").mkdir()
        files = bundle.sources() | {bundle.MANIFEST: json.dumps(bundle.manifest()).encode()}
        (self.folder / "build" / "flattener.zip").write_bytes(bundle.stored(files))
        self.configure(CONFIG)

    def configure(self, text: str) -> None:
        """Write the stack's file."""
        (self.folder / "configs" / "test.yaml").write_text(text)

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """`pulumi ARGUMENTS`, with `settings` in its environment."""
        command = ["pulumi", *arguments, "--non-interactive", "--color=never"]
        return subprocess.run(
            command, cwd=self.folder, env=self.env | settings, capture_output=True, text=True, timeout=240
        )

    def ok(self, *arguments: str, **settings: str) -> str:
        """Its output, where it must succeed."""
        done = self.run(*arguments, **settings)
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def up(self) -> str:
        return self.ok("up", "--yes", "--skip-preview")

    def preview(self) -> dict:
        """The plan: its `steps` and its `changeSummary`."""
        return json.loads(self.ok("preview", "--json"))

    def inputs(self) -> dict[str, dict]:
        """Inputs of every planned resource, by its URN."""
        return {step["urn"]: step["newState"].get("inputs", {}) for step in self.preview()["steps"]}

    def backend(self) -> dict[Path, bytes]:
        """Every file of the state backend."""
        return {path: path.read_bytes() for path in self.state.rglob("*") if path.is_file()}

    def in_state(self) -> set[str]:
        """Types and names of the stack's AWS resources, as `aws:sqs/queue:Queue logs`."""
        state = json.loads(self.ok("stack", "export"))["deployment"].get("resources", [])
        return {f"{r['type']} {r['urn'].rsplit('::', 1)[1]}" for r in state if r["type"].startswith("aws:")}


@pytest.fixture
def cloud():
    cloud = Cloud()
    yield cloud
    cloud.stop()


@pytest.fixture
def stack(tmp_path, cloud):
    if shutil.which("pulumi") is None:
        lacking("pulumi", "needs the pulumi CLI")
    return Stack(tmp_path, cloud)
