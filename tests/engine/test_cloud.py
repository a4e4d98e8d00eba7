"""The stand-in itself, without an engine: it must be able to say no, or the engine tests prove nothing."""

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from tests.engine.cloud import UNKNOWN, Cloud, plain, struct

QUEUE = "urn:pulumi:test::p::my:index:Part$aws:sqs/queue:Queue::queue"


@pytest.fixture
def cloud():
    cloud = Cloud()
    yield cloud
    cloud.stop()


@pytest.fixture
def engine(cloud):
    """What an engine calls."""
    with grpc.insecure_channel(f"127.0.0.1:{cloud.port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)


def create(engine, urn=QUEUE, preview=False, **inputs):
    return engine.Create(provider_pb2.CreateRequest(urn=urn, properties=struct(inputs), preview=preview))


def test_nothing_is_made_twice(cloud, engine):
    """A second create of one name is refused, also from another place in the program."""
    assert create(engine, name="logs").id == "logs"
    with pytest.raises(grpc.RpcError, match="exists already"):
        create(engine, urn=QUEUE + "2", name="logs")
    assert cloud.existing() == {"aws:sqs/queue:Queue logs"}


def test_names_are_unique_within_their_owner(cloud, engine):
    """Two roles may have a policy of the same name, and a bucket two objects."""
    urn = "urn:pulumi:test::p::aws:iam/rolePolicy:RolePolicy::"
    assert create(engine, urn=urn + "a", name="read", role="a").id == "read/a"
    assert create(engine, urn=urn + "b", name="read", role="b").id == "read/b"


def test_a_preview_makes_nothing(cloud, engine):
    """In a preview what AWS would compute is unknown, inputs are known, and nothing exists after it."""
    made = plain(create(engine, preview=True, name="logs").properties)
    assert made == {"name": "logs", "arn": UNKNOWN, "url": UNKNOWN}
    assert cloud.existing() == set()


def test_fails_once(cloud, engine):
    """A type that is to fail once does, and then no more."""
    cloud.fail_once.add("aws:sqs/queue:Queue")
    with pytest.raises(grpc.RpcError, match="refused once"):
        create(engine, name="logs")
    assert create(engine, name="logs").id == "logs"


@pytest.mark.parametrize(
    ("old", "new", "changed", "replaces"),
    [
        ({"name": "a"}, {"name": "a"}, [], []),
        ({"name": "a"}, {"name": "a", "delaySeconds": 1}, ["delaySeconds"], []),
        ({"name": "a"}, {"name": "b"}, ["name"], ["name"]),
    ],
)
def test_diff(engine, old, new, changed, replaces):
    """What differs is said by key; another name replaces."""
    diff = engine.Diff(provider_pb2.DiffRequest(urn=QUEUE, old_inputs=struct(old), news=struct(new)))
    assert (list(diff.diffs), list(diff.replaces)) == (changed, replaces)


def test_what_is_gone_reads_as_gone(cloud, engine):
    """A read of what exists gives its inputs, also for an import; of what does not, no id."""
    create(engine, name="logs", delaySeconds=3)
    found = engine.Read(provider_pb2.ReadRequest(urn=QUEUE, id="logs"))
    assert plain(found.inputs) == {"name": "logs", "delaySeconds": 3}
    cloud.resources.clear()
    assert engine.Read(provider_pb2.ReadRequest(urn=QUEUE, id="logs")).id == ""


def test_unknown_lookup_is_named(engine):
    """A lookup that the stand-in does not know fails with its name, never with an empty answer."""
    with pytest.raises(grpc.RpcError, match="no aws:x/getX:getX"):
        engine.Invoke(provider_pb2.InvokeRequest(tok="aws:x/getX:getX"))


@pytest.mark.parametrize(("accounts", "refused"), [('["111122223333"]', False), ('["999999999999"]', True)])
def test_account(engine, accounts, refused):
    """Only an allowed account is configured."""
    request = provider_pb2.ConfigureRequest(args=struct({"allowedAccountIds": accounts}))
    if refused:
        with pytest.raises(grpc.RpcError, match="AWS account ID not allowed"):
            engine.Configure(request)
    else:
        assert engine.Configure(request).supportsPreview
