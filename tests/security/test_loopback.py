"""What listens, listens on loopback: read from the kernel's own table of sockets."""

import os
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest

from socialsim.monitoring import ConsumerTelemetry, LiveServer

_LISTEN = "0A"


def listening(pids: set[int]) -> list[tuple[IPv4Address | IPv6Address, int]]:
    """Address and port of every TCP socket that one of ``pids`` listens on."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(link.readlink())
            except OSError:
                continue  # closed meanwhile
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and fields[9] in inodes:
                address, port = fields[1].split(":")
                # Words of four bytes in the machine's order.
                raw = b"".join(bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8))
                found.append((ip_address(raw), int(port, 16)))
    return found


def is_loopback(address: IPv4Address | IPv6Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


@pytest.mark.parametrize("kind", ["kafka", "mysql"])
@pytest.mark.services
def test_the_native_servers_listen_on_loopback_only(request: pytest.FixtureRequest, kind: str) -> None:
    server = request.getfixturevalue(kind) if kind == "kafka" else None
    if server is None:
        factory = request.getfixturevalue("mysql_factory")
        servers = [factory(flavour=flavour) for flavour in ("mariadb", "mysql")]
    else:
        servers = server.brokers
    for each in servers:
        found = listening({each.identity.pid})
        assert each.port in {port for _, port in found}
        assert all(is_loopback(address) for address, _ in found), found


def test_our_own_server_too() -> None:
    with LiveServer(ConsumerTelemetry(), 0) as server:
        found = listening({os.getpid()})
        assert int(server.address.split(":")[1]) in {port for _, port in found}
        assert all(is_loopback(address) for address, _ in found), found


def test_the_check_sees_what_it_is_for() -> None:
    with LiveServer(ConsumerTelemetry(), 0, "0.0.0.0") as server:  # noqa: S104 - what must be noticed
        found = {port: address for address, port in listening({os.getpid()})}
        assert not is_loopback(found[int(server.address.split(":")[1])])
