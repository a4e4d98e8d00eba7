"""A damaged gzip file is told from a good one whatever the damage, and set aside by name."""

import gzip
import io
import json
import zlib

import pytest

pytest.importorskip("pyspark")

from runtime.glue import verify
from runtime.glue.storage import storage

CONTENT = b"".join(b'{"eventid":"%d"}\n' % n for n in range(20_000))
GOOD = gzip.compress(CONTENT, mtime=0)


def flipped(at: int) -> bytes:
    return GOOD[:at] + bytes([GOOD[at] ^ 0x10]) + GOOD[at + 1 :]


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD + GOOD,  # members one after the other
        gzip.compress(b""),
        gzip.compress(CONTENT, 0),
    ],
)
def test_good_files(content):
    """One member or more, of any level, is no damage."""
    assert verify.damage(io.BytesIO(content)) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "damaged gzip: it ends too early"),
        (GOOD[:1], "damaged gzip: it ends too early"),
        (GOOD[:10], "damaged gzip: it ends too early"),
        (GOOD[: len(GOOD) // 2], "damaged gzip: it ends too early"),
        (GOOD[:-8], "damaged gzip: it ends too early"),
        (GOOD[:-1], "damaged gzip: it ends too early"),
        (flipped(len(GOOD) // 2), "damaged gzip: "),
        (flipped(len(GOOD) - 6), "damaged gzip: "),  # the checksum
        (flipped(len(GOOD) - 1), "damaged gzip: "),  # the length
        (CONTENT, "damaged gzip: "),
        (zlib.compress(CONTENT), "damaged gzip: "),
        (GOOD + b"\0", "damaged gzip: "),
        (GOOD + b"garbage", "damaged gzip: "),
        (GOOD + GOOD[:100], "damaged gzip: it ends too early"),
    ],
)
def test_damage(content, said):
    """Cut, flipped, no gzip at all, or something behind its end."""
    assert (verify.damage(io.BytesIO(content)) or "good").startswith(said)


@pytest.mark.parametrize("limit", [0, 256], ids=["on workers", "on the driver"])
def test_the_damaged_are_moved_to_quarantine(spark, tmp_path, monkeypatch, limit):
    """They are gone from the source and stand in quarantine beside their reason; the good ones stay. Repeatable."""
    monkeypatch.setattr(verify, "DRIVER_FILES", limit)
    source, lake = storage(str(tmp_path / "flat")), storage(str(tmp_path / "lake"))
    for name, content in {"a": GOOD, "b": GOOD[:99], "c": b""}.items():
        source.put(f"dt=2024-05-06/{name}.gz", content)
    paths = [f"dt=2024-05-06/{name}.gz" for name in "abc"]
    assert verify.set_aside(spark, source, lake, paths) == paths[1:]
    assert [file.path for file in source.files("")] == paths[:1]
    kept = tmp_path / "lake" / "quarantine" / "flatfiles" / "dt=2024-05-06"
    assert (kept / "b.gz").read_bytes() == GOOD[:99]
    assert json.loads((kept / "b.gz.reason.json").read_text()) == {
        "kind": "flatfile",
        "reason": "damaged gzip: it ends too early",
        "source": str(tmp_path / "flat/dt=2024-05-06/b.gz"),
        "kept": str(kept / "b.gz"),
    }
    assert verify.set_aside(spark, source, lake, paths[:1]) == []
