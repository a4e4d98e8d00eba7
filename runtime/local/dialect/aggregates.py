"""Aggregates and window functions."""

import re

from sqlglot import exp

from runtime.local.dialect.calls import call_of
from runtime.local.dialect.expressions import Expressions, compiles
from runtime.local.dialect.functions import AGGREGATE, WINDOW, Value, call
from runtime.local.dialect.refusals import allowed
from runtime.local.dialect.types import BIGINT, BOOLEAN, INTEGER, VARCHAR, Refused, array, coerces, fail, map_of


def order_by(e: Expressions, terms: list[exp.Expr]) -> str:
    """` ORDER BY ...`: nulls last in both directions unless said otherwise, as in Athena."""
    texts = []
    for term in terms:
        allowed(term)
        value = e.value(term.this)
        if value.type.name in {"json", "map"}:
            raise Refused(f"ORDER BY {value.type} is not supported; order by its text")
        direction = "DESC" if term.args.get("desc") else "ASC"
        texts.append(f"{value.sql} {direction} NULLS {'FIRST' if term.args.get('nulls_first') else 'LAST'}")
    return f" ORDER BY {', '.join(texts)}" if texts else ""


def _sorting(nodes: list[exp.Expr]) -> tuple[list[exp.Expr], list[exp.Expr]]:
    """(arguments, terms of an ORDER BY in them)."""
    if nodes and isinstance(nodes[-1], exp.Order):
        allowed(nodes[-1])
        return [*nodes[:-1], nodes[-1].this], nodes[-1].expressions
    return nodes, []


def aggregate(e: Expressions, name: str, nodes: list[exp.Expr], after: str = "") -> Value:
    """`name(nodes)` with what follows it (FILTER)."""
    nodes, terms = _sorting(nodes)
    if terms and name not in {"array_agg", "listagg"}:
        raise Refused(f"ORDER BY in {name} is not supported; leave it out")
    if name == "count" and (not nodes or isinstance(nodes[0], exp.Star)):
        return Value(f"count(*){after}", BIGINT)
    distinct = ""
    if nodes and isinstance(nodes[0], exp.Distinct):
        allowed(nodes[0])
        nodes, distinct = nodes[0].expressions, "DISTINCT "
        if len(nodes) != 1 or name not in {"count", "sum", "avg", "min", "max", "array_agg"}:
            raise Refused(f"{name}(DISTINCT ...) is not supported here; use count(DISTINCT x) of one value")
    args = [e.value(n) for n in nodes]
    if name in OWN or (name in {"max", "min", "max_by", "min_by"} and len(args) == AGGREGATE_ARITY[name] + 1):
        if after or distinct:
            raise Refused(f"{name} with FILTER or DISTINCT is not supported in this form; filter in a subquery")
        return _own(e, name, args, terms)
    if name == "array_agg" and distinct and terms:
        raise Refused("array_agg(DISTINCT ... ORDER BY ...) is not supported; write array_sort(array_agg(DISTINCT x))")
    if name in {"min", "max", "min_by", "max_by"} and args and args[-1].type.name in {"json", "map", "row", "array"}:
        raise Refused(f"{name} by {args[-1].type} is not supported; take a part of it")
    if name in {"sum", "avg"} and args and args[0].type.name == "decimal":
        raise Refused(f"{name} of a decimal is not supported; CAST it to double")
    found = call(name, AGGREGATE, args)
    if found is None:
        kinds = ", ".join(str(a.type) for a in args)
        raise Refused(f"{name} does not take ({kinds}); CAST to what it takes: {AGGREGATE[name][0][0].split('->')[0]}")
    sql = found.sql
    if distinct or terms:
        head, inner = sql.split("(", 1)
        sql = f"{head}({distinct}{inner.removesuffix(')')}{order_by(e, terms)})"
    sql += after
    # DuckDB sums whole numbers as HUGEINT.
    return Value(f"CAST({sql} AS BIGINT)" if name == "sum" and found.type == BIGINT else sql, found.type)


