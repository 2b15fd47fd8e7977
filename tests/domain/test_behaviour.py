"""What people decide: the scenario's shares, exactly, and bounds that hold for every draw."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialsim.domain.behaviour import ACTION_BITS, Behaviour, picture_size_px, video_duration_s, watched_s
from socialsim.kernel.randoms import UNIT
from socialsim.scenario import DAY_US, Scenario

DRAWS = st.integers(0, UNIT - 1) | st.sampled_from([0, UNIT - 1])
#: The middles of 4096 equal parts: every outcome as often as it is likely.
EVEN_DRAWS = [(2 * number + 1) * UNIT // 8_192 for number in range(4_096)]


@given(weights=st.lists(st.integers(0, 100), min_size=5, max_size=5).filter(any))
def test_actions_have_their_shares(weights: list[int]) -> None:
    picture, video, request, comment, _ = (weight / (sum(weights) * 1.000_001) for weight in weights)
    scenario = Scenario(picture_share=picture, video_share=video, request_share=request, comment_share=comment)
    table = Behaviour(scenario).actions
    assert len(table) == 1 << ACTION_BITS
    counts = Counter(table)
    for action, share in (("picture", picture), ("video", video), ("request", request), ("comment", comment)):
        assert counts[action] == pytest.approx(share * len(table), abs=1)  # type: ignore[index]


@pytest.mark.parametrize("share", [0.0, 0.25, 0.8, 1.0])
def test_requests_are_accepted_by_their_share(share: float) -> None:
    behaviour = Behaviour(Scenario(accept_share=share))
    accepted = sum(map(behaviour.accepts, EVEN_DRAWS))
    assert accepted == pytest.approx(share * len(EVEN_DRAWS), abs=1)


def test_the_mean_gap_between_actions() -> None:
    assert Behaviour(Scenario(actions_per_day=48.0)).gap_mean_us == DAY_US // 48


@given(DRAWS, st.integers(1, 10_000_000))
def test_an_answer_always_takes_time(draw: int, median_s: int) -> None:
    assert Behaviour(Scenario(accept_delay_median_s=median_s)).answer_delay_us(draw) >= 1


def test_answers_take_their_median() -> None:
    behaviour = Behaviour(Scenario(accept_delay_median_s=7_200))
    delays_us = sorted(map(behaviour.answer_delay_us, EVEN_DRAWS))
    assert delays_us[len(delays_us) // 2] == pytest.approx(7_200_000_000, rel=0.01)


@given(friends=st.integers(0, 5_000), fanout_max=st.integers(0, 10_000), draw=DRAWS)
def test_an_audience_lies_within_the_circle_of_friends(friends: int, fanout_max: int, draw: int) -> None:
    first, count = Behaviour(Scenario(fanout_max=fanout_max)).audience(friends, draw)
    assert count == min(friends, fanout_max)
    assert 0 <= first < max(friends, 1)


@given(draw=DRAWS, duration_s=st.integers(1, 600))
def test_nobody_watches_more_than_there_is(draw: int, duration_s: int) -> None:
    assert duration_s // 3 <= watched_s(draw, duration_s) <= duration_s


def test_some_watch_a_video_to_its_end_and_some_only_a_third() -> None:
    assert watched_s(0, 90) == 30
    assert watched_s(UNIT - 1, 90) == 90


@given(DRAWS)
def test_posts_have_possible_sizes(draw: int) -> None:
    assert 1 <= video_duration_s(draw) <= 600
    assert all(1 <= side <= 65_535 for side in picture_size_px(draw))


def test_videos_last_about_half_a_minute() -> None:
    durations_s = sorted(map(video_duration_s, EVEN_DRAWS))
    assert 29 <= durations_s[len(durations_s) // 2] <= 30
    assert durations_s[0] < 5
    assert durations_s[-1] > 300
