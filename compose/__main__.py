"""``python -m compose up|down|status``: by Docker if an engine answers, else natively."""

import argparse
import sys
from pathlib import Path

from compose.docker import DockerStack, engine_answers
from compose.endpoints import write_env
from compose.native.cli import DEFAULT_DIRECTORY, add_stack_options, print_status
from compose.native.server import StackError
from compose.native.stack import Stack
from compose.superset import manage as superset

_ENV_FILE = Path(".env")


def _up(arguments: argparse.Namespace) -> None:
    directory: Path = arguments.directory
    docker = DockerStack(directory)
    # A stack stays with the way it was started in, where its data are, until it is wiped.
    native_exists = (directory / "state.json").exists()
    by_docker = docker.exists or (not native_exists and not arguments.native and engine_answers())
    if by_docker:
        endpoints = docker.up()
    else:
        with Stack.opened(directory) as stack:
            endpoints = stack.up(brokers=arguments.brokers, flavour=arguments.flavour)
    write_env(_ENV_FILE, endpoints.as_environment())
    print(f"Kafka  {endpoints.kafka_url}")
    print(f"MySQL  {endpoints.mysql_url}   (password in {_ENV_FILE})")


def _down(arguments: argparse.Namespace) -> None:
    superset.down(arguments.directory, _ENV_FILE, wipe=arguments.wipe)
    docker = DockerStack(arguments.directory)
    if docker.exists:
        docker.down(wipe=arguments.wipe)
    else:
        with Stack.opened(arguments.directory) as stack:
            stack.down(wipe=arguments.wipe)
    # Without the services socialsim uses its embedded default again.
    write_env(_ENV_FILE, {})


def _status(arguments: argparse.Namespace) -> None:
    docker = DockerStack(arguments.directory)
    if docker.exists:
        docker.status()
    else:
        with Stack.opened(arguments.directory) as stack:
            print_status(stack)
        superset.status(arguments.directory)


def main() -> int:
    """Run one command; 0 on success, else 1 with a message."""
    parser = argparse.ArgumentParser(prog="python -m compose", description=__doc__)
    parser.add_argument(
        "--directory", type=Path, default=DEFAULT_DIRECTORY, help="directory of the stack's state and data"
    )
    commands = parser.add_subparsers(required=True)
    up = commands.add_parser("up", help="start Kafka and MySQL, print their URLs and write .env")
    up.add_argument("--native", action="store_true", help="even if a Docker engine answers")
    add_stack_options(up)
    up.set_defaults(run=_up)
    down = commands.add_parser("down", help="stop them")
    down.add_argument("--wipe", action="store_true", help="also remove their data")
    down.set_defaults(run=_down)
    commands.add_parser("status", help="show what is running").set_defaults(run=_status)
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
