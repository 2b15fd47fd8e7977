"""Holds what is stored of a run against its books, its log and the rules of the network. Reads only.

All queries are of one transaction, so that a consumer at work beside does not make rows and offsets disagree.
"""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Final

from sqlalchemy import Connection, select

from socialsim.analytics.accounts import (
    Books,
    compare,
    gap_breaks,
    is_short,
    letters_of_missing,
    missing_events,
)
from socialsim.analytics.letters import Letters, count_letters, read_letters
from socialsim.analytics.offsets import LogEnds, book_breaks, end_breaks, event_of_topic, read_offsets
from socialsim.analytics.report import BREAKS_MAX, Break, CheckResult, Report, not_checked, result
from socialsim.analytics.row_checks import PROVES, ROW_CHECKS, RowCheck
from socialsim.analytics.sequences import read_sequences
from socialsim.analytics.tallies import stored_tallies
from socialsim.errors import InputError
from socialsim.rundir import RunDirectory
from socialsim.scenario import Scenario
from socialsim.warehouse.tables import runs

#: No run has it: keys count from 1.
_ABSENT_KEY: Final = -1

_MANIFESTS: Final = ("manifests", "every shard of the run has a sealed manifest")
_SCENARIO: Final = ("scenario", "the stored events are of the scenario that the books are of")
_ACCOUNTS: Final = (
    "accounts",
    "manifest = stored + dead letters by shard and type: counts, first and last seq, hash sums",
)
_GAPS: Final = ("gaps", "seq counts from 0 to the manifest's last in each shard, without a gap")
_DUPLICATES: Final = ("duplicates", "no identity (run, shard, seq) is stored twice, in whatever tables")
_OFFSETS: Final = ("offsets", "consumed = inserted + duplicates + dead letters in each partition")
_LOG_END: Final = ("log end", "every record of the log is consumed")


def stored_runs(connection: Connection) -> dict[str, int]:
    """The keys of the runs that have rows in the warehouse, by their ids."""
    rows = connection.execute(select(runs.c.run_id, runs.c.run_key).order_by(runs.c.run_id))
    return {str(run_id): int(run_key) for run_id, run_key in rows}


def choose_run(connection: Connection, known: list[str], run_id: str | None) -> str:
    """``run_id``, or the only run in the warehouse, or else the only one of ``known``, the runs with a directory.

    Raises InputError, naming those that there are.
    """
    stored = list(stored_runs(connection))
    if run_id is not None:
        if run_id in stored or run_id in known:
            return run_id
        there = ", ".join(sorted({*stored, *known})) or "none"
        raise InputError(
            f"--run-id is {run_id!r}: neither the warehouse nor the runs' directory has it; there are: {there}"
        )
    candidates = stored or known
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise InputError("there is no run to verify: neither the warehouse nor the runs' directory holds one")
    raise InputError(f"there are the runs {', '.join(candidates)}; name one of them with --run-id")


def read_books(directory: RunDirectory, scenario: Scenario | None) -> Books:
    """The run's manifests. Raises InputError if one cannot be understood."""
    shards = range(scenario.shards) if scenario is not None else range(0)
    return Books(directory.run_id, {shard: directory.read_manifest(shard) for shard in shards})


def verify_run(connection: Connection, books: Books, scenario: Scenario | None, log: LogEnds | None) -> Report:
    """Check everything. ``scenario`` is None if the run's directory is not there; ``log`` None leaves its end out."""
    run_id = books.run_id
    run_key = stored_runs(connection).get(run_id, _ABSENT_KEY)
    stored, sequences = stored_tallies(connection, run_key), read_sequences(connection, run_key)
    emitted = books.tallies()
    missing = missing_events(sequences.gaps, emitted, stored)
    # Most runs have nothing missing: then whatever letters there are hold none of their events.
    letters = _read_letters(connection, run_id) if is_short(emitted, stored) else Letters({}, {})
    holding = letters_of_missing(letters, missing)
    comparison = compare(emitted, stored, holding, _by_event(letters.unreadable, run_id))
    offsets = read_offsets(connection, run_id)
    doubles = [Break(f"is in {' and in '.join(d.tables)}", d.tables[1], d.shard, d.seq) for d in sequences.doubles]
    events = sum(tally.count for tally in stored.values())
    checks = [
        _check_manifests(books, scenario),
        _check_scenario(connection, run_id, scenario),
        result(*_ACCOUNTS, comparison.breaks, note=f"{len(stored)} shards and types, {events} rows"),
        result(*_GAPS, gap_breaks(missing, holding)),
        result(*_DUPLICATES, doubles),
        result(*_OFFSETS, book_breaks(offsets, stored, run_id), note=f"{len(offsets)} partitions"),
        result(*_LOG_END, end_breaks(offsets, log, run_id), note=f"{len(log.ends)} partitions")
        if log is not None
        else not_checked(*_LOG_END, "needs the log: --from URL"),
        *_check_rows(connection, run_key, scenario),
    ]
    ok = all(check.state != "broken" for check in checks) and scenario is not None
    return Report(run_id=run_id, ok=ok, accounts=comparison.accounts, checks=tuple(checks))


def _read_letters(connection: Connection, run_id: str) -> Letters:
    topics = [topic for topic in count_letters(connection) if event_of_topic(topic, run_id) is not None]
    return read_letters(connection, run_id, topics)


def _by_event(counts: dict[str, int], run_id: str) -> dict[str, int]:
    by_event: dict[str, int] = {}
    for topic, count in counts.items():
        name = event_of_topic(topic, run_id)
        if name is not None:
            by_event[name] = by_event.get(name, 0) + count
    return by_event


def _check_manifests(books: Books, scenario: Scenario | None) -> CheckResult:
    if scenario is None:
        return result(*_MANIFESTS, [Break("the run's directory is not there: nothing can be proven without its books")])
    return result(*_MANIFESTS, books.breaks(), note=f"{scenario.shards} shards")


def _check_scenario(connection: Connection, run_id: str, scenario: Scenario | None) -> CheckResult:
    stored = connection.scalar(select(runs.c.scenario_digest).where(runs.c.run_id == run_id))
    if scenario is None:
        return not_checked(*_SCENARIO, "needs the run's scenario, which is in its directory")
    if not stored:
        return not_checked(*_SCENARIO, "the log of what is stored did not tell it")
    own = scenario.digest
    what = f"rows of the scenario with digest {stored[:12]} are stored, the books are of the one with {own[:12]}"
    return result(*_SCENARIO, [] if stored == own else [Break(what, table="runs")])


def _check_rows(connection: Connection, run_key: int, scenario: Scenario | None) -> Iterator[CheckResult]:
    for name, group in groupby(ROW_CHECKS, key=attrgetter("name")):
        if name == "ids" and scenario is None:
            yield not_checked(name, PROVES[name], "needs the run's scenario, which is in its directory")
            continue
        checks = list(group)
        breaks: list[Break] = []
        for check in checks:
            breaks += _broken_rows(connection, check, run_key, scenario)
        yield result(name, PROVES[name], breaks, note=f"{len(checks)} rules")


def _broken_rows(connection: Connection, check: RowCheck, run_key: int, scenario: Scenario | None) -> Iterator[Break]:
    values = {"run_key": run_key}
    if scenario is not None:
        values |= {"users": scenario.users, "shards": scenario.shards}
    for row in connection.execute(check.rows.limit(BREAKS_MAX + 1), values).mappings():
        yield Break(check.says(row), check.table, row["shard"], row["seq"])
