"""Objects below `scripts/` in the lake's bucket that AWS reads later: each under the hash of its content."""

import hashlib
from collections.abc import Iterable

import pulumi
import pulumi_aws as aws

from components import policies


def put(
    name: str,
    parent: pulumi.Resource,
    bucket: str,
    file: str,
    content: Iterable[tuple[str, bytes]],
    source: pulumi.Asset | pulumi.Archive,
    after: list[pulumi.Resource],
) -> pulumi.Output[str]:
    """Put `source` below `scripts/<hash of its content>/` and give its key: who reads it keeps what it started with.

    `content` is what the source is made of, as (name, bytes); `after` is what must exist before.
    """
    digest = hashlib.sha256()
    for part, data in content:
        digest.update(part.encode() + b"\0" + data + b"\0")
    made = aws.s3.BucketObjectv2(
        name,
        bucket=bucket,
        key=f"{policies.SCRIPTS}{digest.hexdigest()[:16]}/{file}",
        source=source,
        # An object takes 10 tags at most, which a provider's default tags may exceed.
        override_provider=aws.s3.BucketObjectv2OverrideProviderArgs(
            default_tags=aws.s3.BucketObjectv2OverrideProviderDefaultTagsArgs(tags={})
        ),
        opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=True, depends_on=after),
    )
    return made.key
