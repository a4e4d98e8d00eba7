"""Refuses settings that cannot work, all mistakes at once: each value by its rule, then impossible combinations.

Pure: the YAML loader adds lines to what is found here; a component used without YAML says the same sentences.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pulumi import Output

from components.defaults import DEFAULTS
from components.fields import Field, Path, dotted, fields
from components.names import Names
from components.rules import NO_DASHBOARDS, PIPELINE, REGION, RULES, SECRET, TAG_KEY, Rule
from components.settings import (
    CatalogMode,
    CloudTrailPipelineArgs,
    ImportMode,
    KmsMode,
    LockMode,
    LogsSettings,
    Notification,
    ReadWrite,
    TrailMode,
    TrailSettings,
)
from runtime.events.columns import columns, promoted

MINUTES_OF_DAY = 24 * 60


class SettingsError(ValueError):
    """Settings that cannot work; the text is a line for each mistake, `mistakes` has them apart."""

    def __init__(self, mistakes: "Iterable[Mistake]") -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at a path and how it is cured; `others` are further paths that it follows from."""

    path: Path
    text: str
    others: tuple[Path, ...] = ()

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.text}" if self.path else self.text


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
    job = settings["lake"]["job"]
    if _family(names.where.region) and settings["lake"]["enabled"] and job["glue_version"] != "5.0":
        unsure = f"whether {names.where.region} has Glue {job['glue_version']} is not confirmed"
        return [f"lake.job.glueVersion: {unsure}; where it has not, take 5.0"]
    return []


def unknown(key: str, known: Iterable[str]) -> str:
    """The sentence for a key that does not exist, with the nearest that does."""
    names = list(known)
    near = difflib.get_close_matches(key, names, 1, 0.6)
    return f"is no key; did you mean {near[0]}?" if near else f"is no key; there are {', '.join(names)}"


def rule_of(path: Path) -> Rule | None:
    """The rule for the value at a path."""
    key = re.sub(r"\[\d+\]", "[]", dotted(path))
    return RULES.get(key) or (RULES.get("tags.*") if path[0] == "tags" and len(path) == 2 else None)


def is_secret(path: Path) -> bool:
    """Whether messages must not repeat the value at a path."""
    return re.sub(r"\[\d+\]", "[]", dotted(path)) in SECRET


def _value_mistakes(path: Path, field: Field, value: Any) -> list[Mistake]:
    if isinstance(value, Output):
        if field.takes_output or field.kind == "anything":
            return []
        return [Mistake(path, "must be known when the program starts, so it cannot be another resource's output")]
    wrong = wrong_type(field, value)
    if wrong:
        return [Mistake(path, wrong)]
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


def _changed(section: Any, settings: Mapping[str, Any], base: Path, keys: Iterable[str]) -> Iterator[Path]:
    """Paths of those keys whose value is not what holds without them."""
    for key in keys:
        field = fields(section)[key]
        default = DEFAULTS[section].get(key)
        if field.kind == "section" and default == {}:
            default = DEFAULTS[field.type]
        if key in settings and settings[key] != default:
            yield (*base, key)


def _family(region: str) -> str:
    """What Regions of another partition than `aws` begin with: `us-gov`, `cn`, `us-iso`, ..., else nothing."""
    found = re.match(r"(us-gov|cn|[a-z]+-iso[a-z]*|eusc)-", region)
    return found[1] if found else ""


Rules = Iterator[Mistake]
Combination = Callable[[Any, Names], Rules]


def _expiry_before_lock(settings: Any, _: Names) -> Rules:
    logs = settings["logs"]
    if "object_lock" in logs and 0 < logs["expire_after_days"] < logs["object_lock"]["days"]:
        yield Mistake(
            ("logs", "expire_after_days"),
            f"log files cannot be deleted after {logs['expire_after_days']} days while logs.objectLock.days holds them"
            f" for {logs['object_lock']['days']}; make it at least as many, or 0",
            (("logs", "object_lock", "days"),),
        )


def _irreversible(settings: Any, _: Names) -> Rules:
    lock = settings["logs"].get("object_lock")
    if lock and lock["mode"] is LockMode.COMPLIANCE and not lock["i_understand_this_is_irreversible"]:
        yield Mistake(
            ("logs", "object_lock", "mode"),
            "compliance can never be undone; add logs.objectLock.iUnderstandThisIsIrreversible: true,"
            " or take governance",
            (("logs", "object_lock", "i_understand_this_is_irreversible"),),
        )


