"""What one field of an entry may hold: the rules that the service has, and enforces late or never.

Each rule raises `PydanticCustomError` whose type is the `Reason`, so that a rejection carries its
reason from the place where the rule is written.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Annotated, Any

import orjson
from pydantic import (
    AfterValidator,
    AllowInfNan,
    BeforeValidator,
    Field,
    PlainValidator,
    StringConstraints,
)
from pydantic.alias_generators import to_camel, to_snake
from pydantic_core import PydanticCustomError

from forwarder.outcomes import Reason

PLACEHOLDERS = frozenset({"", "null", "undefined", "none", "nan"})
"""Ids, trimmed and in lower case, that the service accepts and then ignores."""

RESERVED_PROPERTIES = frozenset(
    {"userid", "sessionid", "eventtype", "timestamp", "recommendationid", "impression"}
)
"""Words, in lower case, that the service keeps for itself in `properties` of interactions.

Source: https://docs.aws.amazon.com/personalize/latest/dg/API_UBS_Event.html
"""

EARLIEST = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp())
"""Seconds since 1970. What is older was given in another unit or never set."""

ACTION_EVENT_TYPES = {"viewed": "Viewed", "taken": "Taken", "nottaken": "Not Taken"}
"""The service's spelling of each, by the letters alone."""

# Seconds reach 10**11 in the year 5138, milliseconds passed it in 1973: a number tells its unit.
_UNITS = ((10**11, 1), (10**14, 1_000), (10**17, 1_000_000))
_LARGEST_EXACT = 2.0**63


def _rejection(reason: Reason, detail: str) -> PydanticCustomError:
    # Braces would be taken for a template's.
    return PydanticCustomError(reason.value, "{detail}", {"detail": detail})


def _usable_id(value: str) -> str:
    if value.strip().lower() in PLACEHOLDERS:
        raise _rejection(Reason.PLACEHOLDER_ID, "got a placeholder, wants the real id")
    if "\0" in value:
        raise _rejection(Reason.WRONG_VALUE, "got a text with a NUL character, wants one without")
    return value


def _seconds(value: object) -> int:
    match value:
        case bool():
            raise _rejection(Reason.WRONG_TIME, "got a boolean, wants a time")
        case int() | float():
            seconds = _seconds_of_number(value)
        case str():
            seconds = _seconds_of_text(value)
        case datetime():
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            seconds = int(moment.timestamp())
        case _:
            raise _rejection(Reason.WRONG_TIME, f"got {kind(value)}, wants a time")
    if seconds < EARLIEST:
        raise _rejection(Reason.WRONG_TIME, "got a time before 2000, wants the time of the event")
    return seconds


