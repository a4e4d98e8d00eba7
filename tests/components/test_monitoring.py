"""Monitoring: what is made, that each alarm and rule fires on what it names, and that the operations page knows it."""

import importlib
import json
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pulumi
import pytest

from components import alarms as a
from components import monitoring as m
from components import policies
from components.defaults import complete
from components.names import Names, Where
from components.settings import CatalogMode, ImportMode, Notification, TrailMode
from configs.references import Reference, resolve
from runtime.glue.arguments import ARGUMENTS
from runtime.glue.metrics import Metrics
from tests.components.recorder import Stack, run
from tests.conftest import REPO

WHERE = Where("aws", "amazonaws.com", "111122223333", "eu-central-1")
TOPIC = WHERE.arn("sns", "acme-prod-alarms")
TRAIL = WHERE.arn("cloudtrail", "trail/acme-prod")
KEY = WHERE.arn("kms", "key/0d3c1b9e-2b7a-4a8e-9f21-5b1c7a1d2e3f")
ALARM, RULE, TARGET = (
    f"aws:cloudwatch/{k}" for k in ("metricAlarm:MetricAlarm", "eventRule:EventRule", "eventTarget:EventTarget")
)
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
BUDGET = "aws:budgets/budget:Budget"
FLATTENER = importlib.import_module("runtime.lambda.report")
PAGE = (REPO / a.PAGE).read_text()
SECRET = "4dabf18193072939515e22adb298388d"


LAKE: m.LakeParts = {
    "dlq_name": "acme-dlq",
    "queue_name": "acme-queue",
    "function_name": "acme-flattener",
    "job_name": "acme-job",
    "longest_gap": 115,
    "crawlers": ["acme-flatfiles", "acme-parquettrails"],
    "data_sets": {"events": "acme-prod-events", "rules": "acme-prod-rules"},
}


def monitor(
    alarms: dict[str, Any] | None = None,
    region: str = "eu-central-1",
    then: Callable[[m.Monitoring], Any] = lambda _: None,
    **more: Any,
) -> Stack:
    """What `Monitoring("acme-prod-alarms")` registers, with a trail, a bucket and a key unless `more` says otherwise."""
    settings = complete({"alarms": alarms or {}})["alarms"]

    def program() -> None:
        args: m.MonitoringArgs = {
            "settings": resolve(settings, pulumi.InvokeOptions()),
            "names": Names("acme-prod", Where("aws", "amazonaws.com", "111122223333", region)),
            "lake_key_arn": KEY,
            "role_options": {},
            "tags": {"trailsight": "acme-prod"},
            "trail_name": "acme-prod",
            "buckets": ["acme-logs", "acme-lake"],
            "lake": LAKE,
        }
        then(m.Monitoring("acme-prod-alarms", {**args, **more}))

    return run(program, region=region)


@pytest.fixture(scope="module")
def stack() -> Stack:
    return monitor()


def test_the_children_are_exactly_these(stack: Stack):
    """One topic with its policy, ten alarms and one for each data set, five rules, a dashboard; no budget unasked."""
    alarms = [*a.alarms(complete({})["alarms"]), "no-new-files", "no-new-run", "refresh-events", "refresh-rules"]
    rules = ["job-failed", "crawler-failed", "trail-changed", "bucket-changed", "key-changed"]
    expected = {
        ("aws:sns/topic:Topic", "acme-prod-alarms-topic"),
        ("aws:sns/topicPolicy:TopicPolicy", "acme-prod-alarms-topic-policy"),
        (DASHBOARD, "acme-prod-alarms-dashboard"),
        *((ALARM, f"acme-prod-alarms-{key}") for key in alarms),
        *((RULE, f"acme-prod-alarms-{key}") for key in rules),
        *((TARGET, f"acme-prod-alarms-{key}-target") for key in rules),
    }
    assert len(alarms) == 12
    assert stack.children("acme-prod-alarms") == expected


def test_what_the_pipeline_does_not_own_is_not_watched():
    """Without a trail, a bucket or a key of its own, and without crawlers, there is only the rule on the job."""
    bare = monitor(trail_name=None, buckets=[], lake_key_arn=None, lake={**LAKE, "crawlers": []})
    assert [rule.name for rule in bare.of(RULE)] == ["acme-prod-alarms-job-failed"]
    assert "kmsMasterKeyId" not in bare["aws:sns/topic:Topic", "acme-prod-alarms-topic"].inputs


