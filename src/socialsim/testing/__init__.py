"""Fakes that ship with the package: an event log, a warehouse, a schema registry and a clock in
memory, with faults on request.

They honour the contracts of ``transport.base``, ``warehouse.base`` and ``registry.base``, so that
code built on these interfaces can be tested without services, files or waiting.
"""

from socialsim.testing.autojump import AutojumpLoop, run_virtual
from socialsim.testing.log import MemoryLog, MemoryReader, MemoryWriter
from socialsim.testing.registry import MemoryRegistry
from socialsim.testing.warehouse import Fault, MemoryWarehouse

__all__ = [
    "AutojumpLoop",
    "Fault",
    "MemoryLog",
    "MemoryReader",
    "MemoryRegistry",
    "MemoryWarehouse",
    "MemoryWriter",
    "run_virtual",
]
