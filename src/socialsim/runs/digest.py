"""The digest of a run: one SHA-256 that is equal for two logs exactly if they hold the same events.

It is the SHA-256 over the SHA-256 (32 bytes) of each event's bytes, ordered by shard and ``seq``.
The order of arrival has no influence, so files, which separate shards, and Kafka, which interleaves
them, have equal digests.
"""

import hashlib
from typing import Final

import msgspec

from socialsim.errors import SocialsimError

_SIZE: Final = hashlib.sha256().digest_size
_ABSENT: Final = bytes(_SIZE)
# Events further ahead of their shard are kept in a dict, so that one absurd ``seq`` cannot exhaust
# memory.
_AHEAD_MAX: Final = 1_000_000


class DigestError(SocialsimError):
    """An event is missing, or two different events have the same identity."""


class EventIdentity(msgspec.Struct, gc=False):
    """The members of an event that identify it; decoding ignores the others."""

    run_id: str
    shard: int
    seq: int


_decoder: Final = msgspec.json.Decoder(EventIdentity)


def identify(value: bytes) -> EventIdentity | None:
    """The identity of the event ``value``; None if it is not an event."""
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class RunDigest:
    """Collects the events of one run in any order, with 32 bytes of memory per event."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.events = 0
        self._shards: dict[int, bytearray] = {}
        self._far: dict[int, dict[int, bytes]] = {}

    def __repr__(self) -> str:
        return f"<RunDigest {self.run_id} events={self.events} shards={len(self._shards)}>"

    def add(self, shard: int, seq: int, value: bytes) -> None:
        """Add one event. Adding it twice has no effect.

        Raises DigestError if two contents differ.
        """
        digest = hashlib.sha256(value).digest()
        known = self._shards.setdefault(shard, bytearray())
        start = seq * _SIZE
        if start > len(known) + _AHEAD_MAX * _SIZE:
            self._put_far(shard, seq, digest)
            return
        if start >= len(known):
            known.extend(bytes(start - len(known)))
            known += digest
            self.events += 1
            return
        present = known[start : start + _SIZE]
        if present == _ABSENT:
            known[start : start + _SIZE] = digest
            self.events += 1
        elif present != digest:
            raise self._different(shard, seq)

    def hexdigest(self) -> str:
        """The digest in hexadecimal. Raises DigestError naming the first missing ``seq``."""
        for shard, far in self._far.items():
            for seq in sorted(far):
                self._take_far(shard, seq, far[seq])
        self._far.clear()
        total = hashlib.sha256()
        for shard in sorted(self._shards):
            known = self._shards[shard]
            index = known.find(_ABSENT)
            while index >= 0:
                if index % _SIZE == 0:
                    raise DigestError(
                        f"run {self.run_id}: shard {shard}: the event with seq {index // _SIZE} is missing, "
                        f"there are later ones up to {len(known) // _SIZE - 1}"
                    )
                index = known.find(_ABSENT, index + 1)
            total.update(known)
        return total.hexdigest()

    def _put_far(self, shard: int, seq: int, digest: bytes) -> None:
        far = self._far.setdefault(shard, {})
        if far.setdefault(seq, digest) != digest:
            raise self._different(shard, seq)
        self.events = self.events + 1 if far[seq] is digest else self.events

    def _take_far(self, shard: int, seq: int, digest: bytes) -> None:
        """Move an early event to its position, now that all others have been added."""
        known = self._shards[shard]
        start = seq * _SIZE
        if start > len(known):
            raise DigestError(
                f"run {self.run_id}: shard {shard}: the event with seq {len(known) // _SIZE} is missing, "
                f"there is a later one with {seq}"
            )
        if start == len(known):
            known += digest
        elif known[start : start + _SIZE] == _ABSENT:
            known[start : start + _SIZE] = digest
        elif known[start : start + _SIZE] == digest:
            self.events -= 1
        else:
            raise self._different(shard, seq)

    def _different(self, shard: int, seq: int) -> DigestError:
        return DigestError(
            f"run {self.run_id}: shard {shard}: two different events have the seq {seq}: the log holds more than one run"
        )
