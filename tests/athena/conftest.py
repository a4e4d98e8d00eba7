"""A small lake from hand-made events, and Athena's SQL asked of it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runtime.events.columns import COLUMNS, PARTITION
from runtime.local.dialect import to_duckdb
from runtime.local.query import open_lake

Event = Mapping[str, str | None]
SCHEMA = pa.schema([(c.name, pa.timestamp("us") if c.type == "timestamp" else pa.string()) for c in COLUMNS])


class Lake:
    """One lake folder, written day by day as the engines write it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files = count()

    def write(self, events: Iterable[Event]) -> None:
        days: dict[str, list[dict[str, Any]]] = {}
        for event in events:
            unknown = set(event) - set(SCHEMA.names)
            assert not unknown, f"no such column: {unknown}"
            time = datetime.fromisoformat(str(event["eventtime"])).replace(tzinfo=None)
            row = dict.fromkeys(SCHEMA.names) | dict(event) | {"eventtime": time}
            days.setdefault(time.date().isoformat(), []).append(row)
        for day, rows in days.items():
            folder = self.root / "parquettrails" / f"{PARTITION.name}={day}"
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / f"{next(self._files)}.parquet")

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Rows that a statement in Athena's dialect gives, over the table and the view."""
        with open_lake(self.root) as connection:
            answer = connection.execute(to_duckdb(sql))
            names = [column[0] for column in answer.description]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


@pytest.fixture
def lake(tmp_path: Path) -> Callable[[Iterable[Event]], Lake]:
    """Write events (column -> text) to a lake of their own."""

    def write(events: Iterable[Event]) -> Lake:
        made = Lake(tmp_path)
        made.write(events)
        return made

    return write
