"""Compiles the dashboard spec for AWS: data sets, and the two CloudFormation templates of analysis and dashboard.

Pure: the same spec and arguments give the same bytes, so that a template can be stored under its hash. What is
known only when deploying, the ARNs of the data sets, comes as the template's parameters.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from runtime.quicksight.data_sets import QuickSightDataSet, data_sets
from runtime.quicksight.definition import definition
from runtime.quicksight.spec import Dashboard, load

__all__ = ["ACTIONS", "QuickSightDataSet", "arn_parameter", "data_sets", "load", "principal", "template"]

LIMIT_BYTES = 460_800
"""CloudFormation takes 1 MB by URL today, and took this in older API versions; ours stay below either."""
Kind = Literal["analysis", "dashboard"]
Role = Literal["owner", "reader"]

# What the console grants as owner or co-owner and as viewer or user:
# https://docs.aws.amazon.com/quicksight/latest/APIReference/API_UpdateDashboardPermissions.html and its siblings.
_READ = {
    "dashboard": ("DescribeDashboard", "ListDashboardVersions", "QueryDashboard"),
    "data_set": ("DescribeDataSet", "DescribeDataSetPermissions", "PassDataSet", "DescribeIngestion", "ListIngestions"),
    "data_source": ("DescribeDataSource", "DescribeDataSourcePermissions", "PassDataSource"),
}
_OWN = {
    "analysis": (
        *("DescribeAnalysis", "DescribeAnalysisPermissions", "QueryAnalysis"),
        *("UpdateAnalysis", "UpdateAnalysisPermissions", "DeleteAnalysis", "RestoreAnalysis"),
    ),
    "dashboard": (
        *("DescribeDashboardPermissions", "UpdateDashboard", "UpdateDashboardPermissions"),
        *("UpdateDashboardPublishedVersion", "DeleteDashboard"),
    ),
    "data_set": (
        *("UpdateDataSet", "UpdateDataSetPermissions", "DeleteDataSet"),
        *("CreateIngestion", "CancelIngestion"),
    ),
    "data_source": ("UpdateDataSource", "UpdateDataSourcePermissions", "DeleteDataSource"),
}
ACTIONS: Mapping[tuple[str, Role], tuple[str, ...]] = {
    **{(kind, "reader"): tuple(f"quicksight:{a}" for a in actions) for kind, actions in _READ.items()},
    **{
        (kind, "owner"): tuple(f"quicksight:{a}" for a in (*_READ.get(kind, ()), *actions))
        for kind, actions in _OWN.items()
    },
}
"""(analysis, dashboard, data_set or data_source; owner or reader) -> actions. Nobody only reads an analysis."""


def template(
    kind: Kind, dashboard: Dashboard, *, owners: Sequence[str], readers: Sequence[str] = (), days: int = 90
) -> bytes:
    """The template's JSON. Principals are `group/<namespace>/<name>` or `user/<namespace>/<name>`, without their ARN.

    Its parameters are `Id`, `Name`, `IdentityRegion`, and one ARN for each data set: see arn_parameter. Outputs: `Arn`.
    """
    resource = kind.capitalize()
    names = {v.data_set.name: None for v in dashboard.visuals}  # in their order
    arns = {name: {"Ref": arn_parameter(name)} for name in names}
    permissions = [*_permissions(kind, "owner", owners)]
    properties: dict[str, Any] = {
        "AwsAccountId": {"Ref": "AWS::AccountId"},
        f"{resource}Id": {"Ref": "Id"},
        "Name": {"Ref": "Name"},
        "Definition": definition(dashboard, arns, days=days),
        "ValidationStrategy": {"Mode": "STRICT"},
    }
    if kind == "dashboard":
        permissions += _permissions(kind, "reader", [p for p in readers if p not in owners])
        properties["DashboardPublishOptions"] = {
            "AdHocFilteringOption": {"AvailabilityStatus": "ENABLED"},
            "ExportToCSVOption": {"AvailabilityStatus": "ENABLED"},
            "SheetControlsOption": {"VisibilityState": "EXPANDED"},
        }
    if permissions:  # without any the asset is there and nobody sees it
        properties["Permissions"] = permissions
    body = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Trailsight: the QuickSight {kind}, compiled from runtime/quicksight.",
        "Parameters": {
            "Id": {"Type": "String", "AllowedPattern": "[\\w\\-]{1,512}"},
            "Name": {"Type": "String", "MinLength": 1, "MaxLength": 2048},
            "IdentityRegion": {"Type": "String", "Description": "Region that QuickSight's users and groups live in."},
            **{arn_parameter(name): {"Type": "String"} for name in names},
        },
        "Resources": {resource: {"Type": f"AWS::QuickSight::{resource}", "Properties": properties}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": [resource, "Arn"]}}},
    }
    if not permissions:
        del body["Parameters"]["IdentityRegion"]  # type: ignore[attr-defined]
    return json.dumps(body, separators=(",", ":"), sort_keys=True).encode()


def arn_parameter(data_set: str) -> str:
    """Name of the template parameter that takes this data set's ARN."""
    return f"{''.join(part.capitalize() for part in data_set.split('_'))}DataSetArn"


def principal(name: str, *, partition: str, identity_region: str, account: str) -> str:
    """ARN of a `group/<namespace>/<name>` or `user/<namespace>/<name>`; these live in the identity Region."""
    return f"arn:{partition}:quicksight:{identity_region}:{account}:{name}"


def _permissions(kind: Kind, role: Role, principals: Iterable[str]) -> list[dict[str, Any]]:
    arn = "arn:${AWS::Partition}:quicksight:${IdentityRegion}:${AWS::AccountId}:"
    return [
        {"Principal": {"Fn::Sub": arn + name}, "Actions": list(ACTIONS[kind, role])}
        for name in dict.fromkeys(principals)
    ]
