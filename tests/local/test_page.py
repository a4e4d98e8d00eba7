"""The page as its reader meets it, in headless Chromium: what is shown under filters against SQL over the lake."""

import json
import shutil
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from runtime.local import page
from runtime.local.dialect import to_duckdb
from runtime.local.ingest import ingest
from runtime.local.inputs import InputError
from runtime.local.lake import Lake, LakeError
from runtime.local.page import cubes, render
from runtime.local.query import open_lake
from runtime.local.sample import write_sample
from runtime.quicksight.spec import load
from tests.local.logs import event, path_of, write

CHROMIUM = shutil.which("chromium")
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; on Debian: apt-get install chromium")
NASTY = "</script><img src=x onerror=window.hit=1>{{cells}}<!--"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's story, and one event with a user agent and names that attack the page."""
    folder = tmp_path_factory.mktemp("page")
    write_sample(folder / "logs", events=3000, seed=7, accounts=4, days=12, end=date(2026, 11, 1))
    write(
        path_of(folder / "logs", "2026-10-25", "nasty"),
        event(
            "nasty",
            "2026-10-25T10:00:00Z",
            userAgent=NASTY,
            sourceIPAddress=NASTY,
            eventSource=NASTY,
            awsRegion=NASTY,
            errorCode=NASTY,
            newField=NASTY,
            userIdentity={"type": NASTY, "arn": NASTY},
        ),
    )
    (folder / "logs" / "bad.json.gz").write_bytes(b"no log")
    ingest([str(folder / "logs")], Lake(folder / "lake"), workers=1)
    return folder / "lake"


@pytest.fixture(scope="module")
def asked(lake: Path) -> Iterator[Any]:
    """The lake, open for SQL."""
    with open_lake(lake) as connection:
        yield connection


@pytest.fixture(scope="module")
def html(lake: Path) -> Path:
    names = lake / "accounts.csv"
    names.write_text(f"id,name,OU\n111122223333,{NASTY},workloads\n")
    render(lake, lake / "dashboard.html", names)
    return lake / "dashboard.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield chromium
        chromium.close()


def opened(browser: Any, file: Path, fragment: str = "", **options: Any) -> Any:
    """A new tab with the page drawn; what it asked the network for and said in errors is in `asked` and `errors`."""
    tab = browser.new_page(**{"viewport": {"width": 1400, "height": 900}, **options})
    tab.asked, tab.errors = [], []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("pageerror", lambda error: tab.errors.append(str(error)))
    tab.on("console", lambda message: tab.errors.append(message.text) if message.type == "error" else None)
    tab.goto(file.as_uri() + fragment)
    tab.wait_for_selector("body[data-ready]")
    return tab


