"""What a record costs in each value format: CPU to encode and to decode, bytes, and bytes behind
zstd.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import cramjam

from benchmarks.report import conditions, print_table
from socialsim import Scenario, simulate
from socialsim.events import EVENT_TYPES, WIRE_NAMES, Event, decode, encode
from socialsim.events.avro import compile_reader, compile_writer

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
    rows = []
    for name, events in samples.items():
        write, read = compile_writer(EVENT_TYPES[name]), compile_reader(EVENT_TYPES[name])
        texts, records = [encode(event) for event in events], [write(event) for event in events]
        if [read(record) for record in records] != [decode(text, name) for text in texts]:
            raise SystemExit(f"the formats do not hold the same events of type {name}")
        encoders: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]] = {
            "json": (encode, events),
            "json-registry": (_encode_framed, events),
            "avro": (write, events),
        }
        decoders: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]] = {
            "json": (partial(decode, name=name), texts),
            "avro": (read, records),
        }
        cost, back = _best_ns(encoders, rounds), _best_ns(decoders, rounds)
        rows.append(
            (
                name,
                *(f"{cost[kind]:,.0f}" for kind in encoders),
                f"{cost['avro'] / cost['json']:.2f}",
                *(f"{back[kind]:,.0f}" for kind in decoders),
                f"{back['avro'] / back['json']:.2f}",
                f"{_mean(texts):.0f} / {_mean(records):.0f}",
                f"{_zstd(texts):.0f} / {_zstd(records):.0f}",
            )
        )
    head = ("type", "encode json", "json-registry", "avro", "avro : json", "decode json", "avro", "avro : json")
    sizes = ("bytes json / avro", "with zstd")
    print_table("One record: CPU in ns, decoding checked in full (medians of each round's best)", head + sizes, rows)


def _encode_framed(event: Event) -> bytes:
    """A schema's id before the JSON, which the Avro writer has for nothing."""
    return b"\0\0\0\0\1" + encode(event)


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
