"""Decisions have the scenario's shares, and bounds that hold for every draw."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialsim.domain.behaviour.decisions import (
    MEETINGS,
    TABLE_BITS,
    Behaviour,
    attention,
    picture_size_px,
    video_appeal,
    video_duration_s,
    watched_s,
)
from socialsim.kernel.randoms import UNIT
from socialsim.scenario.model import Scenario

DRAWS = st.integers(0, UNIT - 1) | st.sampled_from([0, UNIT - 1])
#: The midpoints of 4096 equal steps: every outcome occurs in proportion to its probability.
EVEN_DRAWS = [(2 * number + 1) * UNIT // 8_192 for number in range(4_096)]
BEHAVIOUR = Behaviour(Scenario())


def share(hits: list[bool]) -> float:
    return sum(hits) / len(hits)


@pytest.mark.parametrize("meeting", range(3))
@pytest.mark.parametrize("accepted", [0.0, 0.25, 0.85, 1.0])
def test_acceptance_share_depends_on_the_meeting(meeting: int, accepted: float) -> None:
    others: dict[str, Any] = {f"accept_{name}_share": 0.5 for name in MEETINGS}
    behaviour = Behaviour(Scenario(**others | {f"accept_{MEETINGS[meeting]}_share": accepted}))
    for friends in (0, 9, 10):
        answers = [behaviour.accepts(meeting, friends, 10, draw) for draw in EVEN_DRAWS]
        assert share(answers) == pytest.approx(accepted, abs=1 / 4_096)


@pytest.mark.parametrize("wanted", [1, 10, 300])
def test_acceptance_falls_to_zero_beyond_the_friends_wanted(wanted: int) -> None:
    shares = [
        share([BEHAVIOUR.accepts(0, friends, wanted, draw) for draw in EVEN_DRAWS])
        for friends in range(wanted, 2 * wanted + 4)
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[1] > shares[2]
    assert shares[-1] == 0


@given(DRAWS, st.integers(1, 10_000_000))
def test_answer_delay_is_at_least_one_microsecond(draw: int, median_s: int) -> None:
    assert Behaviour(Scenario(accept_delay_median_s=median_s)).answer_delay_us(draw) >= 1


@given(st.integers(1, 36_000), st.integers(1, 36_000))
def test_session_and_gap_tables_are_sorted_and_bounded(session_s: int, gap_s: int) -> None:
    behaviour = Behaviour(Scenario(session_duration_median_s=session_s, action_gap_median_s=gap_s))
    assert {duration_us % 1_000_000 for duration_us in behaviour.sessions_us} == {0}
    assert min(behaviour.sessions_us) >= 1_000_000
    assert max(behaviour.sessions_us) <= 4 * 3_600_000_000
    assert min(behaviour.gaps_us) >= 1
    for table in (behaviour.sessions_us, behaviour.gaps_us):
        assert list(table) == sorted(table)
        assert len(table) == 1 << TABLE_BITS


def test_delays_have_the_medians_of_the_scenario() -> None:
    behaviour = Behaviour(
        Scenario(
            accept_delay_median_s=7_200, session_duration_median_s=300, action_gap_median_s=40, away_median_days=20
        )
    )
    middle = UNIT // 2
    assert behaviour.answer_delay_us(middle) == pytest.approx(7_200_000_000, rel=0.01)
    assert behaviour.sessions_us[len(behaviour.sessions_us) // 2] == pytest.approx(300_000_000, rel=0.01)
    assert behaviour.gaps_us[len(behaviour.gaps_us) // 2] == pytest.approx(40_000_000, rel=0.01)
    assert behaviour.days_away(middle, 0) in {20, 21}


@pytest.mark.parametrize("returning", [0.0, 0.6, 1.0])
def test_return_share_of_users_who_drift_away(returning: float) -> None:
    behaviour = Behaviour(Scenario(return_share=returning))
    days = [behaviour.days_away(UNIT // 3, draw) for draw in EVEN_DRAWS]
    assert share([each is not None for each in days]) == pytest.approx(returning, abs=1 / 4_096)
    assert all(each is None or each >= 1 for each in days)


@pytest.mark.parametrize("bounced", [0.0, 0.3, 1.0])
def test_bounce_share_of_new_users(bounced: float) -> None:
    behaviour = Behaviour(Scenario(bounce_share=bounced))
    assert share([behaviour.bounces(draw) for draw in EVEN_DRAWS]) == pytest.approx(bounced, abs=1 / 4_096)


@given(st.integers(-5_000, 5_000))
def test_requests_never_exceed_the_friends_missing(missing: int) -> None:
    assert 0 <= BEHAVIOUR.requests(missing) <= max(missing, 0)
    assert (BEHAVIOUR.requests(missing) > 0) is (missing > 0)


@given(
    friends=st.integers(1, 5_000),
    reach=st.sampled_from([0, 1, 10, 10_000]),
    quality=st.integers(1, 1 << 20),
    draw=DRAWS,
)
def test_audience_is_within_the_ring_of_friends(friends: int, reach: int, quality: int, draw: int) -> None:
    first, count = Behaviour(Scenario(reach_median=reach)).audience(friends, quality, draw)
    assert 0 <= count <= friends
    assert 0 <= first < friends
    if reach == 0:
        assert count == 0


def test_no_friends_means_no_audience() -> None:
    assert BEHAVIOUR.audience(0, 1_024, UNIT - 1) == (0, 0)


def test_better_posts_reach_more_friends_and_reach_varies() -> None:
    reached = {
        quality: [BEHAVIOUR.audience(5_000, quality, draw)[1] for draw in EVEN_DRAWS] for quality in (512, 1_024, 4_096)
    }
    assert sum(reached[512]) < sum(reached[1_024]) < sum(reached[4_096])
    assert len(set(reached[1_024])) > 20


@given(DRAWS, st.sampled_from([0.0, 0.8, 4.0]))
def test_quality_is_bounded(draw: int, sigma: float) -> None:
    assert 1 <= Behaviour(Scenario(quality_sigma=sigma)).quality(draw) <= 1 << 20


@pytest.mark.slow
def test_median_quality_is_1024() -> None:
    assert BEHAVIOUR.quality(UNIT // 2) == pytest.approx(1_024, rel=0.01)
    assert {Behaviour(Scenario(quality_sigma=0)).quality(draw) for draw in EVEN_DRAWS} == {1_024}


@given(st.integers(1, 1 << 20), st.integers(0, 10**12), st.integers(1, 10**12), st.integers(1, 10**13))
def test_attention_falls_with_age_and_rises_with_quality_and_affinity(
    quality: int, age_us: int, more_us: int, recency: int
) -> None:
    for draws in (attention, video_appeal):
        assert draws(quality, 1_024, age_us + more_us, recency) <= draws(quality, 1_024, age_us, recency)
        assert draws(quality + 1, 1_024, age_us, recency) >= draws(quality, 1_024, age_us, recency)
        assert draws(quality, 1_025, age_us, recency) >= draws(quality, 1_024, age_us, recency)


def test_median_appeal_is_1024_when_new_and_half_when_old() -> None:
    assert video_appeal(1_024, 1_024, 0, 3_600) == 1_024
    assert video_appeal(1_024, 1_024, 10**12, 3_600) == 512
    assert video_appeal(2_048, 512, 0, 3_600) == 1_024


@given(draw=DRAWS, duration_s=st.integers(1, 600), appeal=st.integers(0, 1 << 24))
def test_watched_time_never_exceeds_the_duration(draw: int, duration_s: int, appeal: int) -> None:
    assert duration_s // 6 <= watched_s(draw, duration_s, appeal) <= duration_s


def test_videos_with_more_appeal_are_watched_longer() -> None:
    watched = {appeal: sum(watched_s(draw, 90, appeal) for draw in EVEN_DRAWS) for appeal in (100, 1_024, 5_000)}
    assert watched[100] < watched[1_024] < watched[5_000]
    assert watched_s(0, 90, 1_024) == 15
    assert watched_s(UNIT - 1, 90, 1_024) == 90


@given(DRAWS)
def test_pictures_have_plausible_sizes(draw: int) -> None:
    assert 1 <= video_duration_s(draw) <= 600
    assert all(1 <= side <= 65_535 for side in picture_size_px(draw))


def test_median_video_duration_is_half_a_minute() -> None:
    durations_s = sorted(map(video_duration_s, EVEN_DRAWS))
    assert 29 <= durations_s[len(durations_s) // 2] <= 30
    assert durations_s[0] < 5
    assert durations_s[-1] > 300
