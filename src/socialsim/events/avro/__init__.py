"""Events in Avro's binary encoding: schemas, writers and readers, all generated from the event
types.
"""

from socialsim.events.avro.datum import Schema, UnreadableSchemaError
from socialsim.events.avro.reader import Reader, compile_reader
from socialsim.events.avro.schema import avro_schema, avro_schema_text
from socialsim.events.avro.writer import Writer, compile_writer

__all__ = [
    "Reader",
    "Schema",
    "UnreadableSchemaError",
    "Writer",
    "avro_schema",
    "avro_schema_text",
    "compile_reader",
    "compile_writer",
]
