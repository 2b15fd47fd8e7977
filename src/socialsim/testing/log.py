"""An event log in memory: the writer and the reader of ``transport.base`` over shared lists.

Readers of one group share the partitions. As in Kafka, a reader gets a partition only after its
owner has released it in a ``poll`` of its own. ``MemoryLog.expel`` takes away a member's partitions
without its knowledge, which is what happens to a process that sleeps beyond its session timeout.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from socialsim.errors import (
    InputError,
    LogReplacedError,
    OffsetsLostError,
    ServiceUnavailableError,
    TerminalError,
    TransientError,
)
from socialsim.events import PLURALS
from socialsim.transport.base import (
    EventReader,
    EventWriter,
    Fetched,
    GroupLook,
    Member,
    PositionsLoader,
    Record,
    RevokedCallback,
    TopicPartition,
    never_abandon,
)

_NAMES = {plural: name for name, plural in PLURALS.items()}
_POLL_STEP_S = 0.01


class MemoryLog:
    """Topics of ``partitions`` partitions each. ``topics`` are plurals of event types, by default
    all.

    While ``away`` is set, readers receive nothing, and calls that need the log raise.
    """

    def __init__(self, topics: Sequence[str] = tuple(_NAMES), partitions: int = 4, log_id: str = "memory") -> None:
        self.log_id = log_id
        self.partitions = partitions
        self.records: dict[TopicPartition, list[bytes]] = {
            TopicPartition(topic, partition): [] for topic in topics for partition in range(partitions)
        }
        self.begin: dict[TopicPartition, int] = dict.fromkeys(self.records, 0)
        self.identities: dict[str, str] = {topic: f"{topic}-1" for topic in topics}
        self.hints: dict[TopicPartition, int] = {}
        self.away = False
        self._groups: dict[str, list[MemoryReader]] = {}
        self._owners: dict[tuple[str, TopicPartition], MemoryReader] = {}

    def writer(self, acknowledged: Mapping[int, int] | None = None) -> "MemoryWriter":
        """A writer whose records are durable at once.

        ``acknowledged``: the last ``seq`` of shards that continue.
        """
        return MemoryWriter(self, acknowledged or {})

    def reader(self, group: str = "test") -> "MemoryReader":
        """A reader that joins ``group`` when started."""
        return MemoryReader(self, group)

    def append(self, partition: TopicPartition, *values: bytes) -> None:
        """Append raw bytes that no writer would write to a partition."""
        self.records[partition].extend(values)

    def discard(self, partition: TopicPartition, before: int) -> None:
        """Discard the records below offset ``before``, as retention does."""
        self.begin[partition] = before

    def remake(self, topic: str) -> None:
        """Delete the topic and make it again: its partitions are empty, and it is another one."""
        for partition in self.records:
            if partition.topic == topic:
                self.records[partition] = []
                self.begin[partition] = 0
        name, _, number = self.identities[topic].rpartition("-")
        self.identities[topic] = f"{name}-{int(number) + 1}"

    def others_of(self, reader: "MemoryReader") -> tuple[Member, ...]:
        """The other members of the reader's group, with their partitions."""
        held: dict[int, set[TopicPartition]] = {}
        members = {id(each): each for each in self._groups.get(reader.group, []) if each is not reader}
        for (group, partition), owner in self._owners.items():
            if group == reader.group and owner is not reader:
                members[id(owner)] = owner
                held.setdefault(id(owner), set()).add(partition)
        return tuple(Member(f"member {index}", frozenset(held.get(key, ()))) for index, key in enumerate(members))

    def expel(self, reader: "MemoryReader") -> None:
        """Reassign the partitions of ``reader`` within its group.

        It learns of it by ``rejoin``, or never.
        """
        self.leave(reader)
        reader.expelled = True

    def rejoin(self, reader: "MemoryReader") -> None:
        """Let an expelled member learn of it: its next poll revokes its partitions and joins
        again.
        """
        reader.expelled = False
        self.join(reader)

    def join(self, reader: "MemoryReader") -> None:
        """Make ``reader`` a member of its group."""
        self._groups.setdefault(reader.group, []).append(reader)

    def leave(self, reader: "MemoryReader") -> None:
        """Remove ``reader`` from its group and release its partitions."""
        members = self._groups.get(reader.group, [])
        if reader in members:
            members.remove(reader)
        self._owners = {key: owner for key, owner in self._owners.items() if owner is not reader}

    def share_of(self, reader: "MemoryReader") -> frozenset[TopicPartition]:
        """The partitions ``reader`` should own: every n-th one, for the n members of its group."""
        members = self._groups.get(reader.group, [])
        if reader not in members:
            return frozenset()
        return frozenset(sorted(self.records)[members.index(reader) :: len(members)])

    def acquire(self, reader: "MemoryReader", partition: TopicPartition) -> bool:
        """Make ``reader`` the owner of ``partition`` unless another member owns it."""
        return self._owners.setdefault((reader.group, partition), reader) is reader

    def release(self, reader: "MemoryReader", partition: TopicPartition) -> None:
        """Release ``partition`` if ``reader`` owns it."""
        if self._owners.get((reader.group, partition)) is reader:
            del self._owners[reader.group, partition]


