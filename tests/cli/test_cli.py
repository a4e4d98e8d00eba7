"""The command line: exit codes, summaries and one-sentence errors, as a user sees them."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cli.main import app
from runtime.events.columns import COLUMNS, PARTITION, PROMOTE
from tests.conftest import REPO
from tests.local.logs import encode, event, path_of, write


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
        "unread": 0,
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


def test_the_summary_is_printed_though_no_page_can_be_made(logs, tmp_path):
    """--json tells what was taken and quarantined, which the next run would not tell again, and that there is no page."""
    (logs / "bad.json").write_text("junk")
    (tmp_path / "file").write_text("")
    done = trailsight("local", logs, "--lake", tmp_path / "lake", "--json", "--page", tmp_path / "file" / "page.html")
    assert done.returncode == 2
    assert "page.html: cannot be written" in done.stderr
    found = json.loads(done.stdout)
    assert (found["rows"], found["files_quarantined"], found["page"]) == (2, 1, None)


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


def test_what_is_not_shown_is_in_the_ledger(tmp_path):
    """Of many problems the first are shown, and where the others are, read or not."""
    (tmp_path / "logs").mkdir()
    for n in range(23):
        (tmp_path / "logs" / f"{n}.json").write_text("junk")
    done = trailsight("local", tmp_path / "logs", "--lake", tmp_path / "lake")
    assert done.stdout.count("quarantined: not CloudTrail") == 20
    assert "  ... and 3 more; the lake's table `ledger` has reason and problem of each log file\n" in done.stdout
    asked = trailsight("query", "SELECT count(reason) FROM ledger", "--lake", tmp_path / "lake", "--format", "json")
    assert "23" in asked.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["local", "/no/such"], 2, "trailsight: /no/such: no such file or folder; check the path\n"),
        (["local", "LOGS", "--from", "yesterday"], 2, "'yesterday' is not a day; write it as 2026-01-31"),
        (["local"], 2, "Missing argument 'INPUT...'"),
        (
            ["local", "LOGS", "--account", "1111-2222-3333"],
            2,
            "account '1111-2222-3333': write the account's 12 digits",
        ),
        (["local", "LOGS", "--region", "EU-central-1"], 2, "Region 'EU-central-1': write it as AWS does"),
        (
            ["local", "LOGS", "--from", "2024-05-07", "--to", "2024-05-06"],
            2,
            "the first day, 2024-05-07, is after the last, 2024-05-06; swap them",
        ),
        (
            ["local", "LOGS", "--promote", "userIdentity.arn"],
            2,
            "'userIdentity.arn' is in no free-form field; start it",
        ),
        (
            ["local", "LOGS", "--promote", "requestParameters.key.x"],
            2,
            "requestParameters.key.x lies in requestParameters.key, and both cannot have a column; drop one",
        ),
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


def test_a_lake_has_to_be_named(logs):
    """A lake is optional with --dry-run only."""
    done = trailsight("local", logs)
    assert done.returncode == 2
    assert "the lake's folder is missing; name one with --lake" in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize("arguments", [["local", "logs"], ["query", "hour"]])
def test_a_lake_in_s3_is_refused(arguments):
    """It is no folder here, and no folder `s3:` is made for it; the sentence says where it is asked."""
    done = trailsight(*arguments, "--lake", "s3://acme-lake")
    assert (done.returncode, done.stdout) == (2, "")
    assert "s3://acme-lake: a lake in S3 is asked in Athena; name a folder" in " ".join(
        done.stderr.replace("│", " ").split()
    )


def test_a_lake_that_cannot_be_written_exits_1(logs, tmp_path):
    """A lake that is a file is a failure with its cure."""
    (tmp_path / "lake").write_text("")
    done = trailsight("local", logs, "--lake", tmp_path / "lake")
    assert done.returncode == 1
    assert "cannot be written (File exists); name another folder with --lake" in done.stderr


def test_ctrl_c_says_what_it_leaves_of_the_lake(logs, tmp_path):
    """A run that is interrupted ends with 130 and one sentence, not with a traceback or without a word."""
    pipe = logs / "x.json"
    os.mkfifo(pipe)
    # What runs in a shell's background, these tests perhaps, inherits that Ctrl-C is ignored.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import cli.main; cli.main.main()"
    command = [sys.executable, "-c", code, "local", str(logs), "--lake", str(tmp_path / "lake"), "--workers", "1"]
    run = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with pipe.open("wb"):  # once the run has opened it
        run.send_signal(signal.SIGINT)
        said = run.communicate(timeout=60)
    assert said == ("", "trailsight: interrupted; the lake is as it was before this run\n")
    assert run.returncode == 130


def test_dry_run_says_what_a_run_would_take(logs, tmp_path):
    """--dry-run says files, bytes and S3 requests, asks for no lake and makes none; what a lake has taken is known."""
    lake = tmp_path / "lake"
    size = sum(p.stat().st_size for p in logs.rglob("*.gz"))
    plan = {"files": 1, "known": 0, "bytes": size, "skipped": {}, "unreadable": [], "s3_requests": 0}
    for arguments in ([], ["--lake", lake]):
        assert json.loads(trailsight("local", logs, *arguments, "--dry-run", "--json").stdout) == plan
    assert not lake.exists()
    trailsight("local", logs, "--lake", lake)
    found = json.loads(trailsight("local", logs, "--lake", lake, "--dry-run", "--json").stdout)
    assert found == plan | {"files": 0, "known": 1, "bytes": 0}
    assert (
        "0 log files to read, 0 bytes, 1 known already" in trailsight("local", logs, "--dry-run", "--lake", lake).stdout
    )


def test_the_selection_is_what_the_options_say(logs, tmp_path):
    """--from, --to, --account and --region each leave out what they say, and together leave the one file."""
    other = "444455556666"
    for day, name, account, region in [
        ("2024-05-05", "b", "111122223333", "eu-central-1"),
        ("2024-05-07", "c", "111122223333", "eu-central-1"),
        ("2024-05-06", "d", other, "eu-central-1"),
        ("2024-05-06", "e", "111122223333", "us-east-1"),
    ]:
        write(path_of(logs, day, name, account, region), event(name))

    def files(*options: str) -> int:
        return json.loads(trailsight("local", logs, "--dry-run", "--json", *options).stdout)["files"]

    assert files() == 5
    assert files("--from", "2024-05-06") == 4
    assert files("--to", "2024-05-06") == 4
    assert files("--account", other) == 1
    assert files("--region", "us-east-1") == 1
    assert files("--from", "2024-05-06", "--to", "2024-05-06", "--account", other, "--region", "us-east-1") == 0


def test_nothing_found_says_why(logs, tmp_path):
    """A selection that leaves nothing is said on standard error, with what to widen; the output stays JSON."""
    done = trailsight("local", logs, "--lake", tmp_path / "lake", "--account", "444455556666", "--json")
    assert json.loads(done.stdout)["files"] == 0
    assert done.stderr == (
        "trailsight: no log file within the selection: 0 files and 1 folder not asked for;"
        " widen --from, --to, --account or --region\n"
    )


def test_promote_adds_a_column(logs, tmp_path):
    """--promote adds its path to the default ones."""
    write(path_of(logs, "2024-05-06", "p"), event("p", requestParameters={"bucketName": "b", "mine": {"x": "y"}}))
    lake = tmp_path / "lake"
    done = trailsight(
        "local",
        logs,
        "--lake",
        lake,
        "--promote",
        "requestParameters.mine.x",
        "--promote",
        "requestParameters.bucketName",
    )
    assert done.returncode == 0
    [path] = (lake / "parquettrails").glob("*/*.parquet")
    names = ["eventid", "requestparameters_bucketname", "requestparameters_mine_x"]
    table = pq.read_table(path, columns=names, partitioning=None).to_pylist()
    assert [row for row in table if row["eventid"] == "p"] == [dict(zip(names, ["p", "b", "y"], strict=True))]


@pytest.fixture(scope="module")
def s3(tmp_path_factory) -> Iterator[dict[str, str]]:
    """Environment in which only the profile `logs` reaches an S3, which has one log file."""
    moto = pytest.importorskip("moto.server")
    import boto3

    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=url, aws_access_key_id="a", aws_secret_access_key="b"
    )
    client.create_bucket(Bucket="trail")
    client.put_object(Bucket="trail", Key="x.json", Body=b'{"Records":[' + encode(event("e")) + b"]}")
    config = tmp_path_factory.mktemp("aws") / "config"
    config.write_text(
        f"[profile logs]\nregion = us-east-1\nendpoint_url = {url}\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    yield {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": "/none", "AWS_EC2_METADATA_DISABLED": "true"}
    server.stop()


def test_s3_is_reached_by_the_profile_and_role_named(s3, tmp_path):
    """--profile and --role-arn are what S3 is asked with; --dry-run counts the requests to come."""
    plain = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""} | s3
    done = trailsight("local", "s3://trail", "--profile", "logs", "--dry-run", "--json", **plain)
    assert json.loads(done.stdout)["s3_requests"] == 2
    done = trailsight("local", "s3://trail", "--profile", "logs", "--role-arn", "x", "--dry-run", **plain)
    assert (done.returncode, "RoleArn" in done.stderr) == (2, True)
    done = trailsight("local", "s3://trail", "--profile", "logs", "--lake", tmp_path / "lake", "--no-open", **plain)
    assert "1 record = 1 row" in done.stdout


def on_a_terminal(*arguments: object) -> str:
    """What the command draws on a terminal of 100 columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [sys.executable, "-m", "cli", *map(str, arguments)]
    run = subprocess.Popen(
        command,
        cwd=REPO,
        stdout=subprocess.DEVNULL,
        stderr=slave,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(slave)
    drawn = b""
    with suppress(OSError):  # the terminal is gone when its last user is
        while chunk := os.read(master, 1 << 16):
            drawn += chunk
    os.close(master)
    assert run.wait(timeout=60) == 0
    return drawn.decode()


def test_the_progress_bar_shows_files_speed_and_days(tmp_path):
    """On a terminal a run shows the files read, records per second, then the days merged."""
    for n in range(3):
        found = [event(f"{n}-{e}", f"2024-05-0{e % 4 + 1}T00:00:00Z") for e in range(3_000)]
        write(path_of(tmp_path / "logs", "2024-05-06", str(n)), *found)
    drawn = on_a_terminal("local", tmp_path / "logs", "--lake", tmp_path / "lake", "--workers", "1")
    assert "files 0/3" in drawn
    assert "days 0/4" in drawn
    assert any(int(speed.replace(",", "")) > 0 for speed in re.findall(r"([\d,]+) records/s", drawn))


def test_columns_lists_every_column_once():
    """The reference is the column list itself, in order."""
    found = json.loads(trailsight("columns", "--format", "json").stdout)
    assert [c["name"] for c in found] == [c.name for c in (*COLUMNS, PARTITION)]


def test_columns_says_which_are_promoted():
    """Each form says of every column how it comes from the record, so that one sees which paths have a column."""
    found = json.loads(trailsight("columns", "--format", "json").stdout)
    assert [c["path"] for c in found if c["kind"] == "promoted"] == list(PROMOTE)
    assert {c["kind"] for c in found} == {"scalar", "json", "promoted", "computed"}
    cells = ["requestparameters_bucketname", "string", "promoted", "requestParameters.bucketName"]
    [line] = [line for line in trailsight("columns", COLUMNS="300").stdout.splitlines() if line.startswith(cells[0])]
    assert line.split()[:4] == cells
    markdown = trailsight("columns", "--format", "markdown").stdout
    assert "| `{}` | {} | {} | `{}` |".format(*cells) in markdown


def test_every_command_has_help_with_an_example():
    """`--help` of each command shows how it is typed."""
    for command in app.registered_commands:
        assert "Example: `trailsight " in command.callback.__doc__, command.callback.__name__


def test_the_help_says_the_exit_codes_as_the_readme_does():
    """Whoever calls it from a script finds them where the commands are listed."""
    [said] = re.findall(r"^Exit codes: .*$", (REPO / "README.md").read_text(), re.MULTILINE)
    assert said in " ".join(trailsight("--help").stdout.split())


def test_help_imports_no_engine():
    """`trailsight --help` loads neither Arrow nor DuckDB nor an AWS SDK, which is what makes it quick."""
    code = "import sys, cli.main; print([m for m in ('pyarrow', 'duckdb', 'boto3', 'msgspec', 'sqlglot', 'vl_convert') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
