"""Athena's types as the compiler tracks them, what coerces to what, and how each is held in DuckDB."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from runtime.local.dialect.engine import FAILS, PARTIAL


class Refused(ValueError):
    """Athena's SQL that is not answered here; its text is one sentence with the cure."""


@dataclass(frozen=True, slots=True)
class Type:
    """One type. `of` are the types inside an array, map or row, `names` a row's field names (None: without name).

    `p` and `s` are precision and scale of a decimal; `p` is a timestamp's digits after the second; `zone` is the time
    zone that a timestamp with time zone is known to carry, None if only its rows know. `document` is set for the lake's
    own JSON columns, which are varchar like any other.
    """

    name: str
    of: tuple["Type", ...] = ()
    names: tuple[str | None, ...] = ()
    p: int = 0
    s: int = 0
    zone: str | None = None
    document: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        if self.name == "row":
            fields = (f"{n} {t}" if n else str(t) for n, t in zip(self.names, self.of, strict=True))
            return f"row({', '.join(fields)})"
        if self.name == "decimal":
            return f"decimal({self.p},{self.s})"
        if self.name == "timestamptz":
            return "timestamp with time zone"
        return f"{self.name}({', '.join(map(str, self.of))})" if self.of else self.name

    @property
    def numeric(self) -> bool:
        """A number."""
        return self.name in _NUMBERS

    @property
    def integral(self) -> bool:
        """A number without fraction."""
        return self.name in {"integer", "bigint"}

    @property
    def temporal(self) -> bool:
        """A date or a moment."""
        return self.name in _TIMES

    def duckdb(self) -> str:
        """Name of the type that holds it in DuckDB; a timestamp with time zone is held as its UTC timestamp."""
        if self.name == "array":
            return f"{self.of[0].duckdb()}[]"
        if self.name == "map":
            return f"MAP({self.of[0].duckdb()}, {self.of[1].duckdb()})"
        if self.name == "row":
            if not all(self.names):
                raise Refused("a row without field names has no cast here; write CAST(ROW(...) AS row(name type, ...))")
            fields = (f"{quoted(n or '')} {t.duckdb()}" for n, t in zip(self.names, self.of, strict=True))
            return f"STRUCT({', '.join(fields)})"
        return f"DECIMAL({self.p},{self.s})" if self.name == "decimal" else _DUCKDB[self.name]


_NUMBERS = ("integer", "bigint", "decimal", "double")
_TIMES = ("date", "timestamp", "timestamptz")
_DUCKDB = {
    "unknown": "INTEGER",
    "boolean": "BOOLEAN",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "varchar": "VARCHAR",
    "varbinary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP",
    "interval": "INTERVAL",
    "json": "JSON",
}

UNKNOWN = Type("unknown")
BOOLEAN = Type("boolean")
INTEGER = Type("integer")
BIGINT = Type("bigint")
DOUBLE = Type("double")
VARCHAR = Type("varchar")
VARBINARY = Type("varbinary")
DATE = Type("date")
TIMESTAMP = Type("timestamp", p=3)
INTERVAL = Type("interval")
JSON = Type("json")
SCALARS = {t.name: t for t in (UNKNOWN, BOOLEAN, INTEGER, BIGINT, DOUBLE, VARCHAR, VARBINARY, DATE, INTERVAL, JSON)}


def array(element: Type) -> Type:
    """Array of that type."""
    return Type("array", (element,))


def map_of(key: Type, value: Type) -> Type:
    """Map with those keys and values."""
    return Type("map", (key, value))


def row(names: Sequence[str | None], of: Sequence[Type]) -> Type:
    """Row with those fields."""
    return Type("row", tuple(of), tuple(names))


def decimal(p: int, s: int) -> Type:
    """The decimal of p digits, s of them after the point; p is cut at 38, as Athena does."""
    return Type("decimal", p=min(38, p), s=s)


def timestamptz(zone: str | None, p: int = 3) -> Type:
    """Timestamp with time zone, the zone if it is known."""
    return Type("timestamptz", p=p, zone=zone)


def as_decimal(t: Type) -> Type:
    """The decimal an integer becomes beside a decimal."""
    return {"integer": decimal(10, 0), "bigint": decimal(19, 0)}.get(t.name, t)


