"""The two buckets: what guards them, what they forget, and that a destroy leaves them whole."""

from typing import Any

import pytest

from components.settings import KmsMode, LockMode

PARTS = {
    "aws:s3/bucket:Bucket": "",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "-lifecycle",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "-ownership",
    "aws:s3/bucketPolicy:BucketPolicy": "-policy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "-public-access",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "-encryption",
    "aws:s3/bucketVersioning:BucketVersioning": "-versioning",
}
BOTH = pytest.mark.parametrize("name", ["acme-prod-logs", "acme-prod-lake"])


def part(stack: Any, name: str, suffix: str) -> Any:
    kind = next(kind for kind, known in PARTS.items() if known == suffix)
    return stack[kind, name + suffix]


def rules(stack: Any, name: str) -> dict[str, Any]:
    return {rule["id"]: rule for rule in part(stack, name, "-lifecycle").inputs["rules"]}


@BOTH
def test_what_a_bucket_is_made_of(deploy: Any, name: str) -> None:
    """A bucket has all its guards and no other child."""
    assert deploy().children(name) == {(kind, name + suffix) for kind, suffix in PARTS.items()}


@BOTH
def test_a_bucket_survives_destroy(deploy: Any, name: str) -> None:
    """Destroy refuses the bucket and all its guards, and a removal from the state deletes none of them."""
    stack = deploy()
    for kind, suffix in PARTS.items():
        found = stack[kind, name + suffix]
        assert (found.protect, found.retain) == (True, True), found.name
    assert part(stack, name, "").inputs["forceDestroy"] is False


def test_keys_survive_with_their_buckets(deploy: Any) -> None:
    """What a kept bucket holds stays readable: its key and alias are kept too, rotated, and deleted only after 30 days."""
    create = {"encryption": {"kms": KmsMode.CREATE}}
    stack = deploy({"logs": create, "lake": create})
    for name in ("acme-prod-logs-key", "acme-prod-lake-key"):
        key, alias = stack["aws:kms/key:Key", name], stack["aws:kms/alias:Alias", f"{name}-alias"]
        assert (key.protect, key.retain, alias.protect, alias.retain) == (True, True, True, True)
        assert (key.inputs["enableKeyRotation"], key.inputs["deletionWindowInDays"]) == (True, 30)


def test_an_unprotected_bucket_never_loses_its_guards_or_its_key(deploy: Any) -> None:
    """Destroy deletes what depends first: a bucket that is not empty, and so stays, would be left open and unreadable.

    Its guards are deleted with it only, and its key after it.
    """
    own = {"protect": False, "encryption": {"kms": KmsMode.CREATE}}
    stack = deploy(
        {
            "logs": {
                **own,
                "object_lock": {"mode": LockMode.GOVERNANCE, "days": 365},
                "access_logs": {"bucket": "access"},
            },
            "lake": own,
        }
    )
    for name in ("acme-prod-logs", "acme-prod-lake"):
        bucket, key = part(stack, name, ""), stack["aws:kms/key:Key", f"{name}-key"]
        guards = [stack[child] for child in stack.children(name) if child != (bucket.type, bucket.name)]
        assert len(guards) == (8 if name == "acme-prod-logs" else 6)
        assert {guard.deleted_with for guard in guards} == {bucket.urn}
        assert key.urn in bucket.depends_on
        assert (bucket.deleted_with, key.deleted_with) == ("", "")


def test_unprotected_when_asked(deploy: Any) -> None:
    """Both `protect: false` make a stack that can be destroyed, trail and all, for trials."""
    stack = deploy({"logs": {"protect": False}, "lake": {"protect": False}})
    assert [r.name for r in stack if r.protect] == []
    assert not [
        r.name
        for r in stack
        if r.type.startswith(("aws:s3/bucket", "aws:kms")) and (r.protect or r.retain) and "Object" not in r.type
    ]


@BOTH
def test_a_bucket_is_private(deploy: Any, name: str) -> None:
    """No public access in any of the four ways, and no ACLs."""
    stack = deploy()
    block = part(stack, name, "-public-access").inputs
    assert {key: value for key, value in block.items() if key != "bucket"} == {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }
    assert part(stack, name, "-ownership").inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


@BOTH
def test_guards_come_one_after_the_other(deploy: Any, name: str) -> None:
    """S3 refuses changes of these at the same time; a lifecycle for versions needs versioning first."""
    stack = deploy()
    for later, earlier in (("-ownership", "-public-access"), ("-policy", "-ownership"), ("-lifecycle", "-versioning")):
        assert part(stack, name, earlier).urn in part(stack, name, later).depends_on


def encryption(stack: Any, name: str) -> Any:
    return part(stack, name, "-encryption").inputs["rules"][0]


