"""Bad records, one for each rule that a producer can break, and why they have to be rejected."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from forwarder.destinations import Destination
from forwarder.outcomes import Reason

_GONE = object()
"""In place of a field's value: the field is absent."""

_YEARS = 5 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class Flaw:
    """One bad document; `one_line` tells whether it can be a line among others."""

    data: bytes
    reason: Reason
    field: str | None = None
    one_line: bool = True


def flaws(destination: Destination, target: str, now: int) -> Iterator[Flaw]:
    """Every flaw that a record of this feed can have before Personalize sees it."""
    yield Flaw(b'{"itemId": "item-1",', Reason.NOT_JSON)
    yield Flaw(b'["item-1", "view"]', Reason.NOT_AN_OBJECT)
    yield Flaw(b" \n ", Reason.EMPTY_RECORD, one_line=False)
    yield Flaw(b"\x1f\x8b\x08\x00 is no gzip", Reason.BAD_COMPRESSION, one_line=False)
    yield Flaw(b"\xf3\x89\x9a\xc2 is no aggregate", Reason.BAD_AGGREGATE, one_line=False)
    sound = smallest(destination, now)
    for changes, reason, field in _changes(destination, target, now):
        document = {name: value for name, value in (sound | changes).items() if value is not _GONE}
        yield Flaw(json.dumps(document).encode(), reason, field)


def smallest(destination: Destination, now: int) -> dict[str, Any]:
    """The smallest document of a feed that is sound."""
    return {
        "events": {"sessionId": "s-1", "eventType": "view", "sentAt": now},
        "action-interactions": {
            "sessionId": "s-1",
            "actionId": "action-1",
            "eventType": "Viewed",
            "timestamp": now,
        },
    }.get(destination.name) or {str(destination.identity): "some-id"}


def _changes(
    destination: Destination, target: str, now: int
) -> Iterator[tuple[dict[str, Any], Reason, str | None]]:
    """What to change in a sound document, and how that has to be rejected."""
    name = str(destination.session or destination.identity)
    yield {"itmeId": "item-1"}, Reason.UNKNOWN_FIELD, "itmeId"
    yield {name: _GONE}, Reason.MISSING_FIELD, name
    yield {name: 17}, Reason.WRONG_TYPE, name
    yield {name: "undefined"}, Reason.PLACEHOLDER_ID, name
    yield {name: "x" * 257}, Reason.WRONG_LENGTH, name
    yield {destination.target: f"{target}-other"}, Reason.WRONG_TARGET, destination.target
    yield {"properties": {"size": {"eu": 42}}}, Reason.BAD_PROPERTIES, "properties"
    yield {"properties": "size=42"}, Reason.BAD_PROPERTIES, "properties"
    yield {"properties": {"note": "x" * 40_000}}, Reason.WRONG_LENGTH, "properties"
    if destination.time:
        far = (now + _YEARS) * 1_000
        yield {destination.time: far}, Reason.WRONG_TIME, destination.time
        yield {destination.time: "yesterday"}, Reason.WRONG_TIME, destination.time
        yield {"properties": {"UserID": "u-1"}}, Reason.RESERVED_PROPERTY, "properties"
        yield {"impression": ["é" * 250] * 25}, Reason.TOO_LARGE, None
        yield {"impression": ["item-1"] * 26}, Reason.WRONG_LENGTH, "impression"
        yield {"recommendationId": "r" * 41}, Reason.WRONG_LENGTH, "recommendationId"
    if destination.name == "events":
        blank = {"eventAttributionSource": " "}
        where = "metricAttribution.eventAttributionSource"
        yield {"metricAttribution": blank}, Reason.WRONG_VALUE, where
        yield {"eventValue": "4"}, Reason.WRONG_TYPE, "eventValue"
    if destination.name == "action-interactions":
        yield {"eventType": "Clicked"}, Reason.WRONG_VALUE, "eventType"
