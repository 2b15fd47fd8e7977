"""A canary: passwords that must not turn up anywhere, and everything that is written is searched
for them.
"""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import COMMAND, DEADLINE_S, clean_environment
from tests.security.authority import Authority
from tests.security.servers import USER, add_kafka_user, kafka_options, mysql_options
from tests.support.services import KafkaFactory, MySQLFactory

KAFKA = "c4naryK4fkaPassw0rd"
MYSQL = "c4naryMysqlPassw0rd"
CANARIES = (KAFKA, MYSQL)


def command_lines() -> str:
    """What ``ps`` shows of every process."""
    texts = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            texts.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has ended meanwhile
    return "\n".join(texts)


def assert_clean(*texts: str) -> None:
    for text in texts:
        for canary in CANARIES:
            assert canary not in text


def files_of(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_no_password_is_ever_shown(
    tmp_path: Path, kafka_cluster_factory: KafkaFactory, mysql_factory: MySQLFactory
) -> None:
    certificates, work = tmp_path / "certificates", tmp_path / "work"
    certificates.mkdir()
    work.mkdir()
    authority = Authority(certificates, "authority")
    server = authority.certify("127.0.0.1")
    kafka = kafka_cluster_factory(**kafka_options(server))
    add_kafka_user(kafka, certificates, KAFKA)
    mysql = mysql_factory(flavour="mysql", options=mysql_options(server, authority.cafile))
    database = mysql.create_database("shop", password=MYSQL)
    log = f"kafka://{kafka.bootstrap_of('SECURE')}"
    settings = {
        "SOCIALSIM_DEBUG": "1",
        "SOCIALSIM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "SOCIALSIM_KAFKA_USERNAME": USER,
        "SOCIALSIM_KAFKA_PASSWORD": KAFKA,
        "SOCIALSIM_KAFKA_CAFILE": str(authority.cafile),
        "SOCIALSIM_MYSQL_PASSWORD": MYSQL,
        "SOCIALSIM_MYSQL_CAFILE": str(authority.cafile),
        "SOCIALSIM_TO": log,
        "SOCIALSIM_FROM": log,
        "SOCIALSIM_INTO": database.url,
    }
    seen: list[str] = []

    def call(*arguments: str, code: int | None = 0, **changes: str) -> str:
        done = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=work,
            env=clean_environment(**(settings | changes)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        seen.append(command_lines())
        out, err = done.communicate(timeout=DEADLINE_S)
        assert code is None or done.returncode == code, err
        seen.extend((out, err))
        return err

    call("topics", "create", "--partitions", "2")
    call("migrate")
    with (work / "run.out").open("wb") as out, (work / "run.err").open("wb") as err:
        running = subprocess.Popen(
            [*COMMAND, "run", "--users", "60", "--days", "30", "--speed", "86400", "--processes", "2"],
            cwd=work,
            env=clean_environment(**settings),
            stdout=out,
            stderr=err,
        )
    try:
        deadline_s = time.monotonic() + DEADLINE_S
        # its children are up, with the password in their memory
        while command_lines().count("spawn_main") < 2:
            assert running.poll() is None
            assert time.monotonic() < deadline_s
        seen.append(command_lines())
        call("consume", "--drain", "--json-logs")
        # A child that dies leaves its traceback, a parent that is killed leaves its files.
        running.kill()
    finally:
        running.kill()
        running.wait()

    # Connections that fail, each with its traceback.
    stranger = str(Authority(certificates, "stranger").cafile)
    strange_user = {"SOCIALSIM_INTO": database.url.replace("shop@", "nobody@")}
    failing = (
        (("run", "--users", "5", "--days", "1"), {"SOCIALSIM_KAFKA_USERNAME": "nobody"}),
        (("run", "--users", "5", "--days", "1"), {"SOCIALSIM_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}),
        (("consume", "--drain"), {"SOCIALSIM_KAFKA_CAFILE": stranger}),
        (("consume", "--drain"), {"SOCIALSIM_MYSQL_CAFILE": stranger}),
        (("migrate",), strange_user),
        (("dead-letters", "list"), strange_user),
    )
    with ThreadPoolExecutor(3) as pool:
        for told in pool.map(lambda each: call(*each[0], code=2, **each[1]), failing):
            assert "Traceback" in told
    call("consume", "--into", f"mysql://u:{MYSQL}@127.0.0.1/x", code=2)
    call("consume", "--from", f"kafka://u:{KAFKA}@127.0.0.1:1", code=2)
    mysql.kill()
    assert "Traceback" in call("consume", "--drain", code=3)

    # The two URLs above are a person's own mistake, and the only thing that ps showed of them.
    mistakes = [f"mysql://u:{MYSQL}@127.0.0.1/x", f"kafka://u:{KAFKA}@127.0.0.1:1"]
    for mistake in mistakes:
        seen = [text.replace(mistake, "") if mistake in text and "-c import sys" in text else text for text in seen]
    assert len(seen) > 30
    assert_clean(*seen)
    written = files_of(work)
    assert {path.name for path in written} >= {"run.out", "run.err"}
    assert_clean(*(path.read_bytes().decode(errors="replace") for path in written))
    # What the servers keep of rows, dead letters and errors; credentials are kept as hashes.
    stored = [*files_of(Path(mysql.directory) / "data" / "shop"), mysql.log_path]
    assert stored
    assert_clean(*(path.read_bytes().decode(errors="replace") for path in stored))


def test_secrets_have_no_flag() -> None:
    from typer.main import get_command

    from socialsim.cli.lazy import load
    from socialsim.cli.main import COMMANDS, app

    def parameters(command: Any) -> Iterator[Any]:
        yield from command.params
        for child in getattr(command, "commands", {}).values():
            yield from parameters(child)

    found = [each for name in COMMANDS for each in parameters(load(name))] + get_command(app).params
    assert len(found) > 100
    for parameter in found:
        words = " ".join([*parameter.opts, str(getattr(parameter, "envvar", ""))]).lower()
        assert not any(word in words for word in ("password", "secret", "token")), words
