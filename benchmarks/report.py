"""Prints measurements: conditions, medians of interleaved rounds, and ratios."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path


def conditions(*packages: str) -> str:
    """One line with processor, cores, Python and the versions of ``packages``."""
    versions = " · ".join(f"{package} {version(package)}" for package in packages)
    return (
        f"{_cpu_model()}, {os.cpu_count()} cores · load {os.getloadavg()[0]:.1f} · {platform.system()} · "
        f"{platform.python_implementation()} {platform.python_version()} · {versions}"
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table: first column left-aligned, the others right-aligned."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    rule = [("-" * width if i == 0 else "-" * (width - 1) + ":") for i, width in enumerate(widths)]
    print(f"\n{title}\n")
    for row in (head, rule, *rows):
        cells = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print(f"| {' | '.join(cells)} |")
    print()
