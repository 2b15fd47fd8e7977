"""The warehouse on MySQL 8 or MariaDB: handwritten bulk statements over a few connections."""

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
from socialsim.warehouse.batches.positions import OffsetRowKey, StoredPosition, compare, log_changes, replaced_error
from socialsim.warehouse.batches.run_keys import KnownRun, check_scenarios, unknown_runs
from socialsim.warehouse.batches.transaction import (
    Group,
    TransactionCounts,
    dead_letter_row,
    groups,
    move_rows,
    spans_several_partitions,
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
    set_scenario_digest,
)
from socialsim.warehouse.schema.revision import check_revision
from socialsim.warehouse.urls import MysqlTarget

#: Measured: three connections store about 2.5 times as much as one; a fourth adds nothing.
LANES_DEFAULT: Final = 3
_RESTART_TOLERANCE_S: Final = 2


class _ConnectionSlot:
    """Holds one session, which is opened at its first use and again after any error."""

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
        if old is not None and old.may_still_be_running and _same_server(old, session):
            # The server may still hold the locks of an abandoned statement.
            await session.kill(old.thread_id)
        return session

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class MysqlWarehouse(Warehouse):
    """Stores rows at ``target`` over ``lanes`` connections; one more serves offsets and counts.

    ``migrate`` must have created the tables. ``statement_timeout_s`` limits the wait for each
    answer of the server; no message contains the password. A lost connection is reopened at the
    lane's next use, never during a transaction.
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
        # Several tasks may read offsets and counts.
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
        """See Warehouse.

        Waits for transactions that advance one of ``keys``, and reads their outcome.
        """
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
            log_changes(found)
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
            await self._load_run_keys(session, batch)
            stored = await self._transaction(session, batch, by_partition=False)
            if stored is None:
                stored = await self._transaction(session, batch, by_partition=True)
        except BaseException:
            # Closing the connection rolls the transaction back, whatever its state.
            session.abandon()
            raise
        assert stored is not None  # noqa: S101 - with by_partition it never returns None
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

    async def _load_run_keys(self, session: MysqlSession, batch: Batch) -> None:
        """Read or create the keys of unknown runs in their own transaction, to hold no lock."""
        wanted = unknown_runs(batch, self._runs)
        if not wanted:
            return
        for run_id, digest in wanted.items():
            await session.execute(insert_run(run_id, digest))
            if digest:
                await session.execute(set_scenario_digest(run_id, digest))
        await session.execute(COMMIT)
        found = await session.select(select_runs(list(wanted)))
        await session.execute(COMMIT)
        runs = {str(run_id): KnownRun(int(run_key), str(digest)) for run_id, run_key, digest in found}
        check_scenarios(wanted, runs)
        self._runs.update(runs)
        self._run_keys.update({run_id: run.run_key for run_id, run in runs.items()})

    async def _transaction(self, session: MysqlSession, batch: Batch, *, by_partition: bool) -> Stored | None:
        """Store the batch; None, rolled back, if duplicates require separate partitions.

        Statements merged over partitions are few and large. Without duplicates the counts of each
        partition are known all the same.
        """
        counts = TransactionCounts()
        candidates: list[DuplicateCandidates] = []
        earliest_us: dict[int, int] = {}  # by run key, the earliest time of inserted statements
        await session.execute(BEGIN)
        async with aclosing(_insert(session, groups(batch, self._run_keys, by_partition=by_partition))) as results:
            async for group, events, inserted in results:
                if inserted < len(events):
                    if not by_partition and spans_several_partitions(batch, group.name):
                        await session.execute(ROLLBACK)
                        return None
                    candidates.append(DuplicateCandidates(group, events))
                if inserted:
                    earliest_us[group.run_key] = min(earliest_us.get(group.run_key, TIME_US_MAX), events[0].time_us)
                counts.add(group.name, group.key, inserted, len(events) - inserted)
        if not by_partition:
            counts.count_merged_inserts(batch)
        conflicts = [conflict for each in candidates for conflict in await _conflicts(session, each)]
        dead_letters = [*batch.dead_letters, *dead_letters_of(batch, conflicts, counts)]
        for dead_letter in sorted(map(dead_letter_row, dead_letters)):
            await session.execute(insert_dead_letter(dead_letter))
        for run_key, time_us in sorted(earliest_us.items()):
            await session.execute(lock_run(run_key))
            await session.execute(mark_days(run_key, time_us))
        moves = move_rows(batch, counts, dead_letters)
        if moves and await session.execute(move_offsets(moves)) != len(moves):
            await session.execute(ROLLBACK)
            expected = ", ".join(f"{move.key.topic}/{move.key.partition} at {move.old}" for move in moves)
            raise OwnershipLostError(f"group {moves[0].key.group}: another consumer owns one of {expected}")
        await session.execute(COMMIT)
        return counts.stored(dead_letters)


async def _insert(
    session: MysqlSession, batches: Iterable[Group]
) -> AsyncGenerator[tuple[Group, Sequence[Event], int]]:
    """Insert the groups; yield the group, events and number of new rows of each statement.

    The next statement is built while the server executes the current one.
    """
    under_way: tuple[Group, Sequence[Event], asyncio.Task[int]] | None = None
    try:
        for group in batches:
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


async def _conflicts(session: MysqlSession, candidates: DuplicateCandidates) -> list[Conflict]:
    """The candidates that are stored with different content."""
    group, events = candidates
    stored: dict[RowKey, tuple[Any, ...]] = {}
    for start in range(0, len(events), KEYS_MAX):
        for row in await session.select(select_contents(group.name, group.run_key, events[start : start + KEYS_MAX])):
            stored[int(row[0]), int(row[1]), int(row[2])] = tuple(row[3:])
    return differing(candidates, map(CONTENTS[group.name], events), stored)


async def _reconnected(lane: _ConnectionSlot) -> MysqlSession:
    """The lane's session.

    A server that becomes unreachable during the work is a transient error.
    """
    try:
        return await lane.session()
    except ServiceUnavailableError as error:
        raise TransientError(str(error)) from error


async def _select_offsets(
    session: MysqlSession, keys: Sequence[OffsetKey], *, lock: bool
) -> dict[OffsetRowKey, StoredPosition]:
    rows = await session.select(select_offsets(keys, lock=lock))
    return {
        (log_id, group, topic, partition): StoredPosition(offset, identity)
        for log_id, group, topic, partition, offset, identity in rows
    }


def _same_server(old: MysqlSession, new: MysqlSession) -> bool:
    """False after a restart, when the old session's id may belong to another session."""
    return abs(old.server_started_s - new.server_started_s) <= _RESTART_TOLERANCE_S
