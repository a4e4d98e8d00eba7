"""Combinations that cannot work are refused, with both keys and the cure; those beside them are not."""

import pulumi
import pytest

from components.checks import check, hints, mistakes
from components.combinations import COMBINATIONS
from components.cron import longest_gap, most_days, shortest_gap
from components.defaults import complete
from components.mistakes import SettingsError
from components.names import Names, Where
from components.settings import KmsMode
from configs.references import Reference

KEY = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d"
TOPIC = "arn:aws:sns:eu-central-1:111122223333:logs"
NONE = {"trail": {"mode": "none"}}
OWN = "logs.existing names somebody else's; take one of them out"
EXISTING = {"existing": {"bucket": "theirs", "notification": "eventbridge"}}


def said(args, region: str = "eu-central-1", name: str = "acme") -> list[str]:
    return [str(one) for one in mistakes(complete(args), Names(name, Where("", "", "111122223333", region)))]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (
            {"logs": {"expire_after_days": 364, "object_lock": {"mode": "governance", "days": 365}}},
            [
                (
                    "logs.expireAfterDays: log files cannot be deleted after 364 days while logs.objectLock.days holds them for 365;"
                    " make it at least as many, or 0"
                )
            ],
        ),
        ({"logs": {"expire_after_days": 365, "object_lock": {"mode": "governance", "days": 365}}}, []),
        ({"logs": {"expire_after_days": 0, "object_lock": {"mode": "governance", "days": 365}}}, []),
        (
            {"logs": {"object_lock": {"mode": "compliance", "days": 1}}},
            [
                (
                    "logs.objectLock.mode: compliance can never be undone; add logs.objectLock.iUnderstandThisIsIrreversible: true,"
                    " or take governance"
                )
            ],
        ),
        ({"logs": {"object_lock": {"mode": "compliance", "days": 1, "i_understand_this_is_irreversible": True}}}, []),
        (
            {"logs": {"expire_after_days": 100, "glacier_after_days": 100}},
            [
                (
                    "logs.glacierAfterDays: log files cannot move to Glacier after 100 days when logs.expireAfterDays deletes them"
                    " after 100; make it fewer, or 0"
                )
            ],
        ),
        ({"logs": {"expire_after_days": 100, "glacier_after_days": 99}}, []),
        ({"logs": {"expire_after_days": 0, "glacier_after_days": 99}}, []),
        (
            {"lake": {"encryption": {"kms": "given"}}},
            ["lake.encryption.kms: given needs lake.encryption.keyArn; add it, or take create"],
        ),
        (
            {"lake": {"adopt": True, "encryption": {"kms": "create"}}},
            [
                (
                    "lake.encryption.kms: create makes a second key beside the one that lake.adopt finds kept; say"
                    " given, and name that one in lake.encryption.keyArn"
                )
            ],
        ),
        ({"lake": {"adopt": True, "encryption": {"kms": "given", "key_arn": KEY}}}, []),
        (
            {"logs": {"encryption": {"kms": "create", "key_arn": KEY}}},
            ["logs.encryption.keyArn: has no effect with logs.encryption.kms: create; say given, or take the key out"],
        ),
        ({"logs": {"encryption": {"kms": "given", "key_arn": KEY}}}, []),
        (
            {"logs": {"additional_notifications": [{"arn": TOPIC.replace("central", "west"), "prefix": "b/"}]}},
            [
                (
                    "logs.additionalNotifications[0].arn: is in eu-west-1, but account.region is eu-central-1; name one of"
                    " eu-central-1"
                )
            ],
        ),
        (
            {"logs": {"encryption": {"kms": "given", "key_arn": KEY.replace("central", "west")}}},
            ["logs.encryption.keyArn: is in eu-west-1, but account.region is eu-central-1; name one of eu-central-1"],
        ),
        (
            NONE,
            [
                (
                    "trail.mode: none leaves the pipeline's own log bucket without log files; name the bucket that a trail delivers"
                    " to in logs.existing, or let another trail deliver through logs.additionalPolicyStatements, or take account"
                )
            ],
        ),
        ({**NONE, "logs": {"additional_policy_statements": [{"Effect": "Allow"}]}}, []),
        (
            {"trail": {"mode": "none", "insights": True, "cloudwatch_logs": {"enabled": False}}, "logs": EXISTING},
            ["trail.insights: has no effect with trail.mode: none; take it out"],
        ),
        ({**NONE, "logs": EXISTING | {"prefix": "o-abc", "protect": False}}, []),
        (
            {"logs": EXISTING},
            [
                (
                    "trail.mode: a trail of its own cannot deliver to logs.existing, whose policy the pipeline never changes, and"
                    " would record and charge for what another trail does; add trail: {mode: none}, or take logs.existing out"
                )
            ],
        ),
        (
            {
                **NONE,
                "logs": EXISTING | {"bucket_name": "mine", "expire_after_days": 9, "encryption": {"kms": "create"}},
            },
            [
                f"logs.bucketName: is a setting of an own log bucket, and {OWN}",
                f"logs.encryption: is a setting of an own log bucket, and {OWN}",
                f"logs.expireAfterDays: is a setting of an own log bucket, and {OWN}",
            ],
        ),
        (
            {**NONE, "logs": EXISTING | {"additional_notifications": [{"arn": TOPIC}]}},
            [f"logs.additionalNotifications: is a setting only with notification: exclusive, and {OWN}"],
        ),
        (
            {
                **NONE,
                "logs": {
                    "existing": {"bucket": "theirs", "notification": "exclusive"},
                    "additional_notifications": [{"arn": TOPIC, "prefix": "inventory/"}],
                },
            },
            [],
        ),
        (
            {**NONE, "logs": {"existing": {"bucket": "theirs", "notification": "sns"}}},
            [
                "logs.existing.notification: sns needs logs.existing.topicArn; add the topic, or take eventbridge or exclusive"
            ],
        ),
        (
            {
                **NONE,
                "logs": {
                    "existing": {"bucket": "theirs", "notification": "eventbridge", "account": "444455556666"},
                },
            },
            [
                (
                    "logs.existing.notification: eventbridge tells only rules in account 444455556666, which owns the bucket, of"
                    " its log files; take sns, or deploy there"
                )
            ],
        ),
        (
            {
                **NONE,
                "logs": {
                    "existing": {"bucket": "theirs", "notification": "eventbridge", "account": "111122223333"},
                },
            },
            [],
        ),
        (
            {**NONE, "logs": {"existing": {"bucket": "theirs", "notification": "exclusive", "topic_arn": TOPIC}}},
            [
                "logs.existing.topicArn: has no effect with logs.existing.notification: exclusive; take it out, or say sns"
            ],
        ),
        (
            {"logs": {"prefix": "audit", "additional_notifications": [{"arn": TOPIC, "suffix": ".gz"}]}},
            [
                (
                    "logs.additionalNotifications[0]: takes some of the objects that the pipeline's own queue takes, which S3"
                    " refuses; let it subscribe to the trail's topic (trail.sns: true), or narrow prefix or suffix"
                )
            ],
        ),
        (
            {
                "logs": {
                    "additional_notifications": [
                        {"arn": TOPIC, "prefix": "AWSLogs/", "suffix": ".csv"},
                        {"arn": TOPIC, "prefix": "b/"},
                        {"arn": TOPIC, "prefix": "b/c/", "suffix": ".csv"},
                        {"arn": TOPIC, "prefix": "c/", "suffix": ".csv"},
                    ]
                }
            },
            [
                (
                    "logs.additionalNotifications[2]: takes some of the objects that logs.additionalNotifications[1] takes, which"
                    " S3 refuses; let it subscribe to the trail's topic (trail.sns: true), or narrow prefix or suffix"
                )
            ],
        ),
        (
            {"lake": {"enabled": False}, "logs": {"additional_notifications": [{"arn": TOPIC}]}},
            [],
        ),
        (
            {**NONE, "logs": EXISTING, "lake": {"enabled": False}},
            ["lake.enabled: false leaves nothing to deploy beside logs.existing; switch the lake on"],
        ),
        (
            {
                "logs": {
                    "additional_policy_statements": [
                        "Effect: Allow",
                        {"Sid": "TrailWrite", "Effect": "Allow"},
                        {"Effect": "allow"},
                        {"Sid": "Mine", "Effect": "Deny"},
                        {"Sid": "Mine", "Effect": "Deny"},
                        pulumi.Output.from_input({}),
                    ]
                }
            },
            [
                (
                    "logs.additionalPolicyStatements[0]: must be a statement as IAM writes it, with Effect: Allow or Deny; write"
                    " its keys below the dash"
                ),
                (
                    "logs.additionalPolicyStatements[1]: another statement of the policy has the Sid TrailWrite too; take another"
                ),
                (
                    "logs.additionalPolicyStatements[2]: must be a statement as IAM writes it, with Effect: Allow or Deny; write"
                    " its keys below the dash"
                ),
                "logs.additionalPolicyStatements[4]: another statement of the policy has the Sid Mine too; take another",
            ],
        ),
        (
            {"logs": {"bucket_name": "same"}, "lake": {"bucket_name": "same"}},
            [
                (
                    "lake.bucketName: is also logs.bucketName; the lake needs a bucket of its own, or its files would be taken for"
                    " log files"
                )
            ],
        ),
        (
            {"logs": {"access_logs": {"bucket": "acme-logs-111122223333-eu-central-1"}}},
            [
                "logs.accessLogs.bucket: is a bucket of the pipeline, whose access logs would log themselves; name another bucket"
            ],
        ),
        (
            {
                "trail": {
                    "data_events": [
                        {
                            "type": "AWS::S3::Object",
                            "arns": [
                                "arn:aws:s3:::other/",
                                "arn:aws:s3:::",
                                "arn:aws:s3:::acme-lake-111122223333-eu-central-1/",
                                "arn:aws:s3:::acme-lake-111122223333-eu-central-1-copy/",
                            ],
                        },
                        {
                            "type": "AWS::Lambda::Function",
                            "arns": ["arn:aws:lambda:eu-central-1:111122223333:function:acme-flattener"],
                        },
                    ]
                }
            },
            [
                (
                    "trail.dataEvents[0].arns[2]: arn:aws:s3:::acme-lake-111122223333-eu-central-1/ is the pipeline's own, whose every"
                    " log file would cause the next; take it out"
                ),
                (
                    "trail.dataEvents[1].arns[0]: arn:aws:lambda:eu-central-1:111122223333:function:acme-flattener is the pipeline's"
                    " own, whose every log file would cause the next; take it out"
                ),
            ],
        ),
        (
            {"trail": {"insights": True, "management_events": "read"}},
            [
                (
                    "trail.insights: Insights counts calls that write, which trail.managementEvents: read leaves out; take all or"
                    " write"
                )
            ],
        ),
        ({"trail": {"insights": True, "management_events": "write"}}, []),
        (
            {"lake": {"job": {"days": 31}}},
            [
                "lake.flatfilesDays: 30 days are fewer than the lake.job.days: 31 that a run looks into; make it at least as many"
            ],
        ),
        ({"lake": {"flatfiles_days": 32, "job": {"schedule": "cron(0 3 1 * ? *)"}}}, []),
        (
            {"lake": {"job": {"schedule": "cron(0 3 1 * ? *)"}}},
            [
                (
                    "lake.flatfilesDays: 30 days are no more than the 31 between two runs of lake.job.schedule:"
                    " cron(0 3 1 * ? *); events would expire before a run has seen them; keep them longer, or start more runs"
                )
            ],
        ),
        (
            {
                "lake": {
                    "flatfiles_days": 7,
                    "catalog": {"mode": "crawled", "crawl_schedule": "cron(0 5 ? * SUN *)"},
                },
            },
            [
                (
                    "lake.flatfilesDays: 7 days are no more than the 7 between two runs of lake.catalog.crawlSchedule:"
                    " cron(0 5 ? * SUN *); events would expire before a run has seen them; keep them longer, or start more runs"
                )
            ],
        ),
        (
            {"lake": {"quarantine_days": 2}},
            [
                "lake.quarantineDays: 2 days are fewer than the lake.job.days: 3 that a run looks into; make it at least as many"
            ],
        ),
        (
            {"lake": {"job": {"schedule": "cron(0/30 * * * ? *)"}}},
            [
                (
                    "lake.job.schedule: starts a run every 30 minutes, but lake.job.timeoutMinutes lets one take 55; start fewer, or"
                    " lower the timeout"
                )
            ],
        ),
        ({"lake": {"job": {"schedule": "cron(0/30 * * * ? *)", "timeout_minutes": 30}}}, []),
        (
            {"lake": {"job": {"schedule": "cron(75 * * * ? *)"}}},
            ["lake.job.schedule: '75' is not a minute from 0 to 59; correct cron(75 * * * ? *)"],
        ),
        (
            {"lake": {"job": {"schedule": "cron(5,35 * * * ? *)", "timeout_minutes": 30}}},
            [
                (
                    "lake.job.compactionSchedule: starts at 03:35 as lake.job.schedule does; Glue lets one of the two wait 15"
                    " minutes and then fails it; take another minute"
                )
            ],
        ),
        (
            {
                "lake": {
                    "job": {
                        "schedule": "cron(0 3 ? * MON *)",
                        "compaction_schedule": "cron(0 3 ? * SUN *)",
                        "timeout_minutes": 2000,
                    }
                }
            },
            [],
        ),
        (
            {"lake": {"job": {"schedule": "cron(0 3 ? * SUN *)", "compaction_schedule": "cron(0 3 ? * SUN *)"}}},
            [
                (
                    "lake.job.compactionSchedule: starts at 03:00 as lake.job.schedule does; Glue lets one of the two wait"
                    " 15 minutes and then fails it; take another minute"
                )
            ],
        ),
        (
            {
                "lake": {
                    "job": {"compaction_schedule": "cron(5 3 ? * SUN *)"},
                    "catalog": {"mode": "crawled", "crawl_schedule": "cron(5 0/3 * * ? *)"},
                }
            },
            [
                (
                    "lake.job.compactionSchedule: starts at 03:05 as lake.catalog.crawlSchedule does; Glue lets one of the two"
                    " wait 15 minutes and then fails it; take another minute"
                )
            ],
        ),
        (
            {"lake": {"catalog": {"crawl_schedule": "cron(0 1 * * ? *)"}}},
            ["lake.catalog.crawlSchedule: has no effect with lake.catalog.mode: declared; take it out, or say crawled"],
        ),
        ({"lake": {"catalog": {"crawl_schedule": "cron(0 1 * * ? *)", "mode": "crawled"}}}, []),
        (
            {"lake": {"promote": ["requestParameters.bucketName", "eventName"]}},
            None,
        ),
        ({"lake": {"promote": ["requestParameters.bucketName", "requestParameters.bucketName"]}}, []),
        (
            {"lake": {"promote": ["requestParameters.a,requestParameters.b", "requestParameters.c "]}},
            [
                (
                    f"lake.promote[{at}]: must be a path, such as requestParameters.taskArn, without a comma and without spaces"
                    f" around it, got {given!r}"
                )
                for at, given in enumerate(["requestParameters.a,requestParameters.b", "requestParameters.c "])
            ],
        ),
        (
            {"lake": {"promote": ["requestParameters.mine", "requestParameters.bucketname"]}},
            [
                (
                    "lake.promote[1]: requestParameters.bucketname has the same column name as requestParameters.bucketName:"
                    " requestparameters_bucketname; drop one"
                )
            ],
        ),
        (
            {"lake": {"promote": ["requestParameters.encryptionContext"]}},
            [
                (
                    "lake.promote[0]: requestParameters.encryptionContext.aws:s3:arn lies in"
                    " requestParameters.encryptionContext, and both cannot have a column; drop one"
                )
            ],
        ),
        (
            {"tags": {"app": "trailsight", "owner": "x", "App": "y"}},
            ["tags.App: differs from tags.app only by case, which IAM takes for the same; keep one"],
        ),
        (
            {"alarms": {"emails": ["a@x.example", "b@x.example", "a@x.example"]}},
            ["alarms.emails[2]: is the same as alarms.emails[0]; take one of them out"],
        ),
        (
            {"alarms": {"webhooks": ["https://x.example/s", Reference("/a"), Reference("/a"), "https://x.example/s"]}},
            [
                "alarms.webhooks[2]: is the same as alarms.webhooks[1]; take one of them out",
                "alarms.webhooks[3]: is the same as alarms.webhooks[0]; take one of them out",
            ],
        ),
        ({"alarms": {"webhooks": ["https://x.example/s", Reference("/a"), Reference("/b")]}}, []),
        (
            {"tags": {"trailsight": "x"}},
            ["tags.trailsight: is the pipeline's own tag, whose value is its name; take another key"],
        ),
        (
            {"lake": {"promote": [f"requestParameters.{'x' * 60}{number}" for number in range(45)]}},
            [
                (
                    "lake.promote: 3634 characters are more than the 3000 that fit into the flattener's environment; promote"
                    " fewer"
                )
            ],
        ),
        (
            {"lake": {"enabled": False}, "quicksight": {}},
            [
                "quicksight: there is nothing to show with lake.enabled: false; take quicksight out, or switch the lake on"
            ],
        ),
        (
            {"lake": {"catalog": {"mode": "crawled"}}, "quicksight": {}},
            [
                (
                    "quicksight: its data set needs the table at the first `up`, but lake.catalog.mode: crawled makes it only after"
                    " the first crawl; take declared"
                )
            ],
        ),
        (
            {"logs": {"expire_after_days": 89}, "quicksight": {}},
            [
                (
                    "quicksight.windowDays: 90 days are more than logs.expireAfterDays: 89 keeps log files, so that no rebuild could"
                    " bring them back; show fewer, or keep log files longer"
                )
            ],
        ),
        ({"logs": {"expire_after_days": 90}, "quicksight": {}}, []),
        (
            {"lake": {"quarantine_days": 89}, "quicksight": {}},
            [
                (
                    "quicksight.windowDays: 90 days are more than lake.quarantineDays: 89 keeps the ledger, so that the Data"
                    " quality sheet would lack days; show fewer, or keep it longer"
                )
            ],
        ),
        ({"lake": {"quarantine_days": 90}, "quicksight": {}}, []),
        (
            {"logs": {"prefix": "a*"}},
            ["logs.prefix: must be a prefix of up to 200 characters without / at its ends and without *, got 'a*'"],
        ),
        (
            {"quicksight": {"window_days": 7, "lookback_days": 8}},
            ["quicksight.lookbackDays: 8 days are more than quicksight.windowDays: 7; read fewer again"],
        ),
        ({"quicksight": {"window_days": 7, "lookback_days": 7}}, []),
        (
            {
                "quicksight": {
                    "row_level_security": [{"group": "a"}, {"group": "a", "user": "b"}, {"accounts": ["111122223333"]}]
                }
            },
            [
                "quicksight.rowLevelSecurity[1]: has both group and user; name exactly one of them",
                "quicksight.rowLevelSecurity[2]: has neither group nor user; name exactly one of them",
            ],
        ),
    ],
)
def test_a_combination(args, expected: list[str] | None) -> None:
    """Refused or allowed, word for word."""
    if expected is None:
        assert len(said(args)) == 1
        assert said(args)[0].startswith("lake.promote[1]: 'eventName' is in no free-form field; start it with one of: ")
        assert said(args)[0].endswith(", edgeDeviceDetails, eventContext")
    else:
        assert said(args) == expected