def test_encryption_as_asked_for(deploy: Any) -> None:
    """SSE-S3 by default; with a key, the log bucket asks KMS for each object and the lake once an hour."""
    default = encryption(deploy(), "acme-prod-logs")
    assert default["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
    given = "arn:aws:kms:eu-central-1:111122223333:key/1234"
    stack = deploy(
        {
            "logs": {"encryption": {"kms": KmsMode.CREATE}},
            "lake": {"encryption": {"kms": KmsMode.GIVEN, "key_arn": given}},
        }
    )
    logs, lake = encryption(stack, "acme-prod-logs"), encryption(stack, "acme-prod-lake")
    assert logs["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"].endswith("acme-prod-logs-key")
    assert (logs["bucketKeyEnabled"], lake["bucketKeyEnabled"]) == (False, True)
    assert lake["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": given}


def test_what_is_forgotten(deploy: Any) -> None:
    """Log files go after seven years, flat files after a month; old versions and abandoned uploads go too; rows stay."""
    stack = deploy({"logs": {"glacier_after_days": 100}})
    logs, lake = rules(stack, "acme-prod-logs"), rules(stack, "acme-prod-lake")
    assert (logs["log-files"]["expiration"], logs["log-files"]["transitions"]) == (
        {"days": 2557},
        [{"days": 100, "storageClass": "GLACIER"}],
    )
    assert {
        rule: (lake[rule]["filter"]["prefix"], lake[rule]["expiration"]["days"]) for rule in lake if rule != "tidy"
    } == {
        "flat-files": ("flatfiles/", 30),
        "quarantine": ("quarantine/", 365),
        "ledger": ("ledger/", 365),
        "metrics": ("metrics/", 365),
        "temporary": ("_state/temporary/", 7),
        "results": ("results/", 30),
    }
    for tidy, days in ((logs["tidy"], 90), (lake["tidy"], 30)):
        assert tidy["noncurrentVersionExpiration"] == {"noncurrentDays": days}
        assert tidy["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
        assert tidy["expiration"] == {"expiredObjectDeleteMarker": True}


def test_kept_for_ever(deploy: Any) -> None:
    """`expireAfterDays: 0` keeps log files."""
    assert set(rules(deploy({"logs": {"expire_after_days": 0}}), "acme-prod-logs")) == {"tidy"}


def test_object_lock(deploy: Any) -> None:
    """A lock is set when the bucket is made, after versioning, in the mode that was asked for."""
    stack = deploy({"logs": {"object_lock": {"mode": LockMode.GOVERNANCE, "days": 365}}})
    assert part(stack, "acme-prod-logs", "").inputs["objectLockEnabled"] is True
    lock = stack["aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration", "acme-prod-logs-lock"]
    assert lock.inputs["rule"] == {"defaultRetention": {"mode": "GOVERNANCE", "days": 365}}
    assert part(stack, "acme-prod-logs", "-versioning").urn in lock.depends_on
    assert (lock.protect, lock.retain) == (True, True)


def test_access_logs(deploy: Any) -> None:
    """Accesses are logged where asked for, below the bucket's own name or a given prefix."""
    stack = deploy(
        {"logs": {"access_logs": {"bucket": "access"}}, "lake": {"access_logs": {"bucket": "other", "prefix": "l/"}}}
    )
    lake = stack["aws:s3/bucketLogging:BucketLogging", "acme-prod-lake-access-logs"].inputs
    assert (lake["targetBucket"], lake["targetPrefix"]) == ("other", "l/")
    inputs = stack["aws:s3/bucketLogging:BucketLogging", "acme-prod-logs-access-logs"].inputs
    assert (inputs["targetBucket"], inputs["targetPrefix"]) == ("access", "acme-prod-logs-111122223333-eu-central-1/")


def test_coming_back_after_a_destroy(deploy: Any) -> None:
    """`adopt` imports the bucket and every guard by the bucket's name, which is the same as before."""
    stack = deploy({"logs": {"adopt": True}})
    for kind, suffix in PARTS.items():
        assert stack[kind, f"acme-prod-logs{suffix}"].import_id == "acme-prod-logs-111122223333-eu-central-1"
        assert stack[kind, f"acme-prod-lake{suffix}"].import_id == ""


def test_fixed_names(deploy: Any) -> None:
    """A given name is taken as it is."""
    stack = deploy({"logs": {"bucket_name": "acme-trail"}, "lake": {"bucket_name": "acme-lake"}})
    assert part(stack, "acme-prod-logs", "").inputs["bucket"] == "acme-trail"
    assert part(stack, "acme-prod-lake", "").inputs["bucket"] == "acme-lake"
