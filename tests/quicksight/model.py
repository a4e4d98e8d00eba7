"""A strict walk of a request along botocore's service model: also what its own validator passes over."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.model import Shape

_TYPES = {
    "string": str,
    "integer": int,
    "long": int,
    "double": (int, float),
    "boolean": bool,
    "list": list,
    "map": dict,
    "structure": dict,
}
# Structures of which exactly one member is to be set; the model only says so in prose.
ONE_OF = {
    "CategoryFilterConfiguration",
    "DefaultFilterControlOptions",
    "DimensionField",
    "Filter",
    "FilterControl",
    "FilterScopeConfiguration",
    "LayoutConfiguration",
    "MeasureField",
    "TooltipItem",
    "Visual",
    "VisualCustomActionOperation",
}


@cache
def shape(name: str) -> Shape:
    """A shape of QuickSight's model."""
    return botocore.session.get_session().get_service_model("quicksight").shape_for(name)


def mistakes(of: Shape, value: Any, place: str = "") -> Iterator[str]:
    """Everything wrong with a value: one sentence each, with its place."""
    kind = _TYPES[of.type_name]
    if not isinstance(value, kind) or (isinstance(value, bool) and of.type_name != "boolean"):
        yield f"{place}: {type(value).__name__} instead of {of.type_name}"
        return
    least, most = of.metadata.get("min"), of.metadata.get("max")
    size = value if isinstance(value, int | float) else len(value)
    if least is not None and size < least:
        yield f"{place}: {size} is less than {least}"
    if most is not None and size > most:
        yield f"{place}: {size} is more than {most}"
    if of.type_name == "string":
        if getattr(of, "enum", None) and value not in of.enum:
            yield f"{place}: {value!r} is none of {of.enum}"
        pattern = of.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            yield f"{place}: {value!r} is not {pattern}"
    elif of.type_name == "list":
        for n, item in enumerate(value):
            yield from mistakes(of.member, item, f"{place}[{n}]")
    elif of.type_name == "map":
        for key, item in value.items():
            yield from mistakes(of.value, item, f"{place}.{key}")
    elif of.type_name == "structure":
        for name in of.required_members:
            if name not in value:
                yield f"{place}: lacks {name}"
        if of.name in ONE_OF and len(value) != 1:
            yield f"{place}: {sorted(value)} instead of one"
        for name, item in value.items():
            if name in of.members:
                yield from mistakes(of.members[name], item, f"{place}.{name}")
            else:
                yield f"{place}: unknown {name}"
