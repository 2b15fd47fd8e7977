"""A consumer that is killed at each step of its cycle: the one that follows it reads the outcome
from the offsets.
"""

import signal
from collections.abc import Callable
from itertools import count

import pytest

from socialsim import Scenario
from tests.faults.marks import one_flavour, slow
from tests.support.account import assert_all_stored
from tests.support.processes import Cli
from tests.support.proxy import MysqlProxy, Rule, Statement, Verdict
from tests.warehouse.warehouse_fixtures import WarehouseFixture

TOWN = Scenario(users=400, days=5, seed=8, shards=8)
RUN = ("run", "--users", "400", "--days", "5", "--seed", "8", "--shards", "8")

#: The statements of a transaction; each is still done by the server, or is not, when the consumer
#: is dead.
STEPS = [
    (kind, verdict)
    for kind in ("select_offsets", "begin", "insert_events", "move_offsets", "commit")
    for verdict in (Verdict.CUT_BEFORE, Verdict.CUT_ANSWER)
]


def striking(lives: list[Cli], kind: str, verdict: Verdict) -> Rule:
    """Kill the process in ``lives`` at one of its first statements of a kind."""
    numbers = count(1)

    def strike(statement: Statement) -> Verdict:
        if statement != kind or next(numbers) != (1 if kind == "select_offsets" else 3):
            return Verdict.PASS
        lives[0].send(signal.SIGKILL)
        return verdict

    return strike


@one_flavour
@pytest.mark.parametrize(
    "steps",
    [STEPS[-3:], slow(STEPS)],
    ids=["about commit", "everywhere"],
)
async def test_a_consumer_killed_at_each_step_is_followed_by_one_that_completes(
    start: Callable[..., Cli],
    mysql_db: WarehouseFixture,
    proxied: WarehouseFixture,
    proxy: MysqlProxy,
    steps: list[tuple[str, Verdict]],
) -> None:
    start(*RUN).wait(0)
    consume = ("consume", "--drain", "--batch-rows", "100", "--into", proxied.url)
    secret = {"SOCIALSIM_MYSQL_PASSWORD": proxied.password}
    stored = -1
    for kind, verdict in steps:
        lives: list[Cli] = []
        proxy.rule = striking(lives, kind, verdict)
        lives.append(start(*consume, **secret))
        lives[0].wait(-signal.SIGKILL)
        (row,) = mysql_db.rows("SELECT SUM(inserted) AS n FROM consumer_offsets")
        assert int(row["n"] or 0) >= stored
        stored = int(row["n"] or 0)
    proxy.rule = lambda _: Verdict.PASS
    start(*consume, **secret).wait(0)
    assert proxy.verdicts.total() == len(steps)
    assert_all_stored(mysql_db, TOWN)