def test_without_a_lake_tampering_is_still_watched():
    """Trail, log bucket and key have their rules; nothing of a lake is watched, and there is nothing to draw."""
    bare = monitor({"budget": {"monthly_usd": 5}}, lake=None)
    assert [rule.name.removeprefix("acme-prod-alarms-") for rule in bare.of(RULE)] == [
        *("bucket-changed", "key-changed", "trail-changed"),
    ]
    assert [target.inputs["arn"] for target in bare.of(TARGET)] == [TOPIC] * 3
    assert bare.of(ALARM) == bare.of(DASHBOARD) == []
    assert len(bare.of(BUDGET)) == 1


def test_every_alarm_and_rule_publishes_to_the_topic(stack: Stack):
    """Nothing watches in silence: alarms and their end, and every rule, reach the one topic, after its policy stands."""
    for alarm in stack.of(ALARM):
        assert (alarm.inputs["alarmActions"], alarm.inputs["okActions"]) == ([TOPIC], [TOPIC]), alarm.name
    assert [target.inputs["arn"] for target in stack.of(TARGET)] == [TOPIC] * 5
    policy = stack["aws:sns/topicPolicy:TopicPolicy", "acme-prod-alarms-topic-policy"]
    for source in [*stack.of(ALARM), *stack.of(TARGET)]:
        assert policy.urn in source.depends_on, source.name


@pytest.mark.parametrize(
    ("key", "metric", "dimensions", "statistic", "period", "threshold"),
    [
        ("dead-letters", "AWS/SQS ApproximateNumberOfMessagesVisible", {"QueueName": "acme-dlq"}, "Maximum", 300, 0),
        ("queue-age", "AWS/SQS ApproximateAgeOfOldestMessage", {"QueueName": "acme-queue"}, "Maximum", 300, 5400),
        ("flattener-errors", "AWS/Lambda Errors", {"FunctionName": "acme-flattener"}, "Sum", 300, 0),
        ("flattener-throttles", "AWS/Lambda Throttles", {"FunctionName": "acme-flattener"}, "Sum", 300, 0),
        ("flattener-quarantine", "Trailsight Quarantined", {"FunctionName": "acme-flattener"}, "Sum", 3600, 7),
        ("job-quarantine", "Trailsight quarantined", {"JobName": "acme-job", "Task": "load"}, "Sum", 3600, 7),
        ("job-differs", "Trailsight duplicate_differs", {"JobName": "acme-job", "Task": "load"}, "Sum", 3600, 0),
        ("job-set-aside", "Trailsight flatfiles_set_aside", {"JobName": "acme-job", "Task": "load"}, "Sum", 3600, 0),
        ("refresh-events", "AWS/QuickSight IngestionErrorCount", {"DatasetId": "acme-prod-events"}, "Sum", 3600, 0),
        ("refresh-rules", "AWS/QuickSight IngestionErrorCount", {"DatasetId": "acme-prod-rules"}, "Sum", 3600, 0),
    ],
)
def test_each_alarm_fires_on_its_metric(key, metric, dimensions, statistic, period, threshold):
    """Settings of 90 minutes and 7 records: each alarm watches this metric of this part, above this value."""
    alarm = monitor({"queue_age_minutes": 90, "quarantined_records": 7})[ALARM, f"acme-prod-alarms-{key}"].inputs
    assert f"{alarm['namespace']} {alarm['metricName']}" == metric
    assert alarm["dimensions"] == dimensions
    assert (alarm["statistic"], alarm["period"], alarm["threshold"]) == (statistic, period, threshold)
    assert (alarm["comparisonOperator"], alarm["evaluationPeriods"]) == ("GreaterThanThreshold", 1)
    assert alarm["treatMissingData"] == "notBreaching"


def sent(body: dict[str, Any], alarms: list[dict[str, Any]]) -> list[tuple[str, str, frozenset[str]]]:
    """(namespace, metric, dimension names) of everything that alarms and dashboard look at in our own namespace."""
    looked = [(one["namespace"], one["metricName"], frozenset(one["dimensions"])) for one in alarms]
    for widget in body["widgets"]:
        for namespace, metric, *dimensions in widget["properties"].get("metrics", []):
            looked.append((namespace, metric, frozenset(dimensions[::2])))
    return [each for each in looked if each[0] == a.NAMESPACE]


