"""What the docs say exists: every command in the README, every link, no machine's path in a tracked file."""

import re
import subprocess

from cli.main import app
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


def test_locks_hold_no_address_and_every_hash():
    """Lock files name versions and hashes, and no index."""
    for path in (REPO / "requirements").glob("*.txt"):
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
