"""The consumer's edge cases, on virtual time."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from socialsim.consumer import Consumer, ConsumerSettings, ConsumerStats, StuckError
from socialsim.errors import (
    LogReplacedError,
    NotCaughtUpError,
    OffsetsLostError,
    ServiceUnavailableError,
    TerminalError,
    TransientError,
)
from socialsim.testing import Fault, MemoryLog, MemoryReader, MemoryWarehouse, run_virtual
from socialsim.transport.base import Fetched, TopicPartition
from socialsim.warehouse.base import Batch, OffsetAdvance, OffsetKey
from tests.consumer.events import like, picture, raw

PARTITION = TopicPartition("pictures", 0)


def a_log(records: int = 10) -> MemoryLog:
    log = MemoryLog(["pictures"], partitions=1)
    log.append(PARTITION, *raw(*(picture(0, seq) for seq in range(records))))
    return log


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def drained(log: MemoryLog, warehouse: MemoryWarehouse, **settings: Any) -> tuple[ConsumerStats, float]:
    reader = log.reader()
    try:
        return await Consumer(reader, warehouse, ConsumerSettings(drain=True, **settings)).run(), now_s()
    finally:
        await reader.close()


def test_an_invalid_record_becomes_a_dead_letter_and_its_neighbours_are_stored() -> None:
    log = a_log(0)
    good = raw(picture(0, 0), picture(0, 1))
    strange = raw(like(0, 2))[0]  # a valid event in the wrong topic
    log.append(PARTITION, good[0], b"{", strange, good[1])
    warehouse = MemoryWarehouse()
    stats, _ = run_virtual(drained(log, warehouse))
    assert (stats.inserted, stats.dead_letters, stats.lag) == ({"picture": 2}, 2, 0)
    stored = list(warehouse.dead_letters.values())
    assert [(each.topic, each.partition, each.offset, each.raw) for each in stored] == [
        ("pictures", 0, 1, b"{"),
        ("pictures", 0, 2, strange),
    ]
    assert [each.error_class for each in stored] == ["not_json", "invalid_member"]
    assert all(each.reason for each in stored)


def test_polling_continues_during_a_long_outage_of_the_warehouse() -> None:
    log = a_log()

    def away(operation: str) -> Fault | None:
        if now_s() < 600 and warehouse.attempts:
            return Fault.UNREADABLE if operation == "offsets" else Fault.BEFORE_COMMIT
        return None

    warehouse = MemoryWarehouse(1, away)

    async def main() -> tuple[float, int]:
        # More than a batch's worth is waiting, so the reader is paused all the time.
        reader = log.reader()
        consumer = Consumer(reader, warehouse, ConsumerSettings(drain=True, batch_rows=1, poll_records=1))
        await consumer.run()
        return now_s(), reader.polls

    ended_s, polls = run_virtual(main())
    assert 600 <= ended_s < 610
    assert polls > 500
    assert len(warehouse.rows["picture"]) == 10


def test_memory_is_bounded_while_nothing_can_be_stored() -> None:
    log = a_log(5_000)
    warehouse = MemoryWarehouse(delay_s=lambda: 1_000_000.0)

    async def main() -> ConsumerStats:
        consumer = Consumer(
            log.reader(), warehouse, ConsumerSettings(batch_rows=100, poll_records=50, stuck_after_s=60)
        )
        with pytest.raises(StuckError, match="nothing has moved for 60 s"):
            await consumer.run()
        return consumer.stats()

    assert run_virtual(main()).records <= 2 * (100 + 50)


def test_a_terminal_error_ends_the_consumer() -> None:
    warehouse = MemoryWarehouse(1, lambda operation: Fault.TERMINAL if operation == "store" else None)
    with pytest.raises(TerminalError, match="a table is missing"):
        run_virtual(drained(a_log(), warehouse))


def test_stop_stores_the_records_in_memory() -> None:
    log, warehouse = a_log(), MemoryWarehouse(delay_s=lambda: 2.0)

    async def main() -> tuple[ConsumerStats, float]:
        consumer = Consumer(log.reader(), warehouse, ConsumerSettings(batch_rows=4, poll_records=4))
        task = asyncio.create_task(consumer.run())
        await asyncio.sleep(1)
        consumer.stop()
        stats = await task
        return stats, now_s()

    stats, ended_s = run_virtual(main())
    assert ended_s < 10
    assert stats.rows == stats.records == len(warehouse.rows["picture"])


def test_stop_during_an_outage_of_the_warehouse_ends_soon_and_loses_nothing() -> None:
    log = a_log()
    warehouse = MemoryWarehouse(1, lambda operation: Fault.BEFORE_COMMIT if operation == "store" else None)

    async def main() -> float:
        reader = log.reader()
        consumer = Consumer(reader, warehouse, ConsumerSettings())
        task = asyncio.create_task(consumer.run())
        await asyncio.sleep(30)
        consumer.stop()
        stopped_s = now_s()
        await task
        await reader.close()
        return now_s() - stopped_s

    assert run_virtual(main()) < 10
    assert warehouse.rows["picture"] == {}
    healthy = MemoryWarehouse()
    healthy.stored_offsets = warehouse.stored_offsets
    stats, _ = run_virtual(drained(log, healthy))
    assert stats.inserted == {"picture": 10}


def test_a_hanging_transaction_does_not_delay_a_stop() -> None:
    log, warehouse = a_log(), MemoryWarehouse(delay_s=lambda: 1_000.0)

    async def main() -> float:
        consumer = Consumer(log.reader(), warehouse, ConsumerSettings())
        task = asyncio.create_task(consumer.run())
        await asyncio.sleep(5)
        consumer.stop()
        await task
        return now_s()

    assert run_virtual(main()) < 15


def test_records_deleted_by_retention_are_an_error() -> None:
    log = a_log()
    log.discard(PARTITION, 3)
    with pytest.raises(OffsetsLostError, match=r"pictures\[0\]: offset 0 is stored, the log holds 3 to 10"):
        run_virtual(drained(log, MemoryWarehouse()))


class _Skipping(MemoryReader):
    """Silently loses the records before offset 5, ``skips`` times."""

    skips = 1

    async def poll(self, records_max: int, timeout_s: float) -> list[Fetched]:
        fetched = await super().poll(records_max, timeout_s)
        if self.skips and fetched and fetched[0].first_offset < 5:
            self.skips -= 1
            return [part._replace(first_offset=5, values=part.values[5 - part.first_offset :]) for part in fetched]
        return fetched


def test_a_gap_in_the_log_is_read_again_once_and_is_then_an_error() -> None:
    log, warehouse = a_log(), MemoryWarehouse()
    run_virtual(Consumer(_Skipping(log, "a"), warehouse, ConsumerSettings(drain=True)).run())
    assert len(warehouse.rows["picture"]) == 10
    always = _Skipping(a_log(), "b")
    always.skips = 10
    with pytest.raises(OffsetsLostError, match="offset 0 is next, the log continues at 5"):
        run_virtual(Consumer(always, MemoryWarehouse(), ConsumerSettings(drain=True)).run())


class _Failing(MemoryReader):
    failures = 3

    async def poll(self, records_max: int, timeout_s: float) -> list[Fetched]:
        if self.failures:
            self.failures -= 1
            raise TransientError("the broker is unavailable")
        return await super().poll(records_max, timeout_s)


def test_transient_poll_errors_are_retried() -> None:
    warehouse = MemoryWarehouse()
    stats = run_virtual(Consumer(_Failing(a_log(), "g"), warehouse, ConsumerSettings(drain=True)).run())
    assert (stats.retries, len(warehouse.rows["picture"])) == (3, 10)


class _Probed(MemoryReader):
    """Counts failed probes. ``wedged``: its own connection is stuck, a new one works."""

    wedged = False
    failed_probes = 0

    async def probe(self, timeout_s: float) -> None:
        try:
            await super().probe(timeout_s)
        except ServiceUnavailableError:
            self.failed_probes += 1
            raise

    def _take(self, records_max: int) -> list[Fetched]:
        return [] if self.wedged else super()._take(records_max)

    async def end_offsets(self) -> dict[TopicPartition, int]:
        if self.wedged:
            raise TransientError("its own connection is gone")
        return await super().end_offsets()


async def _outage(reader: _Probed, **settings: Any) -> "tuple[Consumer, asyncio.Task[ConsumerStats]]":
    """A consumer with a lag of one record, before its log or its connection fails."""
    consumer = Consumer(reader, MemoryWarehouse(), ConsumerSettings(**settings))
    task = asyncio.create_task(consumer.run())
    await asyncio.sleep(3)
    reader.pause()  # the next record raises the lag but is not read
    reader.log.append(PARTITION, *raw(picture(0, 10)))
    await asyncio.sleep(3)
    assert consumer.stats().lag == 1
    reader.resume()
    return consumer, task


def test_an_outage_of_the_log_longer_than_the_watchdogs_limit_is_waited_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> tuple[int, int]:
        reader = _Probed(a_log(), "g")
        consumer, task = await _outage(reader, stuck_after_s=120)
        reader.log.away = True
        await asyncio.sleep(500)
        assert not task.done()
        reader.log.away = False
        await asyncio.sleep(10)
        consumer.stop()
        stats = await task
        return reader.failed_probes, stats.rows

    failed_probes, rows = run_virtual(main())
    assert failed_probes >= 3
    assert rows == 11
    messages = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(messages) == 2, messages
    assert "does not answer, waiting for it" in messages[0]
    assert messages[1] == "the log answers again"


def test_a_log_that_returns_at_the_watchdogs_limit_restarts_the_limit() -> None:
    async def main() -> int:
        reader = _Probed(a_log(), "g")
        consumer, task = await _outage(reader, stuck_after_s=120)
        reader.log.away = reader.wedged = True
        await asyncio.sleep(115)
        reader.log.away = False  # a probe reaches it from now on
        await asyncio.sleep(60)
        assert not task.done(), task.exception()
        reader.wedged = False  # and now the reader's own connection does
        await asyncio.sleep(10)
        consumer.stop()
        return (await task).rows

    assert run_virtual(main()) == 11


def test_a_stuck_connection_after_an_outage_of_the_log_is_an_error() -> None:
    async def main() -> float:
        reader = _Probed(a_log(), "g")
        _, task = await _outage(reader, stuck_after_s=120)
        reader.log.away = reader.wedged = True
        await asyncio.sleep(300)
        reader.log.away = False
        began_s = now_s()
        with pytest.raises(StuckError, match="start the consumer again"):
            async with asyncio.timeout(1_000):
                await task
        return now_s() - began_s

    assert 100 < run_virtual(main()) < 150


def test_a_stuck_connection_to_an_available_log_is_an_error() -> None:
    async def main() -> float:
        reader = _Probed(a_log(), "g")
        _, task = await _outage(reader, stuck_after_s=120)
        reader.wedged = True
        began_s = now_s()
        with pytest.raises(StuckError, match="start the consumer again"):
            async with asyncio.timeout(1_000):
                await task
        assert reader.failed_probes == 0
        return now_s() - began_s

    assert 110 < run_virtual(main()) < 150


def test_stop_does_not_wait_for_an_unavailable_log() -> None:
    async def main() -> float:
        reader = _Probed(a_log(), "g")
        consumer, task = await _outage(reader, stuck_after_s=5)
        reader.log.away = True
        await asyncio.sleep(7)  # a probe is under way
        consumer.stop()
        began_s = now_s()
        await task
        return now_s() - began_s

    assert run_virtual(main()) < 3


def two_partitions() -> MemoryLog:
    log = MemoryLog(["pictures"], partitions=2)
    for shard in range(2):
        log.append(TopicPartition("pictures", shard), *raw(*(picture(shard, seq) for seq in range(10))))
    return log


async def dead_member(log: MemoryLog, warehouse: MemoryWarehouse, *, stored: int = 0) -> MemoryReader:
    """A member of the group that owns a partition, stored some of it, and stopped polling."""
    reader = log.reader()
    await reader.start(_from_0, _ignore)
    log.join(survivor := log.reader())  # its share is then one of the two partitions
    await reader.poll(1, 0)
    log.leave(survivor)
    (owned,) = reader.assignment()
    key = OffsetKey(log.log_id, "test", owned.topic, owned.partition, log.identities["pictures"])
    await warehouse.offsets([key])
    await warehouse.store(0, Batch(moves=[OffsetAdvance(key, 0, stored)]))
    return reader


async def _from_0(partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    return dict.fromkeys(partitions, 0)


async def _ignore(partitions: Sequence[TopicPartition]) -> None:
    pass


def test_drain_waits_for_the_partitions_of_a_dead_member_and_takes_them_over(caplog: pytest.LogCaptureFixture) -> None:
    log, warehouse = two_partitions(), MemoryWarehouse()

    async def main() -> tuple[ConsumerStats, float]:
        dead = await dead_member(log, warehouse, stored=3)
        consumer = Consumer(log.reader(), warehouse, ConsumerSettings(drain=True, group="test"))
        task = asyncio.create_task(consumer.run())
        await asyncio.sleep(40)
        assert not task.done()
        assert (consumer.stats().lag, consumer.stats().elsewhere) == (0, 7)
        log.leave(dead)  # its session is over
        stats = await task
        return stats, now_s()

    stats, ended_s = run_virtual(main())
    assert 40 <= ended_s < 45
    assert (stats.lag, stats.elsewhere) == (0, 0)
    assert set(warehouse.stored_offsets.values()) == {10}
    assert stats.rows == 17
    messages = [record.getMessage() for record in caplog.records if "drain waits" in record.getMessage()]
    assert len(messages) >= 3
    assert (
        "7 records in 1 partition belong to others (member 0 owns 1), who stored nothing of them for 3 s" in messages[0]
    )
    assert "ends in 42 s" in messages[0]


def test_drain_fails_if_partitions_of_others_make_no_progress() -> None:
    log, warehouse = two_partitions(), MemoryWarehouse()

    async def main() -> float:
        await dead_member(log, warehouse)
        settings = ConsumerSettings(drain=True, group="test", drain_wait_s=70)
        with pytest.raises(NotCaughtUpError, match="10 records in 1 partition that this consumer does not own"):
            await Consumer(log.reader(), warehouse, settings).run()
        return now_s()

    assert 70 <= run_virtual(main()) < 75
    assert sorted(warehouse.stored_offsets.values()) == [0, 10]
    assert NotCaughtUpError.exit_code != 0


def test_drain_ends_at_once_if_others_have_stored_their_partitions() -> None:
    log, warehouse = two_partitions(), MemoryWarehouse()

    async def main() -> float:
        await dead_member(log, warehouse, stored=10)
        await Consumer(log.reader(), warehouse, ConsumerSettings(drain=True, group="test")).run()
        return now_s()

    assert run_virtual(main()) < 2


def test_drain_waits_for_another_members_progress_but_not_for_later_records() -> None:
    log, warehouse = two_partitions(), MemoryWarehouse()

    async def alive(owned: TopicPartition) -> None:
        key = OffsetKey(log.log_id, "test", owned.topic, owned.partition, log.identities["pictures"])
        for offset in range(10):
            await asyncio.sleep(60)
            log.append(owned, *raw(picture(1, 100 + offset)))  # it never reaches the log end
            await warehouse.store(0, Batch(moves=[OffsetAdvance(key, offset, offset + 1)]))

    async def main() -> tuple[ConsumerStats, float]:
        other = await dead_member(log, warehouse)
        storing = asyncio.create_task(alive(*other.assignment()))
        settings = ConsumerSettings(drain=True, group="test", drain_wait_s=70)
        stats = await Consumer(log.reader(), warehouse.beside(), settings).run()
        await storing
        return stats, now_s()

    stats, ended_s = run_virtual(main())
    assert 600 <= ended_s < 605
    assert stats.elsewhere == 0


def test_without_a_partition_lag_is_unknown_and_drain_does_not_succeed() -> None:
    log = a_log()
    log.join(log.reader())  # a member that never polls owns the only partition

    async def main() -> ConsumerStats:
        consumer = Consumer(log.reader(), MemoryWarehouse(), ConsumerSettings(drain=True, drain_wait_s=50))
        task = asyncio.create_task(consumer.run())
        await asyncio.sleep(30)
        stats = consumer.stats()
        with pytest.raises(NotCaughtUpError):
            await task
        return stats

    stats = run_virtual(main())
    assert (stats.assigned, stats.lag, stats.elsewhere) == (0, None, 10)


def test_a_recreated_topic_is_not_read_from_the_old_position() -> None:
    log, warehouse = a_log(), MemoryWarehouse()
    run_virtual(drained(log, warehouse))
    log.remake("pictures")
    log.append(PARTITION, *raw(*(picture(1, seq) for seq in range(15))))
    with pytest.raises(LogReplacedError, match=r"pictures-1, .* pictures-2: .*consume --restart-replaced"):
        run_virtual(drained(log, warehouse))
    assert len(warehouse.rows["picture"]) == 10
    run_virtual(drained(log, warehouse, restart_replaced=True))
    assert len(warehouse.rows["picture"]) == 25
    stats, _ = run_virtual(drained(log, warehouse))
    assert stats.records == 0


def test_recreating_a_topic_stops_a_running_consumer() -> None:
    log, warehouse = a_log(), MemoryWarehouse()

    async def main() -> None:
        reader = log.reader()
        consumer = Consumer(reader, warehouse, ConsumerSettings())
        task = asyncio.create_task(consumer.run())
        await asyncio.sleep(5)
        log.remake("pictures")
        log.append(PARTITION, *raw(*(picture(1, seq) for seq in range(15))))
        with pytest.raises(LogReplacedError):
            await task
        await reader.close()

    run_virtual(main())
    run_virtual(drained(log, warehouse, restart_replaced=True))
    assert len(warehouse.rows["picture"]) == 25


def test_dead_letters_of_a_recreated_topic_are_separate_from_those_of_the_old_one() -> None:
    log, warehouse = a_log(0), MemoryWarehouse()
    log.append(PARTITION, b"{")
    run_virtual(drained(log, warehouse))
    log.remake("pictures")
    log.append(PARTITION, b"[")
    run_virtual(drained(log, warehouse, restart_replaced=True))
    assert sorted(each.raw for each in warehouse.dead_letters.values()) == [b"[", b"{"]


def test_drain_follows_a_growing_log_to_its_final_end() -> None:
    log, warehouse = a_log(), MemoryWarehouse(delay_s=lambda: 0.3)

    async def grow() -> None:
        for seq in range(10, 40):
            await asyncio.sleep(0.05)
            log.append(PARTITION, *raw(picture(0, seq)))

    async def main() -> None:
        growing = asyncio.create_task(grow())
        await drained(log, warehouse, batch_rows=3)
        await growing

    run_virtual(main())
    assert set(warehouse.stored_offsets.values()) == {40}


def test_stored_offsets_are_committed_to_the_log_as_a_hint() -> None:
    log = a_log()
    run_virtual(drained(log, MemoryWarehouse()))
    assert log.hints == {PARTITION: 10}


def test_progress_is_reported_and_counted() -> None:
    seen: list[ConsumerStats] = []

    async def main() -> ConsumerStats:
        consumer = Consumer(
            a_log().reader(), MemoryWarehouse(delay_s=lambda: 1.0), ConsumerSettings(drain=True), seen.append
        )
        return await consumer.run()

    stats = run_virtual(main())
    assert len(seen) >= 2
    assert (stats.records, stats.batches, stats.rows) == (10, 1, 10)
    assert stats.rows_per_s == pytest.approx(10 / stats.working_s)
