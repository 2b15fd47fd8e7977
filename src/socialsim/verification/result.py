"""What a verification found, as data."""

from typing import Literal

import msgspec

#: The first rows that break a check are told, and no more: a person mends one thing at a time.
BREAKS_MAX = 5

State = Literal["ok", "broken", "not checked"]


class Violation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row, or one shard of a table, that does not hold; ``table``, ``shard`` and ``seq`` as far as they are known."""

    what: str
    table: str | None = None
    shard: int | None = None
    seq: int | None = None

    def __str__(self) -> str:
        place = " ".join(
            f"{name} {value}".removeprefix("table ")
            for name, value in (("table", self.table), ("shard", self.shard), ("seq", self.seq))
            if value is not None
        )
        return f"{place}: {self.what}" if place else self.what


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One check: what it proves and how it ended. ``note`` says what was looked at, or why nothing was."""

    name: str
    proves: str
    state: State
    note: str = ""
    breaks: tuple[Violation, ...] = ()
    more: bool = False  #: whether there are further breaks than these


class Account(msgspec.Struct, frozen=True):
    """One event type over all shards: ``manifest`` should be ``stored`` and ``dead_letters`` together."""

    event: str
    manifest: int
    stored: int
    dead_letters: int


class VerificationReport(msgspec.Struct, frozen=True, kw_only=True):
    """One verification of one run."""

    run_id: str
    ok: bool
    accounts: tuple[Account, ...]
    checks: tuple[CheckResult, ...]


def result(name: str, proves: str, breaks: list[Violation], *, note: str = "") -> CheckResult:
    """``ok`` without breaks, else ``broken`` with the first of them."""
    return CheckResult(
        name=name,
        proves=proves,
        state="broken" if breaks else "ok",
        note=note,
        breaks=tuple(breaks[:BREAKS_MAX]),
        more=len(breaks) > BREAKS_MAX,
    )


def not_checked(name: str, proves: str, reason: str) -> CheckResult:
    """A check that could not be made, and why."""
    return CheckResult(name=name, proves=proves, state="not checked", note=reason)
