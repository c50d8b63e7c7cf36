"""From a document to entries: typed, checked against every limit, serialised once."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError, create_model
from pydantic.alias_generators import to_snake
from pydantic_core import ErrorDetails

from forwarder.destinations import Destination
from forwarder.fields import kind
from forwarder.outcomes import Document, Entry, Reason, Rejected
from forwarder.shapes import Shape

LATEST_AFTER_ARRIVAL = 24 * 60 * 60
"""Seconds that an entry's time may be past its record's arrival: clocks differ, days do not."""

MOST_HEADS = 4096
"""Heads of calls that are remembered: sessions come back within a batch."""

LONGEST_FIELD = 100
"""Characters of a field's name that a rejection keeps: the name can be as long as its document."""

REASONS = {
    "extra_forbidden": Reason.UNKNOWN_FIELD,
    "missing": Reason.MISSING_FIELD,
    "string_type": Reason.WRONG_TYPE,
    "float_type": Reason.WRONG_TYPE,
    "list_type": Reason.WRONG_TYPE,
    "model_type": Reason.WRONG_TYPE,
    "string_too_short": Reason.WRONG_LENGTH,
    "string_too_long": Reason.WRONG_LENGTH,
    "too_short": Reason.WRONG_LENGTH,
    "too_long": Reason.WRONG_LENGTH,
    "string_pattern_mismatch": Reason.WRONG_VALUE,
    "string_unicode": Reason.WRONG_VALUE,
    "finite_number": Reason.WRONG_VALUE,
} | {reason.value: reason for reason in Reason}
"""What each of pydantic's error types means; our own rules raise the reason itself."""

_EXPECTED = {
    "extra_forbidden": "the API has no such field",
    "missing": "wants a value",
    "string_type": "wants a text",
    "float_type": "wants a number",
    "list_type": "wants a list",
    "model_type": "wants an object",
}


