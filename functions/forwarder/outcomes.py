"""The values that a record's way is made of: records, documents, entries, calls and outcomes.

What is made once for every record is a named tuple: a frozen dataclass takes three times as long.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """Why retrying cannot help. Dead letters, metrics and the runbook share these codes."""

    NOT_BASE64 = "not_base64"
    BAD_COMPRESSION = "bad_compression"
    BAD_AGGREGATE = "bad_aggregate"
    EMPTY_RECORD = "empty_record"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    WRONG_LENGTH = "wrong_length"
    WRONG_VALUE = "wrong_value"
    WRONG_TARGET = "wrong_target"
    WRONG_TIME = "wrong_time"
    PLACEHOLDER_ID = "placeholder_id"
    BAD_PROPERTIES = "bad_properties"
    RESERVED_PROPERTY = "reserved_property"
    TOO_LARGE = "too_large"
    REFUSED = "refused"

    @property
    def meaning(self) -> str:
        """One sentence for the person who looks at a dead letter."""
        return _MEANINGS[self]


_MEANINGS = {
    Reason.NOT_BASE64: "The record's data is not base64.",
    Reason.BAD_COMPRESSION: "The gzip or zstd data is broken, or unpacks to more than the limit.",
    Reason.BAD_AGGREGATE: "The KPL aggregate is broken; none of its records was taken.",
    Reason.EMPTY_RECORD: "The record holds no document.",
    Reason.NOT_JSON: "The document is not valid UTF-8 JSON.",
    Reason.NOT_AN_OBJECT: "The document is JSON, but not an object.",
    Reason.UNKNOWN_FIELD: "The API has no such field; sent, it would vanish.",
    Reason.MISSING_FIELD: "A required field is absent or null.",
    Reason.WRONG_TYPE: "A field holds another kind of value than the API takes.",
    Reason.WRONG_LENGTH: "A text or list is shorter or longer than the API takes.",
    Reason.WRONG_VALUE: "A value is not among those that the API takes.",
    Reason.WRONG_TARGET: "The document names another tracker or dataset than the feed's.",
    Reason.WRONG_TIME: "The time is unreadable, before 2000, or over a day after arrival.",
    Reason.PLACEHOLDER_ID: "An id is a placeholder such as 'null'; the API would ignore the entry.",
    Reason.BAD_PROPERTIES: "`properties` is not a flat JSON object.",
    Reason.RESERVED_PROPERTY: "`properties` uses a word that the API keeps for itself.",
    Reason.TOO_LARGE: "The entry is larger than the API takes.",
    Reason.REFUSED: "Personalize refused this entry when it was sent alone.",
}


class Cause(StrEnum):
    """Why retrying may help.

    HELD: an older call of the lane, or a stop of all sending, came first.
    OUT_OF_TIME: the invocation had to end, or had unpacked all that it has memory for.
    """

    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed_out"
    IN_USE = "in_use"
    EXPIRED_CREDENTIALS = "expired_credentials"
    UNKNOWN = "unknown"
    MISCONFIGURED = "misconfigured"
    HELD = "held"
    OUT_OF_TIME = "out_of_time"


class Record(NamedTuple):
    """One record of the invocation's batch, as Kinesis delivered it.

    `position` counts from 0 in stream order; `arrival` is in seconds since 1970.
    """

    position: int
    sequence: str
    shard: str
    stream: str
    partition_key: str | None
    arrival: float
    data: str
    """As it came: base64, or not."""

    @property
    def stream_name(self) -> str:
        """The stream's name, the last part of its ARN."""
        return self.stream.rpartition("/")[2]


class Document(NamedTuple):
    """One JSON document of a record: the whole of it, a line, or a KPL sub-record."""

    record: Record
    number: int
    partition_key: str | None
    data: bytes


class Entry(NamedTuple):
    """One element of a call's list, ready for the wire.

    Attributes:
        document: Where it came from.
        element: Its place in the document's entry list; None where the document is the entry.
        shared: The head of its call's body, up to the entry list: equal heads share calls.
        session: Entries with the same session go out in stream order; None where order is free.
        identity: The id that an upsert replaces; None where entries add up.
        body: The element as JSON, serialised once.
    """

    document: Document
    element: int | None
    shared: bytes
    session: str | None
    identity: str | None
    body: bytes

    @property
    def key(self) -> "EntryKey":
        """What the entry is called across deliveries of its record."""
        return (self.document.record.sequence, self.document.number, self.element)


EntryKey = tuple[str, int, int | None]


@dataclass(frozen=True, slots=True)
class Call:
    """One API request: entries that share what a call shares, oldest first."""

    entries: tuple[Entry, ...]

    @property
    def body(self) -> bytes:
        """The request's JSON, made of parts that were serialised once."""
        bodies = b",".join(entry.body for entry in self.entries)
        return self.entries[0].shared + bodies + b"]}"


Lane = tuple[Call, ...]
"""Calls that go out one after the other, in this order."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Personalize accepted the entry, or a newer one of the same id."""

    entry: Entry

    @property
    def key(self) -> EntryKey:
        """Whose outcome this is."""
        return self.entry.key


@dataclass(frozen=True, slots=True)
class Rejected:
    """Retrying cannot help: the document belongs in the dead letters."""

    document: Document
    element: int | None
    reason: Reason
    field: str | None
    detail: str

    @property
    def key(self) -> EntryKey:
        """Whose outcome this is."""
        return (self.document.record.sequence, self.document.number, self.element)


@dataclass(frozen=True, slots=True)
class Deferred:
    """Retrying may help: the stream resumes at the document's record or before it."""

    document: Document
    element: int | None
    cause: Cause

    @property
    def key(self) -> EntryKey:
        """Whose outcome this is."""
        return (self.document.record.sequence, self.document.number, self.element)


Outcome = Delivered | Rejected | Deferred
