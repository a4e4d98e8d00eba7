"""What holds where a user says nothing, and `complete`, which fills it in."""

from collections.abc import Mapping
from typing import Any, cast

from components import settings as s
from components.fields import Field, fields

DEFAULTS: dict[Any, dict[str, Any]] = {
    s.CloudTrailPipelineArgs: {"trail": {}, "logs": {}, "lake": {}, "alarms": {}, "iam": {}, "tags": {}},
    s.IamSettings: {"path": "/", "name_prefix": ""},
    s.EncryptionSettings: {"kms": s.KmsMode.NONE},
    s.DataEvents: {"arns": [], "read_write": s.ReadWrite.ALL},
    s.CloudWatchLogsSettings: {"enabled": False, "retention_days": 90},
    s.TrailSettings: {
        "mode": s.TrailMode.ACCOUNT,
        "multi_region": True,
        "management_events": s.ReadWrite.ALL,
        "exclude_sources": [],
        "data_events": [],
        "network_activity": [],
        "exclude_arns": [],
        "insights": False,
        "cloudwatch_logs": {},
        "sns": False,
    },
    s.ObjectLockSettings: {"i_understand_this_is_irreversible": False},
    s.AccessLogSettings: {},
    s.QueueNotification: {"prefix": "", "suffix": ""},
    s.ExistingLogsSettings: {},
    s.LogsSettings: {
        "prefix": "",
        "encryption": {},
        "expire_after_days": 2557,
        "glacier_after_days": 0,
        "noncurrent_days": 90,
        "additional_policy_statements": [],
        "additional_notifications": [],
        "protect": True,
        "adopt": False,
    },
    s.FlattenerSettings: {
        "memory_mb": 512,
        "timeout_seconds": 300,
        "concurrency": 10,
        "batch_size": 10,
        "max_receives": 5,
        "unpacked_limit_mb": 1024,
        "architecture": s.Architecture.ARM64,
        "log_retention_days": 30,
    },
    s.JobSettings: {
        "schedule": "cron(5 * * * ? *)",
        "compaction_schedule": "cron(35 3 * * ? *)",
        "workers": 2,
        "worker_type": "G.1X",
        "timeout_minutes": 55,
        "glue_version": "5.1",
        "days": 3,
        "log_retention_days": 30,
    },
    s.CatalogSettings: {"mode": s.CatalogMode.DECLARED, "first_date": "2013-11-01", "lake_formation": False},
    s.AthenaSettings: {"cutoff_gb": 100, "results_days": 30},
    s.LakeSettings: {
        "enabled": True,
        "encryption": {},
        "flatfiles_days": 30,
        "quarantine_days": 365,
        "noncurrent_days": 30,
        "promote": [],
        "protect": True,
        "adopt": False,
        "flattener": {},
        "job": {},
        "catalog": {},
        "athena": {},
    },
    s.PrincipalSettings: {"owners": [], "readers": []},
    s.AccountRule: {"accounts": []},
    s.QuickSightSettings: {
        "identity_region": "us-east-1",
        "namespace": "default",
        "groups": {},
        "users": {},
        "import_mode": s.ImportMode.SPICE,
        "window_days": 90,
        "lookback_days": 2,
        "full_refresh": "03:00",
        "row_level_security": [],
    },
    s.BudgetSettings: {},
    s.AlarmSettings: {
        "emails": [],
        "webhooks": [],
        "queue_age_minutes": 60,
        "stale_hours": 6,
        "quarantined_records": 0,
    },
}
"""Defaults by section. `{}` is a section that is always there, with its own defaults; what is not named here has no
default: such a key is absent unless it is given; the defaults of a section that is absent count once it is given."""


def complete(args: s.CloudTrailPipelineArgs) -> s.CloudTrailPipelineArgs:
    """A copy of the arguments with every default filled in; whole numbers that arrive as floats become ints.

    A key that is None counts as absent. What has the wrong type is left as it is, for `checks` to name.
    """
    settings = cast("s.CloudTrailPipelineArgs", _section(s.CloudTrailPipelineArgs, args))
    lake: Any = settings["lake"]
    # A section may be what is none, which `checks` names.
    if isinstance(lake, dict) and isinstance(lake["catalog"], dict) and isinstance(lake["job"], dict):
        lake["catalog"].setdefault("crawl_schedule", lake["job"]["schedule"])
    return settings


def _section(section: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    known = fields(section)
    values = DEFAULTS[section] | {key: value for key, value in given.items() if value is not None}
    order = [name for name in known if name in values] + [key for key in values if key not in known]
    return {name: _value(known.get(name), values[name]) for name in order}


def _value(field: Field | None, value: Any) -> Any:
    if field is None:
        return value
    if field.kind == "section" and isinstance(value, Mapping):
        return _section(field.type, value)
    if field.kind == "list" and isinstance(value, list | tuple):
        return [_value(field.item, item) for item in value]
    if field.kind == "whole number" and isinstance(value, float) and value.is_integer():
        return int(value)
    if field.kind == "choice" and value in [member.value for member in field.type]:
        return field.type(value)
    return dict(value) if isinstance(value, Mapping) else value
