"""Tells the forms of dead letters apart, by what a message's body holds.

A message that cannot be read is a value as well: it is shown, and nothing deletes it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import orjson
from pydantic import ValidationError

from forwarder.envelope import VERSION, Envelope, StoredObject
from replayer import onfailure
from replayer.letters import Announced, Batch, Held, Kind, Letter, TestMessage, Unreadable

STORED = "The batch is in the bucket."


def read(held: Held) -> Letter:
    """Read a message; never raises, and holds no payload in its texts."""
    try:
        content = orjson.loads(held.body)
    except orjson.JSONDecodeError:
        return _unreadable(held, "The message is not JSON.")
    match content:
        case {"kind": "rejected"}:
            return _rejected(held, content)
        case {"Event": "s3:TestEvent"}:
            detail = "S3 tested the notification; there is nothing to replay."
            form = TestMessage()
            return Letter(held, Kind.TEST, form, Kind.TEST, None, detail, _time(content, held))
        case {"Records": [_, *_] as records}:
            return _announced(held, records)
        case {"KinesisBatchInfo": _} | {"payload": _}:
            return _batch(held, content)
    return _unreadable(held, "The message has none of the forms of a dead letter.")


def _rejected(held: Held, content: Mapping[str, Any]) -> Letter:
    try:
        envelope = Envelope.model_validate_json(held.body)
    except ValidationError as error:
        version = content.get("version")
        if version != VERSION and isinstance(version, int):
            return _unreadable(held, f"It has version {version}; this program reads {VERSION}.")
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return _unreadable(held, f"The envelope is broken at {where}.")
    if (envelope.data is None) == (envelope.object is None):
        return _unreadable(held, "The envelope wants either data or an object.")
    if envelope.feed != held.feed:
        return _unreadable(held, f"It belongs to {envelope.feed} and is in the queue of another.")
    return Letter(
        held,
        Kind.REJECTED,
        envelope,
        envelope.reason,
        envelope.field,
        envelope.detail,
        _aware(envelope.at),
    )


def _announced(held: Held, records: Sequence[Any]) -> Letter:
    objects: list[StoredObject] = []
    size = 0
    for record in records:
        match record:
            case {"s3": {"bucket": {"name": str(bucket)}, "object": {"key": str(key)} as found}}:
                objects.append(StoredObject(bucket=bucket, key=unquote_plus(key)))
                told = found.get("size")
                size += told if isinstance(told, int) else 0
            case _:
                return _unreadable(held, "It holds records that are no notifications of a bucket.")
    form = Announced(tuple(objects), size)
    at = _time(records[0], held)
    return Letter(held, Kind.ABANDONED, form, Kind.ABANDONED, None, STORED, at)


def _batch(held: Held, content: Mapping[str, Any]) -> Letter:
    form = onfailure.read(content)
    if isinstance(form, Unreadable):
        return _unreadable(held, form.why)
    at = _time(content, held)
    kind = Kind.POINTER if form.records is None else Kind.ABANDONED
    return Letter(held, kind, form, Kind.ABANDONED, None, describe(form), at)


def describe(batch: Batch) -> str:
    """Say in one sentence what Lambda said about a batch."""
    tries = "" if batch.invocations is None else f" after {batch.invocations} invocations"
    if batch.info is None:
        return f"{batch.condition}{tries}."
    info = batch.info
    return f"{batch.condition}{tries}: {info.size} records of {info.shard} from {info.start}."


def _unreadable(held: Held, why: str) -> Letter:
    return Letter(held, Kind.UNREADABLE, Unreadable(why), Kind.UNREADABLE, None, why, held.sent)


def _time(content: Mapping[str, Any], held: Held) -> datetime:
    """When it happened, as Lambda and S3 say it, or else when the message was sent."""
    for name in ("timestamp", "eventTime", "Time"):
        text = content.get(name)
        if isinstance(text, str):
            try:
                return _aware(datetime.fromisoformat(text))
            except ValueError:
                continue
    return held.sent


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
