"""The native stack's commands: up, down, status, and faults of one server."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from compose.native import install, keeper
from compose.native.mysql import FLAVOURS
from compose.native.server import NativeServer, StackError
from compose.native.settings import COMPOSE_DIR
from compose.native.stack import Stack

#: In the clone that this file belongs to; ignored by git.
DEFAULT_DIRECTORY = COMPOSE_DIR.parent / ".cache" / "stack"

_INSTALLERS: dict[str, Callable[[], object]] = {
    "kafka": install.ensure_kafka,
    "mariadb": install.ensure_mariadb,
    "mysql": install.ensure_mysql,
    "docker-compose": install.ensure_compose_checker,
}

_ACTIONS: dict[str, tuple[Callable[[NativeServer], None], str]] = {
    "start": (lambda server: server.start(), "start it again, on the same port and data"),
    "stop": (lambda server: server.stop(), "SIGTERM and wait"),
    "kill": (lambda server: server.kill(), "SIGKILL"),
    "freeze": (lambda server: server.freeze(), "SIGSTOP: the port accepts, nothing answers"),
    "thaw": (lambda server: server.thaw(), "SIGCONT"),
    "restart": (lambda server: server.restart(), "stop, then start"),
    "log": (lambda server: print(server.log_tail()), "print the end of its log"),
}


def add_stack_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``up``."""
    parser.add_argument("--brokers", type=int, choices=(1, 3), help="number of Kafka brokers (default 1)")
    parser.add_argument("--flavour", choices=FLAVOURS, help="the MySQL-protocol server (default mysql on x86-64)")


def print_status(stack: Stack) -> None:
    """Print one line per server."""
    for server in stack.servers:
        state = f"up, pid {server.identity.pid}" if server.identity and server.alive else "down"
        print(f"{server.name:<10} {server.address:<16} {state:<16} log {server.log_path}")
    if not stack.servers:
        print("nothing was started; make up starts Kafka and MySQL")


def _up(arguments: argparse.Namespace) -> None:
    with Stack.opened(arguments.directory) as stack:
        endpoints = stack.up(brokers=arguments.brokers, flavour=arguments.flavour)
        print_status(stack)
    print(f"Kafka  {endpoints.kafka_url}")
    print(f"MySQL  {endpoints.mysql_url}   (password in {arguments.directory / 'state.json'})")


def _down(arguments: argparse.Namespace) -> None:
    with Stack.opened(arguments.directory) as stack:
        stack.down(wipe=arguments.wipe)


def _status(arguments: argparse.Namespace) -> None:
    with Stack.opened(arguments.directory) as stack:
        print_status(stack)


def _act(arguments: argparse.Namespace) -> None:
    with Stack.opened(arguments.directory) as stack:
        _ACTIONS[arguments.command][0](stack.server(arguments.server))


def _install(arguments: argparse.Namespace) -> None:
    for name in arguments.parts or _INSTALLERS:
        print(f"{name}: {_INSTALLERS[name]()}", flush=True)


def _keep(arguments: argparse.Namespace) -> None:
    keeper.keep(arguments.kind, arguments.home, arguments.watched_pid)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m compose.native", description=__doc__)
    parser.add_argument(
        "--directory", type=Path, default=DEFAULT_DIRECTORY, help="directory of the stack's state and data"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start what is down")
    add_stack_options(up)
    up.set_defaults(run=_up)
    down = commands.add_parser("down", help="stop everything")
    down.add_argument("--wipe", action="store_true", help="also remove the data")
    down.set_defaults(run=_down)
    commands.add_parser("status", help="show what is running").set_defaults(run=_status)
    for name, (_, text) in _ACTIONS.items():
        action = commands.add_parser(name, help=text)
        action.add_argument("server", help="name as shown by status, such as kafka-1")
        action.set_defaults(run=_act)
    installer = commands.add_parser("install", help="download the servers' programs")
    installer.add_argument("parts", nargs="*", choices=(*_INSTALLERS, []), help="default: all")
    installer.set_defaults(run=_install)
    keep = commands.add_parser("keep", help="run a server as long as a process lives (for tests)")
    keep.add_argument("kind", choices=keeper.KINDS)
    keep.add_argument("home", type=Path)
    keep.add_argument("watched_pid", type=int)
    keep.set_defaults(run=_keep)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, else 1 with a message."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
