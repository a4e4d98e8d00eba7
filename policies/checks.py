"""Rules that every resource and every stack of Trailsight keeps, as plain functions from inputs to sentences.

A check is given a resource's type, name and inputs and gives one sentence for each thing that is wrong. It holds for
what the pipeline registers and for what somebody adds beside it. No check looks at AWS. Standard library only: the
policy pack has an environment of its own.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

Inputs = Mapping[str, Any]
Check = Callable[[str, str, Inputs], list[str]]
Resource = tuple[str, str, Inputs]
"""Type, name and inputs of a resource."""

TAG = "trailsight"

_BUCKET = "aws:s3/bucket:Bucket"
_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
_BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
_KEY = "aws:kms/key:Key"
_QUEUE = "aws:sqs/queue:Queue"
_WORKGROUP = "aws:athena/workgroup:Workgroup"
_FUNCTION = "aws:lambda/function:Function"
_LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
_ROLE = "aws:iam/role:Role"
_TOPIC = "aws:sns/topic:Topic"
_TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
_KEY_POLICY = "aws:kms/keyPolicy:KeyPolicy"
_PRESENT = {
    "aws:s3/bucketV2:BucketV2": _BUCKET,
    "aws:s3/bucketAclV2:BucketAclV2": "aws:s3/bucketAcl:BucketAcl",
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": _ENCRYPTION,
}
"""Types by an earlier name -> by the present one."""
DOCUMENTS = {
    _BUCKET: ("policy",),
    _BUCKET_POLICY: ("policy",),
    _KEY: ("policy",),
    _KEY_POLICY: ("policy",),
    _QUEUE: ("policy",),
    _ROLE: ("assumeRolePolicy", "inlinePolicies"),
    _TOPIC: ("policy",),
    _TOPIC_POLICY: ("policy",),
    "aws:iam/groupPolicy:GroupPolicy": ("policy",),
    "aws:iam/policy:Policy": ("policy",),
    "aws:iam/rolePolicy:RolePolicy": ("policy",),
    "aws:iam/userPolicy:UserPolicy": ("policy",),
    "aws:sqs/queuePolicy:QueuePolicy": ("policy",),
}
"""Type -> its properties that are a policy document, or a list of names with documents."""
_KEY_POLICIES = (_KEY, _KEY_POLICY)
_BLOCKED = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_PRIVATE_ACLS = (None, "private", "log-delivery-write", "bucket-owner-full-control")
TAGGED = {
    _BUCKET,
    _KEY,
    _QUEUE,
    _WORKGROUP,
    _FUNCTION,
    _LOG_GROUP,
    _ROLE,
    "aws:budgets/budget:Budget",
    "aws:cloudformation/stack:Stack",
    "aws:cloudtrail/trail:Trail",
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:glue/catalogDatabase:CatalogDatabase",
    "aws:glue/crawler:Crawler",
    "aws:glue/job:Job",
    "aws:glue/trigger:Trigger",
    "aws:glue/workflow:Workflow",
    "aws:lambda/eventSourceMapping:EventSourceMapping",
    "aws:quicksight/dataSet:DataSet",
    "aws:quicksight/dataSource:DataSource",
    "aws:quicksight/folder:Folder",
    _TOPIC,
}
# EventBridge does not say for whom it publishes to a topic, or uses its key; a condition would drop every message in
# silence: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
_SILENT = ["events.amazonaws.com"]
_SILENT_TO = (_TOPIC, _TOPIC_POLICY, *_KEY_POLICIES)
# Those that hold only if the key is there: neither `...Not...`, nor `...IfExists`, nor `ForAllValues:`.
_POSITIVE = re.compile(r"(foranyvalue:)?(string(equals|like|equalsignorecase)|arn(equals|like))", re.IGNORECASE)
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html: those with more than a year to go
_RUNTIMES = ("python3.12", "python3.13", "python3.14")


def statements(kind: str, inputs: Inputs) -> list[Inputs]:
    """The statements of the policy documents of a resource; none if it has no document."""
    found = []
    for key in DOCUMENTS.get(_PRESENT.get(kind, kind), ()):
        for one in _list(inputs.get(key)):
            named = key == "inlinePolicies" and isinstance(one, Mapping)
            document = one.get("policy") if named else one
            read = json.loads(document) if isinstance(document, str) else document
            found += _list(read["Statement"]) if read else []
    return found


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _allows(kind: str, inputs: Inputs) -> Iterator[tuple[str, Inputs]]:
    """Statements that allow, each with what to call it."""
    for number, statement in enumerate(statements(kind, inputs), start=1):
        if statement["Effect"] == "Allow":
            yield f"statement {statement.get('Sid', number)}", statement


def public_access(kind: str, name: str, inputs: Inputs) -> list[str]:
    """Nothing is open to everybody: buckets block public access, policies and permissions name who may."""
    wrong = []
    kind = _PRESENT.get(kind, kind)
    if kind == _BLOCK:
        wrong += [f"{name}: {key} must be true" for key in _BLOCKED if inputs.get(key) is not True]
    if kind in (_BUCKET, "aws:s3/bucketAcl:BucketAcl") and inputs.get("acl") not in _PRIVATE_ACLS:
        wrong.append(f"{name}: the ACL {inputs['acl']} opens the bucket; leave it out")
    for said, statement in _allows(kind, inputs):
        principal = statement.get("Principal")
        named = [one for names in principal.values() for one in _list(names)] if isinstance(principal, Mapping) else []
        if principal == "*" or "*" in named:
            wrong.append(f"{name}: {said} lets everybody in; name the principal")
        if "NotPrincipal" in statement:
            wrong.append(f"{name}: {said} lets all in but a few; name the principal")
        services = _list(principal["Service"]) if isinstance(principal, Mapping) and "Service" in principal else []
        silent = services == _SILENT and kind in _SILENT_TO
        if services and kind != _ROLE and not silent and not _has_source(statement):
            wrong.append(f"{name}: {said} lets {', '.join(services)} in for any customer of AWS; add aws:SourceArn")
    if kind == "aws:lambda/functionUrl:FunctionUrl" and inputs.get("authorizationType") != "AWS_IAM":
        wrong.append(f"{name}: the function's URL must ask for AWS_IAM")
    if kind == "aws:lambda/permission:Permission":
        if inputs.get("principal") == "*":
            wrong.append(f"{name}: everybody may call the function; name the principal")
        elif not inputs.get("sourceArn"):
            wrong.append(f"{name}: anything of {inputs.get('principal')} may call the function; add sourceArn")
    return wrong


def _has_source(statement: Inputs) -> bool:
    """Whether a condition says for whom a service acts, so that it holds for nobody else."""
    return any(
        all(_is_somebody(key.lower(), str(value)) for value in _list(values))
        for operator, keys in statement.get("Condition", {}).items()
        if _POSITIVE.fullmatch(operator)
        for key, values in keys.items()
    )


def _is_somebody(key: str, value: str) -> bool:
    if key == "aws:sourcearn":
        # The ARN of a bucket has no account, but a name that nobody else can have.
        parts = value.split(":", 5)
        account, resource = parts[4:] if len(parts) == 6 else ("", "")
        return not re.search(r"[*?]", account) if account else resource[:1] not in ("", "*", "?")
    return key in ("aws:sourceaccount", "aws:sourceorgid") and not re.search(r"[*?]", value)


def encryption(kind: str, name: str, inputs: Inputs) -> list[str]:
    """What is stored is encrypted, and keys rotate. Log groups, Glue and topics without a key are left to AWS's own."""
    wrong = []
    kind = _PRESENT.get(kind, kind)
    if kind == _ENCRYPTION:
        for rule in inputs["rules"]:
            algorithm = (rule.get("applyServerSideEncryptionByDefault") or {}).get("sseAlgorithm")
            if algorithm not in ("AES256", "aws:kms", "aws:kms:dsse"):
                wrong.append(f"{name}: sseAlgorithm must be AES256, aws:kms or aws:kms:dsse, not {algorithm}")
    if kind == _KEY and inputs.get("enableKeyRotation") is not True:
        wrong.append(f"{name}: enableKeyRotation must be true")
    if kind == _QUEUE and not (inputs.get("sqsManagedSseEnabled") or inputs.get("kmsMasterKeyId")):
        wrong.append(f"{name}: sqsManagedSseEnabled must be true, or kmsMasterKeyId set")
    if kind == _WORKGROUP:
        settings = inputs.get("configuration") or {}
        result = settings.get("resultConfiguration") or {}
        if settings.get("enforceWorkgroupConfiguration") is not True:
            wrong.append(f"{name}: enforceWorkgroupConfiguration must be true, or clients choose their own settings")
        if not result.get("encryptionConfiguration"):
            wrong.append(f"{name}: query results need an encryptionConfiguration")
    return wrong


