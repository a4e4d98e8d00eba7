"""Says whether IAM would allow a request: identity and resource policies, a boundary, conditions.

Our own, since no Python library decides requests (moto's enforcement leaves conditions out, the linters only read). It
knows roles, users, account roots and services as principals, and what it does not know it refuses:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import copy
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Policy = Mapping[str, Any]
Context = Mapping[str, str | list[str]]
ANONYMOUS = "anonymous"

_STATEMENT = {
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
}
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERAL = ("*", "?", "$")


class UnknownElement(ValueError):
    """A policy says something that this evaluator does not know."""


@dataclass(frozen=True)
class Decision:
    """Whether the request goes through, and what decided: the statement's Sid or a short reason."""

    allowed: bool
    by: str


def allowed(
    action: str,
    resource: str,
    *,
    principal: str,
    context: Context | None = None,
    identity: Sequence[Policy] = (),
    resource_policy: Policy | None = None,
    boundary: Policy | None = None,
    same_account: bool = True,
) -> Decision:
    """Decide one request.

    `principal` is the ARN of a role, user or account root, a service (`lambda.amazonaws.com`) or ANONYMOUS; in
    `context` a multivalued key is a list. A trust policy is the `resource_policy` of `sts:` actions. `same_account` says whether principal and resource share one. Raises UnknownElement.
    """
    request = _Request(action, resource, principal, {key.lower(): value for key, value in (context or {}).items()})
    trust = action.lower().startswith("sts:")
    attached = [request.statements(policy, needs_resource=True) for policy in identity]
    bounds = request.statements(boundary, needs_resource=True) if boundary is not None else None
    own = request.statements(resource_policy, needs_resource=not trust, has_principal=True) if resource_policy else []

    every = [statement for matched in (*attached, bounds or [], own) for statement in matched]
    if denied := [statement for statement in every if statement["Effect"] == "Deny"]:
        return Decision(False, f"denied by {_sid(denied[0])}")
    by_identity = [statement for matched in attached for statement in matched]
    by_name = [statement for statement in own if request.named(statement)]
    granted = by_name or own
    if not request.is_identity:
        return _first(by_name, "the resource's policy does not allow it")
    bounded = bounds is None or bool(bounds)
    if not bounded and not (by_name and same_account and ":user/" in principal):
        # Only a user whom the resource's policy names is free of the boundary.
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
        return Decision(False, "the boundary does not allow it")
    # A key or a role is closed to its own account too, unless its policy lets the account's policies in:
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    closed = trust or action.lower().startswith("kms:")
    if same_account and by_name:
        return _first(by_name, "")
    if (closed or not same_account) and not granted:
        return Decision(False, "the resource's policy does not allow it")
    return _first(by_identity, "no policy of the principal allows it")


def _first(statements: Sequence[Policy], otherwise: str) -> Decision:
    return Decision(True, f"allowed by {_sid(statements[0])}") if statements else Decision(False, otherwise)


def _sid(statement: Policy) -> str:
    return str(statement.get("Sid", "a statement without Sid"))


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _only_one(statement: Policy, positive: str, needed: bool) -> tuple[list[str], bool] | None:
    """Values of an element or of its Not form, and whether it is the Not form."""
    found = [key for key in (positive, f"Not{positive}") if key in statement]
    if len(found) != 1 and (needed or found):
        raise UnknownElement(f"{_sid(statement)}: wants one of {positive} and Not{positive}, has {found}")
    if not found:
        return None
    return _list(statement[found[0]]), found[0].startswith("Not")