@pytest.mark.parametrize(
    ("region", "args", "expected"),
    [
        (
            "cn-northwest-1",
            {"quicksight": {"identity_region": "cn-north-1"}},
            [
                "quicksight: account.region: cn-northwest-1 has no QuickSight dashboards in CloudFormation; take quicksight out"
            ],
        ),
        ("cn-north-1", {"quicksight": {"identity_region": "cn-north-1"}, "alarms": {"budget": {"monthly_usd": 1}}}, []),
        (
            "us-gov-east-1",
            {"alarms": {"budget": {"monthly_usd": 1}}},
            [
                "alarms.budget: account.region: us-gov-east-1 is in GovCloud, which has no AWS Budgets; take alarms.budget out"
            ],
        ),
        (
            "us-gov-west-1",
            {"quicksight": {}},
            [
                (
                    "quicksight.identityRegion: us-east-1 is in another partition than account.region: us-gov-west-1; name the Region"
                    " there that keeps QuickSight's users, such as us-gov-west-1 or cn-north-1"
                )
            ],
        ),
        ("us-gov-west-1", {"quicksight": {"identity_region": "us-gov-west-1"}}, []),
        ("eusc-de-east-1", {}, []),
        ("us-isob-east-1", {}, []),
        ("mars-1", {}, ["the Region of pipeline acme must be a Region, such as eu-central-1, got 'mars-1'"]),
    ],
)
def test_what_a_region_lacks_is_refused_by_name(region: str, args, expected: list[str]) -> None:
    """QuickSight, Budgets, and users of another partition."""
    assert said(args, region) == expected


