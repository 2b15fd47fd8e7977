"""The locked dependencies are those that pyproject.toml asks for, and every list says the same."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
UV: Final = str(Path(sys.executable).with_name("uv"))
LOCK: Final[dict[str, Any]] = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def name_of(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return found[0].lower().replace("_", "-")


def normal(requirement: str) -> tuple[str, frozenset[str]]:
    """Name and bounds, in any order."""
    bounds = requirement.partition(";")[0].removeprefix(re.match(r"[\w.-]+", requirement)[0])  # type: ignore[index]
    return name_of(requirement), frozenset(bound.strip() for bound in bounds.split(",") if bound.strip())


def test_the_lock_is_of_todays_pyproject() -> None:
    (ours,) = (each for each in LOCK["package"] if each["name"] == "socialsim")
    locked = {
        (each["name"], frozenset(bound for bound in each.get("specifier", "").split(",") if bound))
        for each in ours["metadata"]["requires-dist"]
    }
    project = PROJECT["project"]
    asked = [*project["dependencies"], *(each for group in project["optional-dependencies"].values() for each in group)]
    assert {normal(each) for each in asked} == locked
    assert set(ours["metadata"]["requires-dev"]) == set(PROJECT["dependency-groups"])
    assert LOCK["requires-python"] == project["requires-python"]


def test_the_lock_names_no_index_but_the_public_one() -> None:
    text = (ROOT / "uv.lock").read_text(encoding="utf-8")
    assert set(re.findall(r'https?://([^/"]+)', text)) == {"pypi.org", "files.pythonhosted.org"}
    for path in (ROOT / "requirements").iterdir():
        assert not re.search(r"^--(?:extra-)?index-url|^--find-links", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    ("path", "options"),
    [("run.txt", ["--no-default-groups", "--extra", "report"]), ("uv.txt", ["--only-group", "uv"])],
)
def test_what_is_exported_is_what_is_locked(path: str, options: list[str]) -> None:
    export = [UV, "export", "--quiet", "--frozen", "--offline", "--no-emit-project", "--no-header", *options]
    done = subprocess.run(export, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == (ROOT / "requirements" / path).read_text(encoding="utf-8"), "run: make lock"
