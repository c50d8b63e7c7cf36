"""One shard, its environments, the service and the queue, all of which fail as they are told.

Everything but the network is real: the journey, the dead letters and the mapping's semantics. Time
is a clock that moves only when somebody waits, and calls go out one at a time, so the same
schedule always ends the same way.
"""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
from typing import Any

from builders import ARRIVAL, Clock, channel, document_of, parser_of

from forwarder.dead_letters import DeadLetters, Message
from forwarder.deliver import Delivery
from forwarder.destinations import DESTINATIONS, Destination
from forwarder.envelope import Envelope, StoredObject
from forwarder.journey import forward, remember
from forwarder.memory import Memory
from forwarder.records import decode
from forwarder.transport import Disconnected, ServiceError, Timeout
from local.mappings.batch import Batch
from local.mappings.configuration import Configuration
from local.mappings.events import event
from local.mappings.semantics import Errored, Outcome, Returned, Unreached
from local.mappings.simulation import Simulation

Place = tuple[int, int, int]
"""Where an entry was written: its record, document and element, all counted from 0."""

INVOCATION = 30.0
"""Seconds that an invocation may take."""

NOISE = b"this is no document"


class Mark(Enum):
    """What becomes of an entry."""

    GOOD = auto()
    REFUSED = auto()
    MISSPELT = auto()


@dataclass(frozen=True, slots=True)
class Written:
    """A document as its producer wrote it; `marks` are its entries, None is no document at all."""

    data: bytes
    marks: tuple[Mark, ...] | None
    listed: bool

    def elements(self) -> Iterator[tuple[int | None, Mark]]:
        for place, mark in enumerate(self.marks or ()):
            yield place if self.listed else None, mark


def write(
    feed: str, place: tuple[int, int], group: str, marks: Sequence[Mark], **shared: str
) -> Written:
    """Write a document of one session, or of one id, with an entry for each of the marks."""
    destination = DESTINATIONS[feed]
    entries = [
        document_of(feed)
        | {destination.identity or "sessionId": group}
        | {"properties": {"place": [*place, number], "mark": mark.name}}
        | ({"itmeId": "typo"} if mark is Mark.MISSPELT else {})
        for number, mark in enumerate(marks)
    ]
    for entry in entries:
        # Lists of numbers are joined by the forwarder: as a text they stay what they are.
        entry["properties"] = json.dumps(entry["properties"])
    if len(entries) == 1:
        return Written(json.dumps(entries[0] | shared).encode(), tuple(marks), listed=False)
    of_call = {name: entries[0][name] for name in destination.shared if name in entries[0]}
    listed = [
        {name: value for name, value in entry.items() if name not in of_call} for entry in entries
    ]
    whole = {**of_call, **shared, destination.entries: listed}
    return Written(json.dumps(whole).encode(), tuple(marks), listed=True)


class Fate(Enum):
    """What the service does with a call."""

    ACCEPTS = auto()
    THROTTLES = auto()
    FAILS = auto()
    IS_BUSY = auto()
    DENIES = auto()
    CUTS = auto()
    HANGS = auto()
    STORES_THEN_FAILS = auto()
    STORES_THEN_CUTS = auto()
    STORES_THEN_HANGS = auto()
    SURPRISES = auto()


_FAILURES: dict[Fate, Exception] = {
    Fate.THROTTLES: ServiceError("ThrottlingException", 400, None),
    Fate.FAILS: ServiceError("InternalFailure", 500, None),
    Fate.IS_BUSY: ServiceError("ResourceInUseException", 409, None),
    Fate.DENIES: ServiceError("AccessDeniedException", 403, None),
    Fate.CUTS: Disconnected("ConnectionResetError"),
    Fate.HANGS: Timeout("TimeoutError"),
    Fate.STORES_THEN_FAILS: ServiceError("InternalFailure", 500, None),
    Fate.STORES_THEN_CUTS: Disconnected("ConnectionResetError"),
    Fate.STORES_THEN_HANGS: Timeout("TimeoutError"),
    Fate.SURPRISES: RuntimeError("nobody has classified this"),
}
_STORING = {
    Fate.ACCEPTS,
    Fate.STORES_THEN_FAILS,
    Fate.STORES_THEN_CUTS,
    Fate.STORES_THEN_HANGS,
}


