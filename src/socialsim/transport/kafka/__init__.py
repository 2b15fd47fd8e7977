"""The event log in Kafka: one topic for each type of event, the acting user as the key."""

from socialsim.transport.kafka.admin import create_topics, describe_topics
from socialsim.transport.kafka.batch_sender import ProducerOptions
from socialsim.transport.kafka.cluster import KafkaLog, KafkaSecurity
from socialsim.transport.kafka.identity import read_topics
from socialsim.transport.kafka.reader import KafkaReader
from socialsim.transport.kafka.writer import KafkaWriter

__all__ = [
    "KafkaLog",
    "KafkaReader",
    "KafkaSecurity",
    "KafkaWriter",
    "ProducerOptions",
    "create_topics",
    "describe_topics",
    "read_topics",
]
