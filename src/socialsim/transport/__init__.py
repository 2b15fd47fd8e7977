"""The event log: bytes in, bytes out, to files or to Kafka. Knows no event."""
