"""One HTML file that asks nobody for anything: style, scripts, chart library and content are all inside.

The Content-Security-Policy names each script and the style by its hash, so nothing that a name or a caption might
smuggle in would run, and nothing is fetched; ``live`` allows the page to ask its own server, and nobody else.
"""

import html
import re
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from socialsim.report.content import Content
from socialsim.report.library import Library, script_digest

_SCRIPTS: Final = ("charts.js", "page.js", "live.js")
_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")
#: Inside a script element only these could end it, or begin a comment; as escapes they mean the same to JSON.
_ESCAPES: Final = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})
#: The library makes one empty style element and fills it rule by rule, which the hash of nothing allows.
_EMPTY_DIGEST: Final = script_digest(b"")


def embed_json(value: object) -> str:
    """``value`` as JSON that may stand in a script element, whatever texts are in it."""
    return msgspec.json.encode(value).decode().translate(_ESCAPES)


@cache
def _asset(name: str) -> str:
    return (files("socialsim.report") / "assets" / name).read_text(encoding="utf-8")


def _script() -> str:
    return "\n".join(_asset(name) for name in _SCRIPTS)


def policy(library: Library, *, live: bool) -> str:
    """The Content-Security-Policy of the page."""
    rules = {
        "default-src": ["'none'"],
        "script-src": [f"'{script_digest(_script().encode())}'", f"'{library.digest}'"],
        "style-src": [f"'{script_digest(_asset('page.css').encode())}'", f"'{_EMPTY_DIGEST}'"],
        "img-src": ["data:"],
        "connect-src": ["'self'" if live else "'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in rules.items())


def render(content: Content, library: Library, *, live: bool = False) -> str:
    """The whole page."""
    parts = {
        "live": " data-live" if live else "",
        "policy": html.escape(policy(library, live=live), quote=True).replace("&#x27;", "'"),
        "title": html.escape(f"socialsim · {content.run_id}"),
        "style": _asset("page.css"),
        "content": embed_json(content),
        "library": library.packed,
        "script": _script(),
    }
    # One pass: what one part contains is never taken for the place of another.
    return _PLACE.sub(lambda match: parts[match[1]], _asset("page.html"))
