"""Whether all that a run will ever have is stored, by the run's own books."""

from sqlalchemy import Connection, func, select

from socialsim.rundir import RunDirectory
from socialsim.warehouse.tables import EVENT_TABLES, dead_letters


def is_whole(connection: Connection, run_key: int, directory: RunDirectory) -> bool:
    """True if the run came to its end and as many events are stored, or dead letters, as it emitted.

    False also where the run's directory is not there. Counts the run's rows: to be asked when nothing moves any more.
    Raises InputError if a file of the directory cannot be understood.
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
    stored = sum(
        connection.scalar(select(func.count()).select_from(table).where(table.c.run_key == run_key)) or 0
        for table in EVENT_TABLES.values()
    )
    return stored + (connection.scalar(select(func.count()).select_from(dead_letters)) or 0) >= emitted
