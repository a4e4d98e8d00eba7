"""The ledger on AWS: put together from the flattener's lines and the job's records, it balances as the local one does."""

import json
from pathlib import Path

import duckdb
import pytest
import sqlglot

from runtime.athena import ledger
from runtime.events.ledger import LEDGER_COLUMNS, LINE_COLUMNS, LINES, line
from runtime.glue.metrics import Metrics

NAME = "AWSLogs/111122223333/CloudTrail/eu-central-1/2024/05/06/111122223333_CloudTrail_eu-central-1_20240506T0005Z_{}.json.gz"
DAY = "2024-05-06"


@pytest.fixture
def asked(tmp_path: Path):
    """The view's rows, as dicts, over these lines and records; each is (day, JSON)."""

    def ask(lines: list[tuple[str, bytes]], records: list[bytes]) -> list[dict]:
        with duckdb.connect() as connection:
            for table, columns, content in (
                (LINES, LINE_COLUMNS, lines),
                (ledger.METRICS, ledger.METRICS_COLUMNS, [("2024-05-07", record) for record in records]),
            ):
                listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
                connection.execute(f"CREATE TABLE {table} ({listed}, dt varchar)")
                for day, text in content:
                    values = json.loads(text)
                    row = [*(values[name] for name in columns), day]
                    connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
            sql = sqlglot.transpile(ledger.select(), read="athena", write="duckdb")[0]
            found = connection.execute(sql)
            return [dict(zip(LEDGER_COLUMNS, row, strict=True)) for row in found.fetchall()]

    return ask


def of_file(name: str, **found) -> tuple[str, bytes]:
    key = NAME.format(name)
    return DAY, line(f"s3://logs/{key}", key, key.split("/"), **found)


def test_it_balances(asked) -> None:
    """Records = rows + duplicates + differing copies + quarantined, over all files and runs of the job."""
    lines = [of_file("a", records=10, rows=9, quarantined=1), of_file("b", records=5, rows=5)]
    load = Metrics("20240507T010000Z", "load", read=14, written=9, duplicates=3, duplicate_differs=1, quarantined=1)
    idle = Metrics("20240507T020000Z", "load")
    compaction = Metrics("20240507T030000Z", "compact", duplicates=7)
    rows = asked(lines, [load.record(), idle.record(), compaction.record()])
    sums = {n: sum(row[n] or 0 for row in rows) for n, kind in LEDGER_COLUMNS.items() if kind == "bigint"}
    assert sums == {"records": 15, "rows": 9, "duplicates": 3, "duplicate_differs": 1, "quarantined": 2}
    assert sums.pop("records") == sum(sums.values())
    assert [(row["account"], row["region"], row["day"]) for row in rows if row["uri"]] == [
        ("111122223333", "eu-central-1", DAY)
    ] * 2
    assert len(rows) == 3


def test_what_a_file_gave_counts_once(asked) -> None:
    """A file that was no use and was read after all counts as what it then gave; else its last reason holds."""
    early, late = "2024-05-06T00:10:00+00:00", "2024-05-06T09:00:00+00:00"
    lines = [
        of_file("a", reason="empty file", delivered=late),
        of_file("a", records=2, rows=2, delivered=early),
        of_file("b", reason="no gzip", delivered=early),
        of_file("b", reason="the object is gone: nothing was read of it", delivered=late),
    ]
    found = {row["key"][-9:]: (row["rows"], row["reason"]) for row in asked(lines, [])}
    assert found == {"_a.json.gz"[-9:]: (2, None), "_b.json.gz"[-9:]: (0, "the object is gone: nothing was read of it")}


def test_the_statement_is_athenas() -> None:
    """Trino's grammar reads it, and its columns are the ledger's, in order."""
    made = sqlglot.parse_one(ledger.athena(), read="trino")
    assert made.expression.named_selects == list(LEDGER_COLUMNS)
