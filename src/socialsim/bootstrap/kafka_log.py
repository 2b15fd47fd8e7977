"""The event log in Kafka; ``file_log`` offers the same functions."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from socialsim.bootstrap import secrets
from socialsim.bootstrap.kafka_run import KafkaRun
from socialsim.bootstrap.opening import LeadOptions, OpenedRun
from socialsim.runs.directory import RunDirectory, RunManifests, RunRecord
from socialsim.scenario.model import Scenario
from socialsim.settings import Settings
from socialsim.transport import kafka
from socialsim.transport.base import EventReader, EventWriter, RunInfo, TopicDescription
from socialsim.transport.urls import KafkaUrl


def cluster_of(log: KafkaUrl, settings: Settings) -> kafka.KafkaLog:
    """The cluster with the credentials of the settings.

    Raises InputError for contradictory ones.
    """
    token = settings.secret("KAFKA_TOKEN")
    token_file = secrets.path(settings, "KAFKA_TOKEN_FILE")
    security = kafka.KafkaSecurity(
        protocol=settings.text("KAFKA_SECURITY_PROTOCOL") or "PLAINTEXT",  # type: ignore[arg-type]  # checked by the class
        mechanism=settings.text("KAFKA_SASL_MECHANISM") or "SCRAM-SHA-512",  # type: ignore[arg-type]
        username=settings.text("KAFKA_USERNAME"),
        password=secrets.password(settings, "KAFKA_PASSWORD"),
        cafile=secrets.path(settings, "KAFKA_CAFILE"),
        certfile=secrets.path(settings, "KAFKA_CERTFILE"),
        keyfile=secrets.path(settings, "KAFKA_KEYFILE"),
        key_password=secrets.password(settings, "KAFKA_KEY_PASSWORD"),
        token=None if token is None else kafka.Token(None if token_file else token.reveal(), token_file),
    )
    return kafka.KafkaLog(log.bootstrap, log.topic_prefix, security)


def open_reader(
    log: KafkaUrl,
    settings: Settings,
    types: Mapping[str, str],
    *,
    group: str | None,
    run_id: str | None,  # noqa: ARG001 - runs share the topics
    session_timeout_s: float,
) -> EventReader:
    """A reader of all topics. Without a ``group`` it reads every partition itself."""
    return kafka.KafkaReader(cluster_of(log, settings), types, group=group, session_timeout_s=session_timeout_s)


async def create_topics(
    log: KafkaUrl,
    settings: Settings,
    topics: Sequence[str],
    *,
    partitions: int,
    replication: int | None,
    topic_config: Sequence[str],
    no_topic_config: bool,
) -> tuple[list[str], str]:
    """Create the missing topics. Returns their names, and warnings about existing ones."""
    made = await kafka.create_topics(
        cluster_of(log, settings),
        topics,
        partitions=partitions,
        replication=replication,
        overrides=kafka.parse_overrides(topic_config, only=no_topic_config),
    )
    return made.names, kafka.sum_up(made.warnings)


async def alter_topics(
    log: KafkaUrl, settings: Settings, topics: Sequence[str], *, topic_config: Sequence[str], no_topic_config: bool
) -> list[tuple[str, str, str, str]]:
    """Apply the required settings. Returns topic, setting, old and new value of each change."""
    overrides = kafka.parse_overrides(topic_config, only=no_topic_config)
    changed = await kafka.alter_topics(cluster_of(log, settings), topics, overrides=overrides)
    return [(each.topic, each.setting, each.value, each.needed) for each in changed]


async def describe_topics(
    log: KafkaUrl, settings: Settings, topics: Sequence[str], _types: Mapping[str, str]
) -> list[TopicDescription]:
    """Describe the existing topics."""
    return await kafka.describe_topics(cluster_of(log, settings), topics)


def read_identities(log: KafkaUrl, settings: Settings, topics: Sequence[str]) -> dict[str, str]:
    """Map topics to ids, which differ between topics of one name.

    Raises ServiceUnavailableError.
    """
    found = asyncio.run(kafka.read_topics(cluster_of(log, settings), topics))
    return {name: each.identity for name, each in found.topics.items() if each.identity}


@contextmanager
def open_run(
    log: KafkaUrl,
    settings: Settings,
    info: RunInfo,
    scenario: Scenario,
    directory: RunDirectory,
    *,
    known: RunRecord | None,
    replaced: bool,
    options: LeadOptions,
) -> Iterator[OpenedRun]:
    """Open the run in its topics, by the record of a previous attempt and the topics' offsets."""
    run = KafkaRun(cluster_of(log, settings), info.topics, info.types, directory, scenario)
    state, extent = run.open(
        known, options.now_us, replaced=replaced, again=options.again, live=options.live, check=options.check_topics
    )
    yield OpenedRun(state, extent, partial(_make_writer, run.cluster, info), partial(run.seal, extent))


# At module level because spawned processes unpickle it by name.
def _make_writer(cluster: kafka.KafkaLog, info: RunInfo, manifests: RunManifests, shards: range) -> EventWriter:
    acknowledged = {shard: manifests.acknowledged_seq(shard) for shard in shards}
    return kafka.KafkaWriter(cluster, info, shards, acknowledged=acknowledged)
