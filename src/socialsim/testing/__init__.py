"""Fakes that ship with the package: an event log, a warehouse and a clock in memory, with faults on
request.

They honour the contracts of ``transport.base`` and ``warehouse.base``, so that code built on these
interfaces can be tested without services, files or waiting.
"""

from socialsim.testing.autojump import AutojumpLoop, run_virtual
from socialsim.testing.log import MemoryLog, MemoryReader, MemoryWriter
from socialsim.testing.warehouse import Fault, MemoryWarehouse

__all__ = [
    "AutojumpLoop",
    "Fault",
    "MemoryLog",
    "MemoryReader",
    "MemoryWarehouse",
    "MemoryWriter",
    "run_virtual",
]
