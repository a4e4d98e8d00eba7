"""Every named query over rows that must match and near misses that must not."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count
from typing import Any

import pytest

from runtime.athena.named import load

TODAY = date(2024, 5, 10)
A, B, C = "111111111111", "222222222222", "333333333333"
ALICE = f"arn:aws:iam::{A}:user/alice"
BOB = f"arn:aws:iam::{A}:user/bob"
ROLE = f"arn:aws:iam::{B}:role/deploy"
HOME, AWAY = "192.0.2.10", "198.51.100.7"

Event = dict[str, str | None]
_numbers = count()


def ev(name: str = "DescribeInstances", source: str = "ec2", /, **columns: object) -> Event:
    """One event with unremarkable values; dicts and lists become JSON text, `at` is 'DD HH:MM:SS' of May 2024."""
    day, _, clock = str(columns.pop("at", "06 12:00:00")).partition(" ")
    event: Event = {
        "eventtime": f"2024-05-{day}T{clock}+00:00",
        "eventid": f"e{next(_numbers):05d}",
        "eventname": name,
        "eventsource": f"{source}.amazonaws.com",
        "eventtype": "AwsApiCall",
        "awsregion": "eu-central-1",
        "recipientaccountid": A,
        "sourceipaddress": HOME,
        "useridentity_type": "IAMUser",
        "useridentity_arn": ALICE,
        "useridentity_accountid": A,
    }
    for key, value in columns.items():
        event[key] = json.dumps(value, separators=(",", ":")) if isinstance(value, dict | list) else value  # type: ignore[assignment]
    return event


@dataclass
class Case:
    """`rows` is what the columns `show` must hold, in the query's order."""

    query: str
    show: str
    match: list[Event]
    miss: list[Event]
    rows: list[tuple[Any, ...]]
    values: dict[str, str | list[str]] = field(default_factory=dict)


def at(day: int, hour: int = 12, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2024, 5, day, hour, minute, second)


def changes(query: str, source: str, names: str, miss: Iterable[str], **columns: object) -> Case:
    """A query that lists calls by name: each of them from this service, none from another, none beside them."""
    listed = names.split()
    return Case(
        query,
        "eventname",
        [ev(name, source, at=f"06 12:00:{second:02d}", **columns) for second, name in enumerate(listed)],
        [ev(listed[0], "elsewhere"), *(ev(name, source) for name in miss)],
        [(name,) for name in listed],
    )


def login(result: str = "Success", **columns: object) -> Event:
    return ev(
        "ConsoleLogin",
        "signin",
        **{"eventtype": "AwsConsoleSignIn", "responseelements_consolelogin": result, **columns},
    )


def opened(*ranges: dict[str, Any], name: str = "AuthorizeSecurityGroupIngress", **columns: object) -> Event:
    items = [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, **entry} for entry in ranges]
    return ev(name, requestparameters={"groupId": "sg-1", "ipPermissions": {"items": items}}, **columns)


def v4(cidr: str) -> dict[str, Any]:
    return {"ipRanges": {"items": [{"cidrIp": cidr, "description": '"cidrIp":"0.0.0.0/0"'}]}}


def bucket(name: str = "PutBucketPolicy", **columns: object) -> Event:
    return ev(name, "s3", requestparameters_bucketname="b", **columns)


def policy(*statements: dict[str, Any] | str) -> dict[str, Any]:
    return {"bucketName": "b", "bucketPolicy": {"Version": "2012-10-17", "Statement": list(statements)}}


def issued(parent: str, child: str, **columns: object) -> Event:
    return ev(
        "AssumeRole",
        "sts",
        **{
            "useridentity_accesskeyid": parent,
            "responseelements_credentials_accesskeyid": child,
            "responseelements_assumedroleuser_arn": f"to-{child}",
            **columns,
        },
    )


