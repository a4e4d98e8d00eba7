"""A stand-in for the AWS provider: any resource, kept in memory, served to a real Pulumi engine over gRPC on 127.0.0.1.

It checks nothing that AWS would check, except the two things that an engine test is about: that nothing is made twice
under one name, and that the provider's account is one of `allowedAccountIds`.
"""

import json
import threading
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

VERSION = "7.51.1"
ACCOUNT = "111122223333"
REGION = "eu-central-1"
# How the engine writes a value that is known only after the deployment (pulumi.runtime.rpc.UNKNOWN).
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
# Inputs that AWS takes as the resource's name: a change of one replaces the resource.
NAMES = ("bucket", "name", "functionName", "repositoryName")
# What a name is unique within: an object's key in its bucket, a policy in its role, a table in its database.
WITHIN = {"Table": "databaseName", "Objectv2": "key", "RolePolicy": "role"}
# Outputs by type, beside `arn`, `id` and the inputs.
COMPUTED = {
    "aws:kms/key:Key": {"keyId": "{id}", "arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{id}}"},
    "aws:lambda/function:Function": {"invokeArn": "{arn}/invocations", "qualifiedArn": "{arn}:1", "version": "1"},
    "aws:s3/bucket:Bucket": {"bucket": "{id}", "bucketDomainName": "{id}.s3.amazonaws.com", "region": REGION},
    "aws:sqs/queue:Queue": {"url": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{{id}}", "name": "{id}"},
}
LOOKUPS = {
    "aws:index/getCallerIdentity:getCallerIdentity": {
        "accountId": ACCOUNT,
        "arn": f"arn:aws:iam::{ACCOUNT}:user/test",
        "id": ACCOUNT,
        "userId": "AIDATEST",
    },
    "aws:index/getPartition:getPartition": {
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
        "id": "aws",
    },
    "aws:index/getRegion:getRegion": {
        "region": REGION,
        "name": REGION,
        "id": REGION,
        "description": "Europe (Frankfurt)",
        "endpoint": f"ec2.{REGION}.amazonaws.com",
    },
}


class Cloud(provider_pb2_grpc.ResourceProviderServicer):
    """Resources by (type, id), as the engine made them; `fail_once` names types whose next creation is refused."""

    def __init__(self):
        self.resources: dict[tuple[str, str], dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.fail_once: set[str] = set()
        self._lock = threading.Lock()
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self) -> None:
        """End the server and wait for it."""
        self._server.stop(None).wait()

    def existing(self) -> set[str]:
        """Types and ids of all that exists, as `aws:sqs/queue:Queue logs`."""
        return {f"{kind} {ident}" for kind, ident in self.resources}

    def count(self, call: str) -> int:
        """How often `call` (create, update, delete) was carried out."""
        return sum(1 for name, _ in self.calls if name == call)

    # The engine's calls, by the names that the protocol gives them.

    def Attach(self, request, context):
        return empty_pb2.Empty()

    def Handshake(self, request, context):
        return provider_pb2.ProviderHandshakeResponse()

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version=VERSION)

    def CheckConfig(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request, context):
        return self._diff(plain(request.old_inputs), plain(request.news))

    def Configure(self, request, context):
        allowed = plain(request.args).get("allowedAccountIds")
        allowed = json.loads(allowed) if isinstance(allowed, str) and allowed != UNKNOWN else allowed
        if isinstance(allowed, list) and ACCOUNT not in allowed:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"AWS account ID not allowed: {ACCOUNT}")
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request, context):
        return self._diff(plain(request.old_inputs), plain(request.news))

    def Create(self, request, context):
        kind, inputs = kind_of(request.urn), plain(request.properties)
        ident = name_of(request.urn, inputs)
        if request.preview:
            return provider_pb2.CreateResponse(properties=struct(outputs(kind, UNKNOWN, inputs)))
        with self._lock:
            if kind in self.fail_once:
                self.fail_once.remove(kind)
                context.abort(grpc.StatusCode.UNAVAILABLE, f"refused once by the test: {kind}")
            if (kind, ident) in self.resources:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, f"{kind} {ident} exists already")
            self.resources[kind, ident] = inputs
            self.calls.append(("create", request.urn))
        return provider_pb2.CreateResponse(id=ident, properties=struct(outputs(kind, ident, inputs)))

    def Read(self, request, context):
        kind = kind_of(request.urn)
        with self._lock:
            inputs = self.resources.get((kind, request.id))
        if inputs is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=request.id, properties=struct(outputs(kind, request.id, inputs)), inputs=struct(inputs)
        )

    def Update(self, request, context):
        kind, inputs = kind_of(request.urn), plain(request.news)
        if not request.preview:
            with self._lock:
                self.resources[kind, request.id] = inputs
                self.calls.append(("update", request.urn))
        return provider_pb2.UpdateResponse(properties=struct(outputs(kind, request.id, inputs)))

    def Delete(self, request, context):
        with self._lock:
            del self.resources[kind_of(request.urn), request.id]
            self.calls.append(("delete", request.urn))
        return empty_pb2.Empty()

    def Invoke(self, request, context):
        if request.tok not in LOOKUPS:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the stand-in has no {request.tok}: add it to LOOKUPS")
        return provider_pb2.InvokeResponse(**{"return": struct(LOOKUPS[request.tok])})

    def Cancel(self, request, context):
        return empty_pb2.Empty()

    @staticmethod
    def _diff(old: dict[str, Any], new: dict[str, Any]) -> provider_pb2.DiffResponse:
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        replaces = [key for key in changed if key in NAMES]
        return provider_pb2.DiffResponse(changes=some, diffs=changed, replaces=replaces)


def kind_of(urn: str) -> str:
    """The resource's type: `aws:sqs/queue:Queue`."""
    return urn.split("::")[2].rsplit("$", 1)[-1]


def name_of(urn: str, inputs: dict[str, Any]) -> str:
    """What AWS would know the resource by: its name within its owner, or the program's name where it has none."""
    name = next((str(inputs[k]) for k in NAMES if inputs.get(k)), urn.rsplit("::", maxsplit=1)[1])
    return "/".join([name, *(str(inputs[k]) for end, k in WITHIN.items() if kind_of(urn).endswith(end))])


def outputs(kind: str, ident: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Inputs and what AWS would add; everything that it would add is unknown where `ident` is."""
    service = kind.split(":")[1].split("/", maxsplit=1)[0]
    arn = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{ident}"
    made = {"arn": arn} | {k: v.format(id=ident, arn=arn) for k, v in COMPUTED.get(kind, {}).items()}
    if ident == UNKNOWN:
        made = dict.fromkeys(made, UNKNOWN)
    return made | inputs


def plain(message: struct_pb2.Struct) -> dict[str, Any]:
    """A Struct as a dictionary."""
    return json_format.MessageToDict(message)


def struct(values: dict[str, Any]) -> struct_pb2.Struct:
    """A dictionary as a Struct."""
    message = struct_pb2.Struct()
    message.update(values)
    return message
