"""One seed gives one stream, for any number of processes, hash seed, grouping, window and clock."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialsim import simulate
from socialsim.domain.actors.context import Envelope
from socialsim.domain.messages import PostShared, Suggestion, SuggestionWanted, UserMessage
from socialsim.events import Event, PicturePosted
from socialsim.scenario.model import Scenario
from socialsim.simulation.pacing import WallPacer
from tests.support.patience import HANG_S
from tests.support.streams import (
    BUSY,
    ROOT,
    KeepingWriter,
    assert_same_stream,
    by_time,
    first_difference,
    read_directory,
    run_into,
    simulate_hosts,
    simulate_whole,
)

pytestmark = pytest.mark.processes

SHORT_WINDOWS = msgspec.structs.replace(BUSY, users=30, days=1, seed=2**63 - 1, shards=4, window_s=60)
#: Most likes are of popular posts and most requests go to friends of friends: both reach other
#: processes in ways of their own.
CROSSING = msgspec.structs.replace(
    BUSY, users=150, shards=6, window_s=20, circle_share=0.1, closure_share=0.9, closure_abroad_share=1.0, popular_share=0.7,
    friends_mean=20.0, accept_delay_median_s=1, active_day_alpha=100.0, active_day_beta=0.05, days=3,
)  # fmt: skip


def into_memory(scenario: Scenario, **options: object) -> list[Event]:
    """The events that ``run`` writes in this process."""
    writer = KeepingWriter()
    result = run_into(Path(os.devnull), scenario, 1, factory=lambda _: writer, **options)  # type: ignore[arg-type]
    events = writer.events()
    assert writer.drained
    assert writer.closed
    assert sum(result.events.values()) == len(events)
    assert not result.stopped
    return events


@pytest.mark.parametrize("scenario", [BUSY, SHORT_WINDOWS], ids=["wide windows", "short windows"])
def test_simulate_and_run_give_the_same_stream_in_time_order(scenario: Scenario) -> None:
    events = list(simulate(scenario))
    assert events == sorted(events, key=by_time)
    assert_same_stream(events, into_memory(scenario), scenario)


def test_simulate_yields_the_first_events_without_simulating_the_rest() -> None:
    endless = msgspec.structs.replace(BUSY, days=3_660)
    stream = simulate(endless, "another-run")
    events = list(islice(stream, 50))
    stream.close()  # type: ignore[attr-defined]
    assert {event.run_id for event in events} == {"another-run"}
    for number in range(BUSY.shards):
        seqs = [event.seq for event in events if event.shard == number]
        assert seqs == list(range(len(seqs)))


@pytest.mark.parametrize(
    ("scenario", "processes", "hash_seed"),
    [(BUSY, 1, 0), (BUSY, 2, 1), (BUSY, 4, 4_294_967_295), (SHORT_WINDOWS, 2, 0), (CROSSING, 3, 2)],
)
def test_the_stream_does_not_depend_on_processes_or_hash_seeds(
    scenario: Scenario, processes: int, hash_seed: int, tmp_path: Path
) -> None:
    given_scenario = json.dumps(msgspec.to_builtins(scenario))
    finished = subprocess.run(
        [sys.executable, "-m", "tests.support.streams", str(tmp_path), str(processes), given_scenario],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert len(list(tmp_path.glob("*.pid"))) == processes
    assert_same_stream(simulate(scenario), read_directory(tmp_path), scenario)


@pytest.mark.parametrize("speed", [10_000.0, 1_000_000.0])
def test_a_paced_run_gives_the_same_stream_on_time(speed: float) -> None:
    """The clock advances only by sleeping."""
    clock_s = [1_000.0]

    def sleep(seconds: float) -> None:
        assert seconds > 0
        clock_s[0] += seconds

    pacer = WallPacer(speed, SHORT_WINDOWS.start_us, clock=lambda: clock_s[0], sleep=sleep)
    events = into_memory(SHORT_WINDOWS, pacer=pacer)
    assert_same_stream(simulate(SHORT_WINDOWS), events, SHORT_WINDOWS)
    assert clock_s[0] - 1_000.0 == pytest.approx(86_400 / speed, rel=0.01)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_stream_does_not_depend_on_how_shards_are_grouped(data: st.DataObject) -> None:
    """Includes groupings that no run uses: shards that are not contiguous, in any order."""
    scenario = msgspec.structs.replace(BUSY, seed=data.draw(st.integers(0, 5)), users=25, days=1)
    shards = data.draw(st.permutations(range(scenario.shards)))
    cuts = sorted(data.draw(st.sets(st.integers(1, scenario.shards - 1))))
    partition = [shards[first:stop] for first, stop in zip([0, *cuts], [*cuts, scenario.shards], strict=True)]
    assert_same_stream(simulate_whole(scenario), simulate_hosts(scenario, partition), scenario)


@pytest.mark.parametrize("users", [1, 12])
def test_skipping_empty_windows_does_not_change_the_stream(users: int) -> None:
    scenario = msgspec.structs.replace(SHORT_WINDOWS, users=users, sessions_per_active_day=1.0)
    parts = [range(2), range(2, 4)]
    skipping = simulate_hosts(scenario, parts)
    assert_same_stream(skipping, simulate_hosts(scenario, parts, skip_windows=False), scenario)
    assert_same_stream(skipping, simulate_hosts(scenario, [range(4)], skip_windows=False), scenario)


@pytest.mark.parametrize("seed", range(4))
def test_answers_to_profile_queries_do_not_depend_on_skipped_windows(seed: int) -> None:
    """A profile answers at a window's end; the answer arrives a window later, even if empty."""
    scenario = msgspec.structs.replace(CROSSING, users=20, days=1, seed=seed, shards=4, window_s=2, popular_share=0.0)
    skipping = simulate_hosts(scenario, [range(1), range(1, 4)])
    assert_same_stream(simulate_hosts(scenario, [range(4)], skip_windows=False), skipping, scenario)