def common(a: Type, b: Type) -> Type | None:
    """The type both coerce to without a cast, as in `coalesce` or a comparison; None if there is none."""
    if a == b or b.name == "unknown":
        return a
    if a.name == "unknown":
        return b
    if a.numeric and b.numeric:
        wider = a if _NUMBERS.index(a.name) >= _NUMBERS.index(b.name) else b
        if wider.name != "decimal":
            return wider
        x, y = as_decimal(a), as_decimal(b)
        scale = max(x.s, y.s)
        return decimal(max(x.p - x.s, y.p - y.s) + scale, scale)
    if a.temporal and b.temporal:
        wider = a if _TIMES.index(a.name) >= _TIMES.index(b.name) else b
        if wider.name == "date":
            return wider
        zones = {t.zone if t.name == "timestamptz" else "UTC" for t in (a, b)}
        zone = zones.pop() if len(zones) == 1 else None
        return Type(wider.name, p=max(a.p, b.p), zone=zone if wider.name == "timestamptz" else None)
    if a.name == b.name and len(a.of) == len(b.of) and a.of:
        inner = [common(x, y) for x, y in zip(a.of, b.of, strict=True)]
        if all(inner) and (a.name != "row" or a.names == b.names):
            return Type(a.name, tuple(t for t in inner if t), a.names)
    return None


def coerces(a: Type, to: Type) -> bool:
    """A value of type `a` may stand where `to` is wanted."""
    both = common(a, to)
    return both is not None and (both == to or (to.name == both.name and to.name in {"decimal", *_TIMES}))


def parsed(node: exp.DataType) -> Type:
    """Type that a CAST names. Raises Refused."""
    kind = node.this
    inner = node.expressions
    dtype = exp.DataType.Type
    if kind in _PLAIN:
        if inner and _PLAIN[kind].name not in {"varchar", "timestamp", "timestamptz"}:
            raise Refused(f"the type {node.sql('trino')} is not supported; leave its length out")
        if inner and _PLAIN[kind].name == "varchar":
            raise Refused(
                "varchar with a length cuts its text; write varchar, and substr(x, 1, n) where it must be cut"
            )
        if inner:
            raise Refused(
                "a timestamp with a precision of its own is not supported; write timestamp, which has 3 digits"
            )
        return _PLAIN[kind]
    if kind == dtype.DECIMAL:
        p, s = (*(int(i.name) for i in inner), *((38, 0)[len(inner) :]))
        if not 1 <= p <= 38 or not 0 <= s <= p:
            raise Refused(f"decimal({p},{s}) does not exist; the precision is 1 to 38 and the scale at most that")
        return decimal(p, s)
    if kind == dtype.ARRAY and len(inner) == 1:
        return array(parsed(inner[0]))
    if kind == dtype.MAP and len(inner) == 2:
        return map_of(parsed(inner[0]), parsed(inner[1]))
    if kind == dtype.STRUCT:
        fields = [(i.name.lower(), i.args["kind"]) if isinstance(i, exp.ColumnDef) else (None, i) for i in inner]
        return row([n for n, _ in fields], [parsed(t) for _, t in fields])
    if kind == dtype.TEXT:
        raise Refused("text and string are no types of Athena's queries; write varchar")
    raise Refused(f"the type {node.sql('trino').lower()} is not supported; known are: {', '.join(type_names())}")


_PLAIN = {
    exp.DataType.Type.BOOLEAN: BOOLEAN,
    exp.DataType.Type.INT: INTEGER,
    exp.DataType.Type.BIGINT: BIGINT,
    exp.DataType.Type.DOUBLE: DOUBLE,
    exp.DataType.Type.VARCHAR: VARCHAR,
    exp.DataType.Type.VARBINARY: VARBINARY,
    exp.DataType.Type.DATE: DATE,
    exp.DataType.Type.TIMESTAMP: TIMESTAMP,
    exp.DataType.Type.TIMESTAMPTZ: timestamptz("UTC"),
    exp.DataType.Type.JSON: JSON,
}


def type_names() -> Iterator[str]:
    """Names of the types that CAST takes."""
    yield from (str(t) for t in _PLAIN.values())
    yield from ("decimal", "array", "map", "row")


def quoted(name: str) -> str:
    """`name` as an identifier of DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """`value` as a string literal of DuckDB."""
    if "\0" in value:
        raise Refused("a string with a NUL character is not supported; leave it out")
    return "'" + value.replace("'", "''") + "'"


def fail(message: str, to: Type, *, partial: bool = False) -> str:
    """DuckDB expression of type `to` that fails when it is reached, with this message.

    `partial` says that Athena answers there: no `try` may turn it into null. A cast, not error(): that one is
    volatile, which TRY does not take and constants do not fold through.
    """
    said = text((PARTIAL if partial else FAILS) + message)
    if to.name in _DIRECT:
        return f"CAST({said} AS {to.duckdb()})"
    as_text = f"CAST(CAST({said} AS INTEGER) AS VARCHAR)"
    return as_text if to.name == "varchar" else f"CAST({as_text} AS {to.duckdb()})"


def tried(sql: str, what: str) -> str:
    """TRY of an expression. Raises Refused where it may fail on what Athena answers."""
    if PARTIAL in sql or "athena_json_text(" in sql:
        raise Refused(f"{what} of this expression is not supported; filter the rows that it is meant for")
    return f"TRY({sql})"


_DIRECT = {"integer", "bigint", "double", "boolean", "date", "timestamp"}
