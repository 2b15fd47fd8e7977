"""Without a clone: the wheel alone, in an environment of its own and an empty directory, does what
the README shows.
"""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parents[2]
UV: Final = str(Path(sys.executable).with_name("uv"))
REPORT: Final = "socialsim-report.html"
#: What a build must not pick up: what tools and people leave in a checkout.
LITTER: Final = {"__pycache__", ".venv", ".cache", ".env", "socialsim-data", ".mypy_cache", ".ruff_cache", ".git"}


def told(*arguments: str, cwd: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SOCIALSIM_", "PYTHON"))}
    return subprocess.run(
        arguments,
        cwd=cwd,
        env=kept | ({"PATH": path} if path else {}),
        capture_output=True,
        text=True,
        check=False,
    )


def must(*arguments: str, cwd: Path) -> str:
    done = told(*arguments, cwd=cwd)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


class Built(NamedTuple):
    wheel: Path
    sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Both, the wheel from the source distribution: what is missing there is missing in the wheel,
    too.
    """
    folder = tmp_path_factory.mktemp("dist")
    must(UV, "build", "--quiet", "--out-dir", str(folder), str(ROOT), cwd=folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="module")
def environment(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of programs of an environment that has the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("environment")
    must(UV, "venv", "--quiet", "--python", sys.executable, "env", cwd=folder)
    python = str(folder / "env" / "bin" / "python")
    locked = str(ROOT / "requirements" / "run.txt")  # with the extra report, as the image has it
    must(UV, "pip", "install", "--quiet", "--python", python, "--no-deps", "--requirement", locked, cwd=folder)
    must(UV, "pip", "install", "--quiet", "--python", python, "--offline", str(built.wheel), cwd=folder)
    return folder / "env" / "bin"


@pytest.mark.slow
def test_the_wheel_has_code_data_and_migrations_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    source = ROOT / "src" / "socialsim"
    expected = {
        f"socialsim/{path.relative_to(source).as_posix()}"
        for path in source.rglob("*")
        if path.is_file() and not LITTER & set(path.parts)
    }
    migrations = ROOT / "migrations"
    expected |= {
        f"socialsim/_migrations/{path.relative_to(migrations).as_posix()}"
        for path in migrations.rglob("*")
        if path.is_file() and not LITTER & set(path.parts)
    }
    assert names == expected


@pytest.mark.slow
def test_the_source_distribution_has_what_is_tracked_and_nothing_else(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert not [name for name in names if LITTER & set(Path(name).parts)]
    if (ROOT / ".git").exists():  # a source distribution's own tests have nothing to compare with
        tracked = must("git", "ls-files", cwd=ROOT).split("\n")
        assert names == {name for name in tracked if (ROOT / name).is_file()} | {"PKG-INFO"}
    (unpacked,) = tmp_path.iterdir()
    collected = told(sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", cwd=unpacked)
    assert collected.returncode == 0, collected.stdout[-2000:]


@pytest.mark.slow
def test_in_an_empty_directory_the_readmes_commands_run(environment: Path, tmp_path: Path) -> None:
    def socialsim(*arguments: str) -> str:
        return must(str(environment / "socialsim"), *arguments, cwd=tmp_path)

    socialsim("run", "--preset", "tiny", "--run-id", "first")
    assert "dead letters  0" in socialsim("consume", "--drain")
    assert "2026-01-01" in socialsim("kpi")
    assert "all KPIs are true" in socialsim("kpi", "--check")
    socialsim("verify")
    socialsim("report")
    assert (tmp_path / REPORT).stat().st_size > 1_000_000  # the chart library is inside
    assert "first" in socialsim("runs")
    assert {path.name for path in tmp_path.iterdir()} == {"socialsim-data", REPORT}


@pytest.mark.slow
def test_a_missing_part_can_be_added_by_the_command_that_is_named(environment: Path, tmp_path: Path) -> None:
    refused = told(str(environment / "socialsim"), "validate", cwd=tmp_path)
    python = environment / "python"
    assert refused.returncode == 2
    assert refused.stderr.endswith(f"run: uv pip install --python {python} 'numpy>=2.1' 'scipy>=1.15'\n")
    named = refused.stderr.rpartition("; run: ")[2].strip()
    done = told("sh", "-c", named, cwd=tmp_path, path=f"{Path(UV).parent}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    after = told(str(environment / "socialsim"), "validate", cwd=tmp_path)
    assert "run: uv pip" not in after.stderr


@pytest.mark.slow
def test_the_types_of_the_wheel_can_be_checked(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(
        "import socialsim\n"
        "scenario = socialsim.Scenario(users=10, days=1)\n"
        "for event in socialsim.simulate(scenario):\n"
        "    reveal_type(event.user_id)\n"
        "reveal_type(socialsim.__version__)\n"
    )
    python = str(environment / "python")
    answer = must(sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "use.py", cwd=tmp_path)
    assert answer.count('Revealed type is "int"') == 1 or answer.count('"builtins.int"') == 1
    assert '"builtins.str"' in answer or '"str"' in answer
