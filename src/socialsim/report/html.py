"""One HTML file that asks nobody for anything: style, scripts, chart library and content are all inside.

The PageContent-Security-Policy names each script and the style by its hash, so nothing that a name or a caption might
smuggle in would run, and nothing is fetched; ``live`` allows the page to ask its own server, and nobody else.
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
_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")
#: Inside a script element only these could end it, or begin a comment; as escapes they mean the same to JSON.
_ESCAPES: Final = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})
#: The library makes one empty style element and fills it rule by rule, which the hash of nothing allows.
_EMPTY_DIGEST: Final = script_digest(b"")


def embed_json(value: object) -> str:
    """``value`` as JSON that may stand in a script element, whatever texts are in it."""
    return msgspec.json.encode(value).decode().translate(_ESCAPES)


class Parts(NamedTuple):
    """What every page of a kind has in common: its HTML with the places of the rest, its style and its script."""

    page: str
    style: str
    script: str


@cache
def asset(name: str) -> str:
    """The text of one of the files beside this module."""
    return (files("socialsim.report") / "assets" / name).read_text(encoding="utf-8")


@cache
def _parts() -> Parts:
    return Parts(asset("page.html"), asset("page.css"), "\n".join(map(asset, _SCRIPTS)))


def policy(library: PlotlyJs, *, live: bool, parts: Parts | None = None) -> str:
    """The PageContent-Security-Policy of the page."""
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
    """The whole page of a run's KPIs."""
    return assemble(_parts(), f"socialsim · {content.run_id}", content, library, live=live)


def assemble(parts: Parts, title: str, content: object, library: PlotlyJs, *, live: bool = False) -> str:
    """A whole page of any kind around its ``content``, which the script finds as JSON."""
    values = {
        "live": " data-live" if live else "",
        "policy": html.escape(policy(library, live=live, parts=parts), quote=True).replace("&#x27;", "'"),
        "title": html.escape(title),
        "style": parts.style,
        "content": embed_json(content),
        "library": library.packed,
        "script": parts.script,
    }
    # One pass: what one part contains is never taken for the place of another.
    return _PLACE.sub(lambda match: values[match[1]], parts.page)
