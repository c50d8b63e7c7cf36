"""Finds the documents of a dead letter: in the message, in the bucket, or in the stream."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from forwarder.envelope import Envelope, StoredObject
from forwarder.outcomes import Document, Reason, Record, Rejected
from forwarder.records import unpack
from replayer import onfailure
from replayer.letters import Announced, Batch, BatchInfo, Contents, Letter, Piece, Unreadable
from replayer.stream_range import Range

_WHOLE_RECORD = frozenset({Reason.NOT_BASE64, Reason.BAD_AGGREGATE, Reason.TOO_LARGE})
"""Reasons for which the dead letter can hold all of a record, and nothing of it was delivered."""

Fetch = Callable[[StoredObject], bytes | None]
"""Reads an object; None when it is not there."""

Hydrate = Callable[[BatchInfo], Range]
"""Reads a batch back from the stream."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the bytes of a feed's dead letters are."""

    stream_arn: str
    fetch: Fetch
    hydrate: Hydrate


def load(letter: Letter, sources: Sources) -> Contents:
    """Load all that a dead letter holds.

    What is missing or unreadable is said in `lacking`, and then the message stays.
    """
    match letter.form:
        case Envelope() as envelope:
            return _of_envelope(letter, envelope, sources.fetch)
        case Announced(objects=objects):
            return _of_objects(letter, objects, sources)
        case Batch() as batch:
            return _of_batch(letter, batch, sources)
        case Unreadable(why=why):
            return Contents(letter, lacking=why, unreadable=True)
    return Contents(letter)


def _of_envelope(letter: Letter, envelope: Envelope, fetch: Fetch) -> Contents:
    data: bytes | None = envelope.data
    objects: tuple[StoredObject, ...] = ()
    if envelope.object is not None:
        data, objects = fetch(envelope.object), (envelope.object,)
    if data is None:
        return Contents(letter, lacking="Its object is gone from the bucket.")
    document = envelope.origin.document_of(data)
    places = [rejection.element for rejection in envelope.rejections]
    elements = tuple(sorted({place for place in places if place is not None}))
    whole = None in places
    pieces = _of_document(document, envelope.reason, None if whole else elements)
    return Contents(letter, tuple(pieces), objects)


def _of_document(
    document: Document, reason: Reason, elements: tuple[int, ...] | None
) -> Iterator[Piece]:
    """Unpack it again: what the forwarder could not unpack then, it may now."""
    found = unpack(document.record)
    if len(found) > 1 and reason not in _WHOLE_RECORD:
        # Their places in the record would be those of documents that were delivered.
        detail = "got several documents in the place of one, wants them apart"
        yield Piece(document, broken=Rejected(document, None, reason, None, detail))
        return
    for each in found:
        match each:
            case Rejected():
                yield Piece(document, broken=replace(each, document=document))
            case Document():  # pragma: no branch - each is one of the two
                number = document.number + each.number
                key = each.partition_key
                yield Piece(each._replace(number=number, partition_key=key), elements)


def _of_objects(letter: Letter, objects: tuple[StoredObject, ...], sources: Sources) -> Contents:
    pieces: list[Piece] = []
    notes: list[str] = []
    lacking: str | None = None
    unreadable = False
    for stored in objects:
        data = sources.fetch(stored)
        if data is None:
            lacking = "Its object is gone from the bucket."
            continue
        batch = onfailure.read_object(data)
        if isinstance(batch, Unreadable):
            lacking, unreadable = batch.why, True
            continue
        found = _of_batch(letter, batch, sources)
        pieces += found.pieces
        lacking = lacking or found.lacking
        notes += [found.note] if found.note else []
    note = " ".join(notes) or None
    return Contents(letter, tuple(pieces), objects, lacking, unreadable, note)


def _of_batch(letter: Letter, batch: Batch, sources: Sources) -> Contents:
    if batch.records is not None:
        return Contents(letter, tuple(_unpacked(batch.records)))
    info = batch.info
    if info is None or info.stream != sources.stream_arn:
        return Contents(letter, lacking="It points into another stream than the feed's.")
    found = sources.hydrate(info)
    pieces = tuple(_unpacked(found.records))
    return Contents(letter, pieces, lacking=found.lacking(info), note=found.note(info))


def _unpacked(records: Iterable[Record]) -> Iterator[Piece]:
    for record in records:
        for each in unpack(record):
            if isinstance(each, Rejected):
                yield Piece(each.document, broken=each)
            else:
                yield Piece(each)
