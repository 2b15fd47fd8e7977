"""Fakes that ship with the package: event log, warehouse, schema registry and clock in memory, with faults on request.

They keep the promises of ``transport.base``, ``warehouse.base`` and ``registry.base``, so that whoever builds on these
interfaces can test without a service, without a file and without waiting.
"""

from socialsim.testing.log import MemoryLog, MemoryReader, MemoryWriter
from socialsim.testing.loop import VirtualTimeLoop, run_virtual
from socialsim.testing.registry import MemoryRegistry
from socialsim.testing.warehouse import Fault, MemoryWarehouse

__all__ = [
    "Fault",
    "MemoryLog",
    "MemoryReader",
    "MemoryRegistry",
    "MemoryWarehouse",
    "MemoryWriter",
    "VirtualTimeLoop",
    "run_virtual",
]
