"""The report and the dashboard in a real Chromium, with the real chart library."""

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from socialsim.report.build import build_content
from socialsim.report.html import render
from socialsim.report.plotly_js import PlotlyJs
from socialsim.report.rows import KpiRows
from tests.cli.conftest import COMMAND, clean_environment
from tests.report.rows import HOSTILE, kpi_rows, row

if TYPE_CHECKING:  # the browser's driver has an environment of its own: make test-bi
    from playwright.sync_api import Browser

    from tests.bi.browser import Scheme, Watched

pytestmark = pytest.mark.bi

CHARTS = {
    f"chart-{name}"
    for name in (
        "active",
        "funnel",
        "signups",
        "growth",
        "retention",
        "week",
        "hours",
        "volume",
        "network",
        "devices",
        "creators",
    )
}
#: What the picture shows is simulated for it, see `make pictures`.
RUN = shlex.split(os.environ.get("SOCIALSIM_PICTURES_RUN") or "--users 60 --days 9")
#: What of a chart is only there when the library has drawn marks.
MARKS = ".scatterlayer .trace path, .barlayer path, .funnellayer path, .heatmaplayer image"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    from tests.bi.browser import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def library() -> PlotlyJs:
    from socialsim.report.plotly_js import load_plotly_js

    return load_plotly_js()


@pytest.fixture
def written(tmp_path: Path, library: PlotlyJs) -> Callable[[KpiRows], str]:
    def write(rows: KpiRows) -> str:
        path = tmp_path / "report.html"
        path.write_text(render(build_content(rows), library), encoding="utf-8")
        return path.as_uri()

    return write


def look(browser: "Browser", *, scheme: "Scheme" = "light", width: int = 1320) -> AbstractContextManager["Watched"]:
    from tests.bi.browser import watching

    return watching(browser, scheme=scheme, width=width)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1320), ("dark", 1320), ("light", 390)])
def test_every_chart_is_drawn_without_a_complaint_or_a_request(
    browser: "Browser", written: Callable[[KpiRows], str], scheme: "Scheme", width: int
) -> None:
    address = written(kpi_rows(30))
    with look(browser, scheme=scheme, width=width) as seen:
        seen.go(address)
        assert seen.drawn() == dict.fromkeys(CHARTS, "chart")
        for name in CHARTS:
            assert seen.page.locator(f"#{name} :is({MARKS})").count() > 0, name
        assert seen.page.locator(".tile svg.spark .line").count() == 8
        # nothing sticks out
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        assert seen.page.locator("html").get_attribute("data-theme") == scheme
        assert seen.complaints == []
        assert seen.requests == [address] + [url for url in seen.requests[1:] if url.startswith("data:")]


def test_a_hostile_name_is_a_name(browser: "Browser", written: Callable[[KpiRows], str]) -> None:
    with look(browser) as seen:
        seen.page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
        seen.go(written(kpi_rows(30)))
        # In the picture, in the table and in what a screen reader says.
        assert HOSTILE in seen.page.locator("#chart-creators .yaxislayer-above text").all_text_contents()
        seen.page.locator("#chart-creators summary").click()
        # made once the browser tells that it is open
        seen.page.locator("#chart-creators td").first.wait_for()
        assert HOSTILE in seen.page.locator("#chart-creators td").all_text_contents()
        assert HOSTILE in str(seen.page.locator("#chart-creators .plot").get_attribute("aria-label"))
        assert seen.page.locator("body img").count() == 0
        assert seen.complaints == []


def test_the_tooltip_tells_the_day_and_the_theme_can_be_chosen(
    browser: "Browser", written: Callable[[KpiRows], str]
) -> None:
    with look(browser) as seen:
        seen.go(written(kpi_rows(30)))
        plot = seen.page.locator("#chart-active .nsewdrag").first
        plot.hover()
        label = seen.page.locator("#chart-active .hoverlayer .legend")
        label.wait_for()
        assert "daily (DAU) : 1" in " ".join(label.all_text_contents())
        before = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        line = seen.page.locator("#chart-active .scatterlayer .js-line").first
        stroke = line.evaluate("line => line.style.stroke")
        seen.page.locator("#theme").click()
        seen.page.locator("#theme").click()
        assert seen.page.locator("html").get_attribute("data-theme") == "dark"
        seen.page.wait_for_selector(f"#chart-active .scatterlayer .js-line:not([style*='{stroke}'])")
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") != before
        assert seen.complaints == []


