"""What the program costs before it does anything: against one that only touches the same classes of pulumi_aws."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.data import REPO
from benchmarks.measure import Failed, interleaved
from tools import bundle

_OURS = """
import pulumi
from pathlib import Path
from components import flattener
flattener.BUNDLE = Path({bundle!r})
class Cloud(pulumi.runtime.Mocks):
    def call(self, args):
        where = {{"partition": "aws", "dnsSuffix": "amazonaws.com", "region": "eu-central-1"}}
        return {{**where, "accountId": "111122223333"}}
    def new_resource(self, args):
        return args.name, {{"arn": "arn", "url": "url", "keyId": "id", **args.inputs}}
pulumi.runtime.set_mocks(Cloud(), project="trailsight", stack="acme-prod")
{touched}
from components.pipeline import CloudTrailPipeline
from configs.loader import load
from configs.model import pipeline_args
args = pipeline_args(load("minimal", Path({repo!r}) / "configs" / "examples"))
def program():
    CloudTrailPipeline("acme-prod", args)
if {registers}:
    pulumi.runtime.test(program)()
"""


def start(rounds: int) -> list[dict[str, Any]]:
    """CPU seconds of a whole process: the program over the minimal example, and its classes only touched."""
    with tempfile.TemporaryDirectory() as folder:
        zipped = Path(folder) / "flattener.zip"
        files = bundle.sources() | {bundle.MANIFEST: json.dumps(bundle.manifest()).encode()}
        zipped.write_bytes(bundle.stored(files))
        touched = "import pulumi_aws as aws\n" + "\n".join(sorted(_classes()))
        ours = {"repo": str(REPO), "bundle": str(zipped), "touched": touched}
        costs = interleaved(
            {
                "its classes, touched": ("-W", "ignore", "-c", touched),
                "and the program, settings read": ("-W", "ignore", "-c", _OURS.format(**ours, registers=False)),
                "and Pulumi's registration": ("-W", "ignore", "-c", _OURS.format(**ours, registers=True)),
            },
            rounds,
        )
    took: dict[str, float] = {}
    for name, cost in costs.items():
        if isinstance(cost, Failed):
            raise cost
        took[name] = cost.cpu
    least = took["its classes, touched"]
    return [{"program": name, "CPU s": round(cpu, 2), "times": round(cpu / least, 2)} for name, cpu in took.items()]


def _classes() -> set[str]:
    """Every name of pulumi_aws that the components of a pipeline without QuickSight and a budget mention."""
    files = [path for path in (REPO / "components").glob("*.py") if path.name != "quicksight.py"]
    mentioned = {name for path in files for name in re.findall(r"\baws\.[a-z0-9_]+\.[A-Z]\w+", path.read_text())}
    return {name for name in mentioned if not name.startswith(("aws.budgets.", "aws.lakeformation."))}
