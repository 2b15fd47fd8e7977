"""Databases under test, with access to their content that bypasses the warehouse."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
from sqlalchemy import Engine, text

from socialsim.events import Event
from socialsim.events.codec import decode
from socialsim.testing import MemoryWarehouse
from socialsim.warehouse.base import OffsetKey, Warehouse
from socialsim.warehouse.batches.transaction import dead_letter_row
from socialsim.warehouse.engines import read_engine, writing_engine
from socialsim.warehouse.mysql.warehouse import MysqlWarehouse
from socialsim.warehouse.schema.tables import EVENT_TABLES
from socialsim.warehouse.sqlite.warehouse import SqliteWarehouse
from socialsim.warehouse.urls import MysqlTarget, SqliteTarget, parse_warehouse_url


class InspectableWarehouse(Protocol):
    """A warehouse of any engine with access to its stored content."""

    def make(self) -> Warehouse:
        """A warehouse that is not open. All warehouses from here share the same content."""

    def opened(self) -> AbstractAsyncContextManager[Warehouse]:
        """An open warehouse, which is closed at the end."""

    def events(self) -> dict[str, list[Event]]:
        """Every stored event, by wire name and in order of run, shard, seq."""

    def delete_events(self) -> None:
        """Delete all events."""

    def dead_letters(self) -> list[dict[str, Any]]:
        """The dead letters, in order of topic, partition, offset."""

    def offset_rows(self) -> list[dict[str, Any]]:
        """The stored offsets with their counters, in order of topic and partition."""

    def rewind(self, offset: int, *keys: OffsetKey) -> None:
        """Set the next offset of ``keys``."""

    def runs(self) -> list[str]:
        """The ids of the stored runs, oldest first."""


class MemoryWarehouseFixture:
    """The fake warehouse."""

    def __init__(self) -> None:
        self._content = MemoryWarehouse(lanes=3)

    def make(self) -> Warehouse:
        return self._content.beside()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Warehouse]:
        warehouse = self.make()
        await warehouse.open()
        yield warehouse
        await warehouse.close()

    def events(self) -> dict[str, list[Event]]:
        return {name: sorted(table.values(), key=_identity) for name, table in self._content.rows.items()}

    def delete_events(self) -> None:
        for table in self._content.rows.values():
            table.clear()

    def dead_letters(self) -> list[dict[str, Any]]:
        return [dead_letter_row(each)._asdict() for _, each in sorted(self._content.dead_letters.items())]

    def offset_rows(self) -> list[dict[str, Any]]:
        content = self._content
        return [
            {
                "topic": key.topic,
                "partition_id": key.partition,
                "next_offset": offset,
                **asdict(content.offset_counters[key]),
            }
            for key, offset in sorted(content.stored_offsets.items())
        ]

    def rewind(self, offset: int, *keys: OffsetKey) -> None:
        self._content.stored_offsets |= dict.fromkeys(keys, offset)

    def runs(self) -> list[str]:
        return list(self._content.runs)


@dataclass(frozen=True)
class WarehouseFixture:
    """A database of one engine with access to its stored content."""

    url: str
    password: str | None

    @property
    def target(self) -> SqliteTarget | MysqlTarget:
        return parse_warehouse_url(self.url)

    def make(self, **options: Any) -> Warehouse:
        target = self.target
        if isinstance(target, SqliteTarget):
            return SqliteWarehouse(target.path, **options)
        return MysqlWarehouse(target, self.password, **options)

    @asynccontextmanager
    async def opened(self, **options: Any) -> AsyncIterator[Warehouse]:
        warehouse = self.make(**options)
        await warehouse.open()
        try:
            yield warehouse
        finally:
            await warehouse.close()

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        engine: Engine = read_engine(self.url, self.password)
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(sql), values).mappings()]

    def change(self, sql: str, **values: Any) -> None:
        with writing_engine(self.target, self.password).begin() as connection:
            connection.execute(text(sql), values)

    def delete_events(self) -> None:
        for table in EVENT_TABLES.values():
            self.change(f"DELETE FROM {table.name}")

    def dead_letters(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM dead_letters ORDER BY topic, partition_id, record_offset")

    def offset_rows(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM consumer_offsets ORDER BY topic, partition_id")

    def rewind(self, offset: int, *keys: OffsetKey) -> None:
        for key in keys:
            self.change(
                "UPDATE consumer_offsets SET next_offset = :offset WHERE log_id = :log_id "
                "AND consumer_group = :group AND topic = :topic AND partition_id = :partition",
                offset=offset,
                **key._asdict(),
            )

    def runs(self) -> list[str]:
        return [row["run_id"] for row in self.rows("SELECT run_id FROM runs ORDER BY run_key")]

    def events(self) -> dict[str, list[Event]]:
        """Every stored event, read back from its typed columns, by wire name and in order of run,
        shard, seq.
        """
        return {name: sorted(self._events(name), key=_identity) for name in EVENT_TABLES}

    def _events(self, name: str) -> Iterator[Event]:
        table = EVENT_TABLES[name]
        engine = read_engine(self.url, self.password)
        with engine.connect() as connection:
            pairs = connection.execute(text("SELECT run_key, run_id FROM runs")).all()
            ids = {key: run_id for key, run_id in pairs}  # noqa: C416 - dict() wants tuples, not rows
            for row in connection.execute(table.select()).mappings():
                yield _event_of(name, ids[row["run_key"]], dict(row))


def _identity(event: Event) -> tuple[str, int, int, int]:
    return event.run_id, event.shard, event.seq, event.time_us


def _event_of(name: str, run_id: str, row: dict[str, Any]) -> Event:
    time_us = (row.pop("event_time") - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001 - stored in UTC
    row.pop("run_key")
    return decode(msgspec.json.encode({"type": name, "run_id": run_id, "time_us": time_us, **row}), name)