def _seconds_of_number(value: float) -> int:
    for limit, per_second in _UNITS:
        if value < limit:
            return int(value // per_second)
    wanted = "wants seconds, milliseconds or microseconds since 1970"
    raise _rejection(Reason.WRONG_TIME, f"got a number beyond any date, {wanted}")


def _seconds_of_text(value: str) -> int:
    digits = value.removeprefix("-").replace(".", "", 1)
    if digits.isascii() and digits.isdigit():
        return _seconds_of_number(float(value))
    try:
        moment = datetime.fromisoformat(value)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        wanted = "wants ISO 8601 or a number of seconds since 1970"
        raise _rejection(Reason.WRONG_TIME, f"got a text that is no time, {wanted}") from None


def _action_event_type(value: str) -> str:
    letters = value.lower().replace("_", "").replace("-", "").replace(" ", "")
    if letters not in ACTION_EVENT_TYPES:
        wanted = ", ".join(ACTION_EVENT_TYPES.values())
        raise _rejection(Reason.WRONG_VALUE, f"got another text, wants one of {wanted}")
    return ACTION_EVENT_TYPES[letters]


def _properties_text(value: object, *, most: int, reserved: bool) -> str:
    match value:
        case str():
            names, made = _object_of_text(value), value
        case dict():
            names = _flattened(value)
            made = orjson.dumps(names).decode()
        case _:
            wanted = "wants an object or a text that holds one"
            raise _rejection(Reason.BAD_PROPERTIES, f"got {kind(value)}, {wanted}")
    if reserved and not RESERVED_PROPERTIES.isdisjoint(map(str.lower, names)):
        wanted = f"wants none of {', '.join(sorted(RESERVED_PROPERTIES))}"
        raise _rejection(Reason.RESERVED_PROPERTY, f"got a reserved word, {wanted}")
    size = len(made.encode())
    if size > most:
        raise _rejection(Reason.WRONG_LENGTH, f"got {size} bytes, wants at most {most}")
    return made


def _object_of_text(value: str) -> Mapping[str, object]:
    try:
        found = orjson.loads(value)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        wanted = "wants a JSON object"
        raise _rejection(Reason.BAD_PROPERTIES, f"got a text that is not JSON, {wanted}") from None
    if not isinstance(found, dict):
        raise _rejection(Reason.BAD_PROPERTIES, "got JSON that is no object, wants an object")
    return found


def _flattened(properties: Mapping[str, object]) -> Mapping[str, object]:
    """The object as the service reads it: camelCase keys, lists joined, nulls dropped."""
    flat: dict[str, object] = {}
    for name, value in properties.items():
        if value is None:
            continue
        key = camel_case(name)
        if key in flat:
            raise _rejection(
                Reason.BAD_PROPERTIES, "got two names that become the same in camelCase"
            )
        flat[key] = "|".join(map(_category, value)) if isinstance(value, list) else _scalar(value)
    return flat


def _scalar(value: object) -> object:
    if not isinstance(value, str | int | float):
        raise _rejection(Reason.BAD_PROPERTIES, f"got {kind(value)} inside, wants one flat level")
    if isinstance(value, float) and abs(value) >= _LARGEST_EXACT:
        wanted = "wants it as a text"
        raise _rejection(Reason.BAD_PROPERTIES, f"got a number too large to keep exactly, {wanted}")
    return value


def _category(value: object) -> str:
    scalar = _scalar(value)
    text = scalar if isinstance(scalar, str) else orjson.dumps(scalar).decode()
    if "|" in text:
        wanted = "wants the categories apart"
        raise _rejection(Reason.BAD_PROPERTIES, f"got a list value that contains '|', {wanted}")
    return text


@lru_cache(maxsize=4096)
def camel_case(name: str) -> str:
    """A schema column's name as `properties` has it: NUM_RATINGS and num_ratings → numRatings."""
    plain = name[:1].islower() and name.isalnum()
    return name if plain else to_camel(to_snake(name.replace(" ", "_")))


_KINDS = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


def kind(value: object) -> str:
    """What kind of JSON value this is, for error texts: never the value itself."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


Id = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(_usable_id)]
"""An id that the service keeps and joins on."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]

RecommendationId = Annotated[
    str, StringConstraints(min_length=1, max_length=40), AfterValidator(_usable_id)
]

AttributionSource = Annotated[
    str,
    StringConstraints(max_length=1024, pattern=r"^[\x20-\x7E]*[\x21-\x7E]+[\x20-\x7E]*$"),
]

DatasetArn = Annotated[
    str, StringConstraints(max_length=256, pattern=r"^arn:([a-z\d-]+):personalize:.*:.*:.+$")
]

ActionEventType = Annotated[Name, AfterValidator(_action_event_type)]

Impression = Annotated[list[Id], Field(min_length=1, max_length=25)]

Value = Annotated[float, AllowInfNan(False)]

Time = Annotated[
    datetime | str | int | float,
    PlainValidator(_seconds, json_schema_input_type=datetime | str | int | float),
]
"""Given as seconds, milliseconds, microseconds, ISO 8601 or datetime; kept as whole seconds.

A time without an offset is UTC.
"""


def _properties(most: int, *, reserved: bool = False) -> Any:
    return Annotated[
        str,
        StringConstraints(min_length=1, max_length=most),
        BeforeValidator(partial(_properties_text, most=most, reserved=reserved)),
    ]


InteractionProperties = _properties(1024, reserved=True)
ItemProperties = _properties(32_000)
UserProperties = _properties(24_000)