_WIDE_POLICIES = ("AdministratorAccess", "PowerUserAccess", "FullAccess")


def wildcards(kind: str, name: str, inputs: Inputs) -> list[str]:
    """Who may do what is written out: an action or resource is * only where AWS has no name for it."""
    wrong = []
    # A key's own account, which its policy must name; no check knows which that is, but a second one is another's.
    accounts = {one for _, s in _allows(kind, inputs) if "kms:*" in _list(s.get("Action", [])) for one in _aws(s)}
    for said, statement in _allows(kind, inputs):
        wrong += [
            f"{name}: {said} has {key}; list what is allowed"
            for key in ("NotAction", "NotResource")
            if key in statement
        ]
        wide = [one for one in _list(statement.get("Action", [])) if "*" in one]
        wrong += [
            f"{name}: {said} allows {action}; list the actions"
            for action in wide
            if not _may_be_wide(kind, statement, action, accounts)
        ]
        if "*" in _list(statement.get("Resource", [])) and not _needs_no_resource(kind, statement):
            wrong.append(f"{name}: {said} allows its actions on every resource; name them")
    attached = [inputs.get("policyArn"), *(inputs.get("managedPolicyArns") or [])]
    wrong += [
        f"{name}: attaches {arn}, which allows far more than any part needs"
        for arn in attached
        if isinstance(arn, str) and arn.endswith(_WIDE_POLICIES)
    ]
    return wrong


