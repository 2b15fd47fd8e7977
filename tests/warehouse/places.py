"""A database that a warehouse test uses, of whatever kind, and how to look into it from beside."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Engine, text

from socialsim.events import Event
from socialsim.events.codec import decode
from socialsim.warehouse.base import Warehouse
from socialsim.warehouse.engines import read_engine, writing_engine
from socialsim.warehouse.mysql import MysqlWarehouse
from socialsim.warehouse.sqlite import SqliteWarehouse
from socialsim.warehouse.tables import EVENT_TABLES
from socialsim.warehouse.urls import MysqlTarget, SqliteTarget, parse_warehouse_url


@dataclass(frozen=True)
class Place:
    """An empty database of one kind, and how to look into it from beside."""

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

    def events(self) -> dict[str, list[Event]]:
        """Every stored event, read back from its typed columns, by wire name and in order of run, shard, seq."""
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
