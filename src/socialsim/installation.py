"""How this program was installed, and the command that adds an extra to it.

The command differs between a clone, an environment of pip or uv, pipx, and a tool of uv: an error
that suggests ``pip install`` to a pipx user names a command that cannot work. The requirements come
from the installed metadata, so the command also works if socialsim was installed from a file, not
an index.
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
#: Caches of ``uvx`` and ``pipx run``, which discard their environments: additions are lost.
_UV_CACHE: Final = re.compile(r"(?:archive|environments)-v\d+")
_PIPX_CACHE: Final = ".cache"

Kind = Literal["clone", "checkout", "pipx", "uv tool", "uvx", "pipx run", "uv", "pip"]


@dataclass(frozen=True, slots=True)
class Installation:
    """The kind of an installation; ``source`` is a checkout, a file or the name in an index."""

    kind: Kind
    python: Path
    source: str = _NAME
    kept: tuple[str, ...] = ()  #: other packages of a uv tool, which a new command must repeat


def how_to_add(extra: str) -> str:
    """The command that adds ``extra`` to this installation."""
    found = _distribution()
    here = detect(found, Path(sys.prefix), Path(sys.executable), has_pip=find_spec("pip") is not None)
    return command(here, extra, required_by(extra, (found.requires if found else None) or ()), Path.cwd())


def required_by(extra: str, requirements: Sequence[str]) -> list[str]:
    """The requirements of ``extra``, from the ``Requires-Dist`` lines of a distribution."""
    chosen = []
    for line in requirements:
        requirement, _, marker = line.partition(";")
        named = _EXTRA.search(marker)
        if named is not None and named[1] == extra:
            chosen.append(requirement.strip())
    return chosen


def command(here: Installation, extra: str, requirements: Sequence[str], cwd: Path) -> str:
    """The shell command that adds ``extra``, whose requirements are ``requirements``."""
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
    """The installation in the environment at ``prefix``, by the files that installers leave."""
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
    """The root of the checkout, None for an installed copy."""
    if found is None:
        return Path(__file__).resolve().parents[2]
    origin = _origin(found)
    return _path(origin["url"]) if origin.get("dir_info", {}).get("editable") else None


def _source(found: Distribution | None) -> str:
    """The path of a local file or directory, else the name in an index."""
    origin = _origin(found) if found is not None else {}
    return str(_path(origin["url"])) if str(origin.get("url", "")).startswith("file:") else _NAME


def _origin(found: Distribution) -> dict[str, Any]:
    """PEP 610's ``direct_url.json``; empty if installed from an index."""
    origin: dict[str, Any] = json.loads(found.read_text("direct_url.json") or "{}")
    return origin


def _path(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))


def _kept(receipt: Path) -> tuple[str, ...]:
    given = tomllib.loads(receipt.read_text(encoding="utf-8")).get("tool", {}).get("requirements", [])
    return tuple(f"{each['name']}{each.get('specifier', '')}" for each in given if each["name"] != _NAME)
