"""What the consumer does at its edges, on virtual time."""

import asyncio

import pytest

from socialsim.consumer import Consumer, ConsumerSettings, StuckError
from socialsim.errors import (
    LogReplacedError,
    NotCaughtUpError,
    OffsetsLostError,
    ServiceUnavailableError,
    TerminalError,
    TransientError,
)
from socialsim.testing import Fault, MemoryLog, MemoryReader, MemoryWarehouse, run_virtual
from socialsim.transport.base import TopicPartition
from socialsim.warehouse.base import Batch, OffsetAdvance, OffsetKey
from tests.consumer.events import like, picture, raw

PLACE = TopicPartition("pictures", 0)


def a_log(records=10):
    log = MemoryLog(["pictures"], partitions=1)
    log.append(PLACE, *raw(*(picture(0, seq) for seq in range(records))))
    return log


def now_s():
    return asyncio.get_running_loop().time()


async def drained(log, warehouse, **settings):
    reader = log.reader()
    try:
        return await Consumer(reader, warehouse, ConsumerSettings(drain=True, **settings)).run(), now_s()
    finally:
        await reader.close()


def test_poison_is_kept_whole_and_its_neighbours_are_stored():
    log = a_log(0)
    good = raw(picture(0, 0), picture(0, 1))
    strange = raw(like(0, 2))[0]  # a valid event in the wrong topic
    log.append(PLACE, good[0], b"{", strange, good[1])
    warehouse = MemoryWarehouse()
    stats, _ = run_virtual(drained(log, warehouse))
    assert (stats.inserted, stats.dead_letters, stats.lag) == ({"picture": 2}, 2, 0)
    letters = list(warehouse.dead_letters.values())
    assert [(letter.topic, letter.partition, letter.offset, letter.raw) for letter in letters] == [
        ("pictures", 0, 1, b"{"),
        ("pictures", 0, 2, strange),
    ]
    assert [letter.error_class for letter in letters] == ["not_json", "invalid_member"]
    assert all(letter.reason for letter in letters)


def test_a_warehouse_that_is_away_for_minutes_is_waited_for_while_polling_goes_on():
    log = a_log()

    def away(operation):
        if now_s() < 600 and warehouse.attempts:
            return Fault.UNREADABLE if operation == "offsets" else Fault.BEFORE_COMMIT
        return None

    warehouse = MemoryWarehouse(1, away)

    async def main():
        # More than a batch's worth is waiting, so the reader is paused all the time.
        reader = log.reader()
        consumer = Consumer(reader, warehouse, ConsumerSettings(drain=True, batch_rows=1, poll_records=1))
        await consumer.run()
        return now_s(), reader.polls

    ended_s, polls = run_virtual(main())
    assert 600 <= ended_s < 610
    assert polls > 500
    assert len(warehouse.rows["picture"]) == 10


def test_memory_is_bounded_while_nothing_can_be_stored():
    log = a_log(5_000)
    warehouse = MemoryWarehouse(delay_s=lambda: 1_000_000.0)

    async def main():
        consumer = Consumer(
            log.reader(), warehouse, ConsumerSettings(batch_rows=100, poll_records=50, stuck_after_s=60)
        )
        with pytest.raises(StuckError, match="nothing has moved for 60 s"):
            await consumer.run()
        return consumer.stats()

    assert run_virtual(main()).records <= 2 * (100 + 50)


def test_a_terminal_error_ends_it_with_that_error():
    warehouse = MemoryWarehouse(1, lambda operation: Fault.TERMINAL if operation == "store" else None)
    with pytest.raises(TerminalError, match="a table is missing"):
        run_virtual(drained(a_log(), warehouse))


def test_a_stop_stores_what_is_in_memory():
    log, warehouse = a_log(), MemoryWarehouse(delay_s=lambda: 2.0)

    async def main():
        consumer = Consumer(log.reader(), warehouse, ConsumerSettings(batch_rows=4, poll_records=4))
        task = asyncio.create_task(consumer.run())
        await asyncio.sleep(1)
        consumer.stop()
        stats = await task
        return stats, now_s()

    stats, ended_s = run_virtual(main())
    assert ended_s < 10
    assert stats.rows == stats.records == len(warehouse.rows["picture"])


