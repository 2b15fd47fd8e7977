"""Every run that is known here, from its directory or from the warehouse."""

from collections.abc import Sequence
from typing import Literal

import msgspec
from sqlalchemy import Connection, func, select

from socialsim.runs.choice import choose_run
from socialsim.runs.directory import RunDirectory, RunRecord, Verification
from socialsim.warehouse.schema.tables import EVENT_TABLES, runs

#: ``unfinished``: its process died; ``unknown``: it has no directory here.
RunState = Literal["running", "stopped", "unfinished", "complete", "unknown"]


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One run. What its directory would tell is None where there is none, ``rows`` where there is no warehouse."""

    run_id: str
    state: RunState
    log: str | None = None
    users: int | None = None
    days: int | None = None
    seed: int | None = None
    events: int | None = None  #: by its manifests, which a running run renews now and then
    sealed: bool = False  #: whether all of its manifests are
    rows: int | None = None
    verification: Verification | None = None


def stored_runs(connection: Connection) -> dict[str, int]:
    """The keys of the runs that have rows in the warehouse, by run id, sorted."""
    rows = connection.execute(select(runs.c.run_id, runs.c.run_key).order_by(runs.c.run_id))
    return {str(run_id): int(run_key) for run_id, run_key in rows}


def choose_known_run(connection: Connection, known: Sequence[str], run_id: str | None) -> str:
    """``run_id``, or the only run in the warehouse, or else the only one of ``known``, those with a directory.

    Raises InputError, naming the runs that there are.
    """
    stored = list(stored_runs(connection))
    candidates = sorted({*stored, *known}) if run_id is not None or not stored else stored
    return choose_run(run_id, candidates, "the warehouse, or the runs' directory,")


def summarize_runs(directories: Sequence[RunDirectory], connection: Connection | None) -> list[RunSummary]:
    """The runs in the order of their ids. Raises InputError if a directory's file cannot be understood."""
    rows = {} if connection is None else count_rows(connection)
    known = {directory.run_id: directory for directory in directories}
    return [
        _summary(run_id, known.get(run_id), None if connection is None else rows.get(run_id, 0))
        for run_id in sorted({*known, *rows})
    ]


def count_rows(connection: Connection) -> dict[str, int]:
    """How many rows of events each run has."""
    counts: dict[int, int] = {}
    for table in EVENT_TABLES.values():
        for run_key, count in connection.execute(select(table.c.run_key, func.count()).group_by(table.c.run_key)):
            counts[run_key] = counts.get(run_key, 0) + int(count)
    return {run_id: counts.get(run_key, 0) for run_id, run_key in stored_runs(connection).items()}


def _summary(run_id: str, directory: RunDirectory | None, rows: int | None) -> RunSummary:
    record = None if directory is None else directory.read_record()
    if directory is None or record is None:
        return RunSummary(run_id=run_id, state="unknown", rows=rows)
    manifests = [directory.read_manifest(shard) for shard in range(record.scenario.shards)]
    return RunSummary(
        run_id=run_id,
        state=_state(directory, record),
        log=record.log,
        users=record.scenario.users,
        days=record.scenario.days,
        seed=record.scenario.seed,
        events=sum(tally.count for each in manifests if each is not None for tally in each.tallies.values()),
        sealed=all(each is not None and each.sealed for each in manifests),
        rows=rows,
        verification=directory.read_verification(),
    )


def _state(directory: RunDirectory, record: RunRecord) -> RunState:
    if record.state != "running":
        return record.state
    return "running" if directory.is_led() else "unfinished"
