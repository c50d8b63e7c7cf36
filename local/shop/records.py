"""The shop's records, each with what has to become of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forwarder.outcomes import Reason
from pstream.send import Outgoing

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Arriving:
    """One entry that has to arrive.

    Attributes:
        document: Its document's place in the record.
        element: Its place in the document's list; None where the document is the entry.
        body: As the endpoint has it, with what its call shares, except that `properties` is an
            object. An event without `eventId` gets the one that its record's place gives it.
    """

    document: int
    element: int | None
    body: Body


@dataclass(frozen=True, slots=True)
class Refused:
    """One entry or document that has to be in the dead letters, its document's bytes intact."""

    document: int
    element: int | None
    reason: Reason
    field: str | None
    data: bytes


@dataclass(frozen=True, slots=True)
class ShopRecord:
    """One record, and what has to become of each entry in it."""

    partition_key: str
    data: bytes
    arriving: Sequence[Arriving] = ()
    refused: Sequence[Refused] = ()

    @property
    def outgoing(self) -> Outgoing:
        """The record as it is sent."""
        return Outgoing(self.partition_key, self.data)
