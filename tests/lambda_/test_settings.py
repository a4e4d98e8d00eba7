"""The environment is checked once, and every mistake in it is said at once."""

import re

import pytest

from runtime.events.columns import PROMOTE
from tests.conftest import REPO
from tests.lambda_.aws import settings

Settings, SettingsError = settings.Settings, settings.SettingsError


def test_only_the_bucket_is_required():
    """With nothing but an output bucket, all else is the default."""
    assert Settings.read({"TRAILSIGHT_OUTPUT_BUCKET": "acme-lake"}) == Settings(
        output_bucket="acme-lake",
        output_prefix="",
        output_owner=None,
        log_owner=None,
        kms_key=None,
        unpacked_limit=1024 << 20,
        reserve=20.0,
        promote=PROMOTE,
    )


def test_everything_can_be_set():
    """Each variable sets its field."""
    key = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    environment = {
        "TRAILSIGHT_OUTPUT_BUCKET": "acme-lake",
        "TRAILSIGHT_OUTPUT_PREFIX": "trail/sight/",
        "TRAILSIGHT_OUTPUT_OWNER": "111122223333",
        "TRAILSIGHT_LOG_OWNER": "444455556666",
        "TRAILSIGHT_KMS_KEY": key,
        "TRAILSIGHT_UNPACKED_LIMIT_MB": "7",
        "TRAILSIGHT_RESERVE_SECONDS": "30",
        "TRAILSIGHT_PROMOTE": "requestParameters.bucketName, responseElements.x.y",
    }
    assert set(environment) == {"TRAILSIGHT_" + name for name in settings.VARIABLES}
    assert Settings.read(environment) == Settings(
        "acme-lake",
        "trail/sight/",
        "111122223333",
        "444455556666",
        key,
        7 << 20,
        30,
        (*PROMOTE, "responseElements.x.y"),
    )


def test_all_mistakes_are_in_one_error():
    """Each mistake names its variable, the rule and what was there."""
    with pytest.raises(SettingsError) as refused:
        Settings.read(
            {
                "TRAILSIGHT_OUTPUT_PREFIX": "/lake",
                "TRAILSIGHT_OUTPUT_OWNER": "acme",
                "TRAILSIGHT_KMS_KEY": "alias/lake",
                "TRAILSIGHT_UNPACKED_LIMIT_MB": "0",
                "TRAILSIGHT_RESERVE_SECONDS": "soon",
                "TRAILSIGHT_PROMOTE": "eventName",
            }
        )
    mistakes = str(refused.value).split("; ")
    assert mistakes[:6] == [
        "TRAILSIGHT_OUTPUT_BUCKET must be the name of a bucket, and is not set",
        "TRAILSIGHT_OUTPUT_PREFIX must be empty or end with / and not begin with it, not '/lake'",
        "TRAILSIGHT_OUTPUT_OWNER must be an account id of 12 digits, not 'acme'",
        "TRAILSIGHT_KMS_KEY must be the ARN of a KMS key: across accounts an alias names another key, not 'alias/lake'",
        "TRAILSIGHT_UNPACKED_LIMIT_MB must be a whole number of megabytes from 1 to 102400, not '0'",
        "TRAILSIGHT_RESERVE_SECONDS must be a whole number of seconds from 1 to 600, not 'soon'",
    ]
    assert mistakes[6] == "TRAILSIGHT_PROMOTE must be paths that can be promoted: 'eventName' is in no free-form field"
    assert re.fullmatch(r"start it with one of: [A-Za-z., ]+, eventContext", mistakes[7])
    assert len(mistakes) == 8


def test_the_docs_list_every_setting_and_metric():
    """docs/flattener.md says each variable's default and meaning, and each metric's, as the code has them."""
    from importlib import import_module

    text = (REPO / "docs" / "flattener.md").read_text()
    rows = [
        f"| `TRAILSIGHT_{name}` | {variable.default} | {variable.meaning} |"
        for name, variable in settings.VARIABLES.items()
    ]
    rows += [
        f"| `{name}` | {unit} | {meaning} |"
        for name, (unit, meaning) in import_module("runtime.lambda.report").METRICS.items()
    ]
    assert [row for row in rows if row not in text] == []
    assert text.count("| `TRAILSIGHT_") == len(settings.VARIABLES)
