"""What owners of what is given have to do: each by their account, before or after the first `pulumi up`."""

import json
from typing import Any

import pytest

from components.settings import KmsMode, Notification

US, THEM, THIRD = "111122223333", "999988887777", "333344445555"
ROLE = f"arn:aws:iam::{US}:role/acme-prod-flattener"
ROOT = f"arn:aws:iam::{US}:root"
BEFORE, AFTER = "before the first `pulumi up`", "after the first `pulumi up`"


def key(account: str) -> str:
    return f"arn:aws:kms:eu-central-1:{account}:key/1"


def topic(account: str) -> str:
    return f"arn:aws:sns:eu-central-1:{account}:trail"


def told(stack: Any) -> dict[str, Any]:
    """What each heading says: statements, or a command."""
    lines = stack.outputs["acme-prod"]["owner_commands"]
    assert all(heading.startswith("# account ") for heading in lines[::2])
    read = (json.loads(line) if line.startswith("[") else line for line in lines[1::2])
    return {heading.removeprefix("# account "): line for heading, line in zip(lines[::2], read, strict=True)}


def existing(notification: Notification, **more: Any) -> dict[str, Any]:
    logs = {"existing": {"bucket": "archive", "notification": notification, **more}, "prefix": "o-1"}
    return {"trail": {"mode": "none"}, "logs": logs}


def asked(statements: list[Any]) -> list[tuple[Any, Any, Any]]:
    return [(one["Principal"]["AWS"], one["Action"], one["Resource"]) for one in statements]


READ = [
    (ROLE, ["s3:GetObject", "s3:GetObjectVersion"], ["arn:aws:s3:::archive/o-1/AWSLogs/*"]),
    (ROLE, ["s3:ListBucket"], ["arn:aws:s3:::archive"]),
]


def test_bucket_topic_and_key_of_three_accounts(deploy: Any) -> None:
    """Each owner is told of what is theirs; none of their policies is changed by us."""
    theirs = {"account": THEM, "key_arn": key(THIRD), "topic_arn": topic("444455556666")}
    stack = deploy(existing(Notification.SNS, **theirs))
    found = told(stack)
    assert asked(found.pop(f"{THEM}, {AFTER}: add to the policy of archive")) == READ
    assert found == {
        f"444455556666, {BEFORE}:": (
            f"aws sns add-permission --region eu-central-1 --topic-arn {topic('444455556666')}"
            f" --label acme-prod-subscribes --aws-account-id {US} --action-name Subscribe"
        ),
        f"{THIRD}, {AFTER}:": (
            f"aws kms create-grant --region eu-central-1 --key-id {key(THIRD)} --grantee-principal {ROLE}"
            " --operations Decrypt"
        ),
    }
    assert [r.name for r in stack.of("aws:s3/bucketPolicy:BucketPolicy")] == ["acme-prod-lake-policy"]


def test_own_bucket_with_a_foreign_key_and_topic(deploy: Any) -> None:
    """The bucket is this account's, and key and topic are not."""
    found = told(deploy(existing(Notification.SNS, account=US, key_arn=key(THIRD), topic_arn=topic(THEM))))
    assert set(found) == {f"{THEM}, {BEFORE}:", f"{THIRD}, {AFTER}:"}


def test_eventbridge_is_switched_on_by_the_buckets_owner(deploy: Any) -> None:
    """In this account too: one command, which puts its configuration in place of the whole one, so that one looks first."""
    look = "unless `aws s3api get-bucket-notification-configuration --bucket archive` shows EventBridgeConfiguration"
    assert told(deploy(existing(Notification.EVENTBRIDGE))) == {
        f"{US}, {BEFORE}, {look}; what else it shows must be in this one too:": (
            "aws s3api put-bucket-notification-configuration --bucket archive"
            " --notification-configuration '{\"EventBridgeConfiguration\": {}}'"
        )
    }


def test_control_towers_topic_takes_a_permission_of_its_own_role_only(deploy: Any) -> None:
    """A mandatory control denies it to all others, an administrator of the audit account too."""
    arn = f"arn:aws:sns:eu-central-1:{THEM}:aws-controltower-AllConfigNotifications"
    [heading] = told(deploy(existing(Notification.SNS, topic_arn=arn)))
    assert heading == f"{THEM}, {BEFORE}, as the role AWSControlTowerExecution, since no other may:"


def test_a_notification_that_we_are_to_own(deploy: Any) -> None:
    """`exclusive` in another account: the owner lets this account configure it, before anything is deployed."""
    found = told(deploy(existing(Notification.EXCLUSIVE, account=THEM)))
    before, after = (f"{THEM}, {when}: add to the policy of archive" for when in (BEFORE, AFTER))
    assert list(found) == [before, after]
    assert asked(found[before]) == [
        (ROOT, ["s3:GetBucketNotification", "s3:PutBucketNotification"], ["arn:aws:s3:::archive"])
    ]
    assert asked(found[after]) == READ


@pytest.mark.parametrize("notification", [Notification.SNS, Notification.EXCLUSIVE])
def test_nothing_to_tell_in_the_same_account(deploy: Any, notification: Notification) -> None:
    """The role's own policy is enough for what is this account's."""
    own = {"topic_arn": topic(US)} if notification is Notification.SNS else {}
    assert told(deploy(existing(notification, key_arn=key(US), **own))) == {}


def test_given_keys(deploy: Any) -> None:
    """The keepers of given keys are told what CloudTrail and the alarms' publishers need, and another account what we do."""
    given = {"kms": KmsMode.GIVEN}
    stack = deploy(
        {
            "logs": {"encryption": {**given, "key_arn": key(US)}},
            "lake": {"encryption": {**given, "key_arn": key(THEM)}},
        }
    )
    found = told(stack)
    logs, lake = (f"{a}, {BEFORE}: add to the policy of {key(a)}" for a in (US, THEM))
    assert list(found) == [logs, lake]
    assert [one["Sid"] for one in found[logs]] == ["TrailEncrypts", "TrailLooks"]
    assert found[logs][0]["Condition"]["StringEquals"] == {
        "aws:SourceArn": [f"arn:aws:cloudtrail:eu-central-1:{US}:trail/acme-prod"]
    }
    assert [one["Sid"] for one in found[lake]] == [
        "CloudwatchPublishes",
        "EventsPublishes",
        "BudgetsPublishes",
        "TrailsightAccount",
    ]
    assert asked(found[lake][-1:]) == [(ROOT, ["kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"], ["*"])]


def test_a_given_key_that_nobody_else_uses(deploy: Any) -> None:
    """With a topic of somebody else's, no service uses the lake's key."""
    lake = {"encryption": {"kms": KmsMode.GIVEN, "key_arn": key(US)}}
    assert told(deploy({"lake": lake, "alarms": {"topic_arn": topic(US)}})) == {}