@dataclass
class Service:
    """Personalize: takes a call whole or not at all, drops repeats of an `eventId`, and upserts.

    Attributes:
        counted: The content that counts for each `eventId`, in the order of their first arrival.
        state: The version of each id that upserts left behind.
        newest: The newest version of each id that was ever accepted.
        contradicted: Ids of events that came again with another content.
    """

    destination: Destination
    clock: Clock
    fates: deque[Fate] = field(default_factory=deque)
    alive_for: int | None = None
    counted: dict[str, dict[str, Any]] = field(default_factory=dict)
    state: dict[str, Place] = field(default_factory=dict)
    newest: dict[str, Place] = field(default_factory=dict)
    contradicted: list[str] = field(default_factory=list)

    def __call__(self, body: bytes, deadline: float) -> None:
        if self.alive_for is not None:
            if self.alive_for == 0:
                # The caller is dead: nothing it does from here on reaches anybody.
                self.clock.now = max(self.clock.now, deadline)
                raise Timeout("TimeoutError")
            self.alive_for -= 1
        fate = self.fates.popleft() if self.fates else Fate.ACCEPTS
        request = json.loads(body)
        entries = request.pop(self.destination.entries)
        marks = [json.loads(entry["properties"])["mark"] for entry in entries]
        if fate in _STORING and Mark.REFUSED.name in marks:
            raise ServiceError("InvalidInputException", 400, None)
        if fate in _STORING:
            for entry in entries:
                self._store({**request, **entry})
        if fate in {Fate.HANGS, Fate.STORES_THEN_HANGS}:
            self.clock.now = max(self.clock.now, deadline)
        if fate is not Fate.ACCEPTS:
            raise _FAILURES[fate]

    def _store(self, entry: dict[str, Any]) -> None:
        if self.destination.identity:
            name, place = entry[self.destination.identity], place_of(entry)
            self.state[name] = place
            self.newest[name] = max(place, self.newest.get(name, place))
            return
        if self.counted.setdefault(entry["eventId"], entry) != entry:
            self.contradicted.append(entry["eventId"])


def place_of(entry: dict[str, Any]) -> Place:
    record, document, element = json.loads(entry["properties"])["place"]
    return record, document, element


class QueueFate(Enum):
    """What the dead-letter queue does in one invocation."""

    TAKES = auto()
    LEAVES_THE_FIRST = auto()
    FAILS = auto()
    TAKES_THEN_FAILS = auto()


@dataclass
class Queue:
    """The dead-letter queue: what it took, and what it does in this invocation."""

    fate: QueueFate = QueueFate.TAKES
    letters: list[Envelope] = field(default_factory=list)

    def send(self, messages: Sequence[Message]) -> Sequence[int]:
        left = {0} if self.fate is QueueFate.LEAVES_THE_FIRST else set()
        if self.fate is not QueueFate.FAILS:
            self.letters += [
                Envelope.model_validate_json(message.body)
                for number, message in enumerate(messages)
                if number not in left
            ]
        if self.fate in {QueueFate.FAILS, QueueFate.TAKES_THEN_FAILS}:
            raise ConnectionError
        return sorted(left)

    def put(self, key: str, data: bytes) -> StoredObject:
        raise AssertionError(f"{key}: {len(data)} bytes fit into a message")


class End(Enum):
    """How an invocation ends for Lambda."""

    ANSWERS = auto()
    IS_KILLED = auto()
    IS_KILLED_AFTER_ITS_WORK = auto()
    IS_NOT_REACHED = auto()
    RUNS_TWICE = auto()


@dataclass(frozen=True, slots=True)
class Turn:
    """One invocation: which environment has it, how it ends and what the queue does meanwhile."""

    environment: int = 0
    end: End = End.ANSWERS
    queue: QueueFate = QueueFate.TAKES
    alive_for: int = 0
    """Calls that an invocation makes before it is killed."""


