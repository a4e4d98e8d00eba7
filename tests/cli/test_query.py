"""`trailsight query` and `trailsight queries`, as a user meets them."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from runtime.athena.named import load
from runtime.local.ingest import ingest
from runtime.local.lake import Lake
from tests.cli.test_cli import trailsight
from tests.conftest import REPO
from tests.local.logs import event, path_of, write

HOSTILE = "=cmd()\x1b[31m</script>"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cli")
    write(
        path_of(root / "logs", "2024-05-06", "a"), event("e1", userAgent=HOSTILE), event("e2", errorCode="AccessDenied")
    )
    ingest([str(root / "logs")], Lake(root / "lake"), workers=1)
    return root / "lake"


COUNT = "SELECT eventname, count(*) AS n FROM parquettrails GROUP BY eventname"


def test_a_table_on_the_terminal(lake):
    """SQL gives its table, nothing else, and exit code 0."""
    done = trailsight("query", COUNT, "--lake", lake)
    assert (done.returncode, done.stdout, done.stderr) == (0, "eventname  n\nGetObject  2\n1 row\n", "")


def test_sql_from_standard_input_and_the_lake_from_the_environment(lake):
    """`-` reads the query from stdin; TRAILSIGHT_LAKE names the lake."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", "query", "-", "--format", "json"],
        cwd=REPO, input=COUNT, capture_output=True, text=True, timeout=120, check=True,
        env={"TRAILSIGHT_LAKE": str(lake), "PATH": "/usr/bin"},
    )  # fmt: skip
    assert json.loads(done.stdout) == [{"eventname": "GetObject", "n": 2}]


def test_a_named_query_takes_parameters(lake):
    """--param fills in a named query's parameters."""
    days = ("--param", "from=2024-05-06", "--param", "to=2024-05-06")
    done = trailsight("query", "error-codes", *days, "--lake", lake, "--format", "json")
    assert [(row["errorcode"], row["errors"]) for row in json.loads(done.stdout)] == [("AccessDenied", 1)]


def test_a_named_query_without_rows_says_what_it_asked_for(lake, tmp_path):
    """Its parameters and the days of the lake go to stderr, where no program takes them for rows; SQL says nothing."""
    done = trailsight("query", "hour", "--param", "from_time=2017-10-23T11:00:00Z", "--lake", lake)
    assert (done.returncode, done.stdout) == (0, "0 rows\n")
    assert done.stderr == (
        "trailsight: no rows: asked with from_time=2017-10-23T11:00:00Z, to_time=2017-10-23T13:00:00Z; the lake has"
        " events from 2024-05-06 to 2024-05-06; ask for others with --param NAME=VALUE\n"
    )
    assert "the lake has no events;" in trailsight("query", "hour", "--lake", tmp_path).stderr
    assert trailsight("query", f"{COUNT} HAVING count(*) > 9", "--lake", lake).stderr == ""


def test_hostile_values_stay_text(lake):
    """A formula stays text in CSV, an escape sequence harmless in the table."""
    sql = "SELECT useragent FROM parquettrails WHERE useragent IS NOT NULL"
    assert "\\x1b[31m" in (shown := trailsight("query", sql, "--lake", lake).stdout)
    assert "\x1b" not in shown
    rows = list(csv.reader(io.StringIO(trailsight("query", sql, "--lake", lake, "--format", "csv").stdout)))
    assert rows == [["useragent"], ["'" + HOSTILE]]


def test_output_takes_its_format_from_the_suffix(lake, tmp_path):
    """--output writes a whole file or none, in the format of its suffix."""
    done = trailsight("query", COUNT, "--lake", lake, "--output", tmp_path / "x.parquet")
    assert (done.returncode, done.stdout) == (0, "")
    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == [{"eventname": "GetObject", "n": 2}]
    assert [p.name for p in tmp_path.iterdir()] == ["x.parquet"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["SELECT ifnull(1, 2)"], 2, "trailsight: the function ifnull is not supported; write coalesce"),
        (["DROP TABLE parquettrails"], 2, "trailsight: DROP is not supported; only queries are: SELECT, WITH, VALUES"),
        (["SHOW TABLES"], 2, "trailsight: SHOW is not supported; only queries are: SELECT, WITH, VALUES"),
        (["SELECT 1 / 0"], 2, "trailsight: the query failed: Division by zero"),
        (["top-talker"], 2, "did you mean top-talkers?"),
        (["top-talkers", "--param", "from"], 2, "--param 'from': write name=value"),
        (["top-talkers", "--param", "x=1"], 2, "there is no parameter x"),
        ([COUNT, "--format", "xml"], 2, "choose table, csv, json, parquet with --format"),
        ([COUNT, "--format", "parquet"], 2, "--format parquet needs a file; name one with --output"),
        ([COUNT, "--output", "no/such/folder/x.csv"], 2, "name a file in a folder that is there"),
        ([COUNT, "--output", "x.txt"], 2, "its suffix gives no format"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_2(arguments, code, sentence, lake):
    """A refused query, an unknown name and a wrong option say what to do; there is no traceback."""
    done = trailsight("query", *arguments, "--lake", lake)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_a_missing_lake_exits_1(tmp_path):
    """A lake that is not there is a failure with its cure."""
    done = trailsight("query", COUNT, "--lake", tmp_path / "none")
    assert done.returncode == 1
    assert "no such folder; make a lake with `trailsight local INPUT" in done.stderr


def test_queries_lists_what_there_is():
    """Every named query, with its question; as JSON with its parameters."""
    shown = trailsight("queries", COLUMNS="200").stdout
    assert all(name in shown for name in load())
    listed = json.loads(trailsight("queries", "--json").stdout)
    assert [(q["name"], q["question"]) for q in listed] == [(q.name, q.question) for q in load().values()]
    assert listed[0]["name"] == "hour"


def test_lint_names_paths():
    """--lint looks at the given SQL, or at the named queries."""
    sql = "SELECT json_extract_scalar(requestparameters, '$.bucketName') FROM parquettrails"
    done = trailsight("queries", "--lint", sql)
    assert (done.returncode, done.stdout) == (
        0,
        "requestParameters.bucketName has a column: read requestparameters_bucketname\n",
    )
    assert "kms-deletions" in trailsight("queries", "--lint").stdout
    assert trailsight("queries", sql).returncode == 2
