"""The policy pack: `pulumi preview --policy-pack policies` refuses what the checks find.

Its environment is its own (requirements.txt here): pulumi-policy wants an older protobuf than the program has.
"""

import sys
from pathlib import Path

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the CLI runs the folder, not the package

from policies.checks import CHECKS, Check, check_stack


def policies() -> list[Policy]:
    """One policy for each check of a resource, and one for the stack."""
    return [*map(_resource_policy, CHECKS), StackValidationPolicy("buckets", _first_line(check_stack), _stack)]


def _first_line(function: object) -> str:
    return (function.__doc__ or "").partition("\n")[0]


def _resource_policy(check: Check) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for sentence in check(args.resource_type, args.name, args.props):
            report(sentence, None)

    return ResourceValidationPolicy(check.__name__.replace("_", "-"), _first_line(check), validate)


def _stack(args: StackValidationArgs, report: ReportViolation) -> None:
    for sentence in check_stack((one.resource_type, one.name, one.props) for one in args.resources):
        report(sentence, None)


if __name__ == "__main__":
    PolicyPack("trailsight", policies(), EnforcementLevel.MANDATORY)  # serves until the CLI ends it
