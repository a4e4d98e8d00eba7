"""The view in the shape of AWS's own table, asked what AWS's Athena guide for CloudTrail asks its own."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from runtime.athena import view
from runtime.events.columns import COLUMNS, Kind

BASE = {
    "eventtime": "2024-05-06T07:08:09+00:00",
    "recipientaccountid": "111111111111",
    "awsregion": "eu-central-1",
    "sourceipaddress": "192.0.2.1",
}
ROLE = "arn:aws:iam::111111111111:role/app"
EVENTS: list[dict[str, str | None]] = [
    BASE
    | {
        "eventid": "anonymous",
        "requestid": "r1",
        "eventsource": "s3.amazonaws.com",
        "eventname": "GetObject",
        "useridentity_type": "AWSAccount",
        "useridentity_accountid": "anonymous",
        "requestparameters": '{"bucketName":"open","key":"a"}',
        "additionaleventdata": '{"SignatureVersion":"SigV4","bytesTransferredOut":5}',
        "resources": json.dumps(
            [
                {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::open/a"},
                {"accountId": "111111111111", "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::open"},
            ]
        ),
        "tlsdetails_tlsversion": "TLSv1.1",
    },
    BASE
    | {
        "eventid": "role",
        "requestid": "r2",
        "eventsource": "s3.amazonaws.com",
        "eventname": "GetObject",
        "useridentity_type": "AssumedRole",
        "useridentity_arn": "arn:aws:sts::111111111111:assumed-role/app/s",
        "useridentity_accountid": "111111111111",
        "useridentity_sessioncontext_sessionissuer_arn": ROLE,
        "useridentity_sessioncontext_sessionissuer_username": "app",
        "useridentity_sessioncontext_attributes_creationdate": "2024-05-06T07:00:00Z",
        "useridentity_sessioncontext_attributes_mfaauthenticated": "false",
        "useridentity_sessioncontext_webidfederationdata_attributes": '{"www.amazon.com:app_id":"x"}',
        "useridentity_onbehalfof_userid": "u-1",
        "requestparameters": '{"bucketName":"closed","key":"b"}',
        "additionaleventdata": '{"SignatureVersion":"SigV2"}',
        "resources": '["arn:aws:s3:::bare",{"arn":"arn:aws:s3:::lower"},{"ARN":{"odd":1}}]',
        "tlsdetails_tlsversion": "TLSv1.2",
    },
    BASE
    | {
        "eventtime": "2024-05-07T00:00:00+00:00",
        "eventid": "login",
        "requestid": None,
        "eventsource": "signin.amazonaws.com",
        "eventname": "ConsoleLogin",
        "useridentity_type": "Root",
        "useridentity_arn": "arn:aws:iam::111111111111:root",
        "responseelements": '{"ConsoleLogin":"Success"}',
        "additionaleventdata": '{"MFAUsed":"No"}',
        "addendum_reason": "DELIVERY_DELAY",
        "resources": '{"no":"array"}',
    },
]

# The questions of the guide's examples and of its neighbours for S3 and TLS, in our words.
QUESTIONS: list[tuple[str, str, list[tuple[Any, ...]]]] = [
    (
        "anonymous requests for a bucket",
        """SELECT eventid FROM cloudtrail_logs
        WHERE eventsource = 's3.amazonaws.com' AND eventname IN ('GetObject') AND useridentity.accountid = 'anonymous'
            AND useridentity.arn IS NULL AND requestparameters LIKE '%open%'""",
        [("anonymous",)],
    ),
    (
        "nested fields",
        """SELECT eventsource, eventname, useridentity.sessioncontext.attributes.creationdate,
            useridentity.sessioncontext.sessionissuer.arn
        FROM cloudtrail_logs WHERE useridentity.sessioncontext.sessionissuer.arn IS NOT NULL
        ORDER BY eventsource, eventname LIMIT 10""",
        [("s3.amazonaws.com", "GetObject", "2024-05-06T07:00:00Z", ROLE)],
    ),
    (
        "a column of nested JSON",
        """SELECT eventid, json_extract_scalar(additionaleventdata, '$.MFAUsed') AS mfa FROM cloudtrail_logs
        WHERE eventname = 'ConsoleLogin' AND useridentity.type = 'Root'""",
        [("login", "No")],
    ),
    (
        "one day by the partition key",
        """SELECT eventid FROM cloudtrail_logs
        WHERE "timestamp" >= '2024/05/06' AND "timestamp" < '2024/05/07' AND region = 'eu-central-1' ORDER BY eventid""",
        [("anonymous",), ("role",)],
    ),
    (
        "a span of time by the text",
        """SELECT eventid, eventtime FROM cloudtrail_logs
        WHERE eventtime >= '2024-05-06T12:00:00Z' AND eventtime < '2024-05-08T00:00:00Z'""",
        [("login", "2024-05-07T00:00:00Z")],
    ),
    (
        "a span of time by the moment",
        """SELECT eventid FROM cloudtrail_logs
        WHERE from_iso8601_timestamp(eventtime) > from_iso8601_timestamp('2024-05-06T08:00:00Z')""",
        [("login",)],
    ),
    (
        "requesters by signature version",
        """SELECT useridentity.arn, count(requestid) AS requests FROM cloudtrail_logs
        WHERE eventsource = 's3.amazonaws.com'
            AND json_extract_scalar(additionaleventdata, '$.SignatureVersion') = 'SigV2'
        GROUP BY useridentity.arn""",
        [("arn:aws:sts::111111111111:assumed-role/app/s", 1)],
    ),
    (
        "requests per caller and bucket",
        """SELECT json_extract_scalar(requestparameters, '$.bucketName') AS bucket, useridentity.accountid AS account,
            count(*) AS n FROM cloudtrail_logs WHERE eventname = 'GetObject' GROUP BY 1, 2 ORDER BY 1""",
        [("closed", "111111111111", 1), ("open", "anonymous", 1)],
    ),
    (
        "old TLS",
        """SELECT eventid FROM cloudtrail_logs WHERE tlsdetails.tlsversion IN ('TLSv1', 'TLSv1.1')""",
        [("anonymous",)],
    ),
    (
        "resources as rows",
        """SELECT eventid, element_at(resources, 2).arn AS arn, element_at(resources, 1).type AS kind
        FROM cloudtrail_logs WHERE cardinality(resources) > 1 ORDER BY eventid""",
        [("anonymous", "arn:aws:s3:::open", "AWS::S3::Object"), ("role", "arn:aws:s3:::lower", None)],
    ),
    (
        "one row per resource",
        """SELECT eventID, r.ARN, r.type FROM default.cloudtrail_logs
        CROSS JOIN UNNEST(resources) AS r (ARN, accountId, type) WHERE r.type = 'AWS::S3::Bucket'""",
        [("anonymous", "arn:aws:s3:::open", "AWS::S3::Bucket")],
    ),
    (
        "who read an object of a bucket, with names in the guide's own case",
        """SELECT eventTime, eventName, userIdentity.principalId, requestParameters
        FROM "default"."CloudTrail_Logs"
        WHERE eventSource = 's3.amazonaws.com' AND eventName IN ('GetObject', 'HeadObject')
            AND json_extract_scalar(requestParameters, '$.bucketName') = 'closed'""",
        [("2024-05-06T07:08:09Z", "GetObject", None, '{"bucketName":"closed","key":"b"}')],
    ),
    (
        "failed and other console logins per day",
        """SELECT date(from_iso8601_timestamp(eventtime) AT TIME ZONE 'UTC') AS day,
            json_extract_scalar(responseelements, '$.ConsoleLogin') AS result, count(*) AS logins
        FROM cloudtrail_logs WHERE eventname = 'ConsoleLogin' GROUP BY 1, 2 ORDER BY 1 DESC""",
        [(date(2024, 5, 7), "Success", 1)],
    ),
    (
        "everybody who was there, most events first",
        """SELECT useridentity.arn AS arn, min(eventtime) AS first_seen, count(DISTINCT eventname) AS names
        FROM cloudtrail_logs WHERE useridentity.arn IS NOT NULL AND "timestamp" BETWEEN '2024/05/01' AND '2024/05/31'
        GROUP BY useridentity.arn ORDER BY count(*) DESC, useridentity.arn LIMIT 10""",
        [
            ("arn:aws:iam::111111111111:root", "2024-05-07T00:00:00Z", 1),
            ("arn:aws:sts::111111111111:assumed-role/app/s", "2024-05-06T07:08:09Z", 1),
        ],
    ),
    (
        "sessions without MFA",
        """SELECT eventid, useridentity.sessioncontext.sessionissuer.username FROM cloudtrail_logs
        WHERE useridentity.sessioncontext.attributes.mfaauthenticated = 'false'""",
        [("role", "app")],
    ),
]


@pytest.mark.parametrize(("sql", "rows"), [q[1:] for q in QUESTIONS], ids=[q[0] for q in QUESTIONS])
def test_answers_published_queries(
    sql: str, rows: list[tuple[Any, ...]], lake: Callable[[list[dict[str, str | None]]], Any]
) -> None:
    """A query written for AWS's table runs unchanged and gives its rows."""
    assert [tuple(row.values()) for row in lake(EVENTS).ask(sql)] == rows


