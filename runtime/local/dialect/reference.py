"""Writes docs/sql.md: what of Athena's SQL is answered here, from the tables that answer it.

`python -m runtime.local.dialect.reference` prints it.
"""

import sys

from runtime.athena import view
from runtime.events.ledger import LEDGER
from runtime.local.dialect.functions import AGGREGATE, ALIASES, SCALAR, WINDOW
from runtime.local.dialect.lambdas import LAMBDAS
from runtime.local.dialect.refusals import CURES
from runtime.local.dialect.special import SPECIAL
from runtime.local.dialect.types import type_names

_INTRODUCTION = f"""# Athena's SQL on one machine

Made by `make docs`; do not edit.

`trailsight query` takes SQL as Athena does and runs it on DuckDB. What is listed here answers as Athena's engine does;
anything else is refused, in a sentence that names it and says what to write instead. The list was held against a
real Trino (476; Athena's engine version 3 is a Trino): `tests/golden/` keeps {{constructs}} statements with its
answers, and each is answered the same or refused. Athena is older than that Trino: a function that works here may be
missing there.

One query at a time: SELECT, WITH, VALUES. The tables are `{view.TABLE}` (the event row, `trailsight columns`),
`{view.NAME}` (the shape of AWS's own CloudTrail table, for published queries) and `{LEDGER}` (a row for each log file:
what became of its records). A database may stand before them, any name will do: `FROM cloudtrail.{view.NAME}`. A
placeholder `:name` in the SQL takes its value from `--param name=value`, always as text in quotes.

## What differs by design

- A result comes in the order that the query asks for, and in no particular one otherwise, as in Athena.
- `WITH RECURSIVE` stops in Athena after ten steps, with an error; here it goes on.
- A time with zone in the result is shown in UTC, whatever its zone: the moment is the same.
- JSON in a result may have its keys in another order. Half a surrogate pair in it (`\\ud800` alone) is shown as `?`.
- `varchar(n)` has no length here: where Athena refuses a query for two lengths, this engine answers it.
- `upper` and `lower` of letters newer than Unicode 15 may differ, as they do between versions of Java.

## Statements

SELECT with DISTINCT, WHERE, GROUP BY (expressions, positions, ROLLUP, CUBE, GROUPING SETS), HAVING, WINDOW, ORDER BY
with NULLS FIRST or LAST, OFFSET n LIMIT m, FETCH FIRST; WITH, also RECURSIVE by UNION ALL; UNION, INTERSECT, EXCEPT,
with ALL too; JOIN, LEFT, RIGHT, FULL and CROSS JOIN, ON and USING; CROSS and LEFT JOIN UNNEST of arrays and maps, WITH
ORDINALITY; subqueries as tables, values, in IN and EXISTS. A final semicolon is taken.

Operators: `+ - * / %`, `||`, `= <> < <= > >=`, IS [NOT] DISTINCT FROM, BETWEEN, IN, LIKE with ESCAPE, IS NULL, AND, OR,
NOT, CASE, `if`, AT TIME ZONE, `interval '1' day`, `date '...'`, `timestamp '...'`, ARRAY[...], ROW(...), `a.b.c` and
`a[1]`, lambdas.

Types of CAST and TRY_CAST: {", ".join(f"`{name}`" for name in dict.fromkeys(type_names()))}.

As in Athena, types are not mixed: `eventtime >= '2026-01-01'` is refused, write `timestamp '2026-01-01 00:00:00'`; an
alias of the select list is known in ORDER BY only; whole numbers divide to whole numbers.

## Functions

A capital letter stands for any one type; an argument called literal must be written out.

| function | form |
| --- | --- |
"""

_CURES = """
## Refused, and what to write instead

| refused | instead |
| --- | --- |
"""


def functions() -> dict[str, list[str]]:
    """Each function that is answered with its forms, by name."""
    found = {name: [form for form, _ in rows] for table in (SCALAR, AGGREGATE, WINDOW) for name, rows in table.items()}
    found |= {name: [form] for name, (form, _) in SPECIAL.items()}
    found |= {name: [form.removeprefix(name)] for name, (form, _) in LAMBDAS.items()}
    found |= {
        "approx_distinct": ["T [, error] -> bigint, of up to 200 values"],
        "approx_percentile": ["bigint or double, fraction, of up to 50 values"],
        "extract": ["(part FROM date or timestamp)"],
        "grouping": ["columns of GROUP BY"],
        "if": ["boolean, T [, T]"],
        "json_object": ["'key': varchar, integer, bigint or boolean, ..."],
        "listagg": ["(varchar, literal) WITHIN GROUP (ORDER BY ...)"],
        "map_agg": ["K, V -> map(K, V)"],
        "mod": ["number, number"],
        "now": ["-> timestamp with time zone"],
        "position": ["(varchar IN varchar)"],
        "row": ["any values"],
    }
    found |= {alias: [f"as {name}"] for alias, name in ALIASES.items()}
    return dict(sorted(found.items()))


def reference(constructs: int) -> str:
    """docs/sql.md; `constructs` is how many statements tests/golden holds."""
    listed = (
        f"| `{name}` | {'<br>'.join(f'`{form.strip()}`' for form in forms)} |\n" for name, forms in functions().items()
    )
    cures = (f"| `{name}` | {cure} |\n" for name, cure in sorted(CURES.items()))
    text = _INTRODUCTION.replace("{constructs}", f"{constructs:,}")
    return text + "".join(line.replace("||", r"\|\|") for line in listed) + _CURES + "".join(cures)


if __name__ == "__main__":
    from pathlib import Path

    golden = Path(__file__).parents[3] / "tests" / "golden"
    sys.stdout.write(reference(sum(len(f.read_text("utf-8").splitlines()) for f in golden.glob("*.jsonl"))))
