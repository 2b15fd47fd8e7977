"""Torn files leave a prefix of a run, and resuming writes the bytes of an uninterrupted run."""

import functools
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialsim.errors import LogCorruptError
from socialsim.transport.files import FileWriter, create_run, iterate_values
from socialsim.transport.files.layout import read_run_meta
from tests.transport.logs import INFO, SCENARIO, SHARDS, TOPICS, make_records

COUNT = 40
STEP = 8


def write_run(root: Path, *, complete: bool) -> None:
    """A run of several blocks per shard and topic, with all records in its files."""
    with create_run(root, INFO, SCENARIO) as run:
        writer = FileWriter(root, INFO, range(SHARDS))
        for start in range(0, COUNT, STEP):
            for shard in range(SHARDS):
                writer.append(shard, make_records(shard, start, STEP))
            writer.flush()
        writer.drain(60)
        writer.close()
        if complete:
            run.complete()


@functools.cache
def template(*, complete: bool) -> Path:
    root = Path(tempfile.mkdtemp(prefix="socialsim-template-")) / "events"
    write_run(root, complete=complete)
    return root


@pytest.fixture(scope="module", autouse=True)
def _remove_templates() -> Iterator[None]:
    yield
    for complete in (False, True):
        shutil.rmtree(template(complete=complete).parent)
    template.cache_clear()


def data_hashes(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*.ndjson")
        if path.stat().st_size
    }


def expected_values(shard: int, count: int) -> list[bytes]:
    return sorted(record.value for record in make_records(shard, 0, count))


def read_shards(root: Path) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {shard: [] for shard in range(SHARDS)}
    for epoch in iterate_values(root, INFO.run_id):
        assert epoch.first_seq == len(found[epoch.shard])
        found[epoch.shard] += epoch.values
    return found


def resume_and_complete(root: Path) -> list[int]:
    """Resume the run and write all of it. Returns the number of existing records by shard."""
    with create_run(root, INFO, SCENARIO) as run:
        assert run.state in ("unfinished", "new")
        writer = FileWriter(root, INFO, range(SHARDS))
        kept = [writer.acknowledged_seq(shard) + 1 for shard in range(SHARDS)]
        for shard in range(SHARDS):
            for start in range(0, COUNT, 13):
                writer.append(shard, make_records(shard, start, min(13, COUNT - start)))
        writer.drain(60)
        writer.close()
        run.complete()
    meta = read_run_meta(root, INFO.run_id)
    assert meta is not None
    assert meta.records is not None
    assert [sum(shard) for shard in zip(*meta.records.values(), strict=True)] == [COUNT] * SHARDS
    return kept


files_of_a_shard = st.sampled_from([f"{topic}/00001.ndjson" for topic in TOPICS] + ["_index/00001.idx"])


def with_copy(complete: bool, damage: Callable[[Path], None], check: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "events"
        shutil.copytree(template(complete=complete), root)
        damage(root / INFO.run_id)
        check(root)


@settings(max_examples=60, deadline=None)
@given(name=files_of_a_shard, share=st.floats(0, 1), tail=st.binary(max_size=300))
def test_a_truncation_at_any_byte_leaves_a_prefix(name: str, share: float, tail: bytes) -> None:
    """Also with garbage after the cut, like a block that is only partly on disk."""

    def damage(run: Path) -> None:
        path = run / name
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)] + (tail if share < 1 else b""))

    def check(root: Path) -> None:
        found = read_shards(root)
        kept = [len(values) for values in found.values()]
        for shard, values in found.items():
            assert sorted(values) == expected_values(shard, len(values))
        assert kept[0] == kept[2] == COUNT
        assert resume_and_complete(root) == kept
        assert data_hashes(root) == data_hashes(template(complete=True))

    with_copy(False, damage, check)


@settings(max_examples=60, deadline=None)
@given(name=files_of_a_shard, share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_never_changes_what_is_read(name: str, share: float, bit: int) -> None:
    """In an unfinished run it is detected, or is in the tail, which is truncated."""

    def damage(run: Path) -> None:
        raw = bytearray((run / name).read_bytes())
        raw[int(len(raw) * share)] ^= 1 << bit
        (run / name).write_bytes(raw)

    def check(root: Path) -> None:
        try:
            found = read_shards(root)
        except LogCorruptError as error:
            assert name in str(error)  # noqa: PT017
            with create_run(root, INFO, SCENARIO), pytest.raises(LogCorruptError, match=name):
                FileWriter(root, INFO, [1])
            return
        assert len(found[1]) < COUNT
        assert sorted(found[1]) == expected_values(1, len(found[1]))
        resume_and_complete(root)
        assert data_hashes(root) == data_hashes(template(complete=True))

    with_copy(False, damage, check)


@settings(max_examples=40, deadline=None)
@given(name=files_of_a_shard, share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_any_damage_to_a_complete_run_is_an_error(name: str, share: float, bit: int, cut: bool) -> None:
    def damage(run: Path) -> None:
        raw = bytearray((run / name).read_bytes())
        at = int(len(raw) * share)
        if cut:
            del raw[at:]
        else:
            raw[at] ^= 1 << bit
        (run / name).write_bytes(raw)

    def check(root: Path) -> None:
        with pytest.raises(LogCorruptError):
            read_shards(root)

    with_copy(True, damage, check)


def test_a_resumed_run_has_the_bytes_of_one_that_never_died(tmp_path: Path) -> None:
    """The writer is discarded with records in its buffers, as by SIGKILL."""
    root = tmp_path / "events"
    with create_run(root, INFO, SCENARIO):
        writer = FileWriter(root, INFO, range(SHARDS), buffer_bytes=1)
        for shard in range(SHARDS):
            writer.append(shard, make_records(shard, 0, COUNT - 5 * shard))
        writer.append(0, [])
        writer.close()
    resume_and_complete(root)
    assert data_hashes(root) == data_hashes(template(complete=True))
