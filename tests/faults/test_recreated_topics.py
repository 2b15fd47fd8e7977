"""Names that come to mean something else: topics deleted and made again, a file run written anew
under the same id.
"""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from compose.native import KafkaCluster
from socialsim import Scenario
from socialsim.bootstrap.log import TOPICS
from socialsim.transport.kafka import KafkaLog
from socialsim.transport.kafka.identity import read_topics
from tests.support.account import assert_stored, events_of
from tests.support.processes import Cli
from tests.warehouse.warehouse_fixtures import WarehouseFixture

FIRST = Scenario(users=60, days=2)
SECOND = Scenario(users=150, days=3, seed=9)
RUN_FIRST = ("run", "--users", "60", "--days", "2", "--run-id", "ra")
RUN_SECOND = ("run", "--users", "150", "--days", "3", "--seed", "9", "--run-id", "rb")

Start = Callable[..., Cli]


@pytest.fixture
def log(kafka: KafkaCluster, topic_prefix: str) -> KafkaLog:
    return KafkaLog((kafka.bootstrap,), topic_prefix)


@pytest.fixture
def db(tmp_path: Path) -> WarehouseFixture:
    """The default warehouse of what is started in ``tmp_path``."""
    return WarehouseFixture(f"sqlite:///{tmp_path}/socialsim-data/socialsim.sqlite", None)


async def delete_topics(log: KafkaLog) -> None:
    """Delete them with Kafka's own means, and wait until they are gone."""
    client = AIOKafkaAdminClient(bootstrap_servers=list(log.bootstrap))
    await client.start()
    try:
        await client.delete_topics([log.topic(topic) for topic in TOPICS])
    finally:
        await client.close()
    async with asyncio.timeout(60):
        while (await read_topics(log, TOPICS, timeout_s=60)).topics:  # noqa: ASYNC110 - the broker calls nobody back
            await asyncio.sleep(0.05)


def make_anew(start: Start, log: KafkaLog) -> None:
    asyncio.run(delete_topics(log))
    start("topics", "create", "--to", log.url, "--partitions", "2").wait(0)


def test_topics_made_anew_stop_the_consumer_and_can_be_read_from_their_start(
    start: Start, log: KafkaLog, db: WarehouseFixture
) -> None:
    drain = ("consume", "--drain", "--from", log.url)
    start("topics", "create", "--to", log.url, "--partitions", "2").wait(0)
    start(*RUN_FIRST, "--to", log.url).wait(0)
    start(*drain).wait(0)
    make_anew(start, log)
    start(*RUN_SECOND, "--to", log.url).wait(0)

    refused = start(*drain)
    refused.wait(2)
    assert refused.says("it was deleted and recreated"), refused.tail()
    assert refused.says("--restart-replaced"), refused.tail()
    assert "Traceback" not in refused.tail()
    assert_stored(db, events_of(FIRST, "ra"), dead_letters=0)

    start(*drain, "--restart-replaced").wait(0)
    assert_stored(db, (*events_of(FIRST, "ra"), *events_of(SECOND, "rb")), dead_letters=0)
    start(*drain).wait(0)
    verified = start("verify", "--from", log.url, "--run-id", "rb")
    assert "log end" in verified.wait(0)


def test_verify_and_a_new_group_know_that_positions_of_deleted_topics_are_void(
    start: Start, log: KafkaLog, db: WarehouseFixture
) -> None:
    start("topics", "create", "--to", log.url, "--partitions", "2").wait(0)
    start(*RUN_FIRST, "--to", log.url).wait(0)
    start("consume", "--drain", "--from", log.url).wait(0)
    make_anew(start, log)
    start("run", "--resume", "ra", "--again", "--to", log.url).wait(0)
    # The same events in topics of the same names and ends: nothing of these was read.
    verified = start("verify", "--from", log.url)
    assert "records are not consumed yet" in verified.wait(1)
    start("consume", "--drain", "--from", log.url, "--group", "new").wait(0)
    start("verify", "--from", log.url).wait(0)
    assert_stored(db, events_of(FIRST, "ra"), dead_letters=0)


def test_a_complete_run_whose_topics_were_made_anew_is_simulated_into_the_new_ones_when_asked(
    start: Start, log: KafkaLog
) -> None:
    start("topics", "create", "--to", log.url, "--partitions", "2").wait(0)
    start(*RUN_FIRST, "--to", log.url).wait(0)
    assert "is complete" in start(*RUN_FIRST, "--to", log.url).wait(0)
    digest = start("digest", "--from", log.url).wait(0)
    make_anew(start, log)
    lost = start(*RUN_FIRST, "--to", log.url)
    assert "nothing to do" not in lost.wait(1)
    assert lost.says("--again"), lost.tail()
    start("run", "--resume", "ra", "--again", "--to", log.url).wait(0)
    assert start("digest", "--from", log.url).wait(0) == digest


def test_another_scenario_under_the_id_of_a_run_whose_books_are_gone_is_not_stored(
    start: Start, log: KafkaLog, db: WarehouseFixture, tmp_path: Path
) -> None:
    start("topics", "create", "--to", log.url, "--partitions", "2").wait(0)
    start(*RUN_FIRST, "--to", log.url).wait(0)
    start("consume", "--drain", "--from", log.url).wait(0)
    shutil.rmtree(tmp_path / "socialsim-data" / "runs")
    start("run", "--users", "70", "--days", "2", "--run-id", "ra", "--to", log.url).wait(0)
    refused = start("consume", "--drain", "--from", log.url)
    refused.wait(2)
    assert refused.says("run ra: the warehouse holds rows of the scenario with digest"), refused.tail()
    assert_stored(db, events_of(FIRST, "ra"), dead_letters=0)


def test_a_file_run_written_anew_under_its_id_stops_the_consumer(
    start: Start, db: WarehouseFixture, tmp_path: Path
) -> None:
    events = tmp_path / "socialsim-data" / "events"
    start(*RUN_FIRST).wait(0)
    start("consume", "--drain").wait(0)
    shutil.rmtree(events / "ra")
    start(*RUN_FIRST).wait(0)
    refused = start("consume", "--drain")
    refused.wait(2)
    assert refused.says("it was deleted and recreated"), refused.tail()
    start("consume", "--drain", "--restart-replaced").wait(0)
    start("verify", "--from", f"file:{events}").wait(0)
    assert_stored(db, events_of(FIRST, "ra"), dead_letters=0)


def test_a_file_run_of_another_scenario_under_a_stored_id_is_not_stored(
    start: Start, db: WarehouseFixture, tmp_path: Path
) -> None:
    start(*RUN_FIRST).wait(0)
    start("consume", "--drain").wait(0)
    shutil.rmtree(tmp_path / "socialsim-data" / "events" / "ra")
    shutil.rmtree(tmp_path / "socialsim-data" / "runs" / "ra")
    start("run", "--users", "70", "--days", "2", "--run-id", "ra").wait(0)
    refused = start("consume", "--drain", "--restart-replaced")
    refused.wait(2)
    assert refused.says("run ra: the warehouse holds rows of the scenario with digest"), refused.tail()
    assert_stored(db, events_of(FIRST, "ra"), dead_letters=0)
