"""From outcomes to what Lambda is told: where the stream resumes, and what is dead-lettered."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forwarder.outcomes import Cause, Deferred, Delivered, Entry, Outcome, Reason, Record, Rejected


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a batch.

    Attributes:
        records: The batch, in stream order.
        delivered: All delivered entries; those from `resume_at` on will come again.
        rejected: Rejections before `resume_at`: dead-letter them before answering Lambda.
        waiting: Rejections from `resume_at` on: they will be seen again.
        deferred: How many entries were deferred, by cause.
        resume_at: Position of the record that the stream resumes at; None when all is done.
    """

    records: Sequence[Record]
    delivered: Sequence[Entry]
    rejected: Sequence[Rejected]
    waiting: Sequence[Rejected]
    deferred: Mapping[Cause, int] = field(default_factory=dict)
    resume_at: int | None = None

    @property
    def reasons(self) -> Mapping[Reason, int]:
        """How many entries were rejected for good, by reason."""
        return Counter(rejection.reason for rejection in self.rejected)

    def resumes_at(self, unkept: int | None = None) -> int | None:
        """Say where the stream resumes in the end; None when all is done.

        Args:
            unkept: Position of the oldest record whose dead letter could not be kept: it is
                never acknowledged.
        """
        stops = (position for position in (self.resume_at, unkept) if position is not None)
        return min(stops, default=None)

    def response(self, unkept: int | None = None) -> dict[str, Any]:
        """Answer Lambda: acknowledge all before the record that the stream resumes at."""
        position = self.resumes_at(unkept)
        if position is None:
            return {"batchItemFailures": []}
        return {"batchItemFailures": [{"itemIdentifier": self.records[position].sequence}]}


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept: how many dead letters, and the oldest record that lacks one.

    `failure` names what went wrong, by an error's code or type.
    """

    letters: int = 0
    unkept_at: int | None = None
    failure: str | None = None


def settle(
    records: Sequence[Record], outcomes: Iterable[Outcome], *, cut_at: int | None = None
) -> Settlement:
    """Fold outcomes into one settlement.

    The stream resumes at the oldest deferred record. Rejections at or past that point will be
    seen again, so they are not dead-lettered yet.

    Args:
        records: The batch.
        outcomes: One for each entry or broken document, in any order.
        cut_at: Position of the first record that was not looked at, if any.
    """
    delivered: list[Entry] = []
    rejected: list[Rejected] = []
    deferred: list[Deferred] = []
    for outcome in outcomes:
        match outcome:
            case Delivered():
                delivered.append(outcome.entry)
            case Rejected():
                rejected.append(outcome)
            case Deferred():  # pragma: no branch - an outcome is one of the three
                deferred.append(outcome)
    stops = {outcome.document.record.position for outcome in deferred}
    if cut_at is not None:
        stops.add(cut_at)
    resume_at = min(stops, default=None)
    end = len(records) if resume_at is None else resume_at
    rejected.sort(key=lambda outcome: outcome.document.record.position)
    return Settlement(
        records=records,
        delivered=delivered,
        rejected=[each for each in rejected if each.document.record.position < end],
        waiting=[each for each in rejected if each.document.record.position >= end],
        deferred=Counter(outcome.cause for outcome in deferred),
        resume_at=resume_at,
    )
