"""Reads events from the log or the warehouse into columns.

Takes about 40 bytes of memory per event.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from types import GenericAlias
from typing import Any, Final

import msgspec
import numpy as np
from sqlalchemy import Column, Connection, String, cast, func, select, text, type_coerce
from sqlalchemy.sql.elements import ColumnElement

from socialsim.events import EVENT_TYPES
from socialsim.realism.events import (
    CONTENT_KINDS,
    DEVICES,
    KEPT,
    Array,
    Columns,
    RunEvents,
    birthday_code,
    country_code,
    kind_of,
    make_run,
)
from socialsim.runs.catalog import stored_runs
from socialsim.runs.choice import choose_run
from socialsim.transport.base import EventReader, Fetched
from socialsim.transport.replay import read_to_end
from socialsim.warehouse.schema.tables import EVENT_TABLES

_ROWS: Final = 50_000

Span = tuple[int, int]

_CODES: Final[dict[str, Callable[[Any], int]]] = {
    "device": {name: index for index, name in enumerate(DEVICES)}.__getitem__,
    "content_kind": {name: index for index, name in enumerate(CONTENT_KINDS)}.__getitem__,
    "country": country_code,
    "birthday": birthday_code,
}


# --- the log --------------------------------------------------------------------------------------


def _partial(name: str) -> type[msgspec.Struct]:
    """The event type ``name`` with the kept members only: captions and comments are skipped, not
    decoded.
    """
    kinds = {each.name: each.type for each in msgspec.structs.fields(EVENT_TYPES[name])}
    members = [("run_id", str), *((member, kinds[member]) for member in KEPT[name])]
    return msgspec.defstruct(f"Partial_{name}", members, tag_field="type", tag=name, gc=False)


_decoders: Final[dict[str, msgspec.json.Decoder[list[Any]]]] = {
    name: msgspec.json.Decoder(GenericAlias(list, (_partial(name),))) for name in EVENT_TYPES
}
_run_id: Final = attrgetter("run_id")


class _LogChunks:
    """What has been read from a log so far."""

    def __init__(self, run_id: str | None) -> None:
        self.run_id = run_id
        self.found: dict[str, None] = {}  # run ids, in order of appearance
        self.chunks: dict[str, list[Columns]] = {name: [] for name in KEPT}
        self.unreadable = 0

    def add(self, part: Fetched, values: Sequence[bytes]) -> None:
        name = part.event_name
        if name not in _decoders:
            self.unreadable += len(values)
            return
        events = self._decode(name, values)
        present = dict.fromkeys(map(_run_id, events))
        self.found |= present
        if self.run_id is not None and list(present) != [self.run_id]:
            events = [event for event in events if event.run_id == self.run_id]
        if events and (self.run_id is not None or len(self.found) == 1):
            self.chunks[name].append({member: _column(member, events) for member in KEPT[name]})

    def _decode(self, name: str, values: Sequence[bytes]) -> list[Any]:
        decoder = _decoders[name]
        try:
            events = decoder.decode(b"[" + b",".join(values) + b"]")  # one call for all
            if len(events) == len(values):
                return events
        except (msgspec.MsgspecError, UnicodeDecodeError):
            pass
        events = []
        for value in values:
            try:
                (event,) = decoder.decode(b"[" + value + b"]")
                events.append(event)
            except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
                self.unreadable += 1
        return events


def _column(member: str, events: Sequence[Any]) -> Array:
    values: Iterable[Any] = map(attrgetter(member), events)
    if member in _CODES:
        values = map(_CODES[member], values)
    return np.fromiter(values, kind_of(member), len(events))


async def read_log(reader: EventReader, run_id: str | None, span_us: Callable[[str], Span | None]) -> RunEvents:
    """All events of the run ``run_id``, or of the only run, up to the log's present end. Closes the
    reader.

    ``span_us`` returns the time range that a run simulates, if known. Raises InputError if there is
    no such run or several to choose from, and ServiceUnavailableError.
    """
    read = _LogChunks(run_id)
    await read_to_end(
        reader, lambda part: read.add(part, part.values), enough=lambda: run_id is None and len(read.found) > 1
    )
    chosen = choose_run(run_id, list(read.found), "the log")
    return make_run(chosen, read.chunks, span_us(chosen), unreadable=read.unreadable)


# --- the warehouse --------------------------------------------------------------------------------


def read_warehouse(connection: Connection, run_id: str | None, span_us: Callable[[str], Span | None]) -> RunEvents:
    """The rows of the run ``run_id``, or of the only run; see ``read_log``. Raises InputError."""
    known = stored_runs(connection)
    chosen = choose_run(run_id, list(known), "the warehouse")
    chunks = {name: list(_read_table(connection, name, known[chosen])) for name in KEPT}
    return make_run(chosen, chunks, span_us(chosen))


def _read_table(connection: Connection, name: str, run_key: int) -> Iterable[Columns]:
    table = EVENT_TABLES[name]
    is_sqlite = connection.dialect.name == "sqlite"
    members = KEPT[name]
    columns = [
        (_instant(table.c.event_time, is_sqlite=is_sqlite) if member == "time_us" else table.c[member])
        for member in members
    ]
    result = connection.execution_options(stream_results=True).execute(
        select(*columns).where(table.c.run_key == run_key).execution_options(yield_per=_ROWS)
    )
    for rows in result.partitions():
        yield {
            member: _stored_column(member, values, is_sqlite=is_sqlite)
            for member, values in zip(members, zip(*rows, strict=True), strict=True)
        }


def _instant(column: Column[Any], *, is_sqlite: bool) -> ColumnElement[Any]:
    """Microseconds; on SQLite, whose own functions would round them, the text."""
    if is_sqlite:
        return type_coerce(cast(column, String), String)
    return func.timestampdiff(text("MICROSECOND"), text("'1970-01-01'"), column)


def _stored_column(member: str, values: Sequence[Any], *, is_sqlite: bool) -> Array:
    if member == "time_us" and is_sqlite:
        return np.array(values, "datetime64[us]").astype(np.int64)
    if member in _CODES:
        return np.fromiter(map(_CODES[member], values), kind_of(member), len(values))
    return np.array(values, kind_of(member))
