"""Serves metrics and health of a command over HTTP while it runs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from socialsim.monitoring import LiveServer, Telemetry

logger = logging.getLogger(__name__)


@contextmanager
def serving(view: Telemetry | None, port: int, host: str) -> Iterator[None]:
    """Serve ``view`` over HTTP in this context, if it is given.

    Raises InputError if the port cannot be used.
    """
    if view is None:
        yield
        return
    with LiveServer(view, port, host) as server:
        logger.info("metrics at http://%s/metrics", server.address)
        yield
