"""Summaries of all known runs: from their directories and, if there is one, a warehouse."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from socialsim.runs.directory import RunDirectory, RunRecord, Verification

#: ``unfinished``: its process died; ``unknown``: it has no directory on this machine.
RunState = Literal["running", "stopped", "unfinished", "complete", "unknown"]


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Fields from its directory are None without one, ``rows`` is None without a warehouse.
    """

    run_id: str
    state: RunState
    log: str | None = None
    users: int | None = None
    days: int | None = None
    seed: int | None = None
    events: int | None = None  #: by its manifests, which a running run rewrites from time to time
    sealed: bool = False  #: whether all of its manifests are sealed
    rows: int | None = None
    verification: Verification | None = None


def summarize_runs(directories: Sequence[RunDirectory], rows: Mapping[str, int] | None) -> list[RunSummary]:
    """The runs in the order of their ids. ``rows`` is the number of stored events by run id.

    Raises InputError if a file of a run's directory cannot be decoded.
    """
    known = {directory.run_id: directory for directory in directories}
    return [
        _summary(run_id, known.get(run_id), None if rows is None else rows.get(run_id, 0))
        for run_id in sorted({*known, *(rows or ())})
    ]


def _summary(run_id: str, directory: RunDirectory | None, rows: int | None) -> RunSummary:
    record = None if directory is None else directory.read_record()
    if directory is None or record is None:
        return RunSummary(run_id=run_id, state="unknown", rows=rows)
    manifests = [directory.read_manifest(shard) for shard in range(record.scenario.shards)]
    return RunSummary(
        run_id=run_id,
        state=_state(directory, record),
        log=record.log,
        users=record.scenario.users,
        days=record.scenario.days,
        seed=record.scenario.seed,
        events=sum(totals.count for each in manifests if each is not None for totals in each.tallies.values()),
        sealed=all(each is not None and each.sealed for each in manifests),
        rows=rows,
        verification=directory.read_verification(),
    )


def _state(directory: RunDirectory, record: RunRecord) -> RunState:
    if record.state != "running":
        return record.state
    return "running" if directory.is_led() else "unfinished"
