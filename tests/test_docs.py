"""What the docs say exists: commands, links, decisions; no machine's path in a tracked file."""

import re
import shutil
import subprocess
import sys

from cli.main import app
from components.pipeline import CloudTrailPipeline
from configs.loader import load
from tests.conftest import REPO


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=REPO, capture_output=True, text=True, check=True)
    return listed.stdout.split()


def test_the_readme_names_every_command():
    """A command the README lacks, or names and the program lacks, fails."""
    commands = {c.name or c.callback.__name__ for c in app.registered_commands}
    text = (REPO / "README.md").read_text()
    assert set(re.findall(r"\| `trailsight ([a-z]+)", text)) == commands


def test_the_docs_name_no_command_and_no_key_that_does_not_exist():
    """`trailsight X` in a page is a command; a dotted key in the operator's pages is in the configuration reference."""
    commands = {c.name or c.callback.__name__ for c in app.registered_commands}
    reference = (REPO / "docs/configuration.md").read_text()
    wrong = []
    for page in sorted((REPO / "docs").glob("*.md")):
        text = page.read_text()
        wrong += [
            (page.name, c)
            for c in re.findall(r"(?:^    |`)trailsight ([a-z]+)", text, re.MULTILINE)
            if c not in commands
        ]
        if page.name != "configuration.md":
            keys = re.findall(r"`((?:trail|logs|lake|alarms|quicksight)(?:\.[a-z]\w*)+)`", text)
            wrong += [(page.name, key) for key in keys if not key.endswith(".py") and f"`{key}`" not in reference]
    assert wrong == []


def test_links_in_the_docs_lead_somewhere():
    """Each relative link of a Markdown file names a file of the repository."""
    broken = []
    for name in tracked():
        if name.endswith(".md"):
            links = re.findall(r"\]\(([^)#:]+)\)", (REPO / name).read_text())
            broken += [(name, link) for link in links if not (REPO / name).parent.joinpath(link).exists()]
    assert broken == []


def test_the_index_of_decisions_is_complete():
    """Each page of docs/decisions stands in the index by its number and title, and nothing else does."""
    folder = REPO / "docs/decisions"
    titles = {page.name: page.read_text().split("\n", 1)[0] for page in folder.glob("0*.md")}
    listed = re.findall(r"^- (\d+): \[(.*)\]\((.*)\)$", (folder / "README.md").read_text(), re.MULTILINE)
    assert [(name, f"# {number}. {title}") for number, title, name in listed] == sorted(titles.items())


