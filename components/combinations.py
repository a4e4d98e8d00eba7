"""Settings that cannot stand together: one rule each, which names the other keys and the cure, all in COMBINATIONS."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from components.cron import days, is_daily, most_days, shortest_gap, starts
from components.defaults import DEFAULTS
from components.fields import Path, dotted, fields
from components.mistakes import Mistake
from components.names import Names
from components.part import TAG
from components.policies import LOG_BUCKET_SIDS
from components.rules import NO_DASHBOARDS, family
from components.settings import (
    CatalogMode,
    ImportMode,
    KmsMode,
    LockMode,
    LogsSettings,
    Notification,
    ReadWrite,
    TrailMode,
    TrailSettings,
)
from runtime.events.columns import PROMOTE, columns, promoting

ENVIRONMENT = 3000
"""Characters of further promoted paths: Lambda allows 4 KB of environment, other variables included."""

Rules = Iterator[Mistake]
Combination = Callable[[Any, Names], Rules]


def _changed(section: Any, settings: Mapping[str, Any], base: Path, keys: Iterable[str]) -> Iterator[Path]:
    """Paths of those keys whose value is not what holds without them."""
    for key in keys:
        field = fields(section)[key]
        default = DEFAULTS[section].get(key)
        if field.kind == "section" and default == {}:
            default = DEFAULTS[field.type]
        if key in settings and settings[key] != default:
            yield (*base, key)


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
    """S3 takes only keys and receivers of its own Region; a queue and CloudWatch only topics of theirs."""
    existing = settings["logs"].get("existing", {})
    for path, value in (
        (("logs", "encryption", "key_arn"), settings["logs"]["encryption"].get("key_arn")),
        (("lake", "encryption", "key_arn"), settings["lake"]["encryption"].get("key_arn")),
        (("logs", "existing", "key_arn"), existing.get("key_arn")),
        (("logs", "existing", "topic_arn"), existing.get("topic_arn")),
        (("alarms", "topic_arn"), settings["alarms"].get("topic_arn")),
        *(
            (("logs", "additional_notifications", number, "arn"), receiver["arn"])
            for number, receiver in enumerate(settings["logs"]["additional_notifications"])
        ),
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
    if not settings["lake"]["enabled"]:
        yield Mistake(
            ("lake", "enabled"),
            "false leaves nothing to deploy beside logs.existing; switch the lake on",
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


def _receivers(settings: Any, _: Names) -> Rules:
    """S3 takes no two receivers for one object, so that one who wants log files too cannot be a second one.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
    """
    logs = settings["logs"]
    taken: list[tuple[str, str, str]] = []
    notified = logs.get("existing", {}).get("notification", Notification.EXCLUSIVE) is Notification.EXCLUSIVE
    if settings["lake"]["enabled"] and notified:
        prefix = f"{logs['prefix']}/AWSLogs/" if logs["prefix"] else "AWSLogs/"
        taken.append(("the pipeline's own queue", prefix, ".json.gz"))
    for number, receiver in enumerate(logs["additional_notifications"]):
        path: Path = ("logs", "additional_notifications", number)
        prefix, suffix = receiver["prefix"], receiver["suffix"]
        for who, begins, ends in taken:
            begin = prefix.startswith(begins) or begins.startswith(prefix)
            if begin and (suffix.endswith(ends) or ends.endswith(suffix)):
                yield Mistake(
                    path,
                    f"takes some of the objects that {who} takes, which S3 refuses; let it subscribe to the trail's"
                    " topic (trail.sns: true), or narrow prefix or suffix",
                    (("logs", "prefix"), ("lake", "enabled"), ("logs", "additional_notifications")),
                )
                break
        taken.append((dotted(path), prefix, suffix))


def _statements(settings: Any, _: Names) -> Rules:
    """Sids are unique within a policy.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
    """
    sids = set(LOG_BUCKET_SIDS)
    for number, statement in enumerate(settings["logs"]["additional_policy_statements"]):
        path: Path = ("logs", "additional_policy_statements", number)
        plain = isinstance(statement, str | int | float | list) or statement is None
        if plain or (isinstance(statement, Mapping) and statement.get("Effect") not in {"Allow", "Deny"}):
            text = "must be a statement as IAM writes it, with Effect: Allow or Deny; write its keys below the dash"
            yield Mistake(path, text)
        elif isinstance(statement, Mapping) and (sid := statement.get("Sid")):
            if sid in sids:
                yield Mistake(path, f"another statement of the policy has the Sid {sid} too; take another")
            sids.add(sid)


def _tags(settings: Any, _: Names) -> Rules:
    """IAM compares keys of tags without case.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
    """
    seen: dict[str, str] = {}
    for key in settings["tags"]:
        first = seen.setdefault(key.lower(), key)
        if key.lower() == TAG:
            yield Mistake(("tags", key), "is the pipeline's own tag, whose value is its name; take another key")
        elif first != key:
            yield Mistake(
                ("tags", key),
                f"differs from tags.{first} only by case, which IAM takes for the same; keep one",
                (("tags", first),),
            )


def _receive_once(settings: Any, _: Names) -> Rules:
    """SNS subscribes an address once; two subscriptions of it would be one resource under two names."""
    for key in ("emails", "webhooks"):
        seen: list[Any] = []
        for number, address in enumerate(settings["alarms"][key]):
            if address in seen:
                first = dotted(("alarms", key, seen.index(address)))
                yield Mistake(("alarms", key, number), f"is the same as {first}; take one of them out")
            seen.append(address)


def _insights(settings: Any, _: Names) -> Rules:
    trail = settings["trail"]
    if trail["insights"] and trail["management_events"] is ReadWrite.READ:
        yield Mistake(
            ("trail", "insights"),
            "Insights counts calls that write, which trail.managementEvents: read leaves out; take all or write",
            (("trail", "management_events"),),
        )


def _promote(settings: Any, _: Names) -> Rules:
    given = settings["lake"]["promote"]
    for at in range(len(given)):
        try:
            columns(promoting(given[: at + 1]))
        except ValueError as error:
            yield Mistake(("lake", "promote", at), str(error).removeprefix("promote: "))
            return
    length = len(",".join(promoting(given)[len(PROMOTE) :]))
    if length > ENVIRONMENT:
        yield Mistake(
            ("lake", "promote"),
            f"{length} characters are more than the {ENVIRONMENT} that fit into the flattener's environment; promote"
            " fewer",
        )


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
    schedule = lake["catalog"]["crawl_schedule"]
    is_own = schedule != lake["job"]["schedule"]
    path: Path = ("lake", "catalog", "crawl_schedule") if is_own else ("lake", "job", "schedule")
    between = most_days(schedule)
    if between is not None and between >= lake["flatfiles_days"]:
        yield Mistake(
            ("lake", "flatfiles_days"),
            f"{lake['flatfiles_days']} days are no more than the {between} between two runs of {dotted(path)}:"
            f" {schedule}; events would expire before a run has seen them; keep them longer, or start more runs",
            (path,),
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
    known: dict[Path, tuple[str, list[int]]] = {}
    for path, schedule in schedules:
        try:
            gap, known[path] = shortest_gap(schedule), (schedule, starts(schedule))
        except ValueError as error:
            yield Mistake(path, f"{error}; correct {schedule}")
            continue
        if gap is not None and gap < job["timeout_minutes"]:
            yield Mistake(
                path,
                f"starts a run every {gap} minutes, but lake.job.timeoutMinutes lets one take {job['timeout_minutes']};"
                " start fewer, or lower the timeout",
                (("lake", "job", "timeout_minutes"),),
            )
    # https://docs.aws.amazon.com/glue/latest/dg/job-run-statuses.html
    load: Path = ("lake", "catalog", "crawl_schedule") if crawled else ("lake", "job", "schedule")
    load = load if load in known else ("lake", "job", "schedule")
    compaction: Path = ("lake", "job", "compaction_schedule")
    if load not in known or compaction not in known:
        return
    (one, minutes), (other, others) = known[load], known[compaction]
    share_a_day = is_daily(one) or is_daily(other) or days(one) == days(other)
    if share_a_day and (both := set(minutes) & set(others)):
        yield Mistake(
            compaction,
            f"starts at {min(both) // 60:02}:{min(both) % 60:02} as {dotted(load)} does; Glue lets one of the two wait"
            " 15 minutes and then fails it; take another minute",
            (load,),
        )


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
    if lake["enabled"] and lake["quarantine_days"] < quicksight["window_days"]:
        yield Mistake(
            (*at, "window_days"),
            f"{quicksight['window_days']} days are more than lake.quarantineDays: {lake['quarantine_days']} keeps the"
            " ledger, so that the Data quality sheet would lack days; show fewer, or keep it longer",
            (("lake", "quarantine_days"),),
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
    if family(quicksight["identity_region"]) != family(names.where.region):
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
    if "budget" in settings["alarms"] and family(region) == "us-gov":
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
    _receivers,
    _statements,
    _tags,
    _receive_once,
    _insights,
    _promote,
    _retention,
    _schedules,
    _quicksight,
    _lacking,
)
"""Every combination that is refused; each names the other keys and the cure."""
