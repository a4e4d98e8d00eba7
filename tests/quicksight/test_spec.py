"""The dashboard spec: what it must hold, that its SQL is Athena's, and what a mistake in it says."""

import shutil
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from runtime.events.columns import COLUMNS, PARTITION
from runtime.events.ledger import LEDGER, LEDGER_COLUMNS
from runtime.local.dialect import to_duckdb
from runtime.local.page import charts, statement
from runtime.local.page.cubes import axes_of
from runtime.quicksight.spec import FOLDER, Dashboard, SpecError, load

BOARD = load()
COLUMNS_OF = {
    "parquettrails": {column.name for column in (*COLUMNS, PARTITION)},
    LEDGER: set(LEDGER_COLUMNS),
}


def test_the_sheets_are_there() -> None:
    """Overview, identity and access, changes, network, errors, data quality, in this order."""
    titles = ["Overview", "Identity and access", "Changes", "Network", "Errors", "Data quality"]
    assert [sheet.title for sheet in BOARD.sheets] == titles
    assert BOARD.filters == ("day", "account", "region", "identity")


def test_the_posts_picture_is_on_the_first_sheet() -> None:
    """Source addresses by identity type, as bars with a colour for each type."""
    visual = next(v for v in BOARD.sheets[0].visuals if v.id == "addresses")
    assert (visual.kind, [f.sql for f in visual.x]) == ("bar", ["sourceipaddress"])
    assert visual.color is not None
    assert visual.color.name == "identity"


def test_every_statement_is_athenas() -> None:
    """What each visual offers to copy, and the cells of its cube, pass the allow-list of Athena's dialect."""
    for visual in BOARD.visuals:
        to_duckdb(statement.shown(visual).replace(statement.FILTERS, "true"))
        own = [f for axis in axes_of(visual, BOARD.filters) for f in axis]
        to_duckdb(
            statement.cells(visual.data_set, BOARD.filters, own, visual.measures, visual.where, hours=False),
        )


@pytest.mark.parametrize("data_set", BOARD.data_sets.values(), ids=lambda d: d.name)
def test_fields_read_columns_there_are(data_set) -> None:
    """No field or measure names a column that its source lacks."""
    known = COLUMNS_OF[data_set.source] | ({"next_event", "newest"} if data_set.sql else set())
    for part in (*data_set.fields.values(), *data_set.measures.values()):
        used = {column.name for column in sqlglot.parse_one(part.sql, read="athena").find_all(exp.Column)}
        assert used <= known, part.name


def test_every_field_and_measure_is_used() -> None:
    """Nothing is defined that no visual shows, filters by or ranks by."""
    for data_set in BOARD.data_sets.values():
        used = {f.name for v in BOARD.visuals if v.data_set is data_set for f in (*v.fields, *(w for w, _ in v.where))}
        assert set(data_set.fields) - used - set(BOARD.filters) == set()
        measured = {m.name for v in BOARD.visuals if v.data_set is data_set for m in v.measures}
        assert set(data_set.measures) - measured == set()


def test_charts_are_vega_lite() -> None:
    """Each chart compiles, and marks what the spec's kind stands for."""
    vl_convert = pytest.importorskip("vl_convert")
    marks = {"line": "line", "column": "bar", "bar": "bar", "heatmap": "rect"}
    for visual in BOARD.visuals:
        spec = charts.vega_lite(visual)
        if visual.kind in ("kpi", "table"):
            assert spec is None
            continue
        assert spec is not None
        first = spec["layer"][0] if "layer" in spec else spec
        assert first["mark"]["type"] == marks[visual.kind]
        vl_convert.vegalite_to_vega(spec)


@pytest.fixture
def changed(tmp_path: Path):
    """Load the spec with one text in one file replaced."""
    shutil.copytree(FOLDER, tmp_path / "spec", ignore=shutil.ignore_patterns("*.py", "__pycache__"))

    def change(name: str, old: str, new: str) -> Dashboard:
        path = tmp_path / "spec" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return load.__wrapped__(tmp_path / "spec")

    return change


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        ("overview.yaml", "measure: writes", "measure: write", "overview.yaml: changes: there is no measure 'write'; did you mean 'writes'?"),
        ("overview.yaml", "x: access", "x: acess", "overview.yaml: accesses: there is no field 'acess'; did you mean 'access'?"),
        ("overview.yaml", "kind: kpi", "kind: number", "overview.yaml: Invalid enum value 'number'"),
        ("overview.yaml", "title: Overview", "titel: Overview", "overview.yaml: Object contains unknown field `titel`"),
        ("overview.yaml", "id: changes", "id: events", "overview.yaml: the id 'events' is taken by overview.yaml; choose another"),
        ("overview.yaml", "x: time, color: access", "x: access, color: access", "overview.yaml: over-time: a column takes x: time"),
        ("overview.yaml", "width: 24", "width: 30", "overview.yaml: the row of over-time is wider than 36 columns"),
        ("overview.yaml", "kind: kpi, measure: root", "kind: kpi, x: day, measure: root", "overview.yaml: root: a kpi takes no fields"),
        ("overview.yaml", "measure: root", "measure: last_seen", "overview.yaml: root: the first measure ranks the values and must be a sum, not last_seen"),
        ("dashboard.yaml", "filters: [day", "filters: [dai", "dashboard.yaml: filters: there is no field 'dai'; did you mean 'day'?"),
        ("dashboard.yaml", 'sum: "1"', 'sum: "1", max: "2"', "dashboard.yaml: events: the measure events needs either sum or max"),
        ("dashboard.yaml", "title: CloudTrail", "title: [", "dashboard.yaml: while parsing"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(changed, name, old, new, sentence) -> None:
    """File, visual, what is wrong and what would be right."""
    with pytest.raises(SpecError) as error:
        changed(name, old, new)
    assert str(error.value).startswith(sentence)
