"""What the parser takes and the compiler does not: arguments of syntax that would be dropped, and cures by name."""

from sqlglot import exp

from runtime.local.dialect.types import Refused

# Syntax nodes and their arguments that the compiler reads; any other that is set is refused.
_READ: dict[type, frozenset[str]] = {
    node: frozenset(args.split())
    for node, args in {
        exp.Select: "expressions distinct from_ joins where group having order limit offset with_ windows",
        exp.Subquery: "this alias with_ order limit offset",
        exp.Union: "this expression distinct order limit offset with_",
        exp.Except: "this expression distinct order limit offset with_",
        exp.Intersect: "this expression distinct order limit offset with_",
        exp.Table: "this db catalog alias",
        exp.TableAlias: "this columns",
        exp.Join: "this on using side kind",
        exp.Unnest: "expressions alias offset",
        exp.Values: "expressions alias",
        exp.Group: "expressions",
        exp.Order: "this expressions",
        exp.Ordered: "this desc nulls_first",
        exp.Limit: "expression",
        exp.Offset: "expression",
        exp.Window: "this partition_by order spec over alias",
        exp.WindowSpec: "kind start start_side end end_side",
        exp.Distinct: "expressions",
        exp.With: "expressions recursive",
        exp.CTE: "this alias",
        exp.In: "this expressions query",
        exp.Trim: "this",
        exp.Ceil: "this",
        exp.Floor: "this",
        exp.Substring: "this start length",
        exp.StrPosition: "this substr",
        exp.Cast: "this to",
        exp.TryCast: "this to safe requires_string",
        exp.Extract: "this expression",
        exp.Interval: "this unit",
        exp.Column: "this table db catalog",
        exp.Array: "expressions value_constructor bracket_notation",
        exp.Bracket: "this expressions offset safe returns_list_for_maps",
        exp.Lambda: "this expressions colon",
        exp.GroupConcat: "this separator",
        exp.JSONObject: "expressions",
        exp.Anonymous: "this expressions",
    }.items()
}


def allowed(node: exp.Expr) -> None:
    """Raise Refused if the node holds syntax that nothing here reads: it would be dropped in silence."""
    known = _READ.get(type(node))
    if known is None:
        return
    for name, value in node.args.items():
        if value and name not in known:
            raise Refused(
                f"{_what(node)} with {name.strip('_').upper().replace('_', ' ')} is not supported; leave it out"
            )


def construct(node: exp.Expr) -> str:
    """The sentence that refuses a node by its name."""
    name = node.sql_name().lower() if isinstance(node, exp.Func) else _what(node)
    return f"{name} is not supported; {CURES.get(name.lower(), 'docs/sql.md lists what is')}"


def _what(node: exp.Expr) -> str:
    return type(node).__name__


_LIST = "write the elements' text and array_join"
CURES = {
    "ilike": "write lower(x) LIKE '...'",
    "ifnull": "write coalesce",
    "nvl": "write coalesce",
    "len": "write length",
    "strftime": "write date_format",
    "string_agg": "write listagg(x, ',') WITHIN GROUP (ORDER BY x)",
    "list_contains": "write contains",
    "date_part": "write extract(hour FROM x)",
    "jsonvalue": "write json_extract_scalar(x, '$.a')",
    "jsonexists": "write json_extract(x, '$.a') IS NOT NULL",
    "json_array_get": "write element_at(CAST(json_parse(x) AS array(json)), n + 1)",
    "format_datetime": "write date_format(t, '%Y-%m-%d')",
    "parse_datetime": "write date_parse(s, '%Y-%m-%d') or from_iso8601_timestamp(s)",
    "contains_subnet": "Athena has none; compare the octets as numbers, as the query `ioc` does",
    "multimap_agg": "write array_agg and GROUP BY the key",
    "checksum": "it differs between engines; compare counts",
    "format": "build the text with || and lpad",
}
