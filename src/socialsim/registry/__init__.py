"""A schema registry's client: what is told to a registry, what is asked of it, and how records name
their schemas.
"""

from socialsim.registry.address import RegistryAddress, registry_address
from socialsim.registry.base import (
    Compatibility,
    Registered,
    Registry,
    SchemaKind,
    SchemaText,
    SubjectVersion,
    Verdict,
)
from socialsim.registry.cache import Limits, SchemaCache, SchemaKey
from socialsim.registry.client import HttpRegistry
from socialsim.registry.framing import VALUE_SCHEMA_HEADER, Framing, FramingError, guid_header, id_prefix, sniff

__all__ = [
    "VALUE_SCHEMA_HEADER",
    "Compatibility",
    "Framing",
    "FramingError",
    "HttpRegistry",
    "Limits",
    "Registered",
    "Registry",
    "RegistryAddress",
    "SchemaCache",
    "SchemaKey",
    "SchemaKind",
    "SchemaText",
    "SubjectVersion",
    "Verdict",
    "guid_header",
    "id_prefix",
    "registry_address",
    "sniff",
]
