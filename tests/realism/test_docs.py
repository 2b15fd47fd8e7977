"""``docs/realism.md`` agrees with the declared table."""

from pathlib import Path

from socialsim.realism.bands import STATISTICS, Band
from socialsim.realism.text import number

DOCUMENT = Path(__file__).parents[2] / "docs" / "realism.md"


def band_text(band: Band) -> str:
    bounds = "shown" if band.low is None else f"{number(band.low, band.unit)} … {number(band.high, band.unit)}"
    way = f", for {band.way}" if band.way else ""
    return f"{band.title}{way}: {bounds}"


def table() -> str:
    """The table in the document."""
    lines = ["| id | published | source | figures and bands | use |", "|---|---|---|---|---|"]
    for each in STATISTICS:
        bands = "; ".join(map(band_text, each.bands))
        only = f" (preset `{'`, `'.join(each.presets)}`)" if each.presets else ""
        lines.append(
            f"| `{each.id}` | {each.published} | {each.source} ({each.evidence}) | {bands} | {each.use}{only} |"
        )
    return "\n".join(lines)


def test_the_table_in_the_document_is_current() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    missing = [line for line in table().splitlines() if line not in text]
    assert not missing, "docs/realism.md should have:\n" + "\n".join(missing)
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(STATISTICS)