@pytest.mark.parametrize(
    ("kind", "to_everybody"),
    [(PostShared, True), (PostShared, False), *((kind, False) for kind in (SuggestionWanted, Suggestion))],
)
def test_the_stream_depends_on_envelopes_of_every_kind_crossing_processes(
    kind: type[UserMessage], to_everybody: bool
) -> None:
    """The scenario exercises them: if groups dropped them, the stream would differ."""

    def kept(envelope: Envelope) -> bool:
        return type(envelope[2]) is kind and (not envelope[1]) is to_everybody

    alone = simulate_hosts(CROSSING, [range(3), range(3, 6)], kept=kept)
    assert first_difference(simulate_whole(CROSSING), alone, CROSSING) is not None


def test_another_seed_gives_another_stream() -> None:
    streams = [simulate_whole(msgspec.structs.replace(BUSY, seed=seed)) for seed in (1, 2)]
    run_ids = [{event.run_id for event in stream} for stream in streams]
    assert run_ids[0].isdisjoint(run_ids[1])
    times = [[event.time_us for event in stream] for stream in streams]
    assert times[0] != times[1]


# --- the helper that names the first difference ---------------------------------------------------


def posts(*times_us: int) -> Iterable[Event]:
    for seq, time_us in enumerate(times_us):
        yield PicturePosted("r1", 0, seq, time_us, 3, "web", seq, "a caption", 640, 480)


def test_equal_streams_have_no_difference_in_any_order() -> None:
    assert first_difference(posts(1, 2, 3), reversed(list(posts(1, 2, 3))), BUSY) is None


def test_the_first_difference_is_named_with_its_time_and_the_seed() -> None:
    actual = list(posts(100, 200, 300, 400))
    actual[3].device = "tablet"
    actual[1].caption = "another caption"  # type: ignore[union-attr]
    with pytest.raises(AssertionError) as caught:
        assert_same_stream(posts(100, 200, 300, 400), actual, BUSY)
    message = str(caught.value)
    assert message.startswith("event 1 is the first that differs, at simulated time 200 us with seed 11:")
    assert "another caption" in message
    assert "device='tablet'" not in message


@pytest.mark.parametrize(("expected", "actual"), [((100, 200), (100,)), ((100,), (100, 200)), ((100, 200), (100, 201))])
def test_a_missing_or_additional_event_is_a_difference(expected: tuple[int, ...], actual: tuple[int, ...]) -> None:
    difference = first_difference(posts(*expected), posts(*actual), BUSY)
    assert difference is not None
    assert "event 1 is the first that differs, at simulated time 200 us" in difference
