"""The composition root: the only place that chooses between Kafka and files, MySQL and SQLite, by a URL's scheme.

Drivers are imported where they are chosen, so that a command loads only what it uses.
"""

import asyncio
import dataclasses
import functools
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from socialsim.errors import InputError, LogCorruptError, RunConflictError, SocialsimError
from socialsim.events import PLURALS, Event
from socialsim.scenario.model import STREAM_VERSION, Scenario
from socialsim.settings import Settings
from socialsim.transport.base import (
    EventReader,
    EventWriter,
    RunInfo,
    TopicDescription,
    TopicPartition,
)
from socialsim.transport.urls import FileUrl, LogUrl, parse_log_url
from socialsim.warehouse.base import Warehouse
from socialsim.warehouse.urls import SqliteTarget, WarehouseTarget, parse_warehouse_url

if TYPE_CHECKING:
    from socialsim.monitoring import ConsumerTelemetry, KpiTelemetry, RunTelemetry
    from socialsim.runs.directory import RunDirectory, RunManifests, RunRecord
    from socialsim.runs.extent import LogExtent
    from socialsim.simulation.event_sink import EventObserver
    from socialsim.simulation.process import Pacer, Progress
    from socialsim.simulation.supervisor import RunResult, StopSignal
    from socialsim.transport.kafka import KafkaLog
    from socialsim.warehouse.dead_letters import DeadLetters

    _RunState = Literal["new", "unfinished", "complete"]
    _WriterMaker = Callable[[RunManifests, range], EventWriter]

logger = logging.getLogger(__name__)

TOPICS: Final = tuple(PLURALS.values())
_TYPES: Final = {topic: name for name, topic in PLURALS.items()}
SESSION_TIMEOUT_S: Final = 45.0  #: how long a consumer group in Kafka waits for a silent member, unless told otherwise
_RESTARTS_MAX: Final = 3  #: a process that dies as often is not a matter of chance
#: Whether a log is the one that a run was written into, another, or one whose topics were deleted since.
_Holding = Literal["same", "replaced", "other"]
_GROUP: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

# ruff: noqa: PLC0415 - see the module's text


@dataclass(frozen=True, slots=True)
class LedRun:
    """A run that this process, and no other, may write until the end of the ``with`` statement."""

    state: Literal["new", "unfinished", "complete"]
    writer_factory: Callable[[range], EventWriter]  #: opens the log for some of the shards, in any process
    books: "RunManifests"
    complete: Callable[[], None]  #: to be called once everything is durable
    observer_factory: "Callable[[range], EventObserver]"  #: for the process that hosts some of the shards


def parse_log(url: str, place: str) -> LogUrl:
    """The event log that ``url`` names; ``place`` is the option it came by. Raises InputError."""
    return parse_log_url(url, place)


def check_group(group: str) -> str:
    """``group`` if it can be a consumer group's name. Raises InputError."""
    if not _GROUP.fullmatch(group):
        raise InputError(f"--group is {group!r}, allowed are 1 to 64 letters, digits, '.', '_' and '-'")
    return group


def runs_root(log: LogUrl, settings: Settings) -> Path:
    """Where the books of the runs into ``log`` lie: ``SOCIALSIM_RUNS``, or ``runs`` beside the event files."""
    from socialsim.runs.directory import DEFAULT_ROOT

    chosen = settings.text("RUNS")
    if chosen is not None:
        return Path(chosen)
    return log.path.parent / "runs" if isinstance(log, FileUrl) else DEFAULT_ROOT


def begun_run(log: LogUrl, settings: Settings, run_id: str) -> tuple[Scenario, LogUrl]:
    """What the run ``run_id`` simulates, and into which log. ``log`` tells where its books are. Raises InputError."""
    from socialsim.runs.directory import RunDirectory, list_runs

    root = runs_root(log, settings)
    record = RunDirectory(root, run_id).read_record()
    if record is None:
        known = ", ".join(list_runs(root)) or "no run at all"
        raise InputError(f"--resume is {run_id!r}, but {root} knows {known}")
    _check_stream(record, root / run_id)
    return record.scenario, parse_log(record.log, f"log in {root / run_id}")