@dataclass(frozen=True)
class _Request:
    action: str
    resource: str
    principal: str
    context: Context

    @property
    def is_identity(self) -> bool:
        """Whether the principal can carry policies of its own."""
        return self.principal.startswith("arn:")

    @property
    def _account(self) -> str | None:
        return self.principal.split(":")[4] if self.is_identity else None

    def statements(self, policy: Policy, needs_resource: bool, has_principal: bool = False) -> list[Policy]:
        """The statements of `policy` that apply to this request."""
        if unknown := set(policy) - {"Version", "Id", "Statement"}:
            raise UnknownElement(f"unknown elements of a policy: {sorted(unknown)}")
        if policy.get("Version") != "2012-10-17":
            raise UnknownElement(f"version {policy.get('Version')}: older ones have no variables")
        return [one for one in _list(policy["Statement"]) if self._applies(one, needs_resource, has_principal)]

    def _applies(self, statement: Policy, needs_resource: bool, has_principal: bool) -> bool:
        if unknown := set(statement) - _STATEMENT:
            raise UnknownElement(f"{_sid(statement)}: unknown elements {sorted(unknown)}")
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise UnknownElement(f"{_sid(statement)}: Effect {statement.get('Effect')}")
        principals = [key for key in ("Principal", "NotPrincipal") if key in statement]
        if len(principals) != has_principal:
            raise UnknownElement(f"{_sid(statement)}: {principals or 'no Principal'}")
        action = _only_one(statement, "Action", needed=True)
        resource = _only_one(statement, "Resource", needed=needs_resource)
        assert action is not None
        # Conditions are read even if the rest does not apply, so that an unknown operator is never passed over.
        conditions = [
            self._condition(operator, key, _list(values))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        ]
        return (
            any(re.fullmatch(self._glob(one) or "(?!)", self.action, re.IGNORECASE) for one in action[0]) != action[1]
            and (resource is None or self._resource(*resource))
            and (not has_principal or self._is_meant(statement))
            and all(conditions)
        )

    def _resource(self, patterns: list[str], inverted: bool) -> bool:
        return any(self._arn_like(one, self.resource) for one in patterns) != inverted

    def _is_meant(self, statement: Policy) -> bool:
        if "NotPrincipal" in statement:
            named = self._listed(statement["NotPrincipal"])
            # A principal is spared only if its account is listed as well:
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
            return not (named["exactly"] and (named["account"] or not self.is_identity))
        return any(self._listed(statement["Principal"]).values())

    def named(self, statement: Policy) -> bool:
        """Whether the statement means the principal itself and not only its account, which leaves it to IAM."""
        return "NotPrincipal" in statement or self._listed(statement["Principal"])["exactly"]

    def _listed(self, principals: Any) -> dict[str, bool]:
        if principals == "*":
            principals = {"AWS": "*"}
        exactly = account = False
        for kind, names in principals.items():
            if kind not in ("AWS", "Service"):
                raise UnknownElement(f"principals of the kind {kind}")
            for name in _list(names):
                if name == "*" and kind == "AWS":
                    exactly = True
                    continue
                if "*" in name:
                    raise UnknownElement(f"principal {name}: IAM takes no pattern here")
                exactly |= name == self.principal
                if kind == "AWS" and self._account:
                    account |= name == self._account or (name.endswith(":root") and name.split(":")[4] == self._account)
        return {"exactly": exactly, "account": account}

    def _glob(self, pattern: str, literal: bool = False) -> str | None:
        """A pattern as a regular expression, variables filled in literally; None if one has no value.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
        """
        made, at = "", 0
        for variable in _VARIABLE.finditer(pattern):
            made += _wild(pattern[at : variable.start()], literal)
            at = variable.end()
            name, comma, default = variable[1].partition(",")
            if name in _LITERAL:
                made += re.escape(name)
                continue
            value = self.context.get(name.strip().lower(), default.strip().strip("'") if comma else None)
            if not isinstance(value, str):
                return None
            made += re.escape(value)
        return made + _wild(pattern[at:], literal)

    def _arn_like(self, pattern: str, value: str) -> bool:
        """Whether an ARN fits, segment by segment; only a * at the end goes beyond a colon.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
        """
        # A colon inside a variable separates nothing.
        parts = re.split(r":(?![^{}]*\})", pattern, maxsplit=5)
        if len(parts) < 6:
            if not pattern.endswith("*"):
                raise UnknownElement(f"not an ARN: {pattern}")
            parts, values = [pattern], [value]
        else:
            values = value.split(":", 5)
        globs = [self._glob(part) for part in parts]
        return len(values) == len(globs) and all(
            glob is not None and re.fullmatch(glob, one, re.DOTALL) for glob, one in zip(globs, values, strict=True)
        )

    def _condition(self, operator: str, key: str, wanted: list[Any]) -> bool:
        """One key of a condition. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html."""
        quantifier, colon, base = operator.rpartition(":")
        if colon and quantifier not in ("ForAnyValue", "ForAllValues"):
            raise UnknownElement(f"condition operator {operator}")
        found = self.context.get(key.lower())
        there = found is not None and found != []
        if base == "Null":
            return there == (str(wanted[0]).lower() == "false")
        optional = base.endswith("IfExists")
        compare, negated = _operator(base.removesuffix("IfExists"), operator)
        wanted = [self._text(base, str(one).lower() if isinstance(one, bool) else str(one)) for one in wanted]

        def holds(one: str) -> bool:
            return any(value is not None and compare(self, value, one) for value in wanted) != negated

        if not there:
            return optional or quantifier == "ForAllValues" or (negated and quantifier != "ForAnyValue")
        assert found is not None
        if quantifier:
            return (any if quantifier == "ForAnyValue" else all)(holds(one) for one in _list(found))
        if isinstance(found, list):
            raise UnknownElement(f"{operator} on the multivalued key {key}: IAM's answer is not defined")
        return holds(found)

    def _text(self, base: str, value: str) -> str | None:
        """A wanted value; where no pattern is read later, with its variables filled in."""
        if "Like" in base or base.startswith("Arn"):
            return value
        glob = self._glob(value, literal=True)
        return None if glob is None else re.sub(r"\\(.)", r"\1", glob, flags=re.DOTALL)


