"""AWS's public keys, with which digests are checked: what `aws cloudtrail list-public-keys` prints, or a key alone."""

import base64
import binascii
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.local.inputs import InputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey


def read_keys(path: Path) -> dict[str, "RSAPublicKey"]:
    """Public keys by fingerprint. Raises InputError for a file without one."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    try:
        content = path.read_bytes()
        if content.lstrip().startswith(b"{"):
            listed = json.loads(content)["PublicKeyList"]
            if not listed:
                raise ValueError("the list is empty; AWS lists the keys of one Region, from --start-time on")
            return {key["Fingerprint"]: _rsa(load_der_public_key(base64.b64decode(key["Value"]))) for key in listed}
        if content.lstrip().startswith(b"-----"):
            alone = _rsa(load_pem_public_key(content))
        else:
            alone = _rsa(load_der_public_key(base64.b64decode(content, validate=False)))
        return {_fingerprint(alone): alone}
    except (OSError, ValueError, KeyError, TypeError, RecursionError, UnsupportedAlgorithm, binascii.Error) as error:
        why = getattr(error, "strerror", None) or error
        cure = "give the output of `aws cloudtrail list-public-keys`, or one key as PEM or base64"
        raise InputError(f"{path}: no public key ({why}); {cure}") from error


def _rsa(key: Any) -> "RSAPublicKey":
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if not isinstance(key, RSAPublicKey):
        raise TypeError("not an RSA key, as CloudTrail's are")
    return key


def _fingerprint(key: "RSAPublicKey") -> str:
    """CloudTrail's name of a key: the MD5 of its PKCS #1 form, as AWS's example of list-public-keys shows."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.md5(key.public_bytes(Encoding.DER, PublicFormat.PKCS1), usedforsecurity=False).hexdigest()
