"""Which partition a user's events go to: the same that Java's and librdkafka's murmur2 partitioners choose."""

from array import array
from typing import Final

_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF
_PAGE_BITS: Final = 12
_PAGE: Final = 1 << _PAGE_BITS
_UNKNOWN: Final = 0xFFFFFFFF  # not a positive 31-bit number


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2 of ``data``, unsigned."""
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
    """The hash of a user's key that is taken modulo the number of partitions: 31 bits, positive."""
    return murmur2(b"%d" % user_id) & 0x7FFFFFFF


class UserHashes(dict[int, "array[int]"]):
    """``user_hash`` of the users seen, four bytes each: ``hashes[user_id >> 12][user_id & 4095]``, once known.

    Users' ids are dense per shard, so a page of 4096 is mostly full. The hot path reads the pages itself; a missing
    page comes into being by the look-up, a number not yet known (above 31 bits) is put in by ``learn``.
    """

    def __missing__(self, page: int) -> "array[int]":
        numbers = self[page] = array("I", [_UNKNOWN]) * _PAGE
        return numbers

    def learn(self, user_id: int) -> int:
        """The hash of a user, from now on in the table."""
        number = user_hash(user_id)
        self[user_id >> _PAGE_BITS][user_id & (_PAGE - 1)] = number
        return number
