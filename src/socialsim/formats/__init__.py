"""The formats of a record's value: how events are written to a log and recognised when read.

A value is plain JSON, JSON that names its schema in a registry, or Avro that does. ``events`` has
the codecs, ``registry`` the client; this package joins the two.
"""

from socialsim.formats.canonical import CanonicalReader
from socialsim.formats.choice import PLAIN_JSON, SchemaIdPlace, ValueFormat, WireFormat
from socialsim.formats.reading import NEEDS_REGISTRY, UNKNOWN_SCHEMA, ValueReader, dead_letter_bytes
from socialsim.formats.subjects import check_subjects, find_subjects, register_subjects, schema_of

__all__ = [
    "NEEDS_REGISTRY",
    "PLAIN_JSON",
    "UNKNOWN_SCHEMA",
    "CanonicalReader",
    "SchemaIdPlace",
    "ValueFormat",
    "ValueReader",
    "WireFormat",
    "check_subjects",
    "dead_letter_bytes",
    "find_subjects",
    "register_subjects",
    "schema_of",
]
