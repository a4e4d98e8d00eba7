"""The examples load, validate and hold every key; schema and reference are those of the model."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from components.checks import check
from components.defaults import complete
from components.fields import fields
from components.mistakes import SettingsError
from components.names import Names, Where
from components.rules import RULES
from configs import reference, schema
from configs.loader import ConfigError, load
from configs.model import StackConfig

REPO = Path(__file__).parents[2]
EXAMPLES = REPO / "configs/examples"
ALL = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))


def keys(section, prefix: str = "") -> set[str]:
    found = set()
    for field in fields(section).values():
        inner = field.item if field.kind == "list" else field
        path = f"{prefix}{field.key}{'[]' if field.kind == 'list' else ''}"
        found |= {path} | (keys(inner.type, f"{path}.") if inner.kind == "section" else set())
    return found


def written(value, prefix: str = "") -> set[str]:
    found = set()
    for key, item in value.items():
        path = f"{prefix}{key}{'[]' if isinstance(item, list) else ''}"
        found.add(path)
        for below in item if isinstance(item, list) else [item]:
            if isinstance(below, dict) and key not in {"tags", "additionalPolicyStatements"}:
                found |= written(below, f"{path}.")
    return found


def test_these_are_the_examples() -> None:
    """Each that the docs name is there, and the docs name each."""
    named = re.findall(r"^\| `([a-z-]+)\.yaml`", (REPO / "docs/configuration.md").read_text(), re.MULTILINE)
    assert sorted(named) == ALL


@pytest.mark.parametrize("name", ALL)
def test_an_example_loads_and_its_settings_pass_without_yaml(name: str) -> None:
    """By itself and upon the shared defaults, and the component finds nothing either."""
    config = load(name, EXAMPLES)
    account = config["account"]
    names = Names(name, Where("aws", "amazonaws.com", account["id"], account["region"]))
    pipeline = {key: value for key, value in config.items() if key not in {"account", "deploy"}}
    check(complete(pipeline), names)


@pytest.mark.parametrize("name", ALL)
def test_an_example_becomes_a_stack_as_the_docs_say(name: str, tmp_path: Path) -> None:
    """Copied beside defaults.yaml with its schema line moved, it is a stack that has the shared tags."""
    configs = tmp_path / "configs"
    configs.mkdir()
    (configs / "examples").symlink_to(EXAMPLES)
    shutil.copy(REPO / "configs/defaults.yaml", configs)
    command = next(line for line in reference.FILE.read_text().splitlines() if line.startswith("    sed "))
    assert "configs/examples/minimal.yaml" in command
    subprocess.run(command.replace("minimal", name), shell=True, cwd=tmp_path, check=True)
    stack = configs / "acme-prod.yaml"
    assert stack.read_text().splitlines()[0] == "# yaml-language-server: $schema=schema.json"
    assert load("acme-prod", configs)["tags"]["app"] == "trailsight"


@pytest.mark.parametrize("name", ALL)
def test_an_example_validates_in_an_editor(name: str) -> None:
    """The schema that its first line names accepts it, read as YAML 1.2 reads it."""
    text = (EXAMPLES / f"{name}.yaml").read_text()
    first = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    found = json.loads((EXAMPLES / first).read_text())
    jsonschema.Draft202012Validator.check_schema(found)
    jsonschema.Draft202012Validator(found).validate(yaml_1_2(text))


def yaml_1_2(text: str):
    """Without days and times of day, which YAML 1.2, and so an editor, takes for text."""

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {  # noqa: RUF012
            first: [(tag, pattern) for tag, pattern in resolvers if "timestamp" not in tag]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    return yaml.load(re.sub(r"fullRefresh: (\S+)", r'fullRefresh: "\1"', text), Loader)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("account: {id: '1111', region: eu-central-1}", "id"),
        ("account: {id: '111122223333'}", "account"),
        ("account: {id: '111122223333', region: eu-central-1}\nlak: {}", ""),
        ("account: {id: '111122223333', region: eu-central-1}\nlogs: {expireAfterDays: -1}", "expireAfterDays"),
        ("account: {id: '111122223333', region: eu-central-1}\ntrail: {mode: organization}", "mode"),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(text: str, where: str) -> None:
    """An editor underlines it."""
    errors = list(jsonschema.Draft202012Validator(schema.schema()).iter_errors(yaml.safe_load(text)))
    assert [str(error.path[-1]) if error.path else "" for error in errors] == [where]


def test_full_has_every_key() -> None:
    """Together with those of a bucket that is somebody else's, which exclude an own one."""
    found = set()
    for name in ("full", "control-tower", "other-account"):
        found |= written(yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text()))
    assert found == keys(StackConfig)


def test_every_rule_is_of_a_key() -> None:
    """No rule has lost its key by a renaming, and every number has its range."""
    known = keys(StackConfig) | {"tags.*"}
    assert set(RULES) <= known
    for path in ("lake.job.days", "alarms.queueAgeMinutes"):
        assert path in RULES


def test_schema_is_current() -> None:
    """`make docs` was run after the last change of a setting."""
    assert schema.FILE.read_text() == schema.text()


def test_reference_is_current() -> None:
    """The list of keys in docs/configuration.md is the model's, one row for each key."""
    text = reference.FILE.read_text()
    assert text == reference.text()
    rows = re.findall(r"^\| `([\w.\[\]]+)` \|", text.partition(reference.BEGIN)[2], re.MULTILINE)
    assert sorted(rows) == sorted(key.removesuffix("[]") for key in keys(StackConfig))


def test_the_report_in_the_docs_is_what_the_loader_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word."""
    text = reference.FILE.read_text()
    file = re.search(r"<!-- the file of the report -->\n```yaml\n(.*?)```", text, re.DOTALL)
    report = re.search(r"<!-- the report -->\n```text\n(.*?)```", text, re.DOTALL)
    assert file
    assert report
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/acme-prod.yaml").write_text(file[1])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load("acme-prod")
    assert str(caught.value) == report[1].rstrip("\n")


def test_loading_imports_no_pulumi_aws() -> None:
    """It takes seconds, which a file with a mistake must not cost."""
    code = (
        "import sys, configs.loader, configs.references; print('pulumi_aws' in sys.modules, 'botocore' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_component_says_the_same_sentences() -> None:
    """Without YAML, a SettingsError has the loader's sentences without file and line."""
    settings = complete({"lake": {"enabled": False}, "quicksight": {}})
    with pytest.raises(SettingsError) as caught:
        check(settings, Names("acme", Where("aws", "amazonaws.com", "111122223333", "eu-central-1")))
    assert str(caught.value) == (
        "quicksight: there is nothing to show with lake.enabled: false; take quicksight out, or switch the lake on"
    )