def test_bursts_are_marked_and_listed(browser: "Browser", written: Callable[[KpiRows], str]) -> None:
    rows = kpi_rows(30)
    mobs = [row(n, "device_hour", 3_000, 1, "device_hour", f"tablet {12 + n % 2}") for n in range(9, 21)]
    with look(browser) as seen:
        seen.go(written(replace(rows, rows=[*rows.rows, *mobs[:1]])))
        chart = seen.page.locator("#chart-hours")
        assert chart.locator(".scatterlayer .trace.scatter .points path").count() == 1
        assert chart.locator(".list tbody tr").all_inner_texts() == ["2026-01-10 13:00\t751.0 \u00d7\t3,004\t4\t1 hour"]
        assert "1 burst, 2026-01-10 13:00" in str(chart.locator(".plot").get_attribute("aria-label"))
        chart.locator("summary").click()
        chart.locator("details td").first.wait_for()
        assert chart.locator("details tbody tr").count() == 30
        seen.go(written(replace(rows, rows=[*rows.rows, *mobs])))
        assert chart.locator(".list tbody tr").count() == 10
        assert chart.locator(".list .note").inner_text() == "The 10 greatest of 12 bursts"
        seen.go(written(rows))
        assert "No hour stands out" in chart.locator(".list").inner_text()
        assert chart.locator(".list table").count() == 0
        assert seen.complaints == []


@pytest.mark.parametrize("rows", [KpiRows("r1"), kpi_rows(1)], ids=["no day", "one day"])
def test_little_data_is_no_error(browser: "Browser", written: Callable[[KpiRows], str], rows: KpiRows) -> None:
    with look(browser) as seen:
        seen.go(written(rows))
        drawn = seen.drawn()
        assert set(drawn) == CHARTS
        assert ("chart" in drawn.values()) == bool(rows.rows)
        assert drawn["chart-funnel"] == "empty"
        assert seen.page.locator("#notice").is_visible() == (not rows.rows)
        assert seen.complaints == []


def test_the_policy_stops_what_gets_in_all_the_same(browser: "Browser", written: Callable[[KpiRows], str]) -> None:
    """The last line of defence, tried by hand: were there a hole, its script would not run."""
    with look(browser) as seen:
        seen.go(written(kpi_rows(3)))
        seen.page.locator("body").evaluate(
            """body => {
                const script = document.createElement("script");
                script.textContent = "document.title = 'it ran'";
                body.append(script);
                const image = document.createElement("img");
                image.src = "http://127.0.0.1:9/out.png";
                body.append(image);
            }"""
        )
        assert seen.page.title() == "socialsim · r1"
        assert len([each for each in seen.complaints if "Content Security Policy" in each]) == 2


def call(directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=directory,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was simulated and stored, whose figures nobody has computed yet."""
    directory = tmp_path_factory.mktemp("data")
    call(directory, "run", *RUN, "--run-id", "real")
    call(directory, "consume", "--drain")
    return directory


def test_the_dashboard_renews_itself_as_rows_and_figures_arrive(browser: "Browser", data: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "dashboard", "--port", "0"],
        cwd=data,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[2]
        with look(browser) as seen:
            seen.go(address)
            seen.page.wait_for_selector("html[data-polls]", timeout=120_000)
            assert set(seen.drawn().values()) == {"empty"}
            assert "socialsim kpi --follow" in seen.page.locator("#notice").inner_text()
            call(data, "kpi")
            seen.page.wait_for_selector("#chart-active[data-drawn=chart]", timeout=120_000)
            seen.page.wait_for_selector("#chart-creators[data-drawn=chart]", timeout=120_000)
            rows = seen.page.locator("#pulse b").nth(2).inner_text()
            call(data, "run", *RUN, "--run-id", "real")  # complete: adds nothing
            assert int(rows.replace(",", "")) > 1000
            assert "rows/s" in seen.page.locator("#pulse").inner_text()
            assert seen.page.locator("#notice").is_hidden()
            assert seen.complaints == []
            assert seen.foreign_requests(address) == []
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 128 + signal.SIGTERM
            seen.page.wait_for_selector("#notice.problem:visible", timeout=60_000)
    finally:
        process.kill()
        _, complaints = process.communicate()
    assert complaints == ""


def test_the_report_of_a_real_run(browser: "Browser", data: Path, tmp_path: Path) -> None:
    """And its picture, for `make pictures`."""
    call(data, "kpi")
    call(data, "report", "--out", str(tmp_path / "real.html"))
    with look(browser) as seen:
        seen.go((tmp_path / "real.html").as_uri())
        assert set(seen.drawn()) == CHARTS
        assert json.loads(seen.page.locator("#content").text_content() or "")["run_id"] == "real"
        assert seen.complaints == []
        if place := os.environ.get("SOCIALSIM_PICTURES"):
            seen.page.screenshot(path=Path(place) / "report.png", full_page=True)
