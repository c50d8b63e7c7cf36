"""Strings that nobody may see again, in every place a producer can put one."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from builders import SMALLEST, document_of

from forwarder.destinations import DESTINATIONS

CANARY = "Kanarienvogel7Qx"
NUMBER = 1_789_314_159
"""A canary that is a number, and a valid time."""


def documents(feed: str) -> Iterator[dict[str, Any]]:
    """Documents that hold canaries: as each value, as each key, whole and nested, good and bad."""
    destination = DESTINATIONS[feed]
    names = {
        field.alias or name
        for shape in (destination.shape, destination.request)
        for name, field in shape.model_fields.items()
    }
    required = dict.fromkeys(SMALLEST[feed])
    for name in sorted(names):
        for value in (
            CANARY,
            f" {CANARY} \ud83d\ude00",
            NUMBER,
            NUMBER * 1e300,
            [CANARY, {CANARY: CANARY}],
            {CANARY: [CANARY], "eventAttributionSource": CANARY},
            json.dumps({CANARY: CANARY}),
            CANARY * 200,
            True,
        ):
            yield document_of(feed, **{name: value})
    for name in required:
        lacking = {key: value for key, value in document_of(feed).items() if key != name}
        yield lacking | {CANARY: CANARY}
    yield from _good(feed)
    yield document_of(feed, **{CANARY: NUMBER})
    yield {destination.entries: [*_good(feed), {CANARY: CANARY}, CANARY], **_shared(feed)}
    yield {destination.entries: CANARY, CANARY: CANARY}


def _good(feed: str) -> Iterator[dict[str, Any]]:
    destination = DESTINATIONS[feed]
    ids = [destination.identity, "userId", "sessionId", "eventId", "itemId"]
    known = {field.alias or name for name, field in destination.shape.model_fields.items()}
    filled = {name: CANARY for name in ids if name and name in known}
    properties = {CANARY: CANARY, "number": NUMBER, "list": [CANARY]}
    yield document_of(feed) | filled | {"properties": properties}
    yield document_of(feed) | filled | {"properties": json.dumps(properties)}


def _shared(feed: str) -> dict[str, str]:
    return dict.fromkeys(DESTINATIONS[feed].shared, CANARY)


def raw() -> Iterator[bytes]:
    """Data with canaries that is no document."""
    canary = CANARY.encode()
    yield canary
    yield b"\xff" + canary
    yield b"{" + canary
    yield b'{"a": "' + canary
    yield b'["' + canary + b'"]'
    yield b"\x1f\x8b" + canary
    yield b"\x28\xb5\x2f\xfd" + canary
    yield b"\xf3\x89\x9a\xc2" + canary * 3
    yield b'{"' + canary + b'": 1e999}'


def traces() -> set[str]:
    """How a canary looks in a text: as it is, as its number, and inside base64 and hex."""
    canary = CANARY.encode()
    inside = {
        # What the neighbours decide is cut off at both ends.
        base64.b64encode(b"\0" * shift + canary).decode()[(shift + 2) // 3 * 4 : -4]
        for shift in range(3)
    }
    return {CANARY, CANARY.lower(), str(NUMBER), canary.hex(), *inside}
