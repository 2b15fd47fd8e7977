"""The event log in files; ``kafka_log`` offers the same functions."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from socialsim.bootstrap.opening import LeadOptions, OpenedRun
from socialsim.errors import InputError
from socialsim.runs.directory import RunDirectory, RunManifests, RunRecord
from socialsim.scenario.model import Scenario
from socialsim.settings import Settings
from socialsim.transport.base import EventReader, EventWriter, RunInfo, TopicDescription
from socialsim.transport.files import FileReader, FileWriter, create_run
from socialsim.transport.replay import read_ends
from socialsim.transport.urls import FileUrl


def open_reader(
    log: FileUrl,
    _settings: Settings,
    _types: Mapping[str, str],
    *,
    group: str | None,  # noqa: ARG001 - file logs have no groups
    run_id: str | None,
    session_timeout_s: float,  # noqa: ARG001
) -> EventReader:
    """A reader of the files of one run, or of all."""
    return FileReader(log.path, run_id=run_id)


async def describe_topics(
    log: FileUrl, _settings: Settings, _topics: Sequence[str], _types: Mapping[str, str]
) -> list[TopicDescription]:
    """One topic per run and event type; its partitions are the run's shards."""
    topics: dict[str, list[int]] = {}
    for partition, end in sorted((await read_ends(FileReader(log.path))).offsets.items()):
        topics.setdefault(partition.topic, []).append(end)
    return [TopicDescription(topic, len(each), 1, sum(each)) for topic, each in topics.items()]


def read_identities(_log: FileUrl, _settings: Settings, _topics: Sequence[str]) -> dict[str, str]:
    """Empty: a file run contains its own identity."""
    return {}


@contextmanager
def open_run(
    log: FileUrl,
    _settings: Settings,
    info: RunInfo,
    scenario: Scenario,
    _directory: RunDirectory,
    *,
    known: RunRecord | None,  # noqa: ARG001 - the files contain the state of their run
    replaced: bool,  # noqa: ARG001
    options: LeadOptions,
) -> Iterator[OpenedRun]:
    """Open the run's files. Raises InputError, RunConflictError, LogCorruptError."""
    if options.again:
        raise InputError("--again is for runs into Kafka, whose log can lose records that files keep")
    with create_run(log.path, info, scenario.to_json()) as run:

        def seal() -> None:
            run.complete()

        yield OpenedRun(run.state, None, partial(_make_writer, log.path, info), seal)


# At module level because spawned processes unpickle it by name.
def _make_writer(root: Path, info: RunInfo, _manifests: RunManifests, shards: range) -> EventWriter:
    return FileWriter(root, info, shards)