def test_the_pipelines_own_metrics_are_sent_by_somebody(stack: Stack):
    """Every Trailsight metric that an alarm or a graph names is in the flattener's list or the job's, so dimensioned."""
    job_counts = {field.name for field in fields(Metrics)}
    looked = sent(
        stack[DASHBOARD, "acme-prod-alarms-dashboard"].json("dashboardBody"), [one.inputs for one in stack.of(ALARM)]
    )
    assert len(looked) > 10
    for _, metric, dimensions in looked:
        flattener = dimensions == {"FunctionName"} and metric in FLATTENER.METRICS
        job = dimensions == {"JobName", "Task"} and metric in job_counts
        assert flattener or job, (metric, dimensions)
    assert (
        {argument.name: argument.default for argument in ARGUMENTS}["namespace"] == a.NAMESPACE == FLATTENER.NAMESPACE
    )


@pytest.mark.parametrize(
    ("hours", "period", "periods"), [(1, 300, 12), (6, 300, 72), (24, 300, 288), (25, 3600, 25), (168, 3600, 168)]
)
def test_the_freshness_alarm_covers_its_hours_within_cloudwatchs_limits(hours, period, periods):
    """No flat file for these hours; a period below an hour spans a day at most, and all spans seven."""
    alarm = monitor({"stale_hours": hours})[ALARM, "acme-prod-alarms-no-new-files"].inputs
    assert (alarm["period"], alarm["evaluationPeriods"]) == (period, periods)
    assert period * periods == hours * 3600 <= (86_400 if period < 3600 else 604_800)


def test_the_freshness_alarm_speaks_up_after_the_first_file_only(stack: Stack):
    """Missing data stays missing: never ALARM before the first file; going back to INSUFFICIENT_DATA publishes."""
    alarm = stack[ALARM, "acme-prod-alarms-no-new-files"].inputs
    assert (alarm["namespace"], alarm["metricName"], alarm["statistic"]) == ("Trailsight", "Files", "Sum")
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("LessThanThreshold", 1)
    assert alarm["treatMissingData"] == "missing"
    assert alarm["insufficientDataActions"] == [TOPIC]


@pytest.mark.parametrize(
    ("stale", "gap", "period", "periods"),
    [(6, 115, 300, 72), (1, 115, 300, 24), (1, 1495, 3600, 25), (48, 115, 3600, 48)],
)
def test_a_job_that_no_longer_runs_is_noticed(stale, gap, period, periods):
    """Runs that ended well are counted by the metric of each; the window is never shorter than the schedule's gap."""
    stack = monitor({"stale_hours": stale}, lake={**LAKE, "longest_gap": gap})
    alarm = stack[ALARM, "acme-prod-alarms-no-new-run"].inputs
    assert (alarm["namespace"], alarm["metricName"], alarm["statistic"]) == ("Trailsight", "seconds", "SampleCount")
    assert alarm["dimensions"] == {"JobName": "acme-job", "Task": "load"}
    assert (alarm["comparisonOperator"], alarm["threshold"]) == ("LessThanThreshold", 1)
    assert (alarm["period"], alarm["evaluationPeriods"]) == (period, periods)
    assert (alarm["treatMissingData"], alarm["insufficientDataActions"]) == ("missing", [TOPIC])


def test_a_schedule_that_leaves_days_out_is_not_waited_for():
    """Nobody can say how long a job may be silent that runs on Mondays: there is no such alarm."""
    names = {one.name for one in monitor(lake={**LAKE, "longest_gap": None}).of(ALARM)}
    assert "acme-prod-alarms-no-new-files" in names
    assert "acme-prod-alarms-no-new-run" not in names


def matches(pattern: Any, event: Any) -> bool:
    """Whether EventBridge's pattern matches: exact values, nesting and `$or`, which is all that ours use.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
    """
    for key, wanted in pattern.items():
        if key == "$or":
            if not any(matches(one, event) for one in wanted):
                return False
        elif isinstance(wanted, dict):
            if not isinstance(event.get(key), dict) or not matches(wanted, event[key]):
                return False
        elif event.get(key) not in wanted:
            return False
    return True