def _check_stream(record: "RunRecord", path: Path) -> None:
    """Only who makes the same bytes can go on with a run. Raises RunConflictError."""
    if record.stream_version != STREAM_VERSION:
        raise RunConflictError(
            f"run {record.run_id}: {path} is of stream version {record.stream_version}, this socialsim makes version "
            f"{STREAM_VERSION}, other bytes from the same scenario; go on with the socialsim that began it, or simulate "
            "anew under another --run-id"
        )


@dataclass(frozen=True, slots=True)
class LeadOptions:
    """How a run is begun or gone on with. ``now_us`` is the wall clock, microseconds since the epoch."""

    now_us: int
    again: bool = False  #: simulate everything once more, whatever the books say
    live: bool = False  #: events come as time goes by, none is ahead of it
    check_topics: bool = True  #: refuse topics that would lose or refuse records, and do not only warn


@contextmanager
def lead_run(
    log: LogUrl, settings: Settings, run_id: str, scenario: Scenario, options: LeadOptions
) -> Iterator[LedRun]:
    """Make the run ready to be written, or to be gone on with.

    Its books lie in the directory ``SOCIALSIM_RUNS``, by default ``runs`` beside the event files. Raises
    RunConflictError if the id is of another scenario or being written, InputError, also for topics that are unfit, and
    TerminalError for a complete run of which the log has lost records.
    """
    from socialsim.oracle.files import SpillingCollector
    from socialsim.runs.directory import RunDirectory, RunManifests, RunRecord

    directory = RunDirectory(runs_root(log, settings), run_id).lead()
    try:
        record = directory.read_record()
        if record is not None and record.scenario != scenario:
            raise RunConflictError(
                f"run {run_id}: {directory.path} holds the books of another scenario; choose another --run-id"
            )
        if record is not None:
            _check_stream(record, directory.path)
        topics = _topic_identities(log, settings)
        holding: _Holding = "other" if record is None else _holds(record, log, topics)
        known = None if holding == "other" else record
        info = RunInfo(
            run_id,
            scenario.shards,
            TOPICS,
            _TYPES,
            stream_version=STREAM_VERSION,
            scenario_digest=scenario.digest,
        )
        opened = _opened(
            log, settings, info, scenario, directory, known=known, replaced=holding == "replaced", options=options
        )
        with opened as (state, extent, make_writer, seal):
            began = RunRecord(
                run_id=run_id,
                log=str(log),
                scenario=scenario,
                stream_version=STREAM_VERSION,
                topics=topics,
                extent=extent,
            )
            if state == "complete":
                _require_books(directory, scenario, log)
            else:
                directory.write_record(began)
                directory.delete_truth()
            if state == "new":
                # After the record: books of another life beside this life's record would tell of what is not there.
                directory.forget_manifests(scenario.shards)
            books = RunManifests(directory, resumed=state == "unfinished" and known is not None)
            done = False

            def complete() -> None:
                nonlocal done
                _keep_truth(directory, scenario, sealed=True)
                directory.write_record(msgspec.structs.replace(began, state="complete", extent=seal()))
                directory.delete_columns()
                done = True

            observer_factory = functools.partial(SpillingCollector, directory.columns_path)
            yield LedRun(state, functools.partial(make_writer, books), books, complete, observer_factory)
            if state != "complete" and not done:
                _keep_truth(directory, scenario, sealed=False)
                directory.delete_columns()
                directory.write_record(msgspec.structs.replace(began, state="stopped"))
    finally:
        directory.release()


