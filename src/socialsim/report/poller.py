"""Polls the warehouse on one thread, however many people view the page."""

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
    ingestion: IngestionStatus


class SnapshotPoller:
    """Renews ``snapshot`` every two seconds while entered.

    ``connect`` opens the warehouse for reading. ``read_log_ends`` returns the log ends of a run;
    None omits the lag. Failures are reported in the ingestion status and retried.
    """

    def __init__(
        self,
        connect: Connect,
        run_id: str | None,
        read_log_ends: AskLog | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._run_id = run_id
        self._read_log_ends = read_log_ends
        self._meter = RateMeter(clock)
        self.snapshot = Snapshot("", build_content(KpiRows(run_id or "waiting for a run")), IngestionStatus())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="socialsim-dashboard-watch", daemon=True)

    def refresh(self) -> None:
        """Renew the snapshot once. Failures that may pass are reported in it, not raised."""
        try:
            self.snapshot = self._read()
        except SocialsimError as error:
            self._report(str(error))
        except Exception as error:
            logger.exception("the dashboard cannot read the warehouse")
            self._report(f"{type(error).__name__}: {error}")

    def _report(self, problem: str) -> None:
        old = self.snapshot
        self.snapshot = Snapshot(old.version, old.content, msgspec.structs.replace(old.ingestion, problem=problem))

    def _read(self) -> Snapshot:
        with self._connect() as connection:
            run = find_run(connection, self._run_id)
            if run is None:
                return self.snapshot
            version = read_version(connection, run)
            is_unchanged = version == self.snapshot.version
            content = self.snapshot.content if is_unchanged else build_content(read_rows(connection, run))
            offsets = read_offsets(connection, run.run_id)
            newest = newest_event(connection, run)
        rows = sum(row.inserted for row in offsets)
        # Read after the offsets, so that no stored offset exceeds the end.
        lag = None if self._read_log_ends is None else lag_of(offsets, self._read_log_ends(run.run_id), run.run_id)
        rate = self._meter.rate(rows)
        ingestion = IngestionStatus(rows=rows, rows_per_s=rate, lag=lag, newest=newest, rates=self._meter.rates)
        return Snapshot(version, content, ingestion)

    def _work(self) -> None:
        while not self._stop.wait(POLL_S):
            self.refresh()

    def __enter__(self) -> Self:
        self.refresh()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=POLL_S)  # a database that does not answer must not delay the exit
