"""What ``import socialsim`` offers is what the package defines, also where it is not installed."""

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


def test_all_names_what_the_module_has_and_nothing_else() -> None:
    public = {
        name
        for name, value in vars(socialsim).items()
        if not name.startswith("_") and name != "TYPE_CHECKING" and not hasattr(value, "__path__")
    }
    modules = {name for name in public if type(vars(socialsim)[name]) is type(sys)}
    assert public - modules == set(socialsim.__all__) - {"__version__"}
    assert sorted(socialsim.__all__) == socialsim.__all__
    star: dict[str, object] = {}
    exec("from socialsim import *", star)  # noqa: S102 - that is what is tested
    assert set(socialsim.__all__) <= set(star)


def test_the_version_is_that_of_the_installation() -> None:
    assert socialsim.__version__ == version("socialsim")


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'socialsim' has no attribute 'SesionStarted'"):
        _ = socialsim.SesionStarted  # type: ignore[attr-defined]


def test_a_plain_checkout_has_a_version_too() -> None:
    # As in a checkout that nobody installed: its source is importable, its metadata are not there.
    program = (
        "import sys, importlib.metadata as metadata\n"
        "def missing(name): raise metadata.PackageNotFoundError(name)\n"
        "metadata.distribution = metadata.version = missing\n"
        "import socialsim\n"
        "from socialsim.cli.main import main\n"
        "print(socialsim.__version__)\n"
        "sys.exit(main(['--version']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0+unknown\nsocialsim 0+unknown\n", "")
