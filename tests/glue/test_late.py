"""No flat file is written into a folder that the job does not look into, whatever is late: Spark is not needed to see it."""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("pyspark")

from runtime.events import late
from runtime.glue import source
from runtime.glue.arguments import ARGUMENTS, Days
from runtime.glue.storage import Storage, storage

TODAY = date(2024, 5, 10)
[DEFAULT] = [int(argument.default or "") for argument in ARGUMENTS if argument.name == "days"]


@pytest.fixture
def flats(tmp_path: Path) -> Storage:
    """Flat files of these days, an empty one each."""
    place = storage(str(tmp_path / "flatfiles"))
    for day in ("2020-01-01", "2020-01-02", "2024-05-07", "2024-05-08", "2024-05-10", "2024-05-11", "2024-05-12"):
        place.put(f"dt={day}/f.gz", b"")
    return place


@pytest.fixture
def lake(tmp_path: Path) -> Storage:
    return storage(str(tmp_path / "lake"))


def mark(flats: Storage, day: str, today: date) -> None:
    path = late.mark(day, today)
    if path is not None:
        flats.put(path, b"")


def test_folders_that_are_read(flats, lake):
    """The last days' folders and tomorrow's; of the days asked for, those that are there."""
    source.looked(lake, TODAY)
    assert source.recent(flats, lake, 3, TODAY) == ["dt=2024-05-08", "dt=2024-05-10", "dt=2024-05-11"]
    assert source.recent(flats, lake, 4, TODAY)[0] == "dt=2024-05-07"
    assert source.within(flats, Days("2020-01-02", "2024-05-07")) == ["dt=2020-01-02", "dt=2024-05-07"]


def test_the_first_run_looks_into_every_folder(flats, lake):
    """What no run has looked at is new, however old."""
    assert source.recent(flats, lake, 3, TODAY) == flats.folders("")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"day":null}', b'{"day":"x"}', b"\xff"])
def test_a_note_that_cannot_be_read_is_taken_for_lost(flats, lake, capsys, content):
    """Every folder is looked into, as before the first run, and the log says why."""
    lake.put(source.LOOKED, content)
    assert source.recent(flats, lake, 3, TODAY) == flats.folders("")
    assert capsys.readouterr().out == f"{lake.uri(source.LOOKED)}: cannot be read, and is taken for lost\n"


def test_a_job_that_stood_still_looks_further_back(flats, lake):
    """Days are counted back from the last run that looked."""
    source.looked(lake, TODAY - timedelta(1))
    assert source.recent(flats, lake, 3, TODAY)[0] == "dt=2024-05-07"
    source.looked(lake, date(2020, 1, 5))
    assert source.recent(flats, lake, 4, TODAY)[0] == "dt=2020-01-02"


def test_fewer_days_than_need_no_mark_are_not_taken(flats, lake):
    """Into yesterday's folder, and past midnight into that of the day before, is written without a mark."""
    source.looked(lake, TODAY)
    assert source.recent(flats, lake, 1, TODAY) == ["dt=2024-05-08", "dt=2024-05-10", "dt=2024-05-11"]


def test_a_marked_folder_is_looked_into_until_a_run_has_done_so_after_the_marks_last_day(flats, lake):
    """A run that fails spends no mark; what is no mark is left alone."""
    flats.put("_late/note.txt", b"")
    source.looked(lake, TODAY)
    mark(flats, "2020-01-01", TODAY)
    for today in (TODAY, TODAY + timedelta(9), TODAY + timedelta(9)):  # nine days of runs that fail
        assert source.recent(flats, lake, 3, today)[0] == "dt=2020-01-01"
    source.looked(lake, TODAY + timedelta(9))
    assert source.recent(flats, lake, 3, TODAY + timedelta(9)) == []
    assert [file.path for file in flats.files("_late")] == ["_late/note.txt"]


@pytest.mark.parametrize("days", [1, DEFAULT])
@pytest.mark.parametrize("seed", range(20))
def test_each_flat_file_is_seen_by_the_first_good_run_after_it(tmp_path, lake, seed, days):
    """Through replays, a queue and a job that stand still for days, midnights, and files that come while a run is at work.

    A file that such a run does not look at is lost: the bookmark, a time, is past it from then on.
    """
    dice = random.Random(seed)
    flats = storage(str(tmp_path / "flatfiles"))
    now = datetime(2024, 5, 10, 12, tzinfo=UTC)
    unseen: set[str] = set()
    in_flight: list[str] = []
    seen = 0

    def flattening() -> None:
        """A log file's mark is put now, its flat file a step later: other things may come between."""
        back = dice.choice([-1, 0, 0, 0, 1, 1, 2, 3, 5, 14, 400])
        day = (now.date() - timedelta(back)).isoformat()
        mark(flats, day, now.date())
        in_flight.append(f"dt={day}/{dice.random()}.gz")

    def written() -> None:
        for path in in_flight:
            flats.put(path, b"")
            unseen.add(path)
        in_flight.clear()

    for _ in range(120):
        now += dice.choice([timedelta(minutes=20), timedelta(hours=5), timedelta(hours=20), timedelta(days=6)])
        if dice.random() < 0.3:
            now = max(now, now.replace(hour=23, minute=56))  # midnight is where a day's marks go wrong
        flattening()
        if dice.random() < 0.4:  # a run starts, looks, and dies or ends some time later
            now += timedelta(minutes=5)
            began, is_good = now.date(), dice.random() < 0.6
            there, folders = set(unseen), source.recent(flats, lake, days, now.date())
            now += timedelta(minutes=dice.choice([1, 10]))
            written()
            if is_good:
                missed = {path for path in there if path.split("/")[0] not in folders}
                assert not missed
                unseen -= there
                seen += len(there)
                source.looked(lake, began)
        else:
            now += timedelta(minutes=dice.choice([1, 14]))
            written()
    assert seen > 20
