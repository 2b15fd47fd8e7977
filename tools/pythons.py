"""``make test-pythons``: checks that all installed Python versions produce the same bytes."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.golden import GOLDEN

_ROOT: Final = Path(__file__).parents[1]
_ENVIRONMENTS: Final = _ROOT / ".cache" / "pythons"
_VERSIONS: Final = ("3.11", "3.12", "3.13", "3.14")


def candidates(version: str) -> Iterator[Path]:
    """Possible interpreters of ``version``: on PATH, from pyenv, from uv."""
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    yield from sorted(Path.home().glob(f".local/share/uv/python/cpython-{version}.*/bin/python"))


def is_of(interpreter: Path, version: str) -> bool:
    """Whether it starts and has that version; a pyenv shim may do neither."""
    try:
        answer = subprocess.run([interpreter, "-V"], capture_output=True, text=True, check=False, timeout=60)
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.startswith(f"Python {version}.")


def locked(package: str) -> str:
    """The pinned requirement of ``package``."""
    found = re.search(rf"^{package}==\S+", (_ROOT / "requirements/run.txt").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit(f"requirements/run.txt does not pin {package}")
    return found[0]


def differing(interpreter: Path, version: str) -> list[str]:
    """The golden scenarios with other bytes under ``interpreter``, with only msgspec installed."""
    environment = _ENVIRONMENTS / version
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([str(interpreter), "-m", "venv", str(environment)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, locked("msgspec")], check=True)
        subprocess.run([*pip, "--no-deps", "--editable", str(_ROOT)], check=True)
    answer = subprocess.run(
        [python, "-m", "tests.support.golden"],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    answered = json.loads(answer.stdout)
    golden = GOLDEN[answered["stream_version"]]
    wrong = [name for name, digest in answered["digests"].items() if digest != golden[name]]
    verdict = f"OTHER BYTES of {'; '.join(wrong)}" if wrong else "the same bytes"
    sys.stdout.write(f"python {answered['python']} on {answered['machine']}: {verdict}\n")
    return wrong


def main() -> int:
    """Check all installed versions; 1 if any produces other bytes."""
    wrong = False
    for version in _VERSIONS:
        interpreter = next((each for each in candidates(version) if is_of(each, version)), None)
        if interpreter is None:  # reported, so that it does not pass for checked
            sys.stdout.write(f"python {version}: not on this machine, not checked\n")
        elif differing(interpreter, version):
            wrong = True
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
