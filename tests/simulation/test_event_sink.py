"""The event sink: orders by shard, counts, and appends nothing that is durable already."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from socialsim.events import WIRE_NAMES, encode
from socialsim.simulation.event_sink import EventSink
from tests.support.streams import BUSY, KeepingBooks, KeepingWriter, simulate_whole

EVENTS = simulate_whole(BUSY)
SHARDS = range(BUSY.shards)
BY_SHARD = {shard: [encode(event) for event in EVENTS if event.shard == shard] for shard in SHARDS}
LAST = {shard: len(values) - 1 for shard, values in BY_SHARD.items()}


@settings(max_examples=50)
@given(
    cuts=st.lists(st.integers(0, len(EVENTS)), max_size=12).map(sorted),
    acknowledged=st.dictionaries(st.sampled_from(SHARDS), st.integers(-1, min(LAST.values()))),
)
def test_every_event_that_is_not_durable_yet_is_appended_once_in_order(
    cuts: list[int], acknowledged: dict[int, int]
) -> None:
    writer, store = KeepingWriter(), KeepingBooks(acknowledged)
    sink = EventSink("r1", SHARDS, writer, store)
    for first, stop in zip([0, *cuts], [*cuts, len(EVENTS)], strict=True):
        sink.add(EVENTS[first:stop])
    sink.flush()
    for shard in SHARDS:
        assert writer.kept.get(shard, []) == BY_SHARD[shard][acknowledged.get(shard, -1) + 1 :]
    assert sink.events == len(EVENTS)
    assert Counter(sink.counts) == Counter(WIRE_NAMES[type(event)] for event in EVENTS)
    sink.write_manifests(sealed=True)
    for shard in SHARDS:
        manifest = store.manifests[shard]
        assert manifest.sealed
        assert sum(tally.count for tally in manifest.tallies.values()) == len(BY_SHARD[shard])
