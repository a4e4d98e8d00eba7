"""Names and ARNs of a pipeline's parts before any of them exists: pure, so policies can precede what they name.

Where AWS wants a name beforehand (a trail, whose ARN its bucket's policy names; a Glue job, which loses its bookmark
with its name) or across stacks, it is made here from the pipeline's name; each fits its service's limit.
"""

import hashlib
import re
from dataclasses import dataclass

ROLE_LIMIT = 64
BUCKET_LIMIT = 63


@dataclass(frozen=True, slots=True)
class Where:
    """Where a pipeline is: partition (`aws`, `aws-us-gov`, ...) and its DNS suffix, the account's id, the Region."""

    partition: str
    dns_suffix: str
    account: str
    region: str

    def arn(self, service: str, resource: str) -> str:
        """ARN of a resource of this account and Region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def iam(self, resource: str) -> str:
        """ARN of an IAM resource (`role/x`, `root`) of this account."""
        return f"arn:{self.partition}:iam::{self.account}:{resource}"

    def bucket(self, name: str) -> str:
        """ARN of a bucket."""
        return f"arn:{self.partition}:s3:::{name}"


@dataclass(frozen=True, slots=True)
class Names:
    """Names of the parts of the pipeline `pipeline` at `where`; those of roles begin with `role_prefix`."""

    pipeline: str
    where: Where
    role_prefix: str = ""
    role_path: str = "/"

    def part(self, suffix: str, limit: int = 64) -> str:
        """A name for a part, such as `acme-prod-flattener`."""
        return fit(f"{self.pipeline}-{suffix}", limit)

    def role(self, suffix: str) -> str:
        """Name of the role of a part."""
        return fit(f"{self.role_prefix}{self.pipeline}-{suffix}", ROLE_LIMIT)

    def role_arn(self, suffix: str) -> str:
        """ARN of the role of a part."""
        return self.where.iam(f"role{self.role_path}{self.role(suffix)}")

    def bucket(self, suffix: str) -> str:
        """Name of a bucket, unique in all of AWS by its account and Region."""
        tail = f"-{suffix}-{self.where.account}-{self.where.region}"
        return fit(self.pipeline.lower(), BUCKET_LIMIT - len(tail)) + tail

    def trail(self, given: str | None = None) -> str:
        """Name of the trail: that of the settings, else the pipeline's."""
        return given or fit(self.pipeline, 128)

    def trail_arn(self, given: str | None = None) -> str:
        """ARN of the trail, which policies name before it exists."""
        return self.where.arn("cloudtrail", f"trail/{self.trail(given)}")

    @property
    def database(self) -> str:
        """Name of the Glue database; Athena's unquoted names hold no hyphen."""
        return re.sub(r"[^a-z0-9_]", "_", self.pipeline.lower())

    @property
    def function_arn(self) -> str:
        """ARN of the flattener."""
        return self.where.arn("lambda", f"function:{self.part('flattener')}")

    @property
    def queue_arn(self) -> str:
        """ARN of the flattener's queue."""
        return self.where.arn("sqs", self.part("logs", 80))

    @property
    def dlq_arn(self) -> str:
        """ARN of the dead-letter queue."""
        return self.where.arn("sqs", self.part("logs-dlq", 80))

    def topic_arn(self, part: str) -> str:
        """ARN of a part's topic."""
        return self.where.arn("sns", self.part(part, 256))

    def log_group_arn(self, name: str) -> str:
        """ARN of a log group and, as IAM wants it, all its streams."""
        return self.where.arn("logs", f"log-group:{name}:*")


def fit(name: str, limit: int) -> str:
    """`name`, cut to `limit` characters; a hash of the whole keeps two long names apart.

    >>> fit("short", 10)
    'short'
    """
    if len(name) <= limit:
        return name
    return f"{name[: limit - 9].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
