"""The runs in a warehouse."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from socialsim.runs.choice import choose_run
from socialsim.warehouse.schema.tables import EVENT_TABLES, runs


def stored_runs(connection: Connection) -> dict[str, int]:
    """The ``run_key`` of each run in the warehouse, by run id, sorted."""
    rows = connection.execute(select(runs.c.run_id, runs.c.run_key).order_by(runs.c.run_id))
    return {str(run_id): int(run_key) for run_id, run_key in rows}


def choose_known_run(connection: Connection, known: Sequence[str], run_id: str | None) -> str:
    """``run_id``, or the only run in the warehouse, or else the only run of ``known``.

    ``known`` are the runs with a directory.

    Raises InputError naming the existing runs.
    """
    stored = list(stored_runs(connection))
    candidates = sorted({*stored, *known}) if run_id is not None or not stored else stored
    return choose_run(run_id, candidates, "the warehouse, or the runs' directory,")


def count_rows(connection: Connection) -> dict[str, int]:
    """Number of event rows by run id."""
    counts: dict[int, int] = {}
    for table in EVENT_TABLES.values():
        for run_key, count in connection.execute(select(table.c.run_key, func.count()).group_by(table.c.run_key)):
            counts[run_key] = counts.get(run_key, 0) + int(count)
    return {run_id: counts.get(run_key, 0) for run_id, run_key in stored_runs(connection).items()}
