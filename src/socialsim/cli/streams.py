"""The standard streams as a command finds them: open, closed, full, or in an encoding that cannot spell everything.

A closed stream is nobody who listens, not a fault: it becomes the null device before anything else can get its number, for
what is written to "stderr" must never end up in a file of events. Text degrades where the encoding lacks a character;
what a machine reads goes past the encoding, see ``socialsim.cli.show``.
"""

import contextlib
import io
import os
import sys
from typing import Final

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def prepare_streams() -> None:
    """Give the process three standard streams that can be used, whatever it was started with."""
    for descriptor, (name, mode) in enumerate(_STREAMS):
        was_open = _is_open(descriptor)
        if not was_open:
            _become_null(descriptor)
        if getattr(sys, name) is None:
            # Closed at the start, open now: then its number is somebody else's, and is left to them.
            place = os.devnull if was_open else descriptor
            opened = open(place, mode, encoding="utf-8", closefd=was_open)  # noqa: SIM115 - lives as long as we
            setattr(sys, name, opened)
        stream = getattr(sys, name)
        if mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(line: str | bytes) -> None:
    """One line on stderr. Never raises: who cannot be told is not told, and the work goes on."""
    with contextlib.suppress(OSError, ValueError):  # ValueError: closed, or an encoding that refuses the text
        if isinstance(line, bytes) and (raw := getattr(sys.stderr, "buffer", None)) is not None:
            sys.stderr.flush()
            raw.write(line + b"\n")
        else:
            sys.stderr.write((line.decode() if isinstance(line, bytes) else line) + "\n")
        sys.stderr.flush()


def silence_stdout() -> None:
    """Send what is still to come on stdout nowhere: the interpreter must not complain at its own last flush."""
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
    os.set_inheritable(descriptor, True)  # the processes of a run get them too
