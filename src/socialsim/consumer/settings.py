"""How the consumer works: sizes, times and limits. Units are in the names."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    """The defaults suit a local MySQL and SQLite alike; see ``docs/benchmarks.md`` for where they come from."""

    group: str = "socialsim"  #: offsets belong to it; consumers of one group share the partitions
    #: Stop when every partition of the log is stored up to its end, whoever stored it.
    drain: bool = False
    restart_replaced: bool = False  #: read topics that were made anew from their start, instead of stopping

    batch_rows: int = 20_000  #: rows that make a batch due; memory holds at most two batches and one poll per lane
    batch_bytes_max: int = 16 * 1024 * 1024  #: bytes of records that make a batch due
    flush_after_ms: int = 150  #: a record waits no longer for company
    poll_records: int = 2_000  #: small enough that decoding a poll never keeps the heartbeats waiting

    poll_timeout_s: float = 0.2  #: also how soon a stop request or a rewind is seen in a quiet log
    lag_every_s: float = 1.0  #: between two looks at the log's end
    keepalive_s: float = 1.0  #: a paused reader is polled this often, which keeps its membership
    #: How long ``drain`` waits for partitions that others hold while nothing of them is stored. Longer than a group waits
    #: for a member that was killed (45 s): before that nobody gets its partitions.
    drain_wait_s: float = 105.0
    backoff_min_s: float = 0.1
    backoff_max_s: float = 5.0
    answer_within_s: float = 5.0  #: a log that takes longer to tell where it ends, or to let us in anew, is away
    stuck_after_s: float = 120.0  #: lag and no progress for this long is an error, counted while the log is there
    revoke_wait_s: float = 5.0  #: how long a rebalance waits for transactions under way
    stop_within_s: float = 8.0  #: after a stop request, what is not stored by then is left to the next start
    conflicts_max: int = 5  #: times in a row that another may move a partition's offset before this consumer leaves

    @property
    def records_per_poll(self) -> int:
        """No more than a batch: small batches are asked for to see small transactions."""
        return min(self.poll_records, self.batch_rows)
