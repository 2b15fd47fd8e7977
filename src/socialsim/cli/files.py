"""An output file of a command: checked before the work starts, and written atomically."""

import errno
import os
from pathlib import Path

from socialsim.durable_files import replace_file
from socialsim.errors import InputError
from socialsim.platform_errors import unwritable


def check_writable(out: Path, option: str) -> None:
    """Raise what ``write_whole`` would raise, before minutes are spent on the content."""
    if out.is_dir():
        raise InputError(f"{option} {out}: cannot be written: {os.strerror(errno.EISDIR)}; name a file in it")
    probe = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise unwritable(f"{option} {out}", error) from error


def write_whole(out: Path, data: bytes, option: str) -> None:
    """Replace ``out`` atomically. Raises InputError, LogFullError."""
    try:
        replace_file(out, data)
    except OSError as error:
        raise unwritable(f"{option} {out}", error) from error
