"""Letters: who gets them, in which order, and that somebody who stays away for long costs little."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialsim.domain.actors.context import ProcessContext, ShardContext, make_process_context
from socialsim.domain.actors.delivery import MAILBOX_MAX, deliver, forget_old_posts
from socialsim.domain.actors.user import User
from socialsim.domain.behaviour.feed import FEED_MAX
from socialsim.domain.messages import (
    FriendAcceptance,
    FriendRequest,
    PostShared,
    Suggestion,
    SuggestionWanted,
    UserMessage,
)
from socialsim.scenario.model import Scenario
from tests.support.streams import pools_of


def post(number: int) -> PostShared:
    return PostShared(number, 0, 1, number, 1_024)


MESSAGES = st.one_of(
    st.integers(0, 1_000).map(post),
    st.builds(FriendRequest, st.integers(0, 1_000), st.integers(0, 50), st.integers(0, 2)),
    st.builds(FriendAcceptance, st.integers(0, 50)),
    st.builds(Suggestion, st.integers(0, 50)),
)


@pytest.fixture
def around() -> Iterator[ProcessContext]:
    made = make_process_context(Scenario(users=3, shards=1), "r1", pools_of(1), 1)
    yield made
    made.loop.close()


def local_users(around: ProcessContext) -> dict[int, User]:
    """Users 0 and 1, who never wake."""
    world = ShardContext(around, 0)
    return {user_id: User(world, user_id) for user_id in (0, 1)}


def test_letters_reach_those_who_live_here_in_order(around: ProcessContext) -> None:
    people = local_users(around)
    first, second = post(1), FriendRequest(2, 7, 0)
    deliver(people, around.trending, [(0, [0, 99, 1], first), (1, [1], second)])
    assert people[0].take_mail() == [first]
    assert people[1].take_mail() == [first, second]


def test_a_mailbox_is_bounded_and_keeps_requests_and_the_latest_posts(around: ProcessContext) -> None:
    people = local_users(around)
    requests = [FriendRequest(number, number, 0) for number in range(20)]
    for number in range(5_000):
        deliver(people, around.trending, [(0, [0], post(number))])
        if number % 250 == 0:
            deliver(people, around.trending, [(0, [0], requests[number // 250])])
        assert len(people[0].mailbox or ()) <= MAILBOX_MAX
    mail = people[0].take_mail()
    assert [message for message in mail if isinstance(message, FriendRequest)] == requests
    posts = [message.content_id for message in mail if isinstance(message, PostShared)]
    assert posts == list(range(5_000 - len(posts), 5_000))
    assert len(posts) >= FEED_MAX, "what a feed can hold is not forgotten"


def test_a_profile_answers_for_one_who_is_away(around: ProcessContext) -> None:
    """Its answer is a letter of its own; who has no friends, or none but the asker, answers nothing."""
    people = local_users(around)
    question = (0, [0], SuggestionWanted(1))
    deliver(people, around.trending, [question])
    people[0]._befriend(1)
    deliver(people, around.trending, [question])
    assert around.letters == []
    people[0]._befriend(2)
    for _ in range(20):
        deliver(people, around.trending, [question])
    assert {tuple(letter) for letter in around.letters} == {(0, (1,), Suggestion(2))}
    assert people[0].mailbox is None, "a question lies in nobody's mailbox"


def test_what_is_sent_to_nobody_in_particular_is_popular_and_in_no_mailbox(around: ProcessContext) -> None:
    people = local_users(around)
    deliver(people, around.trending, [(0, [], post(3))])
    assert around.trending.pick(0, 0) == post(3)
    assert people[0].mailbox is None


@given(st.lists(MESSAGES, max_size=100))
def test_only_old_posts_are_forgotten(mailbox: list[UserMessage]) -> None:
    kept = forget_old_posts(list(mailbox))
    others = [message for message in mailbox if not isinstance(message, PostShared)]
    posts = [message for message in mailbox if isinstance(message, PostShared)]
    assert [message for message in kept if not isinstance(message, PostShared)] == others
    assert [message for message in kept if isinstance(message, PostShared)] == posts[-FEED_MAX:]
    rest = iter(mailbox)
    assert all(any(message is other for other in rest) for message in kept), "the order has changed"
