"""Records that cannot become rows: exactly those are dead letters, whole, and their neighbours are
stored.
"""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compose.native import KafkaCluster
from socialsim.bootstrap.log import TOPICS
from socialsim.events import PLURALS, RECORD_BYTES_MAX, WIRE_NAMES, Event, encode
from socialsim.events.canonical import FREE_TEXTS
from socialsim.testing import MemoryLog
from socialsim.transport.base import TopicPartition
from socialsim.transport.kafka import KafkaLog
from socialsim.warehouse.base import DEAD_LETTER_BYTES_MAX
from socialsim.warehouse.schema.migrate import migrate
from tests.faults.kafka_pipelines import SETTINGS, drain
from tests.faults.marks import one_flavour
from tests.faults.pipelines import SMALL, consume, partition_of, write
from tests.support.account import assert_all_stored, assert_stored, events_of
from tests.warehouse.warehouse_fixtures import WarehouseFixture

SAMPLES = {type(event): event for event in events_of(SMALL)}


def members_of(event: Event) -> dict[str, Any]:
    return msgspec.json.decode(encode(event))  # type: ignore[no-any-return]


def spelled(members: dict[str, Any]) -> bytes:
    return msgspec.json.encode(members)


_NOT_ALLOWED_IN_TEXTS: list[Any] = [None, True, 1.5, 2**64, [], {}, "\0", "x" * 2000]
_NOT_ALLOWED = [*_NOT_ALLOWED_IN_TEXTS, -1, 2**63, -(2**63), 1e308, "", [[1]], {"a": 1}, "2026-13-45"]


def _wrong_value(draw: st.DrawFn, event: Event) -> bytes:
    members = members_of(event)
    name = draw(st.sampled_from(sorted(members)))
    wrong = _NOT_ALLOWED_IN_TEXTS if name in FREE_TEXTS | {"run_id"} else _NOT_ALLOWED
    return spelled(members | {name: draw(st.sampled_from(wrong))})


def _missing(draw: st.DrawFn, event: Event) -> bytes:
    members = members_of(event)
    # it is 1 where it is left out
    del members[draw(st.sampled_from(sorted(members.keys() - {"version"})))]
    return spelled(members)


def _unknown(draw: st.DrawFn, event: Event) -> bytes:
    members = members_of(event)
    return spelled(members | {draw(st.text(min_size=1, max_size=9).filter(lambda name: name not in members)): 1})


def _repeated(draw: st.DrawFn, event: Event) -> bytes:
    """Twice the same member, of which nobody knows which was meant."""
    members = members_of(event)
    name = draw(st.sampled_from(sorted(members)))
    return encode(event)[:-1] + b',"%s":%s}' % (name.encode(), spelled(members[name]))


def _wrong_number(draw: st.DrawFn, event: Event) -> bytes:
    number = draw(st.sampled_from([b"NaN", b"-Infinity", b"1e999", b"-0.5", b"01", b"%d" % 2**64]))
    return encode(event).replace(b'"seq":%d' % event.seq, b'"seq":' + number)


def _not_utf8(draw: st.DrawFn, event: Event) -> bytes:
    broken = draw(st.sampled_from([b"\xff", b"\xc3", b"\xed\xa0\x80"]))
    return encode(event).replace(b'"run_id":"', b'"run_id":"' + broken)


def _too_deep(draw: st.DrawFn, event: Event) -> bytes:
    depth = draw(st.sampled_from([100, 2_000, 30_000]))
    return encode(event)[:-1] + b',"deep":' + b"[" * depth + b"]" * depth + b"}"


def _nul(draw: st.DrawFn, event: Event) -> bytes:
    text = draw(st.sampled_from(["\0", "a\0b"]))
    members = members_of(event)
    name = sorted(FREE_TEXTS & members.keys() or {"device"})[0]
    return spelled(members | {name: text})


_DAMAGES: tuple[Callable[[st.DrawFn, Event], bytes], ...] = (
    _wrong_value,
    _missing,
    _unknown,
    _repeated,
    _wrong_number,
    _not_utf8,
    _too_deep,
    _nul,
    lambda draw, _: draw(st.binary(max_size=200)),
    lambda draw, event: encode(event)[: draw(st.integers(0, len(encode(event)) - 1))],
    lambda draw, event: spelled(members_of(event) | {"version": draw(st.integers(2, 2**70))}),
    lambda draw, event: spelled(
        members_of(event) | {"type": draw(st.sampled_from(["poke", "", "USER", "user\0", *PLURALS.values()]))}
    ),
    lambda draw, event: b" " * draw(st.sampled_from([RECORD_BYTES_MAX, 2 * RECORD_BYTES_MAX])) + encode(event),
    lambda draw, event: draw(
        st.sampled_from([b"null", b"[]", b'""', b"{}", b"1", b"\xef\xbb\xbf{}", encode(event) * 2, b""])
    ),
)


