"""What a path says of a file decides, for the flattener and the local engine alike, whether it is a log file."""

import pytest

from runtime.events.paths import kind_of

A = "111122223333"
CLOUDTRAIL = f"{A}_CloudTrail_eu-central-1_20240506T0710Z_abcdefghijklmnop.json.gz"

OTHERS = {
    "AWS Config": f"AWSLogs/{A}/Config/eu-central-1/2024/5/6/ConfigHistory/{A}_Config_eu-central-1_ConfigHistory_AWS::S3::Bucket_20240506T071000Z_1.json.gz",
    "AWS Config's check": f"AWSLogs/{A}/Config/ConfigWritabilityCheckFile",
    "Config in Control Tower's archive": f"o-abc123/AWSLogs/{A}/Config/eu-central-1/2024/5/6/ConfigSnapshot/x.json.gz",
    "load balancer": f"p/AWSLogs/{A}/elasticloadbalancing/us-east-1/2024/05/06/{A}_elasticloadbalancing_us-east-1_app.lb.1_20240506T0710Z_1.2.3.4_x.log.gz",
    "flow logs": f"AWSLogs/{A}/vpcflowlogs/us-east-1/2024/05/06/{A}_vpcflowlogs_us-east-1_fl-1_20240506T0710Z_x.log.gz",
    "flow logs in Hive's form": f"AWSLogs/aws-account-id={A}/aws-service=vpcflowlogs/aws-region=us-east-1/year=2024/x.log.gz",
    "flow logs of an organization": f"AWSLogs/o-abc123/{A}/vpcflowlogs/us-east-1/2024/05/06/x.log.gz",
    "GuardDuty": f"AWSLogs/{A}/GuardDuty/eu-central-1/2024/05/06/0a1b2c3d-1111-2222-3333-444455556666.jsonl.gz",
    "VPC Lattice": f"AWSLogs/{A}/VpcLattice/x.json.gz",
    "WAF, copied to a flat folder": f"copies/{A}_waflogs_us-east-1_acl_20240506T0710Z_x.log.gz",
}
LOGS = {
    "a log file": f"AWSLogs/{A}/CloudTrail/eu-central-1/2024/05/06/{CLOUDTRAIL}",
    "a log file of another name": f"AWSLogs/{A}/CloudTrail/eu-central-1/2024/05/06/part-0.json.gz",
    "a log file in somebody's own folder": f"AWSLogs/{A}/rescued/{CLOUDTRAIL}",
    "CloudTrail's folders in somebody's own": f"AWSLogs/{A}/rescued/CloudTrail/eu-central-1/2024/05/06/x.json.gz",
    "no folder for a service, a year": f"AWSLogs/{A}/2024/05/x.json.gz",
    "no folder for a service, a Region": f"AWSLogs/{A}/us-gov-west-1/x.json.gz",
    "right in the account's folder": f"AWSLogs/{A}/x.json",
    "no account": "AWSLogs/exports/x.json.gz",
    "not below AWSLogs": f"{A}/Config/x.json",
    "a CloudTrail name in no known form": f"{A}_CloudTrail_eu-central-1_x.json.gz",
}


def kind(path: str, *, chosen: bool = False) -> str:
    *folders, name = path.split("/")
    return kind_of(folders, name, chosen=chosen)[0]


@pytest.mark.parametrize("what", OTHERS)
def test_other_services_files_are_no_log_files(what):
    """Whatever else lies below AWSLogs/ is told by its path, and passed over unread."""
    assert kind(OTHERS[what]) == "other service"


@pytest.mark.parametrize("what", LOGS)
def test_log_files_in_any_place_stay_log_files(what):
    """CloudTrail's name or folder, or a path that names no service, makes a candidate."""
    assert kind(LOGS[what]) == "log"


def test_a_chosen_file_is_read_wherever_it_lies():
    """Who names a file itself is told what is in it."""
    assert kind(OTHERS["VPC Lattice"], chosen=True) == "log"


def test_digests_stay_digests():
    """CloudTrail's other folders keep their own reasons."""
    assert kind(f"AWSLogs/{A}/CloudTrail-Digest/eu-central-1/2024/05/06/x.json.gz") == "digest"
    assert kind(f"AWSLogs/{A}/CloudTrail-Aggregated/eu-central-1/2024/05/06/x.json.gz") == "aggregated"
