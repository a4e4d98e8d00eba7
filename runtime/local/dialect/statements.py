"""Compiles a whole query: SELECT, WITH, VALUES, set operations."""

from collections.abc import Mapping

from sqlglot import exp

from runtime.local.dialect.aggregates import order_by
from runtime.local.dialect.expressions import Expressions
from runtime.local.dialect.functions import Value, coerced
from runtime.local.dialect.names import Relation, Scope, resolve
from runtime.local.dialect.refusals import allowed, construct
from runtime.local.dialect.sources import Columns, Sources, renamed
from runtime.local.dialect.types import BOOLEAN, UNKNOWN, Refused, Type, common, quoted


class Statements:
    """Queries over `tables`: name -> columns."""

    def __init__(self, tables: Mapping[str, Columns]) -> None:
        self._tables = tables
        self._sources = Sources(tables, self.query)

    def query(self, node: exp.Expr, outer: Scope) -> tuple[str, Columns]:
        """(DuckDB's text, output columns) of a query in an enclosing scope. Raises Refused."""
        allowed(node)
        head, scope = self._with(node, outer)
        if isinstance(node, exp.Select):
            sql, columns = self._select(node, scope)
        elif isinstance(node, exp.SetOperation):
            sql, columns = self._set_operation(node, scope)
        elif isinstance(node, exp.Subquery):
            if node.alias:
                raise Refused("an alias stands on a query that is no table; leave it out")
            sql, columns = self.query(node.this, scope)
            sql = self._ordered(f"({sql})", columns, node, scope)
        elif isinstance(node, exp.Values):
            sql, columns = self._values(node, scope)
        else:
            raise Refused(construct(node))
        return head + sql, columns

    def _with(self, node: exp.Expr, outer: Scope) -> tuple[str, Scope]:
        with_ = node.args.get("with_")
        if with_ is None:
            return "", outer
        allowed(with_)
        scope = Scope(dict(outer.ctes), [], outer)
        texts = []
        for cte in with_.expressions:
            allowed(cte)
            name = cte.alias.lower()
            if name in self._tables:
                raise Refused(f"WITH {name} hides the table of that name; name it otherwise")
            names = [c.name.lower() for c in cte.args["alias"].args.get("columns") or []]
            body, columns = self._cte(cte.this, name, names, scope, recursive=bool(with_.args.get("recursive")))
            columns = [(c.lower(), t) for c, t in renamed(columns, names, f"WITH {name}")]
            assert isinstance(scope.ctes, dict)
            scope.ctes[name] = Relation(name, tuple(columns))
            texts.append(f"{quoted(name)}({', '.join(quoted(c) for c, _ in columns)}) AS ({body})")
        return f"WITH {'RECURSIVE ' if with_.args.get('recursive') else ''}{', '.join(texts)} ", scope

    def _cte(
        self, body: exp.Expr, name: str, names: list[str], scope: Scope, *, recursive: bool
    ) -> tuple[str, Columns]:
        itself = recursive and any(t.name.lower() == name and not t.db for t in body.find_all(exp.Table))
        if not itself:
            return self.query(body, scope)
        if not isinstance(body, exp.Union) or not names:
            raise Refused(
                f"WITH RECURSIVE {name} needs its columns and a UNION ALL; write {name} (a, b) AS (... UNION ALL ...)"
            )
        if body.args.get("distinct"):
            raise Refused(f"WITH RECURSIVE {name} by UNION is not supported; write UNION ALL")
        _, anchor = self.query(body.this, scope)
        columns = renamed(anchor, names, f"WITH {name}")
        inside = Scope({**scope.ctes, name: Relation(name, tuple(columns))}, [], scope.parent)
        sql, result = self.query(body, inside)
        if any(common(a, b) != a for (_, a), (_, b) in zip(anchor, result, strict=True)):
            raise Refused(f"the recursion of {name} gives other types than its first part; CAST in the first")
        return sql, anchor

    # --- SELECT

    def _select(self, node: exp.Select, outer: Scope) -> tuple[str, Columns]:
        scope = Scope(outer.ctes, [], outer)
        for named in node.args.get("windows") or []:
            scope.windows[named.name.lower()] = named
        e = Expressions(scope, self.query)
        source = self._sources.of(node, e)
        where = node.args.get("where")
        condition = f" WHERE {e.of_type(where.this, BOOLEAN, 'WHERE')}" if where is not None else ""
        items = self._items(node, e)
        if not items:
            raise Refused("SELECT names no column; name one or write *")
        grouping = self._group(node, items, e)
        having = node.args.get("having")
        if having is not None:
            grouping += f" HAVING {e.of_type(having.this, BOOLEAN, 'HAVING')}"
        distinct = node.args.get("distinct")
        if distinct is not None:
            allowed(distinct)
        if distinct is not None and distinct.expressions:
            raise Refused("DISTINCT ON is not supported; write DISTINCT, or max_by with GROUP BY")
        listed = ", ".join(f"{value.sql} AS {quoted(name)}" for name, value in items)
        sql = f"SELECT {'DISTINCT ' if distinct is not None else ''}{listed}{source}{condition}{grouping}"
        return sql + self._order(node, items, e, distinct=distinct is not None) + _limits(node), [
            (n, v.type) for n, v in items
        ]

    def _items(self, node: exp.Select, e: Expressions) -> list[tuple[str, Value]]:
        items: list[tuple[str, Value]] = []
        for item in node.expressions:
            star = item if isinstance(item, exp.Star) else item.this if isinstance(item, exp.Column) else None
            if isinstance(star, exp.Star):
                if any(star.args.values()):
                    raise Refused("* with EXCEPT, EXCLUDE, REPLACE or RENAME is not supported; name the columns")
                table = item.table.lower() if isinstance(item, exp.Column) else None
                items += self._star(e, table)
                continue
            expression = item.this if isinstance(item, exp.Alias) else item
            if isinstance(item, exp.Alias):
                name = item.alias
            elif isinstance(expression, exp.Column) or _is_path(expression):
                name = expression.name if isinstance(expression, exp.Column) else expression.expression.name
            else:
                name = f"_col{len(items)}"
            value = e.value(expression)
            if value.type.name == "interval":
                raise Refused("an interval in the result is not supported; write date_diff('second', a, b)")
            items.append((name, value))
        return items

    def _star(self, e: Expressions, table: str | None) -> list[tuple[str, Value]]:
        found = [r for r in e.scope.relations if table in {None, r.alias}]
        if not found:
            raise Refused(f"there is no table {table or ''} to take * from; name one in FROM")
        for relation in found:
            names = [n for n, _ in relation.columns]
            for name in names:
                if names.count(name) > 1:
                    raise Refused(f"{relation.alias} has two columns {name}, which * does not tell apart; rename one")
        return [
            (
                name,
                resolve(
                    e.scope, [name] if any(name in r.hidden for r in e.scope.relations) else [relation.alias, name]
                ),
            )
            for relation in found
            for name, _ in relation.columns
            if name not in relation.hidden
        ]

    def _group(self, node: exp.Select, items: list[tuple[str, Value]], e: Expressions) -> str:
        group = node.args.get("group")
        if group is None:
            return ""
        extra = {k for k, v in group.args.items() if v} - {"expressions"}
        if extra:
            raise Refused(f"GROUP BY {', '.join(extra).upper()} is not supported; list the columns or their positions")

        def term(n: exp.Expr) -> str:
            if isinstance(n, exp.Tuple | exp.Paren):
                inner = n.expressions if isinstance(n, exp.Tuple) else [n.this]
                return f"({', '.join(term(i) for i in inner)})"
            if isinstance(n, exp.Literal) and not n.is_string:
                at = _ordinal(n, len(items), "GROUP BY")
                return items[at - 1][1].sql
            value = e.value(n)
            if value.type.name in {"json", "map"}:
                raise Refused(f"GROUP BY {value.type} is not supported; group by its text")
            return value.sql

        texts = []
        for n in group.expressions:
            if isinstance(n, exp.Rollup | exp.Cube | exp.GroupingSets):
                word = {exp.Rollup: "ROLLUP", exp.Cube: "CUBE", exp.GroupingSets: "GROUPING SETS"}[type(n)]
                texts.append(f"{word} ({', '.join(term(i) for i in n.expressions)})")
            elif isinstance(n, exp.Literal) and not n.is_string:
                texts.append(str(_ordinal(n, len(items), "GROUP BY")))
            else:
                texts.append(term(n))
        return f" GROUP BY {', '.join(texts)}"

    def _order(self, node: exp.Expr, items: list[tuple[str, Value]], e: Expressions, *, distinct: bool) -> str:
        order = node.args.get("order")
        if order is None:
            return ""
        allowed(order)
        names = [n.lower() for n, _ in items]
        texts = []
        for term in order.expressions:
            allowed(term)
            at = None
            if isinstance(term.this, exp.Literal) and not term.this.is_string:
                at = _ordinal(term.this, len(items), "ORDER BY")
            elif isinstance(term.this, exp.Column) and not term.this.table and term.this.name.lower() in names:
                name = term.this.name.lower()
                if len({v.sql for n, v in zip(names, (v for _, v in items), strict=True) if n == name}) > 1:
                    raise Refused(f"ORDER BY {name} means more than one column; write its position")
                at = names.index(name) + 1
            if at is not None:
                if items[at - 1][1].type.name in {"json", "map"}:
                    raise Refused(f"ORDER BY {items[at - 1][1].type} is not supported; order by its text")
                texts.append(f"{at} {_direction(term)}")
                continue
            if distinct:
                raise Refused("ORDER BY after DISTINCT takes a column of the result; name it or write its position")
            e.scope.outputs.update({n: v for n, (_, v) in zip(names, items, strict=True)})
            texts.append(order_by(e, [term]).removeprefix(" ORDER BY "))
            e.scope.outputs.clear()
        return f" ORDER BY {', '.join(texts)}"

    # --- the rest

    def _values(self, node: exp.Values, scope: Scope) -> tuple[str, Columns]:
        e = Expressions(Scope(scope.ctes, [], None), self.query)
        rows = [[e.value(v) for v in (t.expressions if isinstance(t, exp.Tuple) else [t])] for t in node.expressions]
        kinds: list[Type] = [UNKNOWN] * len(rows[0])
        for values in rows:
            if len(values) != len(kinds):
                raise Refused("the rows of VALUES are of different length; give each the same columns")
            for i, value in enumerate(values):
                both = common(kinds[i], value.type)
                if both is None:
                    raise Refused(f"VALUES mixes {kinds[i]} and {value.type} in one column; CAST one")
                kinds[i] = both
        texts = (", ".join(coerced(v, k) for v, k in zip(values, kinds, strict=True)) for values in rows)
        columns = [(f"_col{i}", k) for i, k in enumerate(kinds)]
        made = f"VALUES {', '.join(f'({t})' for t in texts)}"
        return f"SELECT * FROM ({made}) AS given({', '.join(n for n, _ in columns)})", columns

    def _set_operation(self, node: exp.SetOperation, scope: Scope) -> tuple[str, Columns]:
        left, a = self.query(node.this, scope)
        right, b = self.query(node.expression, scope)
        word = type(node).__name__.upper()
        if len(a) != len(b):
            raise Refused(f"the two sides of {word} have {len(a)} and {len(b)} columns; select as many")
        columns: Columns = []
        for (name, x), (_, y) in zip(a, b, strict=True):
            both = common(x, y)
            if both is None:
                raise Refused(f"{word} does not mix {x} and {y} in the column {name}; CAST one")
            columns.append((name, both))
        if not node.args.get("distinct"):
            word += " ALL"
        sides = (_cast_columns(s, of, columns) for s, of in ((left, a), (right, b)))
        return self._ordered(f" {word} ".join(sides), columns, node, scope), columns

    def _ordered(self, sql: str, columns: Columns, node: exp.Expr, scope: Scope) -> str:
        """ORDER BY, OFFSET and LIMIT after a set operation or parentheses: by columns of the result only."""
        items = [(n, Value(quoted(n), t)) for n, t in columns]
        e = Expressions(Scope(scope.ctes, [], None), self.query)
        return sql + self._order(node, items, e, distinct=True) + _limits(node)


