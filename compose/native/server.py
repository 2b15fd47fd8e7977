"""One server process: start, stop, kill, freeze, thaw, restart, and the readiness probe.

A server is identified by its pid *and* the kernel's start time of that pid, so a later process with
the same pid is never signalled. The identity can be written to a state file and used by another
process.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

LOG_TAIL_LINES = 25
POLL_S = 0.03
#: Long, as a server that ends during its start is noticed at once.
START_TIMEOUT_S = 300.0

# PR_SET_PDEATHSIG (1) = SIGKILL, then exec the server. The parent may have died before the call.
_DIE_WITH_PARENT = (
    "import ctypes, os, sys; ctypes.CDLL(None, use_errno=True).prctl(1, 9); "
    "os.getppid() == int(sys.argv[1]) or os._exit(1); os.execvp(sys.argv[2], sys.argv[2:])"
)


class StackError(RuntimeError):
    """A service could not be installed, started or reached.

    The message has the remedy, or the end of the service's log.
    """


def _stat_fields(pid: int, path: str = "stat") -> list[str] | None:
    """The fields of a process's or thread's ``stat`` from its state on; None if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/{path}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets and may contain blanks and brackets.
    return stat.rpartition(")")[2].split()


def _thread_stats(pid: int) -> Iterator[list[str]]:
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            fields = _stat_fields(pid, f"task/{thread.name}/stat")
            if fields is not None:
                yield fields


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """Identifies a process uniquely: ``start_ticks`` is its start time since boot."""

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The identity of a live process; None if there is none or it is a zombie."""
        fields = _stat_fields(pid)
        if fields is None or fields[0] in "ZX":
            return None
        return cls(pid, int(fields[19]))

    @property
    def alive(self) -> bool:
        """Whether this process still runs (or is frozen)."""
        return ProcessIdentity.of(self.pid) == self

    def send(self, signal_number: int) -> bool:
        """Signal it if it is alive. Returns whether it was."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # The descriptor pins the process, so check and signal concern the same one.
            if not self.alive:
                return False
            signal.pidfd_send_signal(descriptor, signal_number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True

    def wait_stopped(self, timeout_s: float = 5.0) -> None:
        """Poll until SIGSTOP has stopped every thread. Raises StackError after ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while not all(fields[0] in "Tt" for fields in _thread_stats(self.pid)):
            if time.monotonic() > deadline:
                raise StackError(f"process {self.pid} does not stop")
            time.sleep(POLL_S)

    def wait_gone(self, timeout_s: float) -> bool:
        """Poll until it is gone; False after ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while self.alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True


@cache
def _spawner() -> ThreadPoolExecutor:
    """The only thread that forks.

    PR_SET_PDEATHSIG fires when the forking *thread* ends: it never does.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="native-spawner")


class NativeServer(ABC):
    """A server with a port and a directory that survive restarts."""

    def __init__(self, name: str, directory: Path, port: int, *, die_with_parent: bool) -> None:
        self.name = name
        self.directory = directory
        self.port = port
        self.die_with_parent = die_with_parent
        self.identity: ProcessIdentity | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        state = f"pid={self.identity.pid}" if self.identity and self.alive else "down"
        return f"<{type(self).__name__} {self.name} 127.0.0.1:{self.port} {state}>"

    @property
    def log_path(self) -> Path:
        """The server's output over all its starts."""
        return self.directory / f"{self.name}.log"

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``."""
        return f"127.0.0.1:{self.port}"

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The program and its arguments, without secrets: the process list is public."""

    @abstractmethod
    def probe(self) -> None:
        """Make one request in its protocol. Any exception means: not ready yet."""

    def environment(self) -> Mapping[str, str]:
        """The server's environment."""
        return {key: value for key, value in os.environ.items() if not key.startswith("SOCIALSIM_")}

    @property
    def alive(self) -> bool:
        """Whether the process runs or is frozen."""
        return self.identity is not None and self.identity.alive

    def launch(self) -> None:
        """Start the process without waiting until it is ready."""
        if self.alive:
            raise StackError(f"{self.name} is already running: {self!r}")
        self._reap()  # a previous process that ended by itself
        self.directory.mkdir(parents=True, exist_ok=True)
        argv = self.command()  # before the fork: it may start another process
        self._child = _spawner().submit(self._spawn, argv).result()
        self.identity = ProcessIdentity.of(self._child.pid)

    def _spawn(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        if self.die_with_parent:
            argv = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *argv]
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                argv,
                cwd=self.directory,
                env=dict(self.environment()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C must not reach the servers
            )

    def wait_ready(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Poll ``probe`` until it succeeds.

        Raises StackError with the log's tail if it never does.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            if not self.alive:
                self._reap()
                raise StackError(f"{self.name} ended while it started; the end of {self.log_path}:\n{self.log_tail()}")
            try:
                self.probe()
            except Exception as error:
                if time.monotonic() > deadline:
                    raise StackError(
                        f"{self.name} at {self.address} was not ready after {timeout_s:.0f} s ({error!r}); "
                        f"the end of {self.log_path}:\n{self.log_tail()}"
                    ) from error
            else:
                return
            time.sleep(POLL_S)

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start and wait until it answers."""
        self.launch()
        self.wait_ready(timeout_s)

    def stop(self, timeout_s: float = 30.0) -> None:
        """SIGTERM, then SIGKILL after ``timeout_s``. No effect on a server that is down."""
        if self.identity is not None:
            self.thaw()
            if self.identity.send(signal.SIGTERM) and not self._wait_gone(timeout_s):
                self.identity.send(signal.SIGKILL)
        self._reap()

    def kill(self) -> None:
        """SIGKILL: no shutdown, as if this process had lost power."""
        if self.identity is not None:
            self.identity.send(signal.SIGKILL)
        self._reap()

    def freeze(self) -> None:
        """SIGSTOP: its port still accepts connections, but nothing answers."""
        if self.identity is None or not self.identity.send(signal.SIGSTOP):
            raise StackError(f"{self.name} is not running")
        self.identity.wait_stopped()

    def thaw(self) -> None:
        """SIGCONT: undo ``freeze``. Else no effect."""
        if self.identity is not None:
            self.identity.send(signal.SIGCONT)

    def restart(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Stop if it runs, then start on the same port and data."""
        self.stop()
        self.start(timeout_s)

    def log_tail(self) -> str:
        """The last lines of its log."""
        with contextlib.suppress(OSError):
            lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
            return "\n".join(lines[-LOG_TAIL_LINES:])
        return "(no log)"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_gone(self, timeout_s: float) -> bool:
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout_s)
                return True
            return False
        return self.identity is None or self.identity.wait_gone(timeout_s)

    def _reap(self) -> None:
        if not self._wait_gone(timeout_s=10):
            raise StackError(f"{self!r} does not end, even after SIGKILL")
        self.identity = None
        self._child = None
