"""The HTML of the page: no text in it can become a script, and it makes no requests."""

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from socialsim.errors import InputError
from socialsim.installation import how_to_add
from socialsim.report.build import build_content
from socialsim.report.html import embed_json, policy, render
from socialsim.report.plotly_js import load_plotly_js, pack
from socialsim.report.rows import KpiRows
from tests.report.rows import HOSTILE, kpi_rows

LIBRARY = pack(b"globalThis.Plotly = {};\n")

Attributes = dict[str, str | None]
#: The type of a script or style, and what is in it.
Text = tuple[str | None, str]


class Elements(HTMLParser):
    """Collects the elements of a page with attributes, and the texts of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Attributes]] = []
        self.scripts: list[Text] = []
        self.styles: list[Text] = []
        self._text: tuple[list[Text], Attributes] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._text = (self.scripts if tag == "script" else self.styles, dict(attrs))

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            place, attributes = self._text
            place.append((attributes.get("type"), data))

    def handle_endtag(self, tag: str) -> None:
        self._text = None


def sha256(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


@pytest.mark.parametrize("text", [HOSTILE, "<!--<script>", "]]>", "\u2028\u2029", "{{script}}", "\\u003c/script>"])
def test_no_text_can_change_the_structure_of_the_page(text: str) -> None:
    content = build_content(kpi_rows(10, name=text))
    page = Elements(render(content, LIBRARY))
    assert [tag for tag, _ in page.tags].count("script") == 3
    assert "img" not in [tag for tag, _ in page.tags]
    (embedded,) = [data for kind, data in page.scripts if kind == "application/json"]
    assert json.loads(embedded)["creators"][0]["name"] == text


def test_embedded_json_has_no_characters_with_a_meaning_in_html() -> None:
    text = embed_json({"a": HOSTILE + "\u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": HOSTILE + "\u2028"}


def test_the_policy_allows_exactly_the_scripts_and_styles_of_the_page() -> None:
    page = Elements(render(build_content(kpi_rows(10)), LIBRARY))
    (given,) = [a["content"] or "" for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in given.split(";"))
    (script,) = [data for kind, data in page.scripts if kind is None]
    ((_, style),) = page.styles
    assert given == policy(LIBRARY, live=False)
    assert rules["default-src"] == rules["connect-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["script-src"].split() == [sha256(script), sha256("globalThis.Plotly = {};\n")]
    assert rules["style-src"].split() == [sha256(style), sha256("")]
    assert "unsafe" not in given
    assert "'self'" not in given
    assert "connect-src 'self'" in policy(LIBRARY, live=True)


def test_the_page_refers_to_no_other_resource() -> None:
    page = Elements(render(build_content(kpi_rows(10)), LIBRARY))
    addresses = [
        v or "" for _, a in page.tags for k, v in a.items() if k in ("src", "href", "action", "srcset", "style")
    ]
    assert sorted(addresses) == ["#charts", "data:,"]
    assert not [name for _, a in page.tags for name in a if name.startswith("on")]


def test_the_packed_library_unpacks_to_the_same_bytes() -> None:
    assert gzip.decompress(base64.b64decode(LIBRARY.packed)) == b"globalThis.Plotly = {};\n"
    assert pack(b"x") == pack(b"x")


def test_a_missing_library_is_reported_with_the_install_command() -> None:
    with pytest.raises(InputError, match=re.escape(f"not installed; run: {how_to_add('report')}")):
        load_plotly_js("a_package_that_nobody_has")


@pytest.mark.parametrize("name", ["base.js", "charts.js", "page.js", "live.js"])
def test_our_scripts_create_elements_and_never_parse_html(name: str) -> None:
    text = (files("socialsim.report") / "assets" / name).read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text)
    assert "</script" not in text
    assert "<!--" not in text


def test_empty_and_live_pages_are_complete() -> None:
    page = render(build_content(KpiRows("<run>")), LIBRARY, live=True)
    assert "{{" not in page.replace("{{live}}", "")
    assert '<html lang="en" data-live>' in page
    assert "<title>socialsim · &lt;run&gt;</title>" in page