def test_a_stop_does_not_wait_for_a_warehouse_that_is_away_and_nothing_is_lost():
    log = a_log()
    warehouse = MemoryWarehouse(1, lambda operation: Fault.BEFORE_COMMIT if operation == "store" else None)

    async def main():
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


def test_a_transaction_that_hangs_does_not_hold_up_a_stop():
    log, warehouse = a_log(), MemoryWarehouse(delay_s=lambda: 1_000.0)

    async def main():
        consumer = Consumer(log.reader(), warehouse, ConsumerSettings())
        task = asyncio.create_task(consumer.run())
        await asyncio.sleep(5)
        consumer.stop()
        await task
        return now_s()

    assert run_virtual(main()) < 15


def test_records_that_retention_took_stop_it_loudly():
    log = a_log()
    log.discard(PLACE, 3)
    with pytest.raises(OffsetsLostError, match=r"pictures\[0\]: offset 0 is stored, the log holds 3 to 10"):
        run_virtual(drained(log, MemoryWarehouse()))


class _Skipping(MemoryReader):
    """Loses what is before offset 5 without saying so: once, or always."""

    skips = 1

    async def poll(self, records_max, timeout_s):
        fetched = await super().poll(records_max, timeout_s)
        if self.skips and fetched and fetched[0].first_offset < 5:
            self.skips -= 1
            return [part._replace(first_offset=5, values=part.values[5 - part.first_offset :]) for part in fetched]
        return fetched


def test_a_hole_is_read_again_once_and_is_an_error_then():
    log, warehouse = a_log(), MemoryWarehouse()
    run_virtual(Consumer(_Skipping(log, "a"), warehouse, ConsumerSettings(drain=True)).run())
    assert len(warehouse.rows["picture"]) == 10
    always = _Skipping(a_log(), "b")
    always.skips = 10
    with pytest.raises(OffsetsLostError, match="offset 0 is next, the log goes on at 5"):
        run_virtual(Consumer(always, MemoryWarehouse(), ConsumerSettings(drain=True)).run())


class _Failing(MemoryReader):
    failures = 3

    async def poll(self, records_max, timeout_s):
        if self.failures:
            self.failures -= 1
            raise TransientError("the broker is away")
        return await super().poll(records_max, timeout_s)


def test_a_log_that_cannot_be_read_for_a_while_is_tried_again():
    warehouse = MemoryWarehouse()
    stats = run_virtual(Consumer(_Failing(a_log(), "g"), warehouse, ConsumerSettings(drain=True)).run())
    assert (stats.retries, len(warehouse.rows["picture"])) == (3, 10)


class _Probed(MemoryReader):
    """Counts the probes that failed. ``wedged``: its own connection finds nothing more, a new one would."""

    wedged = False
    failed_probes = 0

    async def probe(self, timeout_s):
        try:
            await super().probe(timeout_s)
        except ServiceUnavailableError:
            self.failed_probes += 1
            raise

    def _take(self, records_max):
        return [] if self.wedged else super()._take(records_max)

    async def end_offsets(self):
        if self.wedged:
            raise TransientError("its own connection is gone")
        return await super().end_offsets()


async def _outage(reader, **settings):
    """A consumer that knows of records which it has not got when its log goes away, or its connection is lost."""
    consumer = Consumer(reader, MemoryWarehouse(), ConsumerSettings(**settings))
    task = asyncio.create_task(consumer.run())
    await asyncio.sleep(3)
    reader.pause()  # what comes now it sees coming, and does not get
    reader.log.append(PLACE, *raw(picture(0, 10)))
    await asyncio.sleep(3)
    assert consumer.stats().lag == 1
    reader.resume()
    return consumer, task


def test_a_log_that_is_away_for_longer_than_the_watchdogs_patience_is_waited_for(caplog):
    async def main():
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
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == 2, said
    assert "does not answer, waiting for it" in said[0]
    assert said[1] == "the log answers again"


