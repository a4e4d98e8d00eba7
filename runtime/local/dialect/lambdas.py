"""Functions that take a lambda."""

from collections.abc import Callable

from sqlglot import exp

from runtime.local.dialect.expressions import Expressions
from runtime.local.dialect.functions import Value, coerced
from runtime.local.dialect.types import BOOLEAN, Refused, Type, array, common, quoted

Handler = Callable[[Expressions, list[exp.Expr]], Value]
LAMBDAS: dict[str, tuple[str, Handler]] = {}


def _lambda(e: Expressions, node: exp.Expr, types: list[Type], name: str) -> tuple[str, Value]:
    """(DuckDB's parameter list, compiled body)."""
    if not isinstance(node, exp.Lambda) or len(node.expressions) != len(types):
        raise Refused(f"{name} takes a lambda of {len(types)} parameters; its form is {LAMBDAS[name][0]}")
    params = [p.name.lower() for p in node.expressions]
    if len(set(params)) != len(params):
        raise Refused(f"the lambda of {name} names a parameter twice; rename one")
    body = e.inner(dict(zip(params, types, strict=True))).value(node.this)
    return ", ".join(quoted("v_" + p) for p in params), body


def _array(e: Expressions, nodes: list[exp.Expr], name: str, count: int) -> Value:
    if len(nodes) != count:
        raise Refused(f"{name} takes {count} arguments; its form is {LAMBDAS[name][0]}")
    value = e.value(nodes[0])
    if value.type.name != "array":
        raise Refused(f"{name} takes an array, not {value.type}; CAST it to array(...)")
    return value


def _transform(e: Expressions, nodes: list[exp.Expr]) -> Value:
    of = _array(e, nodes, "transform", 2)
    params, body = _lambda(e, nodes[1], [of.type.of[0]], "transform")
    return Value(f"list_transform({of.sql}, lambda {params}: {body.sql})", array(body.type))


def _condition(e: Expressions, nodes: list[exp.Expr], name: str) -> tuple[Value, str, str]:
    of = _array(e, nodes, name, 2)
    params, body = _lambda(e, nodes[1], [of.type.of[0]], name)
    if body.type != BOOLEAN:
        raise Refused(f"the lambda of {name} gives {body.type}, not boolean; compare in it")
    return of, params, body.sql


def _filter(e: Expressions, nodes: list[exp.Expr]) -> Value:
    of, params, body = _condition(e, nodes, "filter")
    return Value(f"list_filter({of.sql}, lambda {params}: {body})", of.type)


def _match(name: str) -> Handler:
    def handler(e: Expressions, nodes: list[exp.Expr]) -> Value:
        of, params, body = _condition(e, nodes, name)
        found = f"list_transform({of.sql}, lambda {params}: {body})"
        hit, miss = ("FALSE", "TRUE") if name == "all_match" else ("TRUE", "FALSE")
        end = ("FALSE", "TRUE") if name in {"none_match", "all_match"} else ("TRUE", "FALSE")
        del miss
        return Value(
            f"CASE WHEN {of.sql} IS NULL THEN NULL WHEN list_contains({found}, {hit}) THEN {end[0]}"
            f" WHEN len({found}) > list_count({found}) THEN NULL ELSE {end[1]} END",
            BOOLEAN,
        )

    return handler


def _reduce(e: Expressions, nodes: list[exp.Expr]) -> Value:
    of = _array(e, nodes, "reduce", 4)
    start = e.value(nodes[1])
    both = common(start.type, of.type.of[0])
    if both is None:
        raise Refused("reduce with a state of another type than the elements is not supported; CAST the start")
    params, body = _lambda(e, nodes[2], [both, of.type.of[0]], "reduce")
    if common(body.type, both) != both:
        raise Refused(f"the lambda of reduce gives {body.type}, its state is {both}; CAST in it")
    last_params, last = _lambda(e, nodes[3], [both], "reduce")
    first = f"CAST({coerced(start, both)} AS {both.duckdb()})"
    state = f"list_reduce({of.sql}, lambda {params}: {body.sql}, {first})"
    return Value(
        f"list_transform(list_transform([{state}], lambda {last_params}: {last.sql}), lambda r_: r_)[1]", last.type
    )


def _map_filter(e: Expressions, nodes: list[exp.Expr]) -> Value:
    if len(nodes) != 2 or (of := e.value(nodes[0])).type.name != "map":
        raise Refused("map_filter takes a map and a lambda of its key and value")
    params, body = _lambda(e, nodes[1], list(of.type.of), "map_filter")
    if body.type != BOOLEAN:
        raise Refused(f"the lambda of map_filter gives {body.type}, not boolean; compare in it")
    key, value = params.split(", ")
    test = f"list_transform([m_.key], lambda {key}: list_transform([m_.value], lambda {value}: {body.sql})[1])[1]"
    inner = f"list_filter(map_entries({of.sql}), lambda m_: {test})"
    return Value(f"map_from_entries({inner})", of.type)


LAMBDAS.update(
    {
        "transform": ("transform(array(T), T -> U)", _transform),
        "filter": ("filter(array(T), T -> boolean)", _filter),
        "any_match": ("any_match(array(T), T -> boolean)", _match("any_match")),
        "all_match": ("all_match(array(T), T -> boolean)", _match("all_match")),
        "none_match": ("none_match(array(T), T -> boolean)", _match("none_match")),
        "reduce": ("reduce(array(T), S, (S, T) -> S, S -> R)", _reduce),
        "map_filter": ("map_filter(map(K, V), (K, V) -> boolean)", _map_filter),
    }
)
