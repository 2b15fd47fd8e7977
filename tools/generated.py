"""Formats text as Python literals for ``src/socialsim/domain/population/data``."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).parents[1] / "src/socialsim/domain/population/data"
_WIDTH: Final = 84  # width of a literal; with indentation and quotes lines end before column 100


def literals(parts: Iterable[str], separator: str, indent: str) -> Iterator[str]:
    """``separator.join(parts)`` as string literals, one per line, split after separators."""
    line = ""
    for part in parts:
        if line and len(line) + len(separator) + len(part) > _WIDTH:
            yield f'{indent}"{line}{separator}"'
            line = part
        else:
            line = f"{line}{separator}{part}" if line else part
    yield f'{indent}"{line}"'
