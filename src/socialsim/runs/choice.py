"""Which run a command means: one rule and one wording for all commands. Pure."""

from collections.abc import Sequence

from socialsim.errors import InputError


def choose_run(run_id: str | None, known: Sequence[str], holder: str, *, remedy: str = "") -> str:
    """``run_id`` if it is in ``known``; without one, the only run of ``known``.

    Raises InputError naming ``holder`` (such as "the warehouse") and the runs in it; ``remedy``
    says what to do if there are none.
    """
    if run_id is not None and run_id in known:
        return run_id
    if run_id is None and len(known) == 1:
        return known[0]
    wanted = "" if run_id is None else f"--run-id is {run_id!r}: "
    if not known:
        raise InputError(f"{wanted}{holder} holds no run" + (f"; {remedy}" if remedy else ""))
    existing = f"the run{'s' if len(known) > 1 else ''} {', '.join(sorted(known))}"
    if run_id is not None:
        raise InputError(f"{wanted}{holder} holds {existing}")
    raise InputError(f"{holder} holds {existing}; choose one with --run-id")