class Parser:
    """Parses the documents of one feed.

    A document is either the operation's request (`{"sessionId": …, "eventList": [{…}, …]}`, any
    number of entries) or a single entry with what its call shares beside it. One bad entry of a
    request is rejected alone. The same document always gives the same entries and `eventId`s.
    """

    def __init__(self, destination: Destination, target: str) -> None:
        """Prepare the checks of one destination.

        Args:
            destination: The row of the table that the feed serves.
            target: The tracking id or dataset ARN that the feed is configured for.
        """
        self._destination = destination
        self._target = target
        self._of_call = (destination.target, *destination.shared)
        self._check_shared = _shared_model(destination).__pydantic_validator__.validate_python
        self._check_entry = destination.shape.__pydantic_validator__.validate_python
        self._serialise = destination.shape.__pydantic_serializer__.to_json
        self._derives_event_id = "event_id" in destination.shape.model_fields
        self._identity = destination.identity and to_snake(destination.identity)
        self._time = destination.time and to_snake(destination.time)
        self._heads: dict[tuple[tuple[str, Any], ...], bytes] = {}

    def __call__(self, document: Document) -> list[Entry | Rejected]:
        """Parse one document into its entries; each is either ready or rejected with its reason."""
        try:
            content = orjson.loads(document.data)
        except orjson.JSONDecodeError as error:
            detail = f"{error.msg} at line {error.lineno} column {error.colno}"
            return [Rejected(document, None, Reason.NOT_JSON, None, detail)]
        if not isinstance(content, dict):
            detail = f"got {kind(content)}, wants an object"
            return [Rejected(document, None, Reason.NOT_AN_OBJECT, None, detail)]
        listed = content.pop(self._destination.entries, None)
        if listed is None:
            return [self._flat(document, content)]
        return self._listed(document, content, listed)

    def _flat(self, document: Document, content: dict[str, Any]) -> Entry | Rejected:
        shared = {name: content.pop(name) for name in self._of_call if name in content}
        head = self._head(document, shared)
        if isinstance(head, Rejected):
            return head
        return self._entry(document, None, head, shared, element=content)

    def _listed(
        self, document: Document, shared: Mapping[str, Any], listed: object
    ) -> list[Entry | Rejected]:
        name = self._destination.entries
        if not isinstance(listed, list):
            detail = f"got {kind(listed)}, wants a list"
            return [Rejected(document, None, Reason.WRONG_TYPE, name, detail)]
        if not listed:
            detail = "got an empty list, wants at least one entry"
            return [Rejected(document, None, Reason.WRONG_LENGTH, name, detail)]
        head = self._head(document, shared)
        if isinstance(head, Rejected):
            return [head]
        return [
            self._entry(document, place, head, shared, element)
            for place, element in enumerate(listed)
        ]

    def _head(self, document: Document, shared: Mapping[str, Any]) -> bytes | Rejected:
        """The call's body up to its entry list, or why the document cannot be in any call."""
        # Entries of a session come together. What equals a head's members is texts, as they are.
        try:
            known = self._heads.get(members := tuple(shared.items()))
        except TypeError:  # a list or an object, which the check refuses
            known = None
        if known is not None:
            return known
        try:
            self._check_shared(shared, by_alias=True, by_name=False)
        except ValidationError as error:
            return _rejected(document, None, error)
        target = self._destination.target
        if shared.get(target) not in (None, self._target):
            detail = "got another target, wants the feed's own or none"
            return Rejected(document, None, Reason.WRONG_TARGET, target, detail)
        present = {name: shared[name] for name in self._destination.shared if shared.get(name)}
        request = orjson.dumps({target: self._target, **present})
        head = request[:-1] + b',"' + self._destination.entries.encode() + b'":['
        if len(self._heads) == MOST_HEADS:
            self._heads.clear()
        self._heads[members] = head
        return head

    def _entry(
        self,
        document: Document,
        place: int | None,
        head: bytes,
        shared: Mapping[str, Any],
        element: Any,
    ) -> Entry | Rejected:
        destination = self._destination
        if self._derives_event_id and isinstance(element, dict) and element.get("eventId") is None:
            element = {**element, "eventId": event_id(document, place)}
        try:
            shape = self._check_entry(element, by_alias=True, by_name=False)
        except ValidationError as error:
            return _rejected(document, place, error)
        if self._time and _is_late(getattr(shape, self._time), document):
            detail = "got a time over a day after the record arrived, wants the time of the event"
            return Rejected(document, place, Reason.WRONG_TIME, destination.time, detail)
        body = self._serialise(shape, by_alias=True, exclude_none=True)
        if destination.most_bytes and len(body) > destination.most_bytes:
            detail = f"got {len(body)} bytes, wants at most {destination.most_bytes}"
            return Rejected(document, place, Reason.TOO_LARGE, None, detail)
        session = destination.session and (
            shared.get(destination.session) or element[destination.session]
        )
        identity = self._identity and getattr(shape, self._identity)
        return Entry(document, place, head, session, identity, body)


def event_id(document: Document, element: int | None) -> str:
    """The id of an entry that has none: readable, and the same whenever its record comes again."""
    record = document.record
    place = "" if element is None else f".{element}"
    return f"{record.stream_name}/{record.shard}:{record.sequence}#{document.number}{place}"


def _is_late(seconds: int, document: Document) -> bool:
    return seconds > document.record.arrival + LATEST_AFTER_ARRIVAL


def _shared_model(destination: Destination) -> type[Shape]:
    """What a document may say beside its entries: the request without its list, target optional."""
    fields: dict[str, Any] = {}
    for name, field in destination.request.model_fields.items():
        annotation = field.rebuild_annotation()
        if field.alias == destination.target:
            fields[name] = (annotation | None, None)
        elif field.alias in destination.shared:
            fields[name] = (annotation, field)
    return create_model(f"{destination.request.__name__}Shared", __base__=Shape, **fields)


def _rejected(document: Document, place: int | None, error: ValidationError) -> Rejected:
    first: ErrorDetails = error.errors(include_url=False)[0]
    reason, detail = REASONS[first["type"]], first["msg"]
    if first["type"] != reason.value:
        # Where a field is missing, the input is the object that lacks it.
        got = "nothing" if first["type"] == "missing" else kind(first["input"])
        detail = f"got {got}, {_EXPECTED.get(first['type'], detail)}"
    if reason in {Reason.WRONG_TYPE, Reason.WRONG_TIME} and first["input"] is None:
        reason = Reason.MISSING_FIELD
    return Rejected(document, place, reason, _path(first["loc"]), detail)


def _path(location: tuple[int | str, ...]) -> str | None:
    """Where in the entry: `impression[3]`, `metricAttribution.eventAttributionSource`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).removeprefix(".")[:LONGEST_FIELD] or None
