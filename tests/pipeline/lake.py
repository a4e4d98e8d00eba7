"""A lake's rows as the tests of the pipeline compare them."""

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq


def rows(lake: Path) -> Counter[tuple]:
    """Every row of a lake, all columns, with the day of its folder."""
    found: Counter[tuple] = Counter()
    for path in lake.glob("parquettrails/eventdate=*/*.parquet"):
        table = pq.read_table(path, partitioning=None)
        found.update((path.parent.name, *row) for row in zip(*table.to_pydict().values(), strict=True))
    return found
