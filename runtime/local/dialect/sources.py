"""Compiles FROM: tables, subqueries, joins and UNNEST."""

from collections.abc import Callable, Mapping

from sqlglot import exp

from runtime.local.dialect.expressions import Expressions
from runtime.local.dialect.names import Relation, Scope
from runtime.local.dialect.refusals import allowed, construct
from runtime.local.dialect.types import BIGINT, BOOLEAN, Refused, Type, quoted

Columns = list[tuple[str, Type]]
# Published queries name a database of their own, any will do; `flatfiles` and other catalogs are not here.
_CATALOGS = ("", "awsdatacatalog")


class Sources:
    """FROM over `tables`: name -> columns; `query` compiles a subquery."""

    def __init__(self, tables: Mapping[str, Columns], query: Callable[[exp.Expr, Scope], tuple[str, Columns]]) -> None:
        self._tables = tables
        self._query = query

    def of(self, node: exp.Select, e: Expressions) -> str:
        """` FROM ...` of a SELECT, or nothing; adds what it names to the scope of `e`. Raises Refused."""
        source = node.args.get("from_")
        joins = node.args.get("joins") or []
        if source is None:
            return ""
        sql = f" FROM {self._relation(source.this, e)}"
        for join in joins:
            sql += self._join(join, e)
        aliases = [r.alias for r in e.scope.relations]
        for alias in aliases:
            if aliases.count(alias) > 1:
                raise Refused(f"two tables of FROM are called {alias}; give one an alias")
        return sql

    def _join(self, join: exp.Join, e: Expressions) -> str:
        allowed(join)
        side, kind = (join.args.get("side") or "").upper(), (join.args.get("kind") or "").upper()
        if side not in {"", "LEFT", "RIGHT", "FULL"} or kind not in {"", "INNER", "OUTER", "CROSS"}:
            raise Refused(f"{side} {kind} JOIN is not supported; write JOIN, LEFT, RIGHT, FULL or CROSS JOIN".lstrip())
        on, using = join.args.get("on"), join.args.get("using")
        before = len(e.scope.relations)
        nested = join.this.args.get("joins") if isinstance(join.this, exp.Table | exp.Subquery) else None
        if nested:
            raise Refused("a join in parentheses is not supported; put it in WITH")
        relation = self._relation(join.this, e)
        word = f"{side} JOIN" if side else "CROSS JOIN" if on is None and not using else "JOIN"
        if using:
            return f" {word} {relation} USING ({self._using(using, e, before, side)})"
        if on is not None:
            if isinstance(join.this, exp.Unnest) and not (isinstance(on, exp.Boolean) and on.this):
                raise Refused("a join with UNNEST takes ON true only; put the condition into WHERE")
            return f" {word} {relation} ON {e.of_type(on, BOOLEAN, 'ON')}"
        if side:
            raise Refused(f"{side} JOIN needs a condition; write ON ...")
        return f" {word} {relation}"

    def _using(self, using: list[exp.Expr], e: Expressions, before: int, side: str) -> str:
        if before != 1 or side in {"RIGHT", "FULL"}:
            raise Refused("USING is for the first two tables of a JOIN or LEFT JOIN; write ON a.x = b.x")
        left, right = e.scope.relations[0], e.scope.relations[-1]
        names = [u.name.lower() for u in using]
        for name in names:
            a, b = (dict(r.columns).get(name) for r in (left, right))
            if a is None or b is None or a.duckdb() != b.duckdb():
                raise Refused(f"USING ({name}) needs the column with one type in both tables; write ON a.x = b.y")
        e.scope.relations[-1] = Relation(right.alias, right.columns, frozenset(names))
        return ", ".join(quoted(n) for n in names)

    def _relation(self, node: exp.Expr, e: Expressions) -> str:
        """Text of one item of FROM; adds what it names to the scope."""
        allowed(node)
        if isinstance(node, exp.Unnest):
            return self._unnest(node, e)
        alias = node.args.get("alias")
        if alias is not None:
            allowed(alias)
        renames = [c.name.lower() for c in (alias.args.get("columns") or [])] if alias is not None else []
        if isinstance(node, exp.Table):
            sql, name, columns = self._table(node, e)
        elif isinstance(node, exp.Subquery | exp.Values):
            inner = node.copy()
            inner.set("alias", None)
            body, columns = self._query(inner, Scope(e.scope.ctes, [], e.scope.parent))
            sql, name = f"({body})", f"_table{len(e.scope.relations)}"
        else:
            raise Refused(construct(node))
        name = alias.name.lower() if alias is not None and alias.name else name
        columns = renamed(columns, renames, f"FROM {name}")
        if not isinstance(node, exp.Table):
            columns = [(c.lower(), t) for c, t in columns]
        e.scope.relations.append(Relation(name, tuple(columns)))
        return (
            f"{sql} AS {quoted(name)}({', '.join(quoted(c) for c, _ in columns)})"
            if renames or not isinstance(node, exp.Table)
            else f"{sql} AS {quoted(name)}"
        )

    def _table(self, node: exp.Table, e: Expressions) -> tuple[str, str, Columns]:
        if not isinstance(node.this, exp.Identifier):
            raise Refused("a table function is not supported; read parquettrails or cloudtrail_logs")
        name = node.name.lower()
        if not node.db and name in e.scope.ctes:
            return quoted(name), name, list(e.scope.ctes[name].columns)
        if node.catalog.lower() not in _CATALOGS or name not in self._tables:
            asked = ".".join(p.name for p in node.parts)
            raise Refused(f"there is no table {asked}; read {' or '.join(self._tables)}")
        return quoted(name), name, list(self._tables[name])

    def _unnest(self, node: exp.Unnest, e: Expressions) -> str:
        alias = node.args.get("alias")
        names = [c.name.lower() for c in alias.args.get("columns") or []] if alias is not None else []
        ordinality = node.args.get("offset")
        values = [e.value(n) for n in node.expressions]
        picks: list[tuple[str, Type]] = []
        sources: list[str] = []
        for i, value in enumerate(values):
            t = value.type
            if t.name == "map":
                sources += [f"unnest(map_keys({value.sql})) AS s{i}", f"unnest(map_values({value.sql})) AS s{i}v"]
                picks += [(f"s{i}", t.of[0]), (f"s{i}v", t.of[1])]
            elif t.name == "array" and t.of[0].name == "row":
                sources.append(f"unnest({value.sql}) AS s{i}")
                picks += [(f"struct_extract_at(s{i}, {n})", kind) for n, kind in enumerate(t.of[0].of, 1)]
            elif t.name == "array":
                sources.append(f"unnest({value.sql}) AS s{i}")
                picks.append((f"s{i}", t.of[0]))
            else:
                raise Refused(f"UNNEST takes an array or a map, not {t}; CAST json to array(json)")
        if ordinality:
            lengths = [f"coalesce({'cardinality' if v.type.name == 'map' else 'len'}({v.sql}), 0)" for v in values]
            longest = f"greatest({', '.join(lengths)})" if len(lengths) > 1 else lengths[0]
            sources.append(f"unnest(generate_series(1, CAST({longest} AS BIGINT))) AS n")
            picks.append(("n", BIGINT))
            if isinstance(ordinality, exp.Identifier):
                names.append(ordinality.name.lower())
        if names and len(names) != len(picks):
            raise Refused(f"UNNEST gives {len(picks)} columns, its alias names {len(names)}; name each")
        columns = [(names[i] if names else f"_col{i}", kind) for i, (_, kind) in enumerate(picks)]
        name = alias.name.lower() if alias is not None and alias.name else f"_table{len(e.scope.relations)}"
        e.scope.relations.append(Relation(name, tuple(columns)))
        picked = ", ".join(sql for sql, _ in picks)
        return (
            f"LATERAL (SELECT {picked} FROM (SELECT {', '.join(sources)}))"
            f" AS {quoted(name)}({', '.join(quoted(c) for c, _ in columns)})"
        )


def renamed(columns: Columns, names: list[str], where: str) -> Columns:
    """The columns with the names of an alias, if it gives any. Raises Refused for too many or too few."""
    if not names:
        return columns
    if len(names) != len(columns):
        raise Refused(f"{where} names {len(names)} columns of {len(columns)}; name each")
    return [(n, t) for n, (_, t) in zip(names, columns, strict=True)]