def test_glue_s_version_is_warned_of_where_it_is_not_confirmed() -> None:
    """In GovCloud and China with the newest, nowhere else."""

    def hinted(region: str, version: str) -> list[str]:
        names = Names("acme", Where("", "", "111122223333", region))
        return hints(complete({"lake": {"job": {"glue_version": version}}}), names)

    assert hinted("us-gov-west-1", "5.1") == [
        "lake.job.glueVersion: whether us-gov-west-1 has Glue 5.1 is not confirmed; where it has not, take 5.0"
    ]
    assert len(hinted("cn-north-1", "5.1")) == 1
    assert hinted("us-gov-west-1", "5.0") == hinted("us-east-1", "5.1") == []


@pytest.mark.parametrize("name", ["ab", "a" * 41, "1a", "a--b", "a-", "a_b", ""])
def test_a_pipeline_s_name_fits_its_parts(name: str) -> None:
    """Trails, buckets and roles are named by it."""
    assert said({}, name=name) == [
        (
            "the pipeline's name must be 3 to 40 letters, digits and single hyphens between them, a letter first,"
            f" got {name!r}"
        )
    ]
    assert said({}, name="a" * 40) == []


def test_types_and_keys_are_checked_without_yaml_too() -> None:
    """What Python or another language lets through."""
    given = {"lak": {}, "lake": {"job": {"workers": "2"}}, "logs": 3, "trail": {"mode": "both"}}
    assert said(given) == [
        "lak: is not a key; did you mean lake?",
        "trail.mode: must be one of account, none, got 'both'",
        "logs: must be a section with keys, got 3",
        "lake.job.workers: must be a whole number, got '2'",
    ]