def test_odd_resources(lake: Callable[[list[dict[str, str | None]]], Any]) -> None:
    """A bare string is its ARN, an ARN that is no text is null, what is no array has no resources."""
    rows = lake(EVENTS).ask("SELECT eventid, resources FROM cloudtrail_logs ORDER BY eventid")
    assert {row["eventid"]: row["resources"] for row in rows} == {
        "anonymous": [
            {"arn": "arn:aws:s3:::open/a", "accountid": None, "type": "AWS::S3::Object"},
            {"arn": "arn:aws:s3:::open", "accountid": "111111111111", "type": "AWS::S3::Bucket"},
        ],
        "login": None,
        "role": [
            {"arn": "arn:aws:s3:::bare", "accountid": None, "type": None},
            {"arn": "arn:aws:s3:::lower", "accountid": None, "type": None},
            {"arn": None, "accountid": None, "type": None},
        ],
    }


def test_absent_structs_are_null(lake: Callable[[list[dict[str, str | None]]], Any]) -> None:
    """A struct without any field is null, as in AWS's table, not a row of nulls."""
    rows = lake(EVENTS).ask(
        "SELECT eventid FROM cloudtrail_logs WHERE useridentity.sessioncontext IS NULL AND addendum IS NOT NULL"
    )
    assert rows == [{"eventid": "login"}]


