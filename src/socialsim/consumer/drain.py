"""Decides when a drain is complete, and says what it is waiting for.

Pure: the time is an argument.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from socialsim.consumer.decisions import missing_records
from socialsim.errors import NotCaughtUpError
from socialsim.transport.base import GroupLook, TopicPartition

_FIRST_REPORT_S: Final = 3.0  # partitions that are assigned at once need no report
_REPORT_EVERY_S: Final = 10.0


class Drain:
    """Compares the stored offsets of the whole group with the log ends.

    Own partitions are drained to their current end. Partitions of other consumers, which may run
    for ever, are awaited to the end that they had when the drain began, and at most ``wait_s``
    without progress.
    """

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._ends: dict[TopicPartition, int] = {}
        self._since_s: float | None = None  # last progress in partitions of others
        self._next_report_s = 0.0
        self._seen: object = None
        self.elsewhere: dict[TopicPartition, int] | None = (
            None  #: records missing in partitions of others; None: unknown
        )

    def note_ends(self, ends: Mapping[TopicPartition, int]) -> None:
        """Take the log ends.

        The first end of a partition is its goal while another consumer owns it.
        """
        for partition, end in ends.items():
            self._ends.setdefault(partition, end)

    def is_over(
        self,
        stored: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        own: AbstractSet[TopicPartition],
        now_s: float,
    ) -> bool:
        """Whether everything is stored.

        Raises NotCaughtUpError if the missing partitions belong to others and make no progress.
        """
        self.elsewhere = missing_records(
            stored, {partition: end for partition, end in self._ends.items() if partition not in own}
        )
        mine = missing_records(stored, {partition: end for partition, end in ends.items() if partition in own})
        seen = (frozenset(own), {partition: stored.get(partition, 0) for partition in self.elsewhere})
        if seen != self._seen or mine or not self.elsewhere:
            self._seen, self._since_s = seen, now_s
            self._next_report_s = now_s + _FIRST_REPORT_S
        elif self.idle_s(now_s) >= self._wait_s:
            raise NotCaughtUpError(
                f"{_amount(self.elsewhere)} that this consumer does not own are not stored, and nothing of them was stored "
                f"for {self.idle_s(now_s):.0f} s (--drain-wait-s); what was read is stored: repeat the command to continue"
            )
        return not mine and not self.elsewhere

    def idle_s(self, now_s: float) -> float:
        """Seconds without progress in partitions of others."""
        return 0.0 if self._since_s is None else now_s - self._since_s

    def restart_wait(self, now_s: float) -> None:
        """Count from now: the log or the warehouse did not answer, so progress is unknown."""
        self._since_s = now_s

    def report_is_due(self, now_s: float) -> bool:
        """Whether to log what the drain waits for; True at most every ``_REPORT_EVERY_S``."""
        if not self.elsewhere or now_s < self._next_report_s:
            return False
        self._next_report_s = now_s + _REPORT_EVERY_S
        return True

    def reason(self, group: GroupLook | None, now_s: float) -> str:
        """What the drain waits for, and why.

        ``group`` is None where the log does not know the assignment.
        """
        waiting = self.elsewhere or {}
        amount, idle_s = _amount(waiting), self.idle_s(now_s)
        if group is None:
            return f"{amount} of other members are not stored; nothing of them was stored for {idle_s:.0f} s"
        left_s = group.silence_max_s - idle_s
        session = f"the session of a silent member ends in {left_s:.0f} s"
        if left_s <= 0:
            session = "they are alive, or have longer sessions than this consumer"
        if not group.settled:
            members = f"{len(group.others)} other members" if len(group.others) != 1 else "another member"
            return (
                f"{amount} are not assigned: the group waits for {members} to answer, and nothing was stored for "
                f"{idle_s:.0f} s; {session}"
            )
        held = {
            member.name: len(member.partitions & waiting.keys())
            for member in group.others
            if member.partitions is not None
        }
        holders = ", ".join(f"{name} owns {count}" for name, count in sorted(held.items()) if count)
        if not holders:
            return f"{amount} are not assigned yet; nothing of them was stored for {idle_s:.0f} s"
        return f"{amount} belong to others ({holders}), who stored nothing of them for {idle_s:.0f} s; {session}"


def _amount(missing: Mapping[TopicPartition, int]) -> str:
    records, partitions = sum(missing.values()), len(missing)
    return f"{records:,} records in {partitions:,} partition{'s' if partitions != 1 else ''}"
