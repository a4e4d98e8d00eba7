"""Ordinary days: what people, workloads, pipelines, monitoring and AWS's own services do, hour by hour.

Weekends and nights are quiet for people and pipelines; workloads breathe with the day; services never sleep.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate

from runtime.local.sample import world
from runtime.local.sample.records import (
    Template,
    access_key,
    call,
    guid_of,
    hex17,
    principal_id,
    service,
    session,
    type_json,
    user,
)
from runtime.local.sample.world import Account

SHARES = {"workload": 0.44, "service": 0.21, "monitoring": 0.14, "human": 0.13, "pipeline": 0.08}
_SPOT: type_json = {"key": "<key>", "created": "<created>"}


def activity(kind: str, weekday: int, hour: float) -> float:
    """How busy a kind of caller is at an hour (UTC) of a weekday (0 is Monday), 1 at its most."""
    weekend = weekday >= 5
    if kind == "human":
        day = math.exp(-(((hour - 10) / 2.2) ** 2)) + math.exp(-(((hour - 14.5) / 2.2) ** 2))
        return 0.01 + day * (0.05 if weekend else 1)
    if kind == "pipeline":
        nightly = 0.5 if 1 <= hour < 2 else 0.0
        return 0.02 + nightly + math.exp(-(((hour - 13) / 3.5) ** 2)) * (0.1 if weekend else 1)
    if kind == "workload":
        return (0.6 + 0.4 * math.sin((hour - 7) * math.pi / 12)) * (0.75 if weekend else 1)
    return 1.0


@dataclass(slots=True)
class Caller:
    """A principal's session, renewed daily, and what it does: templates with their weights."""

    account: Account
    kind: str
    person: bool
    name: str
    templates: list[tuple[Template, str]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def does(self, weight: float, record: type_json) -> None:
        """Let it make this call, so often among its others."""
        self.templates.append((Template(record), record["awsRegion"]))
        self.weights.append(weight)


@dataclass(slots=True)
class Stream:
    """All callers of one kind in one account."""

    account: Account
    kind: str
    weight: float
    choices: list[tuple[Template, str, Caller]]
    cumulative: list[float]

    def events(
        self, rng: random.Random, count: int, day: str, start: int, seconds: int
    ) -> Iterator[tuple[str, str, str]]:
        """`count` events in the `seconds` from `start` (seconds of the day): (Region, eventTime, record)."""
        for template, region, caller in rng.choices(self.choices, cum_weights=self.cumulative, k=count):
            at = start + int(rng.random() * seconds)
            minute, second = divmod(at, 60)
            time = f"{day}T{minute // 60:02d}:{minute % 60:02d}:{second:02d}Z"
            key, created = _session(caller, day, minute // 60)
            yield region, time, template.fill(rng, time=time, key=key, created=created, day=day)


def _session(caller: Caller, day: str, hour: int) -> tuple[str, str]:
    """(access key, when it was issued) of a caller: a new one each day, for machines every six hours."""
    return _issued(caller.account.id, caller.name, day, 6 if caller.person else hour // 6 * 6)


@lru_cache(maxsize=10_000)  # more than are alive on one day
def _issued(account: str, name: str, day: str, hour: int) -> tuple[str, str]:
    number = sum(name.encode()) % 60
    return access_key("ASIA", f"{account}{name}{day}{hour}"), f"{day}T{hour:02d}:{number:02d}:{number * 7 % 60:02d}Z"


def streams(accounts: tuple[Account, ...]) -> list[Stream]:
    """What goes on in the accounts; the first ones are busier."""
    result = []
    for at, account in enumerate(accounts):
        size = 1 / (1 + at) ** 0.5
        callers = [*_workloads(account), *_services(account), *_monitoring(account), *_people(account)]
        callers += _pipelines(account)
        if at == 0:
            callers.append(_legacy(account))
        for kind, share in SHARES.items():
            mine = [caller for caller in callers if caller.kind == kind]
            choices = [(template, region, caller) for caller in mine for template, region in caller.templates]
            weights = [weight for caller in mine for weight in caller.weights]
            result.append(Stream(account, kind, size * share, choices, list(accumulate(weights))))
    return result


def schedule(
    rng: random.Random, streams: list[Stream], total: int, first: date, days: int, minutes: int
) -> Iterator[tuple[int, Stream, int]]:
    """Shares `total` events out over the days' slots of so many minutes: (slot, stream, count), exactly `total`."""
    slots = 1440 // minutes
    busy = {
        (kind, weekday, slot): activity(kind, weekday, (slot + 0.5) * minutes / 60)
        for kind in SHARES
        for weekday in range(7)
        for slot in range(slots)
    }
    norm = {kind: sum(busy[kind, weekday, s] for weekday in range(7) for s in range(slots)) / 7 for kind in SHARES}
    daily = [
        [rng.uniform(0.8, 1.2) * (1 + 0.1 * day / days) * stream.weight / norm[stream.kind] for stream in streams]
        for day in range(days)
    ]
    weekdays = [(first + timedelta(day)).weekday() for day in range(days)]
    sums: dict[tuple[str, int], float] = {
        (kind, weekday): sum(busy[kind, weekday, slot] for slot in range(slots))
        for kind in SHARES
        for weekday in range(7)
    }
    whole = sum(
        weight * sums[stream.kind, weekdays[day]]
        for day, weights in enumerate(daily)
        for stream, weight in zip(streams, weights, strict=True)
    )
    # One running sum, rounded at each step: what is lost here is given there, so that the total is exact.
    running, given = 0.0, 0
    last = None
    for day, weights in enumerate(daily):
        for slot in range(slots):
            for stream, weight in zip(streams, weights, strict=True):
                running += weight * busy[stream.kind, weekdays[day], slot]
                count = min(int(running / whole * total + 1e-6), total) - given
                if count:
                    given += count
                    yield day * slots + slot, stream, count
                last = day * slots + slot, stream
    if given < total and last is not None:
        yield *last, total - given


def _workloads(account: Account) -> Iterator[Caller]:
    home, data, key = account.home, account.bucket("data"), guid_of(account.id + "key")
    key_arn = f"arn:aws:kms:{home}:{account.id}:key/{key}"
    arn = f"arn:aws:s3:::{data}"

    def s3(name: str, identity: type_json, agent: str, path: str, *, error: bool = False) -> type_json:
        got = name == "GetObject"
        traffic = {"bytesTransferredIn": 0 if got else "<#bytes>", "bytesTransferredOut": "<#bytes>" if got else 0}
        signed = {"SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "x-amz-id-2": "<hex32>"}
        return call(
            identity,
            "s3",
            name,
            account.id,
            home,
            ip="10.0.3.<host>",
            agent=f"[{agent}]",
            read=got,
            data=True,
            params={"bucketName": data, "Host": f"{data}.s3.{home}.amazonaws.com", "key": path},
            response=None if got else {"x-amz-server-side-encryption": "AES256"},
            error=("NoSuchKey", "The specified key does not exist.") if error else None,
            additional={**signed, **({} if error else traffic), "AuthenticationMethod": "AuthHeader"},
            resources=[
                {"type": "AWS::S3::Object", "ARN": f"{arn}/{path}"},
                {"accountId": account.id, "type": "AWS::S3::Bucket", "ARN": arn},
            ],
            vpcEndpointId="vpce-" + hex17(account.id + "vpce"),
            vpcEndpointAccountId=account.id,
        )

    for role, agent in (("orders-api", world.JAVA), ("etl-nightly", world.BOTO)):
        name = "i-" + hex17(account.id + role)
        caller = Caller(account, "workload", False, role)
        who = session(account.id, role, name, ec2RoleDelivery="2.0", **_SPOT)
        caller.does(26, s3("GetObject", who, agent, "orders/<day>/<hour>/part-<part>.parquet"))
        caller.does(14, s3("PutObject", who, agent, "orders/<day>/<hour>/part-<part>.parquet"))
        caller.does(1.5, s3("GetObject", who, agent, "orders/<day>/<hour>/_SUCCESS", error=True))
        here = (account.id, home)
        near: type_json = {"ip": world.egress(account), "agent": agent}
        key_resource = [{"accountId": account.id, "type": "AWS::KMS::Key", "ARN": key_arn}]
        context = {"encryptionContext": {"aws:s3:arn": arn}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}
        caller.does(12, call(who, "kms", "Decrypt", *here, read=True, params=context, resources=key_resource, **near))
        caller.does(
            8,
            call(
                who,
                "kms",
                "GenerateDataKey",
                *here,
                read=True,
                params={"encryptionContext": {"aws:s3:arn": arn}, "keyId": key_arn, "keySpec": "AES_256"},
                resources=key_resource,
                **near,
            ),
        )
        secret = f"arn:aws:secretsmanager:{home}:{account.id}:secret:{role}/db-a1B2c3"
        caller.does(
            3, call(who, "secretsmanager", "GetSecretValue", *here, read=True, params={"secretId": secret}, **near)
        )
        table = {"tableName": "orders", "key": {"orderId": "<guid>"}, "consistentRead": False}
        caller.does(
            9,
            call(
                who,
                "dynamodb",
                "GetItem",
                *here,
                read=True,
                data=True,
                params=table,
                resources=[
                    {
                        "accountId": account.id,
                        "type": "AWS::DynamoDB::Table",
                        "ARN": f"arn:aws:dynamodb:{home}:{account.id}:table/orders",
                    }
                ],
                **near,
            ),
        )
        caller.does(
            4,
            call(
                who,
                "ssm",
                "UpdateInstanceInformation",
                *here,
                params={"instanceId": name, "agentVersion": "3.3.3050.0", "agentStatus": "Active"},
                **(near | {"agent": "aws-sdk-go/1.55.5 (go1.24.6; linux; amd64) amazon-ssm-agent/3.3.3050.0"}),
            ),
        )
        yield caller

    function = Caller(account, "workload", False, "thumbnailer")
    who = session(account.id, "thumbnailer-role", "thumbnailer", **_SPOT)
    outside: type_json = {"ip": world.egress(account), "agent": "awslambda-worker/1.0 rusoto/0.48.0 rust/1.89.0 linux"}
    group = {"logGroupName": "/aws/lambda/thumbnailer", "logStreamName": "<day>/[$LATEST]<hex32>"}
    function.does(6, call(who, "logs", "CreateLogStream", account.id, home, params=group, **outside))
    function.does(5, s3("PutObject", who, world.BOTO, "thumbnails/<hex32>.webp"))
    yield function


def _legacy(account: Account) -> Caller:
    """An application from 2017 that nobody dares to touch: old SDK, old TLS, the first metadata service."""
    caller = Caller(account, "workload", False, "legacy-billing")
    who = session(account.id, "legacy-billing", "i-" + hex17("legacy"), ec2RoleDelivery="1.0", **_SPOT)
    near: type_json = {"ip": "203.0.113.200", "agent": world.OLD_JAVA, "tls": "TLSv1.1"}
    queue = {"queueUrl": f"https://sqs.{account.home}.amazonaws.com/{account.id}/invoices"}
    caller.does(6, call(who, "sqs", "GetQueueAttributes", account.id, account.home, read=True, params=queue, **near))
    return caller


def _services(account: Account) -> Iterator[Caller]:
    for host, role, name, weight in (
        ("ec2.amazonaws.com", "orders-api", "i-" + hex17(account.id + "orders-api"), 10.0),
        ("lambda.amazonaws.com", "thumbnailer-role", "thumbnailer", 12.0),
        ("ecs-tasks.amazonaws.com", "checkout-task", "<hex32>", 8.0),
        ("config.amazonaws.com", "AWSServiceRoleForConfig", "AWSConfig-Describe", 7.0),
        ("backup.amazonaws.com", "AWSBackupDefaultServiceRole", "AWSBackup", 1.0),
    ):
        caller = Caller(account, "service", False, host)
        arn = f"arn:aws:iam::{account.id}:role/{role}"
        caller.does(
            weight,
            call(
                service(host),
                "sts",
                "AssumeRole",
                account.id,
                account.home,
                ip=host,
                agent=host,
                read=True,
                params={"roleArn": arn, "roleSessionName": name, "durationSeconds": 3600},
                response={
                    "credentials": {
                        "accessKeyId": "<asia>",
                        "sessionToken": "EXAMPLE",
                        "expiration": "Jan 1, 2027, 12:00:00 AM",
                    },
                    "assumedRoleUser": {
                        "assumedRoleId": f"{principal_id('AROA', account.id + role)}:{name}",
                        "arn": f"arn:aws:sts::{account.id}:assumed-role/{role}/{name}",
                    },
                },
                resources=[{"accountId": account.id, "type": "AWS::IAM::Role", "ARN": arn}],
                shared="<guid>",
                tls=None,
            ),
        )
        yield caller
    caller = Caller(account, "service", False, "AWS Internal")
    key = f"arn:aws:kms:{account.home}:{account.id}:key/{guid_of(account.id + 'key')}"
    log = f"arn:aws:s3:::acme-cloudtrail-logs/AWSLogs/{account.id}/CloudTrail/{account.home}/<hex32>.json.gz"
    for name, weight in (("GenerateDataKey", 9.0), ("Decrypt", 3.0)):
        caller.does(
            weight,
            call(
                service("cloudtrail.amazonaws.com"),
                "kms",
                name,
                account.id,
                account.home,
                ip="cloudtrail.amazonaws.com",
                agent="cloudtrail.amazonaws.com",
                read=True,
                params={"keyId": key, "encryptionContext": {"aws:s3:arn": log}},
                resources=[{"accountId": account.id, "type": "AWS::KMS::Key", "ARN": key}],
                shared="<guid>",
                tls=None,
            ),
        )
    caller.does(
        0.02,
        call(
            {"accountId": account.id, "invokedBy": "AWS Internal"},
            "kms",
            "RotateKey",
            account.id,
            account.home,
            ip="AWS Internal",
            agent="AWS Internal",
            resources=[{"accountId": account.id, "type": "AWS::KMS::Key", "ARN": key}],
            kind="AwsServiceEvent",
            serviceEventDetails={"keyId": key.rpartition("/")[2], "rotationType": "AUTOMATIC"},
        ),
    )
    linked = "AWSServiceRoleForAutoScaling"
    who = session(account.id, linked, "AutoScaling", path="aws-service-role/autoscaling.amazonaws.com/", **_SPOT)
    who["invokedBy"] = "autoscaling.amazonaws.com"
    scaling: type_json = {"ip": "autoscaling.amazonaws.com", "agent": "autoscaling.amazonaws.com", "tls": None}
    for name, weight in (("RunInstances", 0.4), ("TerminateInstances", 0.4)):
        instance = {"instanceId": "i-<hex17>"}
        starts = name == "RunInstances"
        caller.does(
            weight,
            call(
                who,
                "ec2",
                name,
                account.id,
                account.home,
                params={"instanceType": "m7g.large", "instancesSet": {"items": [{"minCount": 1, "maxCount": 1}]}}
                if starts
                else {"instancesSet": {"items": [instance]}},
                response={"requestId": "<request>", "instancesSet": {"items": [instance]}},
                **scaling,
            ),
        )
    yield caller


def _monitoring(account: Account) -> Iterator[Caller]:
    caller = Caller(account, "monitoring", False, "observability")
    who = session(account.id, "observability-readonly", "collector", **_SPOT)
    near: type_json = {"ip": "203.0.113.60", "agent": world.BOTO, "read": True}
    for source, name, weight, params in (
        ("ec2", "DescribeInstances", 9.0, {"instancesSet": {}, "filterSet": {}}),
        ("monitoring", "GetMetricData", 14.0, {"startTime": "<time>", "maxDatapoints": 1000}),
        ("elasticloadbalancing", "DescribeTargetHealth", 5.0, {"targetGroupArn": "arn:aws:elasticloadbalancing:::tg"}),
        ("rds", "DescribeDBInstances", 3.0, {"maxRecords": 100}),
        ("s3", "ListBuckets", 1.0, {"Host": "s3.amazonaws.com"}),
        ("cloudtrail", "DescribeTrails", 0.6, {"includeShadowTrails": False}),
        ("iam", "ListRoles", 0.5, {"maxItems": 1000}),
        ("lambda", "ListFunctions20150331", 2.0, {"maxItems": 50}),
    ):
        for region in account.regions if source in {"ec2", "monitoring"} else (account.home,):
            at = world.GLOBAL_REGION if source == "iam" else region
            share = weight if region == account.home else weight * 0.3
            caller.does(share, call(who, source, name, account.id, at, params=params, **near))
    throttled = ("ThrottlingException", "Rate exceeded")
    caller.does(0.8, call(who, "monitoring", "GetMetricData", account.id, account.home, error=throttled, **near))
    slow = ("Client.RequestLimitExceeded", "Request limit exceeded.")
    caller.does(0.3, call(who, "ec2", "DescribeInstances", account.id, account.home, error=slow, **near))
    yield caller


def _pipelines(account: Account) -> Iterator[Caller]:
    caller = Caller(account, "pipeline", False, "github-deploy")
    who = session(account.id, "github-deploy", "GitHubActions", **_SPOT)
    near: type_json = {"ip": "203.0.113.<host>", "agent": world.TERRAFORM}
    provider = f"arn:aws:iam::{account.id}:oidc-provider/token.actions.githubusercontent.com"
    subject = "repo:acme/orders:ref:refs/heads/main"
    role = f"arn:aws:iam::{account.id}:role/github-deploy"
    caller.does(
        4,
        call(
            {
                "type": "WebIdentityUser",
                "principalId": f"{provider}:sts.amazonaws.com:{subject}",
                "userName": subject,
                "identityProvider": provider,
            },
            "sts",
            "AssumeRoleWithWebIdentity",
            account.id,
            account.home,
            read=True,
            params={"roleArn": role, "roleSessionName": "GitHubActions"},
            response={
                "credentials": {"accessKeyId": "<asia>", "sessionToken": "EXAMPLE", "expiration": "<day>"},
                "subjectFromWebIdentityToken": subject,
                "assumedRoleUser": {"arn": f"arn:aws:sts::{account.id}:assumed-role/github-deploy/GitHubActions"},
                "provider": provider,
                "audience": "sts.amazonaws.com",
            },
            resources=[{"accountId": account.id, "type": "AWS::IAM::Role", "ARN": role}],
            **near,
        ),
    )
    function = f"arn:aws:lambda:{account.home}:{account.id}:function:thumbnailer"
    stack = {"stackName": "orders"}
    for source, name, weight, read, params, response in (
        ("cloudformation", "DescribeStacks", 12.0, True, stack, None),
        ("cloudformation", "DescribeStackEvents", 8.0, True, stack, None),
        (
            "cloudformation",
            "CreateChangeSet",
            2.0,
            False,
            {**stack, "changeSetName": "deploy-<hex17>"},
            {"id": "<guid>"},
        ),
        ("ecr", "GetAuthorizationToken", 4.0, True, {}, None),
        ("ecr", "PutImage", 2.0, False, {"repositoryName": "checkout", "imageTag": "<hex17>"}, {"image": {}}),
        (
            "ecs",
            "RegisterTaskDefinition",
            2.0,
            False,
            {"family": "checkout"},
            {"taskDefinition": {"revision": "<#number>"}},
        ),
        (
            "ecs",
            "UpdateService",
            2.0,
            False,
            {"cluster": "main", "service": "checkout"},
            {"service": {"status": "ACTIVE"}},
        ),
        (
            "lambda",
            "UpdateFunctionCode20150331v2",
            1.5,
            False,
            {"functionName": function, "publish": True},
            {"functionName": "thumbnailer", "functionArn": function, "codeSha256": "<digest>"},
        ),
        ("iam", "GetRole", 6.0, True, {"roleName": "checkout-task"}, None),
        (
            "iam",
            "PutRolePolicy",
            0.3,
            False,
            {"roleName": "checkout-task", "policyName": "inline", "policyDocument": '{"Version":"2012-10-17"}'},
            None,
        ),
    ):
        at = world.GLOBAL_REGION if source == "iam" else account.home
        caller.does(
            weight, call(who, source, name, account.id, at, read=read, params=params, response=response, **near)
        )
    changed: type_json = {"requestId": "<request>", "_return": True}
    vpc, acl = {"vpcId": "vpc-" + hex17(account.id)}, {"networkAclId": "acl-" + hex17(account.id)}
    route = {"routeTableId": "rtb-" + hex17(account.id), "destinationCidrBlock": "10.<host>.0.0/16"}
    network: tuple[tuple[str, type_json], ...] = (
        ("CreateNetworkAclEntry", {**acl, "ruleNumber": "<#number>", "egress": False, "ruleAction": "deny"}),
        ("AttachInternetGateway", {**vpc, "internetGatewayId": "igw-<hex17>"}),
        ("CreateRoute", {**route, "transitGatewayId": "tgw-" + hex17("tgw")}),
        ("ModifyVpcAttribute", {**vpc, "enableDnsHostnames": {"value": True}}),
    )
    for change, details in network:
        caller.does(0.1, call(who, "ec2", change, account.id, account.home, params=details, response=changed, **near))
    yield caller


_LOOKS: tuple[tuple[str, str, float, type_json | None], ...] = (
    ("ec2", "DescribeInstances", 6, {"instancesSet": {}, "filterSet": {}}),
    ("ec2", "DescribeSecurityGroups", 4, {"securityGroupSet": {}, "securityGroupIdSet": {}, "filterSet": {}}),
    ("ec2", "DescribeRegions", 2, {"regionSet": {}}),
    ("monitoring", "DescribeAlarms", 4, {"maxRecords": 100}),
    ("logs", "StartQuery", 2, {"logGroupName": "/aws/lambda/thumbnailer", "queryString": "fields @timestamp"}),
    ("logs", "GetQueryResults", 5, {"queryId": "<guid>"}),
    ("iam", "ListUsers", 1.5, None),
    ("iam", "GetUser", 1, None),
    ("s3", "ListBuckets", 2, {"Host": "s3.amazonaws.com"}),
    ("health", "DescribeEventAggregates", 3, {"aggregateField": "eventTypeCategory"}),
    ("ce", "GetCostAndUsage", 1, {"granularity": "DAILY"}),
    ("sts", "GetCallerIdentity", 2, None),
    ("athena", "StartQueryExecution", 1.5, {"workGroup": "analysts", "queryString": "***OMITTED***"}),
)


def _people(account: Account) -> Iterator[Caller]:
    for at, person in enumerate(account.people):
        caller = Caller(account, "human", True, person)
        here = world.OFFICE if at % 2 else world.address(person)
        if at == 4:  # one of them still has an IAM user and its long-lived key
            key = access_key("AKIA", account.id + person)
            who = user(account.id, person, key)
            agent, console = world.CLI.format("ec2.describe-instances"), False
        else:
            role = "AWSReservedSSO_Developer_" + hex17(account.id)[:16]
            place = f"aws-reserved/sso.amazonaws.com/{account.home}/"
            who = session(account.id, role, f"{person}@acme.example", path=place, **_SPOT)
            agent, console = world.BROWSER, True
        near: type_json = {"ip": here, "agent": agent, "console": console}
        for source, name, weight, params in _LOOKS:
            region = world.GLOBAL_REGION if source in {"iam", "health", "ce"} else account.home
            caller.does(weight, call(who, source, name, account.id, region, read=True, params=params, **near))
        for record, weight in _changes(account, who, near):
            caller.does(weight, record)
        denied = f"User: {who['arn']} is not authorized to perform: iam:ListAccessKeys with an explicit deny"
        caller.does(
            0.5,
            call(
                who,
                "iam",
                "ListAccessKeys",
                account.id,
                world.GLOBAL_REGION,
                read=True,
                error=("AccessDenied", denied),
                **near,
            ),
        )
        for record, weight in _sign_ins(account, person, here, iam=at == 4):
            caller.does(weight, record)
        yield caller


def _changes(account: Account, who: type_json, near: type_json) -> Iterator[tuple[type_json, float]]:
    home = (account.id, account.home)
    instance = {"instancesSet": {"items": [{"instanceId": "i-" + hex17(account.id + "orders-api")}]}}
    yield call(who, "ec2", "RebootInstances", *home, params=instance, response={"_return": True}, **near), 0.3
    rule = {"groups": {}, "ipRanges": {"items": [{"cidrIp": "203.0.113.0/24"}]}, "ipv6Ranges": {}, "prefixListIds": {}}
    group = {
        "groupId": "sg-" + hex17(account.id),
        "ipPermissions": {"items": [{"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, **rule}]},
    }
    yield (
        call(who, "ec2", "AuthorizeSecurityGroupIngress", *home, params=group, response={"_return": True}, **near),
        0.15,
    )
    tags = {
        "resourcesSet": {"items": [{"resourceId": "i-" + hex17(account.id + "orders-api")}]},
        "tagSet": {"items": [{"key": "owner", "value": "platform"}]},
    }
    yield call(who, "ec2", "CreateTags", *home, params=tags, response={"_return": True}, **near), 0.4
    alarm = {"alarmName": "orders-5xx", "threshold": 10, "evaluationPeriods": 3}
    yield call(who, "monitoring", "PutMetricAlarm", *home, params=alarm, **near), 0.3


def _sign_ins(account: Account, person: str, here: str, *, iam: bool) -> Iterator[tuple[type_json, float]]:
    page = "https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true&nc2=h_ct"
    if not iam:
        who: type_json = {
            "type": "IdentityCenterUser",
            "accountId": account.id,
            "onBehalfOf": {
                "userId": guid_of(person),
                "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1234567890",
            },
            "credentialId": "<guid>",
        }
        yield (
            call(
                who,
                "signin",
                "UserAuthentication",
                account.id,
                world.GLOBAL_REGION,
                ip=here,
                agent=world.BROWSER,
                kind="AwsServiceEvent",
                additional={"AuthWorkflowID": "<guid>", "UserName": person, "CredentialType": "PASSWORD"},
                serviceEventDetails={"CredentialVerification": "Success"},
            ),
            1.2,
        )
        return
    who = user(account.id, person)
    serial = f"arn:aws:iam::{account.id}:mfa/{person}"
    near: type_json = {"ip": here, "agent": world.BROWSER, "kind": "AwsConsoleSignIn"}
    entry = {"LoginTo": page, "MobileVersion": "No"}
    yes = {**entry, "MFAIdentifier": serial, "MFAUsed": "Yes"}
    there = (account.id, world.GLOBAL_REGION)
    success, failure = {"ConsoleLogin": "Success"}, {"ConsoleLogin": "Failure"}
    yield call(who, "signin", "ConsoleLogin", *there, response=success, additional=yes, **near), 2.5
    wrong = call(who, "signin", "ConsoleLogin", *there, response=failure, additional={**entry, "MFAUsed": "No"}, **near)
    yield wrong | {"errorMessage": "Failed authentication"}, 0.2
