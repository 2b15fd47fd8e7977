"""A validation as one HTML file that makes no requests; see socialsim.report.html."""

from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from socialsim.realism.charts import Charts
from socialsim.realism.text import baseline_line, seed_lines, subject, verdict_line
from socialsim.realism.validation import Validation
from socialsim.report.html import Parts, assemble, asset
from socialsim.report.plotly_js import PlotlyJs

_SCRIPTS: Final = ("charts.js", "page.js")


class _Content(msgspec.Struct, frozen=True):
    """What the page's script reads."""

    validation: Validation
    lines: list[str]  #: about the runs and their results
    charts: Charts


@cache
def _own(name: str) -> str:
    return (files("socialsim.realism") / "assets" / name).read_text(encoding="utf-8")


@cache
def _parts() -> Parts:
    script = "\n".join([asset("base.js"), *map(_own, _SCRIPTS)])
    return Parts(_own("page.html"), asset("page.css") + _own("page.css"), script)


def render(validation: Validation, charts: Charts, library: PlotlyJs) -> str:
    """The page as HTML."""
    baseline = validation.baseline
    lines = [
        subject("run", validation.run),
        *([] if baseline is None else [subject("baseline", baseline), baseline_line(validation)]),
        *seed_lines(validation),
        verdict_line(validation),
    ]
    content = _Content(validation, lines, charts)
    return assemble(_parts(), f"socialsim · realism of {validation.run.run_id}", content, library)
