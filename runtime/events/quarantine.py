"""A line of quarantine: what could not become a row, with its reason and its original bytes; standard library only."""

import base64
import json
from typing import Any

EMPTY = "no records in it"
"""The reason of a log file without records, which CloudTrail delivers now and then: there is nothing to mend."""
DIFFERS = "the lake has this event with other content"
"""The reason of what is set aside as `duplicate-differs`, on one machine and by the Parquet job."""


def line(
    kind: str, reason: str, source: str, key: str, position: int | None = None, record: bytes | None = None
) -> bytes:
    """A JSON line: kind (record, file or missing), reason, source URI, key, and for a record its position and bytes.

    The bytes stand in `record` where they are UTF-8, else in `record_base64`.
    """
    fields: dict[str, Any] = {"kind": kind, "reason": reason, "source": source, "key": key}
    if record is not None:
        fields["position"] = position
        try:
            fields["record"] = record.decode()
        except UnicodeDecodeError:
            fields["record_base64"] = base64.b64encode(record).decode()
    return json.dumps(fields).encode() + b"\n"
