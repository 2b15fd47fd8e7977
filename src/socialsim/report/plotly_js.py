"""The chart library from the optional extra ``report``: Plotly's Python package contains its
JavaScript.
"""

import base64
import gzip
import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from socialsim.errors import InputError
from socialsim.installation import how_to_add

_BUNDLE: Final = Path("package_data") / "plotly.min.js"


@dataclass(frozen=True, slots=True)
class PlotlyJs:
    """``packed`` is the script, gzipped, in base64; ``digest`` is its hash for a
    Content-Security-Policy.
    """

    packed: str
    digest: str


def pack(script: bytes) -> PlotlyJs:
    """Compress the script to a third; the same bytes give the same text."""
    packed = base64.b64encode(gzip.compress(script, mtime=0)).decode()
    return PlotlyJs(packed, script_digest(script))


def script_digest(script: bytes) -> str:
    """The hash as in ``script-src 'sha256-...'``, without the quotes."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode()


def load_plotly_js(package: str = "plotly") -> PlotlyJs:
    """Find and pack the library. Raises InputError, which says how to install it."""
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        bundle = Path(folder) / _BUNDLE
        if bundle.is_file():
            return pack(bundle.read_bytes())
    raise InputError(f"the charts need the package plotly, which is not installed; run: {how_to_add('report')}")
