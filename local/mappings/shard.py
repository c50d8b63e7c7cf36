"""One shard of one mapping: its lanes, and the checkpoint behind which all is done."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zlib import crc32

from local.mappings.batch import Record
from local.mappings.configuration import Configuration
from local.mappings.lane import Lane, Step
from local.mappings.semantics import Backoff, Outcome, Settlement


@dataclass(slots=True)
class Counts:
    """What happened on a shard since it is run.

    Attributes:
        read: Records that were read from the shard.
        delivered: Records that the function accepted.
        abandoned: Records that the on-failure destination keeps.
        dropped: Records that were abandoned and that no destination keeps: lost.
        invocations: Calls of the function, also those that did not reach it.
        retries: Of these, how many more are due to failures.
        bisects: Batches that were split.
        abandoned_batches: Batches that were given up, kept or not.
    """

    read: int = 0
    delivered: int = 0
    abandoned: int = 0
    dropped: int = 0
    invocations: int = 0
    retries: int = 0
    bisects: int = 0
    abandoned_batches: int = 0


class Shard:
    """The lanes of a shard, seen as one.

    Records of one partition key share a lane, so they stay in order; up to `ParallelizationFactor`
    lanes have a batch under way. The checkpoint never passes a record that has not come to an end.

    Usage: `add` what was read; carry out each of `steps(now)`; end it with `settle` or `kept`.
    """

    def __init__(
        self, told: Configuration, backoff: Backoff, checkpoint: str | None = None
    ) -> None:
        self.lanes = tuple(Lane(told, backoff) for _ in range(told.parallelization_factor))
        self.checkpoint = checkpoint
        self.counts = Counts()
        self._under_way: deque[str] = deque()
        self._ended: set[str] = set()

    @property
    def backlog(self) -> int:
        """Records that were read and have not come to an end."""
        return sum(lane.backlog for lane in self.lanes)

    @property
    def in_flight(self) -> int:
        """Lanes that wait for the function or the destination."""
        return sum(lane.busy for lane in self.lanes)

    def add(self, records: Iterable[Record], now: float) -> None:
        """Take the records that follow in the shard."""
        for record in records:
            self._under_way.append(record.sequence)
            self.lanes[self._lane_of(record)].add((record,), now)
            self.counts.read += 1

    def steps(self, now: float) -> Iterator[tuple[int, Step]]:
        """Say what every lane has to do next, with the lane's number."""
        for number, lane in enumerate(self.lanes):
            yield number, lane.next(now)

    def settle(self, lane: int, outcome: Outcome, now: float) -> Settlement:
        """End a lane's `Invoke`."""
        settlement = self.lanes[lane].settle(outcome, now)
        self.counts.invocations += 1
        self.counts.delivered += len(settlement.delivered)
        self.counts.retries += settlement.retried
        self.counts.bisects += settlement.bisected
        self._end(settlement.delivered)
        return settlement

    def kept(self, lane: int, *, dropped: bool = False) -> None:
        """End a lane's `Abandon`; `dropped` when the destination did not take the records."""
        abandoned = self.lanes[lane].kept()
        self.counts.abandoned_batches += 1
        self.counts.dropped += len(abandoned.records) if dropped else 0
        self.counts.abandoned += 0 if dropped else len(abandoned.records)
        self._end(abandoned.records)

    def _lane_of(self, record: Record) -> int:
        # Without a key there is no order to keep: the sequence number spreads such records.
        return crc32((record.key or record.sequence).encode()) % len(self.lanes)

    def _end(self, records: Iterable[Record]) -> None:
        self._ended.update(record.sequence for record in records)
        while self._under_way and self._under_way[0] in self._ended:
            self.checkpoint = self._under_way.popleft()
            self._ended.remove(self.checkpoint)