class MemoryWriter(EventWriter):
    """Appends to the lists of a MemoryLog; a record's partition is ``user_id`` modulo their number.

    ``failure``, once set, is raised by the next call of any method except ``close``.
    """

    def __init__(self, log: MemoryLog, acknowledged: Mapping[int, int]) -> None:
        self.log = log
        self.failure: Exception | None = None
        self.closed = False
        self._acknowledged = dict(acknowledged)

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self.closed:
            raise ServiceUnavailableError("the memory log's writer", 0, "it was closed before: make another")

    def append(self, shard: int, records: Sequence[Record]) -> None:
        """Store ``records`` at once, except those that are durable already."""
        self._check()
        if not records:
            return
        next_seq, first_seq = self._acknowledged.get(shard, -1) + 1, records[0].seq
        if records[-1].seq - first_seq + 1 != len(records) or first_seq > next_seq:
            raise TerminalError(f"shard {shard}: records from {first_seq} on do not follow record {next_seq - 1}")
        for record in records[next_seq - first_seq :]:
            partition = TopicPartition(record.topic, record.user_id % self.log.partitions)
            self.log.records[partition].append(record.value)
            self._acknowledged[shard] = record.seq

    def throttle(self, should_abandon: Callable[[], bool] = never_abandon) -> None:  # noqa: ARG002 - nothing is waited for
        """Nothing is ever unacknowledged."""
        self._check()

    def flush(self) -> None:
        """Nothing is ever buffered."""
        self._check()

    def drain(self, timeout_s: float, should_abandon: Callable[[], bool] = never_abandon) -> None:  # noqa: ARG002 - nothing is waited for
        """Nothing is ever on its way."""
        self._check()

    def acknowledged_seq(self, shard: int) -> int:
        """The last ``seq`` appended for ``shard``, or -1."""
        self._check()
        return self._acknowledged.get(shard, -1)

    def close(self) -> None:
        """Refuse all further calls."""
        self.closed = True


