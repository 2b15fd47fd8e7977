"""The consumer's sizes, times and limits. Units are in the names."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    """The defaults suit MySQL and SQLite; ``docs/benchmarks.md`` has the measurements."""

    group: str = "socialsim"  #: owner of the offsets; consumers of one group share the partitions
    #: Stop when every partition of the log is stored up to its end, by any consumer of the group.
    drain: bool = False
    restart_replaced: bool = False  #: read recreated topics from their start, instead of stopping

    #: rows at which a batch is due; memory holds at most two batches and one poll per lane
    batch_rows: int = 20_000
    batch_bytes_max: int = 16 * 1024 * 1024  #: bytes of records at which a batch is due
    flush_after_ms: int = 150  #: the longest time that a record waits for its batch to fill
    poll_records: int = 2_000  #: small enough that decoding a poll never delays the heartbeats

    #: also the delay until a stop request or a rewind is noticed in a quiet log
    poll_timeout_s: float = 0.2
    lag_every_s: float = 1.0  #: between two reads of the log ends
    keepalive_s: float = 1.0  #: how often a paused reader is polled to stay a member of its group
    #: How long ``drain`` waits without progress for partitions of other consumers. Longer than a
    #: group keeps the partitions of a killed member (45 s).
    drain_wait_s: float = 105.0
    backoff_min_s: float = 0.1
    backoff_max_s: float = 5.0
    #: a log that takes longer to return its ends, or to accept a new connection, is unavailable
    answer_within_s: float = 5.0
    #: lag without progress for this long is an error; counts only while the log is available
    stuck_after_s: float = 120.0
    revoke_wait_s: float = 5.0  #: how long a rebalance waits for transactions under way
    #: time to store what is in memory after a stop request; the next start reads the rest again
    stop_within_s: float = 8.0
    #: times in a row that another consumer may move an offset before this one stops
    conflicts_max: int = 5

    @property
    def records_per_poll(self) -> int:
        """At most one batch, so that a small ``batch_rows`` gives small transactions."""
        return min(self.poll_records, self.batch_rows)
