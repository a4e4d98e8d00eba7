"""Runs a Pulumi program against a monitor that keeps every registration as the engine would get it.

`pulumi.runtime.Mocks` alone hides parent, protect, retainOnDelete and provider; the raw request has them. It shows what is
asked for, not what an engine makes of it: inherited protection stays invisible (tests/engine sees that).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime import mocks, rpc, settings

UNKNOWN = rpc.UNKNOWN
PARTITIONS = {"cn-": ("aws-cn", "amazonaws.com.cn"), "us-gov-": ("aws-us-gov", "amazonaws.com")}


@dataclass(frozen=True)
class Registered:
    """One resource: its inputs as plain JSON values, and what the program asked of the engine for it."""

    type: str
    name: str
    inputs: dict[str, Any]
    parent: str
    protect: bool
    retain: bool
    import_id: str
    provider: str
    depends_on: tuple[str, ...]
    deleted_with: str
    urn: str

    def json(self, key: str) -> Any:
        """An input that is JSON text, read."""
        return json.loads(self.inputs[key])


@dataclass
class Stack:
    """All that a program registered, in order, and what it exported."""

    resources: list[Registered] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By component's name, what it registered as its outputs."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    """What was looked up, and through which provider."""

    def __getitem__(self, key: tuple[str, str]) -> Registered:
        kind, name = key
        found = [r for r in self.resources if r.type == kind and r.name == name]
        assert len(found) == 1, f"{key}: {len(found)} of them; there are {[r.name for r in self.of(kind)]}"
        return found[0]

    def of(self, kind: str) -> list[Registered]:
        """Resources of a type, by name."""
        return sorted((r for r in self.resources if r.type == kind), key=lambda r: r.name)

    def children(self, name: str) -> set[tuple[str, str]]:
        """(type, name) of the direct children of the component `name`."""
        parents = {r.urn for r in self.resources if r.name == name and r.type.startswith("trailsight:")}
        assert parents, f"no component {name}"
        return {(r.type, r.name) for r in self.resources if r.parent in parents}

    def urns(self) -> list[str]:
        """All URNs, sorted, without stack and project: what a rename changes."""
        return sorted(r.urn.split("::", 2)[2] for r in self.resources if r.type != "pulumi:pulumi:Stack")

    def __iter__(self) -> Iterator[Registered]:
        return iter(self.resources)


class _Cloud(mocks.Mocks):
    def __init__(self, account: str, region: str) -> None:
        self._account, self._region = account, region
        found = [value for prefix, value in PARTITIONS.items() if region.startswith(prefix)]
        self._partition, self._suffix = found[0] if found else ("aws", "amazonaws.com")

    def call(self, args: mocks.MockCallArgs) -> Any:
        answers: Mapping[str, dict[str, Any]] = {
            "aws:index/getPartition:getPartition": {"partition": self._partition, "dnsSuffix": self._suffix},
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": self._account},
            "aws:index/getRegion:getRegion": {"region": self._region, "name": self._region},
            "aws:ssm/getParameter:getParameter": {"value": "https://hooks.acme.example/secret"},
        }
        assert args.token in answers, f"an unforeseen look-up: {args.token}"
        return {"id": "looked-up", **answers[args.token]}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        name = args.inputs.get("name") or args.inputs.get("bucket") or args.name
        service = args.typ.split(":")[1].split("/")[0] if ":" in args.typ else ""
        made = {
            "arn": f"arn:{self._partition}:{service}:{self._region}:{self._account}:{name}",
            "url": f"https://sqs.{self._region}.{self._suffix}/{self._account}/{name}",
            "keyId": f"key-of-{args.name}",
        }
        return f"{args.name}-id", {**made, "name": name, **args.inputs}


class _Monitor(mocks.MockMonitor):
    def __init__(self, cloud: _Cloud, stack: Stack) -> None:
        super().__init__(cloud)
        self._stack = stack

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        self._stack.calls.append((request.tok, request.provider))
        return super().Invoke(request)

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        response = super().RegisterResource(request)
        self._stack.resources.append(
            Registered(
                request.type,
                request.name,
                json_format.MessageToDict(request.object),
                request.parent,
                request.protect,
                request.retainOnDelete,
                request.importId,
                request.provider,
                tuple(request.dependencies),
                request.deletedWith,
                response.urn,
            )
        )
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        self._stack.outputs[request.urn.rpartition("::")[2]] = json_format.MessageToDict(request.outputs)
        return super().RegisterResourceOutputs(request)


def run(
    program: Callable[[], Any],
    *,
    stack_name: str = "test",
    account: str = "111122223333",
    region: str = "eu-central-1",
    preview: bool = False,
    into: Stack | None = None,
) -> Stack:
    """Run `program` to its end, all outputs settled, and give what it registered. Raises what the program raises."""
    stack = Stack() if into is None else into
    settings.reset_options(project="trailsight", stack=stack_name, organization="acme")
    monitor = _Monitor(_Cloud(account, region), stack)
    mocks.set_mocks(_Cloud(account, region), project="trailsight", stack=stack_name, preview=preview, monitor=monitor)
    raised: list[BaseException] = []

    def body() -> None:
        try:
            program()
        except Exception as error:  # noqa: BLE001 - raised again below, when the loop has ended
            raised.append(error)

    pulumi.runtime.test(body)()
    if raised:
        raise raised[0]
    return stack
