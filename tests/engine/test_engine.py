"""A real engine against the stand-in: what mocks cannot show, because the engine decides it."""

NOTIFY = "aws:s3/bucketNotification:BucketNotification"
KEPT = {
    "aws:kms/alias:Alias alias/logs",
    "aws:kms/key:Key key",
    "aws:s3/bucket:Bucket logs-111122223333",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock logs-111122223333",
}
ALL = KEPT | {"aws:sqs/queue:Queue logs", f"{NOTIFY} logs-111122223333"}


def test_preview_makes_nothing(stack):
    """A preview of a new stack plans everything, makes nothing, and leaves the state backend as it was."""
    before = stack.backend()
    plan = stack.preview()
    assert stack.backend() == before
    assert {s["op"] for s in plan["steps"]} == {"create"}
    assert plan["changeSummary"] == {"create": len(ALL) + 2}  # and the stack and the provider
    assert stack.cloud.existing() == set()


def test_up_then_no_changes(stack):
    """After `up` everything exists, lookups and computed outputs arrive, and a preview has nothing to do."""
    stack.up()
    assert stack.cloud.existing() == ALL
    assert stack.ok("stack", "output", "partition").strip() == "aws"
    assert stack.ok("stack", "output", "queue").strip().endswith("/111122223333/logs")
    assert {s["op"] for s in stack.preview()["steps"]} == {"same"}


def test_a_change_updates_one(stack):
    """A changed input is an update of that resource and of no other."""
    stack.up()
    stack.ok("up", "--yes", "--skip-preview", DELAY="5")
    assert [urn.rsplit("::", 1)[1] for call, urn in stack.cloud.calls if call == "update"] == ["queue"]
    assert stack.cloud.resources["aws:sqs/queue:Queue", "logs"]["delaySeconds"] == 5


def test_failed_create_then_recovery(stack):
    """After a failed create a second `up` makes what is missing, and nothing twice."""
    stack.cloud.fail_once.add("aws:sqs/queue:Queue")
    failed = stack.run("up", "--yes", "--skip-preview")
    assert failed.returncode != 0
    assert "refused once by the test" in failed.stdout + failed.stderr
    assert f"{NOTIFY} logs-111122223333" not in stack.cloud.existing()
    stack.up()
    assert stack.cloud.existing() == ALL
    made = [urn for call, urn in stack.cloud.calls if call == "create"]
    assert len(made) == len(set(made)) == len(ALL)
    assert stack.cloud.count("delete") == 0


def test_destroy_keeps_the_retained_set(stack):
    """`destroy --exclude-protected` leaves exactly the retained set, in AWS and in the state."""
    stack.up()
    stack.ok("destroy", "--yes", "--skip-preview", "--exclude-protected")
    assert stack.cloud.existing() == KEPT
    assert stack.in_state() == {
        "aws:kms/alias:Alias alias",
        "aws:kms/key:Key key",
        "aws:s3/bucket:Bucket logs",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock logs-block",
    }


def test_plain_destroy_is_refused(stack):
    """A `destroy` that does not exclude what is protected fails and deletes nothing of it."""
    stack.up()
    assert stack.run("destroy", "--yes", "--skip-preview").returncode != 0
    assert stack.cloud.existing() >= KEPT


def test_unprotected_but_retained(stack):
    """Even unprotected, the retained set leaves the state only: AWS keeps it."""
    stack.up()
    stack.ok("state", "unprotect", "--all", "--yes")
    stack.ok("destroy", "--yes", "--skip-preview")
    assert stack.in_state() == set()
    assert stack.cloud.existing() == KEPT


def test_refresh_sees_what_went_missing(stack):
    """A queue deleted behind Pulumi's back is noticed by `refresh` and made again by `up`."""
    stack.up()
    del stack.cloud.resources["aws:sqs/queue:Queue", "logs"]
    stack.ok("refresh", "--yes", "--skip-preview")
    assert "aws:sqs/queue:Queue queue" not in stack.in_state()
    stack.up()
    assert stack.cloud.existing() == ALL


def test_forgotten_provider_is_refused(stack):
    """A resource without the explicit provider fails, since default providers are disabled."""
    done = stack.run("preview", FORGET="1")
    assert done.returncode != 0
    assert "Default provider for 'aws' disabled" in done.stdout + done.stderr


def test_wrong_account_is_refused(stack):
    """A stack whose account is not the one that the credentials lead to makes nothing."""
    done = stack.run("up", "--yes", "--skip-preview", ACCOUNT="999999999999")
    assert done.returncode != 0
    assert "AWS account ID not allowed: 111122223333" in done.stdout + done.stderr
    assert stack.cloud.existing() == set()


def test_previews_agree(stack):
    """Two previews of the same config plan the same resources with the same inputs."""
    first = stack.inputs()
    assert len(first) == len(ALL) + 2
    assert stack.inputs() == first
