"""`python -m tests.lambda_.peak MEGABYTES KIND`: flatten one log file of that size; prints peak memory in MB.

KIND: `valid` records, `mixed` (every tenth is set aside), `bad` (all are), or `{}` and nothing else.
"""

import gzip
import json
import sys
import tempfile
from pathlib import Path

from botocore.response import StreamingBody

from runtime.events.elements import BadFile
from tests.lambda_.aws import LOGS, FakeS3, deadline, flattener, key, messages


class DiskS3(FakeS3):
    """The log file is on disk, as S3's body is on the wire, and what is written is only counted."""

    def __init__(self, path: Path):
        super().__init__()
        self._path = path
        self.add(LOGS, key(), b"")

    def get_object(self, **arguments):
        got = super().get_object(**arguments)
        size = self._path.stat().st_size
        return {**got, "Body": StreamingBody(self._path.open("rb"), size), "ContentLength": size}

    def put_object(self, **arguments):
        body = arguments["Body"]
        while body.read(1 << 16):
            pass


def make(path: Path, megabytes: int, kind: str) -> int:
    """Write a log file that unpacks to so many megabytes; returns its records."""
    every = {"valid": 0, "mixed": 10, "bad": 1, "{}": 0}[kind]
    with gzip.open(path, "wb", compresslevel=1) as out:
        out.write(b'{"Records":[')
        written = count = 0
        while written < megabytes << 20:
            record = {
                "eventVersion": "1.08",
                "eventTime": "soon" if every and count % every == 0 else "2024-05-06T07:08:09Z",
                "eventID": f"{count:036d}",
                "requestParameters": {"key": "x" * (count % 700), "bucketName": f"b{count}"},
            }
            text = kind if kind == "{}" else json.dumps(record, separators=(",", ":"))
            written += out.write((b"," if count else b"") + text.encode())
            count += 1
        out.write(b"]}")
    return count


def peak() -> float:
    """Of this process so far, in MB; ru_maxrss would never be less than the parent's, from which it was forked."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def main() -> None:
    """Make the file in a temporary folder and flatten it, after a small one has warmed everything up."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        make(small, 1, "mixed")
        records = make(large, int(sys.argv[1]), sys.argv[2])
        flattener(DiskS3(small)).take(messages.Ref(LOGS, key()), deadline())
        before = peak()
        try:
            outcome = flattener(DiskS3(large)).take(messages.Ref(LOGS, key()), deadline())
            assert outcome.rows + outcome.quarantined == records
            became = {"rows": outcome.rows, "quarantined": outcome.quarantined}
        except BadFile as bad:
            became = {"reason": str(bad)}
        sys.stdout.write(json.dumps({"before": before, "after": peak(), "records": records, **became}))


if __name__ == "__main__":
    main()
