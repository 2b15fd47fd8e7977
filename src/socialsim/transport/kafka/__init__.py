"""The event log in Kafka: one topic per event type, keyed by the acting user."""

from socialsim.transport.kafka.admin import alter_topics, create_topics, describe_topics, inspect_topics, refuse
from socialsim.transport.kafka.batch_sender import ProducerOptions
from socialsim.transport.kafka.cluster import KafkaLog, KafkaSecurity, Token
from socialsim.transport.kafka.identity import read_topics
from socialsim.transport.kafka.reader import KafkaReader
from socialsim.transport.kafka.topic_settings import (
    Deviation,
    RecordAges,
    SettingOverrides,
    compare,
    parse_overrides,
    sum_up,
)
from socialsim.transport.kafka.writer import KafkaWriter

__all__ = [
    "Deviation",
    "KafkaLog",
    "KafkaReader",
    "KafkaSecurity",
    "KafkaWriter",
    "ProducerOptions",
    "RecordAges",
    "SettingOverrides",
    "Token",
    "alter_topics",
    "compare",
    "create_topics",
    "describe_topics",
    "inspect_topics",
    "parse_overrides",
    "read_topics",
    "refuse",
    "sum_up",
]
