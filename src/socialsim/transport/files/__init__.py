"""The event log in files: newline-delimited JSON that any tool can read, made safe by an index."""

from socialsim.transport.files.blocks import WriteBatch, iterate_values
from socialsim.transport.files.layout import list_run_ids
from socialsim.transport.files.reader import FileReader
from socialsim.transport.files.run import FileRun, RunState, create_run
from socialsim.transport.files.writer import FileWriter

__all__ = [
    "FileReader",
    "FileRun",
    "FileWriter",
    "RunState",
    "WriteBatch",
    "create_run",
    "iterate_values",
    "list_run_ids",
]