_RANKING = frozenset({"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead"})
AGGREGATE_ARITY = {"max": 1, "min": 1, "max_by": 2, "min_by": 2}
OWN = frozenset({"listagg", "grouping", "approx_percentile", "approx_distinct", "map_agg"})
# Up to so many values the estimates of Athena's engine are exact; above, no other engine gives the same ones.
_EXACT_PERCENTILE = 50
_EXACT_DISTINCT = 200


def _own(e: Expressions, name: str, args: list[Value], terms: list[exp.Expr]) -> Value:
    if name == "listagg":
        if len(args) != 2 or not all(coerces(a.type, VARCHAR) for a in args) or not terms or args[1].literal is None:
            raise Refused(
                "listagg takes a text and a separator in quotes; write listagg(x, ',') WITHIN GROUP (ORDER BY x)"
            )
        return Value(f"string_agg({args[0].sql}, {args[1].sql}{order_by(e, terms)})", VARCHAR)
    if name == "grouping":
        return Value(f"CAST(grouping({', '.join(a.sql for a in args)}) AS INTEGER)", INTEGER)
    if name == "map_agg":
        if len(args) != 2:
            raise Refused("map_agg takes a key and a value")
        some = f" FILTER (WHERE {args[0].sql} IS NOT NULL)"
        return Value(f"map(list({args[0].sql}){some}, list({args[1].sql}){some})", map_of(args[0].type, args[1].type))
    if name == "approx_percentile":
        return _percentile(args)
    if name == "approx_distinct":
        return _about_distinct(args)
    # The n largest: max(x, n), max_by(x, y, n).
    if not isinstance(args[-1].literal, int) or args[-1].literal < 1:
        raise Refused(f"{name} takes its number of values as digits, from 1 on")
    key = args[-2].sql
    direction = "DESC" if name.startswith("max") else "ASC"
    found = f"list({args[0].sql} ORDER BY {key} {direction}) FILTER (WHERE {key} IS NOT NULL)"
    return Value(f"list_slice({found}, 1, {args[-1].literal})", array(args[0].type))


def _percentile(args: list[Value]) -> Value:
    if len(args) != 2 or not args[0].type.numeric or args[0].type.name == "decimal" or not args[1].type.numeric:
        raise Refused("approx_percentile takes a number that is no decimal and a fraction such as 0.5; CAST to double")
    to = BIGINT if args[0].type.integral else args[0].type
    some = f"list({args[0].sql} ORDER BY {args[0].sql}) FILTER (WHERE {args[0].sql} IS NOT NULL)"
    bad = fail(
        f"approx_percentile of more than {_EXACT_PERCENTILE} values is an estimate that differs between engines;"
        " rank the rows with row_number and take the one",
        to,
        partial=True,
    )
    count = f"count({args[0].sql})"
    place = f"least({count}, CAST(floor(CAST({args[1].sql} AS DOUBLE) * {count}) AS BIGINT) + 1)"
    found = f"CAST(list_extract({some}, {place}) AS {to.duckdb()})"
    return Value(f"CASE WHEN {count} > {_EXACT_PERCENTILE} THEN {bad} ELSE {found} END", to)


def _about_distinct(args: list[Value]) -> Value:
    error = args[1].sql if len(args) == 2 else "0.023"
    if len(args) not in {1, 2} or not re.fullmatch(
        r"CAST\(0\.0(0[4-9]\d*|1\d*|2[0-3]?) AS DECIMAL\(\d+,\d+\)\)|0\.023", error
    ):
        raise Refused("approx_distinct takes a value and an error up to 0.023; write count(DISTINCT x)")
    if args[0].type.of or args[0].type.name == "json":
        raise Refused(f"approx_distinct of {args[0].type} is not supported; count a part of it")
    count = f"count(DISTINCT {args[0].sql})"
    bad = fail(
        f"approx_distinct of more than {_EXACT_DISTINCT} values is an estimate that differs between engines;"
        " write count(DISTINCT x)",
        BIGINT,
        partial=True,
    )
    return Value(f"CASE WHEN {count} > {_EXACT_DISTINCT} THEN {bad} ELSE {count} END", BIGINT)


