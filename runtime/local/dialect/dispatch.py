"""A call of a function goes to the table that has its name; each is typed and refused by that table's rules."""

from sqlglot import exp

from runtime.local.dialect.aggregates import OWN, aggregate
from runtime.local.dialect.arithmetic import arithmetic
from runtime.local.dialect.calls import call_of
from runtime.local.dialect.documents import json_object
from runtime.local.dialect.expressions import Expressions, compiles
from runtime.local.dialect.functions import AGGREGATE, ALIASES, SCALAR, WINDOW, Value, call
from runtime.local.dialect.lambdas import LAMBDAS
from runtime.local.dialect.refusals import CURES, allowed
from runtime.local.dialect.special import SPECIAL, typed
from runtime.local.dialect.types import Refused, row


@compiles(
    exp.Anonymous,
    exp.Substring,
    exp.StrPosition,
    exp.GroupConcat,
    exp.ArgMax,
    exp.ArgMin,
    exp.Trim,
    exp.Ceil,
    exp.Floor,
)
def _function(e: Expressions, node: exp.Expr) -> Value:
    """A call by its name in the tables."""
    name, nodes = call_of(node)
    name = ALIASES.get(name, name)
    if name in AGGREGATE or name in OWN:
        return aggregate(e, name, nodes)
    if name in WINDOW:
        raise Refused(f"{name} is a window function; write OVER (...) after it")
    if name in LAMBDAS:
        return LAMBDAS[name][1](e, nodes)
    if any(isinstance(n, exp.Lambda) for n in nodes):
        raise Refused(f"{name} with a lambda is not supported; lambdas are for {', '.join(LAMBDAS)}")
    if name == "row":
        values = [e.value(n) for n in nodes]
        return Value(f"row({', '.join(v.sql for v in values)})", row([None] * len(values), [v.type for v in values]))
    if name == "now":
        if nodes:
            raise Refused("now takes no argument; write now()")
        return e.value(exp.CurrentTimestamp())
    if name == "mod":
        if len(nodes) != 2:
            raise Refused("mod takes two numbers; write mod(a, b)")
        return arithmetic(e.value(nodes[0]), e.value(nodes[1]), "%")
    if name not in SCALAR and name not in SPECIAL:
        raise Refused(f"the function {name} is not supported; {CURES.get(name, 'docs/sql.md lists those that are')}")
    args = [e.value(n) for n in nodes]
    if name in SCALAR and name not in {"concat_ws", "array_position", "array_remove", "contains", "repeat", "map"}:
        typed(name, args)
    if name in SPECIAL and name not in SCALAR:
        return SPECIAL[name][1](args)
    found = call(name, SCALAR, args)
    if found is None:
        forms = " or ".join(f"{name}({s.split('->')[0].strip()})" for s, _ in SCALAR[name])
        raise Refused(
            f"{name} does not take ({', '.join(str(a.type) for a in args)}); its form is {forms}, CAST what differs"
        )
    return found


@compiles(exp.JSONObject)
def _json_object(e: Expressions, node: exp.JSONObject) -> Value:
    """The text of an object, `json_object('key': value)`."""
    allowed(node)
    keys = [pair.this for pair in node.expressions if isinstance(pair, exp.JSONKeyValue)]
    if len(keys) != len(node.expressions) or not all(key.is_string for key in keys):
        raise Refused("json_object takes its keys in quotes; write json_object('a': x, 'b': y)")
    values = [e.value(pair.expression) for pair in node.expressions]
    return json_object([key.name for key in keys], values)
