"""One CloudTrail record: callers, the record around a call, and templates filled in a microsecond each.

A template is a record rendered to JSON once, with slots: `<name>` inside a string, `<#name>` for a whole string that
becomes a number. Every event of its kind is then one `%` substitution.
"""

import hashlib
import json
import random
import re
from base64 import b32encode
from collections.abc import Callable
from typing import Any

type_json = dict[str, Any]

_SLOT = re.compile(r"<(\w+)>")
_NUMBER = re.compile(r'"<#(\w+)>"')
_VERSIONS = ("1.08", "1.09", "1.10", "1.11")
_REST_STYLE = {"s3.amazonaws.com"}  # its request ids are 16 hexadecimal digits
_ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def dumps(value: object) -> str:
    """Compact JSON, as CloudTrail writes it."""
    return json.dumps(value, separators=(",", ":"))


class Template:
    """A record with slots."""

    def __init__(self, record: type_json) -> None:
        text = _NUMBER.sub(r"<\1>", dumps(record)).replace("%", "%%")
        self.slots = tuple(dict.fromkeys(_SLOT.findall(text)))
        self.own = tuple(name for name in self.slots if name in MAKERS)
        self._format = _SLOT.sub(r"%(\1)s", text)

    def fill(self, rng: random.Random, **values: str) -> str:
        """The record's JSON. `values` are the slots that no maker fills, `time` among them."""
        for name in self.own:
            values[name] = MAKERS[name](rng)
        return self._format % values


def guid(rng: random.Random) -> str:
    """A random id in the form of a UUID 4."""
    h = f"{rng.getrandbits(128):032x}"
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"


def unique16(rng: random.Random) -> str:
    """The 16 characters that keep CloudTrail's file names apart."""
    return "".join(rng.choices(_ALPHANUMERIC, k=16))


def access_key(prefix: str, seed: str) -> str:
    """An access key id that nobody can take for a working one: it ends in EXAMPLE."""
    return f"{prefix}{_base32(seed)[:9]}EXAMPLE"


def principal_id(prefix: str, seed: str) -> str:
    """A unique id of a user (AIDA) or role (AROA) that ends in EXAMPLE."""
    return f"{prefix}{_base32(seed)[:10]}EXAMPLE"


def hex17(seed: str) -> str:
    """The 17 digits of an EC2 resource id, always the same for one seed."""
    return hashlib.sha256(seed.encode()).hexdigest()[:17]


def guid_of(seed: str) -> str:
    """A UUID that is always the same for one seed, such as a KMS key's."""
    return guid(random.Random(seed))  # noqa: S311 - made-up data, not secrets


def _base32(seed: str) -> str:
    return b32encode(hashlib.sha256(seed.encode()).digest()).decode()


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "id": guid,
    "request": guid,
    "request16": lambda rng: f"{rng.getrandbits(64):016X}",
    "guid": guid,
    "hex17": lambda rng: f"{rng.getrandbits(68):017x}",
    "hex32": lambda rng: f"{rng.getrandbits(128):032x}",
    "digest": lambda rng: f"{rng.getrandbits(256):064x}",
    "asia": lambda rng: f"ASIA{_base32(str(rng.getrandbits(64)))[:9]}EXAMPLE",
    "number": lambda rng: str(rng.randrange(1, 2000)),
    "bytes": lambda rng: str(int(rng.lognormvariate(9, 2))),
    "bigbytes": lambda rng: str(int(rng.lognormvariate(17, 0.8))),
    "hour": lambda rng: f"{rng.randrange(24):02d}",
    "part": lambda rng: f"{rng.randrange(1000):05d}",
    "host": lambda rng: str(rng.randrange(2, 250)),
}
"""What fills the slots that need nothing but chance."""


def user(account: str, name: str, key: str | None = None) -> type_json:
    """An IAM user; without a key, as at a console sign-in."""
    identity = {
        "type": "IAMUser",
        "principalId": principal_id("AIDA", account + name),
        "arn": f"arn:aws:iam::{account}:user/{name}",
        "accountId": account,
    }
    return identity | ({"accessKeyId": key} if key else {}) | {"userName": name}


def session(
    account: str, role: str, name: str, *, key: str, created: str, mfa: bool = False, path: str = "", **more: object
) -> type_json:
    """A role's session. `more` goes into the session context, such as ec2RoleDelivery."""
    unique = principal_id("AROA", account + role)
    return {
        "type": "AssumedRole",
        "principalId": f"{unique}:{name}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
        "accountId": account,
        "accessKeyId": key,
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": unique,
                "arn": f"arn:aws:iam::{account}:role/{path}{role}",
                "accountId": account,
                "userName": role,
            },
            "attributes": {"creationDate": created, "mfaAuthenticated": "true" if mfa else "false"},
            **more,
        },
    }


def service(host: str) -> type_json:
    """An AWS service acting by itself."""
    return {"type": "AWSService", "invokedBy": host}


def root(account: str, key: str, created: str) -> type_json:
    """The root user in a console session with MFA."""
    return {
        "type": "Root",
        "principalId": account,
        "arn": f"arn:aws:iam::{account}:root",
        "accountId": account,
        "accessKeyId": key,
        "sessionContext": {"attributes": {"creationDate": created, "mfaAuthenticated": "true"}},
    }


def call(
    identity: type_json,
    source: str,
    name: str,
    account: str,
    region: str,
    *,
    ip: str,
    agent: str,
    read: bool = False,
    params: type_json | None = None,
    response: type_json | None = None,
    error: tuple[str, str] | None = None,
    additional: type_json | None = None,
    resources: list[type_json] | None = None,
    shared: str | None = None,
    data: bool = False,
    kind: str = "AwsApiCall",
    console: bool = False,
    tls: str | None = "TLSv1.3",
    **more: object,
) -> type_json:
    """The record of one call to `source` (a service's short name), with slots `time`, `id` and `request`.

    `more` is appended as it is: vpcEndpointId, serviceEventDetails, ...
    """
    host = f"{source}.amazonaws.com"
    record: type_json = {
        "eventVersion": _VERSIONS[sum(source.encode()) % len(_VERSIONS)],
        "userIdentity": identity,
        "eventTime": "<time>",
        "eventSource": host,
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": ip,
        "userAgent": agent,
    }
    if error:
        record |= {"errorCode": error[0], "errorMessage": error[1]}
    record |= {"requestParameters": params, "responseElements": None if error else response}
    if additional:
        record["additionalEventData"] = additional
    record |= {"requestID": "<request16>" if host in _REST_STYLE else "<request>", "eventID": "<id>", "readOnly": read}
    if resources:
        record["resources"] = resources
    record |= {"eventType": kind, "managementEvent": not data, "recipientAccountId": account}
    if shared:
        record["sharedEventID"] = shared
    record["eventCategory"] = "Data" if data else "Management"
    if tls and kind == "AwsApiCall":
        cipher = "TLS_AES_128_GCM_SHA256" if tls == "TLSv1.3" else "ECDHE-RSA-AES128-SHA"
        front = "iam.amazonaws.com" if source == "iam" else f"{source}.{region}.amazonaws.com"
        record["tlsDetails"] = {"tlsVersion": tls, "cipherSuite": cipher, "clientProvidedHostHeader": front}
    if console:
        record["sessionCredentialFromConsole"] = "true"
    return record | more
