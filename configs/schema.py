"""The JSON Schema of a stack's file, for editors; made from the model and the rules."""

import json
from pathlib import Path
from typing import Any

from components.checks import rule_of
from components.fields import Field, fields
from components.fields import Path as KeyPath
from components.rules import TAG_KEY, Between, OneOf
from configs.model import StackConfig, sentences

FILE = Path(__file__).with_name("schema.json")
REFERENCE = r".*\$\{(env|ssm):[^}]+\}.*"


def schema() -> dict[str, Any]:
    """The schema, draft 2020-12; what keys together make impossible, only the loader knows."""
    top = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A stack of Trailsight"}
    return top | _section(StackConfig, ())


def text() -> str:
    """The schema as the file has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _section(section: Any, path: KeyPath) -> dict[str, Any]:
    known = fields(section).values()
    said = sentences(section)
    result: dict[str, Any] = {
        "type": "object",
        "properties": {
            field.key: {"description": said[field.name]} | _value(field, (*path, field.name)) for field in known
        },
        "additionalProperties": False,
    }
    required = [field.key for field in known if field.required]
    return result | ({"required": required} if required else {})


def _value(field: Field, path: KeyPath) -> dict[str, Any]:
    if field.kind == "section":
        return _section(field.type, path)
    if field.kind == "list":
        assert field.item
        return {"type": "array", "items": _value(field.item, (*path, 0))}
    if field.kind == "map":
        assert field.item
        names = {"pattern": f"^({TAG_KEY.pattern})$"}
        return {
            "type": "object",
            "propertyNames": names,
            "additionalProperties": _value(field.item, (*path, "any")),
        }
    if field.kind == "choice":
        return {"enum": [member.value for member in field.type]}
    if field.kind == "switch":
        return {"type": "boolean"}
    return {} if field.kind == "anything" else _ruled(field, path)


def _ruled(field: Field, path: KeyPath) -> dict[str, Any]:
    rule = rule_of(path)
    if field.kind == "whole number":
        if isinstance(rule, OneOf):
            return {"enum": list(rule.values)}
        assert isinstance(rule, Between), f"{path}: every number has a rule"
        low = (
            {"anyOf": [{"const": 0}, {"minimum": rule.low}]} if rule.or_zero and rule.low > 0 else {"minimum": rule.low}
        )
        return {"type": "integer", "maximum": rule.high} | low
    if rule is None:
        return {"type": "string"}
    if isinstance(rule, OneOf):
        return {"type": "string", "anyOf": [{"enum": list(rule.values)}, {"pattern": f"^{REFERENCE}$"}]}
    assert not isinstance(rule, Between), f"{path}: a text's rule"
    return {"type": "string", "pattern": f"^({rule.pattern}|{REFERENCE})$"}
