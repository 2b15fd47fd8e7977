"""Whatever a person gets wrong: one line, the input's name, what is allowed, exit 2; a service away
is 3.
"""

import socket
from pathlib import Path

import pytest

from socialsim.settings import Secret, Settings
from tests.cli.conftest import Cli


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frobnicate"], ["frobnicate"]),
        (["run"], ["--users is missing"]),
        (["run", "--users", "many"], ["--users", "integer"]),
        (["run", "--users", "0"], ["--users is 0", ">= 1"]),
        (["run", "--users", "5", "--speed", "nan"], ["--speed", "max"]),
        (["run", "--users", "5", "--speed", "-1"], ["--speed", "max"]),
        (["run", "--users", "5", "--processes", "0"], ["--processes", "auto", "64"]),
        (["run", "--users", "5", "--run-id", "a b"], ["--run-id", "letters"]),
        (["run", "--users", "5", "--start", "yesterday"], ["start", "yesterday"]),
        (["run", "--users", "5", "--to", "ftp://x"], ["--to", "kafka://HOST:PORT"]),
        (["run", "--users", "5", "--scenario", "none.toml"], ["none.toml"]),
        (["consume", "--into", "postgres://x"], ["sqlite:///PATH", "mysql://"]),
        (["consume", "--into", "mysql://me:geheim@localhost/x"], ["SOCIALSIM_MYSQL_PASSWORD"]),
        (["consume", "--from", "kafka://me:geheim@localhost:1"], ["SOCIALSIM_KAFKA_PASSWORD"]),
        (["consume", "--batch-rows", "0"], ["--batch-rows"]),
        (["consume", "--session-timeout-s", "0.5"], ["--session-timeout-s", "1"]),
        (["run", "--users", "5", "--drain-timeout-s", "-1"], ["--drain-timeout-s", "0"]),
        (["consume", "--group", ""], ["--group"]),
        (["consume", "--drain"], ["socialsim run"]),
        (["digest"], ["socialsim run"]),
        (["schema", "poke"], ["poke", "picture_like"]),
        (["topics", "create", "--partitions", "0"], ["--partitions"]),
    ],
)
def test_wrong_input_is_named_in_one_line(cli: Cli, arguments: list[str], words: list[str]) -> None:
    done = cli(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    line = done.stderr.splitlines()[-1]
    assert line.startswith("socialsim: ")
    assert all(word in line for word in words), line
    assert "Traceback" not in done.stderr
    assert "geheim" not in done.stderr


def test_no_database_is_made_for_a_log_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    done = cli("consume", "--drain", "--into", "sqlite:///new/w.sqlite")
    assert done.returncode == 2
    assert "socialsim run" in done.stderr
    assert not (tmp_path / "new").exists()


def test_an_environment_variable_is_an_input_like_a_flag(cli: Cli) -> None:
    done = cli("run", SOCIALSIM_USERS="many")
    assert done.returncode == 2
    assert "SOCIALSIM_USERS" in done.stderr


@pytest.mark.slow
def test_a_service_that_is_away_is_exit_3_with_the_address_and_what_to_run(cli: Cli) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: refused, and nobody else can take it
        port = unused.getsockname()[1]
        for arguments in (
            ["topics", "describe", "--to", f"kafka://127.0.0.1:{port}"],
            ["migrate", "--into", f"mysql://me@127.0.0.1:{port}/x"],
        ):
            done = cli(*arguments)
            assert done.returncode == 3, done.stderr
            line = done.stderr.splitlines()[-1]
            assert line.startswith("socialsim: cannot reach")
            assert f"127.0.0.1:{port}" in line
            assert "tried for" in line
            assert "make up" in line


def test_secrets_come_from_the_environment_or_a_file_and_do_not_show(tmp_path: Path) -> None:
    place = tmp_path / "password"
    place.write_text("geheim\n")
    for settings in (
        Settings({"SOCIALSIM_MYSQL_PASSWORD": "geheim"}),
        Settings({"SOCIALSIM_MYSQL_PASSWORD_FILE": str(place)}),
    ):
        secret = settings.secret("MYSQL_PASSWORD")
        assert isinstance(secret, Secret)
        assert secret.reveal() == "geheim"
        assert "geheim" not in f"{secret} {secret!r} {settings!r}"
    assert Settings({}).secret("MYSQL_PASSWORD") is None


def test_a_secret_given_twice_or_unreadable_is_refused(cli: Cli) -> None:
    into = ("migrate", "--into", "mysql://me@127.0.0.1:1/x")
    twice = cli(*into, SOCIALSIM_MYSQL_PASSWORD="geheim", SOCIALSIM_MYSQL_PASSWORD_FILE="/nowhere")
    assert twice.returncode == 2
    assert "both set" in twice.stderr
    assert "geheim" not in twice.stderr
    missing = cli(*into, SOCIALSIM_MYSQL_PASSWORD_FILE="/nowhere")
    assert missing.returncode == 2
    assert "SOCIALSIM_MYSQL_PASSWORD_FILE: /nowhere" in missing.stderr


def test_version_and_help(cli: Cli) -> None:
    assert cli("--version").stdout.startswith("socialsim 0.")
    helped = cli("run", "--help")
    assert helped.returncode == 0
    assert "--users" in helped.stdout
