"""What a name means where it stands: a column, a lambda's parameter, a field inside a row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from sqlglot import exp

from runtime.local.dialect.functions import Value
from runtime.local.dialect.types import Refused, Type, quoted, text


@dataclass(frozen=True, slots=True)
class Relation:
    """What FROM names: its alias and its columns in order. `hidden` columns are USING's second copies."""

    alias: str
    columns: tuple[tuple[str, Type], ...]
    hidden: frozenset[str] = frozenset()


@dataclass(slots=True)
class Scope:
    """What names mean: the relations of FROM, the lambda's parameters, the enclosing query, the CTEs."""

    ctes: Mapping[str, Relation]
    relations: list[Relation] = field(default_factory=list)
    parent: "Scope | None" = None
    params: dict[str, Type] = field(default_factory=dict)
    outputs: dict[str, Value] = field(default_factory=dict)  # for ORDER BY: the select list by its names
    windows: dict[str, exp.Window] = field(default_factory=dict)


def resolve(scope: Scope, parts: list[str]) -> Value:
    """A column, a lambda's parameter or a field inside one."""
    if parts[0] in scope.params:
        value = Value(quoted("v_" + parts[0]), scope.params[parts[0]])
        rest = parts[1:]
    else:
        value, rest = _column(scope, parts)
    for part in rest:
        value = dot(value, part)
    return value


def _column(innermost: Scope, parts: list[str]) -> tuple[Value, list[str]]:
    if len(parts) == 1 and parts[0] in innermost.outputs:
        return innermost.outputs[parts[0]], []
    scope: Scope | None = innermost
    while scope is not None:
        if len(parts) > 1:
            for relation in scope.relations:
                if relation.alias == parts[0]:
                    if any(parts[1] in r.hidden for r in scope.relations):
                        raise Refused(f"{parts[1]} is a column of USING; write it without the table's alias")
                    for name, kind in relation.columns:
                        if name == parts[1]:
                            return Value(f"{quoted(relation.alias)}.{quoted(name)}", kind), parts[2:]
        found = [(r, kind) for r in scope.relations for n, kind in r.columns if n == parts[0] and n not in r.hidden]
        if len(found) > 1:
            raise Refused(f"the column {parts[0]} is in more than one table; write the table's alias before it")
        if found:
            relation, kind = found[0]
            shared = any(parts[0] in r.hidden for r in scope.relations)
            sql = quoted(parts[0]) if shared else f"{quoted(relation.alias)}.{quoted(parts[0])}"
            return Value(sql, kind), parts[1:]
        scope = scope.parent
    known = sorted({n for r in innermost.relations for n, _ in r.columns})
    near = get_close_matches(parts[-1], known, 3, 0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else "see `trailsight columns` (an alias is not known here)"
    raise Refused(f"there is no column {'.'.join(parts)}; {hint}")


def dot(value: Value, part: str) -> Value:
    """A row's field."""
    if value.type.name != "row" or part not in value.type.names:
        known = ", ".join(n for n in value.type.names if n)
        raise Refused(
            f"{value.type.name} has no field {part}; " + (f"its fields are {known}" if known else "use a row")
        )
    return Value(f"struct_extract({value.sql}, {text(part)})", value.type.of[value.type.names.index(part)])
