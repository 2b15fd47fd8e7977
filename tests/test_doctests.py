"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import socialsim

MODULES = ["socialsim", *(module.name for module in pkgutil.walk_packages(socialsim.__path__, "socialsim."))]
PLACES = [name for name in MODULES if not name.endswith("__main__")]


@pytest.mark.parametrize("name", ["socialsim", "socialsim.simulation.iterate"])
def test_the_public_face_has_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).attempted > 0


@pytest.mark.parametrize("name", PLACES)
def test_examples_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
