"""One feed's replay: load, prepare, plan, and then act; the same for every caller."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from forwarder.envelope import Envelope, StoredObject
from replayer.aws import Services
from replayer.contents import load
from replayer.letters import Announced, Contents, Kind, Letter
from replayer.mend import Mend
from replayer.newest import Newest, Place, Reach, oldest
from replayer.plan import Knowledge, Step, identities, plan
from replayer.prepare import Prepared, Rules, prepare
from replayer.site import Site

LOADS_AT_ONCE = 16
MOST_BYTES = 64 * 1024 * 1024
"""Bytes of dead letters that are planned together: what is beyond them is planned after them."""

MOST_LETTERS = 20_000

SETTLED = timedelta(minutes=15)
"""As long as an invocation lasts at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Plans the replay of one feed's dead letters.

    Attributes:
        site: The feed.
        services: Its verbs.
        mend: Mends documents on their way, if at all.
        force: Put back what is stale.
        trust: Put back what nobody knows to be stale or not.
        now: The time.
        watch: Is told how many records of the stream were looked at.
    """

    site: Site
    services: Services
    mend: Mend | None = None
    force: bool = False
    trust: bool = False
    now: Callable[[], datetime]
    watch: Callable[[int], None] = lambda _count: None

    def plan(
        self, letters: Sequence[Letter], others: Iterable[Letter] = ()
    ) -> tuple[list[Step], Newest | None]:
        """Plan the replay of letters.

        Args:
            letters: The dead letters that were chosen.
            others: The feed's other ones: they may hold newer states of the same ids.
        """
        return self.plan_prepared(self._loaded(letters, self.mend), others)

    def plan_prepared(
        self, loaded: Sequence[tuple[Contents, Sequence[Prepared]]], others: Iterable[Letter] = ()
    ) -> tuple[list[Step], Newest | None]:
        """Plan the replay of what is prepared already."""
        destination = self.site.destination
        if destination.identity is None:
            return plan(loaded, destination, Knowledge()), None
        newest, reach = self._newest(loaded)
        newest.advance()
        knowledge = Knowledge(
            newest, reach, self._identities(others), force=self.force, trust=self.trust
        )
        return plan(loaded, destination, knowledge), None if self.force else newest

    def rules(self) -> Rules:
        """The deployed rules, as of now."""
        return Rules(self.site.destination, self.site.parser, self.now().timestamp())

    def load(self, letters: Iterable[Letter]) -> list[Contents]:
        """Load letters, several at a time; they come in their order."""
        with ThreadPoolExecutor(LOADS_AT_ONCE) as pool:
            return list(pool.map(lambda letter: load(letter, self.services.sources), letters))

    def _loaded(
        self, letters: Iterable[Letter], mend: Mend | None
    ) -> list[tuple[Contents, list[Prepared]]]:
        contents = self.load(letters)
        pieces = [piece for each in contents for piece in each.pieces]
        prepared = iter(prepare(pieces, self.rules(), mend))
        return [(each, list(islice(prepared, len(each.pieces)))) for each in contents]

    def _newest(
        self, loaded: Iterable[tuple[Contents, Sequence[Prepared]]]
    ) -> tuple[Newest, Reach]:
        reach = self.services.reach()
        found = [each for _, prepared in loaded for each in prepared]
        wanted = frozenset(
            entry.identity for each in found for _, entry in each.entries if entry.identity
        )
        since = oldest((each.piece.document for each in found), default=self.now())
        newest = Newest(
            wanted=wanted,
            since=max(since, reach.since),
            shards=self.services.shards,
            reader=self.services.reader,
            parse=self.site.parser,
            watch=self.watch,
        )
        return newest, reach

    def _identities(self, letters: Iterable[Letter]) -> dict[str, Place]:
        """The newest place of each id, a portion of the letters at a time."""
        found: dict[str, Place] = {}
        for portion in portions(letters):
            loaded = self._loaded(portion, None)
            for identity, place in identities(loaded, self.site.destination).items():
                if identity not in found or place.is_after(found[identity]):
                    found[identity] = place
        return found


def portions(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    """Part letters into what memory has room for, in their order."""
    portion: list[Letter] = []
    room = MOST_BYTES
    for letter in letters:
        size = _size(letter)
        if portion and (size > room or len(portion) == MOST_LETTERS):
            yield portion
            portion, room = [], MOST_BYTES
        portion.append(letter)
        room -= size
    if portion:
        yield portion


def _size(letter: Letter) -> int:
    size = len(letter.held.body)
    match letter.form:
        case Announced(size=stored):
            return size + stored
        case Envelope(object=StoredObject()):
            return size + 1024 * 1024
    return size if letter.kind is not Kind.POINTER else size + 6 * 1024 * 1024


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


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)
