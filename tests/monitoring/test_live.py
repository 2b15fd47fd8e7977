"""Metrics and health, over real HTTP."""

import asyncio
import socket
import urllib.error
import urllib.request
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from socialsim.consumer import Consumer, ConsumerSettings, ConsumerStats
from socialsim.errors import InputError
from socialsim.monitoring import ConsumerTelemetry, KpiTelemetry, LiveServer, RunTelemetry
from socialsim.simulation.process import Progress
from socialsim.testing import MemoryLog, MemoryWarehouse, run_virtual
from socialsim.transport.base import TopicPartition, WriterStats
from tests.consumer.events import picture, raw
from tests.support.patience import HANG_S

PLACE = TopicPartition("pictures", 0)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def get(server: LiveServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{server.address}{path}", timeout=HANG_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def consumed(view: ConsumerTelemetry, warehouse: MemoryWarehouse | None = None, **settings: Any) -> None:
    """The snapshots of a consumer of ten pictures, one of them invalid and one duplicated."""
    log = MemoryLog(["pictures"], partitions=1)
    records = raw(*(picture(0, seq) for seq in range(8)))
    log.append(PLACE, *records, b"{", records[0])
    consumer = Consumer(
        log.reader(), warehouse or MemoryWarehouse(), ConsumerSettings(drain=True, **settings), view.update
    )

    async def main() -> None:
        view.update(await consumer.run())

    run_virtual(main())


def test_prometheus_reads_the_counters_of_a_consumer() -> None:
    view = ConsumerTelemetry()
    with LiveServer(view, 0) as server:
        assert get(server, "/readyz") == (503, "not connected yet\n")
        assert get(server, "/healthz") == (200, "alive\n")
        consumed(view)
        status, text = get(server, "/metrics?x=1")
        assert get(server, "/readyz") == (200, "ready\n")
        assert get(server, "/else")[0] == 404
    assert status == 200
    found = samples(text)
    assert found["socialsim_events_total",] == 10
    assert found["socialsim_rows_total", "picture"] == 8
    assert found["socialsim_rows_total", "user"] == 0
    assert found["socialsim_duplicates_total", "picture"] == 1
    assert found["socialsim_dead_letters_total",] == 1
    assert found["socialsim_batches_total",] >= 1
    assert found["socialsim_offset", "pictures"] == found["socialsim_log_end_offset", "pictures"] == 10
    assert found["socialsim_lag", "pictures"] == 0
    assert found["socialsim_retries_total",] == 0
    assert found["socialsim_loop_lag_seconds",] >= 0
    assert found["process_resident_memory_bytes",] > 0


def test_there_are_no_more_lines_for_more_partitions() -> None:
    lines = []
    for partitions in (1, 500):
        log = MemoryLog(["pictures"], partitions=partitions)
        for number in range(partitions):
            log.append(TopicPartition("pictures", number), *raw(picture(0, number)))
        view = ConsumerTelemetry()
        consumer = Consumer(log.reader(), MemoryWarehouse(), ConsumerSettings(drain=True), view.update)
        view.update(run_virtual(consumer.run()))
        lines.append([sample for family in view.metrics() for sample in family.samples])
        offsets = [sample.value for sample in lines[-1] if sample.name == "socialsim_offset"]
        assert offsets == [partitions]
    assert len(lines[0]) == len(lines[1]) < 60


def test_a_consumer_without_a_partition_is_not_ready_and_tells_no_lag() -> None:
    view = ConsumerTelemetry()
    log = MemoryLog(["pictures"], partitions=1)
    log.append(PLACE, *raw(picture(0, 0)))
    log.join(log.reader())  # another member has it

    async def main() -> None:
        consumer = Consumer(log.reader(), MemoryWarehouse(), ConsumerSettings(), view.update)
        task = asyncio.create_task(consumer.run())
        await asyncio.sleep(10)
        consumer.stop()
        await task

    run_virtual(main())
    with LiveServer(view, 0) as server:
        assert get(server, "/readyz") == (503, "no partition is assigned\n")
        found = samples(get(server, "/metrics")[1])
    assert found["socialsim_assigned_partitions",] == 0
    assert not [sample for sample in found if sample[0] == "socialsim_lag"]


def test_a_consumer_without_progress_is_not_ready_and_a_silent_one_not_alive() -> None:
    clock = Clock()
    view = ConsumerTelemetry(clock)
    seen = []

    class Keeping(ConsumerTelemetry):
        def update(self, stats: ConsumerStats) -> None:
            seen.append(stats)

    with pytest.raises(Exception, match="nothing has moved"):
        consumed(Keeping(), MemoryWarehouse(delay_s=lambda: 1e6), stuck_after_s=60)
    stuck = seen[-1]
    assert stuck.lag == 10
    view.update(stuck)
    assert view.not_ready() is None
    clock.now_s += 29
    view.update(stuck)
    assert view.not_ready() is None
    clock.now_s += 2
    view.update(stuck)
    assert view.not_ready() == "10 records wait in the log and none was stored for 31 s"
    assert view.not_alive() is None
    clock.now_s += 61
    assert view.not_alive() == "the event loop has not run for 61 s"
    with LiveServer(view, 0) as server:
        assert get(server, "/healthz")[0] == 503
        assert get(server, "/readyz")[0] == 503


def test_a_run_is_ready_while_its_clock_advances() -> None:
    clock = Clock()
    view = RunTelemetry("r1", start_us=0, speed=100.0, clock=clock)

    def progress(simulated_s: int, **counts: int) -> Progress:
        return Progress(simulated_s * 1_000_000, sum(counts.values()), 5, counts, WriterStats(77, 2))

    assert view.not_ready() == "nothing simulated yet"
    clock.now_s += 10
    view.update(progress(900, user=3, picture=4))
    view.note_restart()
    with LiveServer(view, 0) as server:
        found = samples(get(server, "/metrics")[1])
        assert get(server, "/readyz") == (200, "ready\n")
        clock.now_s += 31
        view.update(progress(900, user=3, picture=4))
        status, reason = get(server, "/readyz")
    assert (status, reason.split(";")[0]) == (503, "the simulated clock has stood still for 31 s")
    assert found["socialsim_run_info", "r1"] == 1
    assert found["socialsim_events_total", "picture"] == 4
    assert found["socialsim_simulated_to_wall_ratio",] == 90
    assert found["socialsim_loop_lag_seconds",] == 1
    assert found["socialsim_backlog_bytes",] == 77
    assert found["socialsim_retries_total",] == 2
    assert found["socialsim_shard_restarts_total",] == 1
    view.update(progress(901, user=3, picture=4))
    assert view.not_ready() is None


def test_a_busy_port_is_an_input_error_and_the_default_host_is_loopback() -> None:
    with LiveServer(ConsumerTelemetry(), 0) as server:
        host, port = server.address.split(":")
        assert host == "127.0.0.1"
        with pytest.raises(InputError, match=f"--metrics-port: cannot listen on 127.0.0.1:{port}: .*in use"):
            LiveServer(ConsumerTelemetry(), int(port))


def test_a_client_without_a_request_does_not_block_the_exit() -> None:
    with LiveServer(ConsumerTelemetry(), 0) as server:
        host, port = server.address.split(":")
        idle = socket.create_connection((host, int(port)))
    idle.close()


def test_a_follower_is_ready_while_the_warehouse_answers_and_alive_while_it_works() -> None:
    clock = Clock()
    view = KpiTelemetry(clock)
    with LiveServer(view, 0) as server:
        assert get(server, "/readyz") == (503, "not connected yet\n")
        view.looked()
        assert get(server, "/readyz") == (200, "ready\n")
        view.computed()
        view.failed()
        clock.now_s += 30
        view.failed()
        assert get(server, "/readyz") == (200, "ready\n")
        clock.now_s += 1
        assert get(server, "/readyz") == (503, "the warehouse has not answered for 31 s\n")
        assert get(server, "/healthz") == (200, "alive\n")
        view.looked()
        assert get(server, "/readyz") == (200, "ready\n")
        clock.now_s += 899
        view.beat()
        clock.now_s += 901
        assert get(server, "/healthz") == (503, "nothing has moved for 901 s\n")
        found = samples(get(server, "/metrics")[1])
    assert found["socialsim_kpi_days_total",] == 1
    assert found["socialsim_kpi_looks_total",] == 2
    assert found["socialsim_kpi_failures_total",] == 2
    assert found["socialsim_kpi_silent_seconds",] == 901
