"""Runs in files: creation, locks, completion, a full disk."""

import asyncio
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from socialsim.errors import InputError, LogCorruptError, LogFullError, RunConflictError
from socialsim.transport.files import FileReader, FileWriter, create_run, iterate_values, list_run_ids
from tests.transport.logs import INFO, SCENARIO, SHARDS, TOPICS, Reading, make_records


def write(root: Path, count: int = 20) -> None:
    writer = FileWriter(root, INFO, range(SHARDS))
    for shard in range(SHARDS):
        writer.append(shard, make_records(shard, 0, count))
    writer.drain(60)
    writer.close()


def acknowledged_seqs(root: Path) -> list[int]:
    writer = FileWriter(root, INFO, range(SHARDS))
    seqs = [writer.acknowledged_seq(shard) for shard in range(SHARDS)]
    writer.close()
    return seqs


def test_a_run_is_new_then_unfinished_then_complete(tmp_path: Path) -> None:
    with create_run(tmp_path, INFO, SCENARIO) as run:
        assert run.state == "new"
        assert acknowledged_seqs(tmp_path) == [-1] * SHARDS
    with create_run(tmp_path, INFO, SCENARIO) as run:
        assert run.state == "new"
        write(tmp_path)
    with create_run(tmp_path, INFO, SCENARIO) as run:
        before = run.state
        assert before == "unfinished"
        assert acknowledged_seqs(tmp_path) == [19] * SHARDS
        run.complete()
        assert run.state == "complete"
    with create_run(tmp_path, INFO, SCENARIO) as run:
        assert run.state == "complete"
        with pytest.raises(InputError, match="complete"):
            FileWriter(tmp_path, INFO, [0])
    assert list_run_ids(tmp_path) == [INFO.run_id]


@pytest.mark.parametrize("gone", ["data", "index"])
def test_a_complete_run_with_missing_files_is_refused(tmp_path: Path, gone: str) -> None:
    with create_run(tmp_path, INFO, SCENARIO) as run:
        write(tmp_path)
        run.complete()
    name = f"{TOPICS[0]}/00001.ndjson" if gone == "data" else "_index/00001.idx"
    (tmp_path / INFO.run_id / name).unlink()
    with pytest.raises(LogCorruptError, match=r"ends before byte|index ends at record"):
        create_run(tmp_path, INFO, SCENARIO)


def test_the_metadata_of_a_complete_run_has_scenario_and_counts(tmp_path: Path) -> None:
    with create_run(tmp_path, INFO, SCENARIO) as run:
        write(tmp_path)
        run.complete()
    described = msgspec.json.decode((tmp_path / INFO.run_id / "run.json").read_bytes())
    assert described["scenario"] == msgspec.json.decode(SCENARIO)
    assert described["state"] == "complete"
    assert described["records"].keys() == set(TOPICS)
    assert sum(map(sum, described["records"].values())) == 20 * SHARDS


def test_the_data_files_are_plain_newline_delimited_json(tmp_path: Path) -> None:
    with create_run(tmp_path, INFO, SCENARIO):
        write(tmp_path)
    for topic in TOPICS:
        for shard in range(SHARDS):
            lines = (tmp_path / INFO.run_id / topic / f"{shard:05d}.ndjson").read_bytes().splitlines(keepends=True)
            expected = [record.value + b"\n" for record in make_records(shard, 0, 20) if record.topic == topic]
            assert lines == expected


def test_another_scenario_or_shape_under_the_same_id_is_refused(tmp_path: Path) -> None:
    create_run(tmp_path, INFO, SCENARIO).close()
    with pytest.raises(RunConflictError, match=INFO.run_id):
        create_run(tmp_path, INFO, b'{"users":11}')
    with pytest.raises(RunConflictError, match=INFO.run_id):
        create_run(tmp_path, replace(INFO, shards=SHARDS + 1), SCENARIO)
    create_run(tmp_path, INFO, SCENARIO).close()


def test_the_same_scenario_with_another_stream_version_is_another_run(tmp_path: Path) -> None:
    create_run(tmp_path, INFO, SCENARIO).close()
    path = tmp_path / INFO.run_id / "run.json"
    described = msgspec.json.decode(path.read_bytes())
    assert described.pop("stream_version") == INFO.stream_version == 1
    path.write_bytes(msgspec.json.encode(described))  # as before there was a stream version 2
    create_run(tmp_path, INFO, SCENARIO).close()
    with pytest.raises(RunConflictError, match="holds events of stream version 1, this socialsim makes version 2"):
        create_run(tmp_path, replace(INFO, stream_version=2), SCENARIO)