def glue(**detail: Any) -> dict[str, Any]:
    """An event of a Glue job's run, as AWS documents it."""
    return {
        "version": "0",
        "id": "abcdef00-1234-5678-9abc-def012345678",
        "detail-type": "Glue Job State Change",
        "source": "aws.glue",
        "account": "111122223333",
        "time": "2026-11-24T18:57:21Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": {
            "jobName": "acme-job",
            "severity": "ERROR",
            "state": "FAILED",
            "jobRunId": "jr_abcdef0123456789",
            "message": "Unbalanced",
            **detail,
        },
    }


def crawl(**detail: Any) -> dict[str, Any]:
    """An event of a crawler, as AWS documents it."""
    found = {"crawlerName": "acme-parquettrails", "errorMessage": "Internal Service Exception", "state": "Failed"}
    event = glue() | {"detail-type": "Glue Crawler State Change"}
    return event | {"detail": {**found, "accountId": "1234", "message": "Crawler Failed", **detail}}


def call(service: str, name: str, parameters: dict[str, Any] | None, **detail: Any) -> dict[str, Any]:
    """A call as CloudTrail's management events bring it to EventBridge."""
    return {
        "version": "0",
        "id": "36eb8523-97d0-4518-b33d-ee3579ff19f0",
        "detail-type": "AWS API Call via CloudTrail",
        "source": f"aws.{service}",
        "account": "111122223333",
        "time": "2026-11-24T13:06:24Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": {
            "eventVersion": "1.10",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/mallory"},
            "eventTime": "2026-11-24T13:06:24Z",
            "eventSource": f"{service}.amazonaws.com",
            "eventName": name,
            "awsRegion": "eu-central-1",
            "sourceIPAddress": "198.51.100.7",
            "requestParameters": parameters,
            "responseElements": None,
            "eventID": "3038ebd2-c98a-4c65-9b6e-e22506292313",
            "eventType": "AwsApiCall",
            "managementEvent": True,
            **detail,
        },
    }


KEY_ID = KEY.rpartition("/")[2]
FIRES = {
    "job-failed": [glue(), glue(state="TIMEOUT"), glue(state="STOPPED")],
    "crawler-failed": [crawl(), crawl(crawlerName="acme-flatfiles")],
    "trail-changed": [
        call("cloudtrail", "StopLogging", {"name": "acme-prod"}),
        call("cloudtrail", "StopLogging", {"name": TRAIL}),
        call("cloudtrail", "DeleteTrail", {"name": TRAIL}, errorCode="AccessDenied"),
        call("cloudtrail", "UpdateTrail", {"name": "acme-prod", "isMultiRegionTrail": False}),
        call("cloudtrail", "PutEventSelectors", {"trailName": "acme-prod", "eventSelectors": []}),
        call("cloudtrail", "PutInsightSelectors", {"trailName": TRAIL, "insightSelectors": []}),
        call("cloudtrail", "RemoveTags", {"resourceId": TRAIL, "tagsList": [{"key": "trailsight"}]}),
    ],
    "bucket-changed": [
        call("s3", name, {"bucketName": "acme-logs", "Host": "acme-logs.s3.eu-central-1.amazonaws.com"})
        for name in (
            "DeleteBucket",
            "PutBucketPolicy",
            "DeleteBucketPolicy",
            "PutBucketLifecycle",
            "DeleteBucketLifecycle",
            "PutBucketPublicAccessBlock",
            "DeleteBucketPublicAccessBlock",
            "PutBucketEncryption",
            "DeleteBucketEncryption",
        )
    ]
    + [
        call("s3", "PutBucketLifecycle", {"bucketName": "acme-lake"}),
        call("s3", "DeleteBucketPolicy", {"bucketName": "acme-lake"}, errorCode="AccessDenied"),
    ],
    "key-changed": [
        call("kms", "ScheduleKeyDeletion", {"keyId": KEY, "pendingWindowInDays": 7}),
        call("kms", "DisableKey", {"keyId": KEY_ID}),
    ],
}
QUIET = {
    "job-failed": [glue(state="SUCCEEDED"), glue(jobName="acme-job-2"), glue() | {"source": "acme.glue"}],
    "crawler-failed": [crawl(state="Succeeded"), crawl(crawlerName="other")],
    "trail-changed": [
        call("cloudtrail", "StopLogging", {"name": "acme-production"}),
        call("cloudtrail", "StartLogging", {"name": "acme-prod"}),
        call("cloudtrail", "GetTrailStatus", {"name": TRAIL}),
        call("cloudtrail", "PutEventSelectors", {"trailName": "other"}),
        call("cloudtrail", "DeleteTrail", None, errorCode="AccessDenied"),
    ],
    "bucket-changed": [
        call("s3", "PutBucketPolicy", {"bucketName": "acme-logs-2"}),
        call("s3", "GetBucketPolicy", {"bucketName": "acme-logs"}),
        call("s3", "PutObject", {"bucketName": "acme-logs", "key": "AWSLogs/x"}),
    ],
    "key-changed": [
        call("kms", "ScheduleKeyDeletion", {"keyId": "11111111-2222-3333-4444-555555555555"}),
        call("kms", "Decrypt", {"keyId": KEY}),
        call("kms", "DescribeKey", {"keyId": KEY_ID}),
    ],
}