def _topic_identities(log: LogUrl, settings: Settings) -> dict[str, str]:
    """What tells the topics of a log in Kafka from later ones of their names; empty for files, which tell it themselves.

    Raises ServiceUnavailableError.
    """
    if isinstance(log, FileUrl):
        return {}
    from socialsim.transport.kafka import read_topics

    found = asyncio.run(read_topics(_kafka(log, settings), TOPICS))
    return {name: each.identity for name, each in found.topics.items() if each.identity}


def _holds(record: "RunRecord", log: LogUrl, topics: Mapping[str, str]) -> "_Holding":
    """Whether ``log`` is the one that the run was written into, by the topics' identities where they are known."""
    if not record.topics or record.topics == topics:
        return "same" if record.topics or record.log == str(log) else "other"
    return "replaced" if record.log == str(log) else "other"


def _require_books(directory: "RunDirectory", scenario: Scenario, log: LogUrl) -> None:
    """A run that its log calls complete must have its books too. Raises RunConflictError."""
    record = directory.read_record()
    manifests = [directory.read_manifest(shard) for shard in range(scenario.shards)]
    if record is None or any(each is None or not each.sealed for each in manifests):
        raise RunConflictError(
            f"run {directory.run_id} is complete in {log}, but its books are not in {directory.path}: it cannot be "
            "verified. Simulate it under another --run-id, or point SOCIALSIM_RUNS to its books"
        )
    if record.state != "complete":  # its process died between the two
        directory.write_record(msgspec.structs.replace(record, state="complete"))


def _keep_truth(directory: "RunDirectory", scenario: Scenario, *, sealed: bool) -> None:
    """Join what the processes have seen to the run's true KPIs."""
    from socialsim.oracle import make_truth
    from socialsim.oracle.files import read_chunks

    truth = make_truth(scenario, directory.run_id, read_chunks(directory.columns_path), sealed=sealed)
    books = [directory.read_manifest(shard) for shard in range(scenario.shards)]
    booked = sum(tally.count for each in books if each is not None for tally in each.tallies.values())
    if truth.events != booked:
        raise LogCorruptError(
            f"{directory.columns_path} holds {truth.events} events and the manifests {booked}; "
            f"the run's true KPIs cannot be told: run --resume {directory.run_id} simulates it again"
        )
    directory.write_truth(truth)


@contextmanager
def _opened(
    log: LogUrl,
    settings: Settings,
    info: RunInfo,
    scenario: Scenario,
    directory: "RunDirectory",
    *,
    known: "RunRecord | None",
    replaced: bool,
    options: LeadOptions,
) -> "Iterator[tuple[_RunState, LogExtent | None, _WriterMaker, Callable[[], LogExtent | None]]]":
    """The run in its log: its state, where it begins, how to write to it, and what marks it complete there.

    Files know their own state. Kafka does not, so what was written down of an earlier life into the same log tells,
    and where the run lies is held against what the log still has.
    """
    if isinstance(log, FileUrl):
        from socialsim.transport.files import create_run

        if options.again:
            raise InputError("--again is for runs into Kafka, whose log can lose records that files keep")
        with create_run(log.path, info, scenario.to_json()) as run:

            def seal() -> None:
                run.complete()

            yield run.state, None, functools.partial(_file_writer, log.path, info), seal
        return
    from socialsim.kafka_runs import KafkaRun

    run_in_kafka = KafkaRun(_kafka(log, settings), TOPICS, _TYPES, directory, scenario)
    state, extent = run_in_kafka.open(
        known, options.now_us, replaced=replaced, again=options.again, live=options.live, check=options.check_topics
    )
    writer = functools.partial(_kafka_writer, run_in_kafka.cluster, info)
    yield state, extent, writer, functools.partial(run_in_kafka.seal, extent)


# Functions of the module, not closures: processes that are spawned get them by name.


def _file_writer(root: Path, info: RunInfo, _books: "RunManifests", shards: range) -> EventWriter:
    from socialsim.transport.files import FileWriter

    return FileWriter(root, info, shards)


