"""`show`: one dead letter, with all that is known about it."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from forwarder.outcomes import Reason
from pstream.dead_letters import purging
from pstream.dead_letters.desk import Desk
from pstream.dead_letters.listing import letter_as_json
from pstream.dead_letters.showing import Fault, faults, show
from replayer.letters import Contents, Letter, Piece
from replayer.prepare import Prepared, prepare
from replayer.replay import Replay, utc_now


def display(desk: Desk, letter: Letter, console: Console, *, most: int, as_json: bool) -> None:
    """Print a dead letter: its origin, its reason, its documents with their faults."""
    (contents,) = purging.load(desk, letter.feed, [letter])
    site = desk.sites[letter.feed]
    rules = Replay(site=site, services=desk.services[letter.feed], now=utc_now).rules()
    found = prepare(contents.pieces, rules)
    if as_json:
        print(json.dumps(_as_json(contents, found), indent=2))
        return
    _head(console, contents)
    for each in found[:most]:
        _origin(console, each.piece)
        for line in show(each.piece, faults(letter, each.rejected), site.destination):
            text = Text(line.text, style="bold red" if line.note else "")
            text.append(f"  ◀ {line.note}" if line.note else "", style="yellow")
            console.print(text)
    if len(found) > most:
        console.print(f"… and {len(found) - most:,} more documents (--documents, or `export`)")
    failing = sum(bool(each.rejected) for each in found)
    console.print(f"{failing:,} of {len(found):,} documents would be rejected again as they are.")


def _head(console: Console, contents: Contents) -> None:
    letter = contents.letter
    console.print(f"[bold]{letter.reason}[/]  {letter.feed}  {letter.at.isoformat()}  {letter.id}")
    if letter.reason in {reason.value for reason in Reason}:
        console.print(Reason(letter.reason).meaning, markup=False)
    lines = [f"{letter.field}: {letter.detail}" if letter.field else letter.detail]
    lines += [f"{stored.bucket}/{stored.key}" for stored in contents.objects]
    for line in (*lines, contents.lacking, contents.note):
        if line:
            console.print(line, markup=False, highlight=False)


def _origin(console: Console, piece: Piece) -> None:
    record = piece.document.record
    place = f"{record.stream_name}/{record.shard}:{record.sequence}#{piece.document.number}"
    arrived = f"arrived {_iso(record.arrival)}, partition key {piece.document.partition_key}"
    console.print(f"\n{place}\n{arrived}", markup=False, highlight=False)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _as_json(contents: Contents, found: Sequence[Prepared]) -> dict[str, Any]:
    letter = contents.letter
    return {
        **letter_as_json(letter),
        "objects": [stored.model_dump() for stored in contents.objects],
        "lacking": contents.lacking,
        "note": contents.note,
        "documents": [_document_as_json(letter, each) for each in found],
    }


def _document_as_json(letter: Letter, found: Prepared) -> dict[str, Any]:
    piece = found.piece
    record = piece.document.record
    return {
        "origin": {
            "stream": record.stream,
            "shard": record.shard,
            "sequence": record.sequence,
            "document": piece.document.number,
            "partitionKey": piece.document.partition_key,
            "arrival": _iso(record.arrival),
        },
        "elements": piece.elements,
        **dict(_content(piece.document.data)),
        "faults": [_fault_as_json(each) for each in faults(letter, found.rejected)],
        "failsAgain": bool(found.rejected),
    }


def _content(data: bytes) -> Iterator[tuple[str, Any]]:
    try:
        yield "document", orjson.loads(data)
    except orjson.JSONDecodeError:
        yield "text", data.decode(errors="backslashreplace")


def _fault_as_json(fault: Fault) -> dict[str, Any]:
    return {
        "element": fault.element,
        "field": fault.field,
        "reason": fault.reason,
        "detail": fault.detail,
    }
