"""Delivery of envelopes: receivers, order, and the bounded mailbox of a user who stays away."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialsim.domain.actors.context import ProcessContext, ShardContext, make_process_context
from socialsim.domain.actors.delivery import MAILBOX_MAX, deliver, drop_old_posts
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
def process() -> Iterator[ProcessContext]:
    context = make_process_context(Scenario(users=3, shards=1), "r1", pools_of(1), 1)
    yield context
    context.loop.close()


def local_users(process: ProcessContext) -> dict[int, User]:
    """Users 0 and 1, whose tasks are not started."""
    context = ShardContext(process, 0)
    return {user_id: User(context, user_id) for user_id in (0, 1)}


def test_messages_are_delivered_to_local_users_in_order(process: ProcessContext) -> None:
    people = local_users(process)
    first, second = post(1), FriendRequest(2, 7, 0)
    deliver(people, process.trending, [(0, [0, 99, 1], first), (1, [1], second)])
    assert people[0].take_mail() == [first]
    assert people[1].take_mail() == [first, second]


def test_mailbox_is_bounded_and_keeps_requests_and_the_latest_posts(process: ProcessContext) -> None:
    people = local_users(process)
    requests = [FriendRequest(number, number, 0) for number in range(20)]
    for number in range(5_000):
        deliver(people, process.trending, [(0, [0], post(number))])
        if number % 250 == 0:
            deliver(people, process.trending, [(0, [0], requests[number // 250])])
        assert len(people[0].mailbox or ()) <= MAILBOX_MAX
    mail = people[0].take_mail()
    assert [message for message in mail if isinstance(message, FriendRequest)] == requests
    posts = [message.content_id for message in mail if isinstance(message, PostShared)]
    assert posts == list(range(5_000 - len(posts), 5_000))
    assert len(posts) >= FEED_MAX, "fewer posts are kept than a feed can hold"


def test_suggestions_are_answered_while_the_user_is_away(process: ProcessContext) -> None:
    """The answer is a new envelope; a user without friends other than the asker does not answer."""
    people = local_users(process)
    question = (0, [0], SuggestionWanted(1))
    deliver(people, process.trending, [question])
    people[0]._befriend(1)
    deliver(people, process.trending, [question])
    assert process.envelopes == []
    people[0]._befriend(2)
    for _ in range(20):
        deliver(people, process.trending, [question])
    assert {tuple(envelope) for envelope in process.envelopes} == {(0, (1,), Suggestion(2))}
    assert people[0].mailbox is None, "a question is not put into a mailbox"


def test_post_without_receivers_is_trending_and_in_no_mailbox(process: ProcessContext) -> None:
    people = local_users(process)
    deliver(people, process.trending, [(0, [], post(3))])
    assert process.trending.pick(0, 0) == post(3)
    assert people[0].mailbox is None


@given(st.lists(MESSAGES, max_size=100))
def test_only_old_posts_are_dropped_from_a_mailbox(mailbox: list[UserMessage]) -> None:
    kept = drop_old_posts(list(mailbox))
    others = [message for message in mailbox if not isinstance(message, PostShared)]
    posts = [message for message in mailbox if isinstance(message, PostShared)]
    assert [message for message in kept if not isinstance(message, PostShared)] == others
    assert [message for message in kept if isinstance(message, PostShared)] == posts[-FEED_MAX:]
    rest = iter(mailbox)
    assert all(any(message is other for other in rest) for message in kept), "the order of messages has changed"
