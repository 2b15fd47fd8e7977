"""The partition of a user's events, as chosen by the murmur2 partitioners of other clients."""

from array import array
from typing import Final

_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF
_PAGE_BITS: Final = 12
_PAGE: Final = 1 << _PAGE_BITS
_UNKNOWN: Final = 0xFFFFFFFF  # not a positive 31-bit number


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2 of ``data``, unsigned, as in Java's client and librdkafka."""
    length = len(data)
    h = (0x9747B28C ^ length) & _MASK
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        k = (k ^ (k >> 24)) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if whole != length:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)


def user_hash(user_id: int) -> int:
    """The 31-bit hash of a user's key; modulo the number of partitions it is the partition."""
    return murmur2(b"%d" % user_id) & 0x7FFFFFFF


class UserHashes(dict[int, "array[int]"]):
    """A cache of ``user_hash``, four bytes per user: ``hashes[user_id >> 12][user_id & 4095]``.

    User ids are dense per shard, so a page of 4096 is mostly full. The hot path reads the pages
    directly: a look-up creates a missing page, and ``learn`` replaces an unknown value, which has
    more than 31 bits.
    """

    def __missing__(self, page: int) -> "array[int]":
        numbers = self[page] = array("I", [_UNKNOWN]) * _PAGE
        return numbers

    def learn(self, user_id: int) -> int:
        """Compute the hash of a user and store it."""
        number = user_hash(user_id)
        self[user_id >> _PAGE_BITS][user_id & (_PAGE - 1)] = number
        return number