def test_outputs_stand_where_they_may() -> None:
    """An ARN may be unknown or come from SSM; what decides which resources exist may not."""
    output = pulumi.Output.from_input("x")
    arns = {
        "logs": {
            "encryption": {"kms": KmsMode.GIVEN, "key_arn": output},
            "access_logs": {"bucket": pulumi.Output.from_input("y")},
            "existing": {"bucket": output, "notification": "sns", "topic_arn": Reference("/x"), "key_arn": output},
        },
        "alarms": {"topic_arn": output, "webhooks": [output, Reference("/y")]},
        "iam": {"permissions_boundary": output},
    }
    assert [line.partition(":")[0] for line in said(arns)] == ["trail.mode", "logs.encryption", "logs.accessLogs"]
    late = "must be known when the program starts, so it cannot be another resource's output"
    assert said({"lake": {"bucket_name": output, "job": output}}) == [
        f"lake.bucketName: {late}",
        f"lake.job: {late}",
    ]


def test_a_receiver_is_known() -> None:
    """Its ARN decides whether a queue, a topic or a function is registered: an output would pass for a queue."""
    receiver = {"arn": pulumi.Output.from_input(TOPIC), "prefix": "b/"}
    assert [line.partition(": ")[0] for line in said({"logs": {"additional_notifications": [receiver]}})] == [
        "logs.additionalNotifications[0].arn"
    ]


