"""Kafka: socialsim's writer and a complete run against ProducerPerformance on one broker."""

import asyncio
import itertools
import re
import resource
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.report import conditions, print_table
from compose.native import KafkaCluster
from compose.native.kafka import JVM, java
from socialsim import simulate
from socialsim.events import EVENT_TYPES, PLURALS
from socialsim.scenario.model import Scenario
from socialsim.simulation.event_sink import to_records
from socialsim.simulation.supervisor import RunDependencies, run
from socialsim.testing.manifests import MemoryManifests
from socialsim.transport.base import EventWriter, Record, RunInfo
from socialsim.transport.kafka import KafkaLog, KafkaWriter, create_topics

_TOPICS = tuple(PLURALS.values())
_PARTITIONS = 16
_SHARDS = 64
_RECORDS_AT_ONCE = 1_024
_WARM_RECORDS = 1_000_000  # a JVM is slow until its hot code is compiled


class Speed(NamedTuple):
    """``cpu_us`` is the client's CPU time per record; 0 if it is unknown."""

    records_per_s: float
    cpu_us: float = 0.0


def _info(scenario: Scenario) -> RunInfo:
    return RunInfo(scenario.run_id, scenario.shards, _TOPICS, {PLURALS[name]: name for name in EVENT_TYPES})


def _chunks(scenario: Scenario, records_max: int) -> list[list[tuple[int, list[Record]]]]:
    """A run's records in the chunks in which the simulation appends them, by shard."""
    events = list(itertools.islice(simulate(scenario), records_max))
    chunks = []
    for start in range(0, len(events), _RECORDS_AT_ONCE):
        by_shard = defaultdict(list)
        for event in events[start : start + _RECORDS_AT_ONCE]:
            by_shard[event.shard].append(event)
        chunks.append([(shard, to_records(of_shard)) for shard, of_shard in sorted(by_shard.items())])
    return chunks


def _write(cluster: KafkaLog, info: RunInfo, chunks: list[list[tuple[int, list[Record]]]]) -> Speed:
    """Write encoded records until all are acknowledged."""
    writer = KafkaWriter(cluster, info, range(_SHARDS))
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    records = 0
    for chunk in chunks:
        for shard, of_shard in chunk:
            writer.append(shard, of_shard)
            records += len(of_shard)
        writer.throttle()
    writer.drain(300)
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    writer.close()
    return Speed(records / wall_s, cpu_s / records * 1e6)


def _kafka_writer(cluster: KafkaLog, info: RunInfo, shards: range) -> EventWriter:
    return KafkaWriter(cluster, info, shards)


def _simulate_into(cluster: KafkaLog, scenario: Scenario) -> Speed:
    """A complete run of one process, from the simulation to the last acknowledgement."""
    begin_s, begin_cpu_s = 0.0, 0.0

    def writer_factory(shards: range) -> EventWriter:
        nonlocal begin_s, begin_cpu_s
        writer = _kafka_writer(cluster, _info(scenario), shards)
        # after the name pools were built
        begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
        return writer

    result = run(
        scenario,
        run_id=scenario.run_id,
        processes=1,
        equipment=RunDependencies(writer_factory, MemoryManifests()),
        on_progress=lambda _: None,
        stop=threading.Event(),
    )
    events = sum(result.events.values())
    return Speed(events / (time.perf_counter() - begin_s), (time.process_time() - begin_cpu_s) / events * 1e6)


def _producer_performance(bootstrap: str, topic: str, payloads: Path, records: int) -> Speed:
    """Kafka's own tool with the same values, acks, compression, batch size and partitions.

    It writes to one topic, without keys.
    """
    command = java(
        "org.apache.kafka.tools.ProducerPerformance",
        *("--topic", topic, "--num-records", str(records), "--throughput", "-1", "--payload-file", str(payloads)),
        "--producer-props",
        f"bootstrap.servers={bootstrap}",
        *("acks=all", "enable.idempotence=true", "compression.type=zstd", "batch.size=262144", "linger.ms=250"),
        jvm=JVM["fast"],
    )
    cpu_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cpu_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - cpu_s
    rates = re.findall(rf"^{records} records sent, ([\d.]+) records/sec", done.stdout, re.MULTILINE)
    return Speed(float(rates[-1]), cpu_s / records * 1e6)


def main(*, rounds: int, users: int, days: int, records_max: int) -> None:
    """Measure and print."""
    print(conditions("socialsim", "aiokafka", "cramjam"))
    scenario = Scenario(users=users, days=days, shards=_SHARDS)
    chunks = _chunks(scenario, records_max)
    values = [record.value for chunk in chunks for _, records in chunk for record in records]
    speeds: dict[str, list[Speed]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="socialsim-bench-", ignore_cleanup_errors=True) as scratch:
        payloads = Path(scratch) / "payloads"
        payloads.write_bytes(b"\n".join(values))
        with KafkaCluster.create(Path(scratch) / "kafka", jvm="fast") as kafka:
            for number in range(rounds):
                clusters = [KafkaLog((kafka.bootstrap,), f"bench{number}{kind}.") for kind in ("writer", "run")]
                for cluster in clusters:
                    asyncio.run(create_topics(cluster, _TOPICS, partitions=_PARTITIONS))
                measures = {
                    "Kafka's ProducerPerformance": partial(
                        _producer_performance,
                        kafka.bootstrap,
                        clusters[0].topic("users"),
                        payloads,
                        max(len(values), _WARM_RECORDS),
                    ),
                    "socialsim's writer, one process": partial(_write, clusters[0], _info(scenario), chunks),
                    "socialsim's whole run, one process": partial(_simulate_into, clusters[1], scenario),
                }
                for name, measure in measures.items():
                    speeds[name].append(measure())
    _report(speeds, len(values), sum(map(len, values)) / len(values))


def _report(speeds: dict[str, list[Speed]], records: int, mean_bytes: float) -> None:
    rates = {name: median(speed.records_per_s for speed in measured) for name, measured in speeds.items()}
    best = rates["Kafka's ProducerPerformance"]
    rows = [
        (name, f"{rate:,.0f}", f"{median(speed.cpu_us for speed in speeds[name]):.1f}", f"{rate / best:.2f}")
        for name, rate in rates.items()
    ]
    print_table(
        f"Into one Kafka broker, {records:,} records of {mean_bytes:.0f} bytes, acks=all, idempotent, zstd (medians)",
        ("", "records per second", "client's CPU µs per record", "ratio"),
        rows,
    )
