"""A record's whole way, in one expression: unpack, parse, plan, deliver, settle."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from forwarder.deliver import Delivery
from forwarder.memory import Memory
from forwarder.outcomes import (
    Deferred,
    Delivered,
    Document,
    Entry,
    EntryKey,
    Lane,
    Outcome,
    Record,
    Rejected,
)
from forwarder.plan import coalesce, plan
from forwarder.records import unpack
from forwarder.settle import Settlement, settle

MOST_UNPACKED = 64 * 1024 * 1024
"""Bytes of documents that one invocation takes on; the records after that come again."""

Parse = Callable[[Document], Sequence[Entry | Rejected]]


@dataclass(frozen=True, slots=True)
class Journey:
    """What became of a batch, and what it would have cost at best.

    `fewest_calls` is Σ⌈nᵢ/10⌉ over what had to be sent; `repeats` counts entries that were
    delivered before and not sent again, `stood_for` upserts that a newer one stood for.
    """

    settlement: Settlement
    fewest_calls: int
    repeats: int
    stood_for: int


def forward(
    records: Sequence[Record], *, parse: Parse, memory: Memory, delivery: Delivery
) -> Journey:
    """Forward a batch and account for every record of it.

    Each entry and each broken document of the records up to the cut is exactly one outcome of
    the settlement. What was delivered past the resume point goes into the memory.

    Args:
        records: The batch, in stream order.
        parse: Parses a document of the feed.
        memory: What the environment remembers of earlier deliveries.
        delivery: The sending of this invocation.
    """
    documents, cut_at = _unpacked(records)
    parsed = [each for document in documents for each in _parsed(document, parse)]
    outcomes: list[Outcome] = [each for each in parsed if isinstance(each, Rejected)]
    entries = [each for each in parsed if isinstance(each, Entry)]
    repeats: list[Entry] = []
    waiting: list[Entry] = []
    for entry in entries:
        (repeats if memory.holds(entry) else waiting).append(entry)
    outcomes += map(Delivered, repeats)
    if repeats:
        delivery.vouch()
    fewest_calls, stood_for = 0, 0
    while waiting:
        newest, older = coalesce(waiting)
        lanes = plan(newest)
        fewest_calls += _count(lanes)
        sent = delivery.deliver(lanes)
        outcomes += sent
        shared, waiting = _share(newest, older, sent)
        outcomes += shared
        stood_for += len(shared)
    settlement = settle(records, outcomes, cut_at=cut_at)
    remember(memory, settlement)
    return Journey(settlement, fewest_calls, len(repeats), stood_for)


def _unpacked(records: Iterable[Record]) -> tuple[list[Document | Rejected], int | None]:
    """The batch's documents, and the position of the first record that memory is too short for."""
    documents: list[Document | Rejected] = []
    room = MOST_UNPACKED
    for record in records:
        if room <= 0:
            return documents, record.position
        for each in unpack(record):
            documents.append(each)
            room -= len((each.document if isinstance(each, Rejected) else each).data)
    return documents, None


def _parsed(document: Document | Rejected, parse: Parse) -> Sequence[Entry | Rejected]:
    return [document] if isinstance(document, Rejected) else parse(document)


def _share(
    newest: Iterable[Entry], older: Iterable[Entry], sent: Iterable[Outcome]
) -> tuple[list[Outcome], list[Entry]]:
    """Give the older upserts the outcome of the newest; where that was refused they come next."""
    of_entry: dict[EntryKey, Outcome] = {outcome.key: outcome for outcome in sent}
    of_identity = {entry.identity: of_entry[entry.key] for entry in newest}
    shared: list[Outcome] = []
    next_up: list[Entry] = []
    for entry in older:
        match of_identity[entry.identity]:
            case Delivered():
                shared.append(Delivered(entry))
            case Deferred(cause=cause):
                shared.append(Deferred(entry.document, entry.element, cause))
            case Rejected():  # pragma: no branch - an outcome is one of the three
                next_up.append(entry)
    return shared, next_up


def _count(lanes: Iterable[Lane]) -> int:
    return sum(len(lane) for lane in lanes)


def remember(memory: Memory, settlement: Settlement, *, unkept: int | None = None) -> None:
    """Remember what was delivered and comes again all the same; forget it where nothing does.

    Args:
        memory: The environment's.
        settlement: What became of the batch.
        unkept: As in the settlement's answer: the oldest record that lacks its dead letter.
    """
    position = settlement.resumes_at(unkept)
    if position is None:
        memory.forget(settlement.delivered)
        return
    memory.remember(
        entry for entry in settlement.delivered if entry.document.record.position >= position
    )
