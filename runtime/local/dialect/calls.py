"""A call's name and arguments, also where the parser gives the function a class of its own."""

from sqlglot import exp

from runtime.local.dialect.refusals import construct
from runtime.local.dialect.types import Refused


def call_of(node: exp.Expr) -> tuple[str, list[exp.Expr]]:
    """(name, arguments) of a call, also of those that the parser gives a class of their own."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower(), node.expressions
    if isinstance(node, exp.Substring):
        return "substr", [n for n in (node.this, node.args.get("start"), node.args.get("length")) if n is not None]
    if isinstance(node, exp.StrPosition):
        return "strpos", [node.this, node.args["substr"]]
    if isinstance(node, exp.GroupConcat):
        if not isinstance(node.this, exp.Order):
            raise Refused("listagg takes a text and a separator; write listagg(x, ',') WITHIN GROUP (ORDER BY x)")
        order = exp.Order(this=node.args["separator"], expressions=node.this.expressions)
        return "listagg", [node.this.this, order]
    if isinstance(node, exp.ArgMax | exp.ArgMin):
        name = "max_by" if isinstance(node, exp.ArgMax) else "min_by"
        return name, [n for n in (node.this, node.expression, node.args.get("count")) if n is not None]
    if isinstance(node, exp.Trim | exp.Ceil | exp.Floor):
        return {exp.Trim: "trim", exp.Ceil: "ceil", exp.Floor: "floor"}[type(node)], [node.this]
    raise Refused(construct(node))
