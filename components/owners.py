"""What the owners of a given bucket, key or topic do themselves: the pipeline changes no policy that is not its own.

Lines to run or, where a policy is to be changed by hand, the statements to add to it, each below a line that says who
and when. A policy cannot name a role before it exists.
"""

import json
from collections.abc import Sequence

from components.names import Names, Where
from components.policies import Document, allow
from components.settings import Notification

BEFORE, AFTER = "before the first `pulumi up`", "after the first `pulumi up`"


def bucket(names: Names, name: str, owner: str, prefix: str, notification: Notification) -> list[str]:
    """For the owner of an existing log bucket; `prefix` is what stands before AWSLogs/."""
    where = names.where
    if notification is Notification.EVENTBRIDGE:
        # It puts one configuration in place of the whole one, and nothing else tells whether EventBridge is on:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-event-notifications-eventbridge.html
        seen = f"`aws s3api get-bucket-notification-configuration --bucket {name}` shows"
        command = f"aws s3api put-bucket-notification-configuration --bucket {name} --notification-configuration"
        unless = f"unless {seen} EventBridgeConfiguration; what else it shows must be in this one too:"
        return [f"# account {owner}, {BEFORE}, {unless}", f"{command} '{json.dumps({'EventBridgeConfiguration': {}})}'"]
    if owner == where.account:
        return []
    arn, role = where.bucket(name), {"AWS": names.role_arn("flattener")}
    lines = []
    if notification is Notification.EXCLUSIVE:
        actions = ["s3:GetBucketNotification", "s3:PutBucketNotification"]
        lines += _add(owner, BEFORE, name, [allow("TrailsightNotifies", actions, [arn], Principal=_us(where))])
    read = [
        allow(
            "TrailsightRead",
            ["s3:GetObject", "s3:GetObjectVersion"],
            [f"{arn}/{prefix}AWSLogs/*"],
            Principal=role,
        ),
        allow("TrailsightList", ["s3:ListBucket"], [arn], Principal=role),
    ]
    return lines + _add(owner, AFTER, name, read)


def log_key(names: Names, arn: str | None) -> list[str]:
    """For the owner of an existing log bucket's key in another account: a grant, since it changes no policy."""
    if arn is None or _account(arn) == names.where.account:
        return []
    grant = f"--grantee-principal {names.role_arn('flattener')} --operations Decrypt"
    command = f"aws kms create-grant --region {names.where.region} --key-id {arn} {grant}"
    return [f"# account {_account(arn)}, {AFTER}:", command]


def topic(names: Names, arn: str | None) -> list[str]:
    """For the owner of a topic in another account, whose messages the queue subscribes to."""
    where = names.where
    if arn is None or _account(arn) == where.account:
        return []
    label = f"--label {names.part('subscribes', 80)}"
    who = f"--aws-account-id {where.account} --action-name Subscribe"
    command = f"aws sns add-permission --region {where.region} --topic-arn {arn} {label} {who}"
    # https://docs.aws.amazon.com/controltower/latest/controlreference/mandatory-controls.html
    towers = ", as the role AWSControlTowerExecution, since no other may" if ":aws-controltower-" in arn else ""
    return [f"# account {_account(arn)}, {BEFORE}{towers}:", command]


def given_key(where: Where, arn: str, statements: Sequence[Document]) -> list[str]:
    """For whoever keeps the policy of a key that is `given`: what services need and, from elsewhere, what we need."""
    needed = list(statements)
    if _account(arn) != where.account:
        actions = ["kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]
        needed.append(allow("TrailsightAccount", actions, ["*"], Principal=_us(where)))
    return _add(_account(arn), BEFORE, arn, needed) if needed else []


def _add(owner: str, when: str, what: str, statements: Sequence[Document]) -> list[str]:
    return [f"# account {owner}, {when}: add to the policy of {what}", json.dumps(list(statements))]


def _us(where: Where) -> Document:
    return {"AWS": where.iam("root")}


def _account(arn: str) -> str:
    return arn.split(":")[4]
