"""Avro's integers: zigzag numbers in base 128, lowest digit first, and the tables that spell them
quickly.
"""

from datetime import date
from typing import Final

#: Of a date since the epoch 1970-01-01, in days: ``date.toordinal() - EPOCH_DAY``.
EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
#: Days of a calendar and stretches of time that are kept spelled, at most.
CACHED_MAX: Final = 50_000
LONG_MAX: Final = 2**63 - 1
_VARINT_BYTES_MAX: Final = 10


def zigzag(number: int) -> int:
    """The signed ``number`` as an unsigned one: 0, -1, 1, -2 ... are 0, 1, 2, 3 ..."""
    return number << 1 if number >= 0 else ~(number << 1)


def varint(unsigned: int) -> bytes:
    """The bytes of an unsigned number."""
    digits = bytearray()
    while unsigned > 0x7F:
        digits.append(unsigned & 0x7F | 0x80)
        unsigned >>= 7
    digits.append(unsigned)
    return bytes(digits)


def long(number: int) -> bytes:
    """The bytes of a signed number of 64 bits. Raises OverflowError if it has more."""
    if not -LONG_MAX - 1 <= number <= LONG_MAX:
        raise OverflowError(f"{number} has more than 64 bits")
    return varint(zigzag(number))


#: Numbers below 2**14 as they end a varint. A dict, not a list: a negative number is no key, but is
#: an index.
ENDS: Final[dict[int, bytes]] = {number: varint(number) for number in range(1 << 14)}
#: The same numbers as the two lowest digits of a longer varint.
DIGITS: Final = [bytes((number & 0x7F | 0x80, number >> 7 | 0x80)) for number in range(1 << 14)]
#: What two such bytes, read as a little-endian 16-bit number, stand for: in the first place, and in
#: the second.
LOW: Final[dict[int, int]] = {int.from_bytes(two, "little"): number for number, two in enumerate(DIGITS)}
MIDDLE: Final[dict[int, int]] = {two: number << 14 for two, number in LOW.items()}


def large(unsigned: int) -> bytes:
    """A number of 28 bits and more. Raises KeyError unless it has at most 64."""
    if unsigned >> 64:
        raise KeyError(unsigned)
    low = DIGITS[unsigned & 0x3FFF] + DIGITS[unsigned >> 14 & 0x3FFF]
    rest = unsigned >> 28
    return low + (ENDS[rest] if rest < 0x4000 else varint(rest))


class HighDigits(dict[int, bytes]):
    """``varint(unsigned >> 28)`` by that number: an instant's high digits, the same for two minutes
    of time.
    """

    def __missing__(self, high: int) -> bytes:
        # zero would be a digit that is not written; a negative or larger one is no long
        if not 0 < high < 1 << 36:
            raise KeyError(high)
        if len(self) >= CACHED_MAX:
            self.clear()
        self[high] = digits = varint(high)
        return digits


class HighNumbers(dict[int, int]):
    """What the last four bytes of an eight-byte varint, read as a little-endian number, stand for.

    Raises KeyError unless the varint ends with the fourth.
    """

    def __missing__(self, four: int) -> int:
        if four & 0x80808080 != 0x00808080:
            raise KeyError(four)
        if len(self) >= CACHED_MAX:
            self.clear()
        digits = four.to_bytes(4, "little")
        self[four] = number = sum((digit & 0x7F) << 28 + 7 * place for place, digit in enumerate(digits))
        return number


class SpelledDates(dict[date, bytes]):
    """The bytes of a date."""

    def __missing__(self, day: date) -> bytes:
        if len(self) >= CACHED_MAX:
            self.clear()
        self[day] = spelled = long(day.toordinal() - EPOCH_DAY)
        return spelled


class ReadDates(dict[int, date]):
    """The date of an unsigned number.

    Raises ValueError or OverflowError if there is no such date.
    """

    def __missing__(self, unsigned: int) -> date:
        if len(self) >= CACHED_MAX:
            self.clear()
        self[unsigned] = day = date.fromordinal(unzigzag(unsigned) + EPOCH_DAY)
        return day


def unzigzag(unsigned: int) -> int:
    """The signed number of an unsigned one."""
    return unsigned >> 1 ^ -(unsigned & 1)


def read_varint(raw: bytes, at: int) -> tuple[int, int]:
    """The unsigned number that begins at ``at``, and where it ends.

    Raises IndexError if ``raw`` ends within it, ValueError if it has more than 64 bits.
    """
    unsigned = 0
    for place in range(_VARINT_BYTES_MAX):
        digit = raw[at + place]
        unsigned |= (digit & 0x7F) << 7 * place
        if digit < 0x80:
            if unsigned >> 64:
                break
            return unsigned, at + place + 1
    raise ValueError("a number has more than 64 bits")
