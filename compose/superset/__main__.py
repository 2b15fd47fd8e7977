"""``python -m compose.superset up|down``: Superset with the dashboard, for ``make superset``."""

import argparse
import sys
from pathlib import Path

from compose.native.cli import DEFAULT_DIRECTORY
from compose.native.server import StackError
from compose.superset import manage
from socialsim.errors import SocialsimError

_ENV_FILE = Path(".env")


def main() -> int:
    """Run one command; 0 on success, else 1 with a message."""
    parser = argparse.ArgumentParser(prog="python -m compose.superset", description=__doc__)
    parser.add_argument(
        "--directory", type=Path, default=DEFAULT_DIRECTORY, help="directory of the stack's state and data"
    )
    parser.add_argument("command", choices=("up", "down"))
    arguments = parser.parse_args()
    try:
        if arguments.command == "up":
            manage.up(arguments.directory, _ENV_FILE)
        else:
            manage.down(arguments.directory, _ENV_FILE)
    except (StackError, SocialsimError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
