"""The reader of a log in files."""

import asyncio
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from socialsim.transport.base import EventReader, Fetched, PositionsLoader, RevokedCallback, TopicPartition
from socialsim.transport.files.blocks import require_run
from socialsim.transport.files.follow import Cursor, FollowedRun
from socialsim.transport.files.layout import list_run_ids, read_log_id, read_run_meta

_DISCOVER_EVERY_S: Final = 1.0


class FileReader(EventReader):
    """Reads all runs of a log, or only ``run_id``, and follows them while they grow.

    There is no group: all partitions are assigned from the start and none is ever revoked. Reads
    are small and come from the page cache, so they happen on the event loop. ``poll_s`` is the
    pause between looks for new records.
    """

    def __init__(self, root: Path, *, run_id: str | None = None, poll_s: float = 0.05) -> None:
        self._root = root
        self._run_id = run_id
        self._poll_s = poll_s
        self._log_id = ""
        self._runs: dict[str, FollowedRun] = {}
        self._cursors: dict[TopicPartition, Cursor] = {}
        self._turns: deque[Cursor] = deque()
        self._paused = False
        self._discovered_s = 0.0
        self._load_positions: PositionsLoader | None = None

    def __repr__(self) -> str:
        return f"<FileReader {str(self._root)!r} runs={len(self._runs)} partitions={len(self._cursors)}>"

    @property
    def log_id(self) -> str:
        """The id in the directory's ``log.json``. Moving the directory does not change it."""
        return self._log_id or read_log_id(self._root)

    def identity(self, topic: str) -> str:
        """The identity in the ``run.json`` of the topic's run."""
        run = self._runs.get(topic.partition("/")[0])
        return "" if run is None else run.meta.identity

    async def probe(self, timeout_s: float) -> None:  # noqa: ARG002 - a directory either exists or not
        """See EventReader."""
        read_log_id(self._root)
        require_run(self._root, self._run_id)

    async def start(
        self,
        load_positions: PositionsLoader,
        on_revoked: RevokedCallback,  # noqa: ARG002 - nothing is ever revoked
    ) -> None:
        """Find the runs and position all partitions.

        Raises InputError if there is no run to read.
        """
        self._load_positions = load_positions
        self._log_id = read_log_id(self._root)
        runs = [FollowedRun(self._root, meta) for meta in require_run(self._root, self._run_id)]
        await self._assign(runs, load_positions)

    async def _assign(self, runs: list[FollowedRun], load_positions: PositionsLoader) -> None:
        cursors = {cursor.partition: cursor for run in runs for cursor in run.cursors}
        self._runs |= {run.meta.run_id: run for run in runs}
        positions = await load_positions(list(cursors))
        for partition, cursor in cursors.items():
            cursor.seek(positions[partition])
        self._cursors |= cursors
        self._turns.extend(cursors.values())
        self._discovered_s = asyncio.get_running_loop().time()

    async def poll(self, records_max: int, timeout_s: float) -> list[Fetched]:
        """Up to ``records_max`` records, one block per partition in turn.

        None after ``timeout_s``.
        """
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + timeout_s
        await asyncio.sleep(0)  # a caller who always finds records must not block the loop
        while True:
            if not self._paused and (fetched := self._take(records_max)):
                return fetched
            await self._refresh()
            if not self._paused and (fetched := self._take(records_max)):
                return fetched
            left_s = deadline_s - clock()
            if left_s <= 0:
                return []
            await asyncio.sleep(min(left_s, self._poll_s))

    def _take(self, records_max: int) -> list[Fetched]:
        fetched: list[Fetched] = []
        taken = idle = 0
        turns = self._turns
        while taken < records_max and idle < len(turns):
            cursor = turns[0]
            part = cursor.take(records_max - taken)
            if part is None:
                idle += 1
            else:
                idle = 0
                fetched.append(part)
                taken += len(part.values)
            if not cursor.has_held:
                turns.rotate(-1)
        return fetched

    async def _refresh(self) -> None:
        for run in self._runs.values():
            if not run.is_complete:
                run.refresh()
        self._turns = deque(cursor for cursor in self._turns if not cursor.is_finished())
        if self._load_positions is None or self._run_id is not None:
            return
        if asyncio.get_running_loop().time() - self._discovered_s > _DISCOVER_EVERY_S:
            self._discovered_s = asyncio.get_running_loop().time()
            for run in self._runs.values():
                run.check_identity()
            metas = [
                meta
                for run_id in list_run_ids(self._root)
                if run_id not in self._runs and (meta := read_run_meta(self._root, run_id)) is not None
            ]
            if metas:
                runs = [FollowedRun(self._root, meta) for meta in metas]
                await self._assign(runs, self._load_positions)

    def assignment(self) -> frozenset[TopicPartition]:
        """All partitions of all runs found so far."""
        return frozenset(self._cursors)

    async def end_offsets(self) -> dict[TopicPartition, int]:
        """The offset after the last readable record of each partition; final for complete runs."""
        await self._refresh()
        for run in self._runs.values():
            run.check_identity()
        return {partition: cursor.end() for partition, cursor in self._cursors.items()}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Continue at ``offset``. Raises OffsetsLostError if the log ends before it."""
        cursor = self._cursors[partition]
        cursor.seek(offset)
        if cursor not in self._turns:
            self._turns.append(cursor)

    def pause(self) -> None:
        """Return no records until ``resume``."""
        self._paused = True

    def resume(self) -> None:
        """Undo ``pause``."""
        self._paused = False

    async def commit_hint(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Does nothing: there are no lag tools for files."""

    async def close(self) -> None:
        """Discard all state. No file stays open between reads."""
        self._runs.clear()
        self._cursors.clear()
        self._turns.clear()
