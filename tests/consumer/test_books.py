"""What a transaction stores is told apart by partition, so that each partition's books can add up."""

from pathlib import Path

from socialsim.consumer import Consumer, ConsumerSettings
from socialsim.testing import MemoryLog
from socialsim.transport.base import TopicPartition
from socialsim.warehouse.schema.migrate import migrate
from tests.consumer.events import like, raw
from tests.warehouse.places import Place


async def test_the_consumer_books_every_record_with_its_partition(tmp_path: Path) -> None:
    place = Place(f"sqlite:///{tmp_path}/w.sqlite", None)
    migrate(place.url)
    log = MemoryLog(["picture_likes"], partitions=3)
    for partition, count in enumerate((5, 0, 9)):
        log.append(TopicPartition("picture_likes", partition), *raw(*(like(partition, seq) for seq in range(count))))
    log.append(TopicPartition("picture_likes", 2), b"no event", *raw(like(2, 0)))
    async with place.opened() as warehouse:
        await Consumer(log.reader(), warehouse, ConsumerSettings(drain=True)).run()
    books = place.rows(
        "SELECT partition_id AS p, consumed AS c, inserted AS i, duplicates AS d, dead_letters AS x "
        "FROM consumer_offsets ORDER BY partition_id"
    )
    assert [tuple(row.values()) for row in books] == [(0, 5, 5, 0, 0), (1, 0, 0, 0, 0), (2, 11, 9, 1, 1)]
