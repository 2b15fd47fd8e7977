"""What ``import socialsim`` offers is what the package defines, also where it is not installed."""

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import pytest

import socialsim

SOURCE = Path(__file__).parents[1] / "src"


def test_every_event_is_exported() -> None:
    defined = {event.__name__ for event in get_args(socialsim.Event)}
    assert len(defined) == 9
    assert defined <= set(socialsim.__all__)
    types = {getattr(socialsim, name) for name in socialsim.__all__ if name[0].isupper() and name != "Event"}
    assert {each.__name__ for each in types if each.__module__.startswith("socialsim.events")} == defined


def test_all_names_can_be_had_and_are_sorted() -> None:
    assert sorted(socialsim.__all__) == socialsim.__all__
    assert set(socialsim.__all__) <= set(dir(socialsim))
    star: dict[str, object] = {}
    exec("from socialsim import *", star)  # noqa: S102 - that is what is tested
    assert set(socialsim.__all__) <= set(star)


def test_all_is_what_type_checkers_see() -> None:
    tree = ast.parse(Path(socialsim.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen | {"__version__"} == set(socialsim.__all__)


def test_the_command_line_starts_without_the_simulation() -> None:
    program = (
        "import sys, socialsim, socialsim.cli.main\n"
        "print([name for name in sys.modules if name.startswith(('socialsim.domain', 'socialsim.simulation', "
        "'sqlalchemy', 'aiokafka', 'numpy', 'rich'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_version_is_that_of_the_installation() -> None:
    assert socialsim.__version__ == version("socialsim")


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'socialsim' has no attribute 'SesionStarted'"):
        _ = socialsim.SesionStarted


def test_a_plain_checkout_has_its_version_too() -> None:
    # As in a checkout that nobody installed: its source is importable, its metadata are not there.
    program = (
        "import sys, importlib.metadata as metadata\n"
        "def missing(name): raise metadata.PackageNotFoundError(name)\n"
        "metadata.distribution = metadata.version = missing\n"
        "sys.argv = ['socialsim', '--version']\n"
        "from socialsim.cli.entry import main\n"
        "main()\n"
        "from socialsim.cli.main import main\n"
        "sys.exit(main(['--version']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=False
    )
    line = f"socialsim {socialsim.__version__}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, 2 * line, "")
