"""The ledger: what became of each log file's records. Its columns, the flattener's line of it; standard library only.

On one machine the ledger is complete. On AWS it is put together in Athena (runtime/athena/ledger.py) from the lines
that the flattener writes, one a log file, and the records of the Parquet job, which alone knows of duplicates.
"""

import json
from collections.abc import Sequence

from runtime.events.paths import kind_of

LEDGER = "ledger"
# The ledger as a table: what each log file's path and name say, then its line's counts.
LEDGER_COLUMNS = {
    "uri": "varchar",
    "key": "varchar",
    "account": "varchar",
    "region": "varchar",
    "day": "varchar",
    "records": "bigint",
    "rows": "bigint",
    "duplicates": "bigint",
    "duplicate_differs": "bigint",
    "quarantined": "bigint",
    "reason": "varchar",
    "problem": "varchar",
}
LINES = "ledger_lines"
"""The Glue table over what the flattener writes below `ledger/dt=<day>/`: JSON, partitioned by `dt`."""
LINE_COLUMNS = {
    **{name: kind for name, kind in LEDGER_COLUMNS.items() if name != "day" and not name.startswith("duplicate")},
    "bytes": "bigint",
    "delivered": "varchar",
}


def line(
    uri: str,
    key: str,
    parts: Sequence[str],
    *,
    records: int = 0,
    rows: int = 0,
    quarantined: int = 0,
    size: int = 0,
    delivered: str | None = None,
    reason: str | None = None,
    problem: str | None = None,
) -> bytes:
    """The flattener's line for one log file, with its newline: records = rows + quarantined, size in bytes.

    `parts` is the log file's key, split at its slashes; `delivered` ISO 8601 in UTC. `reason` is set when the file as a
    whole is no use; then all counts are 0. `problem` is why the first of its records was set aside. The day is in no
    line: it is the partition.
    """
    *folders, name = parts
    _, place = kind_of(folders, name)
    values = {
        "uri": uri,
        "key": key,
        "account": place.account,
        "region": place.region,
        "records": records,
        "rows": rows,
        "quarantined": quarantined,
        "reason": reason or None,
        "problem": problem or None,
        "bytes": size,
        "delivered": delivered,
    }
    return json.dumps({name: values[name] for name in LINE_COLUMNS}).encode() + b"\n"