def _kafka_writer(cluster: "KafkaLog", info: RunInfo, books: "RunManifests", shards: range) -> EventWriter:
    from socialsim.transport.kafka import KafkaWriter

    acknowledged = {shard: books.acknowledged_seq(shard) for shard in shards}
    return KafkaWriter(cluster, info, shards, acknowledged=acknowledged)


def open_reader(
    log: LogUrl,
    settings: Settings,
    *,
    group: str | None,
    run_id: str | None,
    session_timeout_s: float = SESSION_TIMEOUT_S,
) -> EventReader:
    """A reader that is not started. ``group`` None reads every partition alone; ``run_id`` narrows what files are read.

    ``session_timeout_s`` is how long a group waits for a silent member; files know no group.
    """
    if isinstance(log, FileUrl):
        from socialsim.transport.files import FileReader

        return FileReader(log.path, run_id=run_id)
    from socialsim.transport.kafka import KafkaReader

    return KafkaReader(_kafka(log, settings), _TYPES, group=group, session_timeout_s=session_timeout_s)


def is_new_warehouse(url: str, settings: Settings) -> bool:
    """Whether opening the warehouse would make it: an SQLite file that is not there yet. Raises InputError."""
    target = warehouse_target(url, settings)
    return isinstance(target, SqliteTarget) and not target.path.exists()


def open_warehouse(url: str, settings: Settings) -> Warehouse:
    """A warehouse that is not open. The embedded one gets its tables here; MySQL's are made by ``migrate`` alone."""
    target = warehouse_target(url, settings)
    if isinstance(target, SqliteTarget):
        from socialsim.warehouse.schema.migrate import migrate as migrate_warehouse
        from socialsim.warehouse.sqlite.warehouse import SqliteWarehouse

        migrate_warehouse(url)
        return SqliteWarehouse(target.path)
    from socialsim.warehouse.mysql.warehouse import MysqlWarehouse

    return MysqlWarehouse(target, _password(settings, "MYSQL_PASSWORD"))


def migrate(url: str, settings: Settings) -> str:
    """Bring the warehouse's tables up to date and return their revision.

    If ``SOCIALSIM_MYSQL_MIGRATOR`` names a user, he does it, and then gives the URL's user, who writes, and
    ``SOCIALSIM_MYSQL_READER`` the rights that they need and no others.
    """
    from socialsim.warehouse.mysql.grants import apply_grants
    from socialsim.warehouse.schema.migrate import migrate as migrate_warehouse

    target = warehouse_target(url, settings)
    migrator = settings.text("MYSQL_MIGRATOR")
    if isinstance(target, SqliteTarget):
        return migrate_warehouse(url)
    if migrator is None:
        return migrate_warehouse(target.url, _password(settings, "MYSQL_PASSWORD"))
    acting = dataclasses.replace(target, user=migrator)
    password = _password(settings, "MYSQL_MIGRATOR_PASSWORD")
    revision = migrate_warehouse(acting.url, password)
    apply_grants(acting, password, writer=target.user, reader=settings.text("MYSQL_READER"))
    return revision


def open_dead_letters(url: str, settings: Settings) -> "DeadLetters":
    """The warehouse's dead letters, to be looked at and replayed. Raises InputError, SchemaOutdatedError."""
    from socialsim.warehouse.dead_letters import DeadLetters

    return DeadLetters(*warehouse_access(url, settings))


