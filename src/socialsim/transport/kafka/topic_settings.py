"""The topic settings that simulated events need, and the harm of other values. Pure.

Record times are simulated: years in the past or in the future. With a broker's defaults, records
older than a week are deleted at once, records more than an hour ahead are refused, and a segment is
rolled for each simulated week.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from socialsim.errors import InputError

_LONG_MAX: Final = 2**63 - 1
_DAY_MS: Final = 86_400_000
_TEN_YEARS_MS: Final = 10 * 365 * _DAY_MS
#: The largest batch that the writer sends, with room for Kafka's overhead.
BATCH_BYTES_MIN: Final = 300_000

#: The settings of new topics, except for ``min.insync.replicas``, which depends on the replication.
TOPIC_SETTINGS: Final[Mapping[str, str]] = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "message.timestamp.type": "CreateTime",
    "message.timestamp.before.max.ms": str(_LONG_MAX),
    "message.timestamp.after.max.ms": str(_LONG_MAX),
    "segment.ms": str(_TEN_YEARS_MS),
    "max.message.bytes": "1048588",
}
_KEY: Final = re.compile(r"[a-z][a-z0-9]*(?:\.[a-z0-9]+)+")
_VALUE: Final = re.compile(r"[A-Za-z0-9._:,-]*")


class RecordAges(NamedTuple):
    """How far a run's record times are from the wall clock, in milliseconds; never negative."""

    behind_ms: int
    ahead_ms: int


@dataclass(frozen=True, slots=True)
class SettingOverrides:
    """The user's settings. An empty value leaves a setting to the cluster's default.

    With ``only``, no settings other than ``chosen`` are requested.
    """

    chosen: Mapping[str, str] = field(default_factory=dict)
    only: bool = False

    def settings(self, copies: int) -> dict[str, str]:
        """The settings to request for topics with ``copies`` replicas."""
        ours = {} if self.only else {**TOPIC_SETTINGS, "min.insync.replicas": str(max(1, copies - 1))}
        return {key: value for key, value in {**ours, **self.chosen}.items() if value}


NO_OVERRIDES: Final = SettingOverrides()


def parse_overrides(texts: Sequence[str], *, only: bool) -> SettingOverrides:
    """Parse the ``KEY=VALUE`` of ``--topic-config``; ``only`` is ``--no-topic-config``.

    Raises InputError.
    """
    chosen: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not _KEY.fullmatch(key) or not _VALUE.fullmatch(value):
            raise InputError(
                f"--topic-config is {text!r}, allowed is KEY=VALUE such as retention.ms=-1; "
                "KEY= leaves the setting to the cluster"
            )
        if key in chosen:
            raise InputError(f"--topic-config gives {key} twice")
        chosen[key] = value
    return SettingOverrides(chosen, only)


class TopicState(NamedTuple):
    """The state of a topic in the cluster. ``settings`` is None if the user may not read them."""

    name: str  #: with its prefix
    begins: tuple[int, ...]  #: first offset by partition
    ends: tuple[int, ...]  #: end offset by partition
    replication: int
    settings: Mapping[str, str] | None


class Deviation(NamedTuple):
    """A setting with another value than needed; ``refused`` if it would lose or refuse records."""

    topic: str
    setting: str
    value: str
    needed: str
    harm: str
    refused: bool

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.value}, needed is {self.needed} ({self.harm})"


def compare(
    state: TopicState, overrides: SettingOverrides = NO_OVERRIDES, ages: RecordAges | None = None
) -> list[Deviation]:
    """The deviations of ``state`` from what a run with ``ages`` needs; without ``ages``, any run.

    A setting that ``overrides`` choose needs the chosen value; its harm is reported but not
    refused.
    """
    if state.settings is None:
        return []
    found = []
    for setting, value in state.settings.items():
        chosen = overrides.chosen.get(setting)
        rule = _RULES.get(setting)
        verdict = rule(value, state.replication, ages) if rule else None
        if chosen and not _same(value, chosen):
            found.append(Deviation(state.name, setting, value, chosen, "as --topic-config asks", True))
        elif verdict is not None:
            tolerated = chosen is not None or overrides.only
            found.append(Deviation(state.name, setting, value, *verdict[:2], verdict.refused and not tolerated))
    return found


class _Verdict(NamedTuple):
    needed: str
    harm: str
    refused: bool


def _cleanup(value: str, _copies: int, _ages: RecordAges | None) -> _Verdict | None:
    return _Verdict("delete", "compaction keeps one record per user", True) if "compact" in value else None


def _timestamp_type(value: str, _copies: int, _ages: RecordAges | None) -> _Verdict | None:
    if value == "CreateTime":
        return None
    return _Verdict("CreateTime", "other readers see the time of writing, not the event time", False)


def _unclean_election(value: str, copies: int, _ages: RecordAges | None) -> _Verdict | None:
    if value != "true" or copies == 1:
        return None
    return _Verdict("false", "a replica that lags may become the leader, and the records it lacks are lost", False)


