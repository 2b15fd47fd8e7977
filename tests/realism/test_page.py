"""The page and the table: complete, and no text in them can become a script."""

import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest
from msgspec import structs

from socialsim.realism.bands import STATISTICS
from socialsim.realism.charts import Charts, make_charts
from socialsim.realism.judge import judge
from socialsim.realism.measure import measure
from socialsim.realism.outcome import Measurement
from socialsim.realism.page import render
from socialsim.realism.text import headers, number, rows, seed_lines, verdict_line
from socialsim.realism.validation import Subject, Validation, make_validation
from socialsim.realism.view import AnalysisView
from socialsim.report.plotly_js import pack
from tests.realism.runs import run_of, uniform_view

LIBRARY = pack(b"globalThis.Plotly = {};\n")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
RUN = Subject(run_id="r1", source="file:x", events=1, users=2, days=3)


class Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str, str]] = []
        self._kind: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._kind = dict(attrs).get("type", "script") if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        self._kind = None

    def handle_data(self, data: str) -> None:
        if self._kind:
            self.scripts.append((self._kind, data))


@pytest.fixture(scope="module")
def validation() -> Validation:
    outcomes = measure(uniform_view())
    seed = dict.fromkeys(outcomes, Measurement({}, reason="too small")) | {"countries": Measurement({"tv": 0.01})}
    other = structs.replace(RUN, run_id="r2", seed=4)
    return make_validation(RUN, judge(outcomes, outcomes, [seed], None), baseline=RUN, seeds=[other])


@pytest.fixture(scope="module")
def charts() -> Charts:
    return make_charts(uniform_view(), uniform_view())


def content_of(page: str) -> Any:
    (embedded,) = [data for kind, data in Elements(page).scripts if kind == "application/json"]
    return json.loads(embedded)


def test_no_text_can_change_the_structure_of_the_page(validation: Validation, charts: Charts) -> None:
    hostile = structs.replace(validation, run=structs.replace(RUN, run_id=HOSTILE))
    page = render(hostile, charts, LIBRARY)
    tags = [tag for tag, _ in Elements(page).tags]
    assert tags.count("script") == 3
    assert "img" not in tags
    assert content_of(page)["validation"]["run"]["run_id"] == HOSTILE


def test_the_page_refers_to_no_other_resource(validation: Validation, charts: Charts) -> None:
    page = render(validation, charts, LIBRARY)
    assert "{{" not in page
    (policy,) = [attrs["content"] or "" for tag, attrs in Elements(page).tags if attrs.get("http-equiv")]
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    assert not [
        attrs for tag, attrs in Elements(page).tags if "src" in attrs or (attrs.get("href") or "#")[0] not in "#d"
    ]
    assert "http://" not in re.sub(r"http://www\.w3\.org/\S+", "", page)


def test_the_page_has_each_statistic_with_its_use_and_every_chart(validation: Validation, charts: Charts) -> None:
    content = content_of(render(validation, charts, LIBRARY))
    assert [each["id"] for each in content["validation"]["statistics"]] == [each.id for each in STATISTICS]
    assert {each["use"] for each in content["validation"]["statistics"]} == {"calibrated", "held out"}
    kinds = {name: [curve["kind"] for curve in curves] for name, curves in content["charts"].items() if name != "week"}
    assert set(kinds) == {"degree", "likes", "clustering", "retention", "gaps"}
    assert all({"run", "baseline"} <= set(each) for each in kinds.values())
    assert kinds["degree"].count("published") == 1
    assert kinds["likes"].count("fit") == 2
    assert len(content["charts"]["week"]) == 8
    for week in content["charts"]["week"]:
        assert sum(week["shares"]) == pytest.approx(1, abs=0.01)


def test_survival_curves_decrease(charts: Charts) -> None:
    for curves in (charts.degree, charts.likes):
        for curve in curves:
            shares = [share for share in curve.y if share is not None]
            assert shares == sorted(shares, reverse=True)
            assert len(curve.x) == len(curve.y)


def test_an_empty_run_has_a_page() -> None:
    view = AnalysisView(run_of(1, {}))
    page = render(make_validation(RUN, judge(measure(view), None, [], None)), make_charts(view, None), LIBRARY)
    assert content_of(page)["charts"]["week"] == []


def test_the_table_has_one_row_per_value(validation: Validation) -> None:
    lines = list(rows(validation))
    assert len(lines) == sum(len(each.bands) for each in STATISTICS)
    assert {len(line) for line in lines} == {len(headers(validation))}
    named = [line[0] for line in lines if line[0]]
    assert named == [each.id for each in STATISTICS]


def test_failing_statistics_are_named(validation: Validation) -> None:
    line = verdict_line(validation)
    assert line.startswith(f"{validation.passed} of 25 pass")
    assert "failing: degree_distribution, " in line
    (seed,) = seed_lines(validation)
    assert seed == "seed 4: 1 pass, 0 warn, 0 fail, 24 n/a"
    assert not validation.ok


def test_a_validation_without_verdicts_is_not_ok() -> None:
    nothing = make_validation(RUN, judge({"countries": Measurement({}, reason="too small")}, None, [], None))
    assert not nothing.failed
    assert not nothing.ok


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "", "-"),
        (0.1234, "share", "12.3 %"),
        (1.5, "hours", "1.5 h"),
        (1234.56, "", "1,234.6"),
        (0.01234, "", "0.0123"),
    ],
)
def test_numbers_have_three_significant_digits(value: float | None, unit: str, text: str) -> None:
    assert number(value, unit) == text


@pytest.mark.parametrize("name", ["charts.js", "page.js"])
def test_our_scripts_create_elements_and_never_parse_html(name: str) -> None:
    text = (files("socialsim.realism") / "assets" / name).read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text)
    assert "</script" not in text
    assert "<!--" not in text
