"""Links into the AWS console, for what an operator looks at next."""

from dataclasses import dataclass
from urllib.parse import quote

from components.names import Where

# The console of a partition does not follow from its DNS suffix.
_HOSTS = {"aws-us-gov": "console.amazonaws-us-gov.com", "aws-cn": "console.amazonaws.cn"}


@dataclass(frozen=True, slots=True)
class Console:
    """Links of one account and Region."""

    where: Where

    def _link(self, path: str) -> str:
        host = _HOSTS.get(self.where.partition, f"{self.where.region}.console.aws.amazon.com")
        return f"https://{host}/{path}"

    def _regional(self, service: str, fragment: str) -> str:
        return self._link(f"{service}/home?region={self.where.region}#{fragment}")

    def bucket(self, name: str) -> str:
        """A bucket's objects."""
        return self._link(f"s3/buckets/{name}?region={self.where.region}")

    def trail(self, arn: str) -> str:
        """A trail."""
        return self._link(f"cloudtrailv2/home?region={self.where.region}#/trails/{arn}")

    def queue(self, url: str) -> str:
        """A queue."""
        return self._link(f"sqs/v3/home?region={self.where.region}#/queues/{quote(url, safe='')}")

    def function(self, name: str) -> str:
        """A function and its metrics."""
        return self._regional("lambda", f"/functions/{name}?tab=monitoring")

    def job(self, name: str) -> str:
        """A Glue job's runs."""
        return self._link(f"gluestudio/home?region={self.where.region}#/editor/job/{quote(name)}/runs")

    def workgroup(self, name: str) -> str:
        """Athena's editor in a workgroup."""
        return self._regional("athena", f"/query-editor?workgroup={quote(name)}")

    def metrics(self, name: str) -> str:
        """A CloudWatch dashboard."""
        return self._regional("cloudwatch", f"dashboards/dashboard/{quote(name)}")

    def quicksight(self, dashboard: str) -> str:
        """A QuickSight dashboard, by its id."""
        host = {
            "aws-us-gov": f"{self.where.region}.quicksight.aws.amazonaws-us-gov.com",
            "aws-cn": f"{self.where.region}.quicksight.amazonaws.cn",
        }.get(self.where.partition, f"{self.where.region}.quicksight.aws.amazon.com")
        return f"https://{host}/sn/dashboards/{quote(dashboard)}"
