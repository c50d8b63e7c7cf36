"""What a record may hold, written out from the code that checks it."""

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, get_args, get_origin

from annotated_types import MaxLen, MinLen
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from forwarder import compression, records
from forwarder.destinations import DESTINATIONS, ENTRIES_PER_CALL, Destination
from forwarder.fields import ACTION_EVENT_TYPES, PLACEHOLDERS, RESERVED_PROPERTIES
from forwarder.outcomes import Reason

_KINDS = {str: "text", float: "number", bool: "boolean"}


def markdown() -> str:
    """The whole contract as a page."""
    return (
        "\n".join(
            [
                *_head(),
                *(line for each in DESTINATIONS.values() for line in _feed(each)),
                *_rules(),
                *_reasons(),
            ]
        )
        + "\n"
    )


def schemas() -> dict[str, Any]:
    """A JSON Schema for each feed's request; the flat form has the same fields side by side."""
    return {
        name: destination.request.model_json_schema(by_alias=True)
        for name, destination in DESTINATIONS.items()
    }


def _head() -> Iterator[str]:
    yield "# What a record may hold"
    yield ""
    yield "Written from the code by `make docs`; a test keeps the two equal."
    yield ""
    mebibytes = compression.MOST_BYTES // 1024 // 1024
    yield "A record's data is one JSON document, or several: a line each, the records of a KPL"
    yield "aggregate, or both. It may be compressed with gzip or zstd: its first bytes tell. It"
    yield f"may inflate to {mebibytes} MiB and hold {records.MOST_DOCUMENTS:,} documents."
    yield ""
    yield "A document has one of two forms, and each feed takes both:"
    yield ""
    yield "- the **request** of the feed's operation, with any number of entries in its list;"
    yield "- one **entry**, flat, with what its call shares beside it."
    yield ""
    yield "The tracker or dataset may be left out; if it is given it has to be the feed's own."
    yield f"Packing into calls of {ENTRIES_PER_CALL} is the forwarder's work, not the producer's."


def _feed(destination: Destination) -> Iterator[str]:
    yield ""
    yield f"## {destination.name}"
    yield ""
    yield f"Delivered by `{destination.action}`. Smallest flat document and its request form:"
    yield ""
    flat, request = _examples(destination)
    yield "```json"
    yield json.dumps(flat)
    yield json.dumps(request)
    yield "```"
    yield ""
    yield "| field | of | kind | limits |"
    yield "|---|---|---|---|"
    for name, field in destination.request.model_fields.items():
        if field.alias != destination.entries:
            optional = field.alias == destination.target
            yield _row(field, "call", optional=optional or not field.is_required(), name=name)
    for name, field in destination.shape.model_fields.items():
        yield _row(field, "entry", optional=not field.is_required(), name=name)
    if destination.most_bytes:
        yield ""
        yield f"An entry is at most {destination.most_bytes:,} bytes of JSON."


def _row(field: FieldInfo, of: str, *, optional: bool, name: str) -> str:
    bare, constraints = _parts(field.rebuild_annotation())
    kind, limits = _describe(bare, constraints)
    if name == "properties":
        kind = "text or object"
    required = "" if optional else " (required)"
    return f"| `{field.alias or name}`{required} | {of} | {kind} | {limits} |"


def _describe(bare: Any, constraints: list[Any]) -> tuple[str, str]:
    least, most, pattern = None, None, None
    for each in constraints:
        match each:
            case StringConstraints():
                least, most = each.min_length or least, each.max_length or most
                pattern = each.pattern or pattern
            case MinLen():
                least = each.min_length
            case MaxLen():
                most = each.max_length
            case FieldInfo():
                _, limits = _describe(bare, list(each.metadata))
                return f"list of {_describe(*_parts(get_args(bare)[0]))[0]}s", limits
    unit = "" if get_origin(bare) is list else " characters"
    limits = f"{least or 0} to {most:,}{unit}" if most else ""
    if pattern:
        limits += f", matching `{pattern}`"
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        inner = ", ".join(f"`{each.alias}`" for each in bare.model_fields.values())
        return f"object of {inner}", limits
    if get_origin(bare) is list:
        return f"list of {_describe(*_parts(get_args(bare)[0]))[0]}s", limits
    return _KINDS.get(bare, "time"), limits


def _parts(annotation: Any) -> tuple[Any, list[Any]]:
    """The bare type of an annotation and its constraints, without its None."""
    if get_origin(annotation) is Annotated:
        bare, *constraints = get_args(annotation)
        inner, more = _parts(bare)
        return inner, more + constraints
    options = [option for option in get_args(annotation) if option is not type(None)]
    if type(None) in get_args(annotation) and len(options) == 1:
        return _parts(options[0])
    return annotation, []


def _examples(destination: Destination) -> tuple[dict[str, Any], dict[str, Any]]:
    values = {
        "sessionId": "s-81",
        "eventType": "Viewed" if destination.name == "action-interactions" else "click",
        "sentAt": "2026-11-21T09:30:00Z",
        "timestamp": 1795253400,
        "itemId": "i-42",
        "userId": "u-7",
        "actionId": "a-3",
    }
    element = {
        field.alias: values[field.alias]
        for field in destination.shape.model_fields.values()
        if field.alias and field.is_required()
    }
    shared = {
        field.alias: values[field.alias]
        for field in destination.request.model_fields.values()
        if field.alias in destination.shared and field.is_required()
    }
    return {**shared, **element}, {**shared, destination.entries: [element]}


def _rules() -> Iterator[str]:
    yield ""
    yield "## Rules for all feeds"
    yield ""
    yield "- **Unknown fields** reject, because the API would drop them without a word. A null in"
    yield "  an optional field is left out. Of a repeated key the last one counts."
    yield "- **Times** are seconds, milliseconds or microseconds since 1970 as a number or as"
    yield "  digits in a text, or ISO 8601 (without an offset: UTC). The API gets whole seconds. A"
    yield "  time before 2000 or more than a day after the record's arrival rejects."
    yield "- **`properties`** is a text that holds a JSON object, passed on as it is, or a flat"
    yield "  object, made into that text: names become camelCase, lists are joined by `|`, and"
    yield "  nulls are left out. Its limit counts bytes of UTF-8."
    yield "- **Reserved names** in the `properties` of interactions of both kinds reject, in"
    yield f"  any case: {_quoted(sorted(RESERVED_PROPERTIES))}."
    yield "- **Placeholders** are no ids, in any case; the API accepts and then ignores them:"
    yield f"  {_quoted(sorted(PLACEHOLDERS - {''}))} and blanks."
    yield "- **Event types of action interactions** are, in any spelling of their letters:"
    yield f"  {_quoted(ACTION_EVENT_TYPES.values())}."
    yield "- **`eventId`**, where it is absent, becomes"
    yield "  `<stream>/<shard>:<sequence number>#<document>[.<element>]`."


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _reasons() -> Iterator[str]:
    yield ""
    yield "## Why a document is rejected"
    yield ""
    yield "| reason | meaning |"
    yield "|---|---|"
    for reason in Reason:
        yield f"| `{reason.value}` | {reason.meaning} |"