@compiles(exp.Window)
def _window(e: Expressions, node: exp.Window) -> Value:
    """`f(...) OVER (...)` or `OVER name`."""
    over = node
    if node.alias:
        named = e.scope.windows.get(node.alias.lower())
        if named is None or node.args.get("partition_by") or node.args.get("order") or node.args.get("spec"):
            raise Refused(f"the window {node.alias} is not defined or is changed where it is used; write OVER (...)")
        over = named
        allowed(over)
    function = node.this
    if isinstance(function, exp.Filter):
        raise Refused("FILTER before OVER is not supported; write sum(if(condition, x)) OVER (...)")
    if isinstance(function, exp.IgnoreNulls | exp.RespectNulls):
        raise Refused("IGNORE NULLS is not supported; filter the nulls in a subquery")
    name, nodes = call_of(function)
    if name in WINDOW:
        args = [e.value(n) for n in nodes]
        found = call(name, WINDOW, args)
        if found is None:
            raise Refused(
                f"{name} does not take ({', '.join(str(a.type) for a in args)}); its form is {WINDOW[name][0][0]}"
            )
    elif (
        name in AGGREGATE
        and name not in {"array_agg", "histogram"}
        and len(nodes) == AGGREGATE_ARITY.get(name, len(nodes))
    ):
        found = aggregate(e, name, nodes)
    else:
        raise Refused(f"{name} is no window function here; known are {', '.join((*WINDOW, *AGGREGATE))}")
    if name in _RANKING and over.args.get("spec") is not None:
        raise Refused(f"{name} takes no frame; leave ROWS or RANGE out")
    if name in {"lag", "lead"}:
        offset = args[1].literal if len(args) > 1 else 1
        if over.args.get("order") is None or not isinstance(offset, int) or offset < 0:
            raise Refused(f"{name} needs an ORDER BY in its OVER, and an offset in digits from 0 on")
    partition = ", ".join(e.value(n).sql for n in over.args.get("partition_by") or [])
    order = over.args.get("order")
    if order is not None:
        allowed(order)
    terms = order_by(e, order.expressions) if order is not None else ""
    inside = (f"PARTITION BY {partition}" if partition else "") + terms + _frame(over.args.get("spec"))
    if found.sql.startswith("CAST(") and found.sql.endswith(" AS BIGINT)"):
        return Value(f"CAST({found.sql[5:-11]} OVER ({inside}) AS BIGINT)", found.type)
    return Value(f"{found.sql} OVER ({inside})", found.type)


@compiles(exp.Filter)
def _filtered(e: Expressions, node: exp.Filter) -> Value:
    """Aggregate FILTER (WHERE ...)."""
    name, nodes = call_of(node.this)
    if name not in AGGREGATE:
        raise Refused(f"FILTER after {name} is not supported; use it after count, sum, avg, min or max")
    return aggregate(e, name, nodes, f" FILTER (WHERE {e.of_type(node.expression.this, BOOLEAN, 'FILTER')})")


def _frame(spec: exp.Expr | None) -> str:
    if spec is None:
        return ""
    allowed(spec)
    kind = str(spec.args.get("kind", "")).upper()
    bounds = []
    for edge in ("start", "end"):
        at, side = spec.args.get(edge), spec.args.get(f"{edge}_side")
        if at is None or (isinstance(at, str) and at.upper() == "CURRENT ROW"):
            bounds.append("CURRENT ROW")
        elif isinstance(at, str) and at.upper() == "UNBOUNDED":
            bounds.append(f"UNBOUNDED {str(side).upper()}")
        elif isinstance(at, exp.Literal) and not at.is_string and kind == "ROWS" and at.name.isdigit():
            bounds.append(f"{at.name} {str(side).upper()}")
        else:
            raise Refused("this window frame is not supported; write ROWS BETWEEN n PRECEDING AND CURRENT ROW")
    if kind not in {"ROWS", "RANGE"}:
        raise Refused(f"a frame by {kind} is not supported; write ROWS or RANGE")
    return f" {kind} BETWEEN {bounds[0]} AND {bounds[1]}"
