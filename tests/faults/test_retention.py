"""Topics that would lose what is written into them, and a log that has lost it."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from compose.native import KafkaCluster
from compose.native.kafka import java
from socialsim.bootstrap.log import TOPICS
from socialsim.transport.kafka import KafkaLog, describe_topics
from tests.cli.conftest import Cli, inside  # noqa: F401 - a fixture
from tests.support.services import KafkaFactory

RUN = ("run", "--users", "60", "--days", "2", "--shards", "4", "--processes", "1", "--run-id", "ra")
QUICK_RETENTION = {"log.retention.check.interval.ms": "500", "log.segment.delete.delay.ms": "100"}


async def admin(log: KafkaLog, *, make: dict[str, str] | None = None) -> None:
    """Delete the topics; with ``make`` they are made with these settings and no other."""
    client = AIOKafkaAdminClient(bootstrap_servers=list(log.bootstrap))
    await client.start()
    names = [log.topic(topic) for topic in TOPICS]
    try:
        if make is None:
            await client.delete_topics(names)
            while {each["topic"] for each in (await client.describe_topics()) if not each["error_code"]} & set(names):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        else:
            answer: Any = await client.create_topics([NewTopic(name, 2, 1, topic_configs=make) for name in names])
            assert not any(code for _, code, *_ in answer.topic_errors)
    finally:
        await client.close()


def records(log: KafkaLog) -> int:
    return sum(topic.records for topic in asyncio.run(describe_topics(log, TOPICS)))


@pytest.fixture
def log(kafka: KafkaCluster, topic_prefix: str) -> KafkaLog:
    return KafkaLog((kafka.bootstrap,), topic_prefix)


def test_topics_with_the_default_retention_are_refused_until_they_are_altered(
    kafka_cluster_factory: KafkaFactory,
    inside: Cli,  # noqa: F811
) -> None:
    cluster = kafka_cluster_factory(properties=QUICK_RETENTION)
    log = KafkaLog((cluster.bootstrap,))
    to = ("--to", log.url)
    asyncio.run(admin(log, make={}))
    for command in (("topics", "create", "--partitions", "2", *to), (*RUN, *to)):
        refused = inside(*command)
        assert refused.returncode == 2, refused.stdout
        assert "retention.ms is 604800000, needed is -1" in refused.stderr
        assert "socialsim.users" in refused.stderr
        assert f"`socialsim topics alter --to {log.url}`" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    assert records(log) == 0

    # The very line of Kafka's tools mends the first topic, ours the rest.
    line = refused.stderr.rpartition("`kafka-configs.sh ")[2].rpartition("`")[0]
    subprocess.run(java("kafka.admin.ConfigCommand", *line.split()), check=True, capture_output=True)
    again = inside(*RUN, *to)
    assert again.returncode == 2
    assert "in socialsim.pictures" not in again.stderr or "socialsim.users" not in again.stderr
    described = inside("topics", "describe", *to).stdout
    assert "not as needed" in described
    altered = inside("topics", "alter", *to)
    assert altered.returncode == 0, altered.stderr
    assert "retention.ms" in altered.stdout
    assert "altered none" in inside("topics", "alter", *to).stdout
    assert "not as needed" not in inside("topics", "describe", *to).stdout

    created = inside("topics", "create", "--partitions", "2", *to)
    assert "all exist with the required settings" in created.stdout, created.stderr
    ran = inside(*RUN, *to)
    assert ran.returncode == 0, ran.stderr
    written = records(log)
    assert written > 0
    # Retention looks every half second: once it has passed over a topic beside them that may lose,
    # ours are still full.
    bait = KafkaLog(log.bootstrap, "bait.")
    asyncio.run(admin(bait, make={"segment.ms": "100"}))
    assert inside(*RUN[:-1], "rb", "--no-topic-check", "--to", bait.url).returncode in (0, 1)
    wait_until_empty(bait)
    assert records(log) == written
    lost = inside("run", "--resume", "rb", "--to", bait.url)
    assert lost.returncode in (1, 2), lost.stdout
    assert "nothing to do" not in lost.stdout


def wait_until_empty(log: KafkaLog) -> None:
    async def wait() -> None:
        async with asyncio.timeout(60):
            while sum(topic.records for topic in await describe_topics(log, TOPICS)):  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    asyncio.run(wait())


def test_a_complete_run_whose_topics_were_made_anew_says_so_and_is_simulated_again(
    log: KafkaLog,
    inside: Cli,  # noqa: F811
) -> None:
    to = ("--to", log.url)
    create = ("topics", "create", "--partitions", "2", *to)
    assert inside(*create).returncode == 0
    assert inside(*RUN, *to).returncode == 0
    written = records(log)
    resume = ("run", "--resume", "ra", *to)
    assert "nothing to do" in inside(*resume).stdout
    drained = inside("consume", "--drain", "--from", log.url, "--into", "sqlite:///w.sqlite")
    assert drained.returncode == 0, drained.stderr

    asyncio.run(admin(log))
    assert inside(*resume).returncode == 1
    assert inside(*create).returncode == 0
    for command in (resume, (*RUN, *to)):
        lost = inside(*command)
        assert lost.returncode == 1, lost.stdout
        assert f"at least {written:,} of {written:,} records" in lost.stderr
        assert f"`socialsim run --resume ra --again --to {log.url}`" in lost.stderr
    again = inside(*resume, "--again")
    assert again.returncode == 0, again.stderr
    assert records(log) == written
    assert "nothing to do" in inside(*resume).stdout


def test_a_run_that_was_stopped_begins_anew_if_its_topics_were(log: KafkaLog, inside: Cli, tmp_path: Path) -> None:  # noqa: F811
    to = ("--to", log.url)
    create = ("topics", "create", "--partitions", "2", *to)
    assert inside(*create).returncode == 0
    assert inside(*RUN, *to).returncode == 0
    written = records(log)
    book = tmp_path / "socialsim-data/runs/ra/run.json"
    # as after SIGINT at its very end
    book.write_text(book.read_text().replace('"complete"', '"stopped"'))
    asyncio.run(admin(log))
    assert inside(*create).returncode == 0
    resumed = inside("run", "--resume", "ra", *to)
    assert resumed.returncode == 0, resumed.stderr
    assert "simulating it from the beginning" in resumed.stderr
    assert records(log) == written
