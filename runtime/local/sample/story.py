"""The attack that the sample is about, the Insights it sets off, and how it is cleaned up the next morning.

A password spray; then a leaked access key: reconnaissance and a burst of refusals, a chain of roles into another
account, a back door, a port open to the world, trails stopped, data copied out, keys about to be deleted.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from runtime.local.sample import world
from runtime.local.sample.records import (
    Template,
    access_key,
    call,
    dumps,
    guid,
    guid_of,
    hex17,
    principal_id,
    root,
    session,
    type_json,
    user,
)
from runtime.local.sample.world import Account

ISO = "%Y-%m-%dT%H:%M:%SZ"
NEW_REGION = "ap-southeast-1"  # nobody ever worked there
LEAKED_USER = "ci-deploy"
BACK_DOOR = "support-backup"
HEIST = "cross-account-admin"
_STRANGER = "999988887777"
_TOOL = world.CLI.format("s3api.get-object")
_NAMES = ("admin", "administrator", "root", "backup", "billing", "deploy", "devops", "finance", "hr", "test", "info")


@dataclass(frozen=True, slots=True)
class Placed:
    """A record that is not left to chance: when it happened, whose it is, and the kind of folder it goes to."""

    time: datetime
    account: str
    region: str
    record: str
    folder: str = "CloudTrail"


class _Teller:
    """Puts records on the time line."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.placed: list[Placed] = []
        self.now = datetime(1970, 1, 1)  # noqa: DTZ001 - all times here are UTC, as CloudTrail's are

    def at(self, time: datetime) -> None:
        self.now = time

    def tell(self, record: type_json, *, pause: tuple[float, float] = (2, 40), folder: str = "CloudTrail") -> None:
        """The record happens after a pause of so many seconds."""
        self.now += timedelta(seconds=int(self.rng.uniform(*pause)))
        account, region = record["recipientAccountId"], record["awsRegion"]
        # Times in a record are of the second, and so must the order of the story be.
        text = Template(record).fill(self.rng, time=self.now.strftime(ISO))
        self.placed.append(Placed(self.now, account, region, text, folder))


