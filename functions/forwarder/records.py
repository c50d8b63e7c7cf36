"""From Lambda's argument to documents: `decode` reads the envelope, `unpack` the data.

What is inside a record is a value (a document or a rejection); an envelope that Lambda would
never send is an exception, and the batch stays in the stream.
"""

import binascii
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import orjson

from forwarder import compression, kpl
from forwarder.outcomes import Document, Reason, Record, Rejected

MOST_DOCUMENTS = 20_000
"""The most documents one record may hold: over four times what a full 1 MiB record needs."""

_PACKED = (kpl.MAGIC, compression.GZIP, compression.ZSTD)


class NotAKinesisBatch(Exception):  # noqa: N818 - it says what the argument is not
    """Lambda's argument is not a batch of Kinesis records; nothing of it was acknowledged."""


def decode(event: Mapping[str, Any]) -> list[Record]:
    """Read the envelope of each record, in stream order.

    Raises:
        NotAKinesisBatch: when the argument or one of its records lacks what Lambda always
            sends. The text names what is missing and holds nothing of the argument.
    """
    try:
        return [_record(position, each) for position, each in enumerate(event["Records"])]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        lacking = f" lacks {error}" if isinstance(error, KeyError) else " has another form"
        raise NotAKinesisBatch(f"Lambda's argument{lacking}") from None


def _record(position: int, each: Mapping[str, Any]) -> Record:
    kinesis = each["kinesis"]
    # It has to be a number, and to be given back to Lambda to the letter.
    int(kinesis["sequenceNumber"])
    return Record(
        position=position,
        sequence=kinesis["sequenceNumber"],
        shard=each["eventID"].partition(":")[0],
        stream=each["eventSourceARN"],
        partition_key=kinesis.get("partitionKey"),
        arrival=float(kinesis["approximateArrivalTimestamp"]),
        data=kinesis["data"],
    )


def unpack(record: Record) -> Sequence[Document | Rejected]:
    """Unpack one record into its documents, oldest first.

    Aggregates of the Kinesis Producer Library, gzip, zstd and newline-delimited JSON are told by
    their first bytes. What cannot be unpacked is one rejection with its bytes whole; a broken
    part of an aggregate is one rejection among its neighbours. Nothing vanishes: the result is
    never empty.
    """
    try:
        data = _decoded(record.data)
    except (ValueError, TypeError):
        # The text itself is kept: it is all that there is.
        whole = Document(record, 0, record.partition_key, str(record.data).encode(errors="replace"))
        return [_rejected(whole, Reason.NOT_BASE64, "got data that is not base64")]
    if not data.startswith(_PACKED) and b"\n" not in (text := data.strip()) and text:
        return [Document(record, 0, record.partition_key, text)]
    whole = Document(record, 0, record.partition_key, data)
    if not kpl.is_aggregate(data):
        parts = [(record.partition_key, data)]
    else:
        try:
            parts = kpl.split(data)
        except kpl.BadAggregate as error:
            return [_rejected(whole, Reason.BAD_AGGREGATE, str(error))]
    try:
        documents = list(islice(_numbered(record, parts), MOST_DOCUMENTS + 1))
    except compression.Bomb as error:
        return [_rejected(whole, Reason.BAD_COMPRESSION, str(error))]
    if len(documents) > MOST_DOCUMENTS:
        detail = f"got more documents than {MOST_DOCUMENTS}, wants at most so many"
        return [_rejected(whole, Reason.TOO_LARGE, detail)]
    return documents


def _decoded(text: str) -> bytes:
    if len(text) % 4:
        # Python 3.11 overlooks padding in excess, even when strict.
        raise ValueError
    return binascii.a2b_base64(text, strict_mode=True)


def _numbered(
    record: Record, parts: Sequence[tuple[str | None, bytes]]
) -> Iterator[Document | Rejected]:
    number, room = 0, compression.MOST_BYTES
    for partition_key, data in parts:
        try:
            inflated = compression.inflate(data, room)
        except compression.BadCompression as error:
            broken = Document(record, number, partition_key, data)
            yield _rejected(broken, Reason.BAD_COMPRESSION, str(error))
            number += 1
            continue
        # The parts of a record share its room: a thousand small bombs are a large one.
        room -= len(inflated) - len(data)
        texts = _texts(inflated)
        if not texts:
            empty = Document(record, number, partition_key, data)
            yield _rejected(empty, Reason.EMPTY_RECORD, "got no document")
            number += 1
        for text in texts:
            yield Document(record, number, partition_key, text)
            number += 1


def _texts(data: bytes) -> list[bytes]:
    """The documents of a text: its lines, or all of it where one document spans them."""
    text = data.strip()
    if b"\n" not in text:
        return [text] if text else []
    lines = [line for line in map(bytes.strip, text.split(b"\n")) if line]
    return lines if any(map(_is_object, lines)) else [text]


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _rejected(document: Document, reason: Reason, detail: str) -> Rejected:
    return Rejected(document, None, reason, None, detail)
