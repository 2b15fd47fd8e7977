"""The warehouse on MySQL 8 or MariaDB: hand-made bulk statements over a few owned connections."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

from socialsim.errors import OwnershipLostError, ServiceUnavailableError, TransientError
from socialsim.events import PLURALS, Event
from socialsim.events.types import TIME_US_MAX
from socialsim.warehouse.base import Batch, OffsetKey, Stored, Warehouse
from socialsim.warehouse.batches.conflicts import (
    CONTENTS,
    Conflict,
    DuplicateCandidates,
    RowKey,
    dead_letters_of,
    differing,
)
from socialsim.warehouse.batches.positions import Place, StoredPosition, compare, note_changes, replaced_error
from socialsim.warehouse.batches.run_keys import KnownRun, check_scenarios, unknown_runs
from socialsim.warehouse.batches.transaction import (
    Group,
    TransactionCounts,
    dead_letter_row,
    groups,
    move_rows,
    several_sources,
)
from socialsim.warehouse.mysql.session import STATEMENT_TIMEOUT_S, MysqlSession
from socialsim.warehouse.mysql.statements import (
    BEGIN,
    COMMIT,
    KEYS_MAX,
    ROLLBACK,
    adopt_offsets,
    event_inserts,
    insert_dead_letter,
    insert_offsets,
    insert_run,
    lock_run,
    mark_days,
    move_offsets,
    restart_offset,
    select_contents,
    select_offsets,
    select_runs,
    tell_scenario,
)
from socialsim.warehouse.schema.revision import check_revision
from socialsim.warehouse.urls import MysqlTarget

#: Measured: three connections store about 2.5 times what one does, a fourth adds nothing.
LANES_DEFAULT: Final = 3
_RESTART_TOLERANCE_S: Final = 2


class _ConnectionSlot:
    """A place for one session, which is opened at its first use and again after any error."""

    def __init__(self, target: MysqlTarget, password: str, timeout_s: float) -> None:
        self._target = target
        self._password = password
        self._timeout_s = timeout_s
        self._session: MysqlSession | None = None

    async def session(self) -> MysqlSession:
        """An open session. Raises ServiceUnavailableError, InputError, TerminalError."""
        old = self._session
        if old is not None and old.is_open:
            return old
        self._session = session = await MysqlSession.connect(self._target, self._password, self._timeout_s)
        if old is not None and old.may_run_on and _same_server(old, session):
            # The server may still hold the locks of a statement that nobody waits for any more.
            await session.kill(old.thread_id)
        return session

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class MysqlWarehouse(Warehouse):
    """Rows at ``target`` over ``lanes`` connections, and one more for offsets and counts.

    The tables are made by ``migrate`` before. ``statement_timeout_s`` bounds the wait for each answer of the server;
    the password is kept out of every text. A lost connection is opened again at the lane's next use, never in
    mid-transaction.
    """

    def __init__(
        self,
        target: MysqlTarget,
        password: str | None = None,
        *,
        lanes: int = LANES_DEFAULT,
        statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    ) -> None:
        if lanes < 1:
            raise ValueError(f"lanes is {lanes}, at least 1 is needed")
        self.lanes = lanes
        self._target = target
        self._lanes = [_ConnectionSlot(target, password or "", statement_timeout_s) for _ in range(lanes)]
        self._control = _ConnectionSlot(target, password or "", statement_timeout_s)
        # Several tasks may ask for offsets and counts.
        self._control_lock = asyncio.Lock()
        self._runs: dict[str, KnownRun] = {}
        self._run_keys: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<MysqlWarehouse {self._target} lanes={self.lanes}>"

    async def open(self) -> None:
        """See Warehouse."""
        session = await self._control.session()
        exists = await session.select(b"SHOW TABLES LIKE 'alembic_version'")
        rows = await session.select(b"SELECT version_num FROM alembic_version") if exists else []
        await session.execute(COMMIT)
        check_revision(str(rows[0][0]) if rows else None, self._target)

    async def offsets(self, keys: Sequence[OffsetKey], *, restart: bool = False) -> dict[OffsetKey, int]:
        """See Warehouse. Waits for a transaction that is about to move one of ``keys``, and reads its outcome."""
        wanted = sorted(set(keys))
        if not wanted:
            return {}
        async with self._controlling() as session:
            rows = await _select_offsets(session, wanted, lock=True)
            await session.execute(COMMIT)
            found = compare(wanted, rows)
            if found.replaced and not restart:
                raise replaced_error(found.replaced, rows)
            if found.is_settled:
                return found.offsets
            note_changes(found)
            if found.missing:
                await session.execute(insert_offsets(found.missing))
            for topic in sorted({key._replace(partition=0) for key in found.adopted}):
                for statement in adopt_offsets(topic):
                    await session.execute(statement)
            for key in found.replaced:
                await session.execute(restart_offset(key))
            await session.execute(COMMIT)
            rows = await _select_offsets(session, wanted, lock=True)
            await session.execute(COMMIT)
        return compare(wanted, rows).offsets

    async def stored(self, keys: Sequence[OffsetKey]) -> dict[OffsetKey, int]:
        """See Warehouse."""
        wanted = sorted(set(keys))
        if not wanted:
            return {}
        async with self._controlling() as session:
            rows = await _select_offsets(session, wanted, lock=False)
            await session.execute(COMMIT)
        return dict.fromkeys(wanted, 0) | compare(wanted, rows).offsets

    async def store(self, lane: int, batch: Batch) -> Stored:
        """See Warehouse."""
        session = await _reconnected(self._lanes[lane])
        try:
            await self._learn_run_keys(session, batch)
            stored = await self._transaction(session, batch, by_source=False)
            if stored is None:
                stored = await self._transaction(session, batch, by_source=True)
        except BaseException:
            # Whatever state the transaction is in: closing the connection rolls it back.
            session.abandon()
            raise
        assert stored is not None  # noqa: S101 - told apart by source it always has an answer
        return stored

    async def counts(self) -> dict[str, int]:
        """See Warehouse."""
        tables = {**PLURALS, "dead_letters": "dead_letters"}
        async with self._controlling() as session:
            counts = {}
            for name, table in tables.items():
                ((count,),) = await session.select(f"SELECT COUNT(*) FROM {table}".encode())  # noqa: S608 - our names
                counts[name] = int(count)
            await session.execute(COMMIT)
        return counts

    async def close(self) -> None:
        """See Warehouse."""
        for lane in (*self._lanes, self._control):
            await lane.close()

    @asynccontextmanager
    async def _controlling(self) -> AsyncIterator[MysqlSession]:
        async with self._control_lock:
            session = await _reconnected(self._control)
            try:
                yield session
            except BaseException:
                session.abandon()
                raise

    async def _learn_run_keys(self, session: MysqlSession, batch: Batch) -> None:
        """Get or make the keys of runs not met before, in a transaction of its own that holds no lock when it ends."""
        wanted = unknown_runs(batch, self._runs)
        if not wanted:
            return
        for run_id, digest in wanted.items():
            await session.execute(insert_run(run_id, digest))
            if digest:
                await session.execute(tell_scenario(run_id, digest))
        await session.execute(COMMIT)
        found = await session.select(select_runs(list(wanted)))
        await session.execute(COMMIT)
        runs = {str(run_id): KnownRun(int(run_key), str(digest)) for run_id, run_key, digest in found}
        check_scenarios(wanted, runs)
        self._runs.update(runs)
        self._run_keys.update({run_id: run.run_key for run_id, run in runs.items()})

    async def _transaction(self, session: MysqlSession, batch: Batch, *, by_source: bool) -> Stored | None:
        """Store the batch; None, rolled back, if the partitions must be told apart to know whose the duplicates are.

        Merged over partitions statements are few and large, and without a duplicate every row is its partition's.
        """
        tally = TransactionCounts()
        suspects: list[DuplicateCandidates] = []
        firsts: dict[int, int] = {}  # by run, the earliest time that may be new
        await session.execute(BEGIN)
        async with aclosing(_insert(session, groups(batch, self._run_keys, by_source=by_source))) as counts:
            async for group, events, inserted in counts:
                if inserted < len(events):
                    if not by_source and several_sources(batch, group.name):
                        await session.execute(ROLLBACK)
                        return None
                    suspects.append(DuplicateCandidates(group, events))
                if inserted:
                    firsts[group.run_key] = min(firsts.get(group.run_key, TIME_US_MAX), events[0].time_us)
                tally.add(group.name, group.key, inserted, len(events) - inserted)
        if not by_source:
            tally.spread(batch)
        conflicts = [conflict for each in suspects for conflict in await _conflicts(session, each)]
        letters = [*batch.dead_letters, *dead_letters_of(batch, conflicts, tally)]
        for letter in sorted(map(dead_letter_row, letters)):
            await session.execute(insert_dead_letter(letter))
        for run_key, time_us in sorted(firsts.items()):
            await session.execute(lock_run(run_key))
            await session.execute(mark_days(run_key, time_us))
        moves = move_rows(batch, tally, letters)
        if moves and await session.execute(move_offsets(moves)) != len(moves):
            await session.execute(ROLLBACK)
            places = ", ".join(f"{move.key.topic}/{move.key.partition} at {move.old}" for move in moves)
            raise OwnershipLostError(f"group {moves[0].key.group}: another consumer has one of {places}")
        await session.execute(COMMIT)
        return tally.stored(letters)


async def _insert(session: MysqlSession, every: Iterable[Group]) -> AsyncGenerator[tuple[Group, Sequence[Event], int]]:
    """Insert group after group; for each statement the group, its events and how many of them are new.

    While the server works on one statement the next one is made.
    """
    under_way: tuple[Group, Sequence[Event], asyncio.Task[int]] | None = None
    try:
        for group in every:
            for insert in event_inserts(group.name, group.run_key, group.events):
                if under_way is not None:
                    yield under_way[0], under_way[1], await under_way[2]
                under_way = group, insert.events, asyncio.create_task(session.execute(insert.sql))
                await asyncio.sleep(0)  # lets the task send
        if under_way is not None:
            yield under_way[0], under_way[1], await under_way[2]
    finally:
        if under_way is not None and not under_way[2].done():
            under_way[2].cancel()
            await asyncio.wait([under_way[2]])


async def _conflicts(session: MysqlSession, suspects: DuplicateCandidates) -> list[Conflict]:
    """Those of the suspects that stand with another content in the table."""
    group, events = suspects
    stored: dict[RowKey, tuple[Any, ...]] = {}
    for start in range(0, len(events), KEYS_MAX):
        for row in await session.select(select_contents(group.name, group.run_key, events[start : start + KEYS_MAX])):
            stored[int(row[0]), int(row[1]), int(row[2])] = tuple(row[3:])
    return differing(suspects, map(CONTENTS[group.name], events), stored)


async def _reconnected(lane: _ConnectionSlot) -> MysqlSession:
    """The lane's session. A server that is away in the middle of the work may come back: that is transient."""
    try:
        return await lane.session()
    except ServiceUnavailableError as error:
        raise TransientError(str(error)) from error


async def _select_offsets(
    session: MysqlSession, keys: Sequence[OffsetKey], *, lock: bool
) -> dict[Place, StoredPosition]:
    rows = await session.select(select_offsets(keys, lock=lock))
    return {
        (log_id, group, topic, partition): StoredPosition(offset, identity)
        for log_id, group, topic, partition, offset, identity in rows
    }


def _same_server(old: MysqlSession, new: MysqlSession) -> bool:
    """False after a restart, when the old session's number may belong to another one."""
    return abs(old.server_started_s - new.server_started_s) <= _RESTART_TOLERANCE_S
