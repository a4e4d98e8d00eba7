"""The data sets' SQL, run: what QuickSight adds up from their rows is what the page shows, under any filter."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from runtime.local.dialect import to_duckdb
from runtime.local.ingest import ingest
from runtime.local.lake import Lake
from runtime.local.page import statement
from runtime.local.query import open_lake
from runtime.local.sample import write_sample
from runtime.quicksight.data_sets import QuickSightDataSet, data_sets
from runtime.quicksight.spec import Field, Visual, load
from tests.local.logs import event, path_of, write

BOARD = load()
TABLES = {"parquettrails": "parquettrails", "ledger": "ledger"}
SETS = data_sets(BOARD, TABLES)
DUCKDB = {"STRING": "VARCHAR", "INTEGER": "BIGINT", "DECIMAL": "DOUBLE", "DATETIME": "TIMESTAMP"}
TODAY = datetime.now(UTC).date()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's story, a bad log file, and events of yesterday and of long ago with a new field."""
    folder = tmp_path_factory.mktemp("sets")
    write_sample(folder / "logs", events=3000, seed=7, accounts=4, days=12, end=date(2026, 11, 1))
    for n, day in enumerate((TODAY - timedelta(days=1), TODAY - timedelta(days=400))):
        write(path_of(folder / "logs", day.isoformat(), f"near{n}"), event(f"near-{n}", f"{day}T10:00:00Z", newField=n))
    (folder / "logs" / "bad.json.gz").write_bytes(b"no log")
    ingest([str(folder / "logs")], Lake(folder / "lake"), workers=1)
    return folder / "lake"


@pytest.fixture(scope="module")
def asked(lake: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake, with each data set's rows in a table of its name."""
    with open_lake(lake) as connection:
        for made in SETS.values():
            connection.execute(f"CREATE TEMP TABLE set_{made.name} AS {to_duckdb(made.sql)}")
        yield connection


def values(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple]:
    return sorted(connection.sql(sql).fetchall(), key=repr)


@pytest.mark.parametrize("made", SETS.values(), ids=lambda made: made.name)
def test_columns_have_the_types_that_quicksight_is_told(asked, made: QuickSightDataSet) -> None:
    """Names and order are the SQL's; a whole number fits QuickSight's INTEGER, and no time has a zone."""
    names = {"INTEGER": "BIGINT", "TIMESTAMP WITH TIME ZONE": "zoned", "HUGEINT": "too large"}
    given = [(row[0], names.get(row[1], row[1])) for row in asked.execute(f"DESCRIBE set_{made.name}").fetchall()]
    assert given == [(name, DUCKDB[kind]) for name, kind in made.columns]


@pytest.mark.parametrize("made", SETS.values(), ids=lambda made: made.name)
def test_a_data_set_has_the_rows_of_its_source(asked, made: QuickSightDataSet) -> None:
    """One for one, and there are some."""
    rows = values(asked, f"SELECT count(*) FROM set_{made.name}")
    assert rows == values(asked, f"SELECT count(*) FROM {BOARD.data_sets[made.name].source}")
    assert rows[0][0] > 20


@pytest.mark.parametrize("visual", BOARD.visuals, ids=lambda visual: visual.id)
def test_a_visual_adds_up_to_what_the_page_shows(asked, visual: Visual) -> None:
    """By each combination of the dashboard's filters and the visual's fields: so under any filter too."""
    filters = [name for name in BOARD.filters if name in visual.data_set.fields]
    own = [field for field in visual.fields if field.name not in filters]
    page = statement.cells(visual.data_set, filters, own, visual.measures, visual.where, hours=False)
    expected = asked.sql(to_duckdb(page)).fetchall()

    def column(name: str) -> str:  # a day is a time in QuickSight, and text on the page
        return f"strftime({name}, '%Y-%m-%d')" if name == "day" else f'"{name}"'

    groups = [column(name) for name in (*filters, *(field.name for field in own))]
    sums = [f'{measure.aggregate}("{measure.name}")' for measure in visual.measures]
    where = " AND ".join(admitted(field, only) for field, only in visual.where) or "true"
    found = asked.sql(
        f"SELECT {', '.join([*groups[: len(filters)], '0', *groups[len(filters) :], *sums])}"
        f" FROM set_{visual.data_set.name} WHERE {where} GROUP BY {', '.join(groups)}"
    ).fetchall()
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert expected, "the sample has nothing of this"


def admitted(field: Field, only: tuple[str, ...]) -> str:
    """What the filter of a visual in the definition lets through."""
    listed = ", ".join(f"'{value}'" for value in only)
    return f'"{field.name}" IN ({listed})' if only else f'"{field.name}" IS NOT NULL'


@pytest.mark.parametrize("made", data_sets(BOARD, TABLES, window_days=90).values(), ids=lambda made: made.name)
def test_a_window_bounds_the_days_by_the_partition(asked, made: QuickSightDataSet) -> None:
    """Rows of its days only, those without a day too; what is bounded is the partition's own text."""
    first = datetime.combine(TODAY - timedelta(days=90), datetime.min.time())
    days = "SELECT day, count(*) FROM ({}) GROUP BY 1"
    wanted = [row for row in values(asked, days.format(f"FROM set_{made.name}")) if row[0] is None or row[0] >= first]
    found = values(asked, days.format(to_duckdb(made.sql)))
    assert found == wanted
    assert TODAY - timedelta(days=1) in {row[0].date() for row in found if row[0]}
    assert TODAY - timedelta(days=400) not in {row[0].date() for row in found if row[0]}
    assert "(SELECT * FROM" in made.sql