def test_a_secret_is_not_shown_where_it_stands_wrong() -> None:
    """Nor where it stands in place of a list."""
    assert said({"alarms": {"webhooks": "https://hooks.example/t0k3n"}}) == ["alarms.webhooks: must be a list"]
    assert said({"alarms": {"webhooks": [{"https://hooks.example": "t0k3n"}]}}) == ["alarms.webhooks[0]: must be text"]


def test_everything_is_refused_at_once() -> None:
    """`check` raises one error with all; sound settings pass silently."""
    names = Names("acme", Where("", "", "111122223333", "eu-central-1"))
    with pytest.raises(SettingsError) as caught:
        check(complete({"lake": {"enabled": False, "athena": {"cutoff_gb": 0}}, "quicksight": {}}), names)
    assert str(caught.value).splitlines() == [
        "lake.athena.cutoffGb: must be from 1 to 1000000, got 0",
        "quicksight: there is nothing to show with lake.enabled: false; take quicksight out, or switch the lake on",
    ]
    assert len(caught.value.mistakes) == 2
    check(complete({}), names)


def test_no_rule_fails_of_sound_settings() -> None:
    """A rule's own error is never taken for a mistake of the user's."""
    settings = complete({})
    names = Names("acme", Where("", "", "111122223333", "eu-central-1"))
    assert [list(rule(settings, names)) for rule in COMBINATIONS] == [[]] * len(COMBINATIONS)
    del settings["lake"]["job"]
    with pytest.raises(KeyError):
        mistakes(settings, names)


