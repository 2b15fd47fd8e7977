"""Values that name their schema, from the command line: real Kafka, a real registry, real MySQL."""

import asyncio
import io
import json
import re
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fastavro
import msgspec
import pymysql
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from compose.native import KafkaCluster, RegistryServer
from compose.native.mysql import Database
from socialsim import Scenario, simulate
from socialsim.events import EVENT_TYPES, PLURALS, WIRE_NAMES, Event
from socialsim.events.avro import avro_schema
from socialsim.registry import HttpRegistry, SchemaKind, SchemaText, id_prefix, registry_address
from socialsim.settings import Settings
from tests.cli.conftest import Cli, wait_for
from tests.support.patience import pace

SCENARIO = Scenario(users=60, days=2, seed=5, shards=4)
RUN = ("run", "--users", "60", "--days", "2", "--seed", "5", "--shards", "4", "--processes", "2")
FORMATS = ("json", "json-registry", "avro")


@pytest.fixture
def log(kafka: KafkaCluster, topic_prefix: str) -> str:
    return f"{kafka.url}/{topic_prefix.rstrip('.')}"


def succeed(cli: Cli, *arguments: str, **variables: str) -> str:
    done = cli(*arguments, **variables)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


async def headers_of(kafka: KafkaCluster, topic: str) -> list[dict[str, bytes]]:
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=kafka.bootstrap, group_id=None, auto_offset_reset="earliest"
    ) as consumer:
        record = await consumer.getone()
        return [dict(record.headers), {"value": record.value}]