@pytest.mark.parametrize("key", FIRES)
def test_each_rule_fires_on_its_events_and_no_others(stack: Stack, key: str):
    """Real-looking events match, near misses do not, and no event of one rule sets off another."""
    pattern = stack[RULE, f"acme-prod-alarms-{key}"].json("eventPattern")
    assert [e["detail"] for e in FIRES[key] if not matches(pattern, e)] == []
    others = [event for other, events in FIRES.items() if other != key for event in events]
    assert [e["detail"] for e in [*QUIET[key], *others] if matches(pattern, e)] == []


def told(target: dict[str, Any], event: dict[str, Any]) -> str:
    """The message that EventBridge makes of an event; a path that leads nowhere leaves nothing."""
    text = json.loads(target["inputTemplate"])
    for name, path in target["inputPaths"].items():
        value: Any = event
        for step in path.removeprefix("$.").split("."):
            value = value.get(step, "") if isinstance(value, dict) else ""
        text = text.replace(f"<{name}>", str(value))
    return text


@pytest.mark.parametrize(
    ("key", "event", "message"),
    [
        (
            "job-failed",
            glue(),
            (
                "Trailsight acme-prod: run jr_abcdef0123456789 of the job acme-job ended as FAILED at 2026-11-24T18:57:21Z;"
                " its log says why, and the next run makes up for it. See 'The Parquet job failed' in docs/operations.md."
            ),
        ),
        (
            "crawler-failed",
            crawl(),
            (
                "Trailsight acme-prod: the crawler acme-parquettrails failed at 2026-11-24T18:57:21Z: Internal Service"
                " Exception. See 'A crawler failed' in docs/operations.md."
            ),
        ),
        (
            "trail-changed",
            FIRES["trail-changed"][2],
            (
                "Trailsight acme-prod: arn:aws:iam::111122223333:user/mallory called DeleteTrail of"
                " cloudtrail.amazonaws.com from 198.51.100.7 at 2026-11-24T13:06:24Z (event"
                " 3038ebd2-c98a-4c65-9b6e-e22506292313) AccessDenied; if nobody planned that, act."
                " See 'The trail was changed' in docs/operations.md."
            ),
        ),
    ],
)
def test_a_rule_tells_one_sentence(stack: Stack, key: str, event: dict[str, Any], message: str):
    """Who did what, when and from where, and where to read on; no raw JSON."""
    target = stack[TARGET, f"acme-prod-alarms-{key}-target"].inputs["inputTransformer"]
    assert told(target, event) == message


def test_every_message_names_a_section_of_the_page_and_no_section_is_stale(stack: Stack):
    """The headings below `Alarms` are those that alarms and rules name, each once; data sets share theirs."""
    texts = [alarm.inputs["alarmDescription"] for alarm in stack.of(ALARM)]
    texts += [target.inputs["inputTransformer"]["inputTemplate"] for target in stack.of(TARGET)]
    named = [re.findall(r"See '(.+)' in docs/operations\.md\.", text) for text in texts]
    section = PAGE.split("\n## Alarms\n")[1].split("\n## ")[0]
    headings = re.findall(r"^### (.+)$", section, re.MULTILINE)
    assert sorted(headings) == sorted({*(one for [one] in named), "The budget"})
    for part in section.split("\n### ")[1:]:
        assert re.findall(r"^\*\*(\w+)\.\*\*", part, re.MULTILINE) == ["Meaning", "Cause", "Cure"], part[:40]
    assert all(len(alarm.inputs["alarmDescription"]) <= 1024 for alarm in stack.of(ALARM))