@pytest.mark.parametrize(
    ("cron", "minutes"),
    [
        ("cron(5 * * * ? *)", 60),
        ("cron(35 3 * * ? *)", 1440),
        ("cron(0/20 * * * ? *)", 20),
        ("cron(0,50 * * * ? *)", 10),
        ("cron(30 1,23 * * ? *)", 120),
        ("cron(0 8-18/2 ? * MON-FRI *)", 120),
        ("cron(* * * * ? *)", 1),
        ("cron(*/45 * * * ? *)", 15),
        ("cron(30 1,23 1/1 * ? *)", 120),
        ("cron(30 1,23 ? * SUN *)", 1320),
        ("cron(30 23 ? * SUN *)", None),
    ],
)
def test_the_shortest_gap_between_runs(cron: str, minutes: int | None) -> None:
    """Over the hour, and over midnight where there is a next day."""
    assert shortest_gap(cron) == minutes


@pytest.mark.parametrize(
    ("cron", "minutes"),
    [
        ("cron(35 3 * * ? *)", 1440),
        ("cron(35 3 1/1 * ? *)", 1440),
        ("cron(35 3 ? * */1 *)", 1440),
        ("cron(35 3 ? 1/1 1/1 *)", 1440),
        ("cron(35 3 2/1 * ? *)", None),
        ("cron(35 3 ? * MON *)", None),
        ("cron(35 3 * 1-6 ? *)", None),
    ],
)
def test_the_longest_gap_between_runs(cron: str, minutes: int | None) -> None:
    """Known where every day counts, as the console writes it too."""
    assert longest_gap(cron) == minutes


