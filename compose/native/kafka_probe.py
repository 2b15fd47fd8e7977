"""One metadata request in Kafka's wire protocol: the brokers that a broker knows."""

import socket
import struct

_METADATA = 3
_VERSION = 4  # understood by every broker from 0.11 to 4.x


def known_brokers(host: str, port: int, timeout_s: float = 2.0) -> set[int]:
    """The ids of the live brokers.

    Raises OSError or struct.error if no broker answers at ``host:port``.
    """
    client = b"socialsim-probe"
    header = struct.pack(">hhih", _METADATA, _VERSION, 1, len(client)) + client
    body = struct.pack(">ib", 0, 0)  # request no topics, create none
    message = header + body
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.sendall(struct.pack(">i", len(message)) + message)
        (size,) = struct.unpack(">i", _receive(connection, 4))
        answer = _receive(connection, size)
    # correlation id, throttle time, then the array of brokers: id, host, port, rack (length -1 for
    # none)
    (count,) = struct.unpack_from(">i", answer, 8)
    position = 12
    brokers = set()
    for _ in range(count):
        node, host_length = struct.unpack_from(">ih", answer, position)
        position += 6 + host_length + 4
        (rack_length,) = struct.unpack_from(">h", answer, position)
        position += 2 + max(rack_length, 0)
        brokers.add(node)
    return brokers


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise ConnectionError("the broker closed the connection")
        data += chunk
    return data