def test_a_given_topic_is_used_and_left_alone():
    """With topicArn there is no topic and no policy of ours; alarms go there."""
    given = WHERE.arn("sns", "on-call")
    stack = monitor({"topic_arn": given, "emails": ["sec@acme.example"]})
    assert stack.of("aws:sns/topic:Topic") == stack.of("aws:sns/topicPolicy:TopicPolicy") == []
    assert {tuple(alarm.inputs["alarmActions"]) for alarm in stack.of(ALARM)} == {(given,)}
    assert [one.inputs["topic"] for one in stack.of(SUBSCRIPTION)] == [given]


def test_addresses_are_subscribed_and_webhooks_stay_secret():
    """E-mail and HTTPS; a webhook's address is a secret input, and no address stands in a name."""
    stack = monitor({"emails": ["sec@acme.example"], "webhooks": ["https://hooks.example/T0/secret"]})
    email, webhook = stack.of(SUBSCRIPTION)
    assert (email.inputs["protocol"], email.inputs["endpoint"]) == ("email", "sec@acme.example")
    assert webhook.inputs["protocol"] == "https"
    assert webhook.inputs["endpoint"][SECRET] == "1b47061264138c4ac30d75fd1eb44270"
    assert not any("acme.example" in one.urn or "hooks" in one.urn for one in stack)


@pytest.mark.parametrize(
    ("key", "addresses"),
    [("emails", ["a@x.example", "b@x.example"]), ("webhooks", ["https://a.example/s", "https://b.example/s"])],
)
def test_addresses_in_another_order_change_nothing(key: str, addresses: list[str]):
    """The same addresses give the same resources with the same endpoints, and one that stays keeps its own."""

    def subscribed(*given: str) -> dict[str, Any]:
        return {one.urn: one.inputs["endpoint"] for one in monitor({key: list(given)}).of(SUBSCRIPTION)}

    both = subscribed(*addresses)
    assert len(both) == 2
    assert subscribed(*reversed(addresses)) == both
    assert subscribed(addresses[1]).items() < both.items()


def test_webhooks_from_parameters_are_named_by_their_paths():
    """The one that stays keeps its name when the other goes; neither path nor address stands in it."""

    def subscribed(*paths: str) -> dict[str, Any]:
        made = monitor({"webhooks": [Reference(path) for path in paths]})
        return {one.urn: one.inputs["endpoint"] for one in made.of(SUBSCRIPTION)}

    both = subscribed("/hook/a", "/hook/b")
    assert len(both) == 2
    assert {endpoint["value"] for endpoint in both.values()} == {"https://hooks.acme.example/secret"}
    assert {endpoint[SECRET] for endpoint in both.values()} == {"1b47061264138c4ac30d75fd1eb44270"}
    assert {**subscribed("/hook/b"), **subscribed("/hook/a")} == both
    assert not any("hook/" in urn or "acme.example" in urn for urn in both)


def test_the_budget_counts_what_carries_the_pipelines_tag():
    """50 US dollars a month for the tag trailsight=acme-prod, told to the topic as spent and as forecast."""
    budget = monitor({"budget": {"monthly_usd": 50}})[BUDGET, "acme-prod-alarms-budget"].inputs
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == ("50", "USD", "MONTHLY")
    assert budget["costFilters"] == [{"name": "TagKeyValue", "values": ["user:trailsight$acme-prod"]}]
    assert [n["notificationType"] for n in budget["notifications"]] == ["ACTUAL", "FORECASTED"]
    assert {tuple(n["subscriberSnsTopicArns"]) for n in budget["notifications"]} == {(TOPIC,)}


