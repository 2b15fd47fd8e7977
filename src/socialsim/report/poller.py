"""Looks at the warehouse again and again, on one thread, however many look at the page."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import msgspec
from sqlalchemy import Connection

from socialsim.errors import SocialsimError
from socialsim.report.build import build_content
from socialsim.report.content import PageContent
from socialsim.report.ingestion import IngestionStatus, RateMeter, lag_of, newest_event
from socialsim.report.rows import KpiRows, find_run, read_rows, read_version
from socialsim.verification.offsets import LogEnds, read_offsets

logger = logging.getLogger(__name__)

POLL_S: Final = 2.0
Connect = Callable[[], AbstractContextManager[Connection]]
AskLog = Callable[[str], LogEnds]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the page shows. ``version`` changes with ``content``."""

    version: str
    content: PageContent
    pulse: IngestionStatus


class SnapshotPoller:
    """While entered, ``snapshot`` is renewed every two seconds.

    ``connect`` opens the warehouse for reading, ``ask_log`` tells a run's log's ends; None leaves the lag out. What fails
    is told in the pulse, and tried again.
    """

    def __init__(
        self,
        connect: Connect,
        run_id: str | None,
        ask_log: AskLog | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._run_id = run_id
        self._ask_log = ask_log
        self._meter = RateMeter(clock)
        self.snapshot = Snapshot("", build_content(KpiRows(run_id or "waiting for a run")), IngestionStatus())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="socialsim-dashboard-watch", daemon=True)

    def look(self) -> None:
        """Renew the snapshot once. Never raises what may pass."""
        try:
            self.snapshot = self._looked()
        except SocialsimError as error:
            self._tell(str(error))
        except Exception as error:
            logger.exception("the dashboard cannot read the warehouse")
            self._tell(f"{type(error).__name__}: {error}")

    def _tell(self, problem: str) -> None:
        before = self.snapshot
        self.snapshot = Snapshot(before.version, before.content, msgspec.structs.replace(before.pulse, problem=problem))

    def _looked(self) -> Snapshot:
        with self._connect() as connection:
            run = find_run(connection, self._run_id)
            if run is None:
                return self.snapshot
            version = read_version(connection, run)
            known = version == self.snapshot.version
            content = self.snapshot.content if known else build_content(read_rows(connection, run))
            offsets = read_offsets(connection, run.run_id)
            newest = newest_event(connection, run)
        rows = sum(row.inserted for row in offsets)
        # Asked after the offsets were read: what is stored can only be less than the end.
        lag = None if self._ask_log is None else lag_of(offsets, self._ask_log(run.run_id), run.run_id)
        rate = self._meter.rate(rows)
        pulse = IngestionStatus(rows=rows, rows_per_s=rate, lag=lag, newest=newest, rates=self._meter.rates)
        return Snapshot(version, content, pulse)

    def _work(self) -> None:
        while not self._stop.wait(POLL_S):
            self.look()

    def __enter__(self) -> Self:
        self.look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=POLL_S)  # a database that does not answer must not keep us