def warehouse_target(url: str, settings: Settings) -> WarehouseTarget:
    """The warehouse that ``url`` names. What it does not say of TLS, SOCIALSIM_MYSQL_TLS and _CAFILE do.

    Raises InputError.
    """
    target = parse_warehouse_url(url)
    if isinstance(target, SqliteTarget) or "tls=" in url.partition("?")[2]:
        return target
    cafile = settings.text("MYSQL_CAFILE")
    tls = settings.text("MYSQL_TLS") or ("off" if cafile is None else "on")
    if tls not in ("on", "off"):
        raise InputError(f"SOCIALSIM_MYSQL_TLS is {tls!r}, allowed are on and off")
    if cafile is not None and tls == "off":
        raise InputError("SOCIALSIM_MYSQL_CAFILE is set, but SOCIALSIM_MYSQL_TLS is off")
    if tls == "off":
        return target
    return dataclasses.replace(target, tls="on", tls_ca=None if cafile is None else Path(cafile))


def warehouse_access(url: str, settings: Settings) -> tuple[str, str | None]:
    """The whole URL and the password, for those who open an engine of their own. Raises InputError."""
    target = warehouse_target(url, settings)
    return (url, None) if isinstance(target, SqliteTarget) else (target.url, _password(settings, "MYSQL_PASSWORD"))


def look_command(url: str) -> str:
    """A shell command that shows something of what the warehouse holds."""
    target = parse_warehouse_url(url)
    query = "SELECT country, COUNT(*) FROM users GROUP BY country ORDER BY 2 DESC LIMIT 5"
    if isinstance(target, SqliteTarget):
        return f'sqlite3 {target.path} "{query}"'
    return f'mysql -h {target.host} -P {target.port} -u {target.user} -p -D {target.database} -e "{query}"'


@dataclass(frozen=True, slots=True)
class TopicsMade:
    """What ``create_topics`` did: the topics' full names, and what is told of those that are there."""

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
    """Make the missing topics; None for a log that needs none. Raises InputError, also for those that are unfit."""
    if isinstance(log, FileUrl):
        return None
    from socialsim.transport import kafka

    made = await kafka.create_topics(
        _kafka(log, settings),
        TOPICS,
        partitions=partitions,
        replication=replication,
        wishes=kafka.parse_wishes(topic_config, only=no_topic_config),
    )
    return TopicsMade(made.names, kafka.sum_up(made.warnings))


async def alter_topics(
    log: LogUrl, settings: Settings, *, topic_config: Sequence[str] = (), no_topic_config: bool = False
) -> list[tuple[str, str, str, str]] | None:
    """Set what is not as needed; topic, setting, old and new value of each change. None for a log without topics."""
    if isinstance(log, FileUrl):
        return None
    from socialsim.transport import kafka

    wishes = kafka.parse_wishes(topic_config, only=no_topic_config)
    changed = await kafka.alter_topics(_kafka(log, settings), TOPICS, wishes=wishes)
    return [(each.topic, each.setting, each.value, each.needed) for each in changed]


async def describe_topics(log: LogUrl, settings: Settings) -> list[TopicDescription]:
    """The topics as they stand. Of files, a topic of each run; its partitions are the run's shards."""
    if not isinstance(log, FileUrl):
        from socialsim.transport import kafka

        return await kafka.describe_topics(_kafka(log, settings), TOPICS)
    reader = open_reader(log, settings, group=None, run_id=None)
    try:
        await reader.start(from_the_beginning, pass_over)
        ends = await reader.end_offsets()
    finally:
        await reader.close()
    topics: dict[str, list[int]] = {}
    for partition, end in sorted(ends.items()):
        topics.setdefault(partition.topic, []).append(end)
    return [TopicDescription(topic, len(each), 1, sum(each)) for topic, each in topics.items()]


