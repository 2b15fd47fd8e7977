"""The parts of the Kafka log that need no broker: partitions, bookkeeping, settings."""

import pickle
from pathlib import Path

import pytest
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import given
from hypothesis import strategies as st

from socialsim.errors import InputError
from socialsim.transport.base import Record
from socialsim.transport.kafka import KafkaLog, KafkaSecurity
from socialsim.transport.kafka.partitioner import UserHashes, murmur2, user_hash
from socialsim.transport.kafka.unacked import PartitionQueue, UnackedRecords


@pytest.mark.parametrize(
    ("key", "signed"),
    [  # from the tests of Kafka's own Java client
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_equals_javas(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % 2**32


@given(st.binary(max_size=40))
def test_murmur2_equals_aiokafkas(key: bytes) -> None:
    assert murmur2(key) == aiokafka_murmur2(key)


@given(st.lists(st.integers(0, 2**63 - 1), max_size=20))
def test_the_hash_cache_equals_the_function(user_ids: list[int]) -> None:
    hashes = UserHashes()
    for user_id in user_ids * 2:
        known = hashes[user_id >> 12][user_id & 4095]
        assert known in (2**32 - 1, user_hash(user_id))
        assert hashes.learn(user_id) == user_hash(user_id) == hashes[user_id >> 12][user_id & 4095] < 2**31


operations = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 2), st.integers(1, 6)),
        st.tuples(st.just("close"), st.just(0), st.just(0)),
        st.tuples(st.just("take"), st.integers(0, 5), st.integers(1, 4)),
        st.tuples(st.just("acknowledge"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("fail"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@given(operations)
def test_a_seq_is_acknowledged_only_when_the_log_has_all_up_to_it(steps: list[tuple[str, int, int]]) -> None:
    """Compared with a plain model: the log as a list, and the records put in so far."""
    unacked = UnackedRecords({"a": 4, "b": 2})
    queues = unacked.all_queues
    log: dict[PartitionQueue, list[Record]] = {queue: [] for queue in queues}
    next_seqs = [0, 0, 0]
    acknowledged = {0: -1, 1: -1, 2: -1}
    handed_over = freed = 0

    def step(kind: str, which: int, count: int) -> None:
        nonlocal handed_over
        queue = queues[which]
        if kind == "put":
            records = [
                Record("ab"[seq % 2], which * 100 + seq % 5, seq, 0, b"%d" % which)
                for seq in range(next_seqs[which], next_seqs[which] + count)
            ]
            next_seqs[which] += count
            handed_over += count
            unacked.put(which, records, count)
        elif kind == "close":
            unacked.close_group()
        elif kind == "take" and queue.waiting:
            queue.take(count)
        elif kind == "acknowledge" and queue.in_flight:
            log[queue] += queue.in_flight[0]
            queue.acknowledge()
        elif kind == "fail":
            unacked.requeue_in_flight()

    everything = [("take", i, 1000) for i in range(6)] + [("acknowledge", i, 0) for i in range(6)]
    for kind, which, count in [*steps, ("close", 0, 0), ("fail", 0, 0), *everything]:
        step(kind, which, count)
        seqs, size = unacked.collect()
        freed += size
        for shard, seq in seqs.items():
            assert seq > acknowledged[shard]
            acknowledged[shard] = seq
            in_log = {record.seq for records in log.values() for record in records if record.value == b"%d" % shard}
            assert in_log >= set(range(seq + 1))
    assert [acknowledged[shard] + 1 for shard in range(3)] == next_seqs
    assert freed == handed_over
    for records in log.values():
        for value in (b"0", b"1", b"2"):
            seqs_in_order = [record.seq for record in records if record.value == value]
            assert seqs_in_order == sorted(set(seqs_in_order))


def test_no_text_contains_a_password() -> None:
    log = KafkaLog(("localhost:9092",), security=KafkaSecurity("SASL_SSL", username="ann", password="s3cret"))
    for text in (repr(log), str(log), log.url, log.address, str(log.unavailable(3)), str(log.missing_topics(["a"]))):
        assert "s3cret" not in text
    assert log.client_options()["sasl_plain_password"] == "s3cret"
    assert pickle.loads(pickle.dumps(log)) == log  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"protocol": "TLS"}, "SOCIALSIM_KAFKA_SECURITY_PROTOCOL"),
        ({"protocol": "SASL_SSL"}, "SOCIALSIM_KAFKA_PASSWORD"),
        ({"password": "s3cret", "username": "ann"}, "SASL_SSL"),
        ({"protocol": "SASL_SSL", "mechanism": "X", "username": "a", "password": "b"}, "SASL_MECHANISM"),
        ({"protocol": "SSL", "cafile": Path("/nowhere/ca.pem")}, "SOCIALSIM_KAFKA_CAFILE"),
    ],
)
def test_conflicting_security_settings_are_refused(options: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named) as caught:
        KafkaSecurity(**options)  # type: ignore[arg-type]
    assert "s3cret" not in str(caught.value)
