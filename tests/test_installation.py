"""The command that adds an optional part is one that works where the user stands."""

import json
import sys
from collections.abc import Callable
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from socialsim import installation
from socialsim.installation import Installation, command, detect, how_to_add, required_by

REQUIREMENTS = ["numpy>=2.1", "scipy>=1.15"]
HOME = Path("/home/ada")
PYTHON = HOME / "env" / "bin" / "python"
WHEEL = "/home/ada/down loads/socialsim-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("here", "cwd", "expected"),
    [
        (Installation("clone", PYTHON, "/home/ada/clone"), "/home/ada/clone", "make install"),
        (Installation("clone", PYTHON, "/home/ada/clone"), "/srv", "make -C /home/ada/clone install"),
        (
            Installation("checkout", PYTHON, "/home/ada/clone"),
            "/home/ada/env",
            "bin/python -m pip install --editable '/home/ada/clone[validate]'",
        ),
        (
            Installation("pip", PYTHON),
            "/srv",
            "/home/ada/env/bin/python -m pip install 'numpy>=2.1' 'scipy>=1.15'",
        ),
        (Installation("pip", PYTHON), "/home/ada", "env/bin/python -m pip install 'numpy>=2.1' 'scipy>=1.15'"),
        (
            Installation("uv", PYTHON),
            "/srv",
            "uv pip install --python /home/ada/env/bin/python 'numpy>=2.1' 'scipy>=1.15'",
        ),
        (Installation("pipx", PYTHON), "/srv", "pipx inject socialsim 'numpy>=2.1' 'scipy>=1.15'"),
        (
            Installation("pipx run", PYTHON, WHEEL),
            "/srv",
            f"pipx run --spec '{WHEEL}[validate]' socialsim ...",
        ),
        (
            Installation("uv tool", PYTHON, WHEEL, ("plotly>=6.5",)),
            "/srv",
            f"uv tool install --with 'plotly>=6.5' --with 'numpy>=2.1' --with 'scipy>=1.15' '{WHEEL}'",
        ),
        (
            Installation("uvx", PYTHON),
            "/srv",
            "uvx --from socialsim --with 'numpy>=2.1' --with 'scipy>=1.15' socialsim ...",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Installation) else "",
)
def test_the_command_is_that_of_the_installer(here: Installation, cwd: str, expected: str) -> None:
    assert command(here, "validate", REQUIREMENTS, Path(cwd)) == expected


def test_of_the_metadata_only_what_the_extra_needs_is_named() -> None:
    lines = [
        "aiokafka<0.15,>=0.14",
        "pyarrow>=22; extra == 'export'",
        'numpy>=2.1; extra == "validate"',
        "scipy>=1.15 ; python_version >= '3.11' and extra == 'validate'",
    ]
    assert required_by("validate", lines) == REQUIREMENTS
    assert required_by("report", lines) == []


def test_without_metadata_the_extra_is_asked_of_the_index() -> None:
    assert command(Installation("pip", Path("p")), "report", [], Path("/srv")) == "p -m pip install 'socialsim[report]'"


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., Distribution]:
    def make(origin: object = None) -> Distribution:
        folder = tmp_path / "lib" / "socialsim-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text("Metadata-Version: 2.4\nName: socialsim\nVersion: 1.0\n")
        if origin is not None:
            (folder / "direct_url.json").write_text(json.dumps(origin))
        return PathDistribution(folder)

    return make


def editable(root: Path) -> dict[str, object]:
    return {"url": root.as_uri(), "dir_info": {"editable": True}}


FROM_WHEEL = {"url": "file:///home/ada/down%20loads/socialsim-1.0-py3-none-any.whl", "archive_info": {}}


def test_the_environment_that_make_made_is_a_clones(installed: Callable[..., Distribution], tmp_path: Path) -> None:
    root = tmp_path / "my clone"
    root.mkdir()
    (root / "Makefile").touch()
    found = installed(editable(root))
    assert detect(found, root / ".venv", PYTHON, has_pip=True) == Installation("clone", PYTHON, str(root))
    other = detect(found, tmp_path / "env", PYTHON, has_pip=True)
    assert other == Installation("checkout", PYTHON, str(root))
    assert detect(found, tmp_path / "env", PYTHON, has_pip=False).kind == "uv"


@pytest.mark.parametrize(
    "traces",
    [
        ("pipx_metadata.json", "{}", False, "pipx"),
        ("pipx_metadata.json", "{}", True, "pipx"),
        ("uv-receipt.toml", "[tool]\nrequirements = []\n", False, "uv tool"),
        (None, "", True, "pip"),
        (None, "", False, "uv"),
    ],
)
@pytest.mark.parametrize("origin", [(None, "socialsim"), (FROM_WHEEL, WHEEL)])
def test_each_installer_is_known_by_its_trace(
    installed: Callable[..., Distribution],
    tmp_path: Path,
    origin: tuple[object, str],
    traces: tuple[str | None, str, bool, str],
) -> None:
    trace, text, has_pip, kind = traces
    if trace is not None:
        (tmp_path / trace).write_text(text)
    found = detect(installed(origin[0]), tmp_path, PYTHON, has_pip=has_pip)
    assert (found.kind, found.source, found.python) == (kind, origin[1], PYTHON)


@pytest.mark.parametrize(
    ("place", "trace", "kind"),
    [
        ("uv/archive-v0/ChBJnRxiy92oYzGS", "CACHEDIR.TAG", "uvx"),
        ("uv/environments-v2/0123456789abcdef", "CACHEDIR.TAG", "uvx"),
        ("pipx/.cache/7a6837b9445e128", "pipx_metadata.json", "pipx run"),
        ("pipx/venvs/socialsim", "pipx_metadata.json", "pipx"),
    ],
)
def test_an_environment_that_is_thrown_away_is_not_added_to(
    installed: Callable[..., Distribution], tmp_path: Path, place: str, trace: str, kind: str
) -> None:
    prefix = tmp_path / place
    prefix.mkdir(parents=True)
    (prefix / trace).write_text("{}")
    assert detect(installed(), prefix, PYTHON, has_pip=False).kind == kind


def test_what_a_tool_of_uv_was_given_before_is_kept(installed: Callable[..., Distribution], tmp_path: Path) -> None:
    (tmp_path / "uv-receipt.toml").write_text(
        '[tool]\nrequirements = [{ name = "socialsim", path = "/x.whl" }, { name = "plotly", specifier = ">=6.5" }]\n'
    )
    assert detect(installed(), tmp_path, PYTHON, has_pip=False).kept == ("plotly>=6.5",)


def test_a_checkout_that_is_not_installed_is_made_installable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installation, "_distribution", lambda: None)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.chdir(tmp_path)
    root = Path(__file__).parents[1]
    assert how_to_add("report") == f"bin/python -m pip install --editable '{root}[report]'"


@pytest.mark.parametrize("extra", ["report", "export", "validate"])
def test_every_extra_of_the_package_is_known(extra: str) -> None:
    found = installation._distribution()
    assert found is not None
    assert required_by(extra, found.requires or ())