def test_who_leaves_days_out_is_told_that_there_is_no_alarm() -> None:
    """On a run that does not come; a daily schedule as the console writes it has one."""
    names = Names("acme", Where("", "", "111122223333", "eu-central-1"))
    without = "leaves days out, so there is no alarm on a run that does not come"
    for schedule, expected in (
        ("cron(0 3 ? * MON *)", [f"lake.job.schedule: cron(0 3 ? * MON *) {without}"]),
        ("cron(0 3 1/1 * ? *)", []),
    ):
        assert hints(complete({"lake": {"job": {"schedule": schedule}}}), names) == expected
    crawled = {"catalog": {"mode": "crawled", "crawl_schedule": "cron(0 3 1 * ? *)"}}
    assert hints(complete({"lake": crawled}), names) == [f"lake.catalog.crawlSchedule: cron(0 3 1 * ? *) {without}"]
    assert hints(complete({"lake": {"enabled": False, "job": {"schedule": "cron(0 3 ? * MON *)"}}}), names) == []


@pytest.mark.parametrize(
    ("cron", "most"),
    [
        ("cron(5 * * * ? *)", 1),
        ("cron(5 3 ? * SUN *)", 7),
        ("cron(5 3 ? * 2-6 *)", 3),
        ("cron(5 3 ? * MON,THU *)", 4),
        ("cron(5 3 */2 * ? *)", 2),
        ("cron(5 3 1,15 * ? *)", 17),
        ("cron(5 3 31 * ? *)", 61),
        ("cron(5 3 1 JAN-JUN ? *)", 214),
        ("cron(5 3 29 FEB ? *)", 1461),
        ("cron(5 3 30 2 ? *)", None),
        ("cron(5 3 L * ? *)", None),
        ("cron(5 3 ? * 6#3 *)", None),
        ("cron(5 3 1 * ? 2030)", None),
    ],
)
def test_the_most_days_between_runs(cron: str, most: int | None) -> None:
    """Counted on a calendar that has every kind of year."""
    assert most_days(cron) == most