def _glacier_after_expiry(settings: Any, _: Names) -> Rules:
    logs = settings["logs"]
    if 0 < logs["expire_after_days"] <= logs["glacier_after_days"]:
        yield Mistake(
            ("logs", "glacier_after_days"),
            f"log files cannot move to Glacier after {logs['glacier_after_days']} days when logs.expireAfterDays"
            f" deletes them after {logs['expire_after_days']}; make it fewer, or 0",
            (("logs", "expire_after_days"),),
        )


def _kms_and_key(settings: Any, _: Names) -> Rules:
    for part in ("logs", "lake"):
        encryption = settings[part]["encryption"]
        at: Path = (part, "encryption")
        if encryption["kms"] is KmsMode.GIVEN and "key_arn" not in encryption:
            yield Mistake(
                (*at, "kms"), f"given needs {part}.encryption.keyArn; add it, or take create", ((*at, "key_arn"),)
            )
        if encryption["kms"] is not KmsMode.GIVEN and "key_arn" in encryption:
            yield Mistake(
                (*at, "key_arn"),
                f"has no effect with {part}.encryption.kms: {encryption['kms'].value}; say given, or take the key out",
                ((*at, "kms"),),
            )


def _adopted_key(settings: Any, _: Names) -> Rules:
    """A kept bucket's key was kept too; a new one would fail on the old one's alias, and read nothing that is there."""
    for part in ("logs", "lake"):
        if settings[part]["adopt"] and settings[part]["encryption"]["kms"] is KmsMode.CREATE:
            yield Mistake(
                (part, "encryption", "kms"),
                f"create makes a second key beside the one that {part}.adopt finds kept; say given, and name that one"
                f" in {part}.encryption.keyArn",
                ((part, "adopt"),),
            )


def _regions(settings: Any, names: Names) -> Rules:
    """S3 takes only keys of its own Region; a queue and CloudWatch only topics of theirs."""
    existing = settings["logs"].get("existing", {})
    for path, value in (
        (("logs", "encryption", "key_arn"), settings["logs"]["encryption"].get("key_arn")),
        (("lake", "encryption", "key_arn"), settings["lake"]["encryption"].get("key_arn")),
        (("logs", "existing", "key_arn"), existing.get("key_arn")),
        (("logs", "existing", "topic_arn"), existing.get("topic_arn")),
        (("alarms", "topic_arn"), settings["alarms"].get("topic_arn")),
    ):
        region = value.split(":")[3] if isinstance(value, str) else names.where.region
        if region != names.where.region:
            yield Mistake(
                path,
                f"is in {region}, but account.region is {names.where.region}; name one of {names.where.region}",
                (("account", "region"),),
            )


def _no_logs(settings: Any, _: Names) -> Rules:
    trail, logs = settings["trail"], settings["logs"]
    if trail["mode"] is not TrailMode.NONE:
        return
    delivers = "existing" in logs or logs["additional_policy_statements"] or logs["adopt"]
    if not delivers:
        yield Mistake(
            ("trail", "mode"),
            "none leaves the pipeline's own log bucket without log files; name the bucket that a trail delivers to in"
            " logs.existing, or let another trail deliver through logs.additionalPolicyStatements, or take account",
            (("logs", "existing"), ("logs", "additional_policy_statements")),
        )
    for path in _changed(TrailSettings, trail, ("trail",), [key for key in fields(TrailSettings) if key != "mode"]):
        yield Mistake(path, "has no effect with trail.mode: none; take it out", (("trail", "mode"),))


def _existing(settings: Any, names: Names) -> Rules:
    logs = settings["logs"]
    if "existing" not in logs:
        return
    existing, at = logs["existing"], ("logs", "existing")
    if settings["trail"]["mode"] is TrailMode.ACCOUNT:
        yield Mistake(
            ("trail", "mode"),
            "a trail of its own cannot deliver to logs.existing, whose policy the pipeline never changes, and would"
            " record and charge for what another trail does; add trail: {mode: none}, or take logs.existing out",
            (at,),
        )
    exclusive = existing["notification"] is Notification.EXCLUSIVE
    kept = {"existing", "prefix", "protect"} | ({"additional_notifications"} if exclusive else set())
    for path in _changed(LogsSettings, logs, ("logs",), [key for key in fields(LogsSettings) if key not in kept]):
        why = "only with notification: exclusive" if path[-1] == "additional_notifications" else "of an own log bucket"
        yield Mistake(path, f"is a setting {why}, and logs.existing names somebody else's; take one of them out", (at,))
    sns = existing["notification"] is Notification.SNS
    if sns and "topic_arn" not in existing:
        yield Mistake(
            (*at, "notification"),
            "sns needs logs.existing.topicArn; add the topic, or take eventbridge or exclusive",
            ((*at, "topic_arn"),),
        )
    owner = existing.get("account", names.where.account)
    if existing["notification"] is Notification.EVENTBRIDGE and owner != names.where.account:
        yield Mistake(
            (*at, "notification"),
            f"eventbridge tells only rules in account {owner}, which owns the bucket, of its log files; take sns, or"
            " deploy there",
            ((*at, "account"), ("account", "id")),
        )
    if "topic_arn" in existing and not sns:
        yield Mistake(
            (*at, "topic_arn"),
            f"has no effect with logs.existing.notification: {existing['notification'].value}; take it out, or say sns",
            ((*at, "notification"),),
        )


