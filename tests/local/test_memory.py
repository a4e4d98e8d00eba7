"""What one record and one file may cost in memory, at the real limits."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.events.elements import CHUNK, RECORD_LIMIT
from tests.local.logs import event, path_of, quarantine, rows, take, write

# A run in a process of its own, which says its peak in MB. (getrusage would begin with the peak of the process that
# starts it.)
STATUS = Path("/proc/self/status")
RUN = """
import re, sys
from runtime.local.ingest import ingest
from runtime.local.lake import Lake
from pathlib import Path
summary = ingest([sys.argv[1]], Lake(Path(sys.argv[2])), workers=1)
peak = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10
print(summary.rows, summary.quarantined, peak)
"""


def of_size(identity: str, size: int) -> bytes:
    """An event of so many bytes."""
    empty = json.dumps(event(identity, userAgent=""), separators=(",", ":")).encode()
    return empty.replace(b'"userAgent":""', b'"userAgent":"' + b"x" * (size - len(empty)) + b'"')


def test_a_record_may_be_16_mb_and_no_more(logs, lake):
    """A record just below the limit is a row; one above it is quarantined with its bytes and the limit."""
    day = "2024-05-06"
    above = of_size("above", RECORD_LIMIT + 2 * CHUNK)
    write(path_of(logs, day, "a"), event("a"), of_size("below", RECORD_LIMIT - 2 * CHUNK), above, event("b"))
    summary = take(logs, lake)
    assert (summary.records, summary.rows, summary.quarantined) == (4, 3, 1)
    assert rows(lake.root) == [(day, "a"), (day, "b"), (day, "below")]
    [line] = quarantine(lake.root)
    assert line["reason"] == "larger than 16,777,216 bytes"
    assert line["record"].encode() == above


INPUTS = {
    "200 MB of large events": (lambda: [of_size(f"e{n}", 200_000) for n in range(1_000)], ["1000", "0"]),
    "200 MB of white space": (lambda: [event("a"), b" " * 200_000_000 + of_size("b", 300)], ["2", "0"]),
    "one record of 200 MB": (lambda: [event("a"), of_size("b", 200_000_000)], ["0", "0"]),
}


@pytest.mark.skipif(not STATUS.exists(), reason="the peak of a process is read from /proc")
@pytest.mark.parametrize("name", INPUTS)
def test_memory_is_flat(name, logs, lake):
    """A worker's peak stays below 300 MB, whatever a file of 200 MB holds."""
    records, taken = INPUTS[name]
    write(path_of(logs, "2024-05-06", "a"), *records())
    command = [sys.executable, "-c", RUN, str(logs), str(lake.root)]
    *found, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert found == taken
    assert int(peak) < 300
