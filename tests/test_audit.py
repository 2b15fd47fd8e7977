"""The audit fails on a known vulnerability and never passes in silence."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools import audit


def answer(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(dependencies), "fixes": []})


CLEAN = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "X-1"}, {"id": "X-2"}]}
SKIPPED = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize("nothing", ["", "no JSON", "{}", "[]", answer(), answer(SKIPPED)])
def test_an_answer_about_nothing_is_none(nothing: str) -> None:
    assert audit.verdict(nothing) is None


def test_what_was_looked_up_is_counted() -> None:
    assert audit.verdict(answer(CLEAN)) == ("audit: no known vulnerability in 1 locked dependencies", 0)
    told = audit.verdict(answer(CLEAN, BAD, SKIPPED))
    assert told is not None
    text, code = told
    assert code == 1
    assert text.splitlines() == [
        "audit: 2 known vulnerabilities in 2 locked dependencies; 1 could not be looked up",
        "  b 2: X-1",
        "  b 2: X-2",
    ]


def test_that_nobody_could_be_asked_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "ask", lambda *_: answer(SKIPPED))
    assert audit.main() == 0
    assert capsys.readouterr().out == "audit: NOT DONE, no source of advisories can be reached\n"


def test_the_second_source_is_asked_when_the_first_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "ask", lambda source, _: answer(BAD) if source == "osv" else "")
    assert audit.main() == 1
    assert "X-1" in capsys.readouterr().out


def test_all_that_is_locked_is_asked_about(tmp_path: Path) -> None:
    named = audit.locked(tmp_path / "all.txt").read_text()
    for package in ("aiokafka==", "plotly==", "pyarrow==", "scipy==", "playwright==", "mypy=="):
        assert f"\n{package}" in f"\n{named}"
    assert "--hash=sha256:" in named
    assert "\nsocialsim" not in named
