"""Functions of time: dates, timestamps, and moments with a zone, which are held as their UTC timestamp."""

import re
from datetime import UTC, datetime

import pytz

from runtime.local.dialect import patterns
from runtime.local.dialect.functions import Value, coerced
from runtime.local.dialect.special import literal, special, want
from runtime.local.dialect.types import (
    BIGINT,
    DATE,
    TIMESTAMP,
    VARCHAR,
    Refused,
    Type,
    common,
    fail,
    text,
    timestamptz,
)

_ISO = (
    r"\d{4}-\d{2}-\d{2}(T([01]\d|2[0-3]):\d{2}(:\d{2}([.]\d{1,3})?)?"
    r"(Z|[+-](0\d|1[0-3])(:[0-5]\d)?|[+-]14(:00)?)?)?"
)


def now(t: Type) -> Value:
    """The day or the moment of the query, in UTC, its seconds with 3 digits."""
    if t == DATE:
        return Value("CAST(timezone('UTC', now()) AS DATE)", DATE)
    return Value("date_trunc('milliseconds', timezone('UTC', now()))", t)


def zone(name: str) -> str:
    """The time zone's name. Raises Refused for one that is not in the tz database."""
    try:
        return str(pytz.timezone(name).zone)
    except pytz.UnknownTimeZoneError:
        raise Refused(f"the time zone {name!r} is not known; write a name such as 'UTC' or 'Europe/Berlin'") from None


def wall(value: Value, name: str) -> str:
    """The wall clock's timestamp of a date, timestamp or moment. Raises Refused if only its rows know the zone."""
    t = value.type
    if not t.temporal:
        raise Refused(f"{name} takes a date or a timestamp, not {t}; CAST it, or use from_iso8601_timestamp on text")
    if t.name != "timestamptz" or t.zone == "UTC":
        return value.sql
    if t.zone is None:
        raise Refused(
            f"{name} depends on a time zone that is in the text only; write AT TIME ZONE 'UTC' after the time"
        )
    return f"timezone({text(t.zone)}, timezone('UTC', {value.sql}))"


def at_zone(value: Value, name: str) -> Value:
    """`value AT TIME ZONE name`: the same moment, a plain timestamp being UTC."""
    if value.type.name not in {"timestamp", "timestamptz"}:
        raise Refused(f"AT TIME ZONE takes a timestamp, not {value.type}; CAST it to timestamp")
    return Value(value.sql, timestamptz(zone(name), value.type.p))


@special("at_timezone", "timestamp with time zone, literal zone")
def _at_timezone(args: list[Value]) -> Value:
    want(args, "at_timezone", timestamptz("UTC"), VARCHAR)
    return at_zone(args[0], literal(args[1], "at_timezone", "zone"))


@special("with_timezone", "timestamp, literal zone")
def _with_timezone(args: list[Value]) -> Value:
    (ts, _) = want(args, "with_timezone", TIMESTAMP, VARCHAR)
    name = zone(literal(args[1], "with_timezone", "zone"))
    return Value(f"timezone('UTC', timezone({text(name)}, {ts}))", timestamptz(name, args[0].type.p))


@special("from_iso8601_timestamp", "varchar")
def _from_iso(args: list[Value]) -> Value:
    (s,) = want(args, "from_iso8601_timestamp", VARCHAR)
    said = args[0].literal
    if isinstance(said, str):
        if not re.fullmatch(_ISO, said, re.ASCII):
            raise Refused(f"from_iso8601_timestamp does not take {said!r}; write 2026-01-31T12:00:00Z")
        try:
            moment = datetime.fromisoformat(said)
        except ValueError:
            raise Refused(f"{said!r} is no moment of the calendar; correct it") from None
        carried = "UTC" if moment.utcoffset() is None or not moment.utcoffset() else None
        utc = moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
        return Value(f"TIMESTAMP '{utc.isoformat(' ')}'", timestamptz(carried))
    parsed = f"timezone('UTC', CAST({s} AS TIMESTAMPTZ))"
    bad = fail(
        "from_iso8601_timestamp of a text that is not like 2026-01-31T12:00:00Z; filter such rows",
        TIMESTAMP,
        partial=True,
    )
    return Value(
        f"CASE WHEN {s} IS NULL OR regexp_matches({s}, '^{_ISO}$') THEN {parsed} ELSE {bad} END", timestamptz(None)
    )


