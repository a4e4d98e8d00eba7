"""The checks pass what the examples deploy and find each thing that they are there for; the pack runs them all."""

import importlib
import inspect
import json
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from policies import checks
from policies.checks import CHECKS, Check, check, check_stack
from tests.components.conftest import bundle  # noqa: F401 - a fixture
from tests.components.recorder import Stack
from tests.components.test_pipeline import EXAMPLES, example

PACK = Path(checks.__file__).parent
BLOCK = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)
ROOT = {"AWS": "arn:aws:iam::111122223333:root"}
SNS, EVENTS = {"Service": "sns.amazonaws.com"}, {"Service": "events.amazonaws.com"}
SOURCE = {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-central-1:111122223333:x"}}
TOPIC_POLICY, ROLE_POLICY = "aws:sns/topicPolicy:TopicPolicy", "aws:iam/rolePolicy:RolePolicy"
TOPIC, BUCKET, BUCKET_V2 = "aws:sns/topic:Topic", "aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2"
KEY, QUEUE, FUNCTION = "aws:kms/key:Key", "aws:sqs/queue:Queue", "aws:lambda/function:Function"
WORKGROUP, PERMISSION = "aws:athena/workgroup:Workgroup", "aws:lambda/permission:Permission"
LOG_GROUP, URL = "aws:cloudwatch/logGroup:LogGroup", "aws:lambda/functionUrl:FunctionUrl"
PUBLIC_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"


def stated(**changed: Any) -> dict[str, Any]:
    """Inputs with a policy of one statement; None takes an element away."""
    statement = {
        "Sid": "One",
        "Effect": "Allow",
        "Principal": SNS,
        "Action": ["sns:Publish"],
        "Resource": ["arn:aws:sns:eu-central-1:111122223333:x"],
        "Condition": SOURCE,
        **changed,
    }
    kept = {key: value for key, value in statement.items() if value is not None}
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": [kept]})}


def sse(algorithm: str | None) -> dict[str, Any]:
    return {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": algorithm}}]}


def workgroup(*, enforced: bool = True, encrypted: bool = True) -> dict[str, Any]:
    result = {"encryptionConfiguration": {"encryptionOption": "SSE_S3"}} if encrypted else {}
    return {"configuration": {"enforceWorkgroupConfiguration": enforced, "resultConfiguration": result}}


METRIC = {"Principal": None, "Action": ["cloudwatch:PutMetricData"], "Resource": ["*"]}
NAMESPACE = {"StringEquals": {"cloudwatch:namespace": "Trailsight"}}
CASES: list[tuple[Check, str, dict[str, Any], dict[str, Any], str]] = [
    # check, type, good, bad, the sentence about the bad one
    (
        checks.public_access,
        PUBLIC_BLOCK,
        BLOCK,
        {**BLOCK, "ignorePublicAcls": False},
        "x: ignorePublicAcls must be true",
    ),
    (checks.public_access, PUBLIC_BLOCK, BLOCK, {**BLOCK, "blockPublicAcls": None}, "x: blockPublicAcls must be true"),
    (
        checks.public_access,
        "aws:s3/bucket:Bucket",
        {"acl": "private"},
        {"acl": "public-read"},
        "x: the ACL public-read opens the bucket; leave it out",
    ),
    *(
        (
            checks.public_access,
            TOPIC_POLICY,
            stated(),
            stated(Principal=everybody),
            "x: statement One lets everybody in; name the principal",
        )
        for everybody in ("*", {"AWS": "*"}, {"AWS": ["111122223333", "*"]})
    ),
    (
        checks.public_access,
        TOPIC_POLICY,
        stated(Effect="Deny", Principal="*"),
        stated(Principal=None, NotPrincipal=ROOT),
        "x: statement One lets all in but a few; name the principal",
    ),
    (
        checks.public_access,
        TOPIC_POLICY,
        stated(Condition={"StringEquals": {"AWS:SourceAccount": "111122223333"}}),
        stated(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        "x: statement One lets sns.amazonaws.com in for any customer of AWS; add aws:SourceArn",
    ),
    (
        checks.public_access,
        TOPIC_POLICY,
        stated(Principal={"Service": "events.amazonaws.com"}, Condition=None),
        stated(Principal={"Service": ["events.amazonaws.com", "sns.amazonaws.com"]}, Condition=None),
        "x: statement One lets events.amazonaws.com, sns.amazonaws.com in for any customer of AWS; add aws:SourceArn",
    ),
    *(
        (
            checks.public_access,
            QUEUE,
            stated(Condition=good),
            stated(Condition=bad),
            "x: statement One lets sns.amazonaws.com in for any customer of AWS; add aws:SourceArn",
        )
        for good, bad in (
            ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::logs"}}, {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}),
            (SOURCE, {"ArnLike": {"aws:SourceArn": "arn:aws:sns:eu-central-1:*:x"}}),
            (SOURCE, {"ArnLike": {"aws:SourceArn": "*"}}),
            (SOURCE, {"ArnLike": {"aws:SourceArn": ["arn:aws:s3:::logs", "*"]}}),
            (
                {"StringEquals": {"aws:SourceAccount": "111122223333"}},
                {"StringNotEquals": {"aws:SourceAccount": "111122223333"}},
            ),
            ({"StringLike": {"aws:SourceOrgID": "o-abc"}}, {"StringLike": {"aws:SourceAccount": "*"}}),
            (
                {"ForAnyValue:StringEquals": {"aws:SourceAccount": "111122223333"}},
                {"ForAllValues:StringEquals": {"aws:SourceAccount": "111122223333"}},
            ),
            (SOURCE, {"StringEqualsIfExists": {"aws:SourceAccount": "111122223333"}}),
        )
    ),
    *(
        (
            checks.public_access,
            kind,
            stated(Principal=EVENTS),
            stated(Principal=EVENTS, Condition=None),
            "x: statement One lets events.amazonaws.com in for any customer of AWS; add aws:SourceArn",
        )
        for kind in (QUEUE, "aws:sqs/queuePolicy:QueuePolicy", "aws:s3/bucketPolicy:BucketPolicy")
    ),
    *(
        (
            checks.public_access,
            kind,
            stated(),
            stated(Principal="*"),
            "x: statement One lets everybody in; name the principal",
        )
        for kind in (QUEUE, TOPIC, BUCKET, BUCKET_V2)
    ),
    (
        checks.public_access,
        BUCKET_V2,
        {"acl": "private"},
        {"acl": "public-read"},
        "x: the ACL public-read opens the bucket; leave it out",
    ),
    *(
        (
            checks.public_access,
            PERMISSION,
            {"principal": "s3.amazonaws.com", "sourceArn": "arn:aws:s3:::x"},
            {"principal": "*", **more},
            "x: everybody may call the function; name the principal",
        )
        for more in ({}, {"sourceArn": "arn:aws:s3:::x"})
    ),
    *(
        (
            checks.wildcards,
            kind,
            stated(),
            stated(Action="s3:*"),
            "x: statement One allows s3:*; list the actions",
        )
        for kind in ("aws:iam/userPolicy:UserPolicy", "aws:iam/groupPolicy:GroupPolicy")
    ),
    (
        checks.wildcards,
        "aws:iam/role:Role",
        {"inlinePolicies": [{"name": "a", **stated()}]},
        {"inlinePolicies": [{"name": "a", **stated()}, {"name": "b", **stated(Action="s3:*")}]},
        "x: statement One allows s3:*; list the actions",
    ),
    (checks.tags, BUCKET_V2, {"tags": {"trailsight": "a"}}, {"tags": {}}, "x: the tag trailsight is missing"),
    (
        checks.public_access,
        URL,
        {"authorizationType": "AWS_IAM"},
        {"authorizationType": "NONE"},
        "x: the function's URL must ask for AWS_IAM",
    ),
    (
        checks.public_access,
        PERMISSION,
        {"principal": "s3.amazonaws.com", "sourceArn": "arn:aws:s3:::x"},
        {"principal": "s3.amazonaws.com"},
        "x: anything of s3.amazonaws.com may call the function; add sourceArn",
    ),
    (
        checks.encryption,
        ENCRYPTION,
        sse("AES256"),
        sse("rot13"),
        "x: sseAlgorithm must be AES256, aws:kms or aws:kms:dsse, not rot13",
    ),
    (checks.encryption, KEY, {"enableKeyRotation": True}, {}, "x: enableKeyRotation must be true"),
    (
        checks.encryption,
        QUEUE,
        {"sqsManagedSseEnabled": True},
        {"sqsManagedSseEnabled": False},
        "x: sqsManagedSseEnabled must be true, or kmsMasterKeyId set",
    ),
    (
        checks.encryption,
        WORKGROUP,
        workgroup(),
        workgroup(enforced=False),
        "x: enforceWorkgroupConfiguration must be true, or clients choose their own settings",
    ),
    (
        checks.encryption,
        WORKGROUP,
        workgroup(),
        workgroup(encrypted=False),
        "x: query results need an encryptionConfiguration",
    ),
    (
        checks.wildcards,
        ROLE_POLICY,
        stated(Action="sns:Publish"),
        stated(Action="sns:*"),
        "x: statement One allows sns:*; list the actions",
    ),
    (
        checks.wildcards,
        ROLE_POLICY,
        stated(Resource=["arn:aws:s3:::x/*"]),
        stated(Resource=["arn:aws:s3:::x/*", "*"]),
        "x: statement One allows its actions on every resource; name them",
    ),
    (
        checks.wildcards,
        ROLE_POLICY,
        stated(Effect="Deny", Action="*", Resource="*"),
        stated(Action=None, NotAction="iam:*"),
        "x: statement One has NotAction; list what is allowed",
    ),
    (
        checks.wildcards,
        ROLE_POLICY,
        stated(**METRIC, Condition=NAMESPACE),
        stated(**METRIC),
        "x: statement One allows its actions on every resource; name them",
    ),
    (
        checks.wildcards,
        ROLE_POLICY,
        stated(**METRIC, Condition=NAMESPACE),
        stated(**{**METRIC, "Action": ["cloudwatch:PutMetricData", "s3:GetObject"]}, Condition=NAMESPACE),
        "x: statement One allows its actions on every resource; name them",
    ),
    *(
        (
            checks.wildcards,
            KEY,
            stated(Principal=ROOT, Action="kms:*", Resource="*"),
            stated(Principal=more, Action="kms:*", Resource="*"),
            "x: statement One allows kms:*; list the actions",
        )
        for more in (
            SNS,
            {**ROOT, **SNS},
            {"AWS": [ROOT["AWS"], "arn:aws:iam::111122223333:role/x"]},
            {"AWS": [ROOT["AWS"], "arn:aws:iam::999988887777:root"]},
        )
    ),
    (
        checks.wildcards,
        KEY,
        stated(Action="kms:GenerateDataKey*", Resource="*"),
        stated(Action="kms:D*", Resource="*"),
        "x: statement One allows kms:D*; list the actions",
    ),
    (
        checks.wildcards,
        ATTACHMENT,
        {"policyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"},
        {"policyArn": "arn:aws:iam::aws:policy/AmazonS3FullAccess"},
        "x: attaches arn:aws:iam::aws:policy/AmazonS3FullAccess, which allows far more than any part needs",
    ),
    (
        checks.log_retention,
        LOG_GROUP,
        {"retentionInDays": 30},
        {"retentionInDays": 0},
        "x: retentionInDays must be set, or the log grows for ever",
    ),
    (checks.tags, QUEUE, {"tags": {"trailsight": "a"}}, {"tags": {"owner": "a"}}, "x: the tag trailsight is missing"),
    (checks.tags, QUEUE, {"tags": {}, "tagsAll": {"trailsight": "a"}}, {}, "x: the tag trailsight is missing"),
    (
        checks.lambda_runtime,
        FUNCTION,
        {"runtime": "python3.13"},
        {"runtime": "python3.9"},
        "x: the runtime python3.9 is not one of python3.12, python3.13, python3.14",
    ),
    (
        checks.lambda_runtime,
        FUNCTION,
        {"packageType": "Image"},
        {},
        "x: the runtime None is not one of python3.12, python3.13, python3.14",
    ),
]


@pytest.mark.parametrize(("one", "kind", "good", "bad", "sentence"), CASES)
def test_each_check(one: Check, kind: str, good: dict[str, Any], bad: dict[str, Any], sentence: str) -> None:
    """A check says nothing of a good resource, one sentence of a bad one, and nothing of that one as another type."""
    assert one(kind, "x", good) == []
    assert one(kind, "x", bad) == [sentence]
    assert one("random:index/randomPet:RandomPet", "x", bad if "policyArn" not in bad else good) == []
    assert sentence in check(kind, "x", bad)


NO_DOCUMENTS = {
    "archivePolicy",
    "deliveryPolicy",
    "forceDetachPolicies",
    "recrawlPolicy",
    "redriveAllowPolicy",
    "redrivePolicy",
    "schemaChangePolicy",
}


@pytest.mark.parametrize("kind", sorted({*checks.DOCUMENTS, *checks.TAGGED}))
def test_every_policy_document_is_read(kind: str) -> None:
    """Whatever the provider calls a policy, of the types that the pack knows, but for what only sounds like one."""
    module, name = re.fullmatch(r"aws:(\w+)/\w+:(\w+)", kind).groups()
    service = importlib.import_module(f"pulumi_aws.{module if module != 'lambda' else 'lambda_'}")
    taken = inspect.signature(getattr(service, name)._internal_init).parameters
    there = {re.sub(r"_(\w)", lambda match: match[1].upper(), key) for key in taken}
    documents = {key for key in there if re.search(r"[pP]olic(y|ies)$", key)} - NO_DOCUMENTS
    assert documents == set(checks.DOCUMENTS.get(kind, ()))


def test_every_check_has_cases() -> None:
    """No check goes without a bad resource that it finds."""
    assert {case[0] for case in CASES} == set(CHECKS)


@pytest.fixture(scope="module")
def stacks() -> Iterator[dict[str, Stack]]:
    """What every example deploys; the bundle is that of the test that asks first."""
    made: dict[str, Stack] = {}
    yield made
    made.clear()


def deployed(name: str, stacks: dict[str, Stack], monkeypatch: pytest.MonkeyPatch) -> Stack:
    if name not in stacks:
        stacks[name] = example(name, monkeypatch)
    return stacks[name]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_pass(name: str, stacks: dict[str, Stack], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that an example deploys is wrong, alone or together."""
    resources = [(one.type, one.name, one.inputs) for one in deployed(name, stacks, monkeypatch)]
    assert [sentence for one in resources for sentence in check(*one)] == []
    assert check_stack(resources) == []


def test_tags_are_looked_for_wherever_there_are_any(stacks: dict[str, Stack], monkeypatch: pytest.MonkeyPatch) -> None:
    """The check knows every type that the program tags."""
    tagged = {one.type for name in EXAMPLES for one in deployed(name, stacks, monkeypatch) if "tags" in one.inputs}
    assert tagged - checks.TAGGED == set()


GUARDS = {
    PUBLIC_BLOCK: "has no BucketPublicAccessBlock",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "has no BucketOwnershipControls with BucketOwnerEnforced",
    ENCRYPTION: "has no BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketPolicy:BucketPolicy": "has no policy that denies clear text, for the bucket and all its objects",
}


IN_ORDER = (
    PUBLIC_BLOCK,
    ENCRYPTION,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
)


@pytest.mark.parametrize("kind", GUARDS)
def test_a_bucket_without_a_guard(kind: str, stacks: dict[str, Stack], monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack in which one bucket lacks one guard is refused, with the bucket's name, though the other has it."""
    resources = [(one.type, one.name, one.inputs) for one in deployed("minimal", stacks, monkeypatch)]
    less = [one for one in resources if not (one[0] == kind and one[1].startswith("minimal-lake"))]
    assert len(less) == len(resources) - 1
    assert check_stack(less) == [f"minimal-lake: {GUARDS[kind]}"]


def test_a_bucket_by_its_earlier_name_needs_its_guards_too() -> None:
    """pulumi-aws 6 called it BucketV2, and 7 still takes that."""
    assert check_stack([(BUCKET_V2, "b", {"bucket": "b"})]) == [f"b: {GUARDS[kind]}" for kind in IN_ORDER]


def test_objects_of_other_owners(stacks: dict[str, Stack], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket in which an object's writer owns it is refused."""
    ownership = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    writers = {"rule": {"objectOwnership": "ObjectWriter"}}
    changed = [
        (one.type, one.name, {**one.inputs, **writers} if one.name == "minimal-logs-ownership" else one.inputs)
        for one in deployed("minimal", stacks, monkeypatch)
    ]
    assert check_stack(changed) == [f"minimal-logs: {GUARDS[ownership]}"]


@pytest.mark.parametrize(
    "changed",
    [
        {"Effect": "Allow"},
        {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}},
        {"Action": ["s3:GetObject"]},
        {"Resource": ["arn:aws:s3:::b/*"]},
        {"Resource": ["arn:aws:s3:::other", "arn:aws:s3:::other/*"]},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:PrincipalAccount": "1"}}},
    ],
)
def test_almost_tls_only(changed: dict[str, Any]) -> None:
    """A policy that denies clear text to some, for some, or sometimes is not TLS-only."""
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }

    def found(statement: dict[str, Any]) -> list[str]:
        guards: list[checks.Resource] = [
            ("aws:s3/bucket:Bucket", "b", {"bucket": "b"}),
            (PUBLIC_BLOCK, "b-block", {"bucket": "b"}),
            (ENCRYPTION, "b-encryption", {"bucket": "b"}),
            (
                "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
                "b-ownership",
                {"bucket": "b", "rule": {"objectOwnership": "BucketOwnerEnforced"}},
            ),
            ("aws:s3/bucketPolicy:BucketPolicy", "b-policy", {"bucket": "b", **stated(**statement)}),
        ]
        return check_stack(guards)

    assert found(deny) == []
    assert found({**deny, **changed}) == ["b: has no policy that denies clear text, for the bucket and all its objects"]


def test_the_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as the CLI runs it, the pack has every check as a mandatory policy that reports its sentences.

    pulumi-policy, which this environment cannot hold beside the program's protobuf, is stood in for.
    """
    packs: list[tuple[Any, ...]] = []

    def made(name: str, description: str, validate: Any) -> Any:
        return SimpleNamespace(name=name, description=description, validate=validate)

    stand_in = ModuleType("pulumi_policy")
    stand_in.__dict__.update(
        EnforcementLevel=SimpleNamespace(MANDATORY="mandatory"),
        Policy=object,
        PolicyPack=lambda *given: packs.append(given),
        ReportViolation=object,
        ResourceValidationArgs=object,
        ResourceValidationPolicy=made,
        StackValidationArgs=object,
        StackValidationPolicy=made,
    )
    monkeypatch.setitem(sys.modules, "pulumi_policy", stand_in)
    monkeypatch.setattr(sys, "path", list(sys.path))
    runpy.run_path(str(PACK), run_name="__main__")
    [(name, policies, level)] = packs
    assert (name, level) == ("trailsight", "mandatory")
    assert [one.name for one in policies] == [
        *("public-access", "encryption", "wildcards", "log-retention", "tags", "lambda-runtime"),
        "buckets",
    ]
    assert all(one.description.endswith(".") for one in policies)
    told: list[str] = []

    def report(sentence: str, urn: str | None) -> None:
        assert urn is None
        told.append(sentence)

    for policy in policies[:-1]:
        policy.validate(SimpleNamespace(resource_type=LOG_GROUP, name="x", props={}), report)
    bucket = SimpleNamespace(resource_type="aws:s3/bucket:Bucket", name="b", props={"bucket": "b"})
    policies[-1].validate(SimpleNamespace(resources=[bucket]), report)
    assert told == [
        "x: retentionInDays must be set, or the log grows for ever",
        "x: the tag trailsight is missing",
        "b: has no BucketPublicAccessBlock",
        "b: has no BucketServerSideEncryptionConfiguration",
        "b: has no BucketOwnershipControls with BucketOwnerEnforced",
        "b: has no policy that denies clear text, for the bucket and all its objects",
    ]