async def produce(kafka: KafkaCluster, topic: str, values: Sequence[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


def scalar(database: Database, query: str) -> Any:
    with (
        pymysql.connect(
            host=database.host,
            port=database.port,
            user=database.user,
            password=database.password,
            database=database.name,
            autocommit=True,
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(query)
        (value,) = cursor.fetchone() or (None,)
        return value


@pytest.mark.slow
def test_every_format_holds_the_same_run(  # noqa: PLR0917 - fixtures
    inside: Cli, tmp_path: Path, kafka: KafkaCluster, registry: RegistryServer, log: str, fresh_database: Database
) -> None:
    secret = {"SOCIALSIM_MYSQL_PASSWORD": fresh_database.password}
    succeed(inside, "migrate", "--into", fresh_database.url, **secret)
    digests, truths, manifests = set(), set(), set()
    for name in FORMATS:
        to, runs = f"{log}-{name}", f"runs-{name}"
        registered = ("--registry", registry.url, "--value-format", name)
        succeed(inside, "topics", "create", "--to", to, "--partitions", "2", *registered)
        succeed(inside, *RUN, "--to", to, *registered, SOCIALSIM_RUNS=runs)
        digests.add(succeed(inside, "digest", "--from", to, "--registry", registry.url))
        (directory,) = (tmp_path / runs).iterdir()
        truths.add((directory / "kpis.json").read_bytes())
        manifests.add(b"\n".join(path.read_bytes() for path in sorted(directory.glob("manifest-*.json"))))
    succeed(inside, *RUN, SOCIALSIM_RUNS="runs-files")
    digests.add(succeed(inside, "digest"))
    assert (len(digests), len(truths), len(manifests)) == (1, 1, 1)

    # The records of the last format, Avro, arrive in MySQL, and everything about them is right.
    succeed(
        inside, "consume", "--drain", "--from", to, "--into", fresh_database.url, "--registry", registry.url, **secret
    )
    verified = succeed(inside, "verify", "--from", to, "--into", fresh_database.url, "--runs-dir", runs, **secret)
    assert re.search(r"^log end +ok ", verified, re.MULTILINE), verified
    warehouse = ("--into", fresh_database.url, "--runs-dir", runs)
    succeed(inside, "kpi", *warehouse, **secret)
    succeed(inside, "kpi", "--check", *warehouse, **secret)
    stored = {name: scalar(fresh_database, f"SELECT COUNT(*) FROM {PLURALS[name]}") for name in EVENT_TYPES}
    expected = dict.fromkeys(EVENT_TYPES, 0)
    for event in simulate(SCENARIO):
        expected[WIRE_NAMES[type(event)]] += 1
    assert stored == expected


@pytest.mark.slow
def test_two_formats_in_one_topic_and_dead_letters_that_lacked_a_registry(
    inside: Cli, kafka: KafkaCluster, registry: RegistryServer, topic_prefix: str, log: str
) -> None:
    avro = ("--registry", registry.url, "--value-format", "avro")
    succeed(inside, "topics", "create", "--to", log, "--partitions", "2", *avro)
    succeed(inside, *RUN, "--to", log, "--run-id", "plain")
    ran = succeed(inside, *RUN, "--to", log, "--run-id", "avro", *avro)
    assert ran.endswith(f"socialsim consume --drain --from {log} --registry {registry.url}\n")
    other = inside("topics", "create", "--to", log, "--registry", registry.url, "--value-format", "json-registry")
    assert other.returncode == 2
    assert "it holds a schema of the kind AVRO, this one is JSON" in other.stderr
    checked = inside("registry", "check", "--to", log, "--registry", registry.url, "--value-format", "json-registry")
    assert (checked.returncode, checked.stdout.count("incompatible")) == (1, len(EVENT_TYPES))
    pushed = succeed(inside, "registry", "push", "--to", log, *avro)
    assert pushed.count("was registered") == len(EVENT_TYPES)
    headers, _ = asyncio.run(headers_of(kafka, f"{topic_prefix}sessions"))
    assert {"type", "version", "run_id", "scenario"} <= headers.keys()

    blind = inside("digest", "--from", log, "--run-id", "avro")
    assert "name a schema of a registry: give its address with --registry" in blind.stderr
    consumed = inside("consume", "--drain", "--from", log)
    assert (consumed.returncode, "dead-letters replay --all" in consumed.stderr) == (0, True)
    drained = consumed.stdout
    of_avro = sum(1 for _ in simulate(SCENARIO))
    assert f"dead letters  {of_avro:,}" in drained
    succeed(inside, "verify", "--from", log, "--run-id", "plain")
    assert "needs_registry" in succeed(inside, "dead-letters", "list")
    left = inside("dead-letters", "replay", "1")
    assert (left.returncode, "give its address with --registry" in left.stdout) == (1, True)
    replayed = succeed(inside, "dead-letters", "replay", "--all", "--registry", registry.url)
    assert f"stored {of_avro:,}, already stored 0, left 0" in replayed
    for run_id in ("plain", "avro"):
        succeed(inside, "verify", "--from", log, "--run-id", run_id)

    # In one go, from the start, as another group.
    again = succeed(
        inside, "consume", "--drain", "--from", log, "--into", "sqlite:b.sqlite", "--registry", registry.url
    )
    assert "dead letters  0" in again
    for run_id in ("plain", "avro"):
        succeed(inside, "verify", "--from", log, "--into", "sqlite:b.sqlite", "--run-id", run_id)


@pytest.mark.slow
def test_an_unknown_schema_becomes_a_dead_letter_and_its_neighbours_rows(
    inside: Cli, kafka: KafkaCluster, registry: RegistryServer, topic_prefix: str, log: str
) -> None:
    avro = ("--registry", registry.url, "--value-format", "avro")
    succeed(inside, "topics", "create", "--to", log, "--partitions", "1", *avro)
    poison = [id_prefix(2**31 - 1) + b"whatever", b"\0\0\0", b"\1" * 17]
    asyncio.run(produce(kafka, f"{topic_prefix}sessions", poison))
    succeed(inside, *RUN, "--to", log, *avro)
    drained = succeed(inside, "consume", "--drain", "--from", log, "--registry", registry.url, "--schema-wait-s", "0")
    assert "dead letters  3" in drained
    listed = succeed(inside, "dead-letters", "list")
    assert "unknown_schema" in listed
    assert "bad_schema_id" in listed
    assert "2147483647 is not known to the schema registry" in listed
    succeed(inside, "verify", "--from", log, "--registry", registry.url)
    left = inside("dead-letters", "replay", "--all", "--registry", registry.url)
    assert left.returncode == 1
    assert "left 3" in left.stdout


def spoken_for(event: Event, mood: str | None) -> dict[str, Any]:
    return msgspec.structs.asdict(event) | {"mood": mood}


@pytest.mark.slow
def test_a_schema_evolves_while_a_consumer_runs(  # noqa: PLR0917 - fixtures
    inside: Cli,
    start: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    kafka: KafkaCluster,
    registry: RegistryServer,
    topic_prefix: str,
    log: str,
) -> None:
    avro = ("--registry", registry.url, "--value-format", "avro")
    succeed(inside, "topics", "create", "--to", log, "--partitions", "1", *avro)
    succeed(inside, *RUN, "--to", log, *avro)
    succeed(inside, "migrate", "--into", "sqlite:w.sqlite")
    consumer = start("consume", "--from", log, "--into", "sqlite:w.sqlite", "--registry", registry.url)

    def stored(table: str) -> int:
        with sqlite3.connect(tmp_path / "w.sqlite") as connection:
            return int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])

    events = [event for event in simulate(SCENARIO) if WIRE_NAMES[type(event)] == "session"]
    wait_for(lambda: stored("sessions") == len(events) or consumer.poll() is not None)
    assert consumer.poll() is None, consumer.communicate()

    schema = avro_schema(EVENT_TYPES["session"])
    schema["fields"].append({"name": "mood", "type": ["null", "string"], "default": None})
    client = HttpRegistry(registry_address(registry.url, Settings({})))
    subject = f"{topic_prefix}sessions-value"
    registered = asyncio.run(client.register(subject, SchemaText(SchemaKind.AVRO, json.dumps(schema))))
    values = []
    for event in events[:50]:
        out = io.BytesIO()
        out.write(id_prefix(registered.schema_id))
        later = msgspec.structs.replace(event, run_id="evolved")
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema), spoken_for(later, "good"))
        values.append(out.getvalue())
    asyncio.run(produce(kafka, f"{topic_prefix}sessions", values))
    wait_for(lambda: stored("sessions") == len(events) + 50 or consumer.poll() is not None)
    consumer.send_signal(signal.SIGTERM)
    _, errors = consumer.communicate()
    assert consumer.returncode == 128 + signal.SIGTERM, errors
    assert stored("dead_letters") == 0


