"""Standard streams as they come: closed, full, in a narrow encoding; and lines that a machine reads
in the bad case too.
"""

import json
import logging
import os
import shlex
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest

from socialsim.cli.logs import configure_logs, wants_json
from socialsim.cli.main import explain
from tests.cli.conftest import COMMAND, Cli, clean_environment

pytestmark = pytest.mark.processes

RUN = ("run", "--users", "12", "--days", "1", "--shards", "4", "--run-id", "r1")
RESULT = "next       socialsim consume"


def shell(
    tmp_path: Path, arguments: Sequence[str], redirections: str = "", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """The command as a shell starts it. Bytes, for it is they that are asked about."""
    words = [os.fsencode(each) for each in (*COMMAND, *arguments)]
    line = b" ".join(shlex.quote(os.fsdecode(word)).encode("utf-8", "surrogateescape") for word in words)
    return subprocess.run(
        ["/bin/sh", "-c", line + b" " + redirections.encode()],
        cwd=tmp_path,
        env=clean_environment(**variables),
        capture_output=True,
        timeout=120,
        check=False,
    )


def state(tmp_path: Path) -> str:
    return str(json.loads((tmp_path / "socialsim-data/runs/r1/run.json").read_bytes())["state"])


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize(
    ("redirections", "is_heard"),
    [
        ("2>&-", True),
        (">&-", False),
        ("0<&-", True),
        ("0<&- >&- 2>&-", False),
        ("2>/dev/full", True),
        ("2</dev/null", True),
    ],
)
def test_a_run_to_whom_nobody_listens_simulates_and_ends_well(
    tmp_path: Path, redirections: str, is_heard: bool, processes: str
) -> None:
    done = shell(tmp_path, [*RUN, "--processes", processes], redirections)
    assert done.returncode == 0, done.stderr
    assert state(tmp_path) == "complete"
    assert (RESULT in done.stdout.decode()) == is_heard
    # Nothing that was meant for a stream went into a file that had got its number.
    files = [*(tmp_path / "socialsim-data").rglob("*.ndjson")]
    events = [json.loads(line) for path in files for line in path.read_bytes().splitlines()]
    assert len(events) > 12


def test_a_result_that_cannot_be_written_is_told_when_the_run_is_done(tmp_path: Path) -> None:
    done = shell(tmp_path, RUN, ">/dev/full")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == (
        "socialsim: standard output cannot be written: No space left on device"
    )
    assert state(tmp_path) == "complete"


def test_both_streams_full_is_still_a_run_that_is_complete(tmp_path: Path) -> None:
    assert shell(tmp_path, RUN, ">/dev/full 2>/dev/full").returncode == 1
    assert state(tmp_path) == "complete"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--users", "5", "--dry-run"], ["schema"]])
def test_a_full_disk_behind_any_output_is_no_bug(tmp_path: Path, arguments: list[str]) -> None:
    done = shell(tmp_path, arguments, ">/dev/full")
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"bug" not in done.stderr


def test_a_reader_that_has_enough_ends_a_run_neither_before_nor_with_a_complaint(tmp_path: Path) -> None:
    done = shell(tmp_path, RUN, "2>&1 | head -c 0")
    assert done.stderr == b""
    assert state(tmp_path) == "complete"


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_what_a_machine_reads_is_utf_8_whatever_the_locale(tmp_path: Path, variables: dict[str, str]) -> None:
    for arguments in (["run", "--preset", "tiny", "--dry-run"], ["schema", "user"], ["scenario", "list", "--json"]):
        usual = shell(tmp_path, arguments, PYTHONUTF8="1")
        done = shell(tmp_path, arguments, **variables)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout == usual.stdout
        assert done.stdout.decode("utf-8")
    assert not usual.stdout.startswith(b"\\u")


def test_the_events_of_a_dry_run_hold_what_a_narrow_encoding_lacks(tmp_path: Path) -> None:
    done = shell(tmp_path, ["run", "--preset", "tiny", "--dry-run"], PYTHONIOENCODING="latin-1")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(events) == 20
    assert any(ord(char) > 0xFF for char in done.stdout.decode())


def test_text_for_people_degrades_and_never_fails(tmp_path: Path) -> None:
    done = shell(tmp_path, ["run", "--users", "12", "--days", "1", "--to", "file:größe€"], PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert "event log  file:größe\\u20ac".encode("latin-1") in done.stdout
    wrong = shell(tmp_path, ["run", "--users", "5", "--speed", "€"], PYTHONIOENCODING="ascii:strict")
    assert wrong.returncode == 2
    assert b"\\u20ac" in wrong.stderr


def test_a_path_that_the_locale_cannot_spell_is_named_and_no_bug(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SOCIALSIM_TO=file:größe\n", encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = shell(tmp_path, ["run", "--users", "5", "--days", "1"], **ascii_only)
    assert done.returncode == 2
    assert b".env" in done.stderr
    assert b"SOCIALSIM_TO" in done.stderr


@pytest.mark.parametrize("json_logs", [[], ["--json-logs"]])
def test_bytes_that_are_no_utf_8_are_refused_where_they_come_in(tmp_path: Path, json_logs: list[str]) -> None:
    done = shell(tmp_path, [*json_logs, "run", "--users", "5", "--to", os.fsdecode(b"file:a\xff")])
    assert done.returncode == 2
    assert b"which is not UTF-8" in done.stderr
    variable = shell(tmp_path, ["run", "--users", "5"], SOCIALSIM_TO=os.fsdecode(b"file:a\xff"))
    assert variable.returncode == 2
    assert variable.stderr == b"socialsim: SOCIALSIM_TO holds bytes that are not UTF-8\n"
    secret = shell(tmp_path, ["migrate"], SOCIALSIM_MYSQL_PASSWORD=os.fsdecode(b"geheim\xff"))
    assert secret.returncode == 2
    assert b"geheim" not in secret.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "words"),
    [
        (["--json-logs", "run", "--frob"], {}, 2, "--frob"),
        (["run", "--users", "0", "--json-logs"], {}, 2, "--users is 0"),
        (["run"], {"SOCIALSIM_JSON_LOGS": "1"}, 2, "--users is missing"),
        (["--json-logs", "verify"], {}, 2, "no such file"),
        (["--json-logs", "kpi", "--json"], {}, 2, "holds no tables yet"),
        (["--json-logs", "runs", "--into", "mysql://me@127.0.0.1:1/x"], {}, 3, "cannot reach"),
    ],
)
def test_the_last_line_of_a_failure_is_json_where_lines_are_json(
    cli: Cli, arguments: list[str], variables: dict[str, str], code: int, words: str
) -> None:
    done = cli(*arguments, **variables)
    assert done.returncode == code
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines[-1]["level"] == "error"
    assert lines[-1]["exit_code"] == code
    assert words in lines[-1]["message"]


def test_dotenv_may_ask_for_json_too(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SOCIALSIM_JSON_LOGS=yes\n")
    assert json.loads(cli("run", "--frob").stderr)["exit_code"] == 2
    assert not wants_json([], {"SOCIALSIM_JSON_LOGS": "0"})


def test_a_traceback_that_was_asked_for_is_part_of_the_json(cli: Cli) -> None:
    done = cli("--json-logs", "run", "--users", "0", SOCIALSIM_DEBUG="1")
    assert "Traceback" in json.loads(done.stderr)["traceback"]


def test_warnings_threads_and_foreign_libraries_speak_json_too() -> None:
    program = (
        "import logging, threading, warnings\n"
        "from socialsim.cli.logs import configure_logs, log_uncaught_errors\n"
        "log_uncaught_errors()\n"
        "configure_logs(as_json=True, quiet=False)\n"
        "warnings.warn('old ways, größe', RuntimeWarning)\n"
        "logging.getLogger('somebody.else').warning('their line')\n"
        "thread = threading.Thread(target=lambda: 1 / 0)\n"
        "thread.start(); thread.join()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        env=clean_environment(PYTHONIOENCODING="ascii"),
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["logger"] for line in lines] == ["socialsim.cli.logs", "somebody.else", "socialsim.cli.logs"]
    assert "RuntimeWarning: old ways, größe" in lines[0]["message"]
    assert "ZeroDivisionError" in lines[2]["message"]


def test_quiet_lets_no_warning_through(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        before = [(name, logging.getLogger(name).handlers) for name in ("socialsim", "aiokafka", "asyncio")]
        propagates = [logging.getLogger(name).propagate for name, _ in before]
        try:
            configure_logs(as_json=False, quiet=True)
            warnings.warn("old ways", RuntimeWarning, stacklevel=1)
        finally:
            for (name, handlers), propagate in zip(before, propagates, strict=True):
                logging.getLogger(name).handlers = handlers
                logging.getLogger(name).propagate = propagate
    assert capsys.readouterr().err == ""


def test_what_nobody_has_foreseen_is_called_a_bug() -> None:
    text, code = explain(KeyError("x"))
    assert code == 1
    assert "this is a bug" in text
