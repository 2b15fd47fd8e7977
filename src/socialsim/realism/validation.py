"""The validation of a run: everything that the table, the JSON and the page show."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from socialsim.realism.judge import Judged, Verdict


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A validated run."""

    run_id: str
    source: str  #: the URL it was read from
    events: int
    users: int
    days: float
    unreadable: int = 0
    seed: int | None = None


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """The result. ``seeds`` are runs of the same scenario with other seeds."""

    run: Subject
    preset: str | None
    baseline: Subject | None
    seeds: tuple[Subject, ...]
    passed: int
    warned: int
    failed: int
    not_available: int
    statistics: tuple[Judged, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed and something was judged."""
        return not self.failed and self.passed + self.warned > 0


def make_validation(
    run: Subject,
    statistics: Sequence[Judged],
    *,
    preset: str | None = None,
    baseline: Subject | None = None,
    seeds: Sequence[Subject] = (),
) -> Validation:
    """Combine the statistics and count their verdicts."""
    verdicts: Counter[Verdict] = Counter(each.verdict for each in statistics)
    return Validation(
        run=run,
        preset=preset,
        baseline=baseline,
        seeds=tuple(seeds),
        passed=verdicts["pass"],
        warned=verdicts["warn"],
        failed=verdicts["fail"],
        not_available=verdicts["n/a"],
        statistics=tuple(statistics),
    )
