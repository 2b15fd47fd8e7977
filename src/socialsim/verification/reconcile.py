"""Is what the run's books say the same as what is stored, dead letters included? Pure."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from socialsim.events import EVENT_TYPES, PLURALS
from socialsim.runs.manifest import ControlTotals, Manifest
from socialsim.verification.dead_letters import IdentifiedDeadLetter, IdentifiedDeadLetters
from socialsim.verification.result import BREAKS_MAX, Account, Violation
from socialsim.verification.sequences import Gap
from socialsim.verification.stored_totals import Tallies, with_event

_NOTHING: Final = ControlTotals()


@dataclass(frozen=True, slots=True)
class ManifestSet:
    """What the run's own directory holds: a manifest for each of ``shards``, None where there is none."""

    run_id: str
    manifests: Mapping[int, Manifest | None]

    def tallies(self) -> Tallies:
        """What was emitted, by wire name and shard; without empty ones."""
        return {
            (name, shard): tally
            for shard, manifest in self.manifests.items()
            if manifest is not None
            for name, tally in manifest.tallies.items()
            if tally.count
        }

    def breaks(self) -> list[Violation]:
        """Manifests that are not there, are not sealed, or do not agree with themselves."""
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
            return "the manifest is not sealed: the run has not come to its end"
        counts = sum(tally.count for tally in manifest.tallies.values())
        last = max(tally.seq_max for tally in manifest.tallies.values())
        if not counts == last + 1 == manifest.acknowledged_seq + 1:
            return (
                f"the manifest has {counts} events, the last with seq {last}, of which those up to seq "
                f"{manifest.acknowledged_seq} are durable"
            )
        return None


def missing_events(gaps: list[Gap], books: Tallies, stored: Tallies) -> list[Gap]:
    """``gaps``, and the tails of shards whose last events, according to the books, are not stored."""
    ends, ends_stored = _lasts(books), _lasts(stored)
    tails = [
        Gap(shard, ends_stored.get(shard, -1) + 1, last)
        for shard, last in ends.items()
        if last > ends_stored.get(shard, -1)
    ]
    return sorted([*gaps, *tails])


def _lasts(tallies: Tallies) -> dict[int, int]:
    lasts: dict[int, int] = {}
    for (_, shard), tally in tallies.items():
        lasts[shard] = max(lasts.get(shard, -1), tally.seq_max)
    return lasts


def has_missing_events(books: Tallies, stored: Tallies) -> bool:
    """Whether less is stored of anything than the books say: then dead letters may hold it."""
    return any(tally.count > stored.get(cell, _NOTHING).count for cell, tally in books.items())


def dead_letters_covering(letters: IdentifiedDeadLetters, missing: list[Gap]) -> list[IdentifiedDeadLetter]:
    """The dead letters that hold an event which is not stored. ``missing`` is sorted."""

    def is_missing(shard: int, seq: int) -> bool:
        place = bisect_right(missing, (shard, seq), key=lambda gap: (gap.shard, gap.first)) - 1
        return place >= 0 and missing[place].shard == shard and seq <= missing[place].last

    return [letter for (shard, seq), letter in letters.found.items() if is_missing(shard, seq)]


class Reconciliation(NamedTuple):
    """The books held against rows and dead letters: the totals by type, and each cell that differs."""

    accounts: tuple[Account, ...]
    breaks: list[Violation]


def compare(
    books: Tallies, stored: Tallies, letters: list[IdentifiedDeadLetter], unreadable: Mapping[str, int]
) -> Reconciliation:
    """``unreadable`` is by wire name the number of dead letters that tell no identity."""
    by_cell: dict[tuple[str, int], list[IdentifiedDeadLetter]] = {}
    for letter in letters:
        by_cell.setdefault((letter.name, letter.shard), []).append(letter)
    breaks = []
    for cell in _in_order({*books, *stored}):
        name, shard = cell
        what = _difference(
            books.get(cell, _NOTHING), stored.get(cell, _NOTHING), by_cell.get(cell, []), unreadable.get(name, 0)
        )
        if what is not None:
            breaks.append(Violation(what, table=PLURALS[name], shard=shard))
    accounts = tuple(
        Account(
            name,
            sum(tally.count for (other, _), tally in books.items() if other == name),
            sum(tally.count for (other, _), tally in stored.items() if other == name),
            sum(letter.name == name for letter in letters),
        )
        for name in EVENT_TYPES
    )
    return Reconciliation(accounts, breaks)


def _in_order(cells: set[tuple[str, int]]) -> list[tuple[str, int]]:
    order = {name: number for number, name in enumerate(EVENT_TYPES)}
    return sorted(cells, key=lambda cell: (order[cell[0]], cell[1]))


def _difference(
    books: ControlTotals, stored: ControlTotals, letters: list[IdentifiedDeadLetter], unreadable: int
) -> str | None:
    """What is wrong with one event type of one shard; None if nothing is."""
    have = stored
    unknown = 0
    for letter in letters:
        if letter.event is not None:
            have = with_event(have, letter.event)
        else:
            have = _with_identity(have, letter.seq)
            unknown += 1
    if have.count != books.count:
        difference = books.count - have.count
        text = (
            f"manifest {books.count}, stored {stored.count}, dead letters {len(letters)}: "
            f"{abs(difference)} {'missing' if difference > 0 else 'too many'}"
        )
        return text + (f" (dead letters that cannot be read: {unreadable})" if unreadable and difference > 0 else "")
    if (have.seq_min, have.seq_max) != (books.seq_min, books.seq_max):
        return f"manifest has seq {books.seq_min} to {books.seq_max}, stored are {have.seq_min} to {have.seq_max}"
    if unknown:
        return f"the sums cannot be compared: events in dead letters that cannot be decoded: {unknown}"
    if (have.sum_a, have.sum_b) != (books.sum_a, books.sum_b):
        return (
            f"a stored row differs from its event: all {books.count} are there, "
            f"the sums are {_hex(have)}, the manifest has {_hex(books)}"
        )
    return None


def _with_identity(tally: ControlTotals, seq: int) -> ControlTotals:
    first = seq if tally.count == 0 else min(tally.seq_min, seq)
    return ControlTotals(tally.count + 1, first, max(tally.seq_max, seq), tally.sum_a, tally.sum_b)


def _hex(tally: ControlTotals) -> str:
    return f"{tally.sum_a:016x} {tally.sum_b:016x}"


def gap_breaks(missing: list[Gap], letters: list[IdentifiedDeadLetter]) -> list[Violation]:
    """The missing events that no dead letter holds; of many only the first, and one more to show it."""
    held: dict[int, list[int]] = {}
    for letter in letters:
        held.setdefault(letter.shard, []).append(letter.seq)
    return [
        Violation(
            "is not stored" if first == last else f"this and all up to seq {last} are not stored", None, shard, first
        )
        for shard, first, last in islice(_not_held(missing, held), BREAKS_MAX + 1)
    ]


def _not_held(missing: list[Gap], held: Mapping[int, list[int]]) -> Iterator[Gap]:
    for gap in missing:
        first = gap.first
        inside = sorted(seq for seq in held.get(gap.shard, ()) if gap.first <= seq <= gap.last)
        for seq in (*inside, gap.last + 1):
            if first < seq:
                yield Gap(gap.shard, first, seq - 1)
            first = seq + 1
