"""The dead letter's versioned form, the same for those who write it and those who read it."""

import base64
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from forwarder.outcomes import Document, Reason, Record

VERSION: Literal[1] = 1


class _Part(BaseModel):
    # What a later version adds is no reason to refuse a dead letter.
    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, validate_by_name=True
    )


class Origin(_Part):
    """Where in the stream the document was: enough to find it, and to derive its `eventId`."""

    stream: str
    shard: str
    sequence: str
    document: int
    partition_key: str | None = None
    arrival: datetime

    def document_of(self, data: bytes) -> Document:
        """Make the document that these bytes were, in a record that holds nothing else."""
        record = Record(
            position=0,
            sequence=self.sequence,
            shard=self.shard,
            stream=self.stream,
            partition_key=self.partition_key,
            arrival=self.arrival.timestamp(),
            data=base64.b64encode(data).decode(),
        )
        return Document(record, self.document, self.partition_key, data)


class Rejection(_Part):
    """Why one element of the document was rejected; None for the document as a whole."""

    element: int | None = None
    reason: Reason
    field: str | None = None
    detail: str


class StoredObject(_Part):
    """Where the document's bytes are, when they are too large for a queue's message."""

    bucket: str
    key: str


class Envelope(_Part):
    """One rejected document: its bytes, why, and where it came from.

    Exactly one of `data` (base64 in JSON) and `object` is set. The data is the document's: one
    line, one record of an aggregate, or all that a record held if it could not be unpacked.
    """

    version: Literal[1] = VERSION
    kind: Literal["rejected"] = "rejected"
    feed: str
    stage: str
    reason: Reason
    field: str | None = None
    detail: str
    rejections: Annotated[tuple[Rejection, ...], Field(min_length=1)]
    origin: Origin
    data: Base64Bytes | None = None
    object: StoredObject | None = None
    at: datetime
    function: str
