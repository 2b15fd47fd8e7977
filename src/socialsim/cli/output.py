"""Results on stdout: text for people in the stream's encoding, data for programs in UTF-8."""

import sys
from collections.abc import Sequence

from socialsim.cli.streams import silence_stdout
from socialsim.errors import OutputError

Cell = str | int


def show(text: str) -> None:
    """Write one or more lines for people. Raises OutputError."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise _unwritable(error) from error


def show_data(data: str | bytes) -> None:
    """Write one or more lines for programs in UTF-8, whatever the locale. Raises OutputError."""
    show_bytes((data.encode() if isinstance(data, str) else data) + b"\n")


def show_bytes(data: bytes) -> None:
    """Write bytes to stdout unchanged. Raises OutputError."""
    raw = getattr(sys.stdout, "buffer", None)
    try:
        if raw is None:  # a caller has replaced stdout by a text stream
            sys.stdout.write(data.decode())
            return
        sys.stdout.flush()
        raw.write(data)
        raw.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError | ValueError) -> OutputError:
    silence_stdout()
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return OutputError(f"standard output cannot be written: {reason}")


def table(headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Aligned columns: text to the left, numbers to the right with thousands separators."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(headers), *cells]) for i in range(len(headers))]
    numeric = [bool(rows) and all(isinstance(row[i], int) for row in rows) for i in range(len(headers))]

    def line(values: Sequence[str]) -> str:
        parts = [
            value.rjust(width) if right else value.ljust(width)
            for value, width, right in zip(values, widths, numeric, strict=True)
        ]
        return "  ".join(parts).rstrip()

    return "\n".join([line(headers), "  ".join("-" * width for width in widths), *map(line, cells)])
