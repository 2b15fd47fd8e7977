"""Marks that keep the fast part of the faults fast."""

from typing import Any

import pytest


def slow(*values: Any) -> Any:
    """A parameter of which the fast part can do without."""
    return pytest.param(*values, marks=pytest.mark.slow_faults)


#: For what does not depend on the kind of server: MariaDB in the fast part, MySQL 8 in the slow
#: one.
one_flavour = pytest.mark.parametrize("mysql", ["mariadb", slow("mysql8")], indirect=True)
