"""The image, read and not built: no engine is needed to see that its file fits the checkout."""

import fnmatch
import json
import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = (ROOT / "compose" / "Dockerfile").read_text(encoding="utf-8")


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", DOCKERFILE, flags=re.MULTILINE)


def test_arguments_of_docker_run_are_those_of_socialsim() -> None:
    assert [json.loads(each) for each in instructions("ENTRYPOINT")] == [["socialsim"]]
    assert [json.loads(each) for each in instructions("CMD")] == [["--help"]]


def test_it_runs_as_a_user_of_its_own_where_they_may_write() -> None:
    last_user = DOCKERFILE.rindex("\nUSER ")
    assert instructions("USER") == ["socialsim"]
    assert re.search(r"^WORKDIR /tmp$", DOCKERFILE[last_user:], flags=re.MULTILINE)


def test_what_it_copies_is_there_and_reaches_the_engine() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = [line[1:] for line in lines if line.startswith("!")]
    copied = [word for line in instructions("COPY") for word in line.split()[:-1]]
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
        assert any(fnmatch.fnmatch(name, pattern) for pattern in let_through), f"{name} is kept from the engine"


def test_its_dependencies_are_pinned_by_hash_and_hold_the_report() -> None:
    assert "pip install --require-hashes -r requirements/run.txt" in DOCKERFILE
    locked = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^[\w.-]+==.*\\$", locked, flags=re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[\w.-]+==", locked, flags=re.MULTILINE))
    assert any(line.startswith("plotly==") for line in pinned)
