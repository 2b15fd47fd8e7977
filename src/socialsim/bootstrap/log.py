"""Opens the event log of a URL: readers, topics, and the directory of its runs' manifests."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from socialsim.bootstrap.adapters import log_adapter
from socialsim.errors import InputError
from socialsim.events import PLURALS
from socialsim.runs.directory import DEFAULT_ROOT
from socialsim.settings import Settings
from socialsim.transport.base import EventReader, TopicDescription
from socialsim.transport.urls import FileUrl, LogUrl

TOPICS: Final = tuple(PLURALS.values())
TYPES: Final = {topic: name for name, topic in PLURALS.items()}
#: default; a Kafka consumer group drops a member after this silence
SESSION_TIMEOUT_S: Final = 45.0
_GROUP: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def check_group(group: str) -> str:
    """``group`` if it is a valid consumer group name. Raises InputError."""
    if not _GROUP.fullmatch(group):
        raise InputError(f"--group is {group!r}, allowed are 1 to 64 letters, digits, '.', '_' and '-'")
    return group


def runs_root(log: LogUrl, settings: Settings) -> Path:
    """Directory of the manifests of runs in ``log``.

    It is ``SOCIALSIM_RUNS``, else ``runs`` beside the event files.
    """
    chosen = settings.text("RUNS")
    if chosen is not None:
        return Path(chosen)
    return log.path.parent / "runs" if isinstance(log, FileUrl) else DEFAULT_ROOT


def open_reader(
    log: LogUrl,
    settings: Settings,
    *,
    group: str | None,
    run_id: str | None,
    session_timeout_s: float = SESSION_TIMEOUT_S,
) -> EventReader:
    """A reader that is not started yet.

    Without a ``group`` it reads every partition itself. ``run_id`` limits the files that are read.
    ``session_timeout_s`` is how long a group waits for a silent member; file logs have no groups.
    """
    reader: EventReader = log_adapter(log).open_reader(
        log, settings, TYPES, group=group, run_id=run_id, session_timeout_s=session_timeout_s
    )
    return reader


@dataclass(frozen=True, slots=True)
class TopicsMade:
    """Full names of the created topics, and warnings about existing ones."""

    names: list[str]
    warnings: str


async def create_topics(
    log: LogUrl,
    settings: Settings,
    *,
    partitions: int,
    replication: int | None,
    topic_config: Sequence[str] = (),
    no_topic_config: bool = False,
) -> TopicsMade | None:
    """Create missing topics; None for a log without topics.

    Raises InputError, also for unfit topics.
    """
    if isinstance(log, FileUrl):
        return None
    names, warnings = await log_adapter(log).create_topics(
        log,
        settings,
        TOPICS,
        partitions=partitions,
        replication=replication,
        topic_config=topic_config,
        no_topic_config=no_topic_config,
    )
    return TopicsMade(names, warnings)


async def alter_topics(
    log: LogUrl, settings: Settings, *, topic_config: Sequence[str] = (), no_topic_config: bool = False
) -> list[tuple[str, str, str, str]] | None:
    """Apply the required settings; topic, setting, old and new value of each change.

    None for files.
    """
    if isinstance(log, FileUrl):
        return None
    changes: list[tuple[str, str, str, str]] = await log_adapter(log).alter_topics(
        log, settings, TOPICS, topic_config=topic_config, no_topic_config=no_topic_config
    )
    return changes


async def describe_topics(log: LogUrl, settings: Settings) -> list[TopicDescription]:
    """Describe the topics. Files have one per run and event type, with a partition per shard."""
    described: list[TopicDescription] = await log_adapter(log).describe_topics(log, settings, TOPICS, TYPES)
    return described
