"""Every simulated stream satisfies the invariants, and the checker rejects streams that do not."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from socialsim.events import (
    WIRE_NAMES,
    CommentPosted,
    Event,
    FriendAccepted,
    FriendRequested,
    PictureLiked,
    SessionStarted,
    UserSignedUp,
    VideoLiked,
    VideoPosted,
    decode,
    encode,
)
from socialsim.scenario.model import Scenario, make_scenario
from tests.support.soundness import RULES, assert_sound, breaches
from tests.support.streams import BUSY, simulate_whole

E = TypeVar("E", bound=Event)

SHARES = st.sampled_from([0.0, 0.4, 1.0])


def with_parts(main_device: str, closure_of_rest: float, circle_share: float, **knobs: Any) -> Scenario:
    """A scenario whose shares sum to at most 1."""
    devices: dict[str, Any] = {
        f"{part}_share": float(part == main_device) for part in ("mobile_only", "web_only", "tablet")
    }
    return make_scenario(
        **devices,
        circle_share=circle_share,
        closure_share=(1.0 - circle_share) * closure_of_rest,
        **knobs,
    )


SCENARIOS = st.builds(
    with_parts,
    main_device=st.sampled_from(["mobile_only", "web_only", "tablet", "mobile"]),
    closure_of_rest=SHARES,
    daily_rhythm=SHARES,
    users=st.sampled_from([1, 2, 3, 5, 17, 40]),
    days=st.integers(1, 2),
    seed=st.integers(0, 2**63 - 1),
    start=st.sampled_from(["1970-01-01", "2026-01-01", "2024-02-28T23:59:59.999999Z"]),
    shards=st.sampled_from([1, 2, 3, 7, 50]),
    window_s=st.sampled_from([1, 60, 3_600]),
    adoption_midpoint=SHARES,
    adoption_steepness=st.sampled_from([0.0, 10.0, 100.0]),
    country_skew=st.sampled_from([0.0, 1.0, 4.0]),
    second_device_share=SHARES,
    active_day_alpha=st.sampled_from([0.05, 0.7, 100.0]),
    active_day_beta=st.sampled_from([0.05, 0.38, 100.0]),
    sessions_per_active_day=st.sampled_from([1.0, 2.2, 50.0]),
    session_duration_median_s=st.sampled_from([1, 200, 36_000]),
    action_gap_median_s=st.sampled_from([60, 36_000]),
    weekend_activity=st.sampled_from([0.0, 0.8, 5.0]),
    bounce_share=SHARES,
    drift_share=SHARES,
    away_median_days=st.sampled_from([1, 3_660]),
    flash_mobs_per_30_days=st.sampled_from([0.0, 300.0]),
    flash_mob_share=SHARES,
    friends_mean=st.sampled_from([0.0, 0.1, 12.0, 5_000.0]),
    friends_spread=st.sampled_from([0.0, 1.0, 2.0]),
    community_people=st.sampled_from([1, 7, 1_000_000]),
    community_influence=SHARES,
    circle_people=st.sampled_from([2, 5, 10_000]),
    circle_share=SHARES,
    closure_abroad_share=SHARES,
    stranger_home_share=SHARES,
    accept_circle_share=SHARES,
    accept_closure_share=SHARES,
    accept_stranger_share=SHARES,
    accept_delay_median_s=st.sampled_from([1, 7_200]),
    post_share=st.sampled_from([0.0, 0.1, 1.0]),
    post_sigma=st.sampled_from([0.0, 4.0]),
    video_share=SHARES,
    comment_share=SHARES,
    reach_median=st.sampled_from([0, 1, 10_000]),
    quality_sigma=st.sampled_from([0.0, 4.0]),
    recency_s=st.sampled_from([1, 3_600, 10_000_000]),
    popular_share=SHARES,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SCENARIOS)
def test_every_stream_satisfies_the_invariants(scenario: Scenario) -> None:
    events = simulate_whole(scenario)
    assert_sound(events, scenario)
    for event in events:
        assert decode(encode(event), WIRE_NAMES[type(event)]) == event


@pytest.mark.parametrize("shards", [1, 3])
def test_friend_requests_that_cross_lead_to_one_friendship(shards: int) -> None:
    """With windows of an hour, two users often ask each other before either can know."""
    crossed = 0
    for seed in range(4):
        scenario = Scenario(
            users=40, days=1, seed=seed, shards=shards, window_s=3_600, adoption_midpoint=0.0, adoption_steepness=40.0,
            active_day_alpha=100.0, active_day_beta=0.05, sessions_per_active_day=10.0, session_duration_median_s=3_600,
            friends_mean=30.0, friends_spread=0.0, circle_share=1.0, closure_share=0.0, community_people=40,
            circle_people=40, country_skew=4.0, accept_circle_share=1.0, accept_delay_median_s=60, post_share=0.0,
        )  # fmt: skip
        events = simulate_whole(scenario)
        assert_sound(events, scenario)
        asked = {(event.user_id, event.receiver_id) for event in events if isinstance(event, FriendRequested)}
        friends = {
            frozenset((event.user_id, event.requester_id)) for event in events if isinstance(event, FriendAccepted)
        }
        both = {frozenset(pair) for pair in asked if pair[::-1] in asked}
        crossed += len(both & friends)
    assert crossed >= 10, "the requests were meant to cross"


def test_a_busy_stream_contains_every_event_type() -> None:
    counts = Counter(type(event) for event in sound())
    assert set(counts) == set(WIRE_NAMES)
    assert min(counts.values()) >= 40


# --- sabotage -------------------------------------------------------------------------------------


@cache
def _sound() -> tuple[bytes, ...]:
    return tuple(encode(event) for event in simulate_whole(BUSY))


def sound() -> list[Event]:
    """A fresh copy of a valid stream, in time order."""
    return [decode(raw) for raw in _sound()]


def one(events: list[Event], event_type: type[E], number: int = 5) -> E:
    return [event for event in events if isinstance(event, event_type)][number]


def skip_a_seq(events: list[Event]) -> None:
    events.remove(one(events, PictureLiked))


def double_an_event(events: list[Event]) -> None:
    like = one(events, PictureLiked)
    events.insert(events.index(like), like)


def lose_a_user(events: list[Event]) -> None:
    lost = one(events, UserSignedUp)
    events.remove(lost)
    for event in events:
        if event.shard == lost.shard and event.seq > lost.seq:
            event.seq -= 1


def happen_before_the_run(events: list[Event]) -> None:
    events[0].time_us = BUSY.start_us - 1


def happen_after_the_run(events: list[Event]) -> None:
    events[-1].time_us = BUSY.end_us


def go_back_in_time(events: list[Event]) -> None:
    one(events, PictureLiked).time_us -= 3_600_000_000


def act_from_another_shard(events: list[Event]) -> None:
    event = events[-1]
    event.user_id = BUSY.user_range((event.shard + 1) % BUSY.shards)[0]


def belong_to_another_run(events: list[Event]) -> None:
    events[-1].run_id = "another"


def use_an_id_twice(events: list[Event]) -> None:
    one(events, VideoPosted, 6).video_id = one(events, VideoPosted, 5).video_id


def use_a_comment_id_twice(events: list[Event]) -> None:
    one(events, CommentPosted, 6).comment_id = one(events, CommentPosted, 5).comment_id


def use_an_id_of_another_shard(events: list[Event]) -> None:
    one(events, CommentPosted).comment_id += 1


def take_a_name(events: list[Event]) -> None:
    one(events, UserSignedUp, 2).username = one(events, UserSignedUp, 1).username.upper()


def take_a_mail_address(events: list[Event]) -> None:
    one(events, UserSignedUp, 2).email = one(events, UserSignedUp, 1).email


def like_what_is_not_there(events: list[Event]) -> None:
    one(events, PictureLiked).picture_id = 10**9


def comment_on_the_wrong_kind(events: list[Event]) -> None:
    videos = {event.video_id for event in events if isinstance(event, VideoPosted)}
    comments = [event for event in events if isinstance(event, CommentPosted) and event.content_kind == "picture"]
    next(event for event in comments if event.content_id not in videos).content_kind = "video"


def ask_nobody(events: list[Event]) -> None:
    one(events, FriendRequested).receiver_id = BUSY.users


def like_before_it_was_posted(events: list[Event]) -> None:
    like = one(events, VideoLiked)
    posted = next(event for event in events if isinstance(event, VideoPosted) and event.video_id == like.video_id)
    posted.time_us = like.time_us


def ask_before_the_receiver_signed_up(events: list[Event]) -> None:
    last = one(events, UserSignedUp, -1)
    one(events, FriendRequested, 0).receiver_id = last.user_id


def ask_oneself(events: list[Event]) -> None:
    request = one(events, FriendRequested)
    request.receiver_id = request.user_id


def ask_again(events: list[Event]) -> None:
    requests = [event for event in events if isinstance(event, FriendRequested)]
    asked: dict[int, int] = {}
    again = next(event for event in requests if asked.setdefault(event.user_id, event.receiver_id) != event.receiver_id)
    again.receiver_id = asked[again.user_id]


def accept_for_another(events: list[Event]) -> None:
    one(events, FriendAccepted).requester_id += 1


def accept_a_request_of_somebody_else(events: list[Event]) -> None:
    one(events, FriendAccepted, 9).request_id = one(events, FriendRequested, 0).request_id


def accept_nothing(events: list[Event]) -> None:
    one(events, FriendAccepted).request_id = 10**9


def accept_again(events: list[Event]) -> None:
    one(events, FriendAccepted, 9).request_id = one(events, FriendAccepted, 8).request_id


def become_friends_both_ways(events: list[Event]) -> None:
    first, second = one(events, FriendAccepted, 8), one(events, FriendAccepted, 9)
    second.user_id, second.requester_id = first.requester_id, first.user_id


def like_again(events: list[Event]) -> None:
    likes = [event for event in events if isinstance(event, PictureLiked)]
    first = likes[0]
    next(event for event in likes[1:] if event.user_id == first.user_id).picture_id = first.picture_id


def act_after_the_session(events: list[Event]) -> None:
    like = one(events, PictureLiked)
    sessions = [event for event in events if isinstance(event, SessionStarted) and event.user_id == like.user_id]
    [event for event in sessions if event.time_us <= like.time_us][-1].time_us -= 36_000_000_000


def act_without_a_session(events: list[Event]) -> None:
    one(events, SessionStarted, 0).user_id = one(events, SessionStarted, 1).user_id


def be_there_twice(events: list[Event]) -> None:
    one(events, SessionStarted, 0).duration_s = 200_000


def use_a_session_id_twice(events: list[Event]) -> None:
    one(events, SessionStarted, 6).session_id = one(events, SessionStarted, 5).session_id


def watch_for_too_long(events: list[Event]) -> None:
    one(events, VideoLiked).watched_s = 601


SABOTAGE: list[tuple[str, Callable[[list[Event]], None]]] = [
    ("gapless seq", skip_a_seq),
    ("gapless seq", double_an_event),
    ("everybody", lose_a_user),
    ("parent exists", lose_a_user),
    ("time in run", happen_before_the_run),
    ("time in run", happen_after_the_run),
    ("time order", go_back_in_time),
    ("own shard", act_from_another_shard),
    ("one run", belong_to_another_run),
    ("unique id", use_an_id_twice),
    ("unique id", use_a_comment_id_twice),
    ("id of shard", use_an_id_of_another_shard),
    ("unique name", take_a_name),
    ("unique name", take_a_mail_address),
    ("parent exists", like_what_is_not_there),
    ("parent exists", comment_on_the_wrong_kind),
    ("parent exists", ask_nobody),
    ("later than parent", like_before_it_was_posted),
    ("later than parent", ask_before_the_receiver_signed_up),
    ("no self request", ask_oneself),
    ("one request", ask_again),
    ("acceptance fits", accept_for_another),
    ("acceptance fits", accept_a_request_of_somebody_else),
    ("acceptance fits", accept_nothing),
    ("one acceptance", accept_again),
    ("one friendship", become_friends_both_ways),
    ("one like", like_again),
    ("watched", watch_for_too_long),
    ("in session", act_after_the_session),
    ("in session", act_without_a_session),
    ("one session", be_there_twice),
    ("unique id", use_a_session_id_twice),
]


@pytest.mark.parametrize(("rule", "sabotage"), [pytest.param(*case, id=case[1].__name__) for case in SABOTAGE])
def test_the_checker_rejects_a_stream_that_breaks_a_rule(rule: str, sabotage: Callable[[list[Event]], None]) -> None:
    events = sound()
    assert breaches(events, BUSY) == []
    sabotage(events)
    assert rule in {breach.rule for breach in breaches(events, BUSY)}
    with pytest.raises(AssertionError, match="breaches in Scenario"):
        assert_sound(events, BUSY)


def test_every_rule_has_a_sabotage_test() -> None:
    assert {rule for rule, _ in SABOTAGE} == set(RULES)


def test_the_checker_accepts_shards_one_after_another() -> None:
    """The checker finds parents at any position."""
    events = sorted(sound(), key=lambda event: (-event.shard, event.seq))
    assert breaches(events, BUSY) == []
