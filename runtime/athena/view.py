"""The view `cloudtrail_logs`: the lake in the shape of AWS's own CloudTrail table, made from the column list.

Published CloudTrail queries run on it unchanged: structs are rows again (`useridentity.arn`), `resources` is an array
of rows, `eventtime` is ISO text, `region` and `"timestamp"` (yyyy/MM/dd) stand for AWS's partition keys. `"timestamp"`
and `eventdate` both prune. A struct that the event lacks is null, not a row of nulls.

The statement comes in two forms from the one list: Athena's, and DuckDB's, whose rows and casts are written otherwise.
`python -m runtime.athena.view` prints the first, which is views/cloudtrail_logs.sql.
"""

import re
import sys
from collections.abc import Iterator

from runtime.events.columns import COLUMNS, PARTITION, Column, Kind

NAME = "cloudtrail_logs"
TABLE = "parquettrails"

type_tree = dict[str, "Column | type_tree"]

# AWS's table has these as an array and a map; every other free-form field is text there too.
_RESOURCE = {"arn": ("ARN", "arn"), "accountid": ("accountId",), "type": ("type",)}
_MAP = "useridentity_sessioncontext_webidfederationdata_attributes"


def athena() -> str:
    """CREATE VIEW statement in Athena's dialect, with a final newline."""
    return f"CREATE OR REPLACE VIEW {NAME} AS\n{_Athena().select()}\n"


def duckdb() -> str:
    """The same view as a DuckDB statement, over the same table."""
    return f"CREATE OR REPLACE VIEW {NAME} AS\n{_DuckDB().select()}\n"


def select() -> str:
    """The SELECT of Athena's statement, which a catalog keeps as the view."""
    return _Athena().select()


def fields() -> list[tuple[str, str, str]]:
    """The view's columns in order: name, Trino's type, Glue's type (Hive's)."""
    found = []
    for key, node in shape().items():
        trino = _type(node)
        if isinstance(node, Column) and node.name == "resources":
            trino = f"array(row({', '.join(f'{name} varchar' for name in _RESOURCE)}))"
        found.append((key, trino, _hive(trino)))
    return [*found, *((name, "varchar", "string") for name in ("region", "timestamp", PARTITION.name))]


def shape() -> type_tree:
    """Nested dict of the view's fields by their lower-case keys in the record; the leaves are columns."""
    tree: type_tree = {}
    for column in COLUMNS:
        if column.kind in (Kind.SCALAR, Kind.JSON):
            level = tree
            for key in column.path[:-1]:
                child = level.setdefault(key.lower(), {})
                assert isinstance(child, dict)
                level = child
            level[column.path[-1].lower()] = column
    return tree


class _Athena:
    """Writes the SELECT in Athena's dialect; a subclass overrides what its engine writes otherwise."""

    def select(self) -> str:
        fields = [f"    {self._value(node)} AS {key}" for key, node in shape().items()]
        fields += [
            "    awsregion AS region",
            f"    replace({PARTITION.name}, '-', '/') AS \"timestamp\"",
            f"    {PARTITION.name}",
        ]
        return "SELECT\n" + ",\n".join(fields) + f"\nFROM {TABLE}"

    def _value(self, node: Column | type_tree) -> str:
        if isinstance(node, Column):
            if node.name == "eventtime":
                return self.iso_text(node.name)
            if node.name == "resources":
                return self.resources(node.name)
            return self.text_map(node.name) if node.name == _MAP else node.name
        present = ", ".join(leaf.name for leaf in _leaves(node))
        some = f"coalesce({present})" if "," in present else present
        return self.when(f"{some} IS NOT NULL", self.row(node))

    def when(self, condition: str, value: str) -> str:
        return f"if({condition}, {value})"

    def row(self, tree: type_tree) -> str:
        values = ", ".join(self._value(node) for node in tree.values())
        return f"CAST(ROW({values}) AS {_type(tree)})"

    def iso_text(self, name: str) -> str:
        return f"date_format({name}, '%Y-%m-%dT%H:%i:%sZ')"

    def text_map(self, name: str) -> str:
        return f"try_cast(json_parse({name}) AS map(varchar, varchar))"

    def resources(self, name: str) -> str:
        # Element by element: a cast to array(row) fails as a whole where one element is no object, and one such was
        # seen, a bare string. It is taken for an ARN.
        keys = {key: [f"json_extract_scalar(r, '$.{path}')" for path in paths] for key, paths in _RESOURCE.items()}
        keys["arn"].append("json_extract_scalar(r, '$')")
        values = ", ".join(f"coalesce({', '.join(v)})" if len(v) > 1 else v[0] for v in keys.values())
        row = f"CAST(ROW({values}) AS row({', '.join(f'{key} varchar' for key in keys)}))"
        elements = f"CAST(json_parse(if({name} LIKE '[%', {name})) AS array(json))"
        return f"transform({elements}, r -> {row})"


class _DuckDB(_Athena):
    def when(self, condition: str, value: str) -> str:
        return f"CASE WHEN {condition} THEN {value} END"

    def row(self, tree: type_tree) -> str:
        return "struct_pack(" + ", ".join(f"{key} := {self._value(node)}" for key, node in tree.items()) + ")"

    def iso_text(self, name: str) -> str:
        return f"strftime({name}, '%Y-%m-%dT%H:%M:%SZ')"

    def text_map(self, name: str) -> str:
        return f"TRY_CAST(TRY_CAST({name} AS JSON) AS MAP(VARCHAR, VARCHAR))"

    def resources(self, name: str) -> str:
        def scalar(path: str) -> str:
            # `->>` gives the text of an object too, where Athena's json_extract_scalar gives null.
            kind = f"json_type(r, '{path}')"
            return f"CASE WHEN {kind} NOT IN ('OBJECT', 'ARRAY') THEN r ->> '{path}' END"

        keys = {key: [scalar(f"$.{path}") for path in paths] for key, paths in _RESOURCE.items()}
        keys["arn"].append(scalar("$"))
        values = ", ".join(f"{key} := coalesce({', '.join(v)})" for key, v in keys.items())
        elements = f"CAST(CASE WHEN {name} LIKE '[%' THEN {name} END AS JSON[])"
        return f"list_transform({elements}, lambda r: struct_pack({values}))"


def _leaves(tree: type_tree) -> Iterator[Column]:
    for node in tree.values():
        if isinstance(node, Column):
            yield node
        else:
            yield from _leaves(node)


def _type(node: Column | type_tree) -> str:
    if isinstance(node, Column):
        return "map(varchar, varchar)" if node.name == _MAP else "varchar"
    return "row(" + ", ".join(f"{key} {_type(child)}" for key, child in node.items()) + ")"


def _hive(trino: str) -> str:
    """Glue's name of one of Trino's types that the view has."""
    inner = re.fullmatch(r"(array|row|map)\((.*)\)", trino)
    if inner is None:
        return "string"
    if inner[1] == "array":
        return f"array<{_hive(inner[2])}>"
    if inner[1] == "map":
        return "map<string,string>"
    return f"struct<{','.join(f'{name}:{_hive(kind)}' for name, kind in _split(inner[2]))}>"


def _split(text: str) -> Iterator[list[str]]:
    """The fields of a row type at its top level, as [name, type]."""
    depth, start = 0, 0
    for at, character in enumerate(f"{text}, "):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            yield text[start:at].strip().split(" ", 1)
            start = at + 1


if __name__ == "__main__":
    sys.stdout.write(athena())
