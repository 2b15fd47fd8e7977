"""The digest of a run: independent of order, sensitive to every byte, and strict about gaps."""

import hashlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialsim.events import encode
from socialsim.runs.digest import DigestError, RunDigest, identify
from tests.consumer.events import like

Told = tuple[int, int, bytes]  # shard, seq, value
EVENTS: list[Told] = [(shard, seq, b"%d/%d" % (shard, seq)) for shard in (0, 3, 11) for seq in range(5)]


def digest_of(events: Iterable[Told]) -> str:
    digest = RunDigest("r1")
    for event in events:
        digest.add(*event)
    return digest.hexdigest()


def test_digest_is_the_sha256_of_sha256s_in_order_of_shard_and_seq() -> None:
    parts = b"".join(hashlib.sha256(value).digest() for _, _, value in EVENTS)
    assert digest_of(EVENTS) == hashlib.sha256(parts).hexdigest()


@given(st.permutations(EVENTS), st.lists(st.sampled_from(EVENTS)))
def test_digest_is_independent_of_order_and_repetition(order: list[Told], again: list[Told]) -> None:
    assert digest_of([*order, *again]) == digest_of(EVENTS)


@given(st.sampled_from(EVENTS))
def test_any_changed_byte_changes_the_digest(changed: Told) -> None:
    others = [event if event != changed else (*event[:2], event[2] + b"!") for event in EVENTS]
    assert digest_of(others) != digest_of(EVENTS)


def test_missing_seq_is_named() -> None:
    with pytest.raises(DigestError, match="run r1: shard 3: the event with seq 2 is missing"):
        digest_of([event for event in EVENTS if event[:2] != (3, 2)])


def test_two_contents_with_one_identity_are_an_error() -> None:
    with pytest.raises(DigestError, match="shard 11: two different events have the seq 4"):
        digest_of([*EVENTS, (11, 4, b"another")])


def test_absurd_seq_uses_no_memory_and_is_reported_as_a_gap() -> None:
    with pytest.raises(DigestError, match="shard 3: the event with seq 5 is missing, there is a later one with 9223"):
        digest_of([*EVENTS, (3, 2**63 - 1, b"far")])


def test_events_far_ahead_of_their_shard_are_included(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socialsim.runs.digest._AHEAD_MAX", 1)
    assert digest_of([*reversed(EVENTS), *EVENTS]) == digest_of(EVENTS)


def test_identify_returns_the_identity_or_none_for_poison() -> None:
    event = identify(encode(like(3, 17)))
    assert event is not None
    assert (event.run_id, event.shard, event.seq) == ("r1", 3, 17)
    assert all(identify(poison) is None for poison in (b"", b"{}", b"[[", b"\xff", b'{"run_id":1,"shard":0,"seq":0}'))