@pytest.mark.parametrize(
    ("lake", "quicksight", "found"),
    [
        ({}, {"import_mode": ImportMode.SPICE}, {"refresh-events", "refresh-gaps", "refresh-files"}),
        ({}, {"import_mode": ImportMode.DIRECT}, set()),
        ({}, {"import_mode": ImportMode.DIRECT, "row_level_security": [{"user": "eve"}]}, {"refresh-rules"}),
        ({"job": {"schedule": "cron(0 3 ? * MON *)"}}, None, {"no-new-run"}),
    ],
)
def test_the_pipeline_says_what_is_loaded_and_how_often_it_runs(deploy, lake, quicksight, found):
    """Data sets in SPICE are watched, those that ask Athena are not; a job is missed that should run every day."""
    settings = {"lake": lake} | ({"quicksight": quicksight} if quicksight is not None else {})
    stack, plain = deploy(settings), deploy()
    names = {one.name.removeprefix("acme-prod-alarms-") for one in stack.of(ALARM)}
    assert names ^ {one.name.removeprefix("acme-prod-alarms-") for one in plain.of(ALARM)} == found
    for key in found & {"refresh-events", "refresh-gaps", "refresh-files", "refresh-rules"}:
        dimensions = stack[ALARM, f"acme-prod-alarms-{key}"].inputs["dimensions"]
        assert dimensions == {"DatasetId": f"acme-prod-{key.removeprefix('refresh-')}"}


def test_the_crawlers_of_the_catalog_are_watched(deploy):
    """With catalog mode `crawled` the rule names both crawlers that are made; otherwise there is none."""
    stack = deploy({"lake": {"catalog": {"mode": CatalogMode.CRAWLED}}})
    pattern = stack[RULE, "acme-prod-alarms-crawler-failed"].json("eventPattern")
    made = [crawler.inputs["name"] for crawler in stack.of("aws:glue/crawler:Crawler")]
    assert sorted(pattern["detail"]["crawlerName"]) == sorted(made)
    assert len(made) == 2
    assert "acme-prod-alarms-crawler-failed" not in {rule.name for rule in deploy().of(RULE)}


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        ({}, {"logs", "lake"}),
        ({"lake": {"enabled": False}}, {"logs"}),
        (
            {
                "trail": {"mode": TrailMode.NONE},
                "logs": {"existing": {"bucket": "theirs", "notification": Notification.EVENTBRIDGE}},
            },
            {"lake"},
        ),
    ],
)
def test_both_own_buckets_are_watched(deploy, args, parts):
    """The log bucket and the lake, and no bucket of somebody else's."""
    pattern = deploy(args)[RULE, "acme-prod-alarms-bucket-changed"].json("eventPattern")
    assert set(pattern["detail"]["requestParameters"]["bucketName"]) == {
        f"acme-prod-{part}-111122223333-eu-central-1" for part in parts
    }


def test_a_pipeline_without_a_lake_has_its_alarms(deploy):
    """Who only delivers still hears of a trail that is stopped."""
    stack = deploy({"lake": {"enabled": False}})
    assert "acme-prod-alarms-trail-changed" in {rule.name for rule in stack.of(RULE)}
    assert stack.outputs["acme-prod"]["alarm_topic_arn"] == TOPIC
    assert "alarms" not in stack.outputs["acme-prod"]["console_links"]


def test_the_pipeline_tags_what_its_budget_counts(deploy):
    """The tag that the budget filters by is on the queue, the function, the job and the buckets."""
    stack = deploy({"tags": {"team": "sec"}})
    for kind in ("aws:sqs/queue:Queue", "aws:lambda/function:Function", "aws:glue/job:Job", "aws:s3/bucket:Bucket"):
        assert stack.of(kind)
        assert {json.dumps(one.inputs["tags"], sort_keys=True) for one in stack.of(kind)} == {
            '{"team": "sec", "trailsight": "acme-prod"}'
        }


def test_the_topic_is_encrypted_with_the_lakes_key_that_lets_its_publishers_in(stack: Stack):
    """Topic and key know the same three services; EventBridge without a condition, which it could never meet."""
    topic = stack["aws:sns/topic:Topic", "acme-prod-alarms-topic"].inputs
    assert (topic["name"], topic["kmsMasterKeyId"]) == ("acme-prod-alarms", KEY)
    policy = stack["aws:sns/topicPolicy:TopicPolicy", "acme-prod-alarms-topic-policy"].json("policy")
    here = {"StringEquals": {"aws:SourceAccount": "111122223333"}}
    assert policy == policies.alarm_topic(WHERE, TOPIC)
    for document, actions, resource in (
        (policy, ["sns:Publish"], [TOPIC]),
        (policies.lake_key(WHERE), ["kms:Decrypt", "kms:GenerateDataKey*"], ["*"]),
    ):
        services = [s for s in document["Statement"] if "Service" in s["Principal"]]
        assert [(s["Principal"]["Service"], s.get("Condition")) for s in services] == [
            ("cloudwatch.amazonaws.com", here),
            ("events.amazonaws.com", None),
            ("budgets.amazonaws.com", here),
        ]
        assert all((s["Effect"], s["Action"], s["Resource"]) == ("Allow", actions, resource) for s in services)


