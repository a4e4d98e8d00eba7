"""The program in earnest: a real engine against a stand-in for AWS, for what mocks cannot show because the engine decides it."""

import pytest

from tests.engine.conftest import CONFIG

BUCKETS = {"test-logs-111122223333-eu-central-1", "test-lake-111122223333-eu-central-1"}
GUARDS = {
    "bucket:Bucket",
    "bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "bucketOwnershipControls:BucketOwnershipControls",
    "bucketPolicy:BucketPolicy",
    "bucketPublicAccessBlock:BucketPublicAccessBlock",
    "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "bucketVersioning:BucketVersioning",
}
KEYS = {"aws:kms/key:Key test-logs-key", "aws:kms/key:Key test-lake-key"} | {
    "aws:kms/alias:Alias alias/test-logs-key",
    "aws:kms/alias:Alias alias/test-lake-key",
}
RETAINED = KEYS | {f"aws:s3/{guard} {bucket}" for guard in GUARDS for bucket in BUCKETS}
"""What destroy must leave: both buckets, all that guards them, the keys and their aliases."""
TRAIL = "aws:cloudtrail/trail:Trail test"


def scripts(existing: set[str]) -> set[str]:
    """The job's script objects, which a running job may still need."""
    return {found for found in existing if "scripts/" in found}


@pytest.fixture
def up(stack):
    """The stack, deployed."""
    stack.up()
    return stack


def test_preview_makes_nothing(stack):
    """A preview of a new stack plans only creations, makes nothing, and leaves the state backend as it was."""
    before = stack.backend()
    plan = stack.preview()
    assert stack.backend() == before
    assert {s["op"] for s in plan["steps"]} == {"create"}
    assert stack.cloud.existing() == set()


def test_up_then_no_changes(up):
    """After `up` everything exists, outputs arrive, and a preview has nothing to do."""
    assert up.cloud.existing() >= RETAINED | {TRAIL, "aws:lambda/function:Function test-flattener"}
    assert up.ok("stack", "output", "job_name").strip() == "test-parquet"
    assert up.ok("stack", "output", "dlq_url").strip().endswith("/111122223333/test-logs-dlq")
    assert {s["op"] for s in up.preview()["steps"]} == {"same"}


def test_quicksight_comes_and_goes(up):
    """With QuickSight added everything of it is made, nothing is left to do, and without it only templates stay."""
    before = up.cloud.existing()
    up.configure(f"{CONFIG}quicksight: {{groups: {{owners: [sec], readers: [all]}}, users: {{owners: [eve]}}}}\n")
    up.up()
    made = up.cloud.existing() - before
    assert {found for found in made if "cloudformation" in found} == {
        "aws:cloudformation/stack:Stack test-quicksight-analysis",
        "aws:cloudformation/stack:Stack test-quicksight-dashboard",
    }
    assert {found for found in made if "metricAlarm" in found} == {
        f"aws:cloudwatch/metricAlarm:MetricAlarm test-refresh-{key}" for key in ("events", "gaps", "files")
    }
    assert up.ok("stack", "output", "dashboard_url").strip().endswith("/sn/dashboards/test-dashboard")
    assert {s["op"] for s in up.preview()["steps"]} == {"same"}
    up.configure(CONFIG)
    up.up()
    assert up.cloud.existing() == before | scripts(made)
    assert len(scripts(made)) == 2


def test_a_change_updates_what_it_touches(up):
    """A changed setting is an update of the function and of nothing else."""
    up.configure(CONFIG.replace("memoryMb: 512", "memoryMb: 1024"))
    up.up()
    changed = [(call, urn.rsplit("::", 1)[1]) for call, urn in up.cloud.calls if call != "create"]
    assert changed == [("update", "test-flattener")]
    assert up.cloud.resources["aws:lambda/function:Function", "test-flattener"]["memorySize"] == 1024


def test_failed_create_then_recovery(stack):
    """After a failed create a second `up` makes what is missing, and nothing twice."""
    stack.cloud.fail_once.add("aws:sqs/queuePolicy:QueuePolicy")
    failed = stack.run("up", "--yes", "--skip-preview")
    assert failed.returncode != 0
    assert "refused once by the test" in failed.stdout + failed.stderr
    assert not [found for found in stack.cloud.existing() if "bucketNotification" in found]
    stack.up()
    made = [urn for call, urn in stack.cloud.calls if call == "create"]
    assert len(made) == len(set(made))
    assert stack.cloud.count("delete") == 0
    assert {s["op"] for s in stack.preview()["steps"]} == {"same"}