def _retention_time(value: str, _copies: int, ages: RecordAges | None) -> _Verdict | None:
    kept_ms = int(value)
    if not 0 <= kept_ms < _LONG_MAX:
        return None
    if ages is None:
        return _Verdict("-1", f"records of events older than {_days(kept_ms)} are deleted", True)
    if kept_ms < ages.behind_ms + _DAY_MS:
        harm = f"events of this run are {_days(ages.behind_ms)} old, those older than {_days(kept_ms)} are deleted"
        return _Verdict("-1", harm, True)
    return _Verdict("-1", f"records are deleted {_days(kept_ms - ages.behind_ms)} from now on", False)


def _retention_size(value: str, _copies: int, _ages: RecordAges | None) -> _Verdict | None:
    if int(value) < 0:
        return None
    return _Verdict("-1", "the oldest records are deleted once a partition is larger", True)


def _oldest(value: str, _copies: int, ages: RecordAges | None) -> _Verdict | None:
    limit_ms = int(value)
    if limit_ms >= (_LONG_MAX if ages is None else ages.behind_ms + _DAY_MS):
        return None
    return _Verdict(str(_LONG_MAX), f"events older than {_days(limit_ms)} are refused", ages is not None)


def _newest(value: str, _copies: int, ages: RecordAges | None) -> _Verdict | None:
    limit_ms = int(value)
    if limit_ms >= (_LONG_MAX if ages is None else ages.ahead_ms):
        return None
    return _Verdict(str(_LONG_MAX), f"events more than {_days(limit_ms)} ahead are refused", ages is not None)


def _oldest_or_newest(value: str, copies: int, ages: RecordAges | None) -> _Verdict | None:
    return _oldest(value, copies, ages) or _newest(value, copies, ages)


def _segment_time(value: str, _copies: int, ages: RecordAges | None) -> _Verdict | None:
    rolled_ms = int(value)
    if rolled_ms >= (_TEN_YEARS_MS if ages is None else _DAY_MS):
        return None
    return _Verdict(str(_TEN_YEARS_MS), f"one segment file per {_days(rolled_ms)} of simulated time", False)


def _message_size(value: str, _copies: int, _ages: RecordAges | None) -> _Verdict | None:
    if int(value) >= BATCH_BYTES_MIN:
        return None
    return _Verdict(TOPIC_SETTINGS["max.message.bytes"], "batches of events are refused", True)


def _copies_in_sync(value: str, copies: int, _ages: RecordAges | None) -> _Verdict | None:
    least, needed = int(value), str(max(1, copies - 1))
    if least > copies:
        return _Verdict(needed, f"with {copies} replicas no record is ever acknowledged", True)
    if copies > 2 and least < 2:
        return _Verdict(needed, "records that only the leader has are lost with it", False)
    return None


#: The rule of each setting: for a bad value the needed one, the harm, and whether it is refused.
_RULES: Final[Mapping[str, Callable[[str, int, RecordAges | None], _Verdict | None]]] = {
    "cleanup.policy": _cleanup,
    "retention.ms": _retention_time,
    "retention.bytes": _retention_size,
    "message.timestamp.type": _timestamp_type,
    "message.timestamp.before.max.ms": _oldest,
    "message.timestamp.after.max.ms": _newest,
    "message.timestamp.difference.max.ms": _oldest_or_newest,  # of brokers before 3.6
    "segment.ms": _segment_time,
    "max.message.bytes": _message_size,
    "min.insync.replicas": _copies_in_sync,
    "unclean.leader.election.enable": _unclean_election,
}


def _same(value: str, chosen: str) -> bool:
    return value == chosen or sorted(value.split(",")) == sorted(chosen.split(","))


def _days(milliseconds: int) -> str:
    if milliseconds < _DAY_MS:
        return f"{milliseconds / 3_600_000:.3g} h"
    return f"{milliseconds / _DAY_MS:,.0f} days"


def kafka_tool_command(bootstrap: str, deviations: Iterable[Deviation]) -> str:
    """The command of Kafka's tools that fixes the first topic of ``deviations``, at least one."""
    all_of_them = list(deviations)
    topic = all_of_them[0].topic
    pairs = ",".join(
        f"{each.setting}=[{each.needed}]" if "," in each.needed else f"{each.setting}={each.needed}"
        for each in all_of_them
        if each.topic == topic
    )
    return (
        f"kafka-configs.sh --bootstrap-server {bootstrap} --alter --entity-type topics --entity-name {topic} "
        f"--add-config {pairs}"
    )


def sum_up(deviations: Sequence[Deviation], topics_max: int = 3) -> str:
    """Format deviations for a message; a deviation that several topics share appears once."""
    by_kind: dict[tuple[str, str, str, str], list[str]] = {}
    for each in deviations:
        by_kind.setdefault((each.setting, each.value, each.needed, each.harm), []).append(each.topic)
    parts = []
    for (setting, value, needed, harm), topics in by_kind.items():
        more = f" and {len(topics) - topics_max} more" if len(topics) > topics_max else ""
        named = ", ".join(topics[:topics_max]) + more
        parts.append(f"{setting} is {value}, needed is {needed} ({harm}) in {named}")
    return "; ".join(parts)