def test_a_log_that_comes_back_when_the_watchdogs_patience_ends_is_given_time_to_be_found():
    async def main():
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


def test_a_log_that_went_away_and_came_back_does_not_hide_a_connection_that_is_lost():
    async def main():
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


def test_a_connection_that_is_lost_while_the_log_is_there_is_an_error_in_the_end():
    async def main():
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


def test_a_stop_waits_for_no_log_that_is_away():
    async def main():
        reader = _Probed(a_log(), "g")
        consumer, task = await _outage(reader, stuck_after_s=5)
        reader.log.away = True
        await asyncio.sleep(7)  # it is probing just now
        consumer.stop()
        began_s = now_s()
        await task
        return now_s() - began_s

    assert run_virtual(main()) < 3


def two_partitions():
    log = MemoryLog(["pictures"], partitions=2)
    for shard in range(2):
        log.append(TopicPartition("pictures", shard), *raw(*(picture(shard, seq) for seq in range(10))))
    return log


async def dead_member(log, warehouse, *, stored=0):
    """A member of the group that took a partition, stored some of it, and polls no more."""
    reader = log.reader()
    await reader.start(_from_0, _ignore)
    log.join(survivor := log.reader())  # its share is then one of the two partitions
    await reader.poll(1, 0)
    log.leave(survivor)
    (held,) = reader.assignment()
    key = OffsetKey(log.log_id, "test", *held, log.identities["pictures"])
    await warehouse.offsets([key])
    await warehouse.store(0, Batch(moves=[OffsetAdvance(key, 0, stored)]))
    return reader


async def _from_0(partitions):
    return dict.fromkeys(partitions, 0)


async def _ignore(partitions):
    pass


def test_drain_waits_for_what_a_dead_member_holds_and_takes_it_over(caplog):
    log, warehouse = two_partitions(), MemoryWarehouse()

    async def main():
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
    said = [record.getMessage() for record in caplog.records if "drain waits" in record.getMessage()]
    assert len(said) >= 3
    assert (
        "7 records in 1 partition are held by others (member 0 holds 1), who stored nothing of them for 3 s" in said[0]
    )
    assert "ends in 42 s" in said[0]


def test_drain_gives_up_with_an_error_when_nothing_of_what_others_hold_is_stored():
    log, warehouse = two_partitions(), MemoryWarehouse()

    async def main():
        await dead_member(log, warehouse)
        settings = ConsumerSettings(drain=True, group="test", drain_wait_s=70)
        with pytest.raises(NotCaughtUpError, match="10 records in 1 partition that this consumer does not hold"):
            await Consumer(log.reader(), warehouse, settings).run()
        return now_s()

    assert 70 <= run_virtual(main()) < 75
    assert sorted(warehouse.stored_offsets.values()) == [0, 10]
    assert NotCaughtUpError.exit_code != 0


def test_drain_is_over_at_once_when_others_have_stored_all_that_they_hold():
    log, warehouse = two_partitions(), MemoryWarehouse()

    async def main():
        await dead_member(log, warehouse, stored=10)
        await Consumer(log.reader(), warehouse, ConsumerSettings(drain=True, group="test")).run()
        return now_s()

    assert run_virtual(main()) < 2


def test_drain_waits_as_long_as_another_member_stores_and_not_for_what_came_later():
    log, warehouse = two_partitions(), MemoryWarehouse()

    async def alive(held):
        key = OffsetKey(log.log_id, "test", *held, log.identities["pictures"])
        for offset in range(10):
            await asyncio.sleep(60)
            log.append(held, *raw(picture(1, 100 + offset)))  # it will never be at the log's end
            await warehouse.store(0, Batch(moves=[OffsetAdvance(key, offset, offset + 1)]))

    async def main():
        other = await dead_member(log, warehouse)
        storing = asyncio.create_task(alive(*other.assignment()))
        settings = ConsumerSettings(drain=True, group="test", drain_wait_s=70)
        stats = await Consumer(log.reader(), warehouse.beside(), settings).run()
        await storing
        return stats, now_s()

    stats, ended_s = run_virtual(main())
    assert 600 <= ended_s < 605
    assert stats.elsewhere == 0


