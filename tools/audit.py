"""``make audit``: reports known vulnerabilities of the locked dependencies."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

_EXPORT: Final = ("export", "--quiet", "--frozen", "--all-extras", "--all-groups", "--no-emit-project", "--no-header")
_SOURCES: Final = ("pypi", "osv")
_TIMEOUT_S: Final = 180


def verdict(answer: str) -> tuple[str, int] | None:
    """The report and exit code for pip-audit's JSON; None if it could look up nothing."""
    try:
        dependencies = json.loads(answer)["dependencies"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return None
    audited = [each for each in dependencies if "vulns" in each]
    if not audited:
        return None
    found = [(each["name"], each["version"], vuln["id"]) for each in audited for vuln in each["vulns"]]
    skipped = len(dependencies) - len(audited)
    rest = f"; {skipped} could not be looked up" if skipped else ""
    if not found:
        return f"audit: no known vulnerability in {len(audited)} locked dependencies{rest}", 0
    listed = "\n".join(f"  {name} {version}: {vulnerability}" for name, version, vulnerability in found)
    return f"audit: {len(found)} known vulnerabilities in {len(audited)} locked dependencies{rest}\n{listed}", 1


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def locked(path: Path) -> Path:
    """Write all packages of uv.lock, with every group and extra, as requirements with hashes."""
    subprocess.run([_program("uv"), *_EXPORT, "--output-file", str(path)], capture_output=True, check=True)
    return path


def ask(source: str, lock: Path) -> str:
    """pip-audit's output, empty if it gave none in time."""
    options = (
        "--disable-pip",
        "--require-hashes",
        "--requirement",
        str(lock),
        "--format",
        "json",
        "--progress-spinner",
        "off",
    )
    try:
        done = subprocess.run(
            [_program("pip-audit"), *options, "--vulnerability-service", source],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def main() -> int:
    """Query the sources in turn until one answers. If none does, report it without failing."""
    with tempfile.TemporaryDirectory() as folder:
        lock = locked(Path(folder) / "requirements.txt")
        for source in _SOURCES:
            answered = verdict(ask(source, lock))
            if answered is not None:
                sys.stdout.write(f"{answered[0]}\n")
                return answered[1]
    sys.stdout.write("audit: NOT DONE, no source of advisories can be reached\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
