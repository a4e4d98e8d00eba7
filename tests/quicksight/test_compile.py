"""The compiled dashboard against botocore's model, and whether all that it refers to is there."""

from runtime.quicksight.compile import LIMIT_BYTES, data_sets, load, template
from runtime.quicksight.definition import definition
from tests.quicksight.integrity import breaks
from tests.quicksight.model import mistakes, shape

BOARD = load()
SETS = data_sets(BOARD, {"parquettrails": "parquettrails", "ledger": "ledger"})
MADE = definition(BOARD, dict.fromkeys(SETS, "arn:aws:quicksight:eu-central-1:111122223333:dataset/x"), days=90)


def test_the_definition_is_the_models() -> None:
    """Types, keys, enums, patterns and lengths, for dashboard and analysis."""
    for name in ("DashboardVersionDefinition", "AnalysisDefinition"):
        assert list(mistakes(shape(name), MADE)) == []


def test_all_that_is_referred_to_is_there() -> None:
    """Columns, fields, filters, controls, layout; unique ids; no overlap."""
    assert list(breaks(MADE, {name: dict(made.columns) for name, made in SETS.items()})) == []


def test_templates_are_small_and_the_same_each_time() -> None:
    """Below the limit by URL; equal bytes for equal arguments."""
    for kind in ("analysis", "dashboard"):
        made = template(kind, BOARD, owners=["group/default/sec"])
        assert len(made) < LIMIT_BYTES
        assert made == template(kind, BOARD, owners=["group/default/sec"])
