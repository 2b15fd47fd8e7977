"""Whether everything that a run emitted is stored, according to its manifests."""

from sqlalchemy import Connection, func, select

from socialsim.kpi.parameters import DAY, begin_of
from socialsim.runs.directory import RunDirectory
from socialsim.warehouse.schema.tables import EVENT_TABLES, dead_letters, kpi_days


def is_whole(connection: Connection, run_key: int, directory: RunDirectory) -> bool:
    """True if the run reached its end and as many rows and dead letters are stored as it emitted
    events.

    False also if the run's directory is missing. Counts only the rows from the first dirty day on;
    the counts of earlier days are stored. Raises InputError if a file of the directory is invalid.
    """
    record = directory.read_record()
    if record is None or record.state != "complete":
        return False
    emitted = 0
    for shard in range(record.scenario.shards):
        manifest = directory.read_manifest(shard)
        if manifest is None or not manifest.sealed:
            return False
        emitted += sum(totals.count for totals in manifest.tallies.values())
    return (
        count_stored(connection, run_key) + (connection.scalar(select(func.count()).select_from(dead_letters)) or 0)
        >= emitted
    )


def count_stored(connection: Connection, run_key: int) -> int:
    """The number of the run's stored events.

    Counts rows only from the first day that is not clean.
    """
    days = select(kpi_days.c.day, kpi_days.c.dirty, kpi_days.c.events).where(kpi_days.c.run_key == run_key)
    stored, counted_from = 0, None
    for day, dirty, events in connection.execute(days.order_by(kpi_days.c.day)):
        if dirty:
            break
        stored += events
        counted_from = begin_of(day + DAY)
    for table in EVENT_TABLES.values():
        count = select(func.count()).select_from(table).where(table.c.run_key == run_key)
        if counted_from is not None:
            count = count.where(table.c.event_time >= counted_from)
        stored += connection.scalar(count) or 0
    return stored
