"""A TCP proxy for tests that cuts, delays, slices and black-holes connections, and a version that
understands MySQL.

It runs on a thread and an event loop of its own, so that a test may block while connections go on.
Attributes may be set from any thread and hold from the next bytes on.
"""

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Final, Self

from tests.support.patience import HANG_S

_CHUNK_BYTES: Final = 65_536
_POLL_S: Final = 0.005
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class Link:
    """One client's connection and the one that stands for it at the server."""

    number: int
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_cut: bool = False
    thread_id: int = 0  #: MySQL's number for it
    swallow: bool = False  #: the server's next answer is not passed on, the link is cut instead
    in_transaction: bool = False
    buffers: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(), bytearray()))

    def cut(self) -> None:
        """End both connections by a reset, as a firewall or a crash does."""
        self.is_cut = True
        for writer in (self.client, self.server):
            with suppress(OSError):
                sock: socket.socket = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()


class Proxy:
    """Passes connections at ``port`` on to ``target_port`` of this machine, for the length of a
    ``with`` statement.

    ``refusing`` resets new connections; ``holding`` passes nothing on in either direction, but
    accepts and keeps the data; ``delay_s`` is waited before each chunk; ``slice_bytes`` is the
    chunk's size.
    """

    def __init__(self, target_port: int = 0) -> None:
        self.target_port = target_port
        self.refusing = False
        self.holding = False
        self.delay_s = 0.0
        self.slice_bytes: int | None = None
        self.accepted = 0  #: connections so far
        self.held_bytes = 0  #: that came while ``holding``
        self.slices = 0  #: pieces passed on while slicing or delaying
        self.links: set[Link] = set()
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"proxy-{self.port}", daemon=True)
        self._ready: Future[asyncio.Server] = Future()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result(HANG_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(HANG_S)

    def cut(self) -> int:
        """Reset every connection; how many there were."""
        done: Future[int] = Future()

        def work() -> None:
            links = list(self.links)
            for link in links:
                link.cut()
            done.set_result(len(links))

        self._loop.call_soon_threadsafe(work)
        return done.result(HANG_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        # A connection that is reset in mid-flight is what this is for.
        self._loop.set_exception_handler(lambda *_: None)
        try:
            server = self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._listener))
            self._ready.set_result(server)
            self._loop.run_forever()
            server.close()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        finally:
            self._loop.close()

    async def _serve(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            if self.refusing:
                raise ConnectionRefusedError
            server_reader, server = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            client.transport.abort()
            return
        link = Link(self.accepted, client, server)
        self.links.add(link)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(link, client_reader, server, 0))
                pumps.create_task(self._pump(link, server_reader, client, 1))
        except* OSError:
            pass
        finally:
            self.links.discard(link)
            link.cut()

    async def _pump(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, side: int) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            if self.holding:
                self.held_bytes += len(data)
                while not link.is_cut and self.holding:  # noqa: ASYNC110 - another thread lets go
                    await asyncio.sleep(_POLL_S)
            if self.delay_s:
                self.slices += 1
                await asyncio.sleep(self.delay_s)
            await self._pass_on(link, data, writer, side)
            if link.is_cut:
                return
        with suppress(OSError):
            writer.write_eof()

    async def _pass_on(self, link: Link, data: bytes, writer: asyncio.StreamWriter, side: int) -> None:
        """Let ``data`` go on to where it was sent.

        ``side`` is 0 for what the client says, 1 for the server.
        """
        await self._write(data, writer)

    async def _write(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self.slice_bytes is None:
            writer.write(data)
            await writer.drain()
            return
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        at = 0
        while at < len(data):
            step = self.slice_bytes or len(data)
            self.slices += 1
            writer.write(data[at : at + step])
            await writer.drain()
            await asyncio.sleep(0)
            at += step


class Verdict(Enum):
    """What becomes of a statement."""

    PASS = "goes on"
    CUT_BEFORE = "the link is cut, the server never hears of it"
    CUT_ANSWER = "the server has done it, but the link is cut before its answer"
    CUT_AFTER = "passed on, and the link is cut at once: nobody knows"


class Statement(str):
    """A kind of statement. ``number`` counts those of its kind over all connections, from 1."""

    __slots__ = ("link", "number", "sql")
    link: Link
    number: int
    sql: bytes

    def __new__(cls, kind: str, sql: bytes, number: int, link: Link) -> Self:
        self = super().__new__(cls, kind)
        self.sql, self.number, self.link = sql, number, link
        return self


#: Answers a verdict; or bytes to say instead; or an event, until which the statement is held and
#: after which it passes.
Rule = Callable[[Statement], Verdict | bytes | threading.Event]

_KINDS: Final = (
    (b"START TRANSACTION", "begin"),
    (b"ROLLBACK", "rollback"),
    (b"INSERT INTO consumer_offsets", "insert_offsets"),
    (b"INSERT INTO dead_letters", "insert_dead_letter"),
    (b"INSERT INTO runs", "insert_run"),
    (b"INSERT INTO ", "insert_events"),
    (b"UPDATE (SELECT ", "move_offsets"),
    (b"SELECT run_id", "select_runs"),
    (b"SELECT log_id", "select_offsets"),
    (b"SET SESSION", "pin"),
)


class MysqlProxy(Proxy):
    """Knows MySQL's packets: ``rule`` decides about each statement; errors that the server answers
    are counted.

    ``kinds`` counts the statements seen, ``verdicts`` what became of those that did not simply
    pass. The rule runs on the proxy's thread: while it blocks, every connection waits.
    """

    def __init__(self, target_port: int = 0, rule: Rule = lambda _: Verdict.PASS) -> None:
        super().__init__(target_port)
        self.rule = rule
        self.kinds: Counter[str] = Counter()
        self.verdicts: Counter[Verdict] = Counter()
        self.errors: Counter[int] = Counter()

    async def _pass_on(self, link: Link, data: bytes, writer: asyncio.StreamWriter, side: int) -> None:
        link.buffers[side].extend(data)
        for packet in _packets(link.buffers[side]):
            if side == 0:
                await self._from_client(link, packet, writer)
            else:
                await self._from_server(link, packet, writer)
            if link.is_cut:
                return

    async def _from_client(self, link: Link, packet: bytes, writer: asyncio.StreamWriter) -> None:
        # A command begins a new sequence; 3 is COM_QUERY. What has another number belongs to the
        # login.
        if packet[3] != 0 or packet[4:5] != b"\x03":
            await self._write(packet, writer)
            return
        sql = packet[5:]
        kind = self._kind_of(link, sql)
        self.kinds[kind] += 1
        answer = self.rule(Statement(kind, sql, self.kinds[kind], link))
        if isinstance(answer, threading.Event):
            while not answer.is_set() and not link.is_cut:  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(_POLL_S)
            answer = Verdict.PASS
        if isinstance(answer, bytes):
            packet = (len(answer) + 1).to_bytes(3, "little") + b"\x00\x03" + answer
            answer = Verdict.PASS
        if answer is not Verdict.PASS:
            self.verdicts[answer] += 1
        if answer is Verdict.CUT_BEFORE:
            link.cut()
            return
        link.swallow = answer is Verdict.CUT_ANSWER
        await self._write(packet, writer)
        if answer is Verdict.CUT_AFTER:
            link.cut()

    async def _from_server(self, link: Link, packet: bytes, writer: asyncio.StreamWriter) -> None:
        if link.swallow:
            link.cut()
            return
        if packet[4:5] == b"\xff":
            self.errors[int.from_bytes(packet[5:7], "little")] += 1
        elif packet[3] == 0 and packet[4:5] == b"\x0a":  # the greeting: version, NUL, thread id
            at = packet.index(b"\0", 5) + 1
            link.thread_id = int.from_bytes(packet[at : at + 4], "little")
        await self._write(packet, writer)

    @staticmethod
    def _kind_of(link: Link, sql: bytes) -> str:
        """The statement's kind; ``commit`` is one that ends a transaction of rows, others are
        ``commit_read``.
        """
        if sql == b"COMMIT":
            kind = "commit" if link.in_transaction else "commit_read"
            link.in_transaction = False
            return kind
        kind = next((kind for prefix, kind in _KINDS if sql.startswith(prefix)), "other")
        if kind in {"begin", "rollback"}:
            link.in_transaction = kind == "begin"
        return kind


def _packets(buffer: bytearray) -> Iterator[bytes]:
    """Take whole packets, with their heads, out of ``buffer``."""
    while len(buffer) >= 4:
        end = 4 + int.from_bytes(buffer[:3], "little")
        if len(buffer) < end:
            return
        packet = bytes(buffer[:end])
        del buffer[:end]
        yield packet
