"""What the consumer does at its edges, on virtual time."""

import asyncio

import pytest

from socialsim.consumer import Consumer, ConsumerSettings, StuckError
from socialsim.errors import OffsetsLostError, ServiceUnavailableError, TerminalError, TransientError
from socialsim.testing import Fault, MemoryLog, MemoryReader, MemoryWarehouse, run_virtual
from socialsim.transport.base import TopicPartition
from tests.consumer.events import like, picture, raw

PLACE = TopicPartition("pictures", 0)


def a_log(records=10):
    log = MemoryLog(["pictures"], partitions=1)
    log.append(PLACE, *raw(*(picture(0, seq) for seq in range(records))))
    return log


def now_s():
    return asyncio.get_running_loop().time()


async def drained(log, warehouse, **settings):
    consumer = Consumer(log.reader(), warehouse, ConsumerSettings(drain=True, **settings))
    return await consumer.run(), now_s()


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
    log.forget(PLACE, 3)
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


def test_drain_without_partitions_waits_for_the_group_to_settle_and_ends():
    log = a_log()
    log.join(log.reader())  # a member that never polls holds the only partition by right

    async def main():
        await Consumer(log.reader(), MemoryWarehouse(), ConsumerSettings(drain=True, settle_s=7)).run()
        return now_s()

    assert 7 <= run_virtual(main()) < 9


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
