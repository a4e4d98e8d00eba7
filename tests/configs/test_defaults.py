"""Every default is in the table once, agrees with its sentence, and is filled in."""

import copy

import pulumi
import pytest

from components import settings as s
from components.defaults import DEFAULTS, complete
from components.fields import fields
from configs.model import sentences
from configs.reference import split

SECTIONS = list(DEFAULTS)
WORDS = {"none", "nothing", "all"}
# Defaults that no value in the table can say, because another value decides.
DERIVED = {
    ("TrailSettings", "name"): "the pipeline's name",
    ("AccessLogSettings", "prefix"): "the bucket's name and /",
    ("ExistingLogsSettings", "account"): "this one",
    ("LogsSettings", "bucket_name"): "made of the pipeline's name, the account and the Region",
    ("LakeSettings", "bucket_name"): "made of the pipeline's name, the account and the Region",
    ("CatalogSettings", "database"): "the pipeline's name with _ for -",
    ("CatalogSettings", "crawl_schedule"): "that of the job",
    ("AlarmSettings", "topic_arn"): "an own one",
}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_defaults_agree_with_their_sentences(section) -> None:
    """What a sentence gives as default is what the table fills in; no default means absent."""
    for name, field in fields(section).items():
        _, said = split(sentences(section)[name])
        where = (section.__name__, name)
        assert (said == "required") == field.required, where
        if field.required:
            assert name not in DEFAULTS[section], where
        elif name not in DEFAULTS[section]:
            assert said == DERIVED.get(where, "none"), where
        elif field.kind == "section":
            assert DEFAULTS[section][name] == {}, where
        else:
            value = DEFAULTS[section][name]
            if value in ([], {}, ""):
                assert said.split(" ")[0] in WORDS or where == ("QuickSightSettings", "row_level_security"), where
            else:
                text = getattr(value, "value", value)
                text = str(text).lower() if isinstance(text, bool) else str(text)
                assert said == text or said.startswith(f"{text}, "), where


def test_every_section_has_its_defaults() -> None:
    """No section that a user can write is missing from the table."""

    def below(section) -> set:
        found = {section}
        for field in fields(section).values():
            inner = field.item if field.kind == "list" else field
            if inner.kind == "section":
                found |= below(inner.type)
        return found

    assert below(s.CloudTrailPipelineArgs) == set(DEFAULTS)


def test_complete_fills_what_has_a_default_and_nothing_else() -> None:
    """Components read settings["lake"]["job"]["workers"] of empty arguments; what has no default is absent."""
    settings = complete({})
    assert settings["lake"]["job"]["workers"] == 2
    assert settings["lake"]["catalog"] == {
        "mode": s.CatalogMode.DECLARED,
        "first_date": "2013-11-01",
        "lake_formation": False,
        "crawl_schedule": "cron(5 * * * ? *)",
    }
    assert set(settings) == {"trail", "logs", "lake", "alarms", "iam", "tags"}
    assert not {"bucket_name", "existing", "object_lock", "access_logs"} & set(settings["logs"])
    assert settings["logs"]["encryption"] == {"kms": s.KmsMode.NONE}


def test_a_section_that_is_given_gets_its_own_defaults() -> None:
    """Also inside lists and sections that are absent otherwise."""
    settings = complete(
        {"quicksight": {"users": {"owners": ["ana"]}}, "trail": {"data_events": [{"type": "AWS::S3::Object"}]}}
    )
    assert settings["quicksight"]["users"] == {"owners": ["ana"], "readers": []}
    assert settings["quicksight"]["window_days"] == 90
    assert settings["trail"]["data_events"] == [
        {"type": "AWS::S3::Object", "arns": [], "read_write": s.ReadWrite.ALL},
    ]


def test_what_a_hosted_component_gets_becomes_what_was_meant() -> None:
    """Whole numbers arrive as floats and choices may arrive as texts; None is an absent key."""
    settings = complete({"lake": {"job": {"workers": 4.0}, "enabled": None}, "trail": {"mode": "none"}})
    assert type(settings["lake"]["job"]["workers"]) is int
    assert settings["lake"]["enabled"] is True
    assert settings["trail"]["mode"] is s.TrailMode.NONE


def test_nothing_given_is_changed_and_no_two_share_a_list() -> None:
    """`complete` copies; outputs are passed through as they are."""
    topic = pulumi.Output.from_input("arn:aws:sns:eu-central-1:111122223333:alarms")
    given = {"alarms": {"topic_arn": topic, "emails": ["a@b.example"]}}
    before = {"alarms": copy.copy(given["alarms"])}
    settings = complete(given)
    assert settings["alarms"]["topic_arn"] is topic
    settings["alarms"]["emails"].append("c@d.example")
    settings["alarms"]["webhooks"].append("https://e.example")
    assert given == before
    assert complete({})["alarms"]["webhooks"] == []
