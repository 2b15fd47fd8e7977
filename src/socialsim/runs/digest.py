"""The digest of a run: one SHA-256 that two logs share exactly when they hold the same events.

It is SHA-256 over the SHA-256 (32 bytes) of each event's bytes, shard by shard, in each ``seq`` by ``seq`` from 0. The
order of arrival plays no part, so files, which keep shards apart, and Kafka, which mixes them, give the same.
"""

import hashlib
from typing import Final

import msgspec

from socialsim.errors import SocialsimError

_SIZE: Final = hashlib.sha256().digest_size
_ABSENT: Final = bytes(_SIZE)
# Arrivals further ahead of their shard are kept apart, so that one absurd ``seq`` cannot ask for all the memory.
_AHEAD_MAX: Final = 1_000_000


class DigestError(SocialsimError):
    """An event is missing, or two different ones have the same identity."""


class EventIdentity(msgspec.Struct, gc=False):
    """The members of an event that say which one it is; the others are passed over."""

    run_id: str
    shard: int
    seq: int


_decoder: Final = msgspec.json.Decoder(EventIdentity)


def identify(value: bytes) -> EventIdentity | None:
    """Which event ``value`` is, None if it is none."""
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class RunDigest:
    """Collects the events of one run in any order: 32 bytes of memory for each."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.events = 0
        self._shards: dict[int, bytearray] = {}
        self._far: dict[int, dict[int, bytes]] = {}

    def __repr__(self) -> str:
        return f"<RunDigest {self.run_id} events={self.events} shards={len(self._shards)}>"

    def add(self, shard: int, seq: int, value: bytes) -> None:
        """Take one event. The same one again changes nothing. Raises DigestError if it differs from the first."""
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
            place = known.find(_ABSENT)
            while place >= 0:
                if place % _SIZE == 0:
                    raise DigestError(
                        f"run {self.run_id}: shard {shard}: the event with seq {place // _SIZE} is missing, "
                        f"there are later ones up to {len(known) // _SIZE - 1}"
                    )
                place = known.find(_ABSENT, place + 1)
            total.update(known)
        return total.hexdigest()

    def _put_far(self, shard: int, seq: int, digest: bytes) -> None:
        far = self._far.setdefault(shard, {})
        if far.setdefault(seq, digest) != digest:
            raise self._different(shard, seq)
        self.events = self.events + 1 if far[seq] is digest else self.events

    def _take_far(self, shard: int, seq: int, digest: bytes) -> None:
        """Move an early arrival to its place, now that what lies before it is there."""
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
            f"run {self.run_id}: shard {shard}: two different events have the seq {seq}: the log is not of one run"
        )
