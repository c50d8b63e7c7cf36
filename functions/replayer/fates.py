"""What becomes of one entry: pure, from what is known of its id elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from forwarder.destinations import Destination
from forwarder.outcomes import Entry
from replayer.letters import Contents
from replayer.newest import Newest, Place, Reach, place_of
from replayer.prepare import Prepared

Loaded = Iterable[tuple[Contents, Sequence[Prepared]]]
"""Dead letters with what can go back of each of their documents."""


class Fate(StrEnum):
    """What becomes of one entry."""

    GOES = "goes"
    """It is put back on the stream."""
    THERE = "there"
    """The newest on the stream for its id is the same: an earlier run put it back."""
    TWICE = "twice"
    """Another dead letter holds the same entry, and stands for it."""
    STALE = "stale"
    """A newer record of its id exists."""
    UNVERIFIED = "unverified"
    """The stream does not reach back to where it came from: nobody knows whether it is stale."""
    FAILS = "fails"
    """The forwarder would reject it again."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known of ids beside the dead letters at hand.

    Attributes:
        newest: The newest of each id on the stream; None for feeds whose entries add up.
        reach: How far back the stream goes.
        letters: The newest place of each id among all dead letters of the feed.
        force: Put back what is stale on the stream.
        trust: Put back what nobody knows to be stale or not.
    """

    newest: Newest | None = None
    reach: Reach | None = None
    letters: Mapping[str, Place] | None = None
    force: bool = False
    trust: bool = False


def fate_of(
    prepared: Prepared,
    element: int | None,
    entry: Entry,
    newest: Mapping[str, Place],
    knowledge: Knowledge,
) -> Fate:
    """Decide about one entry, but for whether another dead letter holds it as well."""
    identity = entry.identity
    if identity is None or knowledge.newest is None:
        return Fate.GOES
    place = place_of(prepared.piece.document, element)
    among = [newest.get(identity), (knowledge.letters or {}).get(identity)]
    if any(other is not None and other.is_after(place) for other in among):
        return Fate.STALE
    seen = knowledge.newest.of(identity)
    if seen is not None and seen.place.is_after(place):
        if seen.body == entry.body:
            return Fate.THERE
        return Fate.GOES if knowledge.force else Fate.STALE
    covered = knowledge.reach is not None and knowledge.reach.covers(prepared.piece.document)
    return Fate.GOES if covered or knowledge.trust else Fate.UNVERIFIED


def newest_among(loaded: Loaded) -> dict[str, Place]:
    """Find the newest place of each id among entries that can go back."""
    found: dict[str, Place] = {}
    for _, prepared in loaded:
        for each in prepared:
            for element, entry in each.entries:
                if entry.identity is None:
                    continue
                place = place_of(each.piece.document, element)
                if entry.identity not in found or place.is_after(found[entry.identity]):
                    found[entry.identity] = place
    return found


def identities(loaded: Loaded, destination: Destination) -> dict[str, Place]:
    """Find the newest place of each id among dead letters, also of those that fail again."""
    found = newest_among(loaded)
    name = destination.identity
    for _, prepared in loaded:
        for each in prepared:
            for element, identity in _named(each, name, destination):
                place = place_of(each.piece.document, element)
                if identity not in found or place.is_after(found[identity]):
                    found[identity] = place
    return found


def _named(
    prepared: Prepared, name: str | None, destination: Destination
) -> list[tuple[int | None, str]]:
    content = prepared.content
    if content is None or name is None:
        return []
    members: list[tuple[int | None, object]] = [(None, content.members)]
    if content.places is not None:
        listed = content.members[destination.entries]
        members = [*zip(content.places, listed, strict=True)]
    return [
        (place, each[name])
        for place, each in members
        if isinstance(each, dict) and isinstance(each.get(name), str)
    ]