def test_without_a_partition_lag_is_unknown_and_drain_neither_ends_nor_says_that_all_is_stored():
    log = a_log()
    log.join(log.reader())  # a member that never polls holds the only partition by right

    async def main():
        consumer = Consumer(log.reader(), MemoryWarehouse(), ConsumerSettings(drain=True, drain_wait_s=50))
        task = asyncio.create_task(consumer.run())
        await asyncio.sleep(30)
        stats = consumer.stats()
        with pytest.raises(NotCaughtUpError):
            await task
        return stats

    stats = run_virtual(main())
    assert (stats.assigned, stats.lag, stats.elsewhere) == (0, None, 10)


def test_a_topic_that_was_made_anew_is_not_read_on_from_the_old_position():
    log, warehouse = a_log(), MemoryWarehouse()
    run_virtual(drained(log, warehouse))
    log.remake("pictures")
    log.append(PLACE, *raw(*(picture(1, seq) for seq in range(15))))
    with pytest.raises(LogReplacedError, match=r"pictures-1, .* pictures-2: .*consume --restart-replaced"):
        run_virtual(drained(log, warehouse))
    assert len(warehouse.rows["picture"]) == 10
    run_virtual(drained(log, warehouse, restart_replaced=True))
    assert len(warehouse.rows["picture"]) == 25
    stats, _ = run_virtual(drained(log, warehouse))
    assert stats.records == 0


def test_a_topic_that_is_made_anew_under_a_consumer_stops_it():
    log, warehouse = a_log(), MemoryWarehouse()

    async def main():
        reader = log.reader()
        consumer = Consumer(reader, warehouse, ConsumerSettings())
        task = asyncio.create_task(consumer.run())
        await asyncio.sleep(5)
        log.remake("pictures")
        log.append(PLACE, *raw(*(picture(1, seq) for seq in range(15))))
        with pytest.raises(LogReplacedError):
            await task
        await reader.close()

    run_virtual(main())
    run_virtual(drained(log, warehouse, restart_replaced=True))
    assert len(warehouse.rows["picture"]) == 25


def test_a_poisoned_record_of_a_topic_made_anew_is_no_letter_of_the_old_one():
    log, warehouse = a_log(0), MemoryWarehouse()
    log.append(PLACE, b"{")
    run_virtual(drained(log, warehouse))
    log.remake("pictures")
    log.append(PLACE, b"[")
    run_virtual(drained(log, warehouse, restart_replaced=True))
    assert sorted(letter.raw for letter in warehouse.dead_letters.values()) == [b"[", b"{"]


def test_drain_follows_a_log_that_grows_until_it_rests():
    log, warehouse = a_log(), MemoryWarehouse(delay_s=lambda: 0.3)

    async def grow():
        for seq in range(10, 40):
            await asyncio.sleep(0.05)
            log.append(PLACE, *raw(picture(0, seq)))

    async def main():
        growing = asyncio.create_task(grow())
        await drained(log, warehouse, batch_rows=3)
        await growing

    run_virtual(main())
    assert set(warehouse.stored_offsets.values()) == {40}


def test_lag_tools_are_told_what_is_stored():
    log = a_log()
    run_virtual(drained(log, MemoryWarehouse()))
    assert log.hints == {PLACE: 10}


def test_progress_is_reported_and_counted():
    seen = []

    async def main():
        consumer = Consumer(
            a_log().reader(), MemoryWarehouse(delay_s=lambda: 1.0), ConsumerSettings(drain=True), seen.append
        )
        return await consumer.run()

    stats = run_virtual(main())
    assert len(seen) >= 2
    assert (stats.records, stats.batches, stats.rows) == (10, 1, 10)
    assert stats.rows_per_s == pytest.approx(10 / stats.working_s)
