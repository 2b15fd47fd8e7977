"""Free TCP ports that stay free while a server is down."""

import contextlib
import random
import socket
from pathlib import Path

_random = random.SystemRandom()
_given: set[int] = set()


def is_free(port: int) -> bool:
    """Whether a server could listen on loopback now."""
    with socket.socket() as probe:
        # Like servers: connections in TIME_WAIT do not occupy the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None) -> int:
    """``preferred`` if it is free, else a random port below the kernel's ephemeral range.

    Inside that range a client could be given the port while the server restarts; a client that
    connects to a dead server there can even be connected to itself.
    """
    if preferred is not None and is_free(preferred):
        return preferred
    ephemeral_first = 32768
    with contextlib.suppress(OSError, ValueError):
        ephemeral_first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    top = ephemeral_first if ephemeral_first > 20_000 else 65_536
    while True:
        port = _random.randrange(12_000, top)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
