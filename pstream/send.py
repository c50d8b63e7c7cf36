"""Put records on a feed's stream: nothing lost, and nothing overtaken.

Kinesis takes a `PutRecords` request in parts: some of its records may fail while later ones of the
same key succeed. So at most one record of a key is under way at a time, and what failed is sent
again before what comes after it.
"""

import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from forwarder.destinations import Destination

RECORDS_PER_REQUEST = 500
"""The most records of one request; https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html"""

BYTES_PER_REQUEST = 5 * 1024 * 1024
"""The most bytes of one request, partition keys included, that every Kinesis endpoint takes."""

ATTEMPTS = 10
"""How often a record is tried before sending ends."""

Put = Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]]
"""Sends one request: the client's `put_records`, bound to a stream."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record that is not on the stream yet."""

    partition_key: str
    data: bytes

    @property
    def size(self) -> int:
        """What it counts for in a request."""
        return len(self.partition_key.encode()) + len(self.data)


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a record is now; `position` is its place among those given to `send`."""

    position: int
    shard: str
    sequence: str


class NotSent(Exception):  # noqa: N818 - it says what is not sent
    """Sending ended early. `sent` and `unsent` (positions) account for every record given."""

    def __init__(self, code: str, sent: Sequence[Sent], unsent: Sequence[int]) -> None:
        super().__init__(f"{len(unsent)} records are not on the stream: {code}, {ATTEMPTS} times")
        self.sent = sent
        self.unsent = unsent


def partition_key(destination: Destination, document: Mapping[str, Any]) -> str:
    """The key under which what has to stay in order meets: the session's, or the upsert's id.

    Raises:
        KeyError: The document, a flat one or a request's head, has no such field.
    """
    return str(document[destination.session or destination.identity or ""])


def send(
    records: Iterable[Outgoing],
    *,
    put: Put,
    sleep: Callable[[float], None],
    jitter: Callable[[], float] = random.random,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Sent]:
    """Put records on a stream, those of one key in the order given.

    Args:
        records: What to send.
        put: Sends one request; botocore's own retries may be off.
        sleep: Waits for so many seconds, after a request that failed in part.
        jitter: A number from 0 to 1 that spreads those waits.
        progress: Is told after each request how many records are on the stream.

    Returns:
        Where each record is, in the order given.

    Raises:
        NotSent: A record failed too often; what was sent until then stays sent.
    """
    sending = _Sending(records)
    failures = 0
    while chosen := sending.choose():
        failed = sending.settle(chosen, _ask(put, [sending.records[each] for each in chosen]))
        progress(len(sending.sent))
        if not failed:
            failures = 0
            continue
        failures += 1
        if sending.exhausted:
            raise NotSent(failed, sending.in_order(), sending.unsent())
        sleep(jitter() * min(5.0, 0.1 * 2.0**failures))
    return sending.in_order()


@dataclass(slots=True)
class _Sending:
    """What is on the stream and what is not."""

    given: Iterable[Outgoing]
    records: list[Outgoing] = field(init=False)
    sent: dict[int, Sent] = field(init=False, default_factory=dict)
    _waiting: dict[str, deque[int]] = field(init=False, default_factory=dict)
    _attempts: dict[int, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.records = list(self.given)
        for position, record in enumerate(self.records):
            self._waiting.setdefault(record.partition_key, deque()).append(position)

    def choose(self) -> list[int]:
        """The oldest waiting record of each key, as many as fit a request."""
        chosen: list[int] = []
        room = BYTES_PER_REQUEST
        for queue in self._waiting.values():
            room -= self.records[queue[0]].size
            if len(chosen) == RECORDS_PER_REQUEST or (chosen and room < 0):
                break
            chosen.append(queue[0])
        return chosen

    def settle(self, chosen: Sequence[int], results: Sequence[Mapping[str, Any]]) -> str:
        """Note what became of each; answer with the last error's code, empty without any."""
        failed = ""
        for position, result in zip(chosen, results, strict=True):
            key = self.records[position].partition_key
            if code := result.get("ErrorCode"):
                failed = code
                self._attempts[position] = self._attempts.get(position, 0) + 1
                continue
            self.sent[position] = Sent(position, result["ShardId"], result["SequenceNumber"])
            queue = self._waiting.pop(key)
            queue.popleft()
            if queue:  # behind the others, so that a long queue does not go alone in the end
                self._waiting[key] = queue
        return failed

    @property
    def exhausted(self) -> bool:
        """Whether a record has failed too often."""
        return max(self._attempts.values(), default=0) >= ATTEMPTS

    def in_order(self) -> list[Sent]:
        """What was sent, in the order given."""
        return [self.sent[position] for position in sorted(self.sent)]

    def unsent(self) -> list[int]:
        """The positions of the others."""
        return [each for each in range(len(self.records)) if each not in self.sent]


def _ask(put: Put, records: Sequence[Outgoing]) -> Sequence[Mapping[str, Any]]:
    """Send one request; of one that fails as a whole every record failed."""
    entries = [{"Data": each.data, "PartitionKey": each.partition_key} for each in records]
    try:
        answer: Sequence[Mapping[str, Any]] = put(entries)["Records"]
    except ClientError as error:
        return [{"ErrorCode": error.response["Error"]["Code"]}] * len(records)
    except BotoCoreError as error:
        return [{"ErrorCode": type(error).__name__}] * len(records)
    return answer