def tell(rng: random.Random, accounts: tuple[Account, ...], start: datetime, days: int, events: int) -> list[Placed]:
    """The whole attack in the order of time, in the third quarter of the days; bursts grow with `events`."""
    teller = _Teller(rng)
    night = start + timedelta(days=int(days * 0.7), hours=2, minutes=10)
    victim, entry = accounts[0], accounts[1 % len(accounts)]
    teller.at(night - timedelta(hours=9 if days > 1 else 1))
    _spray(teller, victim)
    teller.at(night)
    key = access_key("AKIA", entry.id + LEAKED_USER)
    who = user(entry.id, LEAKED_USER, key)
    _reconnaissance(teller, entry, who, max(40, min(events // 400, 1500)))
    admin = _role_chain(teller, entry, victim, who)
    _back_door(teller, victim, admin)
    _blind(teller, entry, victim, who, admin)
    _open(teller, victim, admin)
    _mine(teller, victim, admin)
    _take(teller, victim, admin, max(60, min(events // 100, 5000)))
    _extort(teller, victim, admin)
    teller.at(night + timedelta(hours=6, minutes=25))
    _clean_up(teller, victim, entry)
    return teller.placed


def _near(ip: str = world.NOBODY, agent: str = _TOOL) -> type_json:
    return {"ip": ip, "agent": agent}


def _denied(who: type_json, action: str) -> tuple[str, str]:
    return "AccessDenied", (
        f"User: {who['arn']} is not authorized to perform: {action} because no identity-based policy allows the action"
    )


def _spray(teller: _Teller, account: Account) -> None:
    there = (account.id, world.GLOBAL_REGION)
    page = {"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "No"}
    near = _near(world.SPRAYER, "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0")
    names = [*_NAMES, *account.people]
    for at, name in enumerate(names * 2):
        # Of a user that does not exist CloudTrail hides the name, lest it be a password typed in the wrong box.
        exists = name in account.people
        who: type_json = {**user(account.id, name)} if exists else {"type": "IAMUser", "accountId": account.id}
        if not exists:
            who["userName"] = "HIDDEN_DUE_TO_SECURITY_REASONS"
        elif at == len(names) * 2 - 1:
            break
        record = call(
            who,
            "signin",
            "ConsoleLogin",
            *there,
            response={"ConsoleLogin": "Failure"},
            additional=page,
            kind="AwsConsoleSignIn",
            **near,
        )
        teller.tell(
            record | {"errorMessage": "Failed authentication" if exists else "No username found in supplied account"},
            pause=(15, 45),
        )
    # The last name had its password reused elsewhere, and has no MFA.
    record = call(
        user(account.id, account.people[-1]),
        "signin",
        "ConsoleLogin",
        *there,
        response={"ConsoleLogin": "Success"},
        additional=page,
        kind="AwsConsoleSignIn",
        **near,
    )
    teller.tell(record, pause=(15, 45))


def _reconnaissance(teller: _Teller, account: Account, who: type_json, refusals: int) -> None:
    here, there = (account.id, account.home), (account.id, world.GLOBAL_REGION)
    teller.tell(call(who, "sts", "GetCallerIdentity", *here, read=True, **_near()))
    teller.tell(call(who, "s3", "ListBuckets", *there, read=True, params={"Host": "s3.amazonaws.com"}, **_near()))
    for region in (account.home, "eu-west-1", NEW_REGION):
        instances: type_json = {"instancesSet": {}, "filterSet": {}}
        teller.tell(call(who, "ec2", "DescribeInstances", account.id, region, read=True, params=instances, **_near()))
    probes = (
        ("iam", "ListUsers"),
        ("iam", "ListRoles"),
        ("iam", "GetAccountAuthorizationDetails"),
        ("iam", "ListAttachedUserPolicies"),
        ("secretsmanager", "ListSecrets"),
        ("organizations", "ListAccounts"),
        ("kms", "ListKeys"),
        ("ssm", "DescribeParameters"),
        ("rds", "DescribeDBSnapshots"),
        ("ec2", "DescribeSnapshots"),
        ("lambda", "ListFunctions20150331"),
        ("cloudtrail", "DescribeTrails"),
    )
    for at in range(refusals):
        source, name = probes[at % len(probes)]
        where = there if source in {"iam", "organizations"} else here
        error = _denied(who, f"{source}:{name}")
        if source == "ec2":
            error = ("Client.UnauthorizedOperation", "You are not authorized to perform this operation.")
        teller.tell(call(who, source, name, *where, read=True, error=error, **_near()), pause=(0.5, 1500 / refusals))


def _assume(teller: _Teller, who: type_json, caller: Account, target: Account, role: str, name: str) -> type_json:
    """AssumeRole, with the copy in the other account's trail if it is another; the session it gives."""
    arn = f"arn:aws:iam::{target.id}:role/{role}"
    key, shared = access_key("ASIA", guid(teller.rng)), guid(teller.rng)
    created = (teller.now + timedelta(seconds=30)).strftime(ISO)
    unique = principal_id("AROA", target.id + role)
    record = call(
        who,
        "sts",
        "AssumeRole",
        caller.id,
        world.GLOBAL_REGION,
        read=True,
        params={"roleArn": arn, "roleSessionName": name, "durationSeconds": 3600},
        response={
            "credentials": {"accessKeyId": key, "sessionToken": "EXAMPLE", "expiration": "Jan 1, 2027, 12:00:00 AM"},
            "assumedRoleUser": {
                "assumedRoleId": f"{unique}:{name}",
                "arn": f"arn:aws:sts::{target.id}:assumed-role/{role}/{name}",
            },
        },
        resources=[{"accountId": target.id, "type": "AWS::IAM::Role", "ARN": arn}],
        shared=shared,
        **_near(agent=world.CLI.format("sts.assume-role")),
    )
    teller.tell(record, pause=(25, 30))
    if target.id != caller.id:
        other = {"type": "AWSAccount", "principalId": who["principalId"], "accountId": caller.id}
        teller.tell(record | {"userIdentity": other, "recipientAccountId": target.id}, pause=(0, 0))
    return session(target.id, role, name, key=key, created=created)


def _role_chain(teller: _Teller, entry: Account, victim: Account, who: type_json) -> type_json:
    refused = call(
        who,
        "sts",
        "AssumeRole",
        entry.id,
        world.GLOBAL_REGION,
        read=True,
        error=_denied(who, "sts:AssumeRole"),
        params={"roleArn": f"arn:aws:iam::{victim.id}:role/OrganizationAccountAccessRole", "roleSessionName": "x"},
        **_near(),
    )
    teller.tell(refused)
    deploy = _assume(teller, who, entry, entry, "release-manager", "botocore-session-1761790000")
    return _assume(teller, deploy, entry, victim, HEIST, "botocore-session-1761790060")


def _back_door(teller: _Teller, account: Account, who: type_json) -> None:
    there, name = (account.id, world.GLOBAL_REGION), {"userName": BACK_DOOR}
    key = access_key("AKIA", account.id + BACK_DOOR)
    made = {"user": {"userName": BACK_DOOR, "arn": f"arn:aws:iam::{account.id}:user/{BACK_DOOR}", "path": "/"}}
    keyed = {"accessKey": {"accessKeyId": key, "status": "Active", "userName": BACK_DOOR}}
    admin = {**name, "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    teller.tell(call(who, "iam", "CreateUser", *there, params=name, response=made, **_near()))
    teller.tell(call(who, "iam", "AttachUserPolicy", *there, params=admin, **_near()))
    teller.tell(call(who, "iam", "CreateAccessKey", *there, params=name, response=keyed, **_near()))
    login = {"loginProfile": {"userName": BACK_DOOR, "passwordResetRequired": False}}
    password = {**name, "passwordResetRequired": False}
    teller.tell(call(who, "iam", "CreateLoginProfile", *there, params=password, response=login, **_near()))


def _blind(teller: _Teller, entry: Account, victim: Account, low: type_json, admin: type_json) -> None:
    trail = f"arn:aws:cloudtrail:{entry.home}:{entry.id}:trail/organization"
    error = _denied(low, "cloudtrail:StopLogging")
    teller.tell(
        call(low, "cloudtrail", "StopLogging", entry.id, entry.home, params={"name": trail}, error=error, **_near())
    )
    here = (victim.id, victim.home)
    mine = {"name": "application-audit"}
    for source, name, params in (
        ("cloudtrail", "StopLogging", mine),
        ("cloudtrail", "DeleteTrail", mine),
        ("guardduty", "DeleteDetector", {"detectorId": hex17(victim.id + "detector")}),
        ("config", "StopConfigurationRecorder", {"configurationRecorderName": "default"}),
        ("ec2", "DeleteFlowLogs", {"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": "fl-0a1b2c3d4e5f"}}}),
    ):
        teller.tell(call(admin, source, name, *here, params=params, **_near()))


def _open(teller: _Teller, account: Account, who: type_json) -> None:
    here, group = (account.id, account.home), "sg-" + hex17(account.id)
    for port in (22, 3389):
        anywhere = {"ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}, "ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]}}
        rule = {"ipProtocol": "tcp", "fromPort": port, "toPort": port, "groups": {}, **anywhere, "prefixListIds": {}}
        params = {"groupId": group, "ipPermissions": {"items": [rule]}}
        response = {"requestId": "<request>", "_return": True}
        teller.tell(
            call(who, "ec2", "AuthorizeSecurityGroupIngress", *here, params=params, response=response, **_near())
        )


def _mine(teller: _Teller, account: Account, who: type_json) -> None:
    """Coins, in a Region that nobody looks at."""
    params = {
        "instancesSet": {"items": [{"imageId": "ami-0123456789abcdef0", "minCount": 1, "maxCount": 16}]},
        "instanceType": "p5.48xlarge",
    }
    limit = "You have requested more vCPU capacity than your current vCPU limit of 0 allows."
    for _ in range(6):
        error = ("Client.VcpuLimitExceeded", limit)
        teller.tell(call(who, "ec2", "RunInstances", account.id, NEW_REGION, params=params, error=error, **_near()))


def _take(teller: _Teller, account: Account, who: type_json, objects: int) -> None:
    here = (account.id, account.home)
    for name in ("orders-api/db", "payments/stripe", "github/token"):
        secret = f"arn:aws:secretsmanager:{account.home}:{account.id}:secret:{name}-a1B2c3"
        params = {"secretId": secret}
        teller.tell(call(who, "secretsmanager", "GetSecretValue", *here, read=True, params=params, **_near()))
    volume, snapshot = "vol-" + hex17(account.id + "volume"), "snap-" + hex17(account.id + "snapshot")
    made = {"snapshotId": snapshot, "volumeId": volume, "status": "pending"}
    teller.tell(call(who, "ec2", "CreateSnapshot", *here, params={"volumeId": volume}, response=made, **_near()))
    for item in ({"group": "all"}, {"userId": _STRANGER}):
        share = {
            "snapshotId": snapshot,
            "createVolumePermission": {"add": {"items": [item]}},
            "attributeType": "CREATE_VOLUME_PERMISSION",
        }
        teller.tell(
            call(who, "ec2", "ModifySnapshotAttribute", *here, params=share, response={"_return": True}, **_near())
        )
    public = {
        "dBSnapshotIdentifier": "orders-2026",
        "attributeName": "restore",
        "valuesToAdd": ["all"],
    }
    teller.tell(call(who, "rds", "ModifyDBSnapshotAttribute", *here, params=public, response=public, **_near()))
    bucket = account.bucket("customer-exports")
    arn = f"arn:aws:s3:::{bucket}"
    blocks: type_json = {"bucketName": bucket, "publicAccessBlock": ""}
    teller.tell(call(who, "s3", "DeleteBucketPublicAccessBlock", *here, params=blocks, **_near()))
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/*"}
    policy: type_json = {
        "bucketName": bucket,
        "bucketPolicy": {"Version": "2012-10-17", "Statement": [statement]},
        "policy": "",
    }
    teller.tell(call(who, "s3", "PutBucketPolicy", *here, params=policy, **_near()))
    params = {"bucketName": bucket, "prefix": "2026/", "list-type": "2"}
    teller.tell(call(who, "s3", "ListObjects", *here, read=True, data=True, params=params, **_near()))
    got = call(
        who,
        "s3",
        "GetObject",
        *here,
        read=True,
        data=True,
        params={"bucketName": bucket, "Host": f"{bucket}.s3.amazonaws.com", "key": "2026/customers-<part>.csv.gz"},
        additional={
            "SignatureVersion": "SigV4",
            "CipherSuite": "TLS_AES_128_GCM_SHA256",
            "bytesTransferredIn": 0,
            "bytesTransferredOut": "<#bigbytes>",
            "AuthenticationMethod": "AuthHeader",
            "x-amz-id-2": "<hex32>",
        },
        resources=[
            {"type": "AWS::S3::Object", "ARN": f"{arn}/2026/customers-<part>.csv.gz"},
            {"accountId": account.id, "type": "AWS::S3::Bucket", "ARN": arn},
        ],
        **_near(),
    )
    end = teller.now + timedelta(minutes=45)
    begin = teller.now
    for at in range(objects):
        teller.at(begin + (end - begin) * (at / objects))
        teller.at(teller.now.replace(microsecond=0))
        teller.tell(got, pause=(0, 2))


def _extort(teller: _Teller, account: Account, who: type_json) -> None:
    for name in ("key", "backup-key"):
        key = f"arn:aws:kms:{account.home}:{account.id}:key/{guid_of(account.id + name)}"
        response = {"keyId": key, "deletionDate": "Nov 30, 2026, 12:00:00 AM", "keyState": "PendingDeletion"}
        params = {"keyId": key, "pendingWindowInDays": 7}
        resources = [{"accountId": account.id, "type": "AWS::KMS::Key", "ARN": key}]
        teller.tell(
            call(
                who,
                "kms",
                "ScheduleKeyDeletion",
                account.id,
                account.home,
                params=params,
                response=response,
                resources=resources,
                **_near(),
            )
        )


def _clean_up(teller: _Teller, victim: Account, entry: Account) -> None:
    """The security team's morning: root with MFA, and everything undone that can be."""
    created = teller.now.strftime(ISO)
    near: type_json = {"ip": world.OFFICE, "agent": world.BROWSER, "console": True}
    there, here = (victim.id, world.GLOBAL_REGION), (victim.id, victim.home)
    boss = root(victim.id, access_key("ASIA", victim.id + "root"), created)
    login = {key: boss[key] for key in ("type", "principalId", "arn", "accountId")}
    yes = {"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "Yes"}
    teller.tell(
        call(
            login,
            "signin",
            "ConsoleLogin",
            *there,
            response={"ConsoleLogin": "Success"},
            additional=yes,
            kind="AwsConsoleSignIn",
            **(near | {"console": False}),
        )
    )
    name = {"userName": BACK_DOOR}
    leaked = {
        "userName": LEAKED_USER,
        "status": "Inactive",
        "accessKeyId": access_key("AKIA", entry.id + LEAKED_USER),
    }
    analyst = session(
        entry.id,
        "AWSReservedSSO_IncidentResponse_" + hex17("ir")[:16],
        "rosa.jimenez@acme.example",
        key=access_key("ASIA", "incident"),
        created=created,
        mfa=True,
    )
    teller.tell(call(analyst, "iam", "UpdateAccessKey", entry.id, world.GLOBAL_REGION, params=leaked, **near))
    quarantine = {"policyId": "p-examplequarantine", "targetId": entry.id}
    teller.tell(call(boss, "organizations", "AttachPolicy", *there, params=quarantine, **near))
    door = {**name, "accessKeyId": access_key("AKIA", victim.id + BACK_DOOR)}
    policy = {**name, "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    for action, params in (
        ("DeleteAccessKey", door),
        ("DetachUserPolicy", policy),
        ("DeleteLoginProfile", name),
        ("DeleteUser", name),
    ):
        teller.tell(call(boss, "iam", action, *there, params=params, **near))
    rule = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}
    share = {
        "snapshotId": "snap-" + hex17(victim.id + "snapshot"),
        "createVolumePermission": {"remove": {"items": [{"group": "all"}]}},
        "attributeType": "CREATE_VOLUME_PERMISSION",
    }
    key = f"arn:aws:kms:{victim.home}:{victim.id}:key/{guid_of(victim.id + 'key')}"
    group: type_json = {"groupId": "sg-" + hex17(victim.id), "ipPermissions": {"items": [rule]}}
    undone: tuple[tuple[str, str, type_json], ...] = (
        ("ec2", "RevokeSecurityGroupIngress", group),
        ("ec2", "ModifySnapshotAttribute", share),
        ("kms", "CancelKeyDeletion", {"keyId": key}),
        ("cloudtrail", "CreateTrail", {"name": "application-audit", "s3BucketName": "acme-cloudtrail-logs"}),
        ("cloudtrail", "StartLogging", {"name": "application-audit"}),
    )
    for source, action, parameters in undone:
        teller.tell(call(boss, source, action, *here, params=parameters, **near), pause=(60, 180))


def insights(rng: random.Random, accounts: Iterable[Account], start: datetime, days: int) -> list[Placed]:
    """Pairs of Insights: the attack's (refusals, RunInstances), and an innocent one per account."""
    accounts = tuple(accounts)
    victim, entry = accounts[0], accounts[1 % len(accounts)]
    night = start + timedelta(days=int(days * 0.7), hours=2, minutes=20)
    placed = [
        *_pair(rng, entry, world.GLOBAL_REGION, night, "iam", "ListUsers", LEAKED_USER, "AccessDenied"),
        *_pair(rng, victim, NEW_REGION, night + timedelta(minutes=45), "ec2", "RunInstances", HEIST, None),
    ]
    for at, account in enumerate(accounts):
        noon = start + timedelta(days=at * 3 % days, hours=11, minutes=at % 60)
        placed += _pair(rng, account, account.home, noon, "ssm", "UpdateInstanceInformation", "etl-nightly", None)
    return placed


def _pair(
    rng: random.Random,
    account: Account,
    region: str,
    time: datetime,
    source: str,
    name: str,
    who: str,
    error: str | None,
) -> list[Placed]:
    shared, minutes = guid(rng), rng.randrange(10, 40)
    usual, unusual = round(rng.uniform(0.1, 3), 9), rng.randrange(60, 900)
    teller = _Teller(rng)
    for state, at in (("Start", time), ("End", time + timedelta(minutes=minutes))):
        statistics: type_json = {"baseline": {"average": usual}, "insight": {"average": unusual}}
        if state == "End":
            statistics |= {"insightDuration": minutes, "baselineDuration": 10080}
        attribution = {
            "attribute": "userIdentityArn",
            "insight": [{"value": f"arn:aws:iam::{account.id}:role/{who}", "average": unusual}],
            "baseline": [],
        }
        details: type_json = {
            "state": state,
            "eventSource": f"{source}.amazonaws.com",
            "eventName": name,
            "insightType": "ApiErrorRateInsight" if error else "ApiCallRateInsight",
        }
        if error:
            details["errorCode"] = error
        details["insightContext"] = {"statistics": statistics, "attributions": [attribution]}
        teller.at(at)
        record: type_json = {
            "eventVersion": "1.09",
            "eventTime": "<time>",
            "awsRegion": region,
            "eventID": "<id>",
            "eventType": "AwsCloudTrailInsight",
            "recipientAccountId": account.id,
            "sharedEventID": shared,
            "insightDetails": details,
            "eventCategory": "Insight",
        }
        teller.tell(record, pause=(0, 0), folder="CloudTrail-Insight")
    return teller.placed


def network_activity(
    rng: random.Random, accounts: tuple[Account, ...], start: datetime, days: int, count: int
) -> list[Placed]:
    """Calls that VPC endpoints refused."""
    teller = _Teller(rng)
    for at in range(count):
        account = accounts[at % len(accounts)]
        endpoint = "vpce-" + hex17(account.id + "vpce")
        teller.at(start + timedelta(seconds=rng.randrange(days * 86_400)))
        record: type_json = {
            "eventVersion": "1.09",
            "eventCategory": "NetworkActivity",
            "eventType": "AwsVpceEvents",
            "errorCode": "VpceAccessDenied",
            "errorMessage": "The request was denied due to a VPC endpoint policy",
            "eventTime": "<time>",
            "awsRegion": account.home,
            "eventSource": "s3.amazonaws.com",
            "eventName": "PutObject",
            "sourceIPAddress": "10.0.3.<host>",
            "userIdentity": {"type": "AWSAccount", "principalId": "AIDAEXAMPLE", "accountId": _STRANGER},
            "requestParameters": {"bucketName": "drop-box", "key": "<hex32>"},
            "responseElements": None,
            "requestID": "<request16>",
            "eventID": "<id>",
            "recipientAccountId": account.id,
            "vpcEndpointId": endpoint,
            "vpcEndpointAccountId": account.id,
        }
        teller.tell(record, pause=(0, 0), folder="CloudTrail-NetworkActivity")
    return teller.placed


def aggregated(rng: random.Random, account: Account, window: datetime) -> str:
    """One aggregated event: five minutes of an account's reads of a bucket in a single record."""
    return dumps(
        {
            "eventVersion": "1.0",
            "accountId": account.id,
            "eventId": guid(rng),
            "eventCategory": "Aggregated",
            "eventType": "AwsAggregatedEvent",
            "awsRegion": account.home,
            "eventSource": "s3.amazonaws.com",
            "timeWindow": {
                "windowStart": window.strftime(ISO),
                "windowEnd": (window + timedelta(minutes=5)).strftime(ISO),
                "windowSize": "PT5M",
            },
            "summary": {
                "primaryDimension": {
                    "dimension": "resourceARN",
                    "statistics": [{"name": f"arn:aws:s3:::{account.bucket('data')}", "value": 412}],
                },
                "details": [{"dimension": "eventName", "statistics": [{"name": "GetObject", "value": 412}]}],
            },
        }
    )
