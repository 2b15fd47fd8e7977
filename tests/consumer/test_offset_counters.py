"""The counters beside the stored offsets add up for each partition."""

from pathlib import Path

from socialsim.consumer import Consumer, ConsumerSettings
from socialsim.testing import MemoryLog
from socialsim.transport.base import TopicPartition
from socialsim.warehouse.schema.migrate import migrate
from tests.consumer.events import like, raw
from tests.warehouse.warehouse_fixtures import WarehouseFixture


async def test_every_record_is_counted_for_its_partition(tmp_path: Path) -> None:
    db = WarehouseFixture(f"sqlite:///{tmp_path}/w.sqlite", None)
    migrate(db.url)
    log = MemoryLog(["picture_likes"], partitions=3)
    for partition, count in enumerate((5, 0, 9)):
        log.append(TopicPartition("picture_likes", partition), *raw(*(like(partition, seq) for seq in range(count))))
    log.append(TopicPartition("picture_likes", 2), b"no event", *raw(like(2, 0)))
    async with db.opened() as warehouse:
        await Consumer(log.reader(), warehouse, ConsumerSettings(drain=True)).run()
    rows = db.rows(
        "SELECT partition_id AS p, consumed AS c, inserted AS i, duplicates AS d, dead_letters AS x "
        "FROM consumer_offsets ORDER BY partition_id"
    )
    assert [tuple(row.values()) for row in rows] == [(0, 5, 5, 0, 0), (1, 0, 0, 0, 0), (2, 11, 9, 1, 1)]
