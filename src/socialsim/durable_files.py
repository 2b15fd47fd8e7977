"""Atomic replacement of files, and directories whose entries survive a crash.

Functions raise OSError: the caller knows which option or path its message must name.
"""

import os
import secrets
from pathlib import Path


def replace_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace the contents of ``path`` by ``data`` atomically.

    A reader sees the old bytes or the new bytes, never a mixture. With ``durable`` the same is true
    after a power failure, and the new bytes are on the disk when the function returns: the file and
    the directory that names it are synced. Processes that hold the old file open keep the old one.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        sync_path(path.parent)


def sync_path(path: Path | str) -> None:
    """Make the bytes of a file, or the names in a directory, durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