def test_a_second_leader_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from socialsim.transport.files import create_run
        from tests.transport.logs import INFO, SCENARIO
        run = create_run(Path(sys.argv[1]), INFO, SCENARIO)
        print("locked", flush=True)
        sys.stdin.read()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "locked\n"
        with pytest.raises(RunConflictError, match="another process"):
            create_run(tmp_path, INFO, SCENARIO)
        first.kill()
    create_run(tmp_path, INFO, SCENARIO).close()


def test_a_run_is_not_completed_or_led_again_while_it_has_a_writer(tmp_path: Path) -> None:
    run = create_run(tmp_path, INFO, SCENARIO)
    writer = FileWriter(tmp_path, INFO, [0])
    with pytest.raises(RunConflictError):
        run.complete()
    run.close()
    with pytest.raises(RunConflictError):
        create_run(tmp_path, INFO, SCENARIO)
    writer.close()
    create_run(tmp_path, INFO, SCENARIO).close()


def test_writers_of_one_run_write_separate_shards(tmp_path: Path) -> None:
    with create_run(tmp_path, INFO, SCENARIO) as run:
        writers = [FileWriter(tmp_path, INFO, [shard]) for shard in range(SHARDS)]
        for shard, writer in enumerate(writers):
            writer.append(shard, make_records(shard, 0, 10))
            writer.drain(60)
            writer.close()
        run.complete()
    assert sum(len(epoch.values) for epoch in iterate_values(tmp_path, INFO.run_id)) == 10 * SHARDS


@pytest.mark.parametrize("full", ["pictures/00000.ndjson", "_index/00000.idx"])
def test_a_full_disk_is_reported_and_nothing_is_acknowledged(tmp_path: Path, full: str) -> None:
    """The kernel itself answers ENOSPC: the file is a link to /dev/full."""
    with create_run(tmp_path, INFO, SCENARIO):
        writer = FileWriter(tmp_path, INFO, [0])
        path = tmp_path / INFO.run_id / full
        path.symlink_to("/dev/full")
        writer.append(0, make_records(0, 0, 20))
        with pytest.raises(LogFullError, match="No space left"):
            writer.drain(60)
        assert writer.acknowledged_seq(0) == -1
        with pytest.raises(LogFullError):
            writer.append(0, make_records(0, 20, 1))
        with pytest.raises(LogFullError):
            writer.throttle()
        writer.close()
        path.unlink()
        write(tmp_path)  # the disk has space again
    assert sum(len(epoch.values) for epoch in iterate_values(tmp_path, INFO.run_id)) == 20 * SHARDS


def test_a_path_that_cannot_be_a_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="file"):
        create_run(tmp_path / "file", INFO, SCENARIO)
    with pytest.raises(InputError, match="no run"):
        list(iterate_values(tmp_path, "absent"))
    (tmp_path / "log.json").write_text("{}")
    with pytest.raises(LogCorruptError, match=r"log\.json"):
        create_run(tmp_path, INFO, SCENARIO)


async def test_a_reader_finds_new_runs_and_can_be_limited_to_one(tmp_path: Path) -> None:
    create_run(tmp_path, INFO, SCENARIO).close()
    one = await Reading(FileReader(tmp_path, run_id=INFO.run_id, poll_s=0.01)).start()
    every = await Reading(FileReader(tmp_path, poll_s=0.01)).start()
    later = replace(INFO, run_id="run-2")
    with create_run(tmp_path, later, SCENARIO) as run:
        writer = FileWriter(tmp_path, later, [0])
        writer.append(0, make_records(0, 0, 5))
        writer.drain(60)
        writer.close()
        run.complete()
    assert len(await every.poll_for(5)) == 5
    assert {partition.topic.split("/")[0] for partition in every.reader.assignment()} == {"run-1", "run-2"}
    assert {partition.topic.split("/")[0] for partition in one.reader.assignment()} == {"run-1"}
    with pytest.raises(InputError, match="run-3"):
        await Reading(FileReader(tmp_path, run_id="run-3")).start()


async def test_a_reader_follows_across_a_resume_that_truncates_a_torn_tail(tmp_path: Path) -> None:
    with create_run(tmp_path, INFO, SCENARIO):
        write(tmp_path)
    index = tmp_path / INFO.run_id / "_index" / "00000.idx"
    with index.open("ab") as file:
        file.write(b"torn" * 100)
    reading = await Reading(FileReader(tmp_path, poll_s=0.01)).start()
    await reading.poll_for(20 * SHARDS)
    with create_run(tmp_path, INFO, SCENARIO) as run:
        writer = await asyncio.to_thread(FileWriter, tmp_path, INFO, range(SHARDS))
        for shard in range(SHARDS):
            writer.append(shard, make_records(shard, 20, 7))
        await asyncio.to_thread(writer.drain, 60)
        writer.close()
        run.complete()
    assert len(set(await reading.poll_for(27 * SHARDS))) == 27 * SHARDS
