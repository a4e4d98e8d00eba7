"""The trail: what it records, what it must never record, and in which order it comes."""

from typing import Any

from components.settings import KmsMode, ReadWrite

TRAIL = ("aws:cloudtrail/trail:Trail", "acme-prod-trail")
LOGS, LAKE = ("arn:aws:s3:::acme-prod-" + part + "-111122223333-eu-central-1/" for part in ("logs", "lake"))


def selectors(stack: Any) -> dict[str, dict[str, dict[str, Any]]]:
    found = stack[TRAIL].inputs["advancedEventSelectors"]
    return {s["name"]: {f["field"]: f for f in s["fieldSelectors"]} for s in found}


def test_the_default_trail(deploy: Any) -> None:
    """By default: all Regions, validated log files, management events only, to the pipeline's own bucket."""
    inputs = deploy()[TRAIL].inputs
    assert inputs["name"] == "acme-prod"
    assert inputs["isMultiRegionTrail"] is True
    assert inputs["enableLogFileValidation"] is True
    assert inputs["enableLogging"] is True
    assert inputs["includeGlobalServiceEvents"] is True
    assert inputs["s3BucketName"] == "acme-prod-logs-111122223333-eu-central-1"
    assert inputs["advancedEventSelectors"] == [
        {"name": "Management events", "fieldSelectors": [{"field": "eventCategory", "equals": ["Management"]}]}
    ]
    assert not {"kmsKeyId", "insightSelectors", "cloudWatchLogsGroupArn", "snsTopicName"} & set(inputs)


def test_where_it_delivers(deploy: Any) -> None:
    """Below the prefix that the bucket's policy, the notification and the flattener's role name too."""
    stack = deploy({"logs": {"prefix": "audit"}})
    assert stack[TRAIL].inputs["s3KeyPrefix"] == "audit"
    assert "s3KeyPrefix" not in deploy()[TRAIL].inputs


def test_the_trail_is_protected(deploy: Any) -> None:
    """A destroy does not stop the evidence: the trail must be unprotected first."""
    assert deploy()[TRAIL].protect


def test_policies_come_first(deploy: Any) -> None:
    """CreateTrail checks the bucket's policy, so the trail waits for it."""
    stack = deploy()
    assert stack["aws:s3/bucketPolicy:BucketPolicy", "acme-prod-logs-policy"].urn in stack[TRAIL].depends_on


def test_no_feedback_loop(deploy: Any) -> None:
    """Data events never come from the pipeline's own buckets, function, queues, topics and tables."""
    types = [
        "AWS::S3::Object",
        "AWS::Lambda::Function",
        "AWS::SQS::Queue",
        "AWS::Glue::Table",
        "AWS::SNS::Topic",
        "AWS::DynamoDB::Table",
    ]
    found = selectors(deploy({"trail": {"data_events": [{"type": kind} for kind in types]}}))
    excluded = {kind: found[f"{kind} data events"].get("resources.ARN", {}).get("notStartsWiths") for kind in types}
    assert excluded == {
        "AWS::S3::Object": [LAKE, LOGS],
        "AWS::Lambda::Function": ["arn:aws:lambda:eu-central-1:111122223333:function:acme-prod-flattener"],
        "AWS::SQS::Queue": ["arn:aws:sqs:eu-central-1:111122223333:acme-prod-logs"],
        "AWS::Glue::Table": ["arn:aws:glue:eu-central-1:111122223333:table/acme_prod/"],
        "AWS::SNS::Topic": [f"arn:aws:sns:eu-central-1:111122223333:acme-prod-{part}" for part in ("alarms", "trail")],
        "AWS::DynamoDB::Table": None,
    }


def test_data_events_as_asked_for(deploy: Any) -> None:
    """ARNs, read or write, and further exclusions reach the selector."""
    data = {"type": "AWS::S3::Object", "arns": ["arn:aws:s3:::payroll/"], "read_write": ReadWrite.WRITE}
    found = selectors(deploy({"trail": {"data_events": [data], "exclude_arns": ["arn:aws:s3:::hub-lake/"]}}))
    fields = found["AWS::S3::Object data events"]
    assert fields["readOnly"] == {"field": "readOnly", "equals": ["false"]}
    assert fields["resources.ARN"] == {
        "field": "resources.ARN",
        "startsWiths": ["arn:aws:s3:::payroll/"],
        "notStartsWiths": [LAKE, LOGS, "arn:aws:s3:::hub-lake/"],
    }


def test_management_and_network_events_as_asked_for(deploy: Any) -> None:
    """Management events can be narrowed; network activity is recorded by source."""
    trail = {
        "management_events": ReadWrite.READ,
        "exclude_sources": ["kms.amazonaws.com"],
        "network_activity": ["ec2.amazonaws.com"],
    }
    found = selectors(deploy({"trail": trail}))
    assert found["Management events"]["readOnly"]["equals"] == ["true"]
    assert found["Management events"]["eventSource"]["notEquals"] == ["kms.amazonaws.com"]
    assert found["ec2.amazonaws.com network activity"]["eventCategory"]["equals"] == ["NetworkActivity"]


def test_everything_on(deploy: Any) -> None:
    """Insights, CloudWatch Logs, a topic and a key: each wired to the trail, each with its own policy before it."""
    stack = deploy(
        {
            "trail": {"insights": True, "sns": True, "cloudwatch_logs": {"enabled": True, "retention_days": 30}},
            "logs": {"encryption": {"kms": KmsMode.CREATE}},
        }
    )
    trail = stack[TRAIL]
    assert [s["insightType"] for s in trail.inputs["insightSelectors"]] == ["ApiCallRateInsight", "ApiErrorRateInsight"]
    group = stack["aws:cloudwatch/logGroup:LogGroup", "acme-prod-trail-logs"]
    assert group.inputs["retentionInDays"] == 30
    assert trail.inputs["cloudWatchLogsGroupArn"].endswith(f"{group.inputs['name']}:*")
    assert trail.inputs["snsTopicName"] == "acme-prod-trail"
    assert trail.inputs["kmsKeyId"].endswith("acme-prod-logs-key")
    before = {urn.rpartition("::")[2] for urn in trail.depends_on}
    assert {"acme-prod-logs-policy", "acme-prod-trail-role-policy", "acme-prod-trail-topic-policy"} <= before
    assert stack.children("acme-prod-trail") == {
        ("aws:cloudtrail/trail:Trail", "acme-prod-trail"),
        ("aws:cloudwatch/logGroup:LogGroup", "acme-prod-trail-logs"),
        ("aws:iam/role:Role", "acme-prod-trail-role"),
        ("aws:iam/rolePolicy:RolePolicy", "acme-prod-trail-role-policy"),
        ("aws:sns/topic:Topic", "acme-prod-trail-topic"),
        ("aws:sns/topicPolicy:TopicPolicy", "acme-prod-trail-topic-policy"),
    }
