"""Prepares documents for going back: mended, given their first `eventId`s, and checked.

The check is the forwarder's own, on the very bytes that would go on the stream: what it rejects
here it would reject there, so that it stays a dead letter.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from forwarder.destinations import Destination
from forwarder.outcomes import Document, Entry, Reason, Rejected
from forwarder.parse import Parser
from forwarder.records import unpack
from replayer.identify import Content, LostIdentity, restore, select
from replayer.letters import Piece
from replayer.mend import Mend

LOST_IDENTITY = "got another number of elements without eventId, wants each to keep its own"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a feed's forwarder does with a document, and what time it is.

    Attributes:
        destination: The feed's row.
        parse: The deployed rules, with the feed's own target.
        now: Seconds since 1970: when the record would arrive.
    """

    destination: Destination
    parse: Parser
    now: float


@dataclass(frozen=True, slots=True)
class Prepared:
    """What can go back of one piece, and what would fail again.

    Attributes:
        piece: The document as it was.
        content: The document as it goes back; None where nothing of it can.
        raw: Its bytes, if nothing in them changes.
        entries: What the forwarder would make of it, by the place in the first document.
        rejected: What it would reject, about the document as it was.
    """

    piece: Piece
    content: Content | None
    raw: bytes | None
    entries: tuple[tuple[int | None, Entry], ...]
    rejected: tuple[Rejected, ...]


def prepare(pieces: Sequence[Piece], rules: Rules, mend: Mend | None = None) -> list[Prepared]:
    """Prepare pieces, in their order.

    What cannot be shown as one line of text is not mended.
    """
    lines = [line(piece, rules.destination) for piece in pieces]
    if mend is None:
        return [prepare_one(piece, None, rules) for piece in pieces]
    texts = iter(mend([each for each in lines if each is not None]))
    mended = [None if each is None else next(texts) for each in lines]
    return [
        prepare_one(piece, None if after == before else after, rules)
        for piece, before, after in zip(pieces, lines, mended, strict=True)
    ]


def line(piece: Piece, destination: Destination) -> bytes | None:
    """Write a piece as one line: the document that goes back, or a text that is none."""
    content = _select(piece, destination)
    if content is not None:
        return orjson.dumps(content.members)
    data = piece.document.data
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    return None if b"\n" in data or b"\r" in data or not data else data


def render(prepared: Prepared, wanted: Iterable[int | None], destination: Destination) -> bytes:
    """Write the document with these of its entries; the very bytes it had where nothing differs."""
    content = prepared.content
    if content is None:
        raise ValueError("nothing of this document can go back")
    chosen = set(wanted)
    if content.places is None or chosen == set(content.places):
        return prepared.raw if prepared.raw is not None else orjson.dumps(content.members)
    listed = content.members[destination.entries]
    kept = [each for place, each in zip(content.places, listed, strict=True) if place in chosen]
    return orjson.dumps({**content.members, destination.entries: kept})


def _select(piece: Piece, destination: Destination) -> Content | None:
    members = _object(piece.document.data)
    return None if members is None else select(piece, members, destination)


def prepare_one(piece: Piece, mended: bytes | None, rules: Rules) -> Prepared:
    """Prepare one piece, or what it was mended to."""
    content = _select(piece, rules.destination)
    raw = piece.document.data
    if mended is not None:
        members = _object(mended)
        try:
            content = members if members is None else _restore(piece, members, content, rules)
        except LostIdentity:
            document = piece.document
            lost = Rejected(document, None, Reason.WRONG_VALUE, "eventId", LOST_IDENTITY)
            return Prepared(piece, None, None, (), (lost,))
        raw = mended
    elif content is None and piece.broken is not None:
        return Prepared(piece, None, None, (), (piece.broken,))
    unchanged = content is None or _object(raw) == content.members
    return _checked(piece, content, raw if unchanged else None, raw, rules)


def _restore(
    piece: Piece, members: dict[str, Any], before: Content | None, rules: Rules
) -> Content:
    if before is None:
        # It was no document before: all that it holds now is new.
        return select(replace(piece, elements=None), members, rules.destination)
    return restore(piece.document, members, before, rules.destination)


def _checked(
    piece: Piece, content: Content | None, raw: bytes | None, data: bytes, rules: Rules
) -> Prepared:
    if raw is None and content is not None:
        data = orjson.dumps(content.members)
    text = base64.b64encode(data).decode()
    record = piece.document.record._replace(arrival=rules.now, data=text)
    entries: list[tuple[int | None, Entry]] = []
    rejected: list[Rejected] = []
    for document in unpack(record):
        outcomes = rules.parse(document) if isinstance(document, Document) else [document]
        for each in outcomes:
            place = _place(each.element, content)
            if isinstance(each, Entry):
                entries.append((place, each))
            else:
                rejected.append(replace(each, document=piece.document, element=place))
    return Prepared(piece, content, raw, tuple(entries), tuple(rejected))


def _place(element: int | None, content: Content | None) -> int | None:
    if element is None or content is None or content.places is None:
        return element
    return content.places[element]


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        members = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return members if isinstance(members, dict) else None