def _wild(text: str, literal: bool) -> str:
    if literal:
        return re.escape(text)
    return "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in text)


def _string_like(request: _Request, pattern: str, value: str) -> bool:
    glob = request._glob(pattern)
    return glob is not None and re.fullmatch(glob, value, re.DOTALL) is not None


def _moment(text: str) -> float:
    return float(text) if text.isdigit() else datetime.fromisoformat(text).timestamp()


_Compare = Callable[[_Request, str, str], bool]  # request, wanted, found


def _ordered(read: Callable[[str], float]) -> dict[str, _Compare]:
    return {
        "Equals": lambda _, wanted, found: read(found) == read(wanted),
        "LessThan": lambda _, wanted, found: read(found) < read(wanted),
        "LessThanEquals": lambda _, wanted, found: read(found) <= read(wanted),
        "GreaterThan": lambda _, wanted, found: read(found) > read(wanted),
        "GreaterThanEquals": lambda _, wanted, found: read(found) >= read(wanted),
    }


_POSITIVE: dict[str, _Compare] = {
    "StringEquals": lambda _, wanted, found: found == wanted,
    "StringEqualsIgnoreCase": lambda _, wanted, found: found.lower() == wanted.lower(),
    "StringLike": _string_like,
    "ArnEquals": lambda request, wanted, found: request._arn_like(wanted, found),  # the same, as AWS says
    "ArnLike": lambda request, wanted, found: request._arn_like(wanted, found),
    "Bool": lambda _, wanted, found: found.lower() == wanted.lower(),
    "IpAddress": lambda _, wanted, found: ipaddress.ip_address(found) in ipaddress.ip_network(wanted),
    **{f"Numeric{name}": compare for name, compare in _ordered(float).items()},
    **{f"Date{name}": compare for name, compare in _ordered(_moment).items()},
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}


def _operator(base: str, said: str) -> tuple[_Compare, bool]:
    name = _NEGATED.get(base, base)
    if name not in _POSITIVE:
        raise UnknownElement(f"condition operator {said}")
    return _POSITIVE[name], base in _NEGATED


def mutations(policy: Policy) -> Iterator[tuple[str, Policy]]:
    """Each way to weaken `policy` in one place, with what was done: a mistake that somebody could make in it."""
    for number, statement in enumerate(policy["Statement"]):
        said = f"{_sid(statement)}"

        def changed(change: Callable[[dict[str, Any]], object], number: int = number) -> Policy:
            weaker = copy.deepcopy(dict(policy))
            change(weaker["Statement"][number])
            return weaker

        if statement["Effect"] == "Deny":
            rest = [one for at, one in enumerate(policy["Statement"]) if at != number]
            yield f"{said}: gone", {**policy, "Statement": rest}
            for resource in _list(statement["Resource"]):
                kept = [one for one in _list(statement["Resource"]) if one != resource]
                if kept:
                    yield f"{said}: not for {resource}", changed(lambda one, kept=kept: one.update(Resource=kept))
            continue
        for operator, keys in statement.get("Condition", {}).items():
            for key in keys:
                yield (
                    f"{said}: no {operator} {key}",
                    changed(lambda one, operator=operator, key=key: one["Condition"][operator].pop(key)),
                )
        if "Principal" in statement and statement["Principal"] != "*":
            yield f"{said}: anybody", changed(lambda one: one.update(Principal="*"))
        for at, action in enumerate(_list(statement["Action"])):
            wide = f"{action.partition(':')[0]}:*"
            if action != wide:
                actions = [*_list(statement["Action"])[:at], wide, *_list(statement["Action"])[at + 1 :]]
                yield f"{said}: {wide} for {action}", changed(lambda one, actions=actions: one.update(Action=actions))
        for at, resource in enumerate(_list(statement.get("Resource", "*"))):
            if resource != "*":
                resources = [*_list(statement["Resource"])[:at], "*", *_list(statement["Resource"])[at + 1 :]]
                yield (
                    f"{said}: * for {resource}",
                    changed(lambda one, resources=resources: one.update(Resource=resources)),
                )
