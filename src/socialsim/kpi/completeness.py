"""Whether all that a run will ever have is stored, by the run's own books."""

from sqlalchemy import Connection, func, select

from socialsim.kpi.parameters import DAY, begin_of
from socialsim.runs.directory import RunDirectory
from socialsim.warehouse.schema.tables import EVENT_TABLES, dead_letters, kpi_days


def is_whole(connection: Connection, run_key: int, directory: RunDirectory) -> bool:
    """True if the run came to its end and as many events are stored, or dead letters, as it emitted.

    False also where the run's directory is not there. Counts the rows from the first day on whose figures do not hold; what
    was before is known. Raises InputError if a file of the directory cannot be understood.
    """
    record = directory.read_record()
    if record is None or record.state != "complete":
        return False
    emitted = 0
    for shard in range(record.scenario.shards):
        manifest = directory.read_manifest(shard)
        if manifest is None or not manifest.sealed:
            return False
        emitted += sum(tally.count for tally in manifest.tallies.values())
    return (
        count_stored(connection, run_key) + (connection.scalar(select(func.count()).select_from(dead_letters)) or 0)
        >= emitted
    )


def count_stored(connection: Connection, run_key: int) -> int:
    """How many events of the run are stored, for the price of counting those of days without figures that hold."""
    days = select(kpi_days.c.day, kpi_days.c.dirty, kpi_days.c.events).where(kpi_days.c.run_key == run_key)
    known, counted_from = 0, None
    for day, dirty, events in connection.execute(days.order_by(kpi_days.c.day)):
        if dirty:
            break
        known += events
        counted_from = begin_of(day + DAY)
    for table in EVENT_TABLES.values():
        count = select(func.count()).select_from(table).where(table.c.run_key == run_key)
        if counted_from is not None:
            count = count.where(table.c.event_time >= counted_from)
        known += connection.scalar(count) or 0
    return known
