"""Which JSON paths of a query have a column, or could have one."""

import pytest

from runtime.events.columns import COLUMNS
from runtime.local.dialect import Refused
from runtime.local.lint import Finding, lint, lint_named


def test_a_path_with_a_column_and_one_without():
    """The promoted column is named, and what the other would be called; each path once, elements of lists never."""
    sql = """
        SELECT json_extract_scalar(requestparameters, '$.bucketName'), json_extract(requestParameters, '$["bucketName"]'),
            json_extract_scalar(t.responseelements, '$.some.newThing'), json_extract_scalar(resources, '$[0].ARN'),
            json_extract_scalar(useragent, '$.a')
        FROM parquettrails AS t WHERE json_extract_scalar(requestparameters, '$.items[0].a') = 'x'
    """
    assert lint(sql) == [
        Finding("", "requestParameters.bucketName", "requestparameters_bucketname", promoted=True),
        Finding("", "responseElements.some.newThing", "responseelements_some_newthing", promoted=False),
    ]


def test_nothing_to_find():
    """A query of columns only has no finding."""
    assert lint("SELECT requestparameters_bucketname FROM parquettrails") == []


def test_no_sql_is_refused():
    """What is no query says so."""
    with pytest.raises(Refused):
        lint("DROP TABLE x")


def test_the_named_queries_are_looked_at():
    """Findings of our own queries name the query, and a column that exists where they say so."""
    found = lint_named()
    names = {c.name for c in COLUMNS}
    assert {f.query for f in found} >= {"kms-deletions", "public-buckets"}
    assert all((f.column in names) == f.promoted for f in found)