def _same_bucket(settings: Any, names: Names) -> Rules:
    logs, lake = settings["logs"], settings["lake"]
    own = {
        "lake": lake.get("bucket_name") or names.bucket("lake"),
        "logs": logs.get("existing", {}).get("bucket") or logs.get("bucket_name") or names.bucket("logs"),
    }
    if own["lake"] == own["logs"]:
        other: Path = ("logs", "existing", "bucket") if "existing" in logs else ("logs", "bucket_name")
        yield Mistake(
            ("lake", "bucket_name"),
            f"is also {dotted(other)}; the lake needs a bucket of its own, or its files would be taken for log files",
            (other,),
        )
    for part in ("logs", "lake"):
        target = settings[part].get("access_logs", {}).get("bucket")
        if target in own.values():
            yield Mistake(
                (part, "access_logs", "bucket"),
                "is a bucket of the pipeline, whose access logs would log themselves; name another bucket",
            )


def _own_data_events(settings: Any, names: Names) -> Rules:
    logs, lake, where = settings["logs"], settings["lake"], names.where
    home = f"{where.region}:{where.account}"
    buckets = [
        logs.get("bucket_name") or names.bucket("logs"),
        lake.get("bucket_name") or names.bucket("lake"),
        logs.get("existing", {}).get("bucket"),
    ]
    own = [f"s3:::{name}" for name in buckets if isinstance(name, str)]
    own += [f"lambda:{home}:function:{names.part('flattener')}", f"sqs:{home}:{names.part('logs', 80)}"]
    for at, event in enumerate(settings["trail"]["data_events"]):
        for number, arn in enumerate(event["arns"]):
            named = arn.split(":", 2)[2]
            if any(named == name or named.startswith((f"{name}/", f"{name}:")) for name in own):
                yield Mistake(
                    ("trail", "data_events", at, "arns", number),
                    f"{arn} is the pipeline's own, whose every log file would cause the next; take it out",
                    (("logs", "bucket_name"), ("lake", "bucket_name")),
                )


def _insights(settings: Any, _: Names) -> Rules:
    trail = settings["trail"]
    if trail["insights"] and trail["management_events"] is ReadWrite.READ:
        yield Mistake(
            ("trail", "insights"),
            "Insights counts calls that write, which trail.managementEvents: read leaves out; take all or write",
            (("trail", "management_events"),),
        )


def _promote(settings: Any, _: Names) -> Rules:
    path = settings["lake"]["promote"]
    for at, one in enumerate(path):
        try:
            promoted(one)
        except ValueError as error:
            yield Mistake(("lake", "promote", at), str(error).removeprefix("promote: "))
            return
    try:
        columns(path)
    except ValueError as error:
        yield Mistake(("lake", "promote"), str(error).removeprefix("promote: ") + "; take one out")


def _retention(settings: Any, _: Names) -> Rules:
    lake = settings["lake"]
    for key in ("flatfiles_days", "quarantine_days"):
        if lake[key] < lake["job"]["days"]:
            yield Mistake(
                ("lake", key),
                f"{lake[key]} days are fewer than the lake.job.days: {lake['job']['days']} that a run looks into;"
                " make it at least as many",
                (("lake", "job", "days"),),
            )


def _schedules(settings: Any, _: Names) -> Rules:
    job, catalog = settings["lake"]["job"], settings["lake"]["catalog"]
    crawled = catalog["mode"] is CatalogMode.CRAWLED
    if not crawled and catalog["crawl_schedule"] != job["schedule"]:
        yield Mistake(
            ("lake", "catalog", "crawl_schedule"),
            "has no effect with lake.catalog.mode: declared; take it out, or say crawled",
            (("lake", "catalog", "mode"),),
        )
    schedules: list[tuple[Path, str]] = [
        (("lake", "job", "schedule"), job["schedule"]),
        (("lake", "job", "compaction_schedule"), job["compaction_schedule"]),
    ]
    if crawled and catalog["crawl_schedule"] != job["schedule"]:
        schedules.append((("lake", "catalog", "crawl_schedule"), catalog["crawl_schedule"]))
    for path, schedule in schedules:
        try:
            gap = shortest_gap(schedule)
        except ValueError as error:
            yield Mistake(path, f"{error}; correct {schedule}")
            continue
        if gap < job["timeout_minutes"]:
            yield Mistake(
                path,
                f"starts a run every {gap} minutes, but lake.job.timeoutMinutes lets one take {job['timeout_minutes']};"
                " start fewer, or lower the timeout",
                (("lake", "job", "timeout_minutes"),),
            )