async def from_the_beginning(partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
    """Positions for a reader that reads everything once."""
    return dict.fromkeys(partitions, 0)


async def pass_over(partitions: Sequence[TopicPartition]) -> None:
    """For a reader whose caller keeps nothing per partition that could become void."""


def choose_processes(users: int, cores: int) -> int:
    """See socialsim.simulation.supervisor."""
    from socialsim.simulation import supervisor

    return supervisor.choose_processes(users, cores)


def simulate(scenario: Scenario, run_id: str) -> Iterator[Event]:
    """See socialsim.simulate."""
    from socialsim.simulation.iterate import simulate as simulate_events

    return simulate_events(scenario, run_id)


def run_simulation(
    scenario: Scenario,
    run_id: str,
    led: LedRun,
    *,
    processes: int,
    pacer: "Pacer | None",
    on_progress: "Callable[[Progress], None]",
    stop: "StopSignal",
    drain_timeout_s: float,
    on_restart: Callable[[], None] = lambda: None,
) -> "RunResult":
    """Simulate into the run's writers. ``on_restart`` is called when a process died and all begin again.

    Asked to ``stop``, it waits for the log no longer than ``drain_timeout_s``.
    """
    from socialsim.simulation import supervisor

    def note_restart(error: SocialsimError) -> None:
        logger.warning("%s; starting all again from what is durable", error)
        on_restart()

    return supervisor.run(
        scenario,
        run_id=run_id,
        processes=processes,
        equipment=supervisor.RunDependencies(
            led.writer_factory,
            led.books,
            pacer,
            led.observer_factory,
            drain_timeout_s,
        ),
        on_progress=on_progress,
        stop=stop,
        restarts_max=_RESTARTS_MAX,
        on_restart=note_restart,
    )


def consumer_view() -> "ConsumerTelemetry":
    """What a consumer's metrics and health are made of, see socialsim.monitoring."""
    from socialsim.monitoring import ConsumerTelemetry

    return ConsumerTelemetry()


def kpi_view() -> "KpiTelemetry":
    """What the metrics and health of ``kpi --follow`` are made of, see socialsim.monitoring."""
    from socialsim.monitoring import KpiTelemetry

    return KpiTelemetry()


def make_pacer(scenario: Scenario, speed: float | None, *, then_live: bool) -> "Pacer | None":
    """What ties a run to the wall clock; None: nothing does, it goes at full speed."""
    from socialsim.simulation.pacing import LivePacer, WallPacer

    if then_live:
        return LivePacer()
    return None if speed is None else WallPacer(speed, scenario.start_us)


def run_view(run_id: str, scenario: Scenario, speed: float | None) -> "RunTelemetry":
    """What a run's metrics and health are made of, see socialsim.monitoring."""
    from socialsim.monitoring import RunTelemetry

    return RunTelemetry(run_id, scenario.start_us, speed)


def _password(settings: Settings, name: str) -> str | None:
    secret = settings.secret(name)
    return None if secret is None else secret.reveal()


def _path(settings: Settings, name: str) -> Path | None:
    text = settings.text(name)
    return None if text is None else Path(text)


def _kafka(log: LogUrl, settings: Settings) -> "KafkaLog":
    from socialsim.transport.kafka import KafkaLog, KafkaSecurity, Token

    if isinstance(log, FileUrl):
        raise TypeError(f"{log} is not in Kafka")
    token = settings.secret("KAFKA_TOKEN")
    token_file = _path(settings, "KAFKA_TOKEN_FILE")
    security = KafkaSecurity(
        protocol=settings.text("KAFKA_SECURITY_PROTOCOL") or "PLAINTEXT",  # type: ignore[arg-type]  # it checks them
        mechanism=settings.text("KAFKA_SASL_MECHANISM") or "SCRAM-SHA-512",  # type: ignore[arg-type]
        username=settings.text("KAFKA_USERNAME"),
        password=_password(settings, "KAFKA_PASSWORD"),
        cafile=_path(settings, "KAFKA_CAFILE"),
        certfile=_path(settings, "KAFKA_CERTFILE"),
        keyfile=_path(settings, "KAFKA_KEYFILE"),
        key_password=_password(settings, "KAFKA_KEY_PASSWORD"),
        token=None if token is None else Token(None if token_file else token.reveal(), token_file),
    )
    return KafkaLog(log.bootstrap, log.topic_prefix, security)
