"""Prepares the standard streams: they may be closed, full, or lack characters.

A closed stream is no error: it becomes the null device before another file can get its descriptor,
because text for stderr must never end up in an event file. Characters that the encoding lacks are
escaped; data for programs bypasses the encoding, see ``socialsim.cli.output``.
"""

import contextlib
import io
import os
import sys
from typing import Final

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def prepare_streams() -> None:
    """Make all three standard streams usable."""
    for descriptor, (name, mode) in enumerate(_STREAMS):
        was_open = _is_open(descriptor)
        if not was_open:
            _become_null(descriptor)
        if getattr(sys, name) is None:
            # The stream was closed at start. If its descriptor is open, it belongs to another file.
            target = os.devnull if was_open else descriptor
            opened = open(target, mode, encoding="utf-8", closefd=was_open)  # noqa: SIM115
            setattr(sys, name, opened)
        stream = getattr(sys, name)
        if mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(line: str | bytes) -> None:
    """Write one line to stderr. Never raises: the command continues even if stderr is gone."""
    with contextlib.suppress(OSError, ValueError):  # ValueError: closed, or not encodable
        if isinstance(line, bytes) and (raw := getattr(sys.stderr, "buffer", None)) is not None:
            sys.stderr.flush()
            raw.write(line + b"\n")
        else:
            sys.stderr.write((line.decode() if isinstance(line, bytes) else line) + "\n")
        sys.stderr.flush()


def silence_stdout() -> None:
    """Discard further output on stdout, so that the interpreter's last flush reports no error."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _become_null(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)
    os.set_inheritable(descriptor, True)  # shard processes inherit them
