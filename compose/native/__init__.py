"""Real Kafka brokers and MySQL-protocol servers without Docker, for ``make up`` and tests.

    with KafkaCluster.create(directory, brokers=3) as kafka: ...
    with MySQLServer.create(directory, flavour="mariadb") as mysql: ...

Everything listens on loopback only. ``python -m compose.native --help`` offers the same in a shell.
"""

from compose.native.kafka import KafkaBroker, KafkaCluster
from compose.native.mysql import Database, Flavour, MySQLServer
from compose.native.server import NativeServer, StackError

__all__ = ["Database", "Flavour", "KafkaBroker", "KafkaCluster", "MySQLServer", "NativeServer", "StackError"]