@st.composite
def poison(draw: st.DrawFn) -> tuple[str, bytes]:
    """A record that no topic accepts, made from a real event; in front the plural of the event's
    type.
    """
    event = SAMPLES[draw(st.sampled_from(sorted(SAMPLES, key=lambda kind: kind.__name__)))]
    return PLURALS[WIRE_NAMES[type(event)]], draw(st.sampled_from(_DAMAGES))(draw, event)


class PoisonFaults:
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        poisons=st.lists(poison(), min_size=5, max_size=60),
        step=st.integers(1, 9),
    )
    async def test_exactly_the_poison_is_dead_and_its_neighbours_live(
        self, db: WarehouseFixture, poisons: list[tuple[str, bytes]], step: int
    ) -> None:
        for table in (*PLURALS.values(), "dead_letters", "consumer_offsets"):
            db.change(f"DELETE FROM {table}")
        log = MemoryLog(partitions=2)
        expected: dict[tuple[str, int, int], bytes] = {}
        waiting = list(poisons)
        for number, event in enumerate(events_of(SMALL)):
            write(log, [event])
            if waiting and number % step == 0:
                plural, raw = waiting.pop()
                partition = TopicPartition(plural, number % 2)
                expected[(*partition, len(log.records[partition]))] = raw
                log.append(partition, raw)
        stats = await consume(log, db)
        letters = db.rows("SELECT * FROM dead_letters")
        found = {(row["topic"], row["partition_id"], row["record_offset"]): row["raw"] for row in letters}
        assert found == expected
        assert all(row["raw_sha256"] == hashlib.sha256(row["raw"]).hexdigest() for row in letters)
        assert stats.dead_letters == len(expected) > 0
        assert_all_stored(db, SMALL, dead_letters=len(expected))


class TestSqlite(PoisonFaults):
    @pytest.fixture
    def db(self, tmp_path: Path) -> WarehouseFixture:
        db = WarehouseFixture(f"sqlite:///{tmp_path}/w.sqlite", None)
        migrate(db.url)
        return db


@pytest.mark.slow_faults
class TestMysql(PoisonFaults):
    @pytest.fixture
    def db(self, mysql_db: WarehouseFixture) -> WarehouseFixture:
        return mysql_db


@pytest.fixture
async def roomy_log(kafka: KafkaCluster, topic_prefix: str) -> AsyncIterator[KafkaLog]:
    """Topics that take records of 32 MiB."""
    log = KafkaLog((kafka.bootstrap,), topic_prefix)
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await client.start()
    try:
        room = {"max.message.bytes": str(32 * 1024 * 1024), "retention.ms": "-1"}
        await client.create_topics([NewTopic(log.topic(topic), 2, 1, topic_configs=room) for topic in TOPICS])
        yield log
        await client.delete_topics([log.topic(topic) for topic in TOPICS])
    finally:
        await client.close()


@one_flavour
async def test_a_record_of_20_mb_in_kafka_is_kept_by_its_head_and_its_hash(
    roomy_log: KafkaLog, mysql_db: WarehouseFixture
) -> None:
    huge = b"\xff" * 20_000_000
    events = [event for event in events_of(SMALL) if event.user_id % 2 == 1]
    async with AIOKafkaProducer(
        bootstrap_servers=list(roomy_log.bootstrap), max_request_size=32 * 1024 * 1024
    ) as producer:
        for number, event in enumerate(events):
            topic, partition = partition_of(event, 2)
            await producer.send(roomy_log.topic(topic), encode(event), partition=partition)
            if number in {10, 11, 200}:
                await producer.send_and_wait(roomy_log.topic("pictures"), huge, partition=1)
        await producer.flush()
    stats = await drain(roomy_log, mysql_db, SETTINGS)
    assert stats.dead_letters == 3
    letters = mysql_db.rows("SELECT raw_bytes, raw_sha256, LENGTH(raw) AS kept, error_class FROM dead_letters")
    digest = hashlib.sha256(huge).hexdigest()
    assert [tuple(row.values()) for row in letters] == [(len(huge), digest, DEAD_LETTER_BYTES_MAX, "too_large")] * 3
    assert_stored(mysql_db, tuple(events), dead_letters=3)
