"""Parts dead letters into what memory has room for, and says which objects must stay."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from forwarder.envelope import Envelope, StoredObject
from forwarder.filling import filled
from replayer.letters import Announced, Batch, BatchInfo, Kind, Letter

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of dead letters that are planned together: what is beyond them is planned after them."""

MOST_LETTERS = 20_000

LARGE_BYTES = 1024 * 1024
RECORD_BYTES = 64 * 1024
MOST_BATCH_BYTES = 6 * 1024 * 1024
"""What may be behind a message that does not say how much is: a large document, a batch."""

SETTLED = timedelta(minutes=15)
"""As long as an invocation lasts at most."""


def portions(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    """Part letters into what memory has room for, in their order."""
    return filled(letters, size=_size, most_bytes=MOST_BYTES, most=MOST_LETTERS)


def _size(letter: Letter) -> int:
    """Estimate what a letter takes in memory, once it is loaded."""
    size = len(letter.held.body)
    match letter.form:
        case Announced(size=stored):
            return size + stored
        case Envelope(object=StoredObject()):
            return size + LARGE_BYTES
        case Batch(records=None, info=BatchInfo(size=records)):
            return size + min(MOST_BATCH_BYTES, records * RECORD_BYTES)
    return size


def shared_objects(
    letters: Iterable[Letter], *, alone: bool, now: datetime
) -> frozenset[StoredObject]:
    """Find the objects that must stay, as other messages may need them; the bucket forgets them.

    A document with very many bad elements is several messages and one object.

    Args:
        letters: All dead letters of the feed that could be received.
        alone: Whether nobody else holds messages of the queue.
        now: The time. The forwarder may be about to send another message for a young one's object.
    """
    pointing = [(letter, stored) for letter in letters for stored in _objects(letter)]
    counts = Counter(stored for _, stored in pointing)
    return frozenset(
        stored
        for letter, stored in pointing
        if counts[stored] > 1
        or (letter.kind is Kind.REJECTED and not (alone and now - letter.held.sent > SETTLED))
    )


def _objects(letter: Letter) -> tuple[StoredObject, ...]:
    match letter.form:
        case Announced(objects=objects):
            return objects
        case Envelope(object=StoredObject() as stored):
            return (stored,)
    return ()
