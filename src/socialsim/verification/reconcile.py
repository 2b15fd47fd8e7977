"""Reconciles a run's manifests with what is stored, dead letters included. Pure."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from socialsim.events import EVENT_TYPES, PLURALS
from socialsim.runs.manifest import ControlTotals, Manifest
from socialsim.verification.dead_letters import IdentifiedDeadLetter, IdentifiedDeadLetters
from socialsim.verification.result import VIOLATIONS_MAX, Account, Violation
from socialsim.verification.sequences import Gap
from socialsim.verification.stored_totals import TotalsByCell, with_event

_NOTHING: Final = ControlTotals()


@dataclass(frozen=True, slots=True)
class ManifestSet:
    """The manifests in the run's directory: one per shard, None where it is missing."""

    run_id: str
    manifests: Mapping[int, Manifest | None]

    def totals(self) -> TotalsByCell:
        """The control totals of what was emitted, by wire name and shard, without empty ones."""
        return {
            (name, shard): totals
            for shard, manifest in self.manifests.items()
            if manifest is not None
            for name, totals in manifest.tallies.items()
            if totals.count
        }

    def violations(self) -> list[Violation]:
        """Manifests that are missing, not sealed or inconsistent."""
        found = []
        for shard, manifest in self.manifests.items():
            what = self._wrong_with(manifest, shard)
            if what is not None:
                found.append(Violation(what, shard=shard))
        return found

    def _wrong_with(self, manifest: Manifest | None, shard: int) -> str | None:
        if manifest is None:
            return "there is no manifest"
        if (manifest.run_id, manifest.shard) != (self.run_id, shard):
            return f"the manifest is of shard {manifest.shard} of run {manifest.run_id}"
        if manifest.tallies.keys() != EVENT_TYPES.keys():
            return f"the manifest is of other event types: {', '.join(sorted(manifest.tallies))}"
        if not manifest.sealed:
            return "the manifest is not sealed: the run has not reached its end"
        counts = sum(totals.count for totals in manifest.tallies.values())
        last = max(totals.seq_max for totals in manifest.tallies.values())
        if not counts == last + 1 == manifest.acknowledged_seq + 1:
            return (
                f"the manifest has {counts} events, the last with seq {last}, of which those up to seq "
                f"{manifest.acknowledged_seq} are durable"
            )
        return None


def missing_events(gaps: list[Gap], emitted: TotalsByCell, stored: TotalsByCell) -> list[Gap]:
    """``gaps``, and the tails of shards that lack the last events of their manifest."""
    ends, ends_stored = _last_seqs(emitted), _last_seqs(stored)
    tails = [
        Gap(shard, ends_stored.get(shard, -1) + 1, last)
        for shard, last in ends.items()
        if last > ends_stored.get(shard, -1)
    ]
    return sorted([*gaps, *tails])


def _last_seqs(totals_by_cell: TotalsByCell) -> dict[int, int]:
    lasts: dict[int, int] = {}
    for (_, shard), totals in totals_by_cell.items():
        lasts[shard] = max(lasts.get(shard, -1), totals.seq_max)
    return lasts


def has_missing_events(emitted: TotalsByCell, stored: TotalsByCell) -> bool:
    """Whether any cell has fewer rows than its manifest says: dead letters may hold the others."""
    return any(totals.count > stored.get(cell, _NOTHING).count for cell, totals in emitted.items())


def dead_letters_covering(letters: IdentifiedDeadLetters, missing: list[Gap]) -> list[IdentifiedDeadLetter]:
    """The dead letters that hold an event that is not stored. ``missing`` is sorted."""

    def is_missing(shard: int, seq: int) -> bool:
        index = bisect_right(missing, (shard, seq), key=lambda gap: (gap.shard, gap.first)) - 1
        return index >= 0 and missing[index].shard == shard and seq <= missing[index].last

    return [letter for (shard, seq), letter in letters.found.items() if is_missing(shard, seq)]


class Reconciliation(NamedTuple):
    """The manifests compared with rows and dead letters: totals by type, and a violation per
    differing cell.
    """

    accounts: tuple[Account, ...]
    violations: list[Violation]