def test_the_dashboard_is_the_same_each_time_and_no_graph_covers_another(stack: Stack):
    """The same text from two runs; alarms first; every widget within 24 columns and on its own ground."""
    text = stack[DASHBOARD, "acme-prod-alarms-dashboard"].inputs["dashboardBody"]
    assert text == monitor()[DASHBOARD, "acme-prod-alarms-dashboard"].inputs["dashboardBody"]
    widgets = json.loads(text)["widgets"]
    assert widgets[0]["type"] == "alarm"
    assert sorted(widgets[0]["properties"]["alarms"]) == sorted(
        f"arn:aws:cloudwatch:eu-central-1:111122223333:{alarm.inputs['name']}" for alarm in stack.of(ALARM)
    )
    taken = [
        (x, y) for w in widgets for x in range(w["x"], w["x"] + w["width"]) for y in range(w["y"], w["y"] + w["height"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert {w["properties"]["region"] for w in widgets[1:]} == {"eu-central-1"}
    assert widgets[-1]["properties"]["metrics"] == [
        ["AWS/QuickSight", "IngestionErrorCount", "DatasetId", name] for name in LAKE["data_sets"].values()
    ]
    without = monitor(lake={**LAKE, "data_sets": {}})[DASHBOARD, "acme-prod-alarms-dashboard"].json("dashboardBody")
    assert len(without["widgets"]) == len(widgets) - 1


def test_a_key_for_logs_and_lake_is_watched_once():
    """One given key for both is in the pattern once by ARN and once by id; two keys are all there."""
    other = WHERE.arn("kms", "key/ffffffff-0000-0000-0000-000000000000")
    rule = (RULE, "acme-prod-alarms-key-changed")
    watched = [
        monitor(log_key_arn=key)[rule].json("eventPattern")["detail"]["requestParameters"] for key in (KEY, other)
    ]
    assert watched == [{"keyId": [KEY_ID, KEY]}, {"keyId": [KEY_ID, KEY, other, other.rpartition("/")[2]]}]


@pytest.mark.parametrize(
    ("region", "host"),
    [("eu-central-1", "eu-central-1.console.aws.amazon.com"), ("us-gov-west-1", "console.amazonaws-us-gov.com")],
)
def test_the_outputs_lead_to_the_dashboard(region, host):
    """The topic's ARN, the dashboard's name, and its link in the console of the partition."""
    seen: list[str] = []
    partition = "aws-us-gov" if region.startswith("us-gov") else "aws"
    names = Names("acme-prod", Where(partition, "amazonaws.com", "111122223333", region))
    monitor(
        region=region,
        names=names,
        then=lambda made: pulumi.Output.all(made.topic_arn, made.dashboard_name, made.dashboard_url).apply(seen.extend),
    )
    link = f"https://{host}/cloudwatch/home?region={region}#dashboards/dashboard/acme-prod-pipeline"
    assert seen == [names.where.arn("sns", "acme-prod-alarms"), "acme-prod-pipeline", link]


def test_unknown_names_still_preview():
    """A preview of a first deployment, where nothing has a name yet, registers the same resources."""

    def program() -> None:
        unknown: pulumi.Output[Any] = pulumi.Output(set(), _now(None), _now(value=False))
        m.Monitoring(
            "acme-prod-alarms",
            {
                "settings": complete({})["alarms"],
                "names": Names("acme-prod", WHERE),
                "lake_key_arn": unknown,
                "role_options": {},
                "tags": {},
                "trail_name": unknown,
                "buckets": [unknown, unknown],
                "lake": {
                    **LAKE,
                    **dict.fromkeys(("dlq_name", "queue_name", "function_name", "job_name"), unknown),
                    "data_sets": dict.fromkeys(LAKE["data_sets"], unknown),
                },
            },
        )

    assert run(program, preview=True).urns() == monitor().urns()


async def _now(value: Any) -> Any:
    return value
