"""The values that a replay is made of: messages, the forms of dead letters, and their documents."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from forwarder.envelope import Envelope, StoredObject
from forwarder.outcomes import Document, Record, Rejected


class Kind(StrEnum):
    """Which form a message has."""

    REJECTED = "rejected"
    """One document, with the reason why it was not delivered."""
    ABANDONED = "abandoned"
    """A batch that Lambda gave up on, stored whole in the bucket (or in the message)."""
    POINTER = "pointer"
    """A batch that Lambda gave up on, of which only the place in the stream was kept."""
    TEST = "test"
    """What S3 sends when a notification is set up; it stands for nothing."""
    UNREADABLE = "unreadable"
    """Anything else. It is shown and never deleted."""


@dataclass(frozen=True, slots=True)
class Held:
    """A message that was received, and is hidden from others until it is released."""

    feed: str
    id: str
    receipt: str
    body: str
    sent: datetime


@dataclass(frozen=True, slots=True)
class BatchInfo:
    """Where in the stream an abandoned batch was: its first and its last record."""

    stream: str
    shard: str
    start: str
    end: str
    size: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What Lambda says about a batch that it gave up on.

    `records` is None where it did not keep them.
    """

    condition: str
    invocations: int | None
    info: BatchInfo | None
    records: tuple[Record, ...] | None


@dataclass(frozen=True, slots=True)
class Announced:
    """Objects that a bucket's notification names, each an abandoned batch."""

    objects: tuple[StoredObject, ...]
    size: int


@dataclass(frozen=True, slots=True)
class TestMessage:
    """S3's test of the notification."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a message, or what it points to, cannot be read."""

    why: str


Form = Envelope | Announced | Batch | TestMessage | Unreadable


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as far as its message tells: enough to list and to filter.

    Attributes:
        held: The message.
        kind: Which form it has.
        form: What was read from it.
        reason: The rejection's code, or the kind where there is none.
        field: The field that was rejected, if it was one.
        detail: One sentence about it; holds no payload.
        at: When the record became a dead letter.
    """

    held: Held
    kind: Kind
    form: Form
    reason: str
    field: str | None
    detail: str
    at: datetime

    @property
    def id(self) -> str:
        """The message's id."""
        return self.held.id

    @property
    def feed(self) -> str:
        """The feed in whose queue it is."""
        return self.held.feed


@dataclass(frozen=True, slots=True)
class Piece:
    """One document of a dead letter.

    Attributes:
        document: The document, with its first origin and the bytes that it had.
        elements: Which elements of its entry list were not delivered; None means all there is.
        broken: Why it cannot be unpacked, if it cannot.
    """

    document: Document
    elements: tuple[int, ...] | None = None
    broken: Rejected | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a dead letter holds.

    Attributes:
        letter: The dead letter.
        pieces: Its documents, in stream order.
        objects: The objects that go when the message goes.
        lacking: Why some or all of it is not there; then the message is never deleted.
        unreadable: Whether it is there and cannot be read; then nothing ever deletes it.
        note: What the operator should know about how it was read.
    """

    letter: Letter
    pieces: tuple[Piece, ...] = ()
    objects: tuple[StoredObject, ...] = ()
    lacking: str | None = None
    unreadable: bool = False
    note: str | None = None
