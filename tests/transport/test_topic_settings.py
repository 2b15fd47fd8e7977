"""Topic settings are compared with what simulated events need. Pure."""

import pytest

from socialsim.errors import InputError
from socialsim.transport.kafka.topic_settings import (
    NO_OVERRIDES,
    TOPIC_SETTINGS,
    RecordAges,
    SettingOverrides,
    TopicState,
    compare,
    kafka_tool_command,
    parse_overrides,
    sum_up,
)

DAY_MS = 86_400_000
LONG_MAX = str(2**63 - 1)
PAST = RecordAges(behind_ms=300 * DAY_MS, ahead_ms=0)
NOW = RecordAges(behind_ms=0, ahead_ms=0)
FUTURE = RecordAges(behind_ms=0, ahead_ms=30 * DAY_MS)


def state(copies: int = 1, **settings: str) -> TopicState:
    named = {key.replace("_", "."): value for key, value in settings.items()}
    return TopicState("s.users", (0,), (0,), copies, {**TOPIC_SETTINGS, "min.insync.replicas": "1", **named})


@pytest.mark.parametrize(
    ("settings", "copies", "ages", "expected"),
    [
        ({}, 1, None, []),
        ({}, 1, PAST, []),
        # Retention by time: whether records are lost depends on the run.
        ({"retention_ms": "604800000"}, 1, None, [("retention.ms", "-1", True)]),
        ({"retention_ms": "604800000"}, 1, PAST, [("retention.ms", "-1", True)]),
        ({"retention_ms": "604800000"}, 1, NOW, [("retention.ms", "-1", False)]),
        ({"retention_ms": str(301 * DAY_MS)}, 1, PAST, [("retention.ms", "-1", False)]),
        ({"retention_ms": str(301 * DAY_MS - 1)}, 1, PAST, [("retention.ms", "-1", True)]),
        ({"retention_ms": "0"}, 1, NOW, [("retention.ms", "-1", True)]),
        ({"retention_ms": LONG_MAX}, 1, PAST, []),
        ({"retention_bytes": "1073741824"}, 1, None, [("retention.bytes", "-1", True)]),
        ({"retention_bytes": "1073741824"}, 1, NOW, [("retention.bytes", "-1", True)]),
        ({"cleanup_policy": "compact"}, 1, None, [("cleanup.policy", "delete", True)]),
        ({"cleanup_policy": "compact,delete"}, 1, NOW, [("cleanup.policy", "delete", True)]),
        # Timestamps: the broker refuses records, so none is lost, but such a run is not started.
        ({"message_timestamp_after_max_ms": "3600000"}, 1, None, [("message.timestamp.after.max.ms", LONG_MAX, False)]),
        ({"message_timestamp_after_max_ms": "3600000"}, 1, PAST, []),
        (
            {"message_timestamp_after_max_ms": "3600000"},
            1,
            FUTURE,
            [("message.timestamp.after.max.ms", LONG_MAX, True)],
        ),
        (
            {"message_timestamp_before_max_ms": "86400000"},
            1,
            PAST,
            [("message.timestamp.before.max.ms", LONG_MAX, True)],
        ),
        (
            {"message_timestamp_difference_max_ms": "3600000"},
            1,
            FUTURE,
            [("message.timestamp.difference.max.ms", LONG_MAX, True)],
        ),
        ({"message_timestamp_type": "LogAppendTime"}, 1, PAST, [("message.timestamp.type", "CreateTime", False)]),
        ({"segment_ms": "604800000"}, 1, None, [("segment.ms", "315360000000", False)]),
        ({"segment_ms": "604800000"}, 1, PAST, []),
        ({"max_message_bytes": "100000"}, 1, None, [("max.message.bytes", "1048588", True)]),
        ({"min_insync_replicas": "2"}, 1, None, [("min.insync.replicas", "1", True)]),
        ({"min_insync_replicas": "1"}, 3, None, [("min.insync.replicas", "2", False)]),
        ({"min_insync_replicas": "2"}, 3, None, []),
        ({"unclean_leader_election_enable": "true"}, 1, None, []),
        (
            {"unclean_leader_election_enable": "true", "min_insync_replicas": "2"},
            3,
            None,
            [("unclean.leader.election.enable", "false", False)],
        ),
    ],
)
def test_each_setting_has_its_verdict(
    settings: dict[str, str], copies: int, ages: RecordAges | None, expected: list[tuple[str, str, bool]]
) -> None:
    found = compare(state(copies, **settings), NO_OVERRIDES, ages)
    assert [(each.setting, each.needed, each.refused) for each in found] == expected


def test_unreadable_settings_are_no_deviation() -> None:
    assert compare(state()._replace(settings=None)) == []


def test_a_chosen_value_is_needed_and_its_harm_is_still_reported() -> None:
    overrides = parse_overrides(["retention.ms=604800000", "segment.ms="], only=False)
    assert overrides.settings(3)["retention.ms"] == "604800000"
    assert "segment.ms" not in overrides.settings(3)
    assert overrides.settings(3)["min.insync.replicas"] == "2"
    (kept,) = compare(state(retention_ms="604800000"), overrides)
    assert not kept.refused
    (other,) = compare(state(retention_ms="-1"), overrides)
    assert (other.needed, other.refused) == ("604800000", True)


def test_without_our_settings_only_chosen_ones_are_requested() -> None:
    assert SettingOverrides(only=True).settings(3) == {}
    assert parse_overrides(["retention.ms=-1"], only=True).settings(3) == {"retention.ms": "-1"}
    assert [each.refused for each in compare(state(retention_ms="5"), SettingOverrides(only=True))] == [False]


@pytest.mark.parametrize("text", ["retention.ms", "=5", "retention ms=5", "Retention.ms=5", "retention.ms=5;x", ""])
def test_an_invalid_override_is_named(text: str) -> None:
    with pytest.raises(InputError, match=r"--topic-config is .*KEY=VALUE"):
        parse_overrides([text], only=False)
    with pytest.raises(InputError, match=r"retention\.ms twice"):
        parse_overrides(["retention.ms=1", "retention.ms=2"], only=False)


def test_shared_deviations_appear_once_and_the_command_fixes_one_topic() -> None:
    states = [state(retention_ms="5", cleanup_policy="compact")._replace(name=f"s.{n}") for n in range(5)]
    found = [each for one in states for each in compare(one)]
    text = sum_up(found)
    assert text.count("retention.ms is 5, needed is -1") == 1
    assert "in s.0, s.1, s.2 and 2 more" in text
    line = kafka_tool_command("h:1", found)
    assert line.endswith("--entity-name s.0 --add-config cleanup.policy=delete,retention.ms=-1")
