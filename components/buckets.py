"""A bucket that audit logs can be trusted to, and all that guards it; the whole set outlives a destroy."""

from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.options import kept
from components.settings import AccessLogSettings, LockMode, ObjectLockSettings


class BucketArgs(TypedDict):
    """What a bucket is to be."""

    bucket: str
    """Its name. Required."""
    policy: Any
    """Its policy document. Required."""
    rules: list[aws.s3.BucketLifecycleConfigurationRuleArgs]
    """Its lifecycle rules. Required."""
    protect: bool
    """Refuse to destroy it and what guards it. Required."""
    adopt: bool
    """Take over an existing one. Required."""
    key_arn: NotRequired[pulumi.Input[str] | None]
    """The KMS key that encrypts it. Default: none, SSE-S3."""
    bucket_key: NotRequired[bool]
    """Whether S3 asks KMS once per bucket and hour, not per object. Default: true."""
    object_lock: NotRequired[ObjectLockSettings | None]
    """How long its objects are locked. Default: not at all."""
    access_logs: NotRequired[AccessLogSettings | None]
    """Where accesses are logged. Default: nowhere."""
    tags: NotRequired[dict[str, str]]
    """Its tags. Default: none."""


class Bucket(pulumi.ComponentResource):
    """A bucket: encrypted, versioned, private, owner-enforced, TLS only."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    policy: aws.s3.BucketPolicy

    def __init__(self, name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("trailsight:index:Bucket", name, {}, opts)
        adopted = args["bucket"] if args["adopt"] else None

        key = args.get("key_arn")
        # Of the ARN only what makes the key counts here: the bucket is deleted first, and what a destroy leaves of it
        # can still be read.
        made_first = pulumi.Output.from_input(key).apply(lambda _: None)
        lock = args.get("object_lock")
        bucket = aws.s3.Bucket(
            name,
            bucket=args["bucket"],
            force_destroy=False,
            object_lock_enabled=lock is not None,
            tags=args.get("tags"),
            opts=kept(self, args["protect"], adopted, [made_first]),
        )

        def options(*after: pulumi.Resource) -> pulumi.ResourceOptions:
            return kept(self, args["protect"], adopted, list(after), guards=bucket)

        # One after the other: S3 answers changes of these at the same time with OperationAborted.
        public = aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=options(),
        )
        ownership = aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=options(public),
        )
        self.policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=pulumi.Output.json_dumps(args["policy"]),
            opts=options(ownership),
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="AES256" if key is None else "aws:kms", kms_master_key_id=key
                    ),
                    bucket_key_enabled=key is not None and args.get("bucket_key", True),
                )
            ],
            opts=options(),
        )
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=options(),
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle", bucket=bucket.bucket, rules=args["rules"], opts=options(versioning)
        )
        if lock:
            aws.s3.BucketObjectLockConfiguration(
                f"{name}-lock",
                bucket=bucket.bucket,
                rule=aws.s3.BucketObjectLockConfigurationRuleArgs(
                    default_retention=aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
                        mode="COMPLIANCE" if lock["mode"] is LockMode.COMPLIANCE else "GOVERNANCE", days=lock["days"]
                    )
                ),
                opts=options(versioning),
            )
        if access := args.get("access_logs"):
            aws.s3.BucketLogging(
                f"{name}-access-logs",
                bucket=bucket.bucket,
                target_bucket=access["bucket"],
                target_prefix=access.get("prefix") or f"{args['bucket']}/",
                opts=options(),
            )
        self.name = bucket.bucket
        self.arn = bucket.arn
        self.register_outputs({"name": self.name, "arn": self.arn})


def expire(
    rule: str, days: int, prefix: str = "", glacier_after: int = 0
) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    """A lifecycle rule: objects below `prefix` go after `days` (0: never), and to Glacier after `glacier_after`."""
    transition = aws.s3.BucketLifecycleConfigurationRuleTransitionArgs(days=glacier_after, storage_class="GLACIER")
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id=rule,
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=prefix),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days) if days else None,
        transitions=[transition] if glacier_after else None,
    )


def tidy(noncurrent_days: int, abandoned_days: int) -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    """The lifecycle rule for what no listing shows: old versions, their markers, abandoned uploads."""
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="tidy",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=noncurrent_days
        ),
        expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(expired_object_delete_marker=True),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=abandoned_days
        ),
    )