def literal_timestamp(said: str) -> Value:
    """`timestamp '...'`, with a zone's name or offset after it or without."""
    match = re.fullmatch(
        r"(\d{4}-\d{1,2}-\d{1,2}(?: \d{1,2}:\d{1,2}(?::\d{1,2}(?:\.(\d{1,3}))?)?)?)(?: ([A-Za-z_/]+))?", said, re.ASCII
    )
    if match is None:
        raise Refused(
            f"timestamp {said!r} is not supported; write timestamp '2026-01-31 12:00:00', UTC after it if need be"
        )
    digits = len(match[2] or "")
    for form in ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"):
        try:
            moment = datetime.strptime(match[1], form)  # noqa: DTZ007
        except ValueError:
            continue
        sql = f"TIMESTAMP '{moment.isoformat(' ')}'"
        if match[3] is None:
            return Value(sql, Type("timestamp", p=digits))
        name = zone(match[3])
        return Value(f"timezone('UTC', timezone({text(name)}, {sql}))", timestamptz(name, digits))
    raise Refused(f"{said!r} is no moment of the calendar; correct it")


# --- parts

_PARTS = {
    "year": "year", "quarter": "quarter", "month": "month", "week": "week", "week_of_year": "week", "day": "day",
    "day_of_month": "day", "day_of_week": "isodow", "dow": "isodow", "day_of_year": "dayofyear", "doy": "dayofyear",
    "year_of_week": "isoyear", "yow": "isoyear", "hour": "hour", "minute": "minute", "second": "second",
}  # fmt: skip
_OF_TIME = frozenset({"hour", "minute", "second"})


def part(name: str, value: Value) -> Value:
    """`extract(name FROM value)`."""
    if name not in _PARTS:
        raise Refused(f"extract({name} ...) is not supported; known are: {', '.join(_PARTS)}")
    clock = wall(value, name)
    if name in _OF_TIME and value.type.name == "date":
        raise Refused(f"{name} takes a timestamp, not a date; a date has no hour")
    return Value(f"date_part('{_PARTS[name]}', {clock})", BIGINT)


def _part_handlers() -> None:
    for name in _PARTS:

        def handler(args: list[Value], name: str = name) -> Value:
            want(args, name, None)
            return part(name, args[0])

        special(name, "date or timestamp")(handler)


_part_handlers()

# --- units

_DATE_UNITS = ("day", "week", "month", "quarter", "year")
_TIME_UNITS = ("millisecond", "second", "minute", "hour")


def _unit(arg: Value, name: str, t: Type) -> str:
    unit = literal(arg, name, "unit").lower()
    if unit not in _DATE_UNITS + (_TIME_UNITS if t.name != "date" else ()):
        raise Refused(
            f"{name} of {t} does not take the unit {unit!r}; known are: {', '.join(_TIME_UNITS + _DATE_UNITS)}"
        )
    return unit


def _utc_or_small(t: Type, unit: str, name: str) -> None:
    if t.name == "timestamptz" and unit in _DATE_UNITS and t.zone != "UTC":
        raise Refused(f"{name} by {unit} depends on the time zone; write AT TIME ZONE 'UTC' after the time")


@special("date_trunc", "literal unit, date or timestamp")
def _date_trunc(args: list[Value]) -> Value:
    want(args, "date_trunc", VARCHAR, None)
    t = args[1].type
    clock = wall(args[1], "date_trunc")
    unit = _unit(args[0], "date_trunc", t)
    cut = f"date_trunc('{unit}', {clock})"
    if t.name == "timestamptz" and t.zone not in {None, "UTC"}:
        return Value(f"timezone('UTC', timezone({text(t.zone or '')}, {cut}))", t)
    return Value(f"CAST({cut} AS {t.duckdb()})", t)


_ADD = {
    "millisecond": "to_milliseconds({})", "second": "to_seconds({})", "minute": "to_minutes({})",
    "hour": "to_hours({})", "day": "to_days({})", "week": "to_days(7 * {})",
    "month": "to_months({})", "quarter": "to_months(3 * {})",
    "year": "to_months(12 * {})",
}  # fmt: skip


