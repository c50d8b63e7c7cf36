"""Gives the entries of a document the `eventId` of their first origin, before it goes back.

A record that is put again has another sequence number, so the forwarder would derive another
`eventId`, and what was delivered in the meantime would be counted twice. Hence each entry without
an `eventId` is given, here, the one that the forwarder derived or would have derived at first.
Upserts have none and need none: putting the same state twice is the same state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forwarder.destinations import Destination
from forwarder.outcomes import Document
from forwarder.parse import event_id
from replayer.letters import Piece

JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """A document as it goes back.

    Attributes:
        members: The JSON object.
        places: Of each element of its entry list, its place in the first document; None where
            the document is the entry.
    """

    members: JsonObject
    places: tuple[int, ...] | None


class LostIdentity(Exception):  # noqa: N818 - it says what is lost
    """The mended list has other elements, without `eventId`: nobody can tell which is which."""


def select(piece: Piece, members: JsonObject, destination: Destination) -> Content:
    """Take what of a document was not delivered, with the `eventId`s that it had at first.

    Of a request only the rejected elements go back: the others were delivered.
    """
    listed = members.get(destination.entries)
    if not isinstance(listed, list):
        return Content(_flat(piece.document, members, destination), None)
    wanted = range(len(listed)) if piece.elements is None else piece.elements
    places = tuple(place for place in wanted if place < len(listed))
    elements = [listed[place] for place in places]
    return Content(_listed(piece.document, members, elements, places, destination), places)


def restore(
    document: Document, mended: JsonObject, before: Content, destination: Destination
) -> Content:
    """Give a mended document back the `eventId`s that mending may have dropped.

    Raises:
        LostIdentity: when the entry list has another length and an element has no `eventId`.
    """
    listed = mended.get(destination.entries)
    if not isinstance(listed, list):
        if before.places is not None and _derives(destination) and _lacks(mended):
            raise LostIdentity
        return Content(_flat(document, mended, destination), None)
    places = before.places
    if places is None:
        places = tuple(range(len(listed)))
    if len(places) != len(listed):
        if _derives(destination) and any(map(_lacks, listed)):
            raise LostIdentity
        return Content(mended, tuple(range(len(listed))))
    return Content(_listed(document, mended, listed, places, destination), places)


def _flat(document: Document, members: JsonObject, destination: Destination) -> JsonObject:
    if _derives(destination) and _lacks(members):
        return {**members, "eventId": event_id(document, None)}
    return members


def _listed(
    document: Document,
    members: JsonObject,
    elements: list[Any],
    places: tuple[int, ...],
    destination: Destination,
) -> JsonObject:
    if _derives(destination):
        elements = [
            {**element, "eventId": event_id(document, place)} if _lacks(element) else element
            for place, element in zip(places, elements, strict=True)
        ]
    return {**members, destination.entries: elements}


def _lacks(element: object) -> bool:
    return isinstance(element, Mapping) and element.get("eventId") is None


def _derives(destination: Destination) -> bool:
    return "event_id" in destination.shape.model_fields
