"""Slots planned from row counts: small days share, large days are cut where the lake's order is cut."""

import pytest

pytest.importorskip("pyspark")

from runtime.glue.layout import MOST_SLOTS, Piece, large, plan


def begins(planned) -> list[tuple[str, str, str]]:
    return [(piece.day, piece.account, piece.hour) for piece in planned]


def filled(starts, pieces) -> list[int]:
    """Rows in each slot, if each piece stands in the last slot that begins with it or before."""
    at = begins(starts)
    rows = [0] * len(starts)
    for piece in pieces:
        place = (piece.day, piece.account, piece.hour)
        rows[max(n for n, start in enumerate(at) if start <= place)] += piece.rows
    return rows


def test_small_days_share_a_slot():
    """Days are packed in their order until a slot is full; a day is never cut below two slots' rows."""
    days = [Piece("d3", 60), Piece("d1", 30), Piece("d2", 60), Piece("d4", 150)]
    starts = plan(days, [], 100)
    assert begins(starts) == [("d1", "", ""), ("d3", "", ""), ("d4", "", "")]
    assert filled(starts, days) == [90, 60, 150]


def test_a_large_day_is_cut_by_account_and_hour():
    """Its pieces fill slots in (account, hour) order, each slot with its share; the next day begins a new one."""
    days = [Piece("d1", 400), Piece("d2", 10), Piece("d3", 200), Piece("d4", 10)]
    assert large(days, 100) == ["d1", "d3"]
    pieces = [Piece("d1", 100, a, h) for a in "ba" for h in ("h2", "h1")] + [
        Piece("d3", 100, "a", h) for h in ("h1", "h2")
    ]
    assert begins(plan(days, pieces, 100)) == [
        ("d1", "a", "h1"),
        ("d1", "a", "h2"),
        ("d1", "b", "h1"),
        ("d1", "b", "h2"),
        ("d2", "", ""),
        ("d3", "a", "h1"),
        ("d3", "a", "h2"),
        ("d4", "", ""),
    ]


def test_slots_are_neither_tiny_nor_huge():
    """Of 1,000 uneven pieces each slot gets between half and twice the size."""
    pieces = [Piece("d", 1 + n % 7, f"{n:04d}", "h") for n in range(1_000)]
    total = sum(p.rows for p in pieces)
    rows = filled(plan([Piece("d", total)], pieces, 300), pieces)
    assert len(rows) == total // 300
    assert sum(rows) == total
    assert min(rows) >= 150
    assert max(rows) <= 600


def test_an_hour_larger_than_a_slot_stays_whole():
    """A piece is not cut (the writer's row limit does that), and what follows it stands in a slot of its own."""
    pieces = [Piece("d", 1_000, "a", "h"), Piece("d", 10, "b", "h"), Piece("d", 10, "c", "h")]
    assert begins(plan([Piece("d", 1_020)], pieces, 100)) == [("d", "a", "h"), ("d", "b", "h")]


def test_slots_grow_where_there_would_be_too_many():
    """Of 100 days with 1,000 rows each, cut at 10 rows, there are not 10,000 slots but at most MOST_SLOTS and one a day."""
    days = [Piece(f"2024-{1 + n // 28:02d}-{1 + n % 28:02d}", 1_000) for n in range(100)]
    assert len(large(days, 10)) == 100
    pieces = [Piece(day.day, 10, f"{n:03d}", "h") for day in days for n in range(100)]
    starts = plan(days, pieces, 10)
    assert MOST_SLOTS <= len(starts) <= MOST_SLOTS + 100
    assert max(filled(starts, pieces)) <= 2 * 100_000 // MOST_SLOTS


def test_nothing_to_plan():
    """No rows, no slots."""
    assert plan([], [], 100) == []
