"""Looks for newer records of an id, so that a replay never undoes what came after.

An upsert replaces all that is known of its id. What is on the stream behind a dead letter, and
passes the forwarder's rules, has replaced it already or is about to.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from forwarder.outcomes import Document, Entry, Record
from forwarder.parse import Parser
from forwarder.records import unpack
from replayer.stream_range import After, ShardReader, Since, Start

SHARDS_AT_ONCE = 8
CLOCK_SKEW = 5.0
"""Seconds: arrivals are approximate, and shards' clocks differ."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the stream an entry is. Places of one shard are in order, others by arrival."""

    shard: str
    sequence: int
    document: int
    element: int
    arrival: float

    def is_after(self, other: "Place") -> bool:
        """Whether this came later; where nobody can tell, it did."""
        if self.shard == other.shard:
            return (self.sequence, self.document, self.element) > (
                other.sequence,
                other.document,
                other.element,
            )
        return self.arrival >= other.arrival


@dataclass(frozen=True, slots=True)
class Sighting:
    """The newest entry of an id that the stream holds."""

    place: Place
    body: bytes


def place_of(document: Document, element: int | None) -> Place:
    """Say where an entry was first."""
    record = document.record
    return Place(record.shard, int(record.sequence), document.number, element or 0, record.arrival)


@dataclass(slots=True)
class Newest:
    """The newest entry of each wanted id, kept up with the stream.

    Attributes:
        wanted: The ids that are looked for.
        since: When the oldest of the candidates arrived.
        shards: Names the stream's shards, closed ones included.
        reader: Reads them.
        parse: The feed's rules: what they reject replaces nothing.
        watch: Is told how many records were read since it was last told.
    """

    wanted: frozenset[str]
    since: datetime
    shards: Callable[[], Sequence[str]]
    reader: ShardReader
    parse: Parser
    watch: Callable[[int], None] = lambda _count: None
    _found: dict[str, Sighting] = field(default_factory=dict)
    _read: dict[str, Start] = field(default_factory=dict)

    def advance(self) -> None:
        """Read on to the stream's tip: all that arrived before the call is known after it."""
        if not self.wanted:
            return
        with ThreadPoolExecutor(SHARDS_AT_ONCE) as pool:
            for sightings in pool.map(self._advance_shard, self.shards()):
                for identity, sighting in sightings.items():
                    self._add(identity, sighting)

    def of(self, identity: str) -> Sighting | None:
        """Give the newest entry of an id, if the stream holds one."""
        return self._found.get(identity)

    def _advance_shard(self, shard: str) -> dict[str, Sighting]:
        beginning = Since(datetime.fromtimestamp(self.since.timestamp() - CLOCK_SKEW, UTC))
        start = self._read.get(shard, beginning)
        found: dict[str, Sighting] = {}
        count = 0
        for record in self.reader.read(shard, start):
            self._read[shard] = After(record.sequence)
            for entry in entries_of(record, self.parse):
                if entry.identity in self.wanted:
                    place = place_of(entry.document, entry.element)
                    found[str(entry.identity)] = Sighting(place, entry.body)
            count += 1
        self.watch(count)
        return found

    def _add(self, identity: str, sighting: Sighting) -> None:
        known = self._found.get(identity)
        if known is None or sighting.place.is_after(known.place):
            self._found[identity] = sighting


def entries_of(record: Record, parse: Parser) -> Iterator[Entry]:
    """Give the entries that the forwarder would make of a record."""
    for document in unpack(record):
        if isinstance(document, Document):
            yield from (each for each in parse(document) if isinstance(each, Entry))


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back the stream goes, as the service says it."""

    stream: str
    since: datetime

    def covers(self, document: Document) -> bool:
        """Whether everything that came after this document is still on the stream."""
        record = document.record
        return record.stream == self.stream and record.arrival >= self.since.timestamp()


def oldest(documents: Iterable[Document], *, default: datetime) -> datetime:
    """Say when the first of the documents arrived."""
    arrivals = [document.record.arrival for document in documents]
    return datetime.fromtimestamp(min(arrivals), UTC) if arrivals else default
