"""The event log in files or in Kafka: bytes in, bytes out. It knows nothing about events."""