class MemoryReader(EventReader):
    """Reads a MemoryLog as a member of a group. Waits on the running loop's clock."""

    def __init__(self, log: MemoryLog, group: str) -> None:
        self.log = log
        self.group = group
        self.expelled = False
        self.paused = False
        self.closed = False
        self.polls = 0
        self._positions: dict[TopicPartition, int] = {}
        self._identities: dict[str, str] = {}
        self._load: PositionsLoader | None = None
        self._revoked: RevokedCallback | None = None

    @property
    def log_id(self) -> str:
        """The log's name."""
        return self.log.log_id

    def identity(self, topic: str) -> str:
        """The topic's identity at the reader's start."""
        return self._identities.get(topic, "")

    async def look_at_group(self) -> GroupLook:
        """The other members and their partitions."""
        return GroupLook(settled=True, others=self.log.others_of(self), silence_max_s=45.0)

    async def probe(self, timeout_s: float) -> None:
        """See EventReader."""
        if self.log.away:
            await asyncio.sleep(timeout_s)
            raise ServiceUnavailableError("the memory log", timeout_s, "it is away until its test says otherwise")
        if not self.log.records:
            raise InputError("the memory log has no topics; for one in Kafka run `socialsim topics create --to URL`")

    async def start(self, load_positions: PositionsLoader, on_revoked: RevokedCallback) -> None:
        """Join the group. Partitions are assigned during the first polls."""
        await self.probe(0)
        self._identities = dict(self.log.identities)
        self._load = load_positions
        self._revoked = on_revoked
        self.log.join(self)

    async def poll(self, records_max: int, timeout_s: float) -> list[Fetched]:
        """Records of one partition after another, at most ``records_max`` in total."""
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        self.polls += 1
        while True:
            await self._rebalance()
            fetched = [] if self.paused or self.log.away else self._take(records_max)
            left_s = deadline_s - asyncio.get_running_loop().time()
            if fetched or left_s <= 0:
                await asyncio.sleep(0)
                return fetched
            await asyncio.sleep(min(left_s, _POLL_STEP_S))

    async def _rebalance(self) -> None:
        if self.expelled or self.closed or self._load is None or self._revoked is None:
            return
        share = self.log.share_of(self)
        # A partition that another member took meanwhile is lost too, even if it is assigned to this
        # one again.
        lost = [p for p in self._positions if p not in share or not self.log.acquire(self, p)]
        if lost:
            for partition in lost:
                del self._positions[partition]
            await self._revoked(lost)
            for partition in lost:
                self.log.release(self, partition)
        gained = [p for p in sorted(share) if p not in self._positions and self.log.acquire(self, p)]
        if gained:
            positions = await self._load(gained)
            self._positions.update({partition: positions[partition] for partition in gained})

    def _take(self, records_max: int) -> list[Fetched]:
        fetched: list[Fetched] = []
        # Starting with another partition each time keeps a full one from starving the rest.
        order = sorted(self._positions)
        turn = self.polls % max(1, len(order))
        for partition in order[turn:] + order[:turn]:
            position = self._positions[partition]
            records = self.log.records[partition]
            if not self.log.begin[partition] <= position <= len(records):
                raise OffsetsLostError(
                    f"{partition.topic}[{partition.partition}]: offset {position} is stored, the log holds "
                    f"{self.log.begin[partition]} to {len(records)}"
                )
            values = records[position : position + records_max]
            if values:
                records_max -= len(values)
                self._positions[partition] = position + len(values)
                fetched.append(Fetched(partition, position, values, _NAMES.get(partition.topic)))
            if records_max <= 0:
                break
        return fetched

    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions this member owns, or believes to own after an expulsion."""
        return frozenset(self._positions)

    async def end_offsets(self) -> dict[TopicPartition, int]:
        """The lengths of all partitions."""
        await asyncio.sleep(0)
        if self.log.away:
            raise TransientError("the memory log is away")
        if self.log.identities != self._identities:
            raise LogReplacedError("the memory log: a topic was recreated while it was read")
        return {partition: len(values) for partition, values in self.log.records.items()}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Continue from ``offset``."""
        if partition in self._positions:
            self._positions[partition] = offset

    def pause(self) -> None:
        """Return nothing until ``resume``."""
        self.paused = True

    def resume(self) -> None:
        """Return records again."""
        self.paused = False

    async def commit_hint(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Store ``offsets`` in the log's ``hints``."""
        self.log.hints.update(offsets)

    async def close(self) -> None:
        """Leave the group."""
        self.closed = True
        self._positions.clear()
        self.log.leave(self)
