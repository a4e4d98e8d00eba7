"""The one ordered list of columns that a flattened CloudTrail event has; standard library only.

Everything that names a column takes it from here: Lambda, Spark, Glue tables, the local engine, the
QuickSight data set, the docs. Source of the paths: CloudTrail's record contents reference (event versions
1.0 to 1.11), https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """How a column gets its value from the record."""

    SCALAR = "scalar"  # the text of a string, boolean or number
    JSON = "json"  # the field's original JSON text, keys and bytes untouched
    PROMOTED = "promoted"  # a path inside a JSON field, copied into a column of its own
    COMPUTED = "computed"  # not in the record: made by `record -> row`


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name and Glue type, where its value stands in the record, and what it means."""

    name: str
    path: tuple[str, ...]
    description: str
    kind: Kind = Kind.SCALAR
    type: str = "string"


PARTITION = Column("eventdate", (), "UTC day of eventtime, YYYY-MM-DD; the partition key.", Kind.COMPUTED)


def column_name(path: Iterable[str]) -> str:
    """Name of the column for a path: lower case, `_` between the parts and for every special character.

    >>> column_name(("userIdentity", "sessionContext", "mfa-Used"))
    'useridentity_sessioncontext_mfa_used'
    """
    return re.sub(r"[^a-z0-9_]", "_", "_".join(path).lower())


def _scalar(path: str, description: str) -> Column:
    parts = tuple(path.split("."))
    return Column(column_name(parts), parts, description)


def _json(path: str, description: str) -> Column:
    parts = tuple(path.split("."))
    return Column(column_name(parts), parts, description, Kind.JSON)


FIXED: tuple[Column, ...] = (
    Column("eventtime", ("eventTime",), "When the request was completed, UTC.", type="timestamp"),
    _scalar("eventVersion", "Version of the record format, 1.0 to 1.11."),
    _scalar("eventSource", "Service the request was made to, such as s3.amazonaws.com."),
    _scalar("eventName", "Requested action, one of the service's API."),
    _scalar("awsRegion", "Region the request was made to."),
    _scalar("sourceIPAddress", "Address the request came from; for calls by a service, its DNS name."),
    _scalar("userAgent", "Agent through which the request was made."),
    _scalar("errorCode", "Service error, if the request failed."),
    _scalar("errorMessage", "Description of the error."),
    _scalar("requestID", "Identifies the request, made by the called service."),
    _scalar("eventID", "Identifies the event; sha256:<hash of the record> where CloudTrail gave none."),
    _scalar("eventType", "AwsApiCall, AwsServiceEvent, AwsConsoleAction, AwsConsoleSignIn, AwsVpceEvents, ..."),
    _scalar("eventCategory", "Management, Data, Insight or NetworkActivity."),
    _scalar("apiVersion", "API version of the call."),
    _scalar("managementEvent", "true for a management event."),
    _scalar("readOnly", "true if the operation only reads."),
    _scalar("recipientAccountId", "Account that received this event."),
    _scalar("sharedEventID", "Same in all accounts' copies of one call, and in an Insight's start and end."),
    _scalar("vpcEndpointId", "VPC endpoint the request went through."),
    _scalar("vpcEndpointAccountId", "Owner of that VPC endpoint."),
    _scalar("sessionCredentialFromConsole", "true if the request came from a console session."),
    _scalar("userIdentity.type", "Root, IAMUser, AssumedRole, FederatedUser, AWSService, AWSAccount, ..."),
    _scalar("userIdentity.principalId", "Unique id of the caller; role id and session name for a role."),
    _scalar("userIdentity.arn", "ARN of the principal that made the call."),
    _scalar("userIdentity.accountId", "Account that owns the entity that granted permission."),
    _scalar("userIdentity.accessKeyId", "Access key that signed the request."),
    _scalar("userIdentity.userName", "Friendly name of the identity."),
    _scalar("userIdentity.invokedBy", "AWS service that made the call for the principal."),
    _scalar("userIdentity.invokedByDelegate.accountId", "Account of the delegate that invoked the call."),
    _scalar("userIdentity.identityProvider", "External identity provider of a federated caller."),
    _scalar("userIdentity.credentialId", "Credential id of a bearer-token caller."),
    _scalar("userIdentity.onBehalfOf.userId", "IAM Identity Center user the call was made for."),
    _scalar("userIdentity.onBehalfOf.identityStoreArn", "Identity store of that user."),
    _scalar("userIdentity.userId", "IAM Identity Center user that made the call."),
    _scalar("userIdentity.identityStoreArn", "Identity store of the user that made the call."),
    _scalar("userIdentity.inScopeOf.sourceArn", "ARN of the resource the service role acts for."),
    _scalar("userIdentity.inScopeOf.sourceAccount", "Account of that resource."),
    _scalar("userIdentity.inScopeOf.issuerType", "Type of what issued the credentials, such as AWS::Lambda."),
    _scalar("userIdentity.inScopeOf.credentialsIssuedTo", "Resource the credentials were issued to."),
    _scalar("userIdentity.inScopeOf.credentialsIssuedToVersion", "Version of that resource."),
    _scalar("userIdentity.sessionContext.sessionIssuer.type", "Source of temporary credentials: Root, IAMUser, Role."),
    _scalar("userIdentity.sessionContext.sessionIssuer.principalId", "Unique id of the issuer."),
    _scalar("userIdentity.sessionContext.sessionIssuer.arn", "ARN of the role or user behind the session."),
    _scalar("userIdentity.sessionContext.sessionIssuer.accountId", "Account that owns the issuer."),
    _scalar("userIdentity.sessionContext.sessionIssuer.userName", "Name of the role or user behind the session."),
    _scalar("userIdentity.sessionContext.webIdFederationData.federatedProvider", "Web identity provider."),
    _json("userIdentity.sessionContext.webIdFederationData.attributes", "Provider's application and user ids."),
    _scalar("userIdentity.sessionContext.attributes.creationDate", "When the credentials were issued; text."),
    _scalar("userIdentity.sessionContext.attributes.mfaAuthenticated", "true if the session began with MFA."),
    _scalar("userIdentity.sessionContext.sourceIdentity", "Identity set with sts:SourceIdentity."),
    _scalar("userIdentity.sessionContext.ec2RoleDelivery", "Version of the instance metadata service: 1.0 or 2.0."),
    _scalar("userIdentity.sessionContext.assumedRoot", "true for a session of sts:AssumeRoot."),
    _scalar("userIdentity.sessionContext.signInSessionArn", "Console sign-in session the credentials came from."),
    _scalar("tlsDetails.tlsVersion", "TLS version of the request."),
    _scalar("tlsDetails.cipherSuite", "Cipher suite of the request."),
    _scalar("tlsDetails.clientProvidedHostHeader", "Host name the client sent."),
    _scalar("tlsDetails.keyExchange", "Key exchange of the TLS handshake."),
    _scalar("addendum.reason", "Why a delayed or updated event was sent: UPDATED_DATA, DELIVERY_DELAY, ..."),
    _scalar("addendum.updatedFields", "Fields that the addendum updates."),
    _scalar("addendum.originalRequestID", "Request id of the event it updates."),
    _scalar("addendum.originalEventID", "Event id of the event it updates."),
    _scalar("insightDetails.state", "Start or End of an unusual period."),
    _scalar("insightDetails.eventSource", "Service of the unusual calls."),
    _scalar("insightDetails.eventName", "Action of the unusual calls."),
    _scalar("insightDetails.insightType", "ApiCallRateInsight or ApiErrorRateInsight."),
    _scalar("insightDetails.errorCode", "Error of an ApiErrorRateInsight."),
    _json("insightDetails.insightContext", "Statistics and attributions of an Insight."),
    _json("requestParameters", "Parameters sent with the request."),
    _json("responseElements", "Response of calls that make changes."),
    _json("additionalEventData", "What the service added beyond request and response."),
    _json("serviceEventDetails", "What triggered a service event, and its result."),
    _json("resources", "Resources accessed: ARN, account and type."),
    _json("edgeDeviceDetails", "Edge devices the request targeted."),
    _json("eventContext", "Request and resource tag context of an enriched event (1.11)."),
)  # fmt: skip


