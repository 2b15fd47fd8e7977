"""Metrics and health of a command, served over HTTP while it works."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from socialsim.monitoring import LiveServer, Telemetry

logger = logging.getLogger(__name__)


@contextmanager
def serving(view: Telemetry | None, port: int, host: str) -> Iterator[None]:
    """Serve ``view`` over HTTP within, if there is one. Raises InputError where that is not possible."""
    if view is None:
        yield
        return
    with LiveServer(view, port, host) as server:
        logger.info("metrics at http://%s/metrics", server.address)
        yield
