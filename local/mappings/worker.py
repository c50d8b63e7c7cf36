"""The thread that runs one shard of one mapping."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.mappings.batch import Batch
from local.mappings.events import Origin, read_record
from local.mappings.lane import Invoke, Step, Wait
from local.mappings.reading import Page
from local.mappings.semantics import Abandon, Outcome
from local.mappings.shard import Shard

logger = logging.getLogger(__name__)

_REFUSED_PAUSE = 1.0
"""Seconds before a refused read is tried again."""


@dataclass(frozen=True, slots=True)
class Verbs:
    """What a shard's thread can do; `keep` answers whether the destination took the records."""

    read: Callable[[], Page]
    invoke: Callable[[Batch], Outcome]
    keep: Callable[[Abandon, float], bool]
    checkpoint: Callable[[str], None]
    changed: Callable[[], None]


class ShardWorker:
    """Reads a shard, carries out its steps, and ends when the shard or the worker is at its end.

    All of the shard's decisions are taken in this one thread; only the calls of the function and
    of the destination run beside it, one per lane.
    """

    def __init__(self, shard: Shard, origin: Origin, verbs: Verbs, *, poll: float) -> None:
        self.ended = False
        self._shard = shard
        self._origin = origin
        self._verbs = verbs
        self._poll = poll
        self._capacity = 2 * origin.told.batch_size * origin.told.parallelization_factor
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = Lock()
        self._read_at = 0.0
        self._wake_at: float | None = None
        self._complete = self._stopping = False
        self._tip_seen = float("-inf")
        self._behind_ms = 0
        self._problem: str | None = None
        self._pool = ThreadPoolExecutor(len(shard.lanes), thread_name_prefix=origin.shard)
        self._thread = Thread(target=self._run, name=f"{origin.told.uuid}/{origin.shard}")

    def start(self) -> None:
        """Begin to read and to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no further step; `join` waits for those that are under way."""
        self._stopping = True
        self._inbox.put(lambda: None)

    def finish(self) -> None:
        """Read no further: the shard is not listed any more. What was read is still delivered."""
        self._complete = True
        self._inbox.put(lambda: None)

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def drained(self, asked: float) -> bool:
        """Tell whether all that was in the shard at `asked` (monotonic) has come to an end."""
        with self._lock:
            return self.ended or (self._tip_seen >= asked and not self._shard.backlog)

    def status(self) -> dict[str, Any]:
        """Say what was done and what is left; `idle` means: at the tip, nothing under way."""
        with self._lock:
            backlog = self._shard.backlog
            return {
                **asdict(self._shard.counts),
                "checkpoint": self._shard.checkpoint,
                "in_flight": self._shard.in_flight,
                "backlog": backlog,
                "behind_ms": self._behind_ms,
                "ended": self.ended,
                "idle": self.ended or (not backlog and not self._behind_ms),
                "problem": self._problem,
            }

    def _run(self) -> None:
        try:
            while not self._over():
                self._read()
                self._carry_out()
                self._verbs.changed()
                self._wait()
        except Exception as error:
            # Whatever it is: a shard that stands still has to say so.
            logger.exception("%s stands still", self._thread.name)
            self._problem = repr(error)
        self._pool.shutdown()
        self._verbs.changed()

    def _over(self) -> bool:
        with self._lock:
            self.ended = self._complete and not self._shard.backlog
            return self.ended or (self._stopping and not self._shard.in_flight)

    def _carry_out(self) -> None:
        self._wake_at = None
        if self._stopping:
            return
        with self._lock:
            steps = list(self._shard.steps(time.time()))
        for lane, step in steps:
            self._begin(lane, step)

    def _begin(self, lane: int, step: Step) -> None:
        match step:
            case Invoke(batch):
                under_way: Future[Any] = self._pool.submit(self._verbs.invoke, batch)
                under_way.add_done_callback(partial(self._post, self._settle, lane))
            case Abandon():
                under_way = self._pool.submit(self._verbs.keep, step, time.time())
                under_way.add_done_callback(partial(self._post, self._kept, lane))
            case Wait(until) if until is not None:
                self._wake_at = min(until, self._wake_at or until)

    def _post(self, end: Callable[[int, Any], None], lane: int, done: Future[Any]) -> None:
        self._inbox.put(lambda: end(lane, done.result()))

    def _settle(self, lane: int, outcome: Outcome) -> None:
        self._end(lambda: self._shard.settle(lane, outcome, time.time()))

    def _kept(self, lane: int, safe: bool) -> None:  # noqa: FBT001 - the destination's answer
        self._end(lambda: self._shard.kept(lane, dropped=not safe))

    def _end(self, step: Callable[[], object]) -> None:
        with self._lock:
            before = self._shard.checkpoint
            step()
            after = self._shard.checkpoint
        if after is not None and after != before:
            self._verbs.checkpoint(after)

    def _reads(self) -> bool:
        return not (self._complete or self._stopping or self._shard.backlog >= self._capacity)

    def _read(self) -> None:
        began = time.monotonic()
        if not self._reads() or began < self._read_at:
            return
        try:
            page = self._verbs.read()
        except (BotoCoreError, ClientError) as error:
            self._problem = str(error)
            self._read_at = began + _REFUSED_PAUSE
            return
        records = [read_record(record, self._origin) for record in page.records]
        with self._lock:
            self._shard.add(records, time.time())
            self._problem, self._behind_ms = None, page.behind_ms
            self._tip_seen = self._tip_seen if page.behind_ms else began
            self._complete = self._complete or page.ended
        self._read_at = began if records else began + self._poll

    def _wait(self) -> None:
        """Sleep until a step ends, a batch is due or the shard has to be read again."""
        pauses = [self._read_at - time.monotonic()] if self._reads() else []
        pauses += [self._wake_at - time.time()] if self._wake_at else []
        with suppress(Empty):
            self._inbox.get(timeout=max(0.0, min(pauses)) if pauses else None)()
            while True:
                self._inbox.get_nowait()()
