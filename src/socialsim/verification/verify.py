"""Reconciles a run's stored rows with its manifests, its log and the network invariants. Read-only.

All queries run in one transaction, so that a concurrent consumer does not make rows and offsets
disagree.
"""

from collections.abc import Callable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Final

from sqlalchemy import Connection, select

from socialsim.runs.catalog import stored_runs
from socialsim.runs.directory import RunDirectory
from socialsim.scenario.model import Scenario
from socialsim.verification.dead_letters import IdentifiedDeadLetters, count_letters, read_letters
from socialsim.verification.offsets import LogEnds, counter_violations, event_of_topic, log_end_violations, read_offsets
from socialsim.verification.reconcile import (
    ManifestSet,
    compare,
    dead_letters_covering,
    gap_violations,
    has_missing_events,
    missing_events,
)
from socialsim.verification.result import (
    VIOLATIONS_MAX,
    CheckResult,
    VerificationReport,
    Violation,
    not_checked,
    result,
)
from socialsim.verification.row_rules import PROVES, ROW_RULES, RowRule
from socialsim.verification.sequences import read_sequences
from socialsim.verification.stored_totals import stored_totals
from socialsim.warehouse.schema.tables import runs

#: Not the key of any run: keys count from 1.
_ABSENT_KEY: Final = -1

_MANIFESTS: Final = ("manifests", "every shard of the run has a sealed manifest")
_SCENARIO: Final = ("scenario", "the stored events belong to the scenario of the manifests")
_ACCOUNTS: Final = (
    "accounts",
    "manifest = stored + dead letters by shard and type: counts, first and last seq, hash sums",
)
_GAPS: Final = ("gaps", "seq counts from 0 to the manifest's last in each shard, without a gap")
_DUPLICATES: Final = ("duplicates", "no identity (run, shard, seq) is stored twice, in any tables")
_OFFSETS: Final = ("offsets", "consumed = inserted + duplicates + dead letters in each partition")
_LOG_END: Final = ("log end", "every record of the log is consumed")


def read_manifests(directory: RunDirectory, scenario: Scenario | None) -> ManifestSet:
    """The run's manifests. Raises InputError if one is invalid."""
    shards = range(scenario.shards) if scenario is not None else range(0)
    return ManifestSet(directory.run_id, {shard: directory.read_manifest(shard) for shard in shards})


def verify_run(
    connection: Connection,
    manifests: ManifestSet,
    scenario: Scenario | None,
    log: LogEnds | None,
    canonical: Callable[[bytes], bytes] = bytes,
) -> VerificationReport:
    """Run all checks.

    ``scenario`` is None if the run's directory is missing; ``log`` None skips its end.
    ``canonical`` turns what a dead letter kept of a value into plain JSON, where it can.
    """
    run_id = manifests.run_id
    run_key = stored_runs(connection).get(run_id, _ABSENT_KEY)
    stored, sequences = stored_totals(connection, run_key), read_sequences(connection, run_key)
    emitted = manifests.totals()
    missing = missing_events(sequences.gaps, emitted, stored)
    # In most runs nothing is missing; then no dead letter holds one of their events.
    letters = (
        _read_letters(connection, run_id, canonical)
        if has_missing_events(emitted, stored)
        else IdentifiedDeadLetters({}, {})
    )
    covering = dead_letters_covering(letters, missing)
    comparison = compare(emitted, stored, covering, _by_event(letters.unreadable, run_id))
    offsets = read_offsets(connection, run_id)
    doubles = [Violation(f"is in {' and in '.join(d.tables)}", d.tables[1], d.shard, d.seq) for d in sequences.doubles]
    events = sum(totals.count for totals in stored.values())
    checks = [
        _check_manifests(manifests, scenario),
        _check_scenario(connection, run_id, scenario),
        result(*_ACCOUNTS, comparison.violations, note=f"{len(stored)} shards and types, {events} rows"),
        result(*_GAPS, gap_violations(missing, covering)),
        result(*_DUPLICATES, doubles),
        result(*_OFFSETS, counter_violations(offsets, stored, run_id), note=f"{len(offsets)} partitions"),
        result(*_LOG_END, log_end_violations(offsets, log, run_id), note=f"{len(log.ends)} partitions")
        if log is not None
        else not_checked(*_LOG_END, "needs the log: --from URL"),
        *_check_rows(connection, run_key, scenario),
    ]
    ok = all(check.state != "broken" for check in checks) and scenario is not None
    return VerificationReport(run_id=run_id, ok=ok, accounts=comparison.accounts, checks=tuple(checks))


def _read_letters(connection: Connection, run_id: str, canonical: Callable[[bytes], bytes]) -> IdentifiedDeadLetters:
    topics = [topic for topic in count_letters(connection) if event_of_topic(topic, run_id) is not None]
    return read_letters(connection, run_id, topics, canonical)


def _by_event(counts: dict[str, int], run_id: str) -> dict[str, int]:
    by_event: dict[str, int] = {}
    for topic, count in counts.items():
        name = event_of_topic(topic, run_id)
        if name is not None:
            by_event[name] = by_event.get(name, 0) + count
    return by_event


def _check_manifests(manifests: ManifestSet, scenario: Scenario | None) -> CheckResult:
    if scenario is None:
        return result(
            *_MANIFESTS, [Violation("the run's directory is not there: nothing can be proven without its manifests")]
        )
    return result(*_MANIFESTS, manifests.violations(), note=f"{scenario.shards} shards")


def _check_scenario(connection: Connection, run_id: str, scenario: Scenario | None) -> CheckResult:
    stored = connection.scalar(select(runs.c.scenario_digest).where(runs.c.run_id == run_id))
    if scenario is None:
        return not_checked(*_SCENARIO, "needs the run's scenario, which is in its directory")
    if not stored:
        return not_checked(*_SCENARIO, "the log of what is stored did not tell it")
    own = scenario.digest
    what = f"rows of the scenario with digest {stored[:12]} are stored, the manifests have digest {own[:12]}"
    return result(*_SCENARIO, [] if stored == own else [Violation(what, table="runs")])


def _check_rows(connection: Connection, run_key: int, scenario: Scenario | None) -> Iterator[CheckResult]:
    for name, group in groupby(ROW_RULES, key=attrgetter("name")):
        if name == "ids" and scenario is None:
            yield not_checked(name, PROVES[name], "needs the run's scenario, which is in its directory")
            continue
        rules = list(group)
        violations: list[Violation] = []
        for rule in rules:
            violations += _violating_rows(connection, rule, run_key, scenario)
        yield result(name, PROVES[name], violations, note=f"{len(rules)} rules")


def _violating_rows(
    connection: Connection, rule: RowRule, run_key: int, scenario: Scenario | None
) -> Iterator[Violation]:
    values = {"run_key": run_key}
    if scenario is not None:
        values |= {"users": scenario.users, "shards": scenario.shards}
    for row in connection.execute(rule.rows.limit(VIOLATIONS_MAX + 1), values).mappings():
        yield Violation(rule.says(row), rule.table, row["shard"], row["seq"])
