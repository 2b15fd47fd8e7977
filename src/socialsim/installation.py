"""How this program was installed, and the command that adds an optional part to it.

The same optional part is added differently to a clone, to an environment of pip or uv, to pipx and to a tool of uv. An
error that says ``pip install`` to somebody who used pipx names a command that cannot work. The requirements are read off
the installed metadata, so the command also works where socialsim itself came from a file and not from an index.
"""

import json
import re
import shlex
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

_NAME: Final = "socialsim"
_EXTRA: Final = re.compile(r"""\bextra\s*==\s*["']([^"']+)["']""")
#: ``uvx`` and ``pipx run`` throw their environments away: what is added to one is gone at the next call.
_UV_CACHE: Final = re.compile(r"(?:archive|environments)-v\d+")
_PIPX_CACHE: Final = ".cache"

Kind = Literal["clone", "checkout", "pipx", "uv tool", "uvx", "pipx run", "uv", "pip"]


@dataclass(frozen=True, slots=True)
class Installation:
    """``source`` is where socialsim came from: the checkout, a file, or its name in an index."""

    kind: Kind
    python: Path
    source: str = _NAME
    kept: tuple[str, ...] = ()  #: what a tool of uv was given beside socialsim; a new command must name it again


def how_to_add(extra: str) -> str:
    """The command that adds the optional part ``extra`` to this very installation."""
    found = _distribution()
    here = detect(found, Path(sys.prefix), Path(sys.executable), has_pip=find_spec("pip") is not None)
    return command(here, extra, required_by(extra, (found.requires if found else None) or ()), Path.cwd())


def required_by(extra: str, requirements: Sequence[str]) -> list[str]:
    """What ``extra`` needs, of the ``Requires-Dist`` lines of a distribution."""
    chosen = []
    for line in requirements:
        requirement, _, marker = line.partition(";")
        named = _EXTRA.search(marker)
        if named is not None and named[1] == extra:
            chosen.append(requirement.strip())
    return chosen


def command(here: Installation, extra: str, requirements: Sequence[str], cwd: Path) -> str:
    """A line for the shell. ``requirements`` are those of ``extra``."""
    python = str(here.python.relative_to(cwd) if here.python.is_relative_to(cwd) else here.python)
    needed = list(requirements) or [f"{_NAME}[{extra}]"]
    match here.kind:
        case "clone":
            words = ["make", "install"] if Path(here.source) == cwd else ["make", "-C", here.source, "install"]
        case "checkout":
            words = [python, "-m", "pip", "install", "--editable", f"{here.source}[{extra}]"]
        case "pipx":
            words = ["pipx", "inject", _NAME, *needed]
        case "uv tool":
            beside = [word for each in (*here.kept, *needed) for word in ("--with", each)]
            words = ["uv", "tool", "install", *beside, here.source]
        case "uvx":
            beside = [word for each in needed for word in ("--with", each)]
            words = ["uvx", "--from", here.source, *beside, _NAME, "..."]
        case "pipx run":
            words = ["pipx", "run", "--spec", f"{here.source}[{extra}]", _NAME, "..."]
        case "uv":
            words = ["uv", "pip", "install", "--python", python, *needed]
        case "pip":
            words = [python, "-m", "pip", "install", *needed]
    return shlex.join(words)


def detect(found: Distribution | None, prefix: Path, python: Path, *, has_pip: bool) -> Installation:
    """Which kind of installation the environment at ``prefix`` is, by the traces that each installer leaves."""
    root = _checkout(found)
    if root is not None:
        if (root / "Makefile").is_file() and prefix == root / ".venv":
            return Installation("clone", python, str(root))
        return Installation("checkout" if has_pip else "uv", python, str(root))
    receipt = prefix / "uv-receipt.toml"
    kept = _kept(receipt) if receipt.is_file() else ()
    return Installation(_kind(prefix, has_pip=has_pip), python, _source(found), kept)


def _kind(prefix: Path, *, has_pip: bool) -> Kind:
    if (prefix / "uv-receipt.toml").is_file():
        return "uv tool"
    if _UV_CACHE.fullmatch(prefix.parent.name):
        return "uvx"
    if (prefix / "pipx_metadata.json").is_file():
        return "pipx run" if prefix.parent.name == _PIPX_CACHE else "pipx"
    return "pip" if has_pip else "uv"


def _distribution() -> Distribution | None:
    try:
        return distribution(_NAME)
    except PackageNotFoundError:
        return None


def _checkout(found: Distribution | None) -> Path | None:
    """The root of the checkout that is run from, None for an installed copy."""
    if found is None:
        return Path(__file__).resolve().parents[2]
    origin = _origin(found)
    return _path(origin["url"]) if origin.get("dir_info", {}).get("editable") else None


def _source(found: Distribution | None) -> str:
    """A local file or folder by its path, anything else by name: an index has it."""
    origin = _origin(found) if found is not None else {}
    return str(_path(origin["url"])) if str(origin.get("url", "")).startswith("file:") else _NAME


def _origin(found: Distribution) -> dict[str, Any]:
    """PEP 610's ``direct_url.json``; empty where an index was asked."""
    origin: dict[str, Any] = json.loads(found.read_text("direct_url.json") or "{}")
    return origin


def _path(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))


def _kept(receipt: Path) -> tuple[str, ...]:
    given = tomllib.loads(receipt.read_text(encoding="utf-8")).get("tool", {}).get("requirements", [])
    return tuple(f"{each['name']}{each.get('specifier', '')}" for each in given if each["name"] != _NAME)
