"""``socialsim topics``: creates, alters and describes the event log's topics."""

import asyncio
import logging
from typing import Annotated, Final

import typer

from socialsim.bootstrap.log import alter_topics, create_topics, describe_topics
from socialsim.bootstrap.registry import choose_values, push_subjects, require_compatible
from socialsim.cli.options import LOG_URL_DEFAULT, RegistryOption, Session, ToOption, ValueFormatOption
from socialsim.cli.output import Cell, show, table
from socialsim.transport.base import TopicDescription
from socialsim.transport.urls import KafkaUrl, parse_log_url

logger = logging.getLogger(__name__)

TopicConfigOption = Annotated[
    list[str] | None,
    typer.Option(
        "--topic-config",
        metavar="KEY=VALUE",
        envvar="SOCIALSIM_TOPIC_CONFIG",
        help="topic setting KEY=VALUE, repeatable; KEY= leaves it to the cluster",
    ),
]
NoTopicConfigOption = Annotated[
    bool,
    typer.Option(
        "--no-topic-config",
        envvar="SOCIALSIM_NO_TOPIC_CONFIG",
        help="set only what --topic-config names",
    ),
]
_SHOWN: Final = ("cleanup.policy", "retention.ms", "retention.bytes")
app = typer.Typer(
    help="Create, alter or describe the Kafka topics of the event log.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("create")
def create(
    context: typer.Context,
    *,
    to: ToOption = LOG_URL_DEFAULT,
    partitions: Annotated[
        int, typer.Option("--partitions", envvar="SOCIALSIM_PARTITIONS", min=1, max=10_000, help="partitions per topic")
    ] = 16,
    replication: Annotated[
        int | None,
        typer.Option(
            "--replication",
            envvar="SOCIALSIM_REPLICATION",
            min=1,
            help="replicas; default 3, or the number of brokers if fewer",
        ),
    ] = None,
    topic_config: TopicConfigOption = None,
    no_topic_config: NoTopicConfigOption = False,
    registry: RegistryOption = None,
    value_format: ValueFormatOption = None,
) -> None:
    """Create missing topics; refuse existing ones that would lose records of simulated time.

    With --registry, also register the schemas of their values.
    """
    session: Session = context.obj
    log = parse_log_url(to, "--to")
    values = choose_values(log, registry, value_format, None)
    schemas = (
        (log, values.registry, values.format)
        if values.registry is not None and values.format != "json" and isinstance(log, KafkaUrl)
        else None
    )
    if schemas is not None:  # a schema that would be refused must leave no topics behind
        require_compatible(*schemas, session.settings)
    created = asyncio.run(
        create_topics(
            log,
            session.settings,
            partitions=partitions,
            replication=replication,
            topic_config=topic_config or (),
            no_topic_config=no_topic_config,
        )
    )
    if created is None:
        show(f"{log} needs no topics: run creates its files")
        return
    if created.warnings:
        logger.warning("%s", created.warnings)
    names = created.names
    show(f"created {len(names)}: {', '.join(names)}" if names else "created none: all exist with the required settings")
    if schemas is not None:
        subjects = push_subjects(*schemas, session.settings)
        new = [each.name for each in subjects if each.is_new]
        show(f"registered {len(new)}: {', '.join(new)}" if new else "registered none: all schemas are registered")


@app.command("alter")
def alter(
    context: typer.Context,
    *,
    to: ToOption = LOG_URL_DEFAULT,
    topic_config: TopicConfigOption = None,
    no_topic_config: NoTopicConfigOption = False,
) -> None:
    """Set what simulated events need in existing topics; leave other settings alone."""
    session: Session = context.obj
    log = parse_log_url(to, "--to")
    changed = asyncio.run(
        alter_topics(log, session.settings, topic_config=topic_config or (), no_topic_config=no_topic_config)
    )
    if changed is None:
        show(f"{log} has no topics to alter")
    elif changed:
        show(table(("topic", "setting", "was", "is"), changed))
    else:
        show("altered none: all have the required settings")


@app.command("describe")
def describe(context: typer.Context, *, to: ToOption = LOG_URL_DEFAULT) -> None:
    """List topics with partitions, replicas, records and settings, and what is unfit."""
    session: Session = context.obj
    log = parse_log_url(to, "--to")
    described = asyncio.run(describe_topics(log, session.settings))
    headers = ["topic", "partitions", "replication", "records"]
    if known := any(each.settings is not None for each in described):
        headers += [*_SHOWN, "verdict"]
    rows: list[list[Cell]] = []
    for each in described:
        row: list[Cell] = [each.topic, each.partitions, each.replication, each.records]
        if known:
            row += [*((each.settings or {}).get(key, "?") for key in _SHOWN), verdict(each)]
        rows.append(row)
    show(table(headers, rows))
    faults: dict[str, list[str]] = {}
    for each in described:
        for fault in each.faults:
            faults.setdefault(fault, []).append(each.topic)
    if faults:
        lines = [f"{fault} ({', '.join(topics)})" for fault, topics in faults.items()]
        show("\n".join(["", *lines, f"`socialsim topics alter --to {log}` sets what is needed"]))


def verdict(topic: TopicDescription) -> str:
    """A short verdict on a topic's settings."""
    if topic.settings is None:
        return "not readable"
    return "not as needed" if topic.faults else "ok"
