"""The result of a verification, as data."""

from typing import Literal

import msgspec

#: Violations reported per check: people repair one thing at a time.
VIOLATIONS_MAX = 5

State = Literal["ok", "broken", "not checked"]


class Violation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row, or one shard of a table, that is wrong; ``table``, ``shard`` and ``seq`` where
    known.
    """

    what: str
    table: str | None = None
    shard: int | None = None
    seq: int | None = None

    def __str__(self) -> str:
        location = " ".join(
            f"{name} {value}".removeprefix("table ")
            for name, value in (("table", self.table), ("shard", self.shard), ("seq", self.seq))
            if value is not None
        )
        return f"{location}: {self.what}" if location else self.what


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One check: what it proves and its result.

    ``note`` says what was examined, or why nothing was.
    """

    name: str
    proves: str
    state: State
    note: str = ""
    breaks: tuple[Violation, ...] = ()
    more: bool = False  #: whether there are more violations than these


class Account(msgspec.Struct, frozen=True):
    """One event type over all shards: ``manifest`` should equal ``stored`` plus
    ``dead_letters``.
    """

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


def result(name: str, proves: str, violations: list[Violation], *, note: str = "") -> CheckResult:
    """``ok`` without violations, else ``broken`` with the first of them."""
    return CheckResult(
        name=name,
        proves=proves,
        state="broken" if violations else "ok",
        note=note,
        breaks=tuple(violations[:VIOLATIONS_MAX]),
        more=len(violations) > VIOLATIONS_MAX,
    )


def not_checked(name: str, proves: str, reason: str) -> CheckResult:
    """A check that was not possible, and why."""
    return CheckResult(name=name, proves=proves, state="not checked", note=reason)
