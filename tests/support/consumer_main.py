"""A consumer of a Kafka log in a process of its own, with a short session: python -m
tests.support.consumer_main JSON.

The password of the warehouse comes as SOCIALSIM_MYSQL_PASSWORD.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from typing import Any

from socialsim.bootstrap.log import TOPICS
from socialsim.consumer import Consumer, ConsumerSettings
from socialsim.events import PLURALS
from socialsim.transport.kafka import KafkaLog, KafkaReader
from socialsim.warehouse.mysql.warehouse import MysqlWarehouse
from socialsim.warehouse.urls import MysqlTarget, parse_warehouse_url

TYPES = {topic: name for name, topic in PLURALS.items() if topic in TOPICS}


async def work(options: dict[str, Any]) -> None:
    """Consume until drained or told to stop; prints what was done."""
    cluster = KafkaLog(tuple(options["bootstrap"].split(",")), options["prefix"])
    target = parse_warehouse_url(options["url"])
    assert isinstance(target, MysqlTarget)
    settings = ConsumerSettings(**options["settings"])
    reader = KafkaReader(cluster, TYPES, group=settings.group, session_timeout_s=options["session_timeout_s"])
    warehouse = MysqlWarehouse(target, os.environ["SOCIALSIM_MYSQL_PASSWORD"], lanes=options["lanes"])
    consumer = Consumer(reader, warehouse, settings)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, consumer.stop)
    try:
        await warehouse.open()
        stats = await consumer.run()
    finally:
        await reader.close()
        await warehouse.close()
    print(json.dumps({"inserted": sum(stats.inserted.values()), "records": stats.records}))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(relativeCreated)d %(name)s %(message)s")
    logging.getLogger("socialsim").setLevel(logging.INFO)
    asyncio.run(work(json.loads(sys.argv[1])))
