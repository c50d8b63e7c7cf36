"""Puts records on a stream: paced, and again only those that the service did not take."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST_RECORDS = 500
MOST_BYTES = 4 * 1024 * 1024
"""PutRecords takes 10 MiB today and took 5 for long."""

ATTEMPTS = 8
LONGEST_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record for the stream."""

    data: bytes
    partition_key: str

    @property
    def size(self) -> int:
        """Bytes that count for the limits."""
        return len(self.data) + len(self.partition_key.encode())


Send = Callable[[Sequence[Outgoing]], Sequence[int]]
"""Makes one call; returns the indices of the records that the service did not take."""


@dataclass(slots=True)
class Putter:
    """Puts records on one stream, at most `rate` a second.

    Attributes:
        send: Makes a call.
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

        A record counts only when the service has confirmed it; one that it does not take in
        several attempts is given up. Records of one partition key arrive in their order: no call
        has two of them, because a call's records may fail one by one.
        """
        done = [False] * len(records)
        attempts = [0] * len(records)
        waiting = list(range(len(records)))
        while waiting:
            call = choose(records, waiting, self.most)
            self._pace(len(call))
            failed = {call[each] for each in self.send([records[place] for place in call])}
            for place in call:
                done[place] = place not in failed
                attempts[place] += 1
            waiting = [each for each in waiting if not done[each] and attempts[each] < ATTEMPTS]
            if failed:
                tries = max(attempts[place] for place in failed)
                self.wait(min(LONGEST_WAIT, 0.1 * 2**tries) * self.jitter())
        return done

    @property
    def most(self) -> int:
        """Records of one call: as many as a second has, so that the rate is even."""
        return max(1, min(MOST_RECORDS, int(self.rate)))

    def _pace(self, count: int) -> None:
        now = self.clock()
        if self._next > now:
            self.wait(self._next - now)
        self._next = max(now, self._next) + count / self.rate


def choose(records: Sequence[Outgoing], waiting: Sequence[int], most: int) -> list[int]:
    """Choose the next call's records: the first of each key, as many as fit a call."""
    call: list[int] = []
    keys: set[str] = set()
    room = MOST_BYTES
    for place in waiting:
        record = records[place]
        if record.partition_key in keys:
            continue
        if call and (len(call) == most or record.size > room):
            break
        keys.add(record.partition_key)
        call.append(place)
        room -= record.size
    return call
