"""Compiles the dashboard spec for AWS: data sets, and the two CloudFormation templates of analysis and dashboard.

Pure: the same spec and arguments give the same bytes, so that a template can be stored under its hash. What is
known only when deploying, the ARNs of the data sets, comes as the template's parameters.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from runtime.quicksight.data_sets import QuickSightDataSet, data_sets
from runtime.quicksight.definition import definition
from runtime.quicksight.spec import Dashboard, load

__all__ = ["ACTIONS", "QuickSightDataSet", "arn_parameter", "data_sets", "granted", "load", "template"]

LIMIT_BYTES = 460_800
"""CloudFormation takes 1 MB by URL today, and took this in older API versions; ours stay below either."""
Kind = Literal["analysis", "dashboard"]
Asset = Literal["analysis", "dashboard", "data_set", "data_source", "folder"]
Role = Literal["owner", "reader"]

# What the console grants as owner or co-owner and as viewer or user:
# https://docs.aws.amazon.com/quicksight/latest/APIReference/API_UpdateDashboardPermissions.html and its siblings.
_READ: Mapping[Asset, tuple[str, ...]] = {
    "dashboard": ("DescribeDashboard", "ListDashboardVersions", "QueryDashboard"),
}
_OWN: Mapping[Asset, tuple[str, ...]] = {
    "analysis": (
        *("DescribeAnalysis", "DescribeAnalysisPermissions", "QueryAnalysis"),
        *("UpdateAnalysis", "UpdateAnalysisPermissions", "DeleteAnalysis", "RestoreAnalysis"),
    ),
    "dashboard": (
        *("DescribeDashboardPermissions", "UpdateDashboard", "UpdateDashboardPermissions"),
        *("UpdateDashboardPublishedVersion", "DeleteDashboard"),
    ),
    "data_set": (
        *("DescribeDataSet", "DescribeDataSetPermissions", "PassDataSet", "DescribeIngestion", "ListIngestions"),
        *("UpdateDataSet", "UpdateDataSetPermissions", "DeleteDataSet", "CreateIngestion", "CancelIngestion"),
    ),
    "data_source": (
        *("DescribeDataSource", "DescribeDataSourcePermissions", "PassDataSource"),
        *("UpdateDataSource", "UpdateDataSourcePermissions", "DeleteDataSource"),
    ),
    "folder": (
        *("DescribeFolder", "CreateFolder", "UpdateFolder", "DeleteFolder"),
        *("CreateFolderMembership", "DeleteFolderMembership", "DescribeFolderPermissions", "UpdateFolderPermissions"),
    ),
}
ACTIONS: Mapping[tuple[Asset, Role], tuple[str, ...]] = {
    **{(kind, "reader"): tuple(f"quicksight:{a}" for a in actions) for kind, actions in _READ.items()},
    **{
        (kind, "owner"): tuple(f"quicksight:{a}" for a in (*_READ.get(kind, ()), *actions))
        for kind, actions in _OWN.items()
    },
}
"""(what; owner or reader) -> actions. Only a dashboard is given to readers, who need no right on its data."""


def template(
    kind: Kind, dashboard: Dashboard, *, owners: Sequence[str], readers: Sequence[str] = (), days: int = 90
) -> bytes:
    """The template's JSON. `owners` and `readers` are ARNs of principals; an analysis has owners only.

    Its parameters are `Id`, `Name`, and one ARN for each data set: see arn_parameter. Outputs: `Arn`.
    """
    resource = kind.capitalize()
    names = {v.data_set.name: None for v in dashboard.visuals}  # in their order
    arns = {name: {"Ref": arn_parameter(name)} for name in names}
    permissions = granted(kind, owners, readers if kind == "dashboard" else ())
    properties: dict[str, Any] = {
        "AwsAccountId": {"Ref": "AWS::AccountId"},
        f"{resource}Id": {"Ref": "Id"},
        "Name": {"Ref": "Name"},
        "Definition": definition(dashboard, arns, days=days),
        "ValidationStrategy": {"Mode": "STRICT"},
    }
    if kind == "dashboard":
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
            **{arn_parameter(name): {"Type": "String"} for name in names},
        },
        "Resources": {resource: {"Type": f"AWS::QuickSight::{resource}", "Properties": properties}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": [resource, "Arn"]}}},
    }
    return json.dumps(body, separators=(",", ":"), sort_keys=True).encode()


def arn_parameter(data_set: str) -> str:
    """Name of the template parameter that takes this data set's ARN."""
    return f"{''.join(part.capitalize() for part in data_set.split('_'))}DataSetArn"


def granted(kind: Asset, owners: Sequence[str], readers: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Permissions in the API's shape, once for each principal; who owns and reads, owns."""
    roles: dict[str, Role] = {**dict.fromkeys(readers, "reader"), **dict.fromkeys(owners, "owner")}
    return [{"Principal": name, "Actions": list(ACTIONS[kind, role])} for name, role in sorted(roles.items())]