def test_federation_attributes_are_a_map(lake: Callable[[list[dict[str, str | None]]], Any]) -> None:
    """The web identity provider's ids are a map of text, under their own keys."""
    (row,) = lake(EVENTS).ask("SELECT useridentity FROM cloudtrail_logs WHERE eventid = 'role'")
    session = row["useridentity"]["sessioncontext"]
    assert session["webidfederationdata"] == {
        "federatedprovider": None,
        "attributes": {"www.amazon.com:app_id": "x"},
    }
    assert row["useridentity"]["onbehalfof"] == {"userid": "u-1", "identitystorearn": None}


def paths(tree: view.type_tree, prefix: str = "") -> set[str]:
    return {
        path
        for key, node in tree.items()
        for path in (paths(node, f"{prefix}{key}.") if isinstance(node, dict) else {prefix + key})
    }


def test_holds_every_documented_field() -> None:
    """What AWS's DDL for CloudTrail declares is there under the same name and nesting."""
    documented = """
        eventversion eventtime eventsource eventname awsregion sourceipaddress useragent errorcode errormessage
        requestparameters responseelements additionaleventdata requestid eventid readonly resources eventtype
        apiversion recipientaccountid serviceeventdetails sharedeventid vpcendpointid vpcendpointaccountid
        eventcategory sessioncredentialfromconsole edgedevicedetails
        useridentity.type useridentity.principalid useridentity.arn useridentity.accountid useridentity.invokedby
        useridentity.accesskeyid useridentity.username useridentity.onbehalfof.userid
        useridentity.onbehalfof.identitystorearn useridentity.sessioncontext.attributes.mfaauthenticated
        useridentity.sessioncontext.attributes.creationdate useridentity.sessioncontext.sessionissuer.type
        useridentity.sessioncontext.sessionissuer.principalid useridentity.sessioncontext.sessionissuer.arn
        useridentity.sessioncontext.sessionissuer.accountid useridentity.sessioncontext.sessionissuer.username
        useridentity.sessioncontext.ec2roledelivery
        useridentity.sessioncontext.webidfederationdata.federatedprovider
        useridentity.sessioncontext.webidfederationdata.attributes
        addendum.reason addendum.updatedfields addendum.originalrequestid addendum.originaleventid
        tlsdetails.tlsversion tlsdetails.ciphersuite tlsdetails.clientprovidedhostheader
    """
    assert set(documented.split()) - paths(view.shape()) == set()


@pytest.mark.parametrize(("make", "dialect"), [(view.athena, "athena"), (view.duckdb, "duckdb")])
def test_both_forms_read_every_column(make: Callable[[], str], dialect: str) -> None:
    """Each form takes every column of the record and gives the same names in the same order."""
    create = sqlglot.parse_one(make(), read=dialect)
    used = {column.name for column in create.find_all(exp.Column)}
    assert {c.name for c in COLUMNS if c.kind in (Kind.SCALAR, Kind.JSON)} <= used
    assert create.expression.named_selects == [*view.shape(), "region", "timestamp", "eventdate"]


def test_committed_view_is_current() -> None:
    """views/cloudtrail_logs.sql is what the column list gives; `make docs` makes it anew."""
    committed = Path(view.__file__).parent / "views" / f"{view.NAME}.sql"
    assert committed.read_text(encoding="utf-8") == view.athena()