def _cast_columns(sql: str, of: Columns, to: Columns) -> str:
    """A side of a set operation whose columns have the types of the whole."""
    if all(a.duckdb() == b.duckdb() for (_, a), (_, b) in zip(of, to, strict=True)):
        return f"({sql})"
    names = [f"c{i}" for i in range(len(of))]
    texts = (coerced(Value(n, a), b) for n, (_, a), (_, b) in zip(names, of, to, strict=True))
    listed = ", ".join(f"{t} AS {quoted(c)}" for t, (c, _) in zip(texts, to, strict=True))
    return f"(SELECT {listed} FROM ({sql}) AS side({', '.join(names)}))"


def _is_path(node: exp.Expr) -> bool:
    """`a.b.c` of names only."""
    while isinstance(node, exp.Dot):
        node = node.this
    return isinstance(node, exp.Column | exp.Identifier)


def _ordinal(node: exp.Literal, count: int, where: str) -> int:
    if not node.name.isdigit() or not 1 <= int(node.name) <= count:
        raise Refused(f"{where} {node.name} is no position in the select list; it has {count} columns")
    return int(node.name)


def _direction(term: exp.Expr) -> str:
    nulls = "FIRST" if term.args.get("nulls_first") else "LAST"
    return f"{'DESC' if term.args.get('desc') else 'ASC'} NULLS {nulls}"


def _limits(node: exp.Expr) -> str:
    sql = ""
    limit, offset = node.args.get("limit"), node.args.get("offset")
    if isinstance(limit, exp.Fetch):
        options = limit.args.get("limit_options")
        if options is not None and (options.args.get("with_ties") or options.args.get("percent")):
            raise Refused("FETCH ... WITH TIES is not supported; write rank() OVER (ORDER BY ...) and filter it")
        sql += f" LIMIT {_count(limit.args.get('count'), 'FETCH')}"
    elif limit is not None and limit.expression.name.upper() != "ALL":
        sql += f" LIMIT {_count(limit.expression, 'LIMIT')}"
    if offset is not None:
        sql += f" OFFSET {_count(offset.expression, 'OFFSET')}"
    return sql


def _count(node: exp.Expr | None, where: str) -> int:
    if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
        return int(node.name)
    raise Refused(f"{where} takes a number; write its digits")