PROMOTE: tuple[str, ...] = (
    "requestParameters.accountId",
    "requestParameters.attributeType",
    "requestParameters.bucketName",
    "requestParameters.certificateId",
    "requestParameters.cidrIp",
    "requestParameters.clusterName",
    "requestParameters.cluster",
    "requestParameters.commandId",
    "requestParameters.dBClusterIdentifier",
    "requestParameters.dBInstanceIdentifier",
    "requestParameters.dBSnapshotIdentifier",
    "requestParameters.detectorId",
    "requestParameters.documentName",
    "requestParameters.domainName",
    "requestParameters.durationSeconds",
    "requestParameters.externalId",
    "requestParameters.fileSystemId",
    "requestParameters.functionName",
    "requestParameters.functionName20150331",
    "requestParameters.groupId",
    "requestParameters.groupName",
    "requestParameters.Host",
    "requestParameters.hostedZoneId",
    "requestParameters.imageId",
    "requestParameters.instanceId",
    "requestParameters.instanceProfileName",
    "requestParameters.instanceType",
    "requestParameters.internetGatewayId",
    "requestParameters.key",
    "requestParameters.keyId",
    "requestParameters.keyName",
    "requestParameters.logGroupName",
    "requestParameters.modelId",
    "requestParameters.name",
    "requestParameters.networkAclId",
    "requestParameters.networkInterfaceId",
    "requestParameters.organizationId",
    "requestParameters.policyArn",
    "requestParameters.policyName",
    "requestParameters.prefix",
    "requestParameters.principalArn",
    "requestParameters.publiclyAccessible",
    "requestParameters.queueUrl",
    "requestParameters.repositoryName",
    "requestParameters.resourceArn",
    "requestParameters.roleArn",
    "requestParameters.roleName",
    "requestParameters.roleSessionName",
    "requestParameters.routeTableId",
    "requestParameters.sAMLProviderArn",
    "requestParameters.secretId",
    "requestParameters.serialNumber",
    "requestParameters.snapshotId",
    "requestParameters.stackName",
    "requestParameters.stateMachineArn",
    "requestParameters.streamName",
    "requestParameters.subnetId",
    "requestParameters.tableName",
    "requestParameters.target",
    "requestParameters.topicArn",
    "requestParameters.trailName",
    "requestParameters.userName",
    "requestParameters.volumeId",
    "requestParameters.vpcId",
    "requestParameters.webACLId",
    "requestParameters.workGroup",
    "requestParameters.x-amz-acl",
    "requestParameters.encryptionContext.aws:s3:arn",
    "responseElements.accessKey.accessKeyId",
    "responseElements.accessKey.userName",
    "responseElements.assumedRoleUser.arn",
    "responseElements.assumedRoleUser.assumedRoleId",
    "responseElements.ConsoleLogin",
    "responseElements.credentials.accessKeyId",
    "responseElements.credentials.expiration",
    "responseElements.functionArn",
    "responseElements.groupId",
    "responseElements.keyMetadata.keyId",
    "responseElements.ownerId",
    "responseElements.role.arn",
    "responseElements.sourceIdentity",
    "responseElements.subjectFromWebIdentityToken",
    "responseElements.user.arn",
    "responseElements.user.userName",
    "additionalEventData.AuthenticationMethod",
    "additionalEventData.bytesTransferredIn",
    "additionalEventData.bytesTransferredOut",
    "additionalEventData.CipherSuite",
    "additionalEventData.configRuleArn",
    "additionalEventData.LoginTo",
    "additionalEventData.MFAIdentifier",
    "additionalEventData.MFAUsed",
    "additionalEventData.MobileVersion",
    "additionalEventData.SignatureVersion",
    "additionalEventData.SSEApplied",
    "serviceEventDetails.keyId",
    "serviceEventDetails.snapshotId",
)
"""Paths that always get a column of their own: the most frequent ones of real records and of common questions.

Named queries, dashboards and views read these columns, so that further paths are added to them and none is taken away.
"""


