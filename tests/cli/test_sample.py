"""`trailsight sample` makes what `trailsight local` takes, to the record."""

import json

from tests.cli.test_cli import trailsight


def test_a_sample_balances_with_the_run_over_it(tmp_path):
    """What was written is what is read: rows, duplicates, and every hostile thing accounted for."""
    made = trailsight("sample", tmp_path / "logs", "--events", 3000, "--hostile", "--json")
    assert made.returncode == 0, made.stderr
    written = json.loads(made.stdout)
    done = trailsight("local", tmp_path / "logs", "--lake", tmp_path / "lake", "--json")
    assert done.returncode == 3, done.stderr
    taken = json.loads(done.stdout)
    assert {k: taken[k] for k in ("records", "rows", "duplicates", "duplicate_differs", "quarantined")} == {
        "records": written["records_written"],
        "rows": written["events"],
        "duplicates": written["duplicates"],
        "duplicate_differs": written["differs"],
        "quarantined": written["unusable"],
    }
    assert taken["files_quarantined"] == written["bad_files"]
    accounts = (tmp_path / "logs" / "accounts.csv").read_text().splitlines()
    assert accounts[0] == "id,name,OU"
    assert len(accounts) == 1 + 5


def test_a_wrong_sample_is_one_sentence(tmp_path):
    """A folder that has logs already is not written into."""
    assert trailsight("sample", tmp_path, "--events", 100).returncode == 0
    again = trailsight("sample", tmp_path, "--events", 100)
    assert again.returncode == 1
    assert again.stderr.startswith("trailsight: ")
    assert "Traceback" not in again.stderr
    assert trailsight("sample", tmp_path / "x", "--end", "soon").returncode == 2
