"""Records, the batches they travel in, and how much of them one invocation can carry."""

from dataclasses import dataclass

PAYLOAD_LIMIT = 6 * 1024 * 1024
"""Bytes of one synchronous invocation's event: base64 and metadata count.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

FRAME = len('{"Records":[]}')
"""Bytes of an event without records."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a shard.

    Attributes:
        sequence: Its sequence number; greater is later, as a number and not as a text.
        key: Its partition key, null on streams that distribute records themselves.
        arrival: Seconds since the epoch.
        entry: Its element of the event, as JSON.
        size: Bytes it takes in the event, a comma included.
    """

    sequence: str
    key: str | None
    arrival: float
    entry: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of the last invocation: the `responseContext` of an on-failure document."""

    version: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that go to the function together, and what was tried with exactly these.

    Attributes:
        records: In stream order, never empty.
        retries: Retries that count against the mapping's budget.
        invocations: How often the function was reached with this batch.
        delays: Invocations in a row that did not reach the function.
        not_before: When it may be tried again, seconds since the epoch.
    """

    records: tuple[Record, ...]
    retries: int = 0
    invocations: int = 0
    delays: int = 0
    not_before: float = 0.0


def fits(records: int, size: int, record: Record, most: int) -> bool:
    """Tell whether `record` can join a batch of `records` that take `size` bytes already."""
    return records < most and FRAME + size + record.size <= PAYLOAD_LIMIT


def too_large(record: Record) -> bool:
    """Tell whether no invocation can carry this record, not even alone."""
    return FRAME + record.size > PAYLOAD_LIMIT
