"""A file that a command writes beside its work: asked for before the work begins, there whole or not at all."""

import errno
import os
from pathlib import Path

from socialsim.durable_files import replace_file
from socialsim.errors import InputError
from socialsim.platform_errors import unwritable


def check_writable(out: Path, option: str) -> None:
    """Raise what ``write_whole`` would raise, before minutes are spent on what is to be written."""
    if out.is_dir():
        raise InputError(f"{option} {out}: cannot be written: {os.strerror(errno.EISDIR)}; name a file in it")
    probe = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise unwritable(f"{option} {out}", error) from error


def write_whole(out: Path, data: bytes, option: str) -> None:
    """Write ``out``; whoever has the old one open keeps it. Raises InputError, LogFullError."""
    try:
        replace_file(out, data)
    except OSError as error:
        raise unwritable(f"{option} {out}", error) from error
