"""What a real browser sees of Superset, and what Superset answered it."""

import json
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, FloatRect, Page, Request, Response

from tests.bi.browser import PATIENCE_MS

#: What of a chart is only there when its library has drawn marks.
MARKS = "canvas, path.datamaps-subunit"
#: What Superset shows instead of a chart.
FAILURES = "[role=alert], .ant-alert-error, .ant-empty, .missing-chart-container"


@dataclass
class Dashboard:
    """A page of Superset's, with every request and complaint that it made."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)

    @classmethod
    def in_window(cls, browser: Browser, url: str, *, width: int = 1600, height: int = 3150) -> "Dashboard":
        """A window high enough for all of it: Superset draws what is in sight."""
        seen = cls(browser.new_context(viewport={"width": width, "height": height}).new_page(), url)
        seen.page.set_default_timeout(PATIENCE_MS)
        seen.page.on("console", lambda message: seen.complaints.append(f"{message.type}: {message.text}"))
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.on("request", lambda request: seen.requests.append(request))  # noqa: PLW0108 - it marks what it calls
        seen.page.on("response", lambda answer: seen.answers.append(answer))  # noqa: PLW0108
        return seen

    def close(self) -> None:
        self.page.context.close()

    def log_in(self, password: str) -> None:
        """As the administrator, by the form; whether it succeeded is to be looked at."""
        page = self.page
        page.goto(f"{self.url}/login/")
        page.fill("[data-test=username-input]", "admin")
        page.fill("[data-test=password-input]", password)
        with page.expect_response(lambda answer: answer.request.method == "POST" and "/login" in answer.url):
            page.press("[data-test=password-input]", "Enter")
        page.wait_for_load_state("load")

    def open(self, charts: int) -> None:
        """The dashboard, until every chart is drawn or has failed."""
        self.page.goto(f"{self.url}/superset/dashboard/socialsim/")
        self.page.wait_for_function(
            """([charts, ends]) => {
                const slices = [...document.querySelectorAll(".chart-slice")];
                const loads = "[data-test=loading-indicator]";
                const done = slices.filter(each => each.querySelector(ends) && !each.querySelector(loads));
                return slices.length === charts && done.length === charts;
            }""",
            arg=[charts, f"{MARKS}, {FAILURES}"],
        )
        self.page.wait_for_load_state("networkidle")
        self.still()

    def still(self) -> bytes:
        """A picture of the page, once nothing moves any more: charts grow into place."""
        bottom = self.page.locator(".grid-container").bounding_box()
        assert bottom is not None
        viewport = self.page.viewport_size
        assert viewport is not None
        height = min(viewport["height"], bottom["y"] + bottom["height"] + 8)
        clip: FloatRect = {"x": 0, "y": 0, "width": viewport["width"], "height": height}
        now: bytes
        before = b""
        while (now := self.page.screenshot(clip=clip)) != before:
            before = now
            self.page.wait_for_timeout(500)
        return now

    def drawn(self) -> dict[str, bool]:
        """Each chart by its title, and whether it has marks and no failure."""
        found = {}
        for slice_ in self.page.locator(".chart-slice").all():
            name = str(slice_.get_attribute("data-test-chart-name"))
            found[name] = slice_.locator(MARKS).count() > 0 and slice_.locator(FAILURES).count() == 0
        return found

    def queries(self) -> dict[int, tuple[dict[str, Any], dict[str, Any]]]:
        """The last question and answer of each chart, by the chart's number."""
        found = {}
        for answer in self.answers:
            if "/api/v1/chart/data" in answer.url and answer.request.method == "POST":
                asked = json.loads(answer.request.post_data or "{}")
                if number := asked.get("form_data", {}).get(
                    "slice_id"
                ):  # what there is to choose from is asked for too
                    found[int(number)] = (asked, answer.json()["result"][0])
        return found

    def went_out(self) -> list[str]:
        """Requests to anybody but Superset that the browser did not refuse to make."""
        own = (self.url, "data:", "blob:")
        return [each.url for each in self.requests if not each.url.startswith(own) and each.failure != "csp"]

    def call(self, method: str, path: str, **body: Any) -> tuple[int, Any]:
        """Superset's own interface, as the page calls it: the answer's status and its JSON."""
        request = self.page.request
        token = request.get(f"{self.url}/api/v1/security/csrf_token/").json()["result"]
        headers = {"X-CSRFToken": token, "Referer": self.url}
        answer = request.fetch(f"{self.url}{path}", method=method, data=body or None, headers=headers)
        return answer.status, answer.json()
