"""Refuses settings that cannot work, all mistakes at once: each value by its rule, then impossible combinations.

Pure: the YAML loader adds lines to what is found here; a component used without YAML says the same sentences.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pulumi import Output

from components.combinations import COMBINATIONS
from components.cron import is_daily
from components.fields import Field, Path, dotted, fields
from components.mistakes import Mistake, SettingsError
from components.names import Names
from components.rules import PIPELINE, REGION, RULES, SECRET, TAG_KEY, Rule, family
from components.settings import CloudTrailPipelineArgs


def check(settings: CloudTrailPipelineArgs, names: Names) -> None:
    """Raise SettingsError with every mistake in settings that `complete` has filled."""
    found = mistakes(settings, names)
    if found:
        raise SettingsError(found)


def mistakes(settings: CloudTrailPipelineArgs, names: Names) -> list[Mistake]:
    """Every mistake in completed settings. Of `names`, neither partition nor DNS suffix is read."""
    found = [Mistake((), f"the pipeline's name {wrong}") for wrong in [PIPELINE.wrong(names.pipeline)] if wrong]
    found += [
        Mistake((), f"the Region of pipeline {names.pipeline} {wrong}")
        for wrong in [REGION.wrong(names.where.region)]
        if wrong
    ]
    found += value_mistakes(CloudTrailPipelineArgs, settings)
    return found + combination_mistakes(settings, names, [mistake.path for mistake in found if mistake.path])


def value_mistakes(section: Any, settings: Mapping[str, Any], path: Path = ()) -> list[Mistake]:
    """Unknown keys, missing keys, wrong types and values outside their rules, below a section."""
    known = fields(section)
    found = [Mistake((*path, key), unknown(key, list(known))) for key in settings if key not in known]
    for name, field in known.items():
        if name in settings:
            found += _value_mistakes((*path, name), field, settings[name])
        elif field.required:
            found.append(Mistake((*path, name), "is missing; give it"))
    return found


def combination_mistakes(settings: CloudTrailPipelineArgs, names: Names, wrong: Iterable[Path] = ()) -> list[Mistake]:
    """Combinations that cannot work, without those that involve a path that is wrong by itself."""
    bad = tuple(wrong)
    found: list[Mistake] = []
    for rule in COMBINATIONS:
        try:
            for mistake in rule(settings, names):
                found.append(mistake)  # noqa: PERF402 - what a rule found before it met a bad value counts
        except (LookupError, TypeError, AttributeError, ValueError):
            # A rule met a value that has been refused already; of sound values none of these can come.
            if not bad:
                raise
    return [m for m in found if not any(path[: len(one)] == one for one in bad for path in (m.path, *m.others))]


def hints(settings: CloudTrailPipelineArgs, names: Names) -> list[str]:
    """What may go wrong although nothing is refused, a sentence each, for the program to warn of."""
    lake = settings["lake"]
    job, found = lake["job"], []
    if not lake["enabled"]:
        return []
    if family(names.where.region) and job["glue_version"] != "5.0":
        unsure = f"whether {names.where.region} has Glue {job['glue_version']} is not confirmed"
        found.append(f"lake.job.glueVersion: {unsure}; where it has not, take 5.0")
    schedule = lake["catalog"]["crawl_schedule"]
    key = "job.schedule" if schedule == job["schedule"] else "catalog.crawlSchedule"
    if not is_daily(schedule):
        found.append(f"lake.{key}: {schedule} leaves days out, so there is no alarm on a run that does not come")
    return found


def unknown(key: str, known: Iterable[str]) -> str:
    """The sentence for a key that does not exist, with the nearest that does."""
    names = list(known)
    near = difflib.get_close_matches(key, names, 1, 0.6)
    return f"is not a key; did you mean {near[0]}?" if near else f"is not a key; there are {', '.join(names)}"


def rule_of(path: Path) -> Rule | None:
    """The rule for the value at a path."""
    key = re.sub(r"\[\d+\]", "[]", dotted(path))
    return RULES.get(key) or (RULES.get("tags.*") if path[0] == "tags" and len(path) == 2 else None)


def is_secret(path: Path) -> bool:
    """Whether messages must not repeat the value at a path, nor what stands there in place of a list of such values."""
    key = re.sub(r"\[\d+\]", "[]", dotted(path))
    return bool({key, f"{key}[]"} & SECRET)


def _value_mistakes(path: Path, field: Field, value: Any) -> list[Mistake]:
    if isinstance(value, Output):
        if field.takes_output or field.kind == "anything":
            return []
        return [Mistake(path, "must be known when the program starts, so it cannot be another resource's output")]
    wrong = wrong_type(field, value)
    if wrong:
        return [Mistake(path, f"must be {kind_text(field)}" if is_secret(path) else wrong)]
    if field.kind == "section":
        return value_mistakes(field.type, value, path)
    if field.kind == "list" and field.item:
        return [m for at, item in enumerate(value) for m in _value_mistakes((*path, at), field.item, item)]
    if field.kind == "map" and field.item:
        keys = [Mistake((*path, key), f"the key {wrong}") for key in value for wrong in [TAG_KEY.wrong(key)] if wrong]
        return keys + [m for key, item in value.items() for m in _value_mistakes((*path, key), field.item, item)]
    rule = rule_of(path)
    wrong = rule.wrong(value) if rule and isinstance(value, str | int) else None
    if wrong and is_secret(path):
        wrong = f"must be {rule}"
    return [Mistake(path, wrong)] if wrong else []


def wrong_type(field: Field, value: Any) -> str | None:
    """What is wrong with the type of a value, or None; what is no plain value stands for an output."""
    plain = isinstance(value, str | int | float | bool | list | dict) or value is None
    if field.kind == "anything" or (field.takes_output and not plain):
        return None
    fits: dict[str, Callable[[], bool]] = {
        "text": lambda: isinstance(value, str),
        "whole number": lambda: isinstance(value, int) and not isinstance(value, bool),
        "switch": lambda: isinstance(value, bool),
        "choice": lambda: isinstance(value, field.type),
        "section": lambda: isinstance(value, Mapping),
        "list": lambda: isinstance(value, list),
        "map": lambda: isinstance(value, Mapping),
    }
    if fits[field.kind]():
        return None
    return f"must be {kind_text(field)}, got {value!r}"


def kind_text(field: Field) -> str:
    """The kind of a field's values as messages and docs name it."""
    if field.kind == "choice":
        return f"one of {', '.join(member.value for member in field.type)}"
    return {
        "text": "text",
        "whole number": "a whole number",
        "switch": "true or false",
        "section": "a section with keys",
        "list": "a list",
        "map": "keys with texts",
        "anything": "anything",
    }[field.kind]
