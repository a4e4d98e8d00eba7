"""The view `ledger` on AWS, with the columns of the local one: the flattener's lines, and what the job then found.

`python -m runtime.athena.ledger` prints it. Over two Glue tables of JSON lines, both partitioned by `dt`:
`ledger_lines` (runtime/events/ledger.py) and `metrics` (runtime/glue/metrics.py).
"""

import sys

from runtime.events.ledger import LEDGER, LEDGER_COLUMNS, LINES

METRICS = "metrics"
METRICS_COLUMNS = {
    "run": "varchar",
    "task": "varchar",
    "duplicates": "bigint",
    "duplicate_differs": "bigint",
    "quarantined": "bigint",
}
"""The columns that the view reads of a run's record; a table over them may have the others too."""

# A file that was no use, and was read after all, counts as what it then gave; else its last line holds. With `dt` among
# what the rank is by, a bound on `day` reaches the table, and other partitions are not read.
_LAST = """rank() OVER (PARTITION BY dt, uri ORDER BY if(reason IS NULL, 0, 1),
            if(reason IS NULL, '', coalesce(delivered, '')) DESC) AS place"""
_FROM_LINES = {"day": "dt", "duplicates": "CAST(NULL AS bigint)", "duplicate_differs": "CAST(NULL AS bigint)"}
# The flattener counted these as rows: they are taken off again, so that the sums balance once the job has run.
_FROM_RUNS = {
    "day": "dt",
    "records": "CAST(0 AS bigint)",
    "rows": "-(duplicates + duplicate_differs + quarantined)",
    "duplicates": "duplicates",
    "duplicate_differs": "duplicate_differs",
    "quarantined": "quarantined",
}


def select(lines: str = LINES, metrics: str = METRICS) -> str:
    """The view's SELECT, over these names of the two tables."""
    of_lines = ",\n    ".join(f"{_FROM_LINES.get(n, n)} AS {n}" for n in LEDGER_COLUMNS)
    of_runs = ",\n    ".join(
        f"{_FROM_RUNS.get(n, f'CAST(NULL AS {kind})')} AS {n}" for n, kind in LEDGER_COLUMNS.items()
    )
    return (
        f"SELECT\n    {of_lines}\n"
        f"FROM (\n    SELECT *,\n        {_LAST}\n    FROM {lines}\n) AS lines\nWHERE place = 1\n"
        f"UNION ALL\nSELECT\n    {of_runs}\nFROM {metrics}\n"
        f"WHERE task = 'load' AND duplicates + duplicate_differs + quarantined > 0"
    )


def athena() -> str:
    """CREATE VIEW statement in Athena's dialect, with a final newline."""
    return f"CREATE OR REPLACE VIEW {LEDGER} AS\n{select()}\n"


if __name__ == "__main__":
    sys.stdout.write(athena())
