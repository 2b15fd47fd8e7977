"""When a drain is over, and what it waits for meanwhile. Pure: the clock's reading is an argument."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from socialsim.consumer.decisions import unreached
from socialsim.errors import NotCaughtUpError
from socialsim.transport.base import GroupLook, TopicPartition

_FIRST_WORD_S: Final = 3.0  # partitions that are dealt out at once are not worth a word
_WORD_EVERY_S: Final = 10.0


class Drain:
    """Holds what is stored, by whomever, against the log's ends.

    What this consumer has is drained to the end as it is now; what others have, who may go on for ever, to the end as it
    was when the drain began. Nothing stored of the latter for ``wait_s`` is the limit.
    """

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._ends: dict[TopicPartition, int] = {}
        self._since_s: float | None = None  # when something that others hold moved last
        self._word_s = 0.0
        self._seen: object = None
        self.elsewhere: dict[TopicPartition, int] | None = (
            None  #: records missing in partitions of others; None: unknown
        )

    def note_ends(self, ends: Mapping[TopicPartition, int]) -> None:
        """Take the log's ends. The first ones of a partition count as the drain's beginning."""
        for partition, end in ends.items():
            self._ends.setdefault(partition, end)

    def is_over(
        self,
        stored: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        own: AbstractSet[TopicPartition],
        now_s: float,
    ) -> bool:
        """Whether everything is stored. Raises NotCaughtUpError if others hold the rest and nothing of it moves."""
        self.elsewhere = unreached(stored, {place: end for place, end in self._ends.items() if place not in own})
        mine = unreached(stored, {place: end for place, end in ends.items() if place in own})
        seen = (frozenset(own), {place: stored.get(place, 0) for place in self.elsewhere})
        if seen != self._seen or mine or not self.elsewhere:
            self._seen, self._since_s = seen, now_s
            self._word_s = now_s + _FIRST_WORD_S
        elif self.still_s(now_s) >= self._wait_s:
            raise NotCaughtUpError(
                f"{_amount(self.elsewhere)} that this consumer does not hold are not stored, and nothing of them was stored "
                f"for {self.still_s(now_s):.0f} s (--drain-wait-s): what was read is stored, the same command goes on"
            )
        return not mine and not self.elsewhere

    def still_s(self, now_s: float) -> float:
        """For how long nothing of what others hold has moved."""
        return 0.0 if self._since_s is None else now_s - self._since_s

    def forgive(self, now_s: float) -> None:
        """Log or warehouse did not answer, which is waited out: begin to count anew."""
        self._since_s = now_s

    def is_worth_a_word(self, now_s: float) -> bool:
        """Whether it is time to say what is waited for. True once in a while."""
        if not self.elsewhere or now_s < self._word_s:
            return False
        self._word_s = now_s + _WORD_EVERY_S
        return True

    def reason(self, look: GroupLook | None, now_s: float) -> str:
        """What is waited for, and why. ``look`` is None where the log does not tell who holds what."""
        waiting = self.elsewhere or {}
        amount, still_s = _amount(waiting), self.still_s(now_s)
        if look is None:
            return f"{amount} are not stored and not ours; nothing of them was stored for {still_s:.0f} s"
        left_s = look.silence_max_s - still_s
        session = f"the session of one that is silent ends in {left_s:.0f} s"
        if left_s <= 0:
            session = "they are alive, or have longer sessions than this consumer"
        if not look.settled:
            members = f"{len(look.others)} other members" if len(look.others) != 1 else "another member"
            return (
                f"{amount} are not assigned: the group waits for {members} to answer, and nothing was stored for "
                f"{still_s:.0f} s; {session}"
            )
        held = {
            member.name: len(member.partitions & waiting.keys())
            for member in look.others
            if member.partitions is not None
        }
        holders = ", ".join(f"{name} holds {count}" for name, count in sorted(held.items()) if count)
        if not holders:
            return f"{amount} are not assigned yet; nothing of them was stored for {still_s:.0f} s"
        return f"{amount} are held by others ({holders}), who stored nothing of them for {still_s:.0f} s; {session}"


def _amount(missing: Mapping[TopicPartition, int]) -> str:
    records, partitions = sum(missing.values()), len(missing)
    return f"{records:,} records in {partitions:,} partition{'s' if partitions != 1 else ''}"