def test_destroy_keeps_the_retained_set(up):
    """`destroy --exclude-protected` leaves exactly the retained set, the trail and the job's scripts."""
    put = scripts(up.cloud.existing())
    up.ok("destroy", "--yes", "--skip-preview", "--exclude-protected")
    assert up.cloud.existing() == RETAINED | {TRAIL} | put
    assert len(put) == 2


def test_plain_destroy_is_refused(up):
    """A `destroy` that does not exclude what is protected fails and deletes nothing of it."""
    assert up.run("destroy", "--yes", "--skip-preview").returncode != 0
    assert up.cloud.existing() >= RETAINED | {TRAIL}


def test_unprotected_but_retained_then_adopted(up):
    """Even unprotected, the retained set leaves the state only; `adopt`, with the kept keys, takes the buckets back as they are."""
    put = scripts(up.cloud.existing())
    up.ok("state", "unprotect", "--all", "--yes")
    up.ok("destroy", "--yes", "--skip-preview")
    assert up.in_state() == set()
    assert up.cloud.existing() == RETAINED | put
    for name in put:
        del up.cloud.resources[tuple(name.split(" ", 1))]  # S3 takes an object twice, the stand-in does not
    calls = len(up.cloud.calls)
    text = CONFIG
    for part in ("logs", "lake"):
        key = f"arn:aws:kms:eu-central-1:111122223333:key/test-{part}-key"
        text = text.replace(
            f"{part}: {{encryption: {{kms: create}}",
            f"{part}: {{adopt: true, encryption: {{kms: given, keyArn: '{key}'}}",
        )
    up.configure(text)
    up.up()
    assert up.cloud.existing() >= RETAINED | {TRAIL}
    made = {urn.rsplit("$", 1)[1].split("::")[0] for _, urn in up.cloud.calls[calls:]}
    assert not made & {f"aws:s3/{guard}" for guard in GUARDS}


def test_refresh_sees_what_went_missing(up):
    """A queue deleted behind Pulumi's back is noticed by `refresh` and made again by `up`."""
    before = up.cloud.existing()
    del up.cloud.resources["aws:sqs/queue:Queue", "test-logs"]
    up.ok("refresh", "--yes", "--skip-preview")
    assert "aws:sqs/queue:Queue test-queue" not in up.in_state()
    up.up()
    assert up.cloud.existing() == before


def test_forgotten_provider_is_refused(stack):
    """A resource without the explicit provider fails, since default providers are disabled."""
    with (stack.folder / "__main__.py").open("a") as program:
        program.write('\nimport pulumi_aws\n\npulumi_aws.sqs.Queue("stray")\n')
    done = stack.run("preview")
    assert done.returncode != 0
    assert "Default provider for 'aws' disabled" in done.stdout + done.stderr


def test_wrong_account_is_refused(stack):
    """A stack whose account is not the one that the credentials lead to makes nothing."""
    stack.configure(CONFIG.replace("111122223333", "999999999999"))
    done = stack.run("up", "--yes", "--skip-preview")
    assert done.returncode != 0
    assert "AWS account ID not allowed: 111122223333" in done.stdout + done.stderr
    assert stack.cloud.existing() == set()


def test_mistakes_have_their_lines(stack):
    """A wrong file stops the program before anything is planned, with file, line, key and cure, and no traceback of ours."""
    stack.configure(CONFIG.replace("memoryMb", "memorymb"))
    done = stack.run("preview")
    assert done.returncode != 0
    assert (
        "configs/test.yaml:3: lake.flattener.memorymb: is not a key; did you mean memoryMb?"
        in done.stdout + done.stderr
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert "unhandled exception" not in done.stdout + done.stderr


def test_the_external_id_is_a_secret(stack):
    """What the deploying role's trust policy asks for stands nowhere in the state in clear text."""
    stack.configure(CONFIG + "deploy: {role: trailsight-deploy, externalId: acme-7f3a-only-ours}\n")
    stack.up()
    state = stack.ok("stack", "export")
    assert "trailsight-deploy" in stack.ok("stack", "export", "--show-secrets")
    assert "acme-7f3a-only-ours" in stack.ok("stack", "export", "--show-secrets")
    assert "acme-7f3a-only-ours" not in state


def test_previews_agree(stack):
    """Two previews of the same config plan the same resources with the same inputs."""
    first = stack.inputs()
    assert first
    assert stack.inputs() == first
