"""Servers shared by several test processes; they live exactly as long as a watched process.

The first request starts a keeper, which starts the server, writes ``state.json`` and waits. When
the watched process has ended in any way, or at SIGTERM, the keeper kills its server and removes its
directory. If the keeper is killed, the server dies with it.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compose.native.install import file_lock
from compose.native.kafka import KafkaCluster
from compose.native.mysql import MySQLServer
from compose.native.server import POLL_S, ProcessIdentity, StackError

#: What can be shared, by name.
KINDS: dict[str, Callable[[Path], KafkaCluster | MySQLServer]] = {
    "kafka": KafkaCluster.create,
    "mysql": lambda directory: MySQLServer.create(directory, flavour="mysql"),
    "mariadb": lambda directory: MySQLServer.create(directory, flavour="mariadb"),
}
_START_S = 600  # the first start may have to download the programs


def keep(kind: str, directory: Path, watched_pid: int) -> None:
    """Start the server and run it until the watched process ends: a keeper's main loop."""
    terminated, terminate = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(terminate, b"."))
    try:
        watched = os.pidfd_open(watched_pid)
    except ProcessLookupError:
        return
    server = KINDS[kind](directory / "server")
    try:
        server.start()
        _write_atomically(directory / "state.json", server.to_state())
        select.select([watched, terminated], [], [])
    finally:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)


def shared_state(kind: str, directory: Path, watched_pid: int) -> dict[str, Any]:
    """The state of the shared server of this kind, for ``from_state``.

    Starts a keeper unless there is one.
    """
    home = directory / kind
    state = home / "state.json"
    with file_lock(directory / f"{kind}.lock"):
        if not state.exists():
            failure = directory / f"{kind}.failed"
            if failure.exists():  # do not repeat a slow failure in each test process
                raise StackError(failure.read_text(encoding="utf-8"))
            home.mkdir(exist_ok=True)
            _start_keeper(kind, home, watched_pid, failure)
        loaded: dict[str, Any] = json.loads(state.read_text(encoding="utf-8"))
    return loaded


def stop_keepers(directory: Path) -> None:
    """End every keeper of this directory with its server, and wait."""
    for path in directory.glob("*.keeper"):
        keeper = ProcessIdentity(*json.loads(path.read_text(encoding="utf-8")))
        keeper.send(signal.SIGTERM)
        keeper.wait_gone(timeout_s=20)


def _start_keeper(kind: str, home: Path, watched_pid: int, failure: Path) -> None:
    argv = [sys.executable, "-m", "compose.native", "keep", kind, str(home), str(watched_pid)]
    log = home.with_suffix(".keeper-log")
    with log.open("wb") as output:
        # The keeper outlives this test process if another one uses the server.
        keeper = subprocess.Popen(
            argv,
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    identity = ProcessIdentity.of(keeper.pid)
    if identity is not None:
        _write_atomically(home.with_suffix(".keeper"), [identity.pid, identity.start_ticks])
    deadline = time.monotonic() + _START_S
    while not (home / "state.json").exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            keeper.kill()
            keeper.wait()
            message = f"no shared {kind}:\n{log.read_text(encoding='utf-8', errors='replace')}"
            failure.write_text(message, encoding="utf-8")
            raise StackError(message)
        time.sleep(POLL_S)
    keeper.returncode = 0  # this process never waits for it; avoids a warning that it runs


def _write_atomically(path: Path, value: object) -> None:
    scratch = path.with_suffix(".new")
    scratch.touch(mode=0o600)
    scratch.write_text(json.dumps(value), encoding="utf-8")
    scratch.rename(path)
