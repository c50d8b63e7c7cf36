"""One lane of a shard: at most one batch at a time, in order."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from local.mappings.batch import Batch, Record, fits, too_large
from local.mappings.configuration import Configuration
from local.mappings.semantics import (
    Abandon,
    Backoff,
    Condition,
    Outcome,
    Settlement,
    overdue,
    settle,
)


@dataclass(frozen=True, slots=True)
class Invoke:
    """Call the function with this batch, then tell the lane the outcome with `settle`."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until`; None: before records are added or a step is ended."""

    until: float | None = None


Step = Invoke | Abandon | Wait

_Part = TypeVar("_Part", Batch, Abandon)


class StepError(RuntimeError):
    """A step was ended that is not under way: a mistake of the caller."""


class Lane:
    """Decides what to do next with the records it was given, in the order it was given them.

    The caller asks `next` for a step and carries it out. After an `Invoke` it calls `settle`, after
    an `Abandon` it calls `kept`; until then `next` answers `Wait()`. The lane does no I/O and
    reads no clock. Whatever the outcomes are, each record leaves it once: delivered or kept.
    """

    def __init__(self, told: Configuration, backoff: Backoff) -> None:
        self._told = told
        self._backoff = backoff
        self._gathering: deque[tuple[Record, float]] = deque()
        self._work: deque[Batch | Abandon] = deque()
        self.busy = False

    @property
    def backlog(self) -> int:
        """Records that have not come to an end."""
        return len(self._gathering) + sum(len(part.records) for part in self._work)

    def add(self, records: Iterable[Record], now: float) -> None:
        """Take records that follow all that were added before."""
        self._gathering.extend((record, now) for record in records)

    def next(self, now: float) -> Step:
        """Say what has to happen next; the lane is busy from an `Invoke` or `Abandon` on."""
        if self.busy:
            return Wait()
        if not self._work:
            ready = self._gather(now)
            if isinstance(ready, Wait):
                return ready
            self._work.append(ready)
        self._part_overdue(now)
        first = self._work[0]
        if isinstance(first, Batch) and first.not_before > now:
            return Wait(first.not_before)
        self.busy = True
        return Invoke(first) if isinstance(first, Batch) else first

    def settle(self, outcome: Outcome, now: float) -> Settlement:
        """End an `Invoke`.

        Raises:
            StepError: When no `Invoke` is under way.
        """
        batch = self._end_step(Batch)
        settlement = settle(batch, outcome, told=self._told, now=now, backoff=self._backoff)
        self._work.extendleft(reversed(settlement.rest))
        return settlement

    def kept(self) -> Abandon:
        """End an `Abandon`: its records have left the lane.

        Raises:
            StepError: When no `Abandon` is under way.
        """
        return self._end_step(Abandon)

    def _end_step(self, kind: type[_Part]) -> _Part:
        part = self._work[0] if self.busy else None
        if not isinstance(part, kind):
            raise StepError(f"the step that is under way is no {kind.__name__}, but {part!r}")
        self._work.popleft()
        self.busy = False
        return part

    def _part_overdue(self, now: float) -> None:
        first = self._work[0]
        if isinstance(first, Batch):
            self._work.popleft()
            parts = overdue(first, self._told, now)
            self._work.extendleft(part for part in reversed(parts) if part)

    def _gather(self, now: float) -> Batch | Abandon | Wait:
        """Collect until the batch is full or the window of its first record is over."""
        if not self._gathering:
            return Wait()
        record, since = self._gathering[0]
        if too_large(record):
            self._gathering.popleft()
            return Abandon((record,), Condition.SIZE)
        count = self._collected()
        full = count < len(self._gathering) or count == self._told.batch_size
        closes = since + self._told.maximum_batching_window_in_seconds
        if not full and now < closes:
            return Wait(closes)
        return Batch(tuple(self._gathering.popleft()[0] for _ in range(count)))

    def _collected(self) -> int:
        count = size = 0
        for record, _ in self._gathering:
            if not fits(count, size, record, self._told.batch_size):
                break
            count, size = count + 1, size + record.size
        return count
