"""One HTML file that makes no requests: style, scripts, chart library and content are inline.

The Content-Security-Policy allows each script and the style by its hash, so nothing smuggled in by
a name or a caption would run, and nothing is fetched. ``live`` allows requests to the page's own
server only.
"""

import html
import re
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import msgspec

from socialsim.report.content import PageContent
from socialsim.report.plotly_js import PlotlyJs, script_digest

_SCRIPTS: Final = ("base.js", "charts.js", "page.js", "live.js")
_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}")
#: Only these could end a script element or begin a comment in it. Escaped, they mean the same in
#: JSON.
_ESCAPES: Final = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})
#: The library creates one empty style element and adds rules to it, which the hash of empty text
#: allows.
_EMPTY_DIGEST: Final = script_digest(b"")


def embed_json(value: object) -> str:
    """``value`` as JSON that is safe inside a script element, whatever texts it contains."""
    return msgspec.json.encode(value).decode().translate(_ESCAPES)


class Parts(NamedTuple):
    """What all pages of a kind share: the HTML with placeholders, the style and the script."""

    page: str
    style: str
    script: str


@cache
def asset(name: str) -> str:
    """The text of a file in this package's assets."""
    return (files("socialsim.report") / "assets" / name).read_text(encoding="utf-8")


@cache
def _parts() -> Parts:
    return Parts(asset("page.html"), asset("page.css"), "\n".join(map(asset, _SCRIPTS)))


def policy(library: PlotlyJs, *, live: bool, parts: Parts | None = None) -> str:
    """The Content-Security-Policy of the page."""
    chosen = parts or _parts()
    rules = {
        "default-src": ["'none'"],
        "script-src": [f"'{script_digest(chosen.script.encode())}'", f"'{library.digest}'"],
        "style-src": [f"'{script_digest(chosen.style.encode())}'", f"'{_EMPTY_DIGEST}'"],
        "img-src": ["data:"],
        "connect-src": ["'self'" if live else "'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in rules.items())


def render(content: PageContent, library: PlotlyJs, *, live: bool = False) -> str:
    """The page of a run's KPIs."""
    return assemble(_parts(), f"socialsim · {content.run_id}", content, library, live=live)


def assemble(parts: Parts, title: str, content: object, library: PlotlyJs, *, live: bool = False) -> str:
    """A page of any kind with its ``content``, which the script reads as JSON."""
    values = {
        "live": " data-live" if live else "",
        "policy": html.escape(policy(library, live=live, parts=parts), quote=True).replace("&#x27;", "'"),
        "title": html.escape(title),
        "style": parts.style,
        "content": embed_json(content),
        "library": library.packed,
        "script": parts.script,
    }
    # A single pass: a placeholder inside a value is never expanded.
    return _PLACEHOLDER.sub(lambda match: values[match[1]], parts.page)