def promoting(further: Iterable[str]) -> tuple[str, ...]:
    """The shipped paths, and behind them the further ones, each once."""
    return tuple(dict.fromkeys((*PROMOTE, *further)))


TAIL: tuple[Column, ...] = (
    Column(
        "extra",
        (),
        "JSON of path -> value for what no column holds: an unknown field or a value that does not fit.",
        Kind.COMPUTED,
    ),
    Column("sourcefile", (), "Log file the event came from, its key from AWSLogs/ on.", Kind.COMPUTED),
)


def promoted(path: str) -> Column:
    """Column for one `promote:` path, `<free-form field>.<key>[.<key>...]`.

    A key that holds a dot cannot be promoted. Raises ValueError when the path is in no free-form field.
    """
    for field in FIXED:
        prefix = ".".join(field.path) + "."
        if field.kind is Kind.JSON and path.startswith(prefix):
            inner = tuple(path[len(prefix) :].split("."))
            if not all(inner):
                break
            return Column(
                column_name((*field.path, *inner)),
                (*field.path, *inner),
                f"Copy of {path}; objects and arrays as JSON text.",
                Kind.PROMOTED,
            )
    fields = ", ".join(".".join(c.path) for c in FIXED if c.kind is Kind.JSON)
    msg = f"promote: {path!r} is in no free-form field; start it with one of: {fields}"
    raise ValueError(msg)


def columns(promote: Iterable[str] = PROMOTE) -> tuple[Column, ...]:
    """All columns of the event row in order, without the partition key; the promoted ones stand last.

    Raises ValueError when two promoted paths, or one and a fixed column, share a name, or one path lies in another.
    """
    result = (*FIXED, *TAIL, *(promoted(path) for path in promote))
    seen: dict[str, Column] = {PARTITION.name: PARTITION}
    for column in result:
        if column.name in seen:
            one, other = (".".join(c.path) for c in (column, seen[column.name]))
            raise ValueError(f"promote: {one} has the same column name as {other}: {column.name}; drop one")
        seen[column.name] = column
    paths = [column.path for column in result if column.kind is Kind.PROMOTED]
    known = set(paths)
    for path in paths:
        if outer := next((path[:n] for n in range(1, len(path)) if path[:n] in known), None):
            one, other = ".".join(path), ".".join(outer)
            raise ValueError(f"promote: {one} lies in {other}, and both cannot have a column; drop one")
    return result


COLUMNS: tuple[Column, ...] = columns()

VERSION = 2
"""Version of `record -> row`; raised when the same record would give another row."""

CONTENT: frozenset[str] = frozenset(c.name for c in COLUMNS if c.kind is not Kind.PROMOTED) - {"sourcefile"}
"""Names of the columns that say what an event is: two copies that are equal in them are duplicates.

A promoted column says nothing of its own (another list of them makes no other event), nor does the log file.
"""