CASES = [
    Case(
        "hour",
        "eventname",
        [ev("First", at="06 12:00:00"), ev("Last", at="06 12:59:59")],
        [ev("Before", at="06 11:59:59"), ev("After", at="06 13:00:00"), ev("NextDay", at="07 12:30:00")],
        [("First",), ("Last",)],
        {"from_time": "2024-05-06T14:00:00+02:00", "to_time": "2024-05-06T13:00:00Z"},
    ),
    Case(
        "cis-4-1-unauthorized-calls",
        "errorcode",
        [
            ev(errorcode="AccessDenied"),
            ev(errorcode="AccessDeniedException", sourceipaddress=None),
            ev(errorcode="Client.UnauthorizedOperation"),
        ],
        [
            ev(),
            ev(errorcode="NoSuchBucket"),
            ev(errorcode="AccessDenied", sourceipaddress="delivery.logs.amazonaws.com"),
            ev("HeadBucket", "s3", errorcode="AccessDenied"),
        ],
        [("AccessDenied",), ("AccessDeniedException",), ("Client.UnauthorizedOperation",)],
    ),
    Case(
        "cis-4-2-console-without-mfa",
        "additionaleventdata_mfaused",
        [login(additionaleventdata_mfaused="No"), login()],
        [
            login(additionaleventdata_mfaused="Yes"),
            login(additionaleventdata_mfaused="true"),
            login("Failure", additionaleventdata_mfaused="No"),
            login(additionaleventdata_mfaused="No", useridentity_type="AssumedRole"),
            ev("GetSigninToken", "signin", responseelements_consolelogin="Success"),
        ],
        [("No",), (None,)],
    ),
    Case(
        "cis-4-3-root-usage",
        "eventname",
        [ev("CreateUser", "iam", useridentity_type="Root", eventtype=None)],
        [
            ev("CreateUser", "iam"),
            ev(useridentity_type="Root", useridentity_invokedby="support.amazonaws.com"),
            ev(useridentity_type="Root", eventtype="AwsServiceEvent"),
        ],
        [("CreateUser",)],
    ),
    changes(
        "cis-4-4-iam-policy-changes",
        "iam",
        "DeleteGroupPolicy DeleteRolePolicy DeleteUserPolicy PutGroupPolicy PutRolePolicy PutUserPolicy CreatePolicy"
        " DeletePolicy CreatePolicyVersion DeletePolicyVersion AttachRolePolicy DetachRolePolicy AttachUserPolicy"
        " DetachUserPolicy AttachGroupPolicy DetachGroupPolicy",
        ["GetPolicy", "SetDefaultPolicyVersion", "CreateUser"],
    ),
    changes(
        "cis-4-5-cloudtrail-changes",
        "cloudtrail",
        "CreateTrail UpdateTrail DeleteTrail StartLogging StopLogging",
        ["GetTrail", "LookupEvents"],
    ),
    Case(
        "cis-4-6-console-failures",
        "useridentity_username",
        [login("Failure", errormessage="Failed authentication", useridentity_username="u")],
        [
            login("Failure", errormessage="No username found in supplied account"),
            login(),
            ev("GetFederationToken", "sts", errormessage="Failed authentication"),
        ],
        [("u",)],
    ),
    changes(
        "cis-4-7-kms-key-disabled",
        "kms",
        "DisableKey ScheduleKeyDeletion",
        ["CancelKeyDeletion", "EnableKey", "DisableKeyRotation"],
    ),
    changes(
        "cis-4-8-bucket-policy-changes",
        "s3",
        "PutBucketAcl PutBucketPolicy PutBucketCors PutBucketLifecycle PutBucketReplication DeleteBucketPolicy"
        " DeleteBucketCors DeleteBucketLifecycle DeleteBucketReplication",
        ["GetBucketPolicy", "PutObjectAcl", "PutBucketTagging"],
    ),
    changes(
        "cis-4-9-config-changes",
        "config",
        "StopConfigurationRecorder DeleteDeliveryChannel PutDeliveryChannel PutConfigurationRecorder",
        ["StartConfigurationRecorder", "DescribeDeliveryChannels"],
    ),
    changes(
        "cis-4-10-security-group-changes",
        "ec2",
        "AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress RevokeSecurityGroupIngress"
        " RevokeSecurityGroupEgress CreateSecurityGroup DeleteSecurityGroup",
        ["DescribeSecurityGroups", "CreateNetworkAcl"],
    ),
    changes(
        "cis-4-11-network-acl-changes",
        "ec2",
        "CreateNetworkAcl CreateNetworkAclEntry DeleteNetworkAcl DeleteNetworkAclEntry ReplaceNetworkAclEntry"
        " ReplaceNetworkAclAssociation",
        ["DescribeNetworkAcls", "CreateSecurityGroup"],
    ),
    changes(
        "cis-4-12-gateway-changes",
        "ec2",
        "CreateCustomerGateway DeleteCustomerGateway AttachInternetGateway CreateInternetGateway"
        " DeleteInternetGateway DetachInternetGateway",
        ["CreateNatGateway", "DescribeInternetGateways"],
    ),
    changes(
        "cis-4-13-route-table-changes",
        "ec2",
        "CreateRoute CreateRouteTable ReplaceRoute ReplaceRouteTableAssociation DeleteRouteTable DeleteRoute"
        " DisassociateRouteTable",
        ["AssociateRouteTable", "DescribeRouteTables"],
    ),
    changes(
        "cis-4-14-vpc-changes",
        "ec2",
        "CreateVpc DeleteVpc ModifyVpcAttribute AcceptVpcPeeringConnection CreateVpcPeeringConnection"
        " DeleteVpcPeeringConnection RejectVpcPeeringConnection AttachClassicLinkVpc DetachClassicLinkVpc"
        " DisableVpcClassicLink EnableVpcClassicLink",
        ["CreateVpcEndpoint", "CreateSubnet", "DescribeVpcs"],
    ),
    changes(
        "cis-4-15-organizations-changes",
        "organizations",
        "AcceptHandshake AttachPolicy CreateAccount CreateOrganizationalUnit CreatePolicy DeclineHandshake"
        " DeleteOrganization DeleteOrganizationalUnit DeletePolicy DetachPolicy DisablePolicyType EnablePolicyType"
        " InviteAccountToOrganization LeaveOrganization MoveAccount RemoveAccountFromOrganization UpdatePolicy"
        " UpdateOrganizationalUnit",
        ["ListAccounts", "DescribeOrganization"],
    ),
    Case(
        "root-use",
        "eventname, mfa, events",
        [
            ev("CreateUser", "iam", useridentity_type="Root"),
            ev("CreateUser", "iam", useridentity_type="Root"),
            login(useridentity_type="Root", additionaleventdata_mfaused="Yes"),
            ev("PutBucketPolicy", "s3", useridentity_sessioncontext_assumedroot="true"),
        ],
        [
            ev("CreateUser", "iam"),
            ev(useridentity_type="Root", useridentity_invokedby="autoscaling.amazonaws.com"),
            ev(useridentity_type="Root", eventtype="AwsServiceEvent"),
            ev(useridentity_sessioncontext_assumedroot="false"),
        ],
        [("CreateUser", "unknown", 2), ("PutBucketPolicy", "unknown", 1), ("ConsoleLogin", "Yes", 1)],
    ),
    Case(
        "console-logins-without-mfa",
        "principal, logins, addresses",
        [
            login(),
            login(sourceipaddress=AWAY, additionaleventdata_mfaused="No"),
            login(useridentity_arn=BOB),
            login(useridentity_arn=None, useridentity_username="carol"),
        ],
        [
            login("Failure"),
            login(additionaleventdata_mfaused="Yes"),
            login(useridentity_sessioncontext_attributes_mfaauthenticated="true"),
            ev("SwitchRole", "signin", responseelements_consolelogin="Success"),
        ],
        [(ALICE, 2, 2), (BOB, 1, 1), ("carol", 1, 1)],
    ),
    Case(
        "failed-logins-by-ip",
        "sourceipaddress, failures, users, successes",
        [
            login("Failure", useridentity_username="a"),
            login("Failure", useridentity_username="b"),
            login(useridentity_username="c"),
        ],
        [login("Failure", sourceipaddress=AWAY), ev("AssumeRole", "sts", responseelements_consolelogin="Failure")],
        [(HOME, 2, 2, 1)],
        {"min_failures": "2"},
    ),
    Case(
        "password-spraying",
        "hour, sourceipaddress, users, failures",
        [
            login("Failure", useridentity_username="a"),
            login("Failure", useridentity_username="b", at="06 12:59:59"),
            login("Failure", useridentity_username="b"),
        ],
        [
            login("Failure", useridentity_username="a", at="06 13:00:00"),
            login("Failure", useridentity_username="a", sourceipaddress=AWAY),
            login("Failure", useridentity_username="a", sourceipaddress=AWAY),
            login(useridentity_username="b", sourceipaddress=AWAY),
            ev("CheckMfa", "signin", responseelements_consolelogin="Failure", useridentity_username="c"),
        ],
        [(at(6), HOME, 2, 3)],
        {"min_users": "2"},
    ),
    Case(
        "access-denied-by-principal",
        "principal, denied, actions, addresses",
        [
            ev("A", errorcode="AccessDenied"),
            ev("B", errorcode="Client.UnauthorizedOperation", sourceipaddress=AWAY),
            ev(errorcode="AccessDeniedException", useridentity_sessioncontext_sessionissuer_arn=ROLE),
        ],
        [ev(), ev(errorcode="Throttling"), ev(errorcode="NoSuchKey")],
        [(ALICE, 2, 2, 2), (ROLE, 1, 1, 1)],
    ),
    Case(
        "assume-role-across-accounts",
        "from_account, to_account, role, calls, failed",
        [
            ev("AssumeRole", "sts", requestparameters_rolearn=ROLE),
            ev("AssumeRole", "sts", requestparameters_rolearn=ROLE, errorcode="AccessDenied"),
            # the caller's and the owner's copy of one call
            ev("AssumeRole", "sts", requestparameters_rolearn=ROLE, sharedeventid="s"),
            ev("AssumeRole", "sts", requestparameters_rolearn=ROLE, sharedeventid="s", recipientaccountid=B),
        ],
        [
            ev("AssumeRole", "sts", requestparameters_rolearn=ROLE, useridentity_accountid=B),
            ev("AssumeRole", "sts", requestparameters_rolearn=ROLE, useridentity_accountid=C),
            ev("AssumeRole", "sts", requestparameters_rolearn=ROLE, useridentity_accountid=None),
            ev("AssumeRole", "sts"),
            ev("AssumeRole", "elsewhere", requestparameters_rolearn=ROLE),
            ev("AssumeRoleWithSAML", "sts", requestparameters_rolearn=ROLE),
        ],
        [(A, B, ROLE, 3, 1)],
        {"trusted": [C]},
    ),
    Case(
        "role-chain",
        "step, parent_key, new_key, target",
        [
            issued("AKIA1", "ASIA1"),
            issued("ASIA1", "ASIA2", at="06 13:00:00"),
            issued("ASIA1", "ASIA3", at="06 14:00:00"),
            ev(
                "CreateAccessKey",
                "iam",
                useridentity_accesskeyid="ASIA3",
                responseelements_accesskey_accesskeyid="AKIA2",
                responseelements_accesskey_username="backdoor",
            ),
            issued("AKIA2", "AKIA1"),  # a circle ends
        ],
        [
            issued("AKIA9", "ASIA9"),
            issued("ASIA2", "", responseelements_credentials_accesskeyid=None),
            ev(useridentity_accesskeyid="AKIA1"),
        ],
        [
            (1, "AKIA1", "ASIA1", "to-ASIA1"),
            (2, "ASIA1", "ASIA2", "to-ASIA2"),
            (2, "ASIA1", "ASIA3", "to-ASIA3"),
            (3, "ASIA3", "AKIA2", "backdoor"),
            (4, "AKIA2", "AKIA1", "to-AKIA1"),
            (5, "AKIA1", "ASIA1", "to-ASIA1"),
            (6, "ASIA1", "ASIA2", "to-ASIA2"),
            (6, "ASIA1", "ASIA3", "to-ASIA3"),
            (7, "ASIA3", "AKIA2", "backdoor"),
            (8, "AKIA2", "AKIA1", "to-AKIA1"),
        ],
        {"key": "AKIA1"},
    ),
    Case(
        "session-events",
        "eventname",
        [
            ev("One", useridentity_accesskeyid="S"),
            ev("Two", useridentity_arn="S", at="06 12:00:01"),
            ev("Three", useridentity_principalid="S", at="06 12:00:02"),
            ev("Four", useridentity_sessioncontext_signinsessionarn="S", at="06 12:00:03"),
        ],
        [ev(useridentity_accesskeyid="S2"), ev(useridentity_username="S"), ev()],
        [("One",), ("Two",), ("Three",), ("Four",)],
        {"session": "S"},
    ),
    Case(
        "ioc",
        "matched, eventname",
        [
            ev("Ip", sourceipaddress="203.0.113.9"),
            ev("LowEnd", sourceipaddress="10.1.0.0"),
            ev("HighEnd", sourceipaddress="10.1.255.255"),
            ev("Slash32", sourceipaddress="198.51.100.255"),
            ev("TopHalf", sourceipaddress="255.255.255.255"),
            ev("V6", sourceipaddress="2001:db8::1"),
            ev("Key", useridentity_accesskeyid="AKIABAD"),
            ev("Issued", "sts", responseelements_credentials_accesskeyid="AKIABAD"),
            ev("Made", "iam", responseelements_accesskey_accesskeyid="AKIABAD"),
            ev("Arn", useridentity_arn=BOB),
            ev("Issuer", useridentity_sessioncontext_sessionissuer_arn=BOB),
            ev("Asked", "sts", requestparameters_rolearn=BOB),
        ],
        [
            ev(sourceipaddress="10.0.255.255"),
            ev(sourceipaddress="10.2.0.0"),
            ev(sourceipaddress="198.51.100.254"),
            ev(sourceipaddress="239.255.255.255"),
            ev(sourceipaddress="10.1.0.0.example.com"),
            ev(sourceipaddress="s3.amazonaws.com"),
            ev(sourceipaddress="2001:db8::10"),
            ev(sourceipaddress="203.0.113.90"),
            ev(sourceipaddress=None),
            ev(useridentity_accesskeyid="AKIABAD2"),
            ev(useridentity_arn=BOB + "by"),
        ],
        [
            ("address", "Ip"),
            ("network", "LowEnd"),
            ("network", "HighEnd"),
            ("network", "Slash32"),
            ("network", "TopHalf"),
            ("address", "V6"),
            ("key used", "Key"),
            ("key issued", "Issued"),
            ("key issued", "Made"),
            ("principal", "Arn"),
            ("principal", "Issuer"),
            ("role asked for", "Asked"),
        ],
        {
            "ips": ["203.0.113.9", "2001:db8::1"],
            # one written with host bits, two that overlap, and two that are none
            "cidrs": ["10.1.2.3/16", "10.1.0.0/24", "198.51.100.255/32", "240.0.0.0/4", "10.0.0.0/33", "nonsense"],
            "keys": ["AKIABAD"],
            "arns": [BOB],
        },
    ),
    Case(
        "access-key-activity",
        "eventname, events, errors, first_seen, last_seen",
        [
            ev("A", useridentity_accesskeyid="K", at="06 12:00:00"),
            ev("A", useridentity_accesskeyid="K", at="06 14:00:00", errorcode="AccessDenied"),
            ev("B", useridentity_accesskeyid="K", at="06 13:00:00"),
        ],
        [ev(useridentity_accesskeyid="K2"), ev()],
        [("A", 2, 1, at(6), at(6, 14)), ("B", 1, 0, at(6, 13), at(6, 13))],
        {"key": "K"},
    ),
    Case(
        "new-regions",
        "recipientaccountid, awsregion, first_seen, first_principal, events",
        [
            ev(awsregion="ap-south-1", at="08 10:00:00", useridentity_arn=BOB),
            ev(awsregion="ap-south-1", at="09 10:00:00"),
            ev(recipientaccountid=B, at="05 10:00:00", useridentity_arn=None),
        ],
        [ev(at="04 23:59:59"), ev(at="08 10:00:00"), ev(awsregion=None, at="08 10:00:00")],
        [(B, "eu-central-1", at(5, 10), "IAMUser", 1), (A, "ap-south-1", at(8, 10), BOB, 2)],
        {"since": "2024-05-05"},
    ),
    Case(
        "new-services",
        "eventsource, first_seen, first_principal, events",
        [ev("Invoke", "bedrock", at="08 10:00:00")],
        [
            ev("X", at="03 10:00:00"),
            ev("X", at="08 10:00:00"),
            ev("X", at="08 10:00:00", eventsource=None),
        ],
        [("bedrock.amazonaws.com", at(8, 10), ALICE, 1)],
        {"since": "2024-05-05"},
    ),
    Case(
        "security-groups-open-to-world",
        "eventname, protocol, from_port, to_port",
        [
            opened(v4("10.0.0.0/8"), v4("0.0.0.0/0") | {"fromPort": 3389, "toPort": 3390}),
            opened({"ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]}}, at="06 12:00:01"),
            ev(
                "AuthorizeSecurityGroupIngress",
                requestparameters={"groupId": "g", "cidrIp": "0.0.0.0/0", "ipProtocol": "udp", "fromPort": 53},
                at="06 12:00:02",
            ),
            ev(
                "ModifySecurityGroupRules",
                requestparameters={"SecurityGroupRule": {"CidrIpv4": "0.0.0.0/0"}},
                at="06 12:00:03",
            ),
        ],
        [
            opened(v4("10.0.0.0/8")),
            opened(v4("10.0.0.0/0")),
            opened({"ipv6Ranges": {"items": [{"cidrIpv6": "2001:db8::/0"}]}}),
            opened(v4("0.0.0.0/0"), errorcode="Client.UnauthorizedOperation"),
            opened(v4("0.0.0.0/0"), name="AuthorizeSecurityGroupEgress"),
            opened(v4("0.0.0.0/0"), name="RevokeSecurityGroupIngress"),
            opened(v4("0.0.0.0/0"), eventsource="elsewhere.amazonaws.com"),
        ],
        [
            ("AuthorizeSecurityGroupIngress", "tcp", "3389", "3390"),
            ("AuthorizeSecurityGroupIngress", "tcp", "22", "22"),
            ("AuthorizeSecurityGroupIngress", "udp", "53", None),
            ("ModifySecurityGroupRules", None, None, None),
        ],
    ),
    Case(
        "public-snapshots-and-images",
        "eventname, resource",
        [
            ev(
                "ModifySnapshotAttribute",
                requestparameters_snapshotid="snap-1",
                requestparameters={"createVolumePermission": {"add": {"items": [{"userId": A}, {"group": "all"}]}}},
            ),
            ev(
                "ModifyImageAttribute",
                requestparameters_imageid="ami-1",
                requestparameters={"launchPermission": {"add": {"items": [{"group": "all"}]}}},
            ),
            ev(
                "ModifyDBSnapshotAttribute",
                "rds",
                requestparameters={
                    "dBSnapshotIdentifier": "db-1",
                    "attributeName": "restore",
                    "valuesToAdd": [A, "all"],
                },
            ),
            ev(
                "ModifyDBClusterSnapshotAttribute",
                "rds",
                requestparameters={
                    "dBClusterSnapshotIdentifier": "cl-1",
                    "attributeName": "restore",
                    "valuesToAdd": ["all"],
                },
            ),
        ],
        [
            ev(
                "ModifySnapshotAttribute",
                requestparameters={"createVolumePermission": {"remove": {"items": [{"group": "all"}]}}},
            ),
            ev(
                "ModifySnapshotAttribute",
                requestparameters={"createVolumePermission": {"add": {"items": [{"userId": "all"}]}}},
            ),
            ev(
                "ModifyImageAttribute",
                requestparameters={"launchPermission": {"add": {"items": [{"userId": A}]}}},
            ),
            ev(
                "ModifyDBSnapshotAttribute",
                "rds",
                requestparameters={"attributeName": "restore", "valuesToRemove": ["all"]},
            ),
            ev(
                "ModifyDBSnapshotAttribute",
                "rds",
                requestparameters={"attributeName": "other", "valuesToAdd": ["all"]},
            ),
        ],
        [
            ("ModifySnapshotAttribute", "snap-1"),
            ("ModifyImageAttribute", "ami-1"),
            ("ModifyDBSnapshotAttribute", "db-1"),
            ("ModifyDBClusterSnapshotAttribute", "cl-1"),
        ],
    ),
    Case(
        "public-buckets",
        "eventname, how",
        [
            bucket("PutBucketAcl", requestparameters_x_amz_acl='["public-read"]'),
            bucket("CreateBucket", requestparameters_x_amz_acl="public-read-write"),
            bucket(
                "PutBucketAcl",
                requestparameters={"Grantee": {"URI": "http://acs.amazonaws.com/groups/global/AllUsers"}},
            ),
            bucket("DeleteBucketPublicAccessBlock"),
            bucket(
                "PutBucketPublicAccessBlock",
                requestparameters={
                    "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "BlockPublicPolicy": False}
                },
            ),
            bucket(
                requestparameters=policy(
                    {"Effect": "Deny", "Principal": "*"}, {"Effect": "Allow", "Principal": {"AWS": ["x", "*"]}}
                )
            ),
            bucket(
                requestparameters={"bucketPolicy": {"Statement": {"Effect": "Allow", "Principal": "*"}}},
            ),
        ],
        [
            bucket("PutBucketAcl", requestparameters_x_amz_acl="private"),
            bucket("PutBucketAcl", requestparameters={"URI": "groups/s3/LogDelivery"}),
            bucket(
                "PutBucketPublicAccessBlock",
                requestparameters={"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}},
            ),
            bucket(
                requestparameters=policy(
                    {"Effect": "Deny", "Principal": "*"},
                    {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "*"},
                )
            ),
            bucket(requestparameters=policy("no statement")),
            bucket(),
            bucket("GetBucketAcl", requestparameters_x_amz_acl="public-read"),
            bucket("CreateBucket", requestparameters_x_amz_acl="public-read", eventsource="s3-outposts.amazonaws.com"),
        ],
        [
            ("PutBucketAcl", "canned ACL"),
            ("CreateBucket", "canned ACL"),
            ("PutBucketAcl", "grant to a group of everybody"),
            ("DeleteBucketPublicAccessBlock", "public access block deleted"),
            ("PutBucketPublicAccessBlock", "public access block weakened"),
            ("PutBucketPolicy", "policy for everybody"),
            ("PutBucketPolicy", "policy for everybody"),
        ],
    ),
    Case(
        "trail-tampering",
        "eventsource, eventname",
        [
            ev("StopLogging", "cloudtrail"),
            ev("DeleteDetector", "guardduty"),
            ev("DeleteFlowLogs", "ec2", errorcode="Client.UnauthorizedOperation"),
        ],
        [
            ev("StartLogging", "cloudtrail"),
            ev("StopLogging", "redshift"),
            ev("CreateFlowLogs"),
            ev("DeleteDetector", "frauddetector"),
        ],
        [
            ("cloudtrail.amazonaws.com", "StopLogging"),
            ("guardduty.amazonaws.com", "DeleteDetector"),
            ("ec2.amazonaws.com", "DeleteFlowLogs"),
        ],
    ),
    Case(
        "kms-deletions",
        "eventname, key_id, pending_days, deletion_date",
        [
            ev(
                "ScheduleKeyDeletion",
                "kms",
                requestparameters_keyid="k1",
                requestparameters={"keyId": "k1", "pendingWindowInDays": 7},
                responseelements={"deletionDate": "May 13, 2024"},
            ),
            ev("CancelKeyDeletion", "kms", requestparameters_keyid="k1"),
            ev("DeleteKey", "kms", eventtype="AwsServiceEvent", serviceeventdetails_keyid="k2"),
        ],
        [ev("DisableKey", "kms"), ev("DeleteAlias", "kms"), ev("DeleteKey", "elsewhere")],
        [
            ("ScheduleKeyDeletion", "k1", "7", "May 13, 2024"),
            ("CancelKeyDeletion", "k1", None, None),
            ("DeleteKey", "k2", None, None),
        ],
    ),
    Case(
        "console-writes",
        "eventname",
        [
            ev("A", readonly="false", sessioncredentialfromconsole="true"),
            ev("B", readonly="false", useragent="console.ec2.amazonaws.com"),
            ev("C", readonly="false", useragent="[S3Console/0.4, aws-internal/3]"),
            ev("D", readonly="false", useragent="signin.amazonaws.com"),
        ],
        [
            ev(readonly="true", sessioncredentialfromconsole="true"),
            ev(readonly="false", useragent="aws-cli/2.15 console.amazonaws.com"),
            ev(readonly="false", sessioncredentialfromconsole="false"),
            ev(
                readonly="false",
                sessioncredentialfromconsole="true",
                useridentity_invokedby="cloudformation.amazonaws.com",
            ),
            login(readonly="false", useragent="signin.amazonaws.com"),
        ],
        [("A",), ("B",), ("C",), ("D",)],
    ),
    Case(
        "top-talkers",
        "principal, events, errors, writes, addresses",
        [
            ev(readonly="false"),
            ev(errorcode="AccessDenied", sourceipaddress=AWAY),
            ev(useridentity_arn=BOB),
            ev(useridentity_arn=BOB, useridentity_sessioncontext_sessionissuer_arn=ROLE),
        ],
        [],
        [(ALICE, 2, 1, 1, 2), (BOB, 1, 0, 0, 1), (ROLE, 1, 0, 0, 1)],
    ),
    Case(
        "error-codes",
        "errorcode, eventname, errors, principals",
        [
            ev("A", errorcode="X"),
            ev("A", errorcode="X", useridentity_arn=BOB),
            ev("A", errorcode="Y"),
        ],
        [ev("A"), ev("A", errorcode="")],
        [("X", "A", 2, 2), ("Y", "A", 1, 1)],
    ),
    Case(
        "throttling",
        "hour, eventname, throttled",
        [
            ev("A", errorcode="ThrottlingException"),
            ev("A", errorcode="Client.RequestLimitExceeded", at="06 12:59:59"),
            ev("A", errorcode="SlowDown", at="06 13:00:00"),
        ],
        [ev("A"), ev("A", errorcode="LimitExceededException"), ev("A", errorcode="AccessDenied")],
        [(at(6), "A", 2), (at(6, 13), "A", 1)],
    ),
    Case(
        "old-tls",
        "tlsdetails_tlsversion, events",
        [ev(tlsdetails_tlsversion="TLSv1"), ev(tlsdetails_tlsversion="TLSv1.1"), ev(tlsdetails_tlsversion="TLSv1")],
        [ev(tlsdetails_tlsversion="TLSv1.2"), ev(tlsdetails_tlsversion="TLSv1.3"), ev()],
        [("TLSv1", 2), ("TLSv1.1", 1)],
    ),
    Case(
        "resource-history",
        "eventname",
        [
            ev("Run", responseelements={"instancesSet": {"items": [{"instanceId": "i-1"}]}}),
            ev("Stop", requestparameters={"instanceId": "i-1"}, readonly="false", at="06 12:00:01"),
            ev("Tag", resources=[{"ARN": f"arn:aws:ec2:x:{A}:instance/i-1"}], at="06 12:00:02"),
            ev("Alarm", resources=[{"ARN": "arn:aws:cloudwatch:x:y:alarm:i-1"}], at="06 12:00:03"),
        ],
        [
            ev(requestparameters={"instanceId": "i-12", "arn": "x:i-12"}),
            ev(requestparameters={"instanceId": "xi-1"}),
            ev(requestparameters={"instanceId": "i-1"}, readonly="true"),
            ev(),
        ],
        [("Run",), ("Stop",), ("Tag",), ("Alarm",)],
        {"resource": "i-1"},
    ),
    Case(
        "gaps",
        "recipientaccountid, awsregion, last_before, first_after, hours",
        [
            ev(at="04 00:00:00"),
            ev(at="05 00:00:01"),
            ev(at="06 00:00:00", recipientaccountid=B),
            ev(at="05 12:00:00", awsregion="us-east-1"),
            ev(at="09 12:00:00", awsregion="us-east-1"),
            ev(at="09 12:00:00"),
        ],
        [ev(at="09 11:00:00", recipientaccountid=C)],
        [
            (A, "eu-central-1", at(5, 0, 0, 1), at(9), 108.0),
            (A, "us-east-1", at(5), at(9), 96.0),
            (B, "eu-central-1", at(6, 0), None, 84.0),
        ],
        {"hours": "24.5"},
    ),
    Case(
        "addresses-by-identity-type",
        "sourceipaddress, useridentity_type, events",
        [ev(), ev(), ev(useridentity_type="AssumedRole"), ev(sourceipaddress="s3.amazonaws.com")],
        [],
        [
            (HOME, "IAMUser", 2),
            (HOME, "AssumedRole", 1),
            ("s3.amazonaws.com", "IAMUser", 1),
        ],
    ),
    changes(
        "credentials-created",
        "iam",
        "CreateUser CreateAccessKey UpdateAccessKey CreateLoginProfile UpdateLoginProfile DeactivateMFADevice"
        " CreateRole UpdateAssumeRolePolicy CreateSAMLProvider UpdateSAMLProvider CreateOpenIDConnectProvider"
        " AddUserToGroup UploadSSHPublicKey CreateServiceSpecificCredential",
        ["ListUsers", "DeleteAccessKey", "CreatePolicy"],
    ),
    Case(
        "secrets-read",
        "eventsource, reads, secrets, refused",
        [
            ev("GetSecretValue", "secretsmanager", requestparameters_secretid="a"),
            ev("GetSecretValue", "secretsmanager", requestparameters_secretid="b", errorcode="AccessDenied"),
            ev("GetSecretValue", "secretsmanager", requestparameters_secretid="a"),
            ev("GetParameter", "ssm", requestparameters={"name": "p", "withDecryption": True}),
        ],
        [
            ev("GetParameter", "ssm", requestparameters={"name": "p", "withDecryption": False}),
            ev("GetParameter", "ssm", requestparameters={"name": "p"}),
            ev("PutParameter", "ssm", requestparameters={"name": "p", "withDecryption": True}),
            ev("DescribeSecret", "secretsmanager", requestparameters_secretid="a"),
        ],
        [("secretsmanager.amazonaws.com", 3, 2, 1), ("ssm.amazonaws.com", 1, 1, 0)],
    ),
    Case(
        "imds-v1-credentials",
        "role, events",
        [
            ev(
                useridentity_sessioncontext_ec2roledelivery="1.0",
                useridentity_sessioncontext_sessionissuer_arn=ROLE,
            )
        ],
        [
            ev(
                useridentity_sessioncontext_ec2roledelivery="2.0",
                useridentity_sessioncontext_sessionissuer_arn=ROLE,
            ),
            ev(),
        ],
        [(ROLE, 1)],
    ),
    Case(
        "insights",
        "insightdetails_eventname, started, ended",
        [
            ev(sharedeventid="s", insightdetails_state="Start", insightdetails_eventname="X", at="06 12:00:00"),
            ev(sharedeventid="s", insightdetails_state="End", insightdetails_eventname="X", at="06 13:00:00"),
            ev(sharedeventid="t", insightdetails_state="Start", insightdetails_eventname="X", at="06 14:00:00"),
        ],
        [ev(sharedeventid="s")],
        [("X", at(6), at(6, 13)), ("X", at(6, 14), None)],
    ),
    Case(
        "s3-bytes-out",
        "requestparameters_bucketname, requests, bytes",
        [
            bucket("GetObject", additionaleventdata_bytestransferredout="100"),
            bucket("GetObject", additionaleventdata_bytestransferredout="23.0"),
            bucket("GetObject", errorcode=""),
        ],
        [
            bucket("GetObject", additionaleventdata_bytestransferredout="7", errorcode="AccessDenied"),
            bucket("PutObject", additionaleventdata_bytestransferredout="7"),
            bucket("GetObject", additionaleventdata_bytestransferredout="7", eventsource="x.amazonaws.com"),
        ],
        [("b", 3, 123.0)],
    ),
    Case(
        "unknown-fields",
        "eventname, events, example",
        [ev("A", extra='{"b":1}'), ev("A", extra='{"a":1}')],
        [ev("A")],
        [("A", 2, '{"a":1}')],
    ),
]


def elsewhen(event: Event, year: int) -> Event:
    return event | {
        "eventtime": str(event["eventtime"]).replace("2024", str(year), 1),
        "eventid": f"{event['eventid']}-{year}",
    }


def test_every_query_has_a_case() -> None:
    """No query goes untested, none is tested twice."""
    assert sorted(case.query for case in CASES) == sorted(load())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.query)
def test_finds_what_it_should(case: Case, lake: Callable[[list[Event]], Any]) -> None:
    """Exactly the rows that match come out: no near miss, nor the same events a year before or after."""
    outside = [elsewhen(event, year) for event in case.match for year in (2023, 2025)]
    made = lake([*case.match, *case.miss, *outside])
    show = case.show.split(", ")
    answer = made.ask(load()[case.query].render(case.values, TODAY))
    assert [tuple(row[name] for name in show) for row in answer] == case.rows


def test_history_with_reads(lake: Callable[[list[Event]], Any]) -> None:
    """`reads` brings the reading calls back into a resource's history."""
    made = lake([ev("Describe", requestparameters={"id": "r"}, readonly="true")])
    query = load()["resource-history"]
    assert made.ask(query.render({"resource": "r"}, TODAY)) == []
    assert len(made.ask(query.render({"resource": "r", "reads": "true"}, TODAY))) == 1


def test_an_empty_list_of_indicators_finds_nothing(lake: Callable[[list[Event]], Any]) -> None:
    """Without indicators nothing is one, whatever the events lack."""
    made = lake([ev(), ev(sourceipaddress=None, useridentity_arn=None)])
    assert made.ask(load()["ioc"].render({}, TODAY)) == []
