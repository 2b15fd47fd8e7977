"""Which of several runs a command means: the one way to choose, with one wording. Pure."""

from collections.abc import Sequence

from socialsim.errors import InputError


def choose_run(run_id: str | None, known: Sequence[str], holder: str, *, remedy: str = "") -> str:
    """``run_id`` if ``holder`` (such as "the warehouse") has it, or else the only run of ``known``.

    Raises InputError, naming the runs that there are; ``remedy`` says what to do when there is none.
    """
    if run_id is not None and run_id in known:
        return run_id
    if run_id is None and len(known) == 1:
        return known[0]
    wanted = "" if run_id is None else f"--run-id is {run_id!r}: "
    if not known:
        raise InputError(f"{wanted}{holder} holds no run" + (f"; {remedy}" if remedy else ""))
    there = f"the run{'s' if len(known) > 1 else ''} {', '.join(sorted(known))}"
    if run_id is not None:
        raise InputError(f"{wanted}{holder} holds {there}")
    raise InputError(f"{holder} holds {there}; choose one with --run-id")
