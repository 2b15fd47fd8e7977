"""Compares run ids with the scenarios stored under them. Pure; every warehouse uses it."""

from collections.abc import Mapping
from typing import NamedTuple

from socialsim.errors import RunConflictError
from socialsim.warehouse.base import Batch
from socialsim.warehouse.batches.transaction import run_ids


class KnownRun(NamedTuple):
    """A row of ``runs``.

    ``digest`` is empty until a record with the scenario's digest is consumed.
    """

    run_key: int
    digest: str


def unknown_runs(batch: Batch, known: Mapping[str, KnownRun]) -> dict[str, str]:
    """The runs of the batch that must be looked up, with their digests if the log has them."""
    wanted = {run_id: batch.digests.get(run_id, "") for run_id in sorted(run_ids(batch))}
    return {
        run_id: digest
        for run_id, digest in wanted.items()
        if run_id not in known or (digest and known[run_id].digest != digest)
    }


def check_scenarios(wanted: Mapping[str, str], known: Mapping[str, KnownRun]) -> None:
    """Raises RunConflictError if events and stored rows of one run have different scenarios."""
    for run_id, digest in wanted.items():
        stored = known[run_id].digest
        if digest and stored and digest != stored:
            raise RunConflictError(
                f"run {run_id}: the warehouse holds rows of the scenario with digest {stored[:12]}, the log has events of "
                f"another one, {digest[:12]}, under the same id; none of them was stored. Store them in another "
                "warehouse by --into, or simulate under another --run-id"
            )