def shortest_gap(cron: str) -> int:
    """The fewest minutes between two starts of a Glue cron expression, taking every day as one of its days.

    Raises ValueError for minutes or hours that do not exist.

    >>> shortest_gap("cron(0/20 8-10 * * ? *)")
    20
    """
    minutes, hours = cron.removeprefix("cron(").split()[:2]
    starts = [hour * 60 + minute for hour in _numbers(hours, 24, "hour") for minute in _numbers(minutes, 60, "minute")]
    starts.append(starts[0] + MINUTES_OF_DAY)
    return min(later - earlier for earlier, later in pairwise(starts))


def _numbers(text: str, limit: int, what: str) -> list[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        if not match:
            raise ValueError(f"{part!r} is no {what}")
        first, last, step = (int(group) if group else None for group in match.groups())
        end = last if last is not None else limit - 1 if first is None or step is not None else first
        numbers = range(first or 0, end + 1, step or 1) if step != 0 and end < limit else range(0)
        if not numbers:
            raise ValueError(f"{part!r} is no {what} from 0 to {limit - 1}")
        found |= set(numbers)
    return sorted(found)


def _quicksight(settings: Any, names: Names) -> Rules:
    if "quicksight" not in settings:
        return
    quicksight, lake, logs = settings["quicksight"], settings["lake"], settings["logs"]
    at: Path = ("quicksight",)
    if not lake["enabled"]:
        yield Mistake(
            at,
            "there is nothing to show with lake.enabled: false; take quicksight out, or switch the lake on",
            (("lake", "enabled"),),
        )
    elif lake["catalog"]["mode"] is CatalogMode.CRAWLED:
        yield Mistake(
            at,
            "its data set needs the table at the first `up`, but lake.catalog.mode: crawled makes it only after the"
            " first crawl; take declared",
            (("lake", "catalog", "mode"),),
        )
    own = "existing" not in logs
    if own and 0 < logs["expire_after_days"] < quicksight["window_days"]:
        yield Mistake(
            (*at, "window_days"),
            f"{quicksight['window_days']} days are more than logs.expireAfterDays: {logs['expire_after_days']} keeps"
            " log files, so that no rebuild could bring them back; show fewer, or keep log files longer",
            (("logs", "expire_after_days"),),
        )
    if quicksight["import_mode"] is ImportMode.SPICE and quicksight["lookback_days"] > quicksight["window_days"]:
        yield Mistake(
            (*at, "lookback_days"),
            f"{quicksight['lookback_days']} days are more than quicksight.windowDays: {quicksight['window_days']};"
            " read fewer again",
            ((*at, "window_days"),),
        )
    for number, rule in enumerate(quicksight["row_level_security"]):
        if ("group" in rule) == ("user" in rule):
            both = "both group and user" if "group" in rule else "neither group nor user"
            here: Path = (*at, "row_level_security", number)
            yield Mistake(here, f"has {both}; name exactly one of them", ((*here, "group"), (*here, "user")))
    if _family(quicksight["identity_region"]) != _family(names.where.region):
        yield Mistake(
            (*at, "identity_region"),
            f"{quicksight['identity_region']} is in another partition than account.region: {names.where.region}; name"
            " the Region there that keeps QuickSight's users, such as us-gov-west-1 or cn-north-1",
            (("account", "region"),),
        )


def _lacking(settings: Any, names: Names) -> Rules:
    region = names.where.region
    if "quicksight" in settings and region in NO_DASHBOARDS:
        yield Mistake(
            ("quicksight",),
            f"account.region: {region} has no QuickSight dashboards in CloudFormation; take quicksight out",
            (("account", "region"),),
        )
    if "budget" in settings["alarms"] and _family(region) == "us-gov":
        yield Mistake(
            ("alarms", "budget"),
            f"account.region: {region} is in GovCloud, which has no AWS Budgets; take alarms.budget out",
            (("account", "region"),),
        )


COMBINATIONS: tuple[Combination, ...] = (
    _no_logs,
    _existing,
    _expiry_before_lock,
    _irreversible,
    _glacier_after_expiry,
    _kms_and_key,
    _adopted_key,
    _regions,
    _same_bucket,
    _own_data_events,
    _insights,
    _promote,
    _retention,
    _schedules,
    _quicksight,
    _lacking,
)
"""Every combination that is refused; each names the other keys and the cure."""