class Shard:
    """A shard with all that is around it. `mapping` is the simulation that runs it now."""

    def __init__(self, feed: str, told: Configuration, *, environments: int = 3) -> None:
        self.destination = DESTINATIONS[feed]
        self.clock = Clock()
        self.service = Service(self.destination, self.clock)
        self.queue = Queue()
        self.turns: deque[Turn] = deque()
        self.written: list[tuple[Written, ...]] = []
        self.keys: list[str] = []
        self.acknowledged: set[int] = set()
        self.abandoned: set[int] = set()
        self._told = told
        self._parse = parser_of(feed)
        self._memories = [Memory() for _ in range(environments)]
        self._dead_letters = DeadLetters(
            feed=feed,
            stage="test",
            function="forwarder:1",
            send=self.queue.send,
            put=self.queue.put,
            now=partial(datetime.fromtimestamp, 0, UTC),
            clock=self.clock,
        )
        self._from = 0
        self.mapping = self._map()
        self.mapping.now = ARRIVAL

    def put(self, documents: Sequence[Written], key: str | None) -> None:
        self.written.append(tuple(documents))
        self.keys.append(key or "")
        self.mapping.put(b"\n".join(each.data for each in documents), key=key)

    def run(self, seconds: float = float("inf")) -> None:
        """Let the mapping work for so long, and take note of what came to an end."""
        self.mapping.run(seconds)
        delivered, abandoned = self._ended()
        self.acknowledged |= delivered
        self.abandoned |= abandoned

    def rewind(self, to: int) -> None:
        """Go on from an older checkpoint, as after resharding or an update of the mapping."""
        before = self.mapping
        delivered, abandoned = self._ended()
        left = set(range(self._from, len(before.put_in))) - delivered - abandoned
        self._from = min([to, *left, len(before.put_in)])
        self.mapping = self._map()
        self.mapping.now = before.now
        self.mapping.put_in.extend(before.put_in)
        self.mapping.shard.add(before.put_in[self._from :], before.now)

    def sequence(self, record: int) -> str:
        return self.mapping.put_in[record].sequence

    def _ended(self) -> tuple[set[int], set[int]]:
        """The records that this mapping brought to an end: accepted, and given up."""
        numbers = {each.sequence: number for number, each in enumerate(self.mapping.put_in)}
        given_up = [record for each in self.mapping.abandoned for record in each.records]
        return (
            {numbers[each.sequence] for each in self.mapping.delivered},
            {numbers[each.sequence] for each in given_up},
        )

    def _map(self) -> Simulation:
        return Simulation(self._told, self._invoke, backoff=lambda number: 20.0 * number)

    def _invoke(self, batch: Batch) -> Outcome:
        turn = self.turns.popleft() if self.turns else Turn()
        if turn.end is End.IS_NOT_REACHED:
            return Unreached()
        answer = self._handle(batch, turn)
        if turn.end is End.RUNS_TWICE:
            other = Turn(turn.environment + 1, queue=turn.queue)
            answer = self._handle(batch, other)
        if turn.end in {End.IS_KILLED, End.IS_KILLED_AFTER_ITS_WORK}:
            self._memories[turn.environment % len(self._memories)] = Memory()
            return Errored()
        return Returned(answer)

    def _handle(self, batch: Batch, turn: Turn) -> dict[str, Any]:
        """What the handler does, with an environment's memory."""
        self.service.alive_for = turn.alive_for if turn.end is End.IS_KILLED else None
        self.queue.fate = turn.queue
        records = decode(json.loads(event(batch.records)))
        link = channel(self.service, clock=self.clock, workers=1)
        ends = self.clock() + INVOCATION
        memory = self._memories[turn.environment % len(self._memories)]
        delivery = Delivery(link, deadline=ends)
        settlement = forward(
            records, parse=self._parse, memory=memory, delivery=delivery
        ).settlement
        if turn.end is End.IS_KILLED:
            return {}
        kept = self._dead_letters.keep(settlement.rejected, deadline=ends + 1)
        if kept.unkept_at is not None:
            remember(memory, settlement, unkept=kept.unkept_at)
        return settlement.response(kept.unkept_at)
