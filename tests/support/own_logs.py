"""Where log lines go is a matter of the whole process: what a command changes must not be felt by
the next test.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_logs() -> Iterator[None]:
    """The command line sends log lines where it wants; afterwards they go where they went before."""
    loggers = [logging.getLogger(name) for name in ("socialsim", "aiokafka", "asyncio")]
    before = [(list(logger.handlers), logger.propagate, logger.level) for logger in loggers]
    try:
        yield
    finally:
        for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
