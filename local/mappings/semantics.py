"""What happens to a batch after an invocation: the documented rules, and nothing else.

Where the documentation is silent, what was recorded against the service decides (the snapshots
of LocalStack's tests of event source mappings, which are taken from AWS):

- A partial answer that made progress starts the rest afresh: its retries and its invocation count
  begin again. With 3 retries and the last of three records failing, AWS invoked the function once
  with all three, then four times with that record, and reported 4 invocations.
- A record that expires is reported with `RecordAgeExceeded`, one invocation, no response context.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from local.mappings.batch import Answer, Batch, Record
from local.mappings.configuration import Configuration
from local.mappings.responses import resume_at

Backoff = Callable[[int], float]
"""Seconds to wait before try number n (1, 2, ...) of the same batch."""


class Condition(StrEnum):
    """Why records went to the on-failure destination."""

    RETRIES = "RetryAttemptsExhausted"
    AGE = "RecordAgeExceeded"
    SIZE = "PayloadSizeExceeded"  # not documented: only that such records go to the destination


@dataclass(frozen=True, slots=True)
class Returned:
    """The function ended normally and returned `response` (parsed JSON)."""

    response: Any
    version: str = "$LATEST"


@dataclass(frozen=True, slots=True)
class Errored:
    """The function failed: an exception, a timeout, a crash."""

    kind: str = "Unhandled"
    version: str = "$LATEST"


@dataclass(frozen=True, slots=True)
class Unreached:
    """Throttled, a service error, no connection: the batch did not reach the function."""


Outcome = Returned | Errored | Unreached


@dataclass(frozen=True, slots=True)
class Abandon:
    """Records to hand to the on-failure destination; after that the lane moves on."""

    records: tuple[Record, ...]
    condition: Condition
    invocations: int = 1
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a batch: these are delivered, and the rest takes its place, in order."""

    delivered: tuple[Record, ...] = ()
    rest: tuple[Batch | Abandon, ...] = ()
    bisected: bool = False
    retried: bool = False


def settle(
    batch: Batch, outcome: Outcome, *, told: Configuration, now: float, backoff: Backoff
) -> Settlement:
    """Decide about a batch that was invoked.

    Every record of the batch is in the settlement exactly once, and in its order. An outcome that
    did not reach the function uses no retry, a split neither.
    """
    if isinstance(outcome, Unreached):
        delays = batch.delays + 1
        waiting = replace(batch, delays=delays, not_before=now + backoff(delays))
        return Settlement(rest=(waiting,))
    batch = replace(batch, invocations=batch.invocations + 1, delays=0)
    if isinstance(outcome, Errored):
        answer = Answer(outcome.version, outcome.kind)
        return _fail(batch, answer, told=told, now=now, backoff=backoff)
    answer = Answer(outcome.version, None)
    ends = len(batch.records)
    at = resume_at(outcome.response, batch.records) if told.reports_failures else ends
    if at is None:
        return _fail(batch, answer, told=told, now=now, backoff=backoff)
    if at == 0:
        return _retry(batch, answer, told=told, now=now, backoff=backoff)
    if at == ends:
        return Settlement(delivered=batch.records)
    return _resume(batch, at, now=now, backoff=backoff, bisects=told.bisect_batch_on_function_error)


def overdue(batch: Batch, told: Configuration, now: float) -> tuple[Abandon | None, Batch | None]:
    """Part a batch into the records that are too old to be invoked and the ones that are not."""
    old = tuple(record for record in batch.records if told.expired(record.arrival, now))
    if not old:
        return None, batch
    young = tuple(record for record in batch.records if not told.expired(record.arrival, now))
    return Abandon(old, Condition.AGE), replace(batch, records=young) if young else None


def _fail(
    batch: Batch, answer: Answer, *, told: Configuration, now: float, backoff: Backoff
) -> Settlement:
    middle = len(batch.records) // 2
    if not told.bisect_batch_on_function_error or not middle:
        return _retry(batch, answer, told=told, now=now, backoff=backoff)
    halves = batch.records[:middle], batch.records[middle:]
    # What a split leaves behind is a batch of its own: it keeps the retries that were used, and
    # nothing was invoked with it yet.
    parts = tuple(replace(batch, records=half, invocations=0) for half in halves)
    return Settlement(rest=parts, bisected=True)


def _retry(
    batch: Batch, answer: Answer, *, told: Configuration, now: float, backoff: Backoff
) -> Settlement:
    if told.exhausted(batch.retries):
        abandoned = Abandon(batch.records, Condition.RETRIES, batch.invocations, answer)
        return Settlement(rest=(abandoned,))
    retries = batch.retries + 1
    again = replace(batch, retries=retries, not_before=now + backoff(retries))
    return Settlement(rest=(again,), retried=True)


def _resume(batch: Batch, at: int, *, now: float, backoff: Backoff, bisects: bool) -> Settlement:
    rest = Batch(batch.records[at:], not_before=now + backoff(1))
    return Settlement(batch.records[:at], (rest,), bisected=bisects, retried=not bisects)