def _aws(statement: Inputs) -> list[str]:
    """The AWS principals of a statement."""
    principal = statement.get("Principal")
    return _list(principal["AWS"]) if isinstance(principal, Mapping) and "AWS" in principal else []


def _may_be_wide(kind: str, statement: Inputs, action: str, accounts: set[str]) -> bool:
    if kind not in _KEY_POLICIES:
        return False
    # An account that its key's policy gives less can lose the key:
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    if action == "kms:*":
        alone = list(statement.get("Principal") or []) == ["AWS"] and len(accounts) == 1
        return alone and all(one.endswith(":root") for one in accounts)
    # Services use it with and without plaintext:
    # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
    return action == "kms:GenerateDataKey*"


def _needs_no_resource(kind: str, statement: Inputs) -> bool:
    if kind in _KEY_POLICIES:  # there * means the key itself
        return True
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
    namespace = statement.get("Condition", {}).get("StringEquals", {}).get("cloudwatch:namespace")
    return _list(statement["Action"]) == ["cloudwatch:PutMetricData"] and bool(namespace)


def log_retention(kind: str, name: str, inputs: Inputs) -> list[str]:
    """Log groups forget."""
    if kind == _LOG_GROUP and not inputs.get("retentionInDays"):
        return [f"{name}: retentionInDays must be set, or the log grows for ever"]
    return []


def tags(kind: str, name: str, inputs: Inputs) -> list[str]:
    """What can carry tags carries `trailsight`, by which costs are counted."""
    carried = {**(inputs.get("tags") or {}), **(inputs.get("tagsAll") or {})}
    return [f"{name}: the tag {TAG} is missing"] if _PRESENT.get(kind, kind) in TAGGED and not carried.get(TAG) else []


def lambda_runtime(kind: str, name: str, inputs: Inputs) -> list[str]:
    """Functions run on a runtime that AWS still mends."""
    runtime = inputs.get("runtime")
    if kind == _FUNCTION and inputs.get("packageType") != "Image" and runtime not in _RUNTIMES:
        return [f"{name}: the runtime {runtime} is not one of {', '.join(_RUNTIMES)}"]
    return []


CHECKS: tuple[Check, ...] = (public_access, encryption, wildcards, log_retention, tags, lambda_runtime)


def check(kind: str, name: str, inputs: Inputs) -> list[str]:
    """All that is wrong with one resource."""
    return [sentence for one in CHECKS for sentence in one(kind, name, inputs)]


def check_stack(resources: Iterable[Resource]) -> list[str]:
    """Each bucket has its guards: public access block, owner-enforced objects, encryption, a TLS-only policy."""
    known = [(_PRESENT.get(kind, kind), name, inputs) for kind, name, inputs in resources]
    by_bucket = {
        (kind, str(inputs["bucket"])): inputs
        for kind, _, inputs in known
        if kind in (_BLOCK, _OWNERSHIP, _ENCRYPTION, _BUCKET_POLICY)
    }
    wrong = []
    for kind, name, inputs in known:
        if kind != _BUCKET:
            continue
        bucket = str(inputs["bucket"])
        if (_BLOCK, bucket) not in by_bucket:
            wrong.append(f"{name}: has no BucketPublicAccessBlock")
        if (_ENCRYPTION, bucket) not in by_bucket:
            wrong.append(f"{name}: has no BucketServerSideEncryptionConfiguration")
        owned = (by_bucket.get((_OWNERSHIP, bucket)) or {}).get("rule") or {}
        if owned.get("objectOwnership") != "BucketOwnerEnforced":
            wrong.append(f"{name}: has no BucketOwnershipControls with BucketOwnerEnforced")
        policy = by_bucket.get((_BUCKET_POLICY, bucket))
        if policy is None or not any(_is_tls_only(one, bucket) for one in statements(_BUCKET_POLICY, policy)):
            wrong.append(f"{name}: has no policy that denies clear text, for the bucket and all its objects")
    return wrong


def _is_tls_only(statement: Inputs, bucket: str) -> bool:
    names = [str(one).rpartition(":::")[2] for one in _list(statement.get("Resource", []))]
    return (
        statement["Effect"] == "Deny"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and _list(statement.get("Action", [])) == ["s3:*"]
        and {bucket, f"{bucket}/*"} <= set(names)
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    )
