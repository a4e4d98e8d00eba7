"""The command line: exit codes, summaries and one-sentence errors, as a user sees them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import app
from runtime.events.columns import COLUMNS, PARTITION
from tests.conftest import REPO
from tests.local.logs import event, path_of, write


def trailsight(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
    """Run the command as a user would, with no terminal."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    write(path_of(tmp_path / "logs", "2024-05-06", "a"), event("e1"), event("e1"), event("e2"))
    return tmp_path / "logs"


def test_local_prints_the_summary_as_json(logs, tmp_path):
    """--json is the whole of standard output, with stable keys; a clean run exits 0."""
    done = trailsight("local", logs, "--lake", tmp_path / "lake", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found.pop("seconds") > 0
    assert found.pop("page") == str(tmp_path / "lake" / "dashboard.html")
    assert found == {
        "files": 1,
        "known": 0,
        "skipped": {},
        "records": 3,
        "rows": 2,
        "duplicates": 1,
        "duplicate_differs": 0,
        "quarantined": 0,
        "files_quarantined": 0,
        "problems": [],
    }


def test_one_command_ends_with_a_dashboard(logs, tmp_path):
    """The page is in the lake, or where --page says; --open hands it to the browser, and nobody else does."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/seen\n')
    browser.chmod(0o755)
    arguments = ("local", logs, "--lake", tmp_path / "lake")
    done = trailsight(*arguments, BROWSER=str(browser))
    assert f"dashboard: {tmp_path}/lake/dashboard.html" in done.stdout
    assert "<!doctype html>" in (tmp_path / "lake" / "dashboard.html").read_text()[:200]
    assert not (tmp_path / "seen").exists()
    page = tmp_path / "out" / "page.html"
    done = trailsight(*arguments, "--page", page, "--open", BROWSER=str(browser))
    assert (done.returncode, (tmp_path / "seen").read_text()) == (0, page.as_uri() + "\n")


def test_a_page_that_cannot_be_written_is_one_sentence(logs, tmp_path):
    """The lake is made all the same; the sentence names the file and the cure."""
    (tmp_path / "file").write_text("")
    done = trailsight("local", logs, "--lake", tmp_path / "lake", "--page", tmp_path / "file" / "page.html")
    assert done.returncode == 2
    assert "page.html: cannot be written (File exists); name another file with --page" in done.stderr
    assert (tmp_path / "lake" / "parquettrails").exists()


def test_account_names_label_the_page(logs, tmp_path):
    """accounts.csv beside the logs is found; --account-names names another."""
    (logs / "accounts.csv").write_text("id,name,OU\n111122223333,first,x\n")
    trailsight("local", logs, "--lake", tmp_path / "lake")
    assert '"111122223333":"first \\u00b7 x"' in (tmp_path / "lake" / "dashboard.html").read_text()
    (tmp_path / "names.csv").write_text("id,name,OU\n111122223333,second,\n")
    trailsight("local", logs, "--lake", tmp_path / "lake", "--account-names", tmp_path / "names.csv")
    assert '"111122223333":"second"' in (tmp_path / "lake" / "dashboard.html").read_text()


def test_something_quarantined_exits_3(logs, tmp_path):
    """A bad file is said in one line, harmless to the terminal, and the exit code tells scripts."""
    (logs / "\x1b[31mbad.json").write_text("junk")
    done = trailsight("local", logs, "--lake", tmp_path / "lake")
    assert done.returncode == 3
    assert "2 log files taken, 0 known already" in done.stdout
    assert "3 records = 2 rows + 1 duplicate + 0 that differ + 0 quarantined" in done.stdout
    assert "\\x1b[31mbad.json: quarantined: not CloudTrail: it begins with b'junk'" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["local", "/no/such"], 2, "trailsight: /no/such: no such file or folder; check the path\n"),
        (["local", "LOGS", "--from", "yesterday"], 2, "'yesterday' is no day; write it as 2026-01-31"),
        (["local"], 2, "Missing argument 'INPUT...'"),
        (["nonsense"], 2, "No such command 'nonsense'"),
        (["columns", "--format", "xml"], 2, "choose table, json or markdown"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_2(arguments, code, sentence, logs, tmp_path):
    """A mistake names itself and the cure; there is no traceback."""
    done = trailsight(*[str(logs) if a == "LOGS" else a for a in arguments], TRAILSIGHT_LAKE=str(tmp_path / "lake"))
    assert done.returncode == code
    assert sentence in " ".join(done.stderr.replace("│", " ").split()) + "\n"
    assert "Traceback" not in done.stderr


def test_a_lake_that_cannot_be_written_exits_1(logs, tmp_path):
    """A lake that is a file is a failure with its cure."""
    (tmp_path / "lake").write_text("")
    done = trailsight("local", logs, "--lake", tmp_path / "lake")
    assert done.returncode == 1
    assert "cannot be written (File exists); name another folder with --lake" in done.stderr


def test_dry_run_writes_nothing(logs, tmp_path):
    """--dry-run says files, bytes and S3 requests, and leaves no lake behind."""
    done = trailsight("local", logs, "--lake", tmp_path / "lake", "--dry-run", "--json")
    size = sum(p.stat().st_size for p in logs.rglob("*.gz"))
    assert json.loads(done.stdout) == {"files": 1, "bytes": size, "skipped": {}, "s3_requests": 0}
    assert not (tmp_path / "lake").exists()


def test_columns_lists_every_column_once():
    """The reference is the column list itself, in order."""
    found = json.loads(trailsight("columns", "--format", "json").stdout)
    assert [c["name"] for c in found] == [c.name for c in (*COLUMNS, PARTITION)]


def test_every_command_has_help_with_an_example():
    """`--help` of each command shows how it is typed."""
    for command in app.registered_commands:
        assert "Example: `trailsight " in command.callback.__doc__, command.callback.__name__


def test_help_imports_no_engine():
    """`trailsight --help` loads neither Arrow nor DuckDB nor an AWS SDK, which is what makes it quick."""
    code = "import sys, cli.main; print([m for m in ('pyarrow', 'duckdb', 'boto3', 'msgspec', 'sqlglot', 'vl_convert') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
