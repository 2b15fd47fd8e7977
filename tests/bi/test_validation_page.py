"""The validation's page in a real Chromium, with the real chart library."""

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from socialsim.realism.charts import make_charts
from socialsim.realism.judge import judge
from socialsim.realism.measure import measure
from socialsim.realism.page import render
from socialsim.realism.validation import Subject, make_validation
from socialsim.realism.view import AnalysisView
from tests.cli.conftest import COMMAND, clean_environment
from tests.realism.runs import run_of, uniform_view

if TYPE_CHECKING:  # the browser's driver has an environment of its own: make test-bi
    from playwright.sync_api import Browser

    from tests.bi.browser import Scheme, Watched

pytestmark = pytest.mark.bi

CHARTS = {f"chart-{name}" for name in ("degree", "likes", "clustering", "gaps", "retention", "week")}
#: What of a chart is only there when the library has drawn marks.
MARKS = ".scatterlayer .trace path, .heatmaplayer image"
#: Writes the page of a view, beside a baseline or alone, and gives its address.
Written = Callable[..., str]
RUN = Subject(run_id="r1", source="file:x", events=1, users=2, days=3)
#: What the picture shows is simulated for it, see `make pictures`.
SIZE = shlex.split(os.environ.get("SOCIALSIM_PICTURES_RUN") or "--users 150 --days 16")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    from tests.bi.browser import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture
def written(tmp_path: Path) -> Written:
    from socialsim.report.plotly_js import load_plotly_js

    def write(view: AnalysisView, baseline: AnalysisView | None = None) -> str:
        outcomes = measure(view)
        other = None if baseline is None else outcomes
        seen = None if baseline is None else RUN
        validation = make_validation(RUN, judge(outcomes, other, [], None), baseline=seen)
        path = tmp_path / "validation.html"
        path.write_text(render(validation, make_charts(view, baseline), load_plotly_js()), encoding="utf-8")
        return path.as_uri()

    return write


def look(browser: "Browser", *, scheme: "Scheme" = "light", width: int = 1320) -> AbstractContextManager["Watched"]:
    from tests.bi.browser import watching

    return watching(browser, scheme=scheme, width=width)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1320), ("dark", 1320), ("light", 390)])
def test_every_chart_is_drawn_without_a_complaint_or_a_request(
    browser: "Browser", written: Written, scheme: "Scheme", width: int
) -> None:
    address = written(uniform_view(), uniform_view())
    with look(browser, scheme=scheme, width=width) as seen:
        seen.go(address)
        assert seen.drawn() == dict.fromkeys(CHARTS, "chart")
        for name in CHARTS:
            assert seen.page.locator(f"#{name} :is({MARKS})").count() > 0, name
        assert seen.complaints == []
        assert seen.foreign_requests("file:") == []
        assert seen.page.locator("#rows tbody tr[id]").count() == 24
        assert seen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_chart_is_there_as_a_table_too(browser: "Browser", written: Written) -> None:
    address = written(uniform_view())
    with look(browser) as seen:
        seen.go(address)
        seen.page.locator("#chart-week summary").click()
        assert seen.page.locator("#chart-week tbody tr").count() == 168
        assert seen.complaints == []


def test_a_run_without_anything_says_so(browser: "Browser", written: Written) -> None:
    address = written(AnalysisView(run_of(1, {})))
    with look(browser) as seen:
        seen.go(address)
        assert seen.drawn() == dict.fromkeys(CHARTS, "empty")
        assert seen.complaints == []


def test_the_validation_of_a_real_run_beside_the_baseline(browser: "Browser", tmp_path: Path) -> None:
    """And its picture, for `make pictures`."""

    def call(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*COMMAND, "--quiet", *arguments], cwd=tmp_path, env=clean_environment(), capture_output=True, check=False
        )

    for preset in ("mature", "uniform"):
        assert call("run", "--preset", preset, *SIZE, "--run-id", preset, "--to", f"file:{preset}").returncode == 0
    page = ("--baseline", "file:uniform", "--page", "page.html")
    done = call("validate", "--from", "file:mature", *page)
    assert done.returncode in {0, 1}, done.stderr  # a small network need not pass
    with look(browser) as seen:
        seen.go((tmp_path / "page.html").as_uri())
        assert set(seen.drawn()) == CHARTS
        validation = json.loads(seen.page.locator("#content").text_content() or "")["validation"]
        assert (validation["run"]["run_id"], validation["baseline"]["run_id"]) == ("mature", "uniform")
        assert seen.complaints == []
        assert seen.foreign_requests("file:") == []
        if place := os.environ.get("SOCIALSIM_PICTURES"):
            seen.page.screenshot(path=Path(place) / "realism.png", full_page=True)
