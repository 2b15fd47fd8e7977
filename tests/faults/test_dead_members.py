"""A drain beside members of its group that were killed: it is over when the whole log is stored, or
says that it is not.
"""

import signal
from collections.abc import Callable

import pytest

from compose.native import KafkaCluster
from socialsim import Scenario
from tests.faults.marks import one_flavour
from tests.support.account import assert_stored, events_of
from tests.support.patience import eventually
from tests.support.processes import Cli
from tests.warehouse.warehouse_fixtures import WarehouseFixture

pytestmark = one_flavour

TOWN = Scenario(users=1000, days=2, seed=4, shards=8)
RUN = ("run", "--users", "1000", "--days", "2", "--seed", "4", "--shards", "8")
PARTITIONS = 4
#: Row by row, so that the end comes in the middle of the work.
SLOWLY = ("--batch-rows", "1")

Start = Callable[..., Cli]


@pytest.fixture
def consume(start: Start, kafka: KafkaCluster, mysql_db: WarehouseFixture, topic_prefix: str) -> Callable[..., Cli]:
    """Starts a consumer of a log that holds the whole town."""
    log = f"{kafka.url}/{topic_prefix.rstrip('.')}"
    start("topics", "create", "--to", log, "--partitions", str(PARTITIONS)).wait(0)
    start(*RUN, "--to", log).wait(0)
    secret = {"SOCIALSIM_MYSQL_PASSWORD": mysql_db.password or ""}
    return lambda *options: start("consume", "--from", log, "--into", mysql_db.url, *options, **secret)


def stored_records(db: WarehouseFixture) -> int:
    (row,) = db.rows("SELECT SUM(next_offset) AS n FROM consumer_offsets")
    return int(row["n"] or 0)


def kill_beside(drain: Cli, victims: list[Cli], db: WarehouseFixture) -> None:
    """Once the group has dealt its partitions out among all, the others die; much of the log is
    theirs and not stored.
    """
    eventually(lambda: drain.says(" more partitions, "), "the drain has its share")
    for victim in victims:
        assert victim.process.poll() is None
        victim.send(signal.SIGKILL)
    assert stored_records(db) < len(events_of(TOWN)), "the victims had done all the work before they died"


def test_a_drain_takes_over_what_members_held_that_were_killed(
    consume: Callable[..., Cli], mysql_db: WarehouseFixture
) -> None:
    victims = [consume(*SLOWLY, "--session-timeout-s", "15") for _ in range(2)]
    eventually(lambda: stored_records(mysql_db) > 0, "the first ones are at work")
    drain = consume("--drain", "--session-timeout-s", "15")
    kill_beside(drain, victims, mysql_db)
    drain.wait(0)
    assert drain.says("drain waits: "), drain.tail()
    assert drain.says("the session of a silent member ends in"), drain.tail()
    assert stored_records(mysql_db) == len(events_of(TOWN))
    assert_stored(mysql_db, events_of(TOWN), dead_letters=0)


def test_a_drain_that_gives_up_on_a_frozen_member_says_so_and_the_next_one_completes(
    consume: Callable[..., Cli], mysql_db: WarehouseFixture
) -> None:
    sleeper = consume(*SLOWLY, "--session-timeout-s", "30")
    eventually(lambda: stored_records(mysql_db) > 0, "the first one is at work")
    drain = consume("--drain", "--session-timeout-s", "6", "--drain-wait-s", "7")
    eventually(lambda: drain.says(" more partitions, "), "the drain has its share")
    sleeper.send(signal.SIGSTOP)
    drain.wait(75)
    assert drain.says("that this consumer does not own are not stored"), drain.tail()
    assert stored_records(mysql_db) < len(events_of(TOWN))
    sleeper.send(signal.SIGKILL)
    consume("--drain", "--session-timeout-s", "15").wait(0)
    assert_stored(mysql_db, events_of(TOWN), dead_letters=0)
