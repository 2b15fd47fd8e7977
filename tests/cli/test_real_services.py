"""The whole road on a real broker and real MySQL-protocol servers, as a person types it."""

import asyncio
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from aiokafka import AIOKafkaProducer

from compose.native import Database, KafkaCluster
from socialsim import Scenario, simulate
from socialsim.events import PLURALS, WIRE_NAMES
from tests.cli.conftest import COMMAND, DEADLINE_S, Cli, clean_environment

SCENARIO = Scenario(users=300, days=2, seed=11)
RUN = ("run", "--users", "300", "--days", "2", "--seed", "11", "--processes", "2")


@pytest.fixture
def log(kafka: KafkaCluster, topic_prefix: str) -> str:
    return f"{kafka.url}/{topic_prefix.rstrip('.')}"


@pytest.fixture
def database(fresh_database: Database) -> Iterator[pymysql.Connection]:
    connection = pymysql.connect(
        host=fresh_database.host,
        port=fresh_database.port,
        user=fresh_database.user,
        password=fresh_database.password,
        database=fresh_database.name,
        autocommit=True,
    )
    yield connection
    connection.close()


def scalar(connection: pymysql.Connection, query: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
        assert row is not None
        return row[0]


@pytest.mark.slow
def test_each_event_is_stored_once_though_a_consumer_is_killed(  # noqa: PLR0917 - fixtures
    cli: Cli, inside: Cli, tmp_path: Path, log: str, fresh_database: Database, database: pymysql.Connection
) -> None:
    expected = Counter(WIRE_NAMES[type(event)] for event in simulate(SCENARIO))
    settings = {"SOCIALSIM_MYSQL_PASSWORD": fresh_database.password}
    # The shortest session that the broker allows: so long the second consumer waits for the first,
    # which was killed.
    session = ("--session-timeout-s", "6")
    consume = ("consume", "--from", log, "--into", fresh_database.url, "--batch-rows", "5", *session)

    missing = cli(*RUN, "--to", log)
    assert missing.returncode == 2
    assert f"socialsim topics create --to {log}" in missing.stderr
    created = cli("topics", "create", "--to", log, "--partitions", "4")
    assert created.returncode == 0, created.stderr
    early = cli(*consume, **settings)
    assert early.returncode == 2
    assert f"socialsim migrate --into {fresh_database.url}" in early.stderr
    assert cli("migrate", "--into", fresh_database.url, **settings).returncode == 0

    ran = cli(*RUN, "--to", log)
    assert ran.returncode == 0, ran.stderr
    victim = subprocess.Popen(
        [*COMMAND, *consume],
        cwd=tmp_path,
        env=clean_environment(**settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline_s = time.monotonic() + DEADLINE_S
        while scalar(database, "SELECT COALESCE(SUM(next_offset), 0) FROM consumer_offsets") == 0:
            assert victim.poll() is None
            assert time.monotonic() < deadline_s, "nothing was stored"
    finally:
        victim.kill()
        victim.wait()
    moved = scalar(database, "SELECT SUM(next_offset) FROM consumer_offsets")
    assert 0 < moved < expected.total(), "the consumer was not killed in the middle of its work"

    drained = cli(*consume, "--drain", "--batch-rows", "500", **settings)
    assert drained.returncode == 0, drained.stderr
    stored = {name: scalar(database, f"SELECT COUNT(*) FROM {PLURALS[name]}") for name in PLURALS}
    assert stored == dict(expected)
    assert scalar(database, "SELECT COUNT(*) FROM dead_letters") == 0

    assert cli(*RUN).returncode == 0
    files = inside("digest")
    assert files.returncode == 0
    assert inside("digest", "--from", log).stdout == files.stdout
    described = inside("topics", "describe", "--to", log).stdout
    assert ".pictures" in described
    assert f"{expected['picture']:,}" in described


@pytest.mark.slow
def test_verify_asks_kafka_whether_all_was_consumed(
    inside: Cli, kafka: KafkaCluster, topic_prefix: str, log: str
) -> None:
    assert inside("topics", "create", "--to", log, "--partitions", "2").returncode == 0
    ran = inside("run", "--users", "60", "--days", "1", "--seed", "3", "--shards", "4", "--to", log)
    assert ran.returncode == 0, ran.stderr
    drained = inside("consume", "--drain", "--from", log)
    assert drained.returncode == 0, drained.stderr
    verified = inside("verify", "--from", log)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert re.search(r"^log end +ok ", verified.stdout, re.MULTILINE), verified.stdout

    # Another log in the same cluster, consumed into the same warehouse, has an end of its own.
    other = f"{log}-other"
    assert inside("topics", "create", "--to", other, "--partitions", "1").returncode == 0
    assert inside("run", "--users", "40", "--days", "1", "--seed", "4", "--shards", "4", "--to", other).returncode == 0
    drained = inside("consume", "--drain", "--from", other)
    assert drained.returncode == 0, drained.stderr
    run_id = Scenario(users=60, days=1, seed=3, shards=4).run_id
    verified = inside("verify", "--from", log, "--run-id", run_id)
    assert verified.returncode == 0, verified.stdout + verified.stderr

    asyncio.run(produce_one(kafka.bootstrap, f"{topic_prefix}pictures"))
    behind = inside("verify", "--from", log, "--run-id", run_id)
    assert behind.returncode == 1
    assert "NOT verified: log end" in behind.stdout
    assert re.search(rf"{topic_prefix}pictures\[1\]: 1 of the log's \d+ records are not consumed yet", behind.stdout)
    away = inside("verify", "--from", "kafka://127.0.0.1:1", "--run-id", run_id)
    assert away.returncode == 3
    assert "127.0.0.1:1" in away.stderr


async def produce_one(bootstrap: str, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(topic, b"{}", partition=1)


@pytest.mark.slow
def test_a_wrong_password_is_an_input_error_that_does_not_show_it(inside: Cli, fresh_database: Database) -> None:
    for command in (("migrate",), ("consume", "--drain")):
        done = inside(*command, "--into", fresh_database.url, SOCIALSIM_MYSQL_PASSWORD="geheim")
        assert done.returncode == 2, done.stderr
        assert fresh_database.user in done.stderr
        assert "geheim" not in done.stderr
