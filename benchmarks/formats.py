"""What a record costs in each value format: CPU to encode and to decode, bytes, and bytes behind
zstd.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import cramjam

from benchmarks.report import conditions, print_table
from socialsim import Scenario, simulate
from socialsim.events import EVENT_TYPES, WIRE_NAMES, Event
from socialsim.formats import (
    SchemaIdPlace,
    ValueFormat,
    ValueReader,
    WireFormat,
    find_subjects,
    register_subjects,
)
from socialsim.testing import MemoryRegistry

#: Of each type, at most: what fits into the caches of a processor's core beside the tables, as in a
#: run.
_SAMPLE = 400
_REPEATS = 15


def main(*, rounds: int, users: int, days: int) -> None:
    """Measure and print.

    Formats take turns in each round, whose best counts: a busy machine only adds to it.
    """
    print(conditions("socialsim", "msgspec"))
    samples = _samples(users, days)
    readers, wires = asyncio.run(_formats(samples))
    rows = []
    for name, events in samples.items():
        encoders = {kind: wire.make_encoder() for kind, wire in wires.items()}
        records = {kind: [encoder(event) for event in events] for kind, encoder in encoders.items()}
        decoders = {kind: partial(readers[kind].decode, name=name) for kind in wires}
        if any([decoders[kind](raw) for raw in values] != events for kind, values in records.items()):
            raise SystemExit(f"the formats do not hold the same events of type {name}")
        cost = _best_ns({kind: (encoder, events) for kind, encoder in encoders.items()}, rounds)
        back = _best_ns({kind: (decoders[kind], values) for kind, values in records.items()}, rounds)
        rows.append(
            (
                name,
                *(f"{cost[kind]:,.0f}" for kind in wires),
                f"{cost['avro'] / cost['json']:.2f}",
                *(f"{back[kind]:,.0f}" for kind in wires),
                f"{back['avro'] / back['json']:.2f}",
                " / ".join(f"{_mean(values):.0f}" for values in records.values()),
                " / ".join(f"{_zstd(values):.0f}" for values in records.values()),
            )
        )
    ways = ("json", "json-registry", "avro", "avro : json")
    head = ("type", *(f"encode {way}" for way in ways), *(f"decode {way}" for way in ways))
    sizes = ("bytes json / json-registry / avro", "with zstd")
    print_table("One record: CPU in ns, decoding checked in full (medians of each round's best)", head + sizes, rows)


async def _formats(samples: dict[str, list[Event]]) -> tuple[dict[str, ValueReader], dict[str, WireFormat]]:
    """As a run writes and a consumer reads them, with all schemas looked up before."""
    readers, wires = {"json": ValueReader()}, {"json": WireFormat()}
    for value_format in (ValueFormat.JSON_REGISTRY, ValueFormat.AVRO):
        registry = MemoryRegistry()
        topics = {name: f"t.{name}" for name in EVENT_TYPES}
        await register_subjects(registry, topics, value_format)
        wire = await find_subjects(registry, topics, value_format, SchemaIdPlace.PREFIX, "")
        reader, encoder = ValueReader(registry), wire.make_encoder()
        await reader.prepare([encoder(events[0]) for events in samples.values()])
        readers[value_format.value], wires[value_format.value] = reader, wire
    return readers, wires


def _samples(users: int, days: int) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {name: [] for name in EVENT_TYPES}
    for event in simulate(Scenario(users=users, days=days)):
        sample = found[WIRE_NAMES[type(event)]]
        if len(sample) < _SAMPLE:
            sample.append(event)
        elif all(len(other) >= _SAMPLE for other in found.values()):
            break
    return {name: sample for name, sample in found.items() if sample}


def _best_ns(kinds: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]], rounds: int) -> dict[str, float]:
    """CPU per record of each kind."""
    measured: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, (function, values) in kinds.items():
            measured[kind].append(min(_once_ns(function, values) for _ in range(_REPEATS)) / len(values))
    return {kind: median(figures) for kind, figures in measured.items()}


def _once_ns(function: Callable[[Any], Any], values: Sequence[Any]) -> int:
    began = time.thread_time_ns()
    for value in values:
        function(value)
    return time.thread_time_ns() - began


def _mean(records: Sequence[bytes]) -> float:
    return sum(map(len, records)) / len(records)


def _zstd(records: Sequence[bytes]) -> float:
    """Bytes per record of a batch as a producer would send it."""
    return len(bytes(cramjam.zstd.compress(b"".join(records)))) / len(records)
