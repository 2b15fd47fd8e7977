"""Chunks in a run's directory: read back by day, replaced by a new attempt."""

from pathlib import Path

import pytest

from socialsim.errors import LogCorruptError, LogFullError
from socialsim.oracle import make_truth
from socialsim.oracle.files import SpillingCollector, read_chunks
from socialsim.scenario.model import Scenario
from socialsim.simulation.iterate import simulate
from tests.oracle.test_truth import watched

SCENARIO = Scenario(users=30, days=4, shards=4)
EVENTS = list(simulate(SCENARIO))


def spill(directory: Path, shards: range, days: int = 4) -> None:
    observer = SpillingCollector(directory, shards)
    end_us = SCENARIO.start_us + days * 86_400_000_000
    observer.observe([event for event in EVENTS if event.shard in shards and event.time_us < end_us])
    observer.close()


def test_chunks_are_read_back_in_order_of_days(tmp_path: Path) -> None:
    for shards in (range(1), range(1, 3), range(3, 4)):
        spill(tmp_path / "oracle", shards)
    chunks = list(read_chunks(tmp_path / "oracle"))
    assert [chunk.day for chunk in chunks] == sorted(chunk.day for chunk in chunks)
    whole = make_truth(SCENARIO, "r", watched([EVENTS], 1024), sealed=True)
    assert make_truth(SCENARIO, "r", chunks, sealed=True) == whole


def test_a_new_attempt_replaces_the_chunks_of_the_previous_one(tmp_path: Path) -> None:
    spill(tmp_path, range(4))
    spill(tmp_path, range(4), days=2)
    first_day = SCENARIO.start_us // 86_400_000_000
    assert [chunk.day for chunk in read_chunks(tmp_path)] == [first_day, first_day + 1]


@pytest.mark.parametrize("cut", [3, 40])
def test_a_truncated_file_is_named(tmp_path: Path, cut: int) -> None:
    spill(tmp_path, range(4))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(LogCorruptError, match="00000-00004"):
        list(read_chunks(tmp_path))


def test_an_unwritable_path_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LogFullError, match="file/oracle/00000-00004"):
        SpillingCollector(tmp_path / "file" / "oracle", range(4))


def test_a_missing_directory_yields_no_chunks(tmp_path: Path) -> None:
    assert list(read_chunks(tmp_path / "nowhere")) == []
