"""What must be stored of a run, and whether it is: every simulated event once, each field as it was emitted."""

from collections import Counter
from functools import cache

from socialsim import Scenario, simulate
from socialsim.digest import RunDigest
from socialsim.events import WIRE_NAMES, Event, encode
from tests.warehouse.places import Place


@cache
def events_of(scenario: Scenario, run_id: str | None = None) -> tuple[Event, ...]:
    """The run's events, in order of time."""
    return tuple(simulate(scenario, run_id))


@cache
def digest_of(scenario: Scenario, run_id: str | None = None) -> str:
    """The digest that a complete log of the run has."""
    digest = RunDigest(run_id or scenario.run_id)
    for event in events_of(scenario, run_id):
        digest.add(event.shard, event.seq, encode(event))
    return digest.hexdigest()


def assert_all_stored(place: Place, scenario: Scenario, *, dead_letters: int = 0, run_id: str | None = None) -> None:
    """Fails unless the warehouse holds exactly the run's events, and its books of each partition add up."""
    assert_stored(place, events_of(scenario, run_id), dead_letters=dead_letters)


def assert_stored(place: Place, events: tuple[Event, ...], *, dead_letters: int = 0) -> None:
    """Fails unless the warehouse holds exactly ``events``."""
    stored = {name: Counter(map(encode, found)) for name, found in place.events().items()}
    expected: dict[str, Counter[bytes]] = {name: Counter() for name in stored}
    for event in events:
        expected[WIRE_NAMES[type(event)]][encode(event)] += 1
    for name, rows in stored.items():
        missing, extra = expected[name] - rows, rows - expected[name]
        assert not missing, f"{name}: {missing.total()} are lost, the first is {next(iter(missing))!r}"
        assert not extra, f"{name}: {extra.total()} are too many, the first is {next(iter(extra))!r}"
    (letters,) = place.rows("SELECT COUNT(*) AS n FROM dead_letters")
    assert letters["n"] == dead_letters, place.rows("SELECT topic, error_class, reason FROM dead_letters LIMIT 3")
    assert_books_add_up(place)


def assert_books_add_up(place: Place) -> None:
    """Fails unless each partition's consumed records are accounted for."""
    wrong = place.rows("SELECT * FROM consumer_offsets WHERE consumed <> inserted + duplicates + dead_letters")
    assert not wrong, f"{len(wrong)} partitions, the first is {wrong[0]}"
