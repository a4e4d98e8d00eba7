"""The evaluator decides as AWS documents it, case by case; and says so where it does not know.

Pages without a host are of https://docs.aws.amazon.com/IAM/latest/UserGuide/.
"""

from typing import Any

import pytest

from tests.iam.evaluate import ANONYMOUS, UnknownElement, allowed, mutations

ROLE = "arn:aws:iam::111122223333:role/reader"
USER = "arn:aws:iam::111122223333:user/ana"
ROOT = "arn:aws:iam::111122223333:root"
BUCKET, KEY = "arn:aws:s3:::acme", "arn:aws:kms:eu-central-1:111122223333:key/1"


def policy(*statements: dict[str, Any], effect: str = "Allow") -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, **one} for one in statements]}


def grant(action: Any = "s3:GetObject", resource: Any = f"{BUCKET}/*", **more: Any) -> dict[str, Any]:
    return policy({"Action": action, "Resource": resource, **more})


def passes(condition: dict[str, Any] | None, **context: Any) -> bool:
    """Whether a request whose context is `context`, with _ for :, passes a statement with this condition."""
    found = {key.replace("_", ":"): value for key, value in context.items()}
    given = grant(Condition=condition) if condition else grant()
    return allowed("s3:GetObject", f"{BUCKET}/a", principal=ROLE, identity=[given], context=found).allowed


def test_implicit_deny() -> None:
    """What nothing allows is denied. `reference_policies_evaluation-logic_policy-eval-denyallow.html`."""
    assert allowed("s3:GetObject", f"{BUCKET}/a", principal=ROLE, identity=[grant()]).allowed
    assert not allowed("s3:GetObject", f"{BUCKET}/a", principal=ROLE).allowed
    assert not allowed("s3:PutObject", f"{BUCKET}/a", principal=ROLE, identity=[grant()]).allowed
    assert not allowed("s3:GetObject", BUCKET, principal=ROLE, identity=[grant()]).allowed


