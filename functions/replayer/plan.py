"""Decides what becomes of each dead letter: pure, and printed before anything is done."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from forwarder.destinations import Destination
from forwarder.outcomes import Entry, Rejected
from replayer.fates import Fate, Knowledge, Loaded, fate_of, newest_among
from replayer.fit import Unfit, fit
from replayer.letters import Contents, Letter
from replayer.newest import Place, place_of
from replayer.prepare import Prepared, render

GONE = "It holds nothing to replay."


@dataclass(frozen=True, slots=True)
class Put:
    """One record to put back.

    Attributes:
        letter: Whose it is.
        data: Its bytes.
        partition_key: The one it had, or one that stays the same.
        identities: The ids that its entries replace, where each entry first was, and its body.
        place: Where it first was, and so when its turn is.
    """

    letter: str
    data: bytes
    partition_key: str
    identities: tuple[tuple[str, Place, bytes], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Step:
    """What is done about one dead letter.

    Attributes:
        contents: The dead letter.
        fates: How many of its entries have which fate.
        puts: What goes on the stream.
        failing: What the forwarder would reject again.
        awaits: Dead letters whose records stand for some of this one's.
        leaves: Whether the message goes, once its records are on the stream.
        why: Why it stays, if it does.
    """

    contents: Contents
    fates: Mapping[Fate, int]
    puts: tuple[Put, ...]
    failing: tuple[Rejected, ...]
    awaits: frozenset[str]
    leaves: bool
    why: str | None

    @property
    def letter(self) -> Letter:
        """The dead letter."""
        return self.contents.letter

    @property
    def kept_apart(self) -> tuple[Rejected, ...]:
        """What becomes a dead letter of its own, so that the rest is not held up by it."""
        return self.failing if self.leaves else ()


def plan(
    loaded: Loaded,
    destination: Destination,
    knowledge: Knowledge,
) -> list[Step]:
    """Plan a replay: one step for each dead letter, the oldest entry of repeats first.

    Of entries with the same first origin one goes, and of upserts with one id the newest.
    """
    loaded = list(loaded)
    planner = _Planner(destination, knowledge, newest_among(loaded))
    return [planner.step(contents, prepared) for contents, prepared in loaded]


_Key = tuple[str, str, str, int, int | None]


@dataclass(slots=True)
class _Planner:
    """Plans letters one after the other; remembers in which one each entry goes."""

    destination: Destination
    knowledge: Knowledge
    newest: Mapping[str, Place]
    taken: dict[_Key, str] = field(default_factory=dict)

    def step(self, contents: Contents, prepared: Iterable[Prepared]) -> Step:
        fates: Counter[Fate] = Counter()
        puts: list[Put] = []
        failing: list[Rejected] = []
        awaits: set[str] = set()
        for each in prepared:
            going = []
            for element, entry in each.entries:
                fate, stand_in = self._decide(contents, each, element, entry)
                fates[fate] += 1
                if fate is Fate.GOES:
                    going.append((element, entry))
                awaits |= {stand_in} if stand_in else set()
            put = _put(contents, each, going, self.destination) if going else []
            if isinstance(put, Put):
                puts.append(put)
            else:
                fates[Fate.GOES] -= len(put)
                failing += put
            failing += each.rejected
        fates[Fate.FAILS] = len(failing)
        return _step(contents, +fates, puts, failing, frozenset(awaits))

    def _decide(
        self, contents: Contents, prepared: Prepared, element: int | None, entry: Entry
    ) -> tuple[Fate, str | None]:
        """Say what becomes of an entry, and which other dead letter stands for it."""
        fate = fate_of(prepared, element, entry, self.newest, self.knowledge)
        if fate is not Fate.GOES:
            return fate, None
        key, own = _key(prepared, element), contents.letter.id
        if key not in self.taken:
            self.taken[key] = own
            return fate, None
        return Fate.TWICE, self.taken[key]


def _step(
    contents: Contents,
    fates: Counter[Fate],
    puts: list[Put],
    failing: list[Rejected],
    awaits: frozenset[str],
) -> Step:
    settled = fates[Fate.GOES] + fates[Fate.THERE] + fates[Fate.TWICE]
    skipped = [f"{fates[fate]} {fate}" for fate in (Fate.STALE, Fate.UNVERIFIED) if fates[fate]]
    why = contents.lacking
    if why is None and not fates:
        why = GONE
    elif why is None and not settled and failing:
        why = f"fails again: {failing[0].reason}, {failing[0].detail}"
    elif why is None and skipped:
        why = ", ".join(skipped)
    return Step(contents, fates, tuple(puts), tuple(failing), awaits, why is None, why)


def _put(
    contents: Contents,
    prepared: Prepared,
    going: Sequence[tuple[int | None, Entry]],
    destination: Destination,
) -> Put | list[Rejected]:
    document = prepared.piece.document
    first = going[0][1]
    key = (
        document.partition_key
        or document.record.partition_key
        or first.session
        or first.identity
        or f"{document.record.shard}:{document.record.sequence}"
    )
    data = fit(render(prepared, (element for element, _ in going), destination), key)
    if isinstance(data, Unfit):
        return [Rejected(document, element, data.reason, None, data.detail) for element, _ in going]
    identities = tuple(
        (entry.identity, place_of(document, element), entry.body)
        for element, entry in going
        if entry.identity is not None
    )
    place = place_of(document, going[0][0])
    return Put(contents.letter.id, data, key, identities, place)


def _key(prepared: Prepared, element: int | None) -> _Key:
    document = prepared.piece.document
    record = document.record
    return (record.stream, record.shard, record.sequence, document.number, element)
