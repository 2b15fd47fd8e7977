"""A real Chromium, watched: whatever it complains of or asks for is kept."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 120_000

Scheme = Literal["light", "dark"]


@dataclass
class Watched:
    """A page and what it did."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def go(self, url: str) -> None:
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready=yes]", timeout=PATIENCE_MS)

    def drawn(self) -> dict[str, str]:
        """Each chart, and whether it was drawn or had nothing to show."""
        figures = self.page.locator("figure").all()
        return {str(each.get_attribute("id")): str(each.get_attribute("data-drawn")) for each in figures}

    def foreign_requests(self, own: str) -> list[str]:
        return [url for url in self.requests if not url.startswith((own, "data:", "blob:"))]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's browser, with a fresh profile."""
    program = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    assert program, "there is no Chromium; see make test-bi"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watching(browser: Browser, *, scheme: Scheme = "light", width: int = 1320, height: int = 900) -> Iterator[Watched]:
    """A new page in a context of its own."""
    context = browser.new_context(
        color_scheme=scheme,
        viewport={"width": width, "height": height},
        has_touch=width < 600,
    )
    try:
        watched = Watched(context.new_page())
        watched.page.on("console", lambda message: watched.complaints.append(f"{message.type}: {message.text}"))
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.on("request", lambda request: watched.requests.append(request.url))
        yield watched
    finally:
        context.close()
