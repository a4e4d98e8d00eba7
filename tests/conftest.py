"""What all tests share: where the real records are, and the one way to read them."""

import gzip
import os
from pathlib import Path

import msgspec
import pytest

REPO = Path(__file__).parents[1]
REAL_DATA = Path(os.environ.get("TRAILSIGHT_DATA", REPO.parent / "shared" / "data" / "cloudtrail"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real CloudTrail log files (TRAILSIGHT_DATA names another)."""
    if not REAL_DATA.exists():
        pytest.skip("no real CloudTrail records here; name a folder of them with TRAILSIGHT_DATA")
    return REAL_DATA


@pytest.fixture(scope="session")
def real_records(real_data: Path) -> list[bytes]:
    """Every real record's own bytes."""
    records = []
    for path in sorted(real_data.rglob("*.json.gz")):
        content = msgspec.json.decode(gzip.decompress(path.read_bytes()), type=dict[str, msgspec.Raw])
        if "Records" in content:
            records += map(bytes, msgspec.json.decode(content["Records"], type=list[msgspec.Raw]))
    return records
