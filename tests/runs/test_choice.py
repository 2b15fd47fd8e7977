"""Which run a command means: one rule and one wording for all commands."""

import pytest

from socialsim.errors import InputError
from socialsim.runs.choice import choose_run


def test_named_run_or_the_only_run_is_chosen() -> None:
    assert choose_run("b", ["a", "b"], "the log") == "b"
    assert choose_run(None, ["a"], "the log") == "a"


@pytest.mark.parametrize(
    ("run_id", "known", "message"),
    [
        (None, ["b", "a"], "the log holds the runs a, b; choose one with --run-id"),
        (None, [], "the log holds no run; do this"),
        ("c", ["a"], "--run-id is 'c': the log holds the run a"),
        ("c", ["b", "a"], "--run-id is 'c': the log holds the runs a, b"),
        ("c", [], "--run-id is 'c': the log holds no run; do this"),
    ],
)
def test_refusal_names_the_existing_runs(run_id: str | None, known: list[str], message: str) -> None:
    with pytest.raises(InputError) as refused:
        choose_run(run_id, known, "the log", remedy="do this")
    assert str(refused.value) == message
