"""(d) The dashboard of a lake: how large its page is, and what it takes to make it."""

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import run

ACCOUNTS, DAYS = 20, 90


def page(events: int) -> list[dict[str, Any]]:
    """One row: the page of the sample's lake. Seconds are wall time of a process of its own, its start included."""
    with tempfile.TemporaryDirectory() as scratch:
        logs, lake, html = Path(scratch, "logs"), Path(scratch, "lake"), Path(scratch, "dashboard.html")
        size = ("--events", str(events), "--accounts", str(ACCOUNTS), "--days", str(DAYS))
        run("-m", "cli", "sample", str(logs), *size)
        run("-m", "benchmarks.rivals", "ours", str(logs), str(lake))
        began = time.monotonic()
        cost = run("-c", _CODE, str(lake), str(html), str(logs / "accounts.csv"))
        seconds = time.monotonic() - began
        return [
            {
                "input": f"sample, {ACCOUNTS} accounts, {DAYS} days",
                "events": f"{events:,}",
                "page MB": round(html.stat().st_size / 1e6, 2),
                "seconds": round(seconds, 1),
                "CPU s": round(cost.cpu, 1),
                "peak MB": round(cost.peak_mb),
            }
        ]


_CODE = """
import sys
from pathlib import Path
from runtime.local.page import render
render(*map(Path, sys.argv[1:]))
"""
