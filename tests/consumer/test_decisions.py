from hypothesis import given
from hypothesis import strategies as st

from socialsim.consumer.decisions import Watchdog, backoff_s, due_in_s, lag_of, missing_records, resolve
from socialsim.consumer.settings import ConsumerSettings
from socialsim.transport.base import TopicPartition
from socialsim.warehouse.base import OffsetAdvance, OffsetKey

SETTINGS = ConsumerSettings(batch_rows=10, batch_bytes_max=100, flush_after_ms=150)
A, B = TopicPartition("pictures", 0), TopicPartition("pictures", 1)


def test_a_batch_is_due_by_rows_bytes_or_age() -> None:
    assert due_in_s(0, 0, 99, SETTINGS) is None
    assert due_in_s(1, 1, 0, SETTINGS) == 0.15
    assert due_in_s(1, 1, 0.15, SETTINGS) == 0
    assert due_in_s(10, 1, 0, SETTINGS) == 0
    assert due_in_s(1, 100, 0, SETTINGS) == 0


def test_a_wait_is_never_shorter_than_the_clocks_resolution() -> None:
    assert due_in_s(1, 1, 0.15 - 1e-12, SETTINGS) == 0


@given(st.integers(0, 10_000))
def test_backoff_grows_up_to_its_limit(attempt: int) -> None:
    assert SETTINGS.backoff_min_s <= backoff_s(attempt, SETTINGS) <= backoff_s(attempt + 1, SETTINGS)
    assert backoff_s(attempt, SETTINGS) <= SETTINGS.backoff_max_s


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5), st.integers(0, 12)), max_size=6))
def test_each_partition_of_an_unknown_outcome_is_committed_replayed_or_lost(spans: list[tuple[int, int, int]]) -> None:
    moves = [
        OffsetAdvance(OffsetKey("log", "g", "t", number), old, old + length)
        for number, (old, length, _) in enumerate(spans)
    ]
    stored = {move.key: now for move, (_, _, now) in zip(moves, spans, strict=True)}
    outcome = resolve(moves, stored)
    for move in moves:
        found = [kind for kind, keys in outcome._asdict().items() if move.key in keys]
        expected = {move.new: "committed", move.old: "replay"}.get(stored[move.key], "lost")
        assert found == [expected]


def test_lag_is_known_only_where_every_assigned_partition_has_an_end() -> None:
    assert lag_of({A: 3, B: 5}, {A: 5, B: 5}) == 2
    assert lag_of({A: 5}, {A: 5, B: 9}) == 0
    assert lag_of({A: 5, B: 5}, {A: 5}) is None
    assert lag_of({}, {A: 5}) is None
    assert lag_of({}, {}) is None


def test_missing_records_are_counted_by_partition() -> None:
    assert missing_records({A: 3, B: 5}, {A: 5, B: 5}) == {A: 2}
    assert missing_records({A: 6}, {A: 5, B: 4}) == {B: 4}
    assert missing_records({}, {A: 0}) == {}


def test_the_watchdog_reports_only_lag_without_progress() -> None:
    watchdog = Watchdog(stuck_after_s=10)
    assert watchdog.stuck_for_s(0, "a", lag=5) is None
    assert watchdog.stuck_for_s(9, "a", lag=5) is None
    assert watchdog.stuck_for_s(9.5, "b", lag=5) is None
    assert watchdog.stuck_for_s(19, "b", lag=5) is None
    assert watchdog.stuck_for_s(19.5, "b", lag=5) == 10
    assert watchdog.stuck_for_s(100, "b", lag=0) is None
    assert watchdog.stuck_for_s(109, "b", lag=5) is None