def compare(
    emitted: TotalsByCell, stored: TotalsByCell, letters: list[IdentifiedDeadLetter], unreadable: Mapping[str, int]
) -> Reconciliation:
    """``unreadable`` is the number of dead letters without a readable identity, by wire name."""
    by_cell: dict[tuple[str, int], list[IdentifiedDeadLetter]] = {}
    for letter in letters:
        by_cell.setdefault((letter.name, letter.shard), []).append(letter)
    violations = []
    for cell in _in_order({*emitted, *stored}):
        name, shard = cell
        what = _difference(
            emitted.get(cell, _NOTHING), stored.get(cell, _NOTHING), by_cell.get(cell, []), unreadable.get(name, 0)
        )
        if what is not None:
            violations.append(Violation(what, table=PLURALS[name], shard=shard))
    accounts = tuple(
        Account(
            name,
            sum(totals.count for (other, _), totals in emitted.items() if other == name),
            sum(totals.count for (other, _), totals in stored.items() if other == name),
            sum(letter.name == name for letter in letters),
        )
        for name in EVENT_TYPES
    )
    return Reconciliation(accounts, violations)


def _in_order(cells: set[tuple[str, int]]) -> list[tuple[str, int]]:
    order = {name: index for index, name in enumerate(EVENT_TYPES)}
    return sorted(cells, key=lambda cell: (order[cell[0]], cell[1]))


def _difference(
    emitted: ControlTotals, stored: ControlTotals, letters: list[IdentifiedDeadLetter], unreadable: int
) -> str | None:
    """What is wrong with one event type of one shard; None if nothing is."""
    found = stored
    undecoded = 0
    for letter in letters:
        if letter.event is not None:
            found = with_event(found, letter.event)
        else:
            found = _with_identity(found, letter.seq)
            undecoded += 1
    if found.count != emitted.count:
        difference = emitted.count - found.count
        text = (
            f"manifest {emitted.count}, stored {stored.count}, dead letters {len(letters)}: "
            f"{abs(difference)} {'missing' if difference > 0 else 'too many'}"
        )
        return text + (f" (dead letters that cannot be read: {unreadable})" if unreadable and difference > 0 else "")
    if (found.seq_min, found.seq_max) != (emitted.seq_min, emitted.seq_max):
        return f"manifest has seq {emitted.seq_min} to {emitted.seq_max}, stored are {found.seq_min} to {found.seq_max}"
    if undecoded:
        return f"the sums cannot be compared: events in dead letters that cannot be decoded: {undecoded}"
    if (found.sum_a, found.sum_b) != (emitted.sum_a, emitted.sum_b):
        return (
            f"a stored row differs from its event: all {emitted.count} are there, "
            f"the sums are {_hex(found)}, the manifest has {_hex(emitted)}"
        )
    return None


def _with_identity(totals: ControlTotals, seq: int) -> ControlTotals:
    first = seq if totals.count == 0 else min(totals.seq_min, seq)
    return ControlTotals(totals.count + 1, first, max(totals.seq_max, seq), totals.sum_a, totals.sum_b)


def _hex(totals: ControlTotals) -> str:
    return f"{totals.sum_a:016x} {totals.sum_b:016x}"


def gap_violations(missing: list[Gap], letters: list[IdentifiedDeadLetter]) -> list[Violation]:
    """The missing events that no dead letter holds: the first gaps, plus one as a sign of more."""
    in_letters: dict[int, list[int]] = {}
    for letter in letters:
        in_letters.setdefault(letter.shard, []).append(letter.seq)
    return [
        Violation(
            "is not stored" if first == last else f"this and all up to seq {last} are not stored", None, shard, first
        )
        for shard, first, last in islice(_uncovered(missing, in_letters), VIOLATIONS_MAX + 1)
    ]


def _uncovered(missing: list[Gap], in_letters: Mapping[int, list[int]]) -> Iterator[Gap]:
    for gap in missing:
        first = gap.first
        inside = sorted(seq for seq in in_letters.get(gap.shard, ()) if gap.first <= seq <= gap.last)
        for seq in (*inside, gap.last + 1):
            if first < seq:
                yield Gap(gap.shard, first, seq - 1)
            first = seq + 1
