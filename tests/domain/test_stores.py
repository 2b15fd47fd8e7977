"""Stores answer one question at a time, and no id is allocated twice in any shard."""

from collections.abc import Iterator
from typing import Any

import pytest

from socialsim.domain.actors.stores import ContentStore, FriendStore, UserStore
from socialsim.domain.messages import NewContentId, NewRequestId, NewSessionId, NewUserId
from socialsim.kernel import Actor, VirtualTimeLoop, new_loop
from socialsim.scenario.model import Scenario


class Asker(Actor[Any]):
    """Asks a store a list of questions and keeps the answers."""

    __slots__ = ("_questions", "_store", "answers")

    def __init__(self, loop: VirtualTimeLoop, store: Actor[Any], questions: list[Any]) -> None:
        super().__init__(loop)
        self.answers: list[Any] = []
        self._questions = questions
        self._store = store

    async def run(self) -> None:
        for question in self._questions:
            await self.ask(self._store, question(self))
            self.answers.append(self.answer)


@pytest.fixture
def loop() -> Iterator[VirtualTimeLoop]:
    virtual_loop = new_loop()
    yield virtual_loop
    virtual_loop.close()


def ask(loop: VirtualTimeLoop, store: Actor[Any], *questions: Any, askers: int = 1) -> list[list[Any]]:
    if store.task is None:
        store.start()
    started = [Asker(loop, store, list(questions)) for _ in range(askers)]
    for asker in started:
        asker.start()
    loop.run_until(loop.now_us + 1)
    return [asker.answers for asker in started]


@pytest.mark.parametrize("store_type", [ContentStore, FriendStore])
@pytest.mark.parametrize("shards", [1, 3, 64])
def test_stores_of_all_shards_allocate_every_id_once(
    loop: VirtualTimeLoop, store_type: type[ContentStore | FriendStore], shards: int
) -> None:
    question = NewRequestId if store_type is FriendStore else lambda asker: NewContentId(asker, "picture")
    ids = []
    for shard in range(shards):
        (answers,) = ask(loop, store_type(loop, shard, shards), *[question] * 20)
        assert all(number % shards == shard for number in answers), "an id reveals its shard"
        ids += answers
    assert sorted(ids) == list(range(20 * shards))


def test_each_content_kind_has_its_own_id_sequence(loop: VirtualTimeLoop) -> None:
    store = ContentStore(loop, 2, 5)
    (answers,) = ask(
        loop,
        store,
        lambda asker: NewContentId(asker, "picture"),
        lambda asker: NewContentId(asker, "video"),
        lambda asker: NewContentId(asker, "comment"),
        lambda asker: NewContentId(asker, "comment"),
        lambda asker: NewContentId(asker, "picture"),
    )
    assert answers == [2, 2, 2, 7, 7]


def test_concurrent_askers_get_different_ids(loop: VirtualTimeLoop) -> None:
    store = FriendStore(loop, 1, 4)
    answers = ask(loop, store, NewRequestId, NewRequestId, askers=10)
    ids = [number for part in answers for number in part]
    assert sorted(ids) == list(range(1, 81, 4))


def test_user_ids_are_allocated_in_order_until_none_is_left(loop: VirtualTimeLoop) -> None:
    scenario = Scenario(users=9, shards=3)
    store = UserStore(loop, scenario.user_range(1), 1, 3)
    assert ask(loop, store, *[NewUserId] * 5) == [[3, 4, 5, None, None]]


def test_session_ids_have_their_own_sequence_and_reveal_the_shard(loop: VirtualTimeLoop) -> None:
    store = UserStore(loop, range(6, 9), 2, 5)
    assert ask(loop, store, NewSessionId, NewUserId, NewSessionId, NewSessionId) == [[2, 6, 7, 12]]