@pytest.mark.parametrize("where", ["identity", "resource_policy", "boundary"])
def test_explicit_deny_wins(where: str) -> None:
    """A Deny anywhere wins over every Allow. `reference_policies_evaluation-logic_policy-eval-denyallow.html`."""
    deny: dict[str, Any] = {"Sid": "No", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    both = {"Version": "2012-10-17", "Statement": [everything, deny]}
    given: dict[str, Any] = {"identity": [grant("*", "*")], "boundary": grant("*", "*")}
    if where == "resource_policy":
        both = policy({"Action": "*", "Resource": "*", "Principal": "*"}, {**deny, "Principal": "*"})
    given[where] = [both] if where == "identity" else both
    decision = allowed("s3:GetObject", f"{BUCKET}/a", principal=ROLE, **given)
    assert (decision.allowed, decision.by) == (False, "denied by No")


def test_wildcards() -> None:
    """* and ? stand for characters, in actions without regard to case. `reference_policies_elements_resource.html`."""

    def fits(action: str, resource: str) -> bool:
        identity = [grant(action, resource)]
        return allowed("s3:GetObject", f"{BUCKET}/a/b1", principal=ROLE, identity=identity).allowed

    assert fits("S3:get*", f"{BUCKET}/*")
    assert fits("s3:Get?bject", f"{BUCKET}/a/b?")
    assert not fits("s3:Get?Object", f"{BUCKET}/*")
    assert not fits("s3:GetObject", f"{BUCKET}/A/*")
    assert not fits("s3:GetObject", "arn:aws:s3:*:111122223333:acme/*")
    assert fits("s3:GetObject", "arn:aws:s3:*")


def test_not_action_and_not_resource() -> None:
    """NotAction allows all but what it lists; NotResource likewise. `reference_policies_elements_notaction.html`."""
    but_iam = policy({"NotAction": "iam:*", "Resource": "*"})
    assert allowed("s3:GetObject", f"{BUCKET}/a", principal=ROLE, identity=[but_iam]).allowed
    assert not allowed("iam:PassRole", ROLE, principal=ROLE, identity=[but_iam]).allowed
    elsewhere = policy({"Action": "s3:*", "NotResource": [BUCKET, f"{BUCKET}/*"]})
    assert not allowed("s3:GetObject", f"{BUCKET}/a", principal=ROLE, identity=[elsewhere]).allowed
    assert allowed("s3:GetObject", "arn:aws:s3:::other/a", principal=ROLE, identity=[elsewhere]).allowed


def test_all_conditions_and_any_value() -> None:
    """Operators and keys are joined by and, values by or. `reference_policies_condition-logic-multiple-context-keys-or-values.html`."""
    condition = {"StringEquals": {"a:x": ["1", "2"], "a:y": "3"}}
    assert passes(condition, a_x="2", a_y="3")
    assert not passes(condition, a_x="2", a_y="4")
    assert not passes(condition, a_x="3", a_y="3")


@pytest.mark.parametrize(
    ("operator", "wanted", "yes", "no"),
    [
        ("StringEquals", "acme", "acme", "Acme"),
        ("StringEqualsIgnoreCase", "acme", "Acme", "acm"),
        ("StringNotEquals", "acme", "Acme", "acme"),
        ("StringNotEqualsIgnoreCase", "acme", "acm", "Acme"),
        ("StringLike", "ac*e?", "acxyze1", "acxyze"),
        ("StringNotLike", "ac*", "bac", "acme"),
        ("StringEquals", "a*", "a*", "ab"),
        ("ArnLike", "arn:aws:s3:::ac*", "arn:aws:s3:::acme", "arn:aws:s3:x::acme"),
        ("ArnEquals", "arn:aws:*:*:1:a", "arn:aws:sns:eu:1:a", "arn:aws:sns:eu:2:1:a"),
        ("ArnNotLike", "arn:aws:s3:::ac*", "arn:aws:s3:::bcme", "arn:aws:s3:::acme"),
        ("ArnNotEquals", "arn:aws:s3:::acme", "arn:aws:s3:::bcme", "arn:aws:s3:::acme"),
        ("Bool", "true", "true", "false"),
        ("NumericEquals", "10", "10.0", "11"),
        ("NumericNotEquals", "10", "11", "10.0"),
        ("NumericLessThan", "10", "9", "10"),
        ("NumericLessThanEquals", "10", "10", "11"),
        ("NumericGreaterThan", "10", "11", "10"),
        ("NumericGreaterThanEquals", "10", "10", "9"),
        ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"),
        ("DateGreaterThanEquals", "2026-01-01T00:00:00Z", "1767225600", "1767225599"),
        ("DateNotEquals", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00+00:00"),
        ("IpAddress", "203.0.113.0/24", "203.0.113.255", "203.0.114.0"),
        ("NotIpAddress", "203.0.113.0/24", "203.0.114.0", "203.0.113.255"),
        ("IpAddress", "2001:db8::/32", "2001:db8::1", "203.0.113.1"),
    ],
)
def test_operators(operator: str, wanted: str, yes: str, no: str) -> None:
    """Each operator takes what it should and nothing beside. `reference_policies_elements_condition_operators.html`."""
    assert passes({operator: {"a:x": wanted}}, a_x=yes)
    assert not passes({operator: {"a:x": wanted}}, a_x=no)


def test_missing_key() -> None:
    """A key that is not there fails a condition, passes a negated one. `reference_policies_elements_condition_operators.html`."""
    assert not passes({"StringEquals": {"a:x": "1"}})
    assert not passes({"Bool": {"a:x": "false"}})
    assert not passes({"NumericLessThan": {"a:x": "1"}})
    assert not passes({"IpAddress": {"a:x": "0.0.0.0/0"}})
    for operator in ("StringNotEquals", "StringNotLike", "ArnNotLike", "NumericNotEquals"):
        assert passes({operator: {"a:x": "1"}}), operator
    assert passes({"NotIpAddress": {"a:x": "10.0.0.0/8"}})


def test_if_exists() -> None:
    """...IfExists: a key that is not there passes; one that is must fit. `reference_policies_elements_condition_operators.html#Conditions_IfExists`."""
    condition = {"StringEqualsIfExists": {"a:x": "1"}}
    assert passes(condition)
    assert passes(condition, a_x="1")
    assert not passes(condition, a_x="2")


def test_null() -> None:
    """Null: "true" wants the key absent, "false" wants it present. `reference_policies_elements_condition_operators.html#Conditions_Null`."""
    absent, present = {"Null": {"a:x": "true"}}, {"Null": {"a:x": "false"}}
    assert (passes(absent), passes(absent, a_x="1")) == (True, False)
    assert (passes(present), passes(present, a_x="1")) == (False, True)


def test_for_all_values() -> None:
    """ForAllValues: every value fits, so none at all passes too. `reference_policies_condition-single-vs-multi-valued-context-keys.html`."""
    condition = {"ForAllValues:StringEquals": {"aws:TagKeys": ["environment", "cost"]}}
    assert passes(condition, aws_TagKeys=["environment"])
    assert not passes(condition, aws_TagKeys=["environment", "other"])
    assert passes(condition, aws_TagKeys=[])
    assert passes(condition)
    assert not passes({**condition, "Null": {"aws:TagKeys": "false"}})


def test_for_any_value() -> None:
    """ForAnyValue: one value fits, so none at all fails. `reference_policies_condition-single-vs-multi-valued-context-keys.html`."""
    condition = {"ForAnyValue:StringEquals": {"aws:TagKeys": ["environment", "cost"]}}
    assert passes(condition, aws_TagKeys=["environment", "other"])
    assert not passes(condition, aws_TagKeys=["other"])
    assert not passes(condition, aws_TagKeys=[])
    assert not passes(condition)
    assert not passes({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["cost"]}})
    assert passes({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["cost"]}}, aws_TagKeys=["cost", "other"])


