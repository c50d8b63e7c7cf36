"""The promises that hold for any bytes, as one function: for the fuzzer, and for its corpus."""

import json
from datetime import UTC, datetime

import orjson
from builders import SMALLEST, document, parser_of, record

from forwarder.outcomes import Call, Entry, Rejected
from forwarder.records import NotAKinesisBatch, decode, unpack
from replayer import onfailure
from replayer.forms import read
from replayer.letters import Held

FEEDS = sorted(SMALLEST)
PARSERS = {feed: parser_of(feed) for feed in FEEDS}
KINDS = ("record", *FEEDS, "argument", "stored", "message")


def check(data: bytes) -> None:
    """Check what the first byte names; raises where a promise is broken."""
    kind, rest = KINDS[data[0] % len(KINDS)] if data else "record", data[1:]
    match kind:
        case "record":
            check_record(rest)
        case "argument":
            check_argument(rest)
        case "stored":
            onfailure.read_object(rest)
        case "message":
            text = rest.decode(errors="replace")
            read(Held("events", "id", "receipt", text, datetime(2026, 11, 21, tzinfo=UTC)))
        case feed:
            check_document(feed, rest)


def check_record(data: bytes) -> None:
    """Nothing vanishes: documents are numbered without a gap, and there is at least one."""
    outcomes = unpack(record(0, data))
    documents = [each.document if isinstance(each, Rejected) else each for each in outcomes]
    _promise(bool(documents))
    _promise([each.number for each in documents] == list(range(len(documents))))


def check_document(feed: str, data: bytes) -> None:
    """What is accepted is valid JSON, and the same when it is parsed again."""
    outcomes = PARSERS[feed](document(data))
    _promise(bool(outcomes))
    for entry in outcomes:
        if isinstance(entry, Entry):
            body = Call((entry,)).body
            json.loads(body, parse_constant=_no_constant)
            (again,) = PARSERS[feed](document(body))
            _promise(isinstance(again, Entry) and again.body == entry.body)


def check_argument(data: bytes) -> None:
    """An argument is a batch whose records unpack, or it is none."""
    try:
        records = decode(orjson.loads(data))
    except (NotAKinesisBatch, orjson.JSONDecodeError):
        return
    for each in records:
        _promise(bool(unpack(each)))


def _promise(kept: bool) -> None:  # noqa: FBT001 - it reads as a sentence
    if not kept:
        raise AssertionError("a promise is broken")


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")
