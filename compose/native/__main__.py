"""``python -m compose.native``: the native services from a shell."""

import sys

from compose.native.cli import main

sys.exit(main())
