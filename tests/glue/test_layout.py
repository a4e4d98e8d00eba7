"""Slots planned from row counts: small days share, large days are cut where the lake's order is cut."""

import pytest

pytest.importorskip("pyspark")

from runtime.glue.layout import Piece, large, plan


def slots(planned) -> list[tuple[str, str, str, int]]:
    return [(piece.day, piece.account, piece.hour, slot) for piece, slot in planned]


def test_small_days_share_a_slot():
    """Days are packed in their order until a slot is full; a day is never cut below two slots' rows."""
    days = [Piece("d3", 60), Piece("d1", 30), Piece("d2", 60), Piece("d4", 150)]
    assert slots(plan(days, [], 100)) == [("d1", "", "", 0), ("d2", "", "", 0), ("d3", "", "", 1), ("d4", "", "", 2)]


def test_a_large_day_is_cut_by_account_and_hour():
    """Its pieces fill slots in (account, hour) order, each slot with its share; the next day begins a new one."""
    days = [Piece("d1", 400), Piece("d2", 10), Piece("d3", 200)]
    assert large(days, 100) == ["d1", "d3"]
    pieces = [Piece("d1", 100, a, h) for a in "ba" for h in ("h2", "h1")] + [
        Piece("d3", 100, "a", h) for h in ("h1", "h2")
    ]
    assert slots(plan(days, pieces, 100)) == [
        ("d2", "", "", 0),
        ("d1", "a", "h1", 1),
        ("d1", "a", "h2", 2),
        ("d1", "b", "h1", 3),
        ("d1", "b", "h2", 4),
        ("d3", "a", "h1", 5),
        ("d3", "a", "h2", 6),
    ]


def test_slots_are_neither_tiny_nor_huge():
    """Of 1,000 uneven pieces each slot gets between half and twice the size."""
    pieces = [Piece("d", 1 + n % 7, f"{n:04d}", "h") for n in range(1_000)]
    total = sum(p.rows for p in pieces)
    filled: dict[int, int] = {}
    for piece, slot in plan([Piece("d", total)], pieces, 300):
        filled[slot] = filled.get(slot, 0) + piece.rows
    assert sorted(filled) == list(range(total // 300))
    assert min(filled.values()) >= 150
    assert max(filled.values()) <= 600


def test_an_hour_larger_than_a_slot_stays_whole():
    """A piece is not cut (the writer's row limit does that), and what follows it stands in the last slot."""
    pieces = [Piece("d", 1_000, "a", "h"), Piece("d", 10, "b", "h")]
    assert slots(plan([Piece("d", 1_010)], pieces, 100)) == [("d", "a", "h", 0), ("d", "b", "h", 9)]


def test_nothing_to_plan():
    """No rows, no slots."""
    assert plan([], [], 100) == []
