"""Runs made by hand, and a small simulated one."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import networkx as nx
import numpy as np

from socialsim.events import EVENT_TYPES, PLURALS, WIRE_NAMES, Event, encode
from socialsim.realism.events import (
    CONTENT_KINDS,
    DEVICES,
    KEPT,
    RunEvents,
    birthday_code,
    country_code,
    kind_of,
    make_run,
)
from socialsim.realism.graph import Graph, make_graph
from socialsim.realism.view import AnalysisView
from socialsim.scenario.model import DAY_US, Scenario, make_scenario
from socialsim.testing import MemoryLog
from socialsim.transport.base import TopicPartition
from tests.support.account import events_of

#: Everybody behaves alike: what a network that looks like a real one must be told from. 1,000
#: people for 16 days.
UNIFORM = make_scenario("uniform", users=1_000, days=16, shards=4, seed=3)
START_US = UNIFORM.start_us


def graph_of(graph: nx.Graph, times_us: Sequence[int] | None = None) -> Graph:
    """The same graph; edge i in networkx's order starts at ``times_us[i]``, else at 0."""
    numbers = {node: place for place, node in enumerate(graph)}
    pairs = np.array([(numbers[one], numbers[other]) for one, other in graph.edges], np.int64).reshape(-1, 2)
    times = np.array(times_us if times_us is not None else [0] * len(pairs), np.int64)
    return make_graph(len(graph), pairs[:, 0], pairs[:, 1], times)


def run_of(days: int, tables: Mapping[str, Sequence[Mapping[str, int]]]) -> RunEvents:
    """A run from rows with the given members; other members are 0 and ``seq`` counts."""
    chunks = {}
    for name, rows in tables.items():
        chunks[name] = [
            {
                member: np.array(
                    [place if member == "seq" else row.get(member, 0) for place, row in enumerate(rows)],
                    kind_of(member),
                )
                for member in KEPT[name]
            }
        ]
    return make_run("r1", chunks, (START_US, START_US + days * DAY_US))


def users(count: int, joined_us: int = START_US, country: str = "IN") -> list[dict[str, int]]:
    return [{"user_id": user, "time_us": joined_us, "country": country_code(country)} for user in range(count)]


def memory_log(events: Sequence[Event]) -> MemoryLog:
    """A log with ``events`` in its first partitions."""
    log = MemoryLog()
    for event in events:
        log.append(TopicPartition(PLURALS[WIRE_NAMES[type(event)]], event.shard % 4), encode(event))
    return log


@cache
def uniform_run() -> RunEvents:
    """The columns of UNIFORM, as if read."""
    return columns_of(events_of(UNIFORM), UNIFORM)


def columns_of(events: Sequence[Event], scenario: Scenario) -> RunEvents:
    """The expected columns, from the events by plain loops."""
    codes: dict[str, Callable[[Any], int]] = {
        "device": DEVICES.index,
        "content_kind": CONTENT_KINDS.index,
        "country": country_code,
        "birthday": birthday_code,
    }
    chunks = {}
    for name, event_type in EVENT_TYPES.items():
        mine = [event for event in events if type(event) is event_type]
        chunks[name] = [
            {
                member: np.array([codes.get(member, int)(getattr(event, member)) for event in mine], kind_of(member))
                for member in KEPT[name]
            }
        ]
    return make_run(events[0].run_id, chunks, (scenario.start_us, scenario.end_us))


@cache
def uniform_view() -> AnalysisView:
    return AnalysisView(uniform_run())