@pytest.mark.slow
def test_a_registry_may_go_away_while_its_schemas_are_in_use(  # noqa: PLR0917 - fixtures
    inside: Cli,
    start: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    registry_factory: Callable[[], RegistryServer],
    topic_prefix: str,
    log: str,
) -> None:
    registry = registry_factory()
    avro = ("--registry", registry.url, "--value-format", "avro")
    succeed(inside, "topics", "create", "--to", log, "--partitions", "1", *avro)
    succeed(inside, "migrate", "--into", "sqlite:w.sqlite")
    run = start(*RUN, "--to", log, *avro, "--speed", pace(20_000))
    consumer = start("consume", "--from", log, "--into", "sqlite:w.sqlite", "--registry", registry.url)

    def stored() -> int:
        with sqlite3.connect(tmp_path / "w.sqlite") as connection:
            tables = [PLURALS[name] for name in EVENT_TYPES]
            return sum(int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]) for table in tables)

    def is_over() -> bool:
        return run.poll() is not None or consumer.poll() is not None

    wait_for(lambda: stored() > 0 or is_over())
    registry.stop()
    stored_then = stored()
    wait_for(lambda: stored() >= stored_then + 20 or is_over())
    assert consumer.poll() is None, consumer.communicate()
    run.send_signal(signal.SIGTERM)  # it may be slow on a busy machine, and has shown enough
    _, errors = run.communicate()
    assert run.returncode in (0, 128 + signal.SIGTERM), errors
    described = succeed(inside, "topics", "describe", "--to", log)
    in_log = sum(int(line.split()[3].replace(",", "")) for line in described.splitlines() if f"{topic_prefix}" in line)
    assert in_log > stored_then
    wait_for(lambda: stored() == in_log or consumer.poll() is not None)
    consumer.send_signal(signal.SIGTERM)
    _, errors = consumer.communicate()
    assert consumer.returncode == 128 + signal.SIGTERM, errors
    away = inside("consume", "--drain", "--from", log, "--registry", registry.url)
    assert away.returncode == 3
    assert re.search(rf"cannot reach the schema registry at {re.escape(registry.url)} \(tried for \d+ s\)", away.stderr)
