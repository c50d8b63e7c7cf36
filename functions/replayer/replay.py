"""One feed's replay: load, prepare, plan, and then act; the same for every caller."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from replayer.aws import Services
from replayer.contents import load
from replayer.fates import Knowledge, identities
from replayer.letters import Contents, Letter
from replayer.mend import Mend
from replayer.newest import Newest, Place, Reach, oldest
from replayer.plan import Step, plan
from replayer.portions import portions
from replayer.prepare import Prepared, Rules, prepare
from replayer.site import Site

LOADS_AT_ONCE = 16


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


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)