def answer(lake: Any, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a copied query, times as seconds since 1970."""

    def plain(value: Any) -> Any:
        return round(value.replace(tzinfo=UTC).timestamp()) if isinstance(value, datetime) else value

    return [tuple(map(plain, row)) for row in lake.execute(to_duckdb(sql)).fetchall()]


def check(visual: Any, shown: Any, rows: list[tuple[Any, ...]]) -> None:
    """What is shown by name is what SQL says, and the rest adds up to `other`."""
    if visual.kind == "kpi":
        assert shown == (rows[0][0] or 0), visual.id
    elif visual.kind == "table":
        fields = len(visual.fields)
        expected = {row[:fields]: row[fields:] for row in rows}
        for row in shown["named"]:
            assert tuple(row[fields:]) == pytest.approx(expected.pop(tuple(row[:fields]))), (visual.id, row)
        for at, measure in enumerate(visual.measures):
            left = [row[at] for row in expected.values()]
            rest = (max(left) if measure.aggregate == "max" else sum(left)) if left else None
            assert (shown["other"][at] if shown["other"] else None) == (rest if rest is None else pytest.approx(rest))
    else:
        parts = 1 + (visual.color is not None)
        named = [{row[n] for row in shown if row[n] != "<other>"} for n in (0, 1)]
        expected = defaultdict(float)
        for row in rows:
            if visual.timed and row[0] is None:
                continue  # a log file whose name has no day stands on no axis of time
            key = [*row[:parts], None][:2]
            expected[tuple(k if k in names else "<other>" for k, names in zip(key, named, strict=True))] += row[parts]
        found = {(row[0], row[1]): row[2] for row in shown if row[2]}
        assert found == pytest.approx({key: value for key, value in expected.items() if value}), visual.id


# `undefined` has no form in what the browser hands over.
SHOWN = """id => { const s = trailsight.shown(id);
    return Array.isArray(s) ? s.map(r => r.map(v => v === undefined ? "<other>" : v)) : s }"""


def check_all(tab: Any, lake: Any) -> int:
    """Compare every visual of every sheet with its own query; how many of them show something."""
    full = 0
    for sheet in load().sheets:
        tab.click(f"[data-sheet={sheet.id}]")
        for visual in sheet.visuals:
            shown = tab.evaluate(SHOWN, visual.id)
            check(visual, shown, answer(lake, tab.evaluate("id => trailsight.query(id)", visual.id)))
            full += bool(shown["named"] if isinstance(shown, dict) else shown)
    assert tab.errors == []
    return full


@in_browser
def test_every_visual_shows_what_its_query_says(browser: Any, html: Path, asked: Any) -> None:
    """With no filter, each visual's numbers are those of the SQL it offers to copy."""
    assert check_all(opened(browser, html), asked) >= 55


@in_browser
def test_filters_act_on_every_visual_exactly(browser: Any, html: Path, asked: Any) -> None:
    """Days, account, Region and identity type, chosen as a person does, change every visual as they change its query."""
    tab = opened(browser, html)
    tab.fill("#filter-from", "2026-10-26")
    tab.fill("#filter-to", "2026-10-30")
    tab.click("details[data-filter=account] summary")
    tab.click("details[data-filter=account] .list label:nth-of-type(1)")
    tab.click("details[data-filter=account] .list label:nth-of-type(3)")
    assert tab.inner_text("details[data-filter=account] summary").startswith("Account · 2")
    check_all(tab, asked)
    tab.click("details[data-filter=identity] summary")
    tab.click("details[data-filter=identity] .list label:has-text('AssumedRole')")
    tab.click("details[data-filter=region] summary")
    tab.click("details[data-filter=region] .list label:nth-of-type(1)")
    check_all(tab, asked)
    tab.click("#reset")
    assert tab.query_selector_all(".chip") == []


@in_browser
def test_a_click_on_a_mark_sets_the_filters_it_stands_for(browser: Any, html: Path) -> None:
    """A bar of an account filters by it, the same bar again takes that back; a table's Region too."""
    tab = opened(browser, html)
    whole = tab.inner_text("#events .figure")
    tab.click("#accounts .mark-rect path >> nth=0")
    assert tab.inner_text("#chips .chip").startswith("Account: ")
    assert tab.inner_text("#events .figure") != whole
    tab.click("#accounts .mark-rect path >> nth=0")
    assert tab.inner_text("#events .figure") == whole
    tab.click("[data-sheet=quality]")
    tab.click("#last-events tbody tr:nth-child(1) td:nth-child(2) button")
    assert tab.inner_text("#chips .chip").startswith("Region: ")


@in_browser
def test_what_attackers_named_stays_text(browser: Any, html: Path) -> None:
    """A user agent of `</script><img onerror=...>` runs nothing, makes no element and is shown as it is."""
    tab = opened(browser, html, "#sheet=errors")
    assert NASTY in tab.inner_text("#error-list")
    for sheet in load().sheets:
        tab.click(f"[data-sheet={sheet.id}]")
        assert tab.evaluate("[window.hit, document.images.length]") == [None, 0]
    assert tab.asked == [html.as_uri()]
    assert tab.errors == []


@in_browser
def test_the_policy_lets_no_other_script_run_and_nothing_be_fetched(browser: Any, html: Path) -> None:
    """Even a script that found its way into the page would not run, and could reach nobody."""
    tab = opened(browser, html)
    tab.evaluate("""() => { const s = document.createElement("script"); s.textContent = "window.hit = 2";
        document.body.append(s); const i = document.createElement("img"); i.src = "http://127.0.0.1:9/x";
        document.body.append(i); }""")
    assert tab.evaluate("window.hit") is None
    assert tab.evaluate("fetch('http://127.0.0.1:9/').then(() => 'reached', () => 'refused')") == "refused"
    assert "unsafe-eval" not in tab.content().split("<style>")[0]


@in_browser
def test_tables_sort_and_the_theme_changes(browser: Any, html: Path) -> None:
    """A click on a heading sorts by it, a second one turns it round; the theme button goes from light to dark."""
    tab = opened(browser, html, "#sheet=identity", color_scheme="light")
    names = "[...document.querySelectorAll('#principals tbody tr:not(.other) td:first-child')].map(e => e.title)"
    tab.click("#principals th:nth-child(1) button")
    up = tab.evaluate(names)
    assert up == sorted(up, key=str.lower)
    tab.click("#principals th:nth-child(1) button")
    assert tab.evaluate(names)[0].lower() >= up[-1].lower()
    ground = "getComputedStyle(document.body).backgroundColor"
    before = tab.evaluate(ground)
    tab.click("#theme")
    assert tab.evaluate(ground) != before


@in_browser
def test_a_phone_shows_all_of_it_without_sideways_scrolling(browser: Any, html: Path) -> None:
    """At 390 points no sheet is wider than the screen."""
    tab = opened(browser, html, viewport={"width": 390, "height": 844})
    for sheet in load().sheets:
        tab.click(f"[data-sheet={sheet.id}]")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390, sheet.id
    assert tab.errors == []


# Texts of charts that leave their card, and on a wide screen tables that are wider than theirs.
CUT_OFF = """() => [...document.querySelectorAll(".card:not(.kpi) .body")].flatMap(body => {
    const { left, right } = body.getBoundingClientRect();
    const texts = [...body.querySelectorAll("svg text")].filter(
        text => text.textContent && text.getAttribute("opacity") !== "0");
    const out = texts.filter(t => t.getBoundingClientRect().right > right + 1 || t.getBoundingClientRect().left < left - 1);
    return [...out.map(t => t.textContent), ...(body.querySelector("table") && innerWidth > 1300 && body.scrollWidth > body.clientWidth
        ? [body.closest(".card").id] : [])];
})"""
DRAWN = """() => [...document.querySelectorAll(".card:not(.kpi) .body")].every(b => b.querySelector("svg, table, .empty"))"""


@in_browser
@pytest.mark.parametrize("width", [1400, 1100, 390])
def test_no_number_or_name_is_cut_off(width: int, browser: Any, html: Path) -> None:
    """The number behind the longest bar, the legend's last name: all text of a chart is inside its card."""
    tab = opened(browser, html, viewport={"width": width, "height": 844})
    for sheet in load().sheets:
        tab.click(f"[data-sheet={sheet.id}]")
        tab.wait_for_function(DRAWN)
        assert tab.evaluate(CUT_OFF) == [], sheet.id


@in_browser
def test_short_names_stay_apart(browser: Any, html: Path) -> None:
    """An axis names a role without its ARN; the same role of two accounts has the account behind it."""
    tab = opened(browser, html)
    role = "arn:aws:iam::{}:role/path/etl"
    names = [role.format("999900001111"), role.format("999900002222"), role.format("999900002222").replace("etl", "x")]
    assert tab.evaluate("names => trailsight.shorts(names)", names) == [
        "role/etl · 999900001111",
        "role/etl · 999900002222",
        "role/x",
    ]
    sso = "arn:aws:iam::999900001111:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"
    assert tab.evaluate("names => trailsight.shorts(names)", [sso, "root"]) == ["SSO/Admin", "root"]
    same = [role.format("999900001111"), role.format("999900001111").replace("path", "other")]
    assert tab.evaluate("names => trailsight.shorts(names)", same) == same


@in_browser
def test_the_query_is_there_to_copy_and_the_view_to_send(browser: Any, html: Path, asked: Any) -> None:
    """The dialog shows the SQL with the filters in it; the address brings the same view back."""
    tab = opened(browser, html, "#sheet=overview&from=2026-10-26&to=2026-10-30&account=111122223333")
    assert tab.input_value("#filter-from") == "2026-10-26"
    tab.hover("#services")
    tab.click("#services .sql")
    sql = tab.inner_text("#query-text")
    assert "BETWEEN '2026-10-26' AND '2026-10-30'" in sql
    assert "(recipientaccountid) IN ('111122223333')" in sql
    assert answer(asked, sql)


@in_browser
def test_a_page_made_coarse_says_so_and_counts_the_same(
    browser: Any, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page over the limit takes days together by week, names fewer values, says both, and loses no event."""
    monkeypatch.setattr(page, "LIMIT_BYTES", 1)
    monkeypatch.setattr(page, "COARSER", (cubes.Coarseness(), cubes.Coarseness("week", 0.25)))
    render(lake, tmp_path / "coarse.html")
    tab = opened(browser, tmp_path / "coarse.html")
    assert "by week" in tab.inner_text("#notes")
    assert "fewer values" in tab.inner_text("#notes")
    assert tab.evaluate(SHOWN, "events") == 3001
    assert sum(row[2] for row in tab.evaluate(SHOWN, "over-time")) == 3001
    assert sum(row[2] for row in tab.evaluate(SHOWN, "addresses")) == 3001


@in_browser
def test_a_lake_of_hours_is_drawn_by_hour(browser: Any, tmp_path: Path) -> None:
    """An incident of one day has a bar per hour."""
    write(
        path_of(tmp_path / "logs", "2024-05-06", "a"),
        *(event(f"e{n}", f"2024-05-06T{n:02d}:08:09Z", readOnly=True) for n in (3, 3, 9)),
    )
    ingest([str(tmp_path / "logs")], Lake(tmp_path / "lake"), workers=1)
    render(tmp_path / "lake", tmp_path / "page.html")
    tab = opened(browser, tmp_path / "page.html")
    assert [row for row in tab.evaluate(SHOWN, "over-time") if row[2]] == [
        ["2024-05-06 03:00", "read", 1],
        ["2024-05-06 09:00", "read", 1],
    ]


@in_browser
def test_an_empty_lake_has_a_page(browser: Any, tmp_path: Path) -> None:
    """Nothing to show is shown without an error."""
    (tmp_path / "lake").mkdir()
    render(tmp_path / "lake", tmp_path / "page.html")
    tab = opened(browser, tmp_path / "page.html")
    for sheet in load().sheets:
        tab.click(f"[data-sheet={sheet.id}]")
    assert tab.inner_text("#span") == "no events yet"
    assert tab.errors == []


def test_an_unchanged_lake_is_not_drawn_again(lake: Path, tmp_path: Path) -> None:
    """The second drawing of the same costs nothing; other labels are another page."""
    assert render(lake, tmp_path / "page.html")
    before = (tmp_path / "page.html").stat().st_mtime_ns
    assert not render(lake, tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_mtime_ns == before
    (tmp_path / "names.csv").write_text("id,name,OU\n111122223333,prod,\n")
    assert render(lake, tmp_path / "page.html", tmp_path / "names.csv")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"account,name\n1,x\n", "it has no column 'id'; give a CSV with the header id,name,OU"),
        (b"\xff\xfe\xff", "cannot be read"),
    ],
)
def test_labels_that_are_none_are_one_sentence(content: bytes, sentence: str, lake: Path, tmp_path: Path) -> None:
    """A wrong accounts.csv names itself and the cure."""
    (tmp_path / "names.csv").write_bytes(content)
    with pytest.raises(InputError, match="names.csv: ") as error:
        render(lake, tmp_path / "page.html", tmp_path / "names.csv")
    assert sentence in str(error.value)
    assert not (tmp_path / "page.html").exists()


def test_the_page_carries_every_visual_and_nothing_from_outside(html: Path) -> None:
    """Each visual of the spec is in the page's data; no address is loaded."""
    text = html.read_text()
    found = json.loads(text.split('id="data">')[1].split("</script>")[0])
    assert [v["id"] for s in found["sheets"] for r in s["rows"] for v in r["visuals"]] == [v.id for v in load().visuals]
    assert 'src="' not in text.split("<script>")[0]
    assert "<link" not in text.split("<script>")[0]


def test_columns_travel_as_planes_of_bytes() -> None:
    """Low bytes first, days as differences in 16 bits, nothing for no rows."""
    import pyarrow as pa

    days, big = pa.array([1, 2, 0], pa.int32()), pa.array([1, 258, 0], pa.uint64())
    assert list(cubes.encoded([days, big], 0)) == [
        (2, bytes([1, 1, 0xFE, 0, 0, 0xFF])),
        (2, bytes([1, 2, 0, 0, 1, 0])),
    ]
    assert list(cubes.encoded([pa.array([], pa.int32())], 0)) == [(1, b"")]


def test_values_that_lead_in_one_account_are_carried(lake: Path) -> None:
    """What is small in the whole but first in one account has its own number, so that a filter can show it."""
    with open_lake(lake) as connection:
        board = load()
        made = cubes.Cubes(connection, board)
        visual = next(v for v in board.visuals if v.id == "addresses")
        cube = made.made(cubes.Coarseness())[made.of(visual)]
        leaders = connection.execute("""SELECT arg_max(a, n) FROM (SELECT recipientaccountid AS r, sourceipaddress AS a,
            count(*) AS n FROM parquettrails GROUP BY ALL) GROUP BY r""").fetchall()
    assert {leader for (leader,) in leaders} <= {value for (value,) in cube.values[0]}


def test_a_page_that_needs_too_much_memory_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What DuckDB cannot do for the page is told with its cure, and nothing is written."""

    def large(*_: Any) -> None:
        raise duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate\n\nPossible solutions:\n* more")

    monkeypatch.setattr(page, "Cubes", large)
    monkeypatch.setattr(page, "_library", str)
    drawn = r"no dashboard could be drawn \(Out of Memory Error: failed to allocate\); try it with more memory"
    with pytest.raises(LakeError, match=f"^{tmp_path}: {drawn}, or more room in TMPDIR$"):
        render(tmp_path, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []
