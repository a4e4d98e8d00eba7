"""The flattener Lambda: its bundle, its role, its log, and the mapping that feeds it from the queue."""

import json
import zipfile
from typing import NotRequired

import pulumi
import pulumi_aws as aws

from components import policies
from components.log_groups import log_group
from components.part import PartArgs
from components.roles import role
from components.settings import Architecture, FlattenerSettings
from tools import bundle

BUNDLE = bundle.REPO / "build" / "flattener.zip"
HANDLER = "runtime/lambda/handler.handle"
RUNTIME = f"python{bundle.PYTHON}"
BATCHING_WINDOW = 5  # seconds; CloudTrail delivers in bursts, and a message waits for company
_PREFIX = "TRAILSIGHT_"


class BundleError(pulumi.RunError, ValueError):
    """The bundle is missing or not of this checkout; the text says what to run."""


class FlattenerArgs(PartArgs):
    """What a flattener needs."""

    settings: FlattenerSettings
    """Its settings, with every default filled in. Required."""
    log_bucket: pulumi.Input[str]
    """Name of the log bucket. Required."""
    log_owner: str
    """Account that owns the log bucket. Required."""
    log_prefix: str
    """What log files' keys begin with. Required."""
    lake_bucket: str
    """Name of the lake's bucket. Required."""
    queue_arn: pulumi.Input[str]
    """ARN of the queue of new log files. Required."""
    promote: list[str]
    """Promoted paths beside the shipped ones. Required."""
    log_key_arn: NotRequired[pulumi.Input[str] | None]
    """The KMS key of the log bucket. Default: none."""


class Flattener(pulumi.ComponentResource):
    """The function that turns each log file into a flat file."""

    function_name: pulumi.Output[str]
    function_arn: pulumi.Output[str]
    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: FlattenerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        settings, names, tags = args["settings"], args["names"], args["tags"]
        super().__init__("trailsight:index:Flattener", name, {}, opts)
        function_name = names.part("flattener")
        log = f"/aws/lambda/{function_name}"
        group = log_group(f"{name}-logs", self, log, settings["log_retention_days"], tags)
        made, rights = role(
            self,
            f"{name}-role",
            args,
            "flattener",
            policies.trust("lambda"),
            lambda logs, log_key, lake_key: policies.flattener(
                names,
                logs=names.where.bucket(logs),
                prefix=args["log_prefix"],
                lake=names.where.bucket(args["lake_bucket"]),
                log_group=log,
                log_key=log_key,
                lake_key=lake_key,
            ),
            logs=args["log_bucket"],
            log_key=args.get("log_key_arn"),
            lake_key=args["lake_key_arn"],
        )
        environment: dict[str, pulumi.Input[str] | None] = {
            "OUTPUT_BUCKET": args["lake_bucket"],
            "OUTPUT_OWNER": names.where.account,
            "LOG_OWNER": args["log_owner"],
            "UNPACKED_LIMIT_MB": str(settings["unpacked_limit_mb"]),
            "KMS_KEY": args["lake_key_arn"],
            "PROMOTE": ",".join(args["promote"]) or None,
        }
        function = aws.lambda_.Function(
            name,
            name=function_name,
            description="Turns CloudTrail log files into flat files",
            runtime=RUNTIME,
            architectures=[settings["architecture"].value],
            handler=HANDLER,
            code=pulumi.FileArchive(str(BUNDLE)),
            role=made.arn,
            memory_size=settings["memory_mb"],
            timeout=settings["timeout_seconds"],
            environment=aws.lambda_.FunctionEnvironmentArgs(
                variables={f"{_PREFIX}{key}": value for key, value in environment.items() if value is not None}
            ),
            # JSON keeps the log's own fields apart from Lambda's, so that both can be queried.
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(log_format="JSON", log_group=group.name),
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights]),
        )
        aws.lambda_.EventSourceMapping(
            f"{name}-mapping",
            event_source_arn=args["queue_arn"],
            function_name=function.arn,
            batch_size=settings["batch_size"],
            maximum_batching_window_in_seconds=BATCHING_WINDOW,
            function_response_types=["ReportBatchItemFailures"],
            # Reserved concurrency would throttle after a message is taken, and send good ones to the DLQ:
            # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
            scaling_config=aws.lambda_.EventSourceMappingScalingConfigArgs(maximum_concurrency=settings["concurrency"]),
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights]),
        )
        self.function_name, self.function_arn, self.role_arn = function.name, function.arn, made.arn
        self.register_outputs({"function_name": self.function_name, "function_arn": self.function_arn})


def check_bundle(architecture: Architecture) -> None:
    """Raise BundleError unless there is a bundle of this checkout, for this processor and the function's Python.

    Lambda would tell of another processor or Python only at the first log file, and of older code never: after an
    update that forgot `make bundle`, an old flattener would go on beside the new job and the new tables.
    """
    command = f"make bundle ARCH={architecture.value}"
    if not BUNDLE.is_file():
        raise BundleError(f"build/{BUNDLE.name} is missing; make it with `{command}`")
    if wrong := _not_of_this_checkout(architecture.value):
        raise BundleError(f"build/{BUNDLE.name} {wrong}; make it anew with `{command}`")


def _not_of_this_checkout(architecture: str) -> str | None:
    here, wanted = bundle.sources(), bundle.manifest(architecture, bundle.PYTHON)
    with zipfile.ZipFile(BUNDLE) as archive:
        names = archive.namelist()
        if bundle.MANIFEST not in names:
            return f"has no {bundle.MANIFEST}, so it is of another version"
        made: dict[str, str] = json.loads(archive.read(bundle.MANIFEST))
        for key, what in (("architecture", "is for {}, not for {}"), ("python", "is for Python {}, not for {}")):
            if made.get(key) != wanted[key]:
                return what.format(made.get(key), wanted[key])
        if made.get("lock") != wanted["lock"]:
            return f"has the wheels of another {bundle.LOCK} than here"
        # Bytecode was made of the sources beside it, and by Lambda's Python: here is none to compare.
        there = {name for name in names if name.startswith("runtime/") and not name.endswith(".pyc")}
        for name in sorted(here.keys() | there):
            if name not in there:
                return f"lacks {name}"
            if here.get(name) != archive.read(name):
                return f"has another {name} than here"
    return None
