"""Files, folders and tests that the pages name exist."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Pages about the source. (Guides name files of their readers, generated pages are compared with
#: the code.)
PAGES = (
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/reliability.md",
    "docs/security.md",
    "docs/verification.md",
    "docs/realism.md",
)
#: What these pages name that is not in the repository: files that a run writes.
WRITTEN = ("run.json", "kpis.json", "verification.json", "socialsim-data/")

_CODE = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"[\w./-]*(?:\.(?:py|md|toml|yml|sh|sql|js|json|txt|in|lock)|\w/)")
_TEST = re.compile(r"test_\w+")


def repository() -> list[str]:
    """Every tracked file, with a slash in front of its path."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    return [f"/{name}" for name in listed.stdout.decode().splitlines()]


def exists(named: str, files: Sequence[str]) -> bool:
    """Whether a file's path ends with ``named``, or passes through it if it is a folder, or a
    module of tests has it.
    """
    if named.endswith("/"):
        return any(f"/{named}" in path for path in files)
    return any(path.endswith((f"/{named}", f"/{named}.py")) for path in files)


def names(text: str) -> Iterator[tuple[int, str]]:
    """Lines and names of files, folders and modules of tests in ``text``, outside of code blocks."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("```"):
            fenced = not fenced
        for code in () if fenced else _CODE.findall(line):
            if (_FILE.fullmatch(code) or _TEST.fullmatch(code)) and not code.startswith(WRITTEN):
                yield number, code


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page: str) -> None:
    files = repository()
    found = list(names((ROOT / page).read_text(encoding="utf-8")))
    assert found
    missing = [f"{page}:{number}: {name}" for number, name in found if not exists(name, files)]
    assert not missing, "\n" + "\n".join(missing)


@pytest.mark.parametrize("gone", ["kernel/gone.py", "analytics/", "test_extent_of_nothing", "tests/test_extent.py"])
def test_a_name_without_its_file_is_found(gone: str) -> None:
    assert list(names(f"see `{gone}`")) == [(1, gone)]
    assert not exists(gone, repository())
