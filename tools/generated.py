"""How the data modules under ``src/socialsim/domain/population/data`` are written: lines of text as lines of Python."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).parents[1] / "src/socialsim/domain/population/data"
_WIDTH: Final = 84  # of a literal; with indentation and quotes a line ends before column 100


def literals(parts: Iterable[str], separator: str, indent: str) -> Iterator[str]:
    """``separator.join(parts)`` as string literals that Python joins, a line each, cut behind separators."""
    line = ""
    for part in parts:
        if line and len(line) + len(separator) + len(part) > _WIDTH:
            yield f'{indent}"{line}{separator}"'
            line = part
        else:
            line = f"{line}{separator}{part}" if line else part
    yield f'{indent}"{line}"'
