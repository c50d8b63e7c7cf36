"""Dead letters in a file: one line of JSON for each document, to look at, mend and bring back.

A line has the document as it would go back, and, beside it, the bytes that it came as. Whoever
mends offline edits `document`; the bytes stay as they were and say what was changed.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from forwarder.destinations import Destination
from forwarder.envelope import Origin
from forwarder.outcomes import Document, Reason, Rejected
from replayer.letters import Contents, Piece
from replayer.prepare import line as line_of


class BadFile(Exception):  # noqa: N818 - it says what is bad
    """A line that is none of an export; names its number."""


class Line(BaseModel):
    """One line of an export."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[str, Field(min_length=1)]
    feed: str
    origin: Origin
    elements: tuple[int, ...] | None = None
    document: Any = None
    data: Base64Bytes


@dataclass(frozen=True, slots=True)
class Edited:
    """A piece from a file, and what it was mended to; None where it was not."""

    letter: str
    feed: str
    piece: Piece
    mended: bytes | None


def write(contents: Contents, destination: Destination) -> Iterator[str]:
    """Write a dead letter's documents; one that cannot be read is written as its message."""
    letter = contents.letter
    head: dict[str, Any] = {
        "id": letter.id,
        "feed": letter.feed,
        "kind": letter.kind,
        "reason": letter.reason,
        "field": letter.field,
        "detail": letter.detail,
        "at": letter.at.isoformat(),
    }
    if contents.lacking is not None or not contents.pieces:
        yield json.dumps({**head, "lacking": contents.lacking, "message": letter.held.body})
    for piece in contents.pieces:
        yield orjson.dumps({**head, **_piece(piece, destination)}).decode()


def _piece(piece: Piece, destination: Destination) -> dict[str, Any]:
    document = piece.document
    record = document.record
    return {
        "origin": Origin(
            stream=record.stream,
            shard=record.shard,
            sequence=record.sequence,
            document=document.number,
            partition_key=document.partition_key,
            arrival=datetime.fromtimestamp(record.arrival, UTC),
        ).model_dump(mode="json", by_alias=True),
        "elements": piece.elements,
        "document": _document(line_of(piece, destination)),
        "data": base64.b64encode(document.data).decode(),
    }


def read(lines: Iterable[str], destinations: Mapping[str, Destination]) -> list[Edited]:
    """Read an export, mended or not; lines without a document are left out.

    Raises:
        BadFile: a line is not one of an export.
    """
    return [
        _read(number, found, destinations)
        for number, text in enumerate(lines, start=1)
        if text.strip() and "data" in (found := _object(number, text))
    ]


def _object(number: int, text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadFile(f"line {number} is not JSON") from None
    if not isinstance(found, dict) or "id" not in found:
        raise BadFile(f"line {number} is not a line of an export: it has no id")
    return found


def _read(number: int, found: dict[str, Any], destinations: Mapping[str, Destination]) -> Edited:
    try:
        read_ = Line.model_validate_json(orjson.dumps(found))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise BadFile(f"line {number} is not a line of an export: {where}") from None
    if read_.feed not in destinations:
        raise BadFile(f"line {number} is of {read_.feed}, which this stage does not have")
    piece = _restored(read_)
    before = _document(line_of(piece, destinations[read_.feed]))
    changed = read_.document is not None and read_.document != before
    return Edited(read_.id, read_.feed, piece, orjson.dumps(read_.document) if changed else None)


def _restored(read_: Line) -> Piece:
    document = read_.origin.document_of(read_.data)
    return Piece(document, read_.elements, _broken(document))


def _broken(document: Document) -> Rejected | None:
    """Bytes that hold no object cannot go back as they are: say so, unless they are mended."""
    if _document(document.data) is not None:
        return None
    return Rejected(document, None, Reason.NOT_JSON, None, "got data that holds no document")


def _document(data: bytes | None) -> Any:
    try:
        found = orjson.loads(data or b"")
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
