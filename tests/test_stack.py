"""The local services: what was acknowledged survives a SIGKILL, and both ways to run them agree."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymysql
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from compose.endpoints import Endpoints, write_env
from compose.native import KafkaCluster, MySQLServer, StackError
from compose.native.install import ensure_compose_checker
from compose.native.ports import free_port
from compose.native.server import ProcessIdentity
from compose.native.settings import COMPOSE_DIR, load_settings
from compose.superset.server import SupersetServer
from tests.support.patience import HANG_S

pytestmark = pytest.mark.services

ROOT = COMPOSE_DIR.parent
COMPOSE_FILE = COMPOSE_DIR / "docker-compose.yml"
COMPOSE_PASSWORDS = (
    "SOCIALSIM_MYSQL_PASSWORD",
    "SOCIALSIM_MYSQL_MIGRATOR_PASSWORD",
    "SOCIALSIM_MYSQL_READER_PASSWORD",
    "SOCIALSIM_MYSQL_ROOT_PASSWORD",
)
SUPERSET_SECRETS = ("SOCIALSIM_SUPERSET_PASSWORD", "SOCIALSIM_SUPERSET_SECRET_KEY")


async def _create_topic(kafka: KafkaCluster, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, len(kafka.brokers))])
    finally:
        await admin.close()


async def _produce(kafka: KafkaCluster, topic: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)


async def _read(kafka: KafkaCluster, topic: str) -> list[bytes]:
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest") as consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes] = []
        while len(values) < end:
            values.append((await consumer.getone()).value)
        return values


async def test_one_broker_keeps_what_it_acknowledged_over_sigkill(
    kafka_cluster_factory: Callable[..., KafkaCluster],
) -> None:
    kafka = kafka_cluster_factory(brokers=1)
    await _create_topic(kafka, "things")
    await _produce(kafka, "things", [b"0", b"1", b"2"])
    before = kafka.brokers[0].identity
    kafka.brokers[0].kill()
    assert before is not None
    assert not before.alive
    kafka.brokers[0].start()
    await _produce(kafka, "things", [b"3"])
    assert await _read(kafka, "things") == [b"0", b"1", b"2", b"3"]


async def test_three_brokers_go_on_without_one_and_take_it_back(
    kafka_cluster_factory: Callable[..., KafkaCluster],
) -> None:
    kafka = kafka_cluster_factory(brokers=3)
    await _create_topic(kafka, "things")
    await _produce(kafka, "things", [b"0", b"1"])
    kafka.brokers[0].kill()
    await _produce(kafka, "things", [b"2"])
    kafka.brokers[0].start()
    await _produce(kafka, "things", [b"3"])
    assert await _read(kafka, "things") == [b"0", b"1", b"2", b"3"]


async def test_shared_broker_makes_no_topic_by_itself(kafka: KafkaCluster, topic_prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.describe_topics([f"{topic_prefix}typo"])
        assert f"{topic_prefix}typo" not in await admin.list_topics()
    finally:
        await admin.close()


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_mysql_keeps_what_it_committed_over_sigkill(mysql_factory: Callable[..., MySQLServer], flavour: str) -> None:
    server = mysql_factory(flavour=flavour)
    server.create_database("shop")
    with server.root_cursor("shop") as cursor:
        cursor.execute("CREATE TABLE things (id INT PRIMARY KEY)")
        cursor.execute("INSERT INTO things VALUES (1), (2)")
    server.kill()
    with pytest.raises(pymysql.err.OperationalError), server.root_cursor():
        pass
    server.start()
    with server.root_cursor("shop") as cursor:
        cursor.execute("SELECT id FROM things ORDER BY id")
        assert cursor.fetchall() == ((1,), (2,))


def test_mysql_has_no_open_account_and_the_shared_settings(mysql: MySQLServer) -> None:
    with mysql.root_cursor() as cursor:
        cursor.execute("SELECT @@version")
        version = cursor.fetchone()
        cursor.execute("SELECT @@sql_mode, @@character_set_server, @@time_zone, @@local_infile, @@log_bin")
        settings = cursor.fetchone()
        cursor.execute("SELECT DISTINCT user FROM mysql.user WHERE host NOT IN ('localhost', '127.0.0.1')")
        strangers = cursor.fetchall()
    assert version is not None
    assert version[0].startswith("10." if mysql.flavour == "mariadb" else load_settings().mysql.native)
    assert settings is not None
    assert settings[1:] == ("utf8mb4", "+00:00", 0, 0)
    assert set(settings[0].split(",")) == set(load_settings().mysql.options["sql-mode"].split(","))
    assert strangers == ()
    for user in ("root", "", "nobody"):
        with pytest.raises(pymysql.err.OperationalError, match="1045"):
            pymysql.connect(host=mysql.host, port=mysql.port, user=user, password="")


def test_a_databases_user_sees_that_database_only(fresh_database: Any) -> None:
    connection = pymysql.connect(
        host=fresh_database.host,
        port=fresh_database.port,
        user=fresh_database.user,
        password=fresh_database.password,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SHOW DATABASES")
        names = {row[0] for row in cursor.fetchall()} - {"information_schema", "performance_schema"}
    assert names == {fresh_database.name}
    assert fresh_database.url == (
        f"mysql://{fresh_database.user}@127.0.0.1:{fresh_database.port}/{fresh_database.name}"
    )
    assert fresh_database.password not in repr(fresh_database)


def test_frozen_server_answers_again_when_thawed(mysql_factory: Callable[..., MySQLServer]) -> None:
    server = mysql_factory(flavour="mariadb")
    server.freeze()
    assert server.identity is not None
    assert server.identity.alive
    with socket.create_connection((server.host, server.port)) as connection:
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)  # a living server speaks first
    server.thaw()
    server.wait_ready()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = MySQLServer.create(tmp_path, flavour="mariadb", options={"no-such-option": "1"})
    with pytest.raises(StackError, match="no-such-option"):
        server.start()


def test_servers_die_with_the_process_that_started_them(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from compose.native import MySQLServer\n"
        "server = MySQLServer.create(Path(sys.argv[1]), flavour='mariadb'); server.start()\n"
        "print(server.identity.pid, server.identity.start_ticks, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        server = ProcessIdentity(*map(int, parent.stdout.readline().split()))
        assert server.alive
        parent.send_signal(signal.SIGKILL)
    assert server.wait_gone(timeout_s=HANG_S)


def test_a_pid_that_was_given_to_another_process_is_not_signalled() -> None:
    ours = ProcessIdentity.of(os.getpid())
    assert ours is not None
    earlier = ProcessIdentity(ours.pid, ours.start_ticks - 1)
    assert not earlier.alive
    assert not earlier.send(signal.SIGKILL)


def test_up_outlives_its_command_and_down_ends_exactly_that(tmp_path: Path) -> None:
    def native(*arguments: str) -> str:
        argv = [sys.executable, "-m", "compose.native", "--directory", str(tmp_path / "stack"), *arguments]
        return subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    try:
        said = native("up", "--flavour", "mariadb", "--registry")
        assert "mysql://socialsim@127.0.0.1:" in said
        assert re.search(r"^Schema registry  http://127\.0\.0\.1:\d+/apis/ccompat/v7$", said, flags=re.MULTILINE)
        state_path = tmp_path / "stack" / "state.json"
        assert stat.S_IMODE(state_path.stat().st_mode) == 0o600
        state = json.loads(state_path.read_text())
        processes = [
            ProcessIdentity(*state["mysql"]["process"]),
            ProcessIdentity(*state["kafka"]["processes"][0]),
            ProcessIdentity(*state["registry"]["process"]),
        ]
        assert all(process.alive for process in processes)
        assert native("status").count("up, pid") == 3
    finally:
        native("down", "--wipe")
    assert not any(process.alive for process in processes)
    assert not (tmp_path / "stack").exists()


def test_free_ports_lie_below_those_of_outgoing_connections() -> None:
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == 20
    assert max(ports) < first_outgoing


def test_env_file_is_private_and_keeps_foreign_lines(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("MINE=1\nSOCIALSIM_TO=file:./elsewhere\n")
    write_env(path, Endpoints("kafka://k:1", "mysql://u@m:2/d", {"SOCIALSIM_MYSQL_PASSWORD": "pw"}).as_environment())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().splitlines() == [
        "MINE=1",
        "SOCIALSIM_TO=kafka://k:1",
        "SOCIALSIM_FROM=kafka://k:1",
        "SOCIALSIM_INTO=mysql://u@m:2/d",
        "SOCIALSIM_MYSQL_PASSWORD=pw",
    ]
    write_env(path, {})
    assert path.read_text() == "MINE=1\n"
    path.write_text("SOCIALSIM_TO=kafka://k:1\n")
    write_env(path, {})
    assert not path.exists()


def _compose_config(**environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SOCIALSIM_")}
    with tempfile.NamedTemporaryFile() as no_env_file:  # else a person's own .env would be read
        return subprocess.run(
            [ensure_compose_checker(), "-f", str(COMPOSE_FILE), "--env-file", no_env_file.name, "config"],
            env=kept | environment,
            capture_output=True,
            text=True,
            check=False,
        )


def _compose_words(*, password: str) -> str:
    done = _compose_config(**dict.fromkeys((*COMPOSE_PASSWORDS, *SUPERSET_SECRETS), password))
    assert done.returncode == 0, done.stderr
    return done.stdout


def _services(words: str) -> dict[str, str]:
    services = re.split(r"^  (\w+):\n", f"\n{words}".partition("\nservices:\n")[2], flags=re.MULTILINE)[1:]
    return dict(zip(services[::2], services[1::2], strict=True))


def test_compose_file_is_valid_and_has_the_passwords_from_outside() -> None:
    password = secrets.token_hex(8)
    words = _compose_words(password=password)
    passwords = re.findall(r"^\s+\w*PASSWORD\w*: (.*)$", words, flags=re.MULTILINE)
    assert len(passwords) >= len(COMPOSE_PASSWORDS)
    assert set(passwords) == {password}


@pytest.mark.parametrize("missing", COMPOSE_PASSWORDS)
def test_compose_file_refuses_to_work_without_a_password(missing: str) -> None:
    given = dict.fromkeys(COMPOSE_PASSWORDS, "x")
    done = _compose_config(**{**given, missing: ""})
    assert done.returncode != 0
    assert "set a password" in done.stderr


def test_compose_file_publishes_on_loopback_only() -> None:
    published = re.findall(r"^\s+- (\S*:\d+/tcp)$", _compose_words(password="x"), flags=re.MULTILINE)
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_compose_file_asks_run_consume_and_kpi_whether_they_are_ready() -> None:
    words = _compose_words(password="x")
    ports = set(re.findall(r"^\s+SOCIALSIM_METRICS_PORT: '?(\d+)'?$", words, flags=re.MULTILINE))
    asked = {name: re.findall(r"http://127\.0\.0\.1:(\d+)/readyz", text) for name, text in _services(words).items()}
    asked = {name: found for name, found in asked.items() if found}
    assert len(ports) == 1
    assert asked == {key: list(ports) for key in ("run", "consume", "kpi")}


def test_compose_file_follows_days_with_the_books_of_the_run_at_hand() -> None:
    services = _services(_compose_words(password="x"))
    assert re.search(r"^    command:\n\s+- kpi\n\s+- --follow$", services["kpi"], flags=re.MULTILINE)
    assert re.search(r"^    restart: on-failure$", services["kpi"], flags=re.MULTILINE)
    assert re.search(
        r"^      migrate:\n\s+condition: service_completed_successfully$", services["kpi"], flags=re.MULTILINE
    )
    books = {
        name: re.findall(r"^\s+- runs:(\S+?)(?::rw)?$", text, flags=re.MULTILINE) for name, text in services.items()
    }
    (place,) = books["run"]
    assert books["kpi"] == [place]
    assert {found[0] for text in services.values() if (found := re.findall(r"SOCIALSIM_RUNS: (\S+)", text))} == {place}
    assert f"install --directory --owner socialsim {place}\n" in (COMPOSE_DIR / "Dockerfile").read_text()


def test_compose_file_gives_the_administrators_password_to_the_server_alone_and_the_migrators_to_migrate() -> None:
    by_name = _services(_compose_words(password="x"))
    assert {name for name, text in by_name.items() if "ROOT_PASSWORD" in text} == {"mysql"}
    assert {name for name, text in by_name.items() if "MIGRATOR_PASSWORD" in text} == {"mysql", "migrate"}
    assert {name for name, text in by_name.items() if "READER_PASSWORD" in text} == {"mysql", "superset"}
    assert {name for name, text in by_name.items() if "SUPERSET_PASSWORD" in text} == {"superset"}


def test_superset_is_the_same_in_compose_and_natively_and_comes_only_when_asked_for(tmp_path: Path) -> None:
    # without a password of Superset's
    assert _compose_config(**dict.fromkeys(COMPOSE_PASSWORDS, "x")).returncode == 0
    service = _services(_compose_words(password="x"))["superset"]
    assert re.search(r"^    profiles:\n\s+- superset$", service, flags=re.MULTILINE)
    locked = re.search(r"^apache-superset==(\S+)", (ROOT / "requirements" / "superset.txt").read_text(), re.MULTILINE)
    assert locked
    assert f"image: socialsim-superset:{locked[1]}\n" in service
    server = SupersetServer.create(tmp_path, {}, port=8088)
    program, _, _, *options = server.command()
    command = f"{Path(program).name} --bind 0.0.0.0:8088 {' '.join(options[:-1])} '{options[-1]}'"
    dockerfile = (COMPOSE_DIR / "superset" / "Dockerfile").read_text()
    assert f'CMD ["sh", "-c", "python prepare.py && exec {command}"]' in dockerfile
    (asked,) = re.findall(r"^REQUIRED = \((.*)\)$", (COMPOSE_DIR / "superset" / "prepare.py").read_text(), re.MULTILINE)
    for name in re.findall(r"\w+", asked):
        assert f" {name}: " in service


def test_compose_file_and_native_stack_have_equal_settings() -> None:
    settings = load_settings()
    words = _compose_words(password="x")
    assert f"image: apache/kafka:{settings.kafka.version}\n" in words
    assert f"image: mysql:{settings.mysql.image}\n" in words
    registry = _services(words)["registry"]
    assert f"image: apicurio/apicurio-registry-kafkasql:{settings.registry.version}\n" in registry
    assert settings.registry.version in settings.registry.artifact
    assert f"http://127.0.0.1:8080{settings.registry.path}/subjects" in registry
    assert re.search(r"^    profiles:\n\s+- registry$", registry, flags=re.MULTILINE)
    assert settings.mysql.image.split(".")[0] == settings.mysql.native.split(".")[0]

    in_compose = {
        key.lower().replace("_", "."): value.strip("'\"")
        for key, value in re.findall(r"^\s+KAFKA_(\w+): (.*)$", _services(words)["kafka"], flags=re.MULTILINE)
    }
    where = {"process.roles", "node.id", "controller.quorum.voters", "listeners", "advertised.listeners"}
    where |= {"listener.security.protocol.map", "controller.listener.names", "inter.broker.listener.name", "log.dirs"}
    shared = {key: value for key, value in in_compose.items() if key not in where}
    assert shared == {**settings.kafka.properties, **settings.kafka.replication["1"]}

    mysql = re.search(r"^  mysql:\n(?:    .*\n)+", words, flags=re.MULTILINE)
    assert mysql is not None
    options = dict(re.findall(r"^\s+- --([a-z-]+)=?(.*)$", mysql[0], flags=re.MULTILINE))
    for own in ("mysqlx", "innodb-buffer-pool-size"):  # not known to MariaDB; a matter of size
        assert options.pop(own)
    assert options == settings.mysql.options


def test_make_help_names_every_target() -> None:
    make = shutil.which("make")
    assert make is not None
    listed = subprocess.run([make, "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    targets = set(re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {line.split()[1] for line in listed.splitlines()} == targets
