"""Run ids against the scenarios that the warehouse knows under them. Pure; every warehouse uses it."""

from collections.abc import Mapping
from typing import NamedTuple

from socialsim.errors import RunConflictError
from socialsim.warehouse.base import Batch
from socialsim.warehouse.planning import run_ids


class KnownRun(NamedTuple):
    """A row of ``runs``. ``digest`` is empty until a record told the scenario."""

    run_key: int
    digest: str


def unknown_runs(batch: Batch, known: Mapping[str, KnownRun]) -> dict[str, str]:
    """The runs of the batch's events that have to be looked up, with their digests as far as the log tells them."""
    wanted = {run_id: batch.digests.get(run_id, "") for run_id in sorted(run_ids(batch))}
    return {
        run_id: digest
        for run_id, digest in wanted.items()
        if run_id not in known or (digest and known[run_id].digest != digest)
    }


def check_scenarios(wanted: Mapping[str, str], known: Mapping[str, KnownRun]) -> None:
    """Raises RunConflictError if a run's events are of another scenario than its rows."""
    for run_id, digest in wanted.items():
        stored = known[run_id].digest
        if digest and stored and digest != stored:
            raise RunConflictError(
                f"run {run_id}: the warehouse holds rows of the scenario with digest {stored[:12]}, the log has events of "
                f"another one, {digest[:12]}, under the same id; nothing of them was stored. Store them in another "
                "warehouse by --into, or simulate under another --run-id"
            )
