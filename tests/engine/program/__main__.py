"""A log bucket that survives, a queue that does not: the habits of the product's program, small.

ACCOUNT is the only account it may land in; FORGET=1 leaves a provider out; DELAY is the queue's delay.
"""

import os

import pulumi
import pulumi_aws as aws

provider = aws.Provider("aws", region="eu-central-1", allowed_account_ids=[os.environ.get("ACCOUNT", "111122223333")])
plain = pulumi.ResourceOptions(provider=provider)
kept = pulumi.ResourceOptions(provider=provider, protect=True, retain_on_delete=True)

partition = aws.get_partition(opts=pulumi.InvokeOptions(provider=provider)).partition
key = aws.kms.Key("key", opts=kept)
aws.kms.Alias("alias", name="alias/logs", target_key_id=key.key_id, opts=kept)
logs = aws.s3.Bucket("logs", bucket="logs-111122223333", opts=kept)
aws.s3.BucketPublicAccessBlock("logs-block", bucket=logs.bucket, block_public_acls=True, opts=kept)
delay = int(os.environ.get("DELAY", "0"))
queue = aws.sqs.Queue("queue", name="logs", delay_seconds=delay, kms_master_key_id=key.arn, opts=plain)
aws.s3.BucketNotification("notify", bucket=logs.id, queues=[{"queue_arn": queue.arn, "events": ["s3:*"]}], opts=plain)
if os.environ.get("FORGET"):
    aws.sqs.Queue("stray")
pulumi.export("partition", partition)
pulumi.export("queue", queue.url)