@special("date_add", "literal unit, bigint, date or timestamp")
def _date_add(args: list[Value]) -> Value:
    _, n, _ = want(args, "date_add", VARCHAR, BIGINT, None)
    t = args[2].type
    if not t.temporal:
        raise Refused(f"date_add takes a date or a timestamp, not {t}; CAST it")
    unit = _unit(args[0], "date_add", t)
    if unit == "millisecond" and t.p < 3:
        raise Refused("date_add by milliseconds to a literal without them is not supported; write it as ...:00.000")
    _utc_or_small(t, unit, "date_add")
    step = _ADD[unit].format(f"CAST({n} AS INTEGER)")
    return Value(f"CAST({args[2].sql} + {step} AS {t.duckdb()})", t)


_MICROSECONDS = {"millisecond": 10**3, "second": 10**6, "minute": 60 * 10**6, "hour": 3600 * 10**6}
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@special("date_diff", "literal unit, date or timestamp, date or timestamp")
def _date_diff(args: list[Value]) -> Value:
    want(args, "date_diff", VARCHAR, None, None)
    both = common(args[1].type, args[2].type)
    if both is None or not both.temporal:
        raise Refused(f"date_diff takes dates or timestamps, not {args[1].type} and {args[2].type}; CAST them")
    unit = _unit(args[0], "date_diff", both)
    _utc_or_small(both, unit, "date_diff")
    a, b = (f"CAST({coerced(x, both)} AS TIMESTAMP)" for x in args[1:])
    if unit in _MONTHS:
        # The most whole months that, added to the earlier, do not pass the later; a month's end is its last day.
        first, last = (f"CASE WHEN {a} {op} {b} THEN {a} ELSE {b} END" for op in ("<=", ">"))
        d = f"date_diff('month', {first}, {last})"
        passed = f"({first}) + to_months(CAST({d} AS INTEGER)) > {last}"
        months = (
            f"(CASE WHEN {a} <= {b} THEN 1 WHEN {a} > {b} THEN -1 END * ({d} - CASE WHEN {passed} THEN 1 ELSE 0 END))"
        )
        return Value(f"CAST({months} // {_MONTHS[unit]} AS BIGINT)", BIGINT)
    step = _MICROSECONDS.get(unit) or _DAYS[unit] * 24 * _MICROSECONDS["hour"]
    return Value(f"((epoch_us({b}) - epoch_us({a})) // {step})", BIGINT)


# --- text and back


@special("date_format", "date or timestamp, literal format")
def _date_format(args: list[Value]) -> Value:
    want(args, "date_format", None, VARCHAR)
    form = patterns.time_format(literal(args[1], "date_format", "format"))
    return Value(f"strftime({wall(args[0], 'date_format')}, {text(form)})", VARCHAR)


@special("date_parse", "varchar, literal format")
def _date_parse(args: list[Value]) -> Value:
    s, _ = want(args, "date_parse", VARCHAR, VARCHAR)
    form = patterns.time_format(literal(args[1], "date_parse", "format"), parse=True)
    bad = fail("date_parse of a text that begins with white space", TIMESTAMP)
    return Value(rf"CASE WHEN regexp_matches({s}, '^\s') THEN {bad} ELSE strptime({s}, {text(form)}) END", TIMESTAMP)


def as_text(value: Value) -> str:
    """CAST(... AS varchar) of a time without zone: as many digits after the second as its type has."""
    if value.type.name == "date":
        return f"strftime({value.sql}, '%Y-%m-%d')"
    digits = value.type.p
    fraction = f" || '.' || substring(strftime({value.sql}, '%f'), 1, {digits})" if digits else ""
    return f"(strftime({value.sql}, '%Y-%m-%d %H:%M:%S'){fraction})"


@special("to_iso8601", "date or timestamp")
def _to_iso(args: list[Value]) -> Value:
    want(args, "to_iso8601", None)
    clock = wall(args[0], "to_iso8601")
    t = args[0].type
    if t.name == "timestamptz" and t.zone != "UTC":
        raise Refused("to_iso8601 of another zone than UTC is not supported; write AT TIME ZONE 'UTC' after the time")
    if t.name == "date":
        return Value(f"strftime({clock}, '%Y-%m-%d')", VARCHAR)
    said = as_text(Value(clock, Type("timestamp", p=t.p)))
    return Value(f"(replace({said}, ' ', 'T') || '{'Z' if t.name == 'timestamptz' else ''}')", VARCHAR)
