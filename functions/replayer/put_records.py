"""Puts records on a stream: paced, in the order of each key, and again only what was not taken.

Kinesis takes a `PutRecords` request in parts: some of its records may fail while later ones of the
same key succeed. So at most one record of a key is under way at a time, and what failed is sent
again before what comes after it.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

RECORDS_PER_REQUEST = 500
"""The most records of one request; https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html"""

BYTES_PER_REQUEST = 5 * 1024 * 1024
"""The most bytes of one request, partition keys included, that every Kinesis endpoint takes."""

ATTEMPTS = 8
LONGEST_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record that is not on the stream yet."""

    partition_key: str
    data: bytes

    @property
    def size(self) -> int:
        """Bytes that count for the limits."""
        return len(self.partition_key.encode()) + len(self.data)

    @property
    def request_entry(self) -> "PutRecordsRequestEntryTypeDef":
        """The record as `PutRecords` takes it."""
        return {"Data": self.data, "PartitionKey": self.partition_key}


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a record is now; `position` is its place among those given."""

    position: int
    shard: str
    sequence: str


Send = Callable[[Sequence[Outgoing]], Sequence[Mapping[str, Any]]]
"""Makes one request; returns the results of its records as `PutRecords` gives them."""


@dataclass(slots=True)
class Sending:
    """Which records are on the stream, and which may go next.

    Attributes:
        records: What is sent, in order.
        sent: Those that the service confirmed, by position.
        attempts: How often each of the others failed, by position.
    """

    records: Sequence[Outgoing]
    sent: dict[int, Sent] = field(init=False, default_factory=dict)
    attempts: dict[int, int] = field(init=False, default_factory=dict)
    _waiting: dict[str, deque[int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Queue the records by key."""
        for position, record in enumerate(self.records):
            self._waiting.setdefault(record.partition_key, deque()).append(position)

    def choose(self, most: int = RECORDS_PER_REQUEST) -> list[int]:
        """The oldest waiting record of each key, as many as fit a request."""
        chosen: list[int] = []
        room = BYTES_PER_REQUEST
        for queue in self._waiting.values():
            room -= self.records[queue[0]].size
            if len(chosen) == most or (chosen and room < 0):
                break
            chosen.append(queue[0])
        return chosen

    def settle(self, chosen: Sequence[int], results: Sequence[Mapping[str, Any]]) -> str:
        """Note what became of each; answer with the last error's code, empty without any."""
        failed = ""
        for position, result in zip(chosen, results, strict=True):
            if code := result.get("ErrorCode"):
                failed = code
                self.attempts[position] = self.attempts.get(position, 0) + 1
                continue
            self.sent[position] = Sent(position, result["ShardId"], result["SequenceNumber"])
            self.leave(position)
        return failed

    def leave(self, position: int) -> None:
        """Let the next record of this one's key go: it is on the stream, or given up."""
        key = self.records[position].partition_key
        queue = self._waiting.pop(key)
        queue.popleft()
        if queue:  # behind the others, so that a long queue does not go alone in the end
            self._waiting[key] = queue

    def in_order(self) -> list[Sent]:
        """What was sent, in the order given."""
        return [self.sent[position] for position in sorted(self.sent)]

    def unsent(self) -> list[int]:
        """The positions of the others."""
        return [each for each in range(len(self.records)) if each not in self.sent]


def backoff(failures: int) -> float:
    """Seconds to wait at most after so many failures in a row."""
    return min(LONGEST_WAIT, 0.1 * 2.0**failures)


@dataclass(slots=True)
class Putter:
    """Puts records on one stream, at most `rate` a second.

    Attributes:
        send: Makes a request.
        rate: Records a second.
        clock: Seconds that only grow.
        wait: Waits so many seconds.
        jitter: A number between 0 and 1, another one each time.
    """

    send: Send
    rate: float
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    _next: float = 0.0

    def put(self, records: Sequence[Outgoing]) -> list[bool]:
        """Put records; say of each whether it is on the stream.

        A record counts only when the service has confirmed it. One that it does not take in
        several attempts is given up, and the others of its key go on.
        """
        sending = Sending(records)
        while chosen := sending.choose(self.most):
            self._pace(len(chosen))
            failed = sending.settle(chosen, self.send([records[each] for each in chosen]))
            if failed:
                tries = [sending.attempts.get(each, 0) for each in chosen]
                for position, count in zip(chosen, tries, strict=True):
                    if count == ATTEMPTS:
                        sending.leave(position)
                self.wait(backoff(max(tries)) * self.jitter())
        return [position in sending.sent for position in range(len(records))]

    @property
    def most(self) -> int:
        """Records of one request: as many as a second has, so that the rate is even."""
        return max(1, min(RECORDS_PER_REQUEST, int(self.rate)))

    def _pace(self, count: int) -> None:
        now = self.clock()
        if self._next > now:
            self.wait(self._next - now)
        self._next = max(now, self._next) + count / self.rate