def test_key_names_have_no_case() -> None:
    """Names of keys are compared without regard to case. `reference_policies_elements_condition.html`."""
    assert passes({"StringEquals": {"AWS:sourceaccount": "1"}}, aws_SourceAccount="1")


def test_secure_transport() -> None:
    """The usual Deny stops clear text and nothing else. https://repost.aws/knowledge-center/s3-bucket-policy-for-config-rule."""
    clear = policy(
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [BUCKET, f"{BUCKET}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )

    def decide(secure: str, resource: str = f"{BUCKET}/a") -> bool:
        return allowed(
            "s3:GetObject",
            resource,
            principal=ROLE,
            identity=[grant("s3:*", "*")],
            resource_policy=clear,
            context={"aws:SecureTransport": secure},
        ).allowed

    assert (decide("true"), decide("false"), decide("false", BUCKET)) == (True, False, False)


def test_variables() -> None:
    """Variables take the request's values, never as patterns; ${*} is a star. `reference_policies_variables.html`."""

    def fits(pattern: str, key: str, name: str | None = "ana") -> bool:
        context = {} if name is None else {"aws:username": name}
        identity = [grant(resource=f"{BUCKET}/{pattern}")]
        return allowed("s3:GetObject", f"{BUCKET}/{key}", principal=USER, identity=identity, context=context).allowed

    assert fits("home/${aws:username}/*", "home/ana/x")
    assert not fits("home/${aws:username}/*", "home/ben/x")
    assert not fits("home/${aws:username}/*", "home/ben/x", name="*")
    assert not fits("home/${aws:username}/*", "home//x", name=None)
    assert fits("home/${aws:username, 'guest'}/*", "home/guest/x", name=None)
    assert (fits("${*}", "*"), fits("${*}", "a")) == (True, False)
    like = {"StringLike": {"s3:prefix": "${aws:username}/*"}}
    assert passes(like, s3_prefix="ana/x", aws_username="ana")
    assert not passes(like, s3_prefix="ana/x", aws_username="*")
    equal = {"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}
    assert passes(equal, aws_ResourceAccount="1", aws_PrincipalAccount="1")
    assert not passes(equal, aws_ResourceAccount="1", aws_PrincipalAccount="2")
    assert not passes(equal, aws_ResourceAccount="1")


@pytest.mark.parametrize(
    ("principal", "who", "yes"),
    [
        ("*", ANONYMOUS, True),
        ({"AWS": "*"}, ANONYMOUS, True),
        ({"AWS": ROLE}, ROLE, True),
        ({"AWS": [USER, ROLE]}, ROLE, True),
        ({"AWS": USER}, ROLE, False),
        ({"AWS": ROOT}, ROLE, False),  # leaves it to the account's policies, and there are none
        ({"AWS": "111122223333"}, ROLE, False),
        ({"AWS": ROOT}, ROOT, True),
        ({"Service": "s3.amazonaws.com"}, "s3.amazonaws.com", True),
        ({"Service": "s3.amazonaws.com"}, "sns.amazonaws.com", False),
        ({"AWS": ROLE}, ANONYMOUS, False),
    ],
)
def test_principals(principal: Any, who: str, yes: bool) -> None:
    """A resource's policy alone admits those it names. `reference_policies_elements_principal.html`."""
    given = grant(Principal=principal)
    assert allowed("s3:GetObject", f"{BUCKET}/a", principal=who, resource_policy=given).allowed is yes


def test_not_principal() -> None:
    """Deny with NotPrincipal spares who is listed together with their account. `reference_policies_elements_notprincipal.html`."""

    def decide(who: str, listed: list[str]) -> bool:
        deny = policy({"Effect": "Deny", "NotPrincipal": {"AWS": listed}, "Action": "s3:*", "Resource": "*"})
        return allowed("s3:GetObject", BUCKET, principal=who, identity=[grant("*", "*")], resource_policy=deny).allowed

    assert decide(USER, [USER, ROOT])
    assert not decide(USER, [USER])
    assert not decide(ROLE, [USER, ROOT])


def test_cross_account() -> None:
    """Across accounts both sides must allow. `reference_policies_evaluation-logic-cross-account.html`."""

    def decide(here: bool, there: bool, principal: Any = ROOT) -> bool:
        return allowed(
            "s3:GetObject",
            f"{BUCKET}/a",
            principal=ROLE,
            identity=[grant()] if here else [],
            resource_policy=grant(Principal={"AWS": principal}) if there else None,
            same_account=False,
        ).allowed

    assert [decide(True, True), decide(True, False), decide(False, True)] == [True, False, False]
    assert [decide(True, True, ROLE), decide(False, True, ROLE)] == [True, False]


def test_key_policy() -> None:
    """IAM policies count for a key only through the root in its policy. https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html."""
    identity = [grant("kms:Decrypt", KEY)]

    def decide(principal: str, policies: list[Any]) -> bool:
        key = grant("kms:*", "*", Principal={"AWS": principal})
        return allowed("kms:Decrypt", KEY, principal=ROLE, identity=policies, resource_policy=key).allowed

    assert [decide(ROOT, identity), decide(ROOT, []), decide(USER, identity), decide(ROLE, [])] == [
        True,
        False,
        False,
        True,
    ]
    assert not allowed("kms:Decrypt", KEY, principal=ROLE, identity=identity).allowed


def test_trust() -> None:
    """A role is taken only by those its trust policy admits. `reference_policies_evaluation-logic_policy-eval-basics.html`."""
    trust = policy({"Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}})
    taken = [
        allowed("sts:AssumeRole", ROLE, principal=who, identity=[grant("sts:*", "*")], resource_policy=trust).allowed
        for who in ("lambda.amazonaws.com", "ec2.amazonaws.com", USER)
    ]
    assert taken == [True, False, False]


def test_boundary() -> None:
    """A boundary allows nothing and limits a role; a user whom the resource names is free of it. `access_policies_boundaries.html`."""
    bound = grant("s3:PutObject", "*")

    def decide(who: str, identity: list[Any], named: str | None = None) -> bool:
        own = grant(Principal={"AWS": named}) if named else None
        return allowed(
            "s3:GetObject", f"{BUCKET}/a", principal=who, identity=identity, resource_policy=own, boundary=bound
        ).allowed

    assert not decide(ROLE, [grant()])
    assert not decide(ROLE, [], ROLE)
    assert decide(USER, [], USER)
    assert decide(USER, [grant()], USER)
    assert not allowed("s3:PutObject", f"{BUCKET}/a", principal=ROLE, boundary=bound).allowed
    assert allowed("s3:PutObject", f"{BUCKET}/a", principal=ROLE, identity=[grant("s3:*", "*")], boundary=bound).allowed


@pytest.mark.parametrize(
    "statement",
    [
        {"Condition": {"StringEqual": {"a:x": "1"}}},
        {"Condition": {"ForSomeValues:StringEquals": {"a:x": "1"}}},
        {"Conditions": {}},
        {"Action": "s3:*", "NotAction": "iam:*"},
        {"Effect": "allow"},
        {"Principal": "*"},
        {"Resource": "acme/a"},
    ],
)
def test_what_is_unknown_is_refused(statement: dict[str, Any]) -> None:
    """An operator, element or shape that the evaluator does not know raises, even where it would not apply."""
    given = policy({"Action": "s3:*", "Resource": f"{BUCKET}/*", **statement})
    with pytest.raises(UnknownElement):
        allowed("s3:GetObject", f"{BUCKET}/a", principal=ROLE, identity=[given])


def test_principal_patterns_and_old_versions_are_refused() -> None:
    """IAM takes no pattern in a principal, and policies before 2012 no variables."""
    for wrong in (grant(Principal={"AWS": "arn:aws:iam::*:root"}), {**grant(Principal="*"), "Version": "2008-10-17"}):
        with pytest.raises(UnknownElement):
            allowed("s3:GetObject", f"{BUCKET}/a", principal=ROLE, resource_policy=wrong)


def test_a_multivalued_key_wants_a_set_operator() -> None:
    """What IAM leaves undefined is refused."""
    with pytest.raises(UnknownElement):
        passes({"StringEquals": {"aws:TagKeys": "cost"}}, aws_TagKeys=["cost"])


def test_mutations() -> None:
    """Each weakening is made once, alone, and leaves the policy itself as it was."""
    allow = {
        "Sid": "A",
        "Effect": "Allow",
        "Principal": {"AWS": ROLE},
        "Action": ["s3:GetObject"],
        "Resource": [f"{BUCKET}/*"],
        "Condition": {"StringEquals": {"a:x": "1"}},
    }
    deny = {"Sid": "D", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [BUCKET, f"{BUCKET}/*"]}
    given = policy(allow, deny)
    before = repr(given)
    made = dict(mutations(given))
    assert list(made) == [
        "A: no StringEquals a:x",
        "A: anybody",
        "A: s3:* for s3:GetObject",
        f"A: * for {BUCKET}/*",
        "D: gone",
        f"D: not for {BUCKET}",
        f"D: not for {BUCKET}/*",
    ]
    assert made["A: anybody"]["Statement"] == [{**allow, "Principal": "*"}, deny]
    assert made[f"D: not for {BUCKET}"]["Statement"] == [allow, {**deny, "Resource": [f"{BUCKET}/*"]}]
    assert made["A: no StringEquals a:x"]["Statement"][0]["Condition"] == {"StringEquals": {}}
    assert repr(given) == before