def test_make_docs_makes_every_page_that_is_made():
    """Each command of the target writes what is committed; no page that says "do not edit" lacks one."""
    recipe = re.search(r"^docs:.*\n((?:\t.*\n)+)", (REPO / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    commands = [line.split()[2:] for line in recipe[1].splitlines()]
    assert commands[0] == ["configs"]  # which tests/configs holds to its two files
    for module, _, file in commands[1:]:
        made = subprocess.run([sys.executable, "-m", module], cwd=REPO, capture_output=True, text=True, check=True)
        assert made.stdout == (REPO / file).read_text(encoding="utf-8"), module
    pages = {f"docs/{page.name}" for page in (REPO / "docs").glob("*.md") if "do not edit" in page.read_text()}
    assert pages <= {file for *_, file in commands} | {"docs/configuration.md"}


def test_locks_hold_no_address_and_every_hash():
    """Lock files name versions and hashes, and no index."""
    for path in [*(REPO / "requirements").glob("*.txt"), REPO / "requirements.txt", REPO / "policies/requirements.txt"]:
        text = path.read_text()
        assert "://" not in text
        assert "--index-url" not in text
        pins = re.findall(r"^[a-z0-9-]+(?:\[[a-z,0-9-]+\])?==", text, re.MULTILINE)
        assert len(pins) == len(re.findall(r"^[a-z0-9].* \\\n    --hash=", text, re.MULTILINE)) > 0


def test_no_tracked_file_names_a_machines_path():
    """Nobody's home or work folder is in the repository."""
    pattern = re.compile(r"(?<![\w./<>~-])/(?:work|root|home/\w+|Users/\w+)/")
    found = [
        n
        for n in tracked()
        if n.endswith((".py", ".md", ".toml", ".txt", ".yaml", ".sql")) and pattern.search((REPO / n).read_text())
    ]
    assert found == []


def test_the_docs_name_outputs_that_there_are():
    """`pulumi stack output X` in a page is an output of the program."""
    pages = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]
    named = {n for page in pages for n in re.findall(r"pulumi stack output ([a-zA-Z_]+)", page.read_text())}
    assert {"job_name", "dashboard_url"} <= named <= set(CloudTrailPipeline.__annotations__)


def test_every_word_in_capitals_of_the_operators_commands_is_explained():
    """The table of docs/operations.md has those of both pages' commands and no others; an output's is its own name."""
    pages = [(REPO / "docs" / name).read_text() for name in ("operations.md", "data-flow.md")]
    command = r"^    ((?:aws|trailsight|pulumi) (?:.*\\\n)*.*)$|`((?:aws|trailsight|pulumi) [^`]*)`"
    shown = [text for page in pages for pair in re.findall(command, page, re.MULTILINE) for text in pair]
    constants = {"ALARM", "FULL_REFRESH"}  # values that AWS knows
    used = {word for text in shown for word in re.findall(r"\b[A-Z][A-Z_]+\b", text)} - constants
    table = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*) \|$", pages[0], re.MULTILINE))
    assert used == set(table)
    outputs = {w: said[1] for w, text in table.items() if (said := re.match(r"`pulumi stack output (\w+)`", text))}
    assert outputs == {word.upper(): word for word in CloudTrailPipeline.__annotations__ if word.upper() in used}


def test_the_docs_name_files_that_there_are():
    """A path of ours in backquotes leads to a file or folder; what only a deployed bucket or a user's copy has is none."""
    tops = "components|configs|runtime|tools|policies|benchmarks|cli|tests"
    wrong = []
    for page in sorted((REPO / "docs").rglob("*.md")):
        paths = re.findall(rf"`((?:{tops})/[\w./*-]*)(?:::[^`]*)?`", page.read_text())
        # A function is named as a file and what is in it, as Lambda's handler.
        wrong += [
            (page.name, path)
            for path in paths
            if not list(REPO.glob(path.rstrip("/"))) and not (REPO / f"{path.rpartition('.')[0]}.py").is_file()
        ]
    assert wrong == []


def test_the_readmes_deployment_begins_with_a_file_that_loads(tmp_path):
    """Five commands; the one that makes the stack's file, run as it stands, gives a file that loads and has its schema."""
    section = (REPO / "README.md").read_text().split("\n## Deploy\n")[1].split("\n## ")[0]
    block = section.split("\n\n    ")[1].split("\n\n")[0]
    commands = [re.split(r"  +# ", line.strip())[0] for line in block.splitlines()]
    assert [c.split()[:2] for c in commands] == [
        *(["make", "bundle"], ["pulumi", "install"], ["sed", "'s,\\.\\./schema,schema,'"]),
        *(["pulumi", "stack"], ["pulumi", "up"]),
    ]
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "examples").symlink_to(REPO / "configs" / "examples")
    shutil.copy(REPO / "configs" / "schema.json", tmp_path / "configs")
    subprocess.run(commands[2], shell=True, cwd=tmp_path, check=True)
    stack = commands[3].split()[-1]
    made = tmp_path / "configs" / f"{stack}.yaml"
    assert load(stack, made.parent)["account"]["id"] == "111122223333"
    [schema] = re.findall(r"\$schema=(\S+)", made.read_text())
    assert (made.parent / schema).is_file()


def test_architecture_names_every_file_of_the_components():
    """Whoever looks for a part finds its file, and no file that is gone."""
    text = (REPO / "docs/architecture.md").read_text()
    table = text[text.index("| file |") : text.index("Three choices")]
    named = re.findall(r"`([a-z_]+\.py)`", table)
    assert set(named) == {path.name for path in (REPO / "components").glob("[a-z]*.py")}
