"""Reads what Lambda sends to an on-failure destination: about a batch, and maybe the batch.

A bucket receives the whole invocation as `payload`, documented as an escaped JSON string (some
emulators write an object, and both are taken). A queue receives the batch's place only.
Source: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from collections.abc import Mapping
from typing import Any

import orjson

from forwarder.outcomes import Record
from forwarder.records import NotAKinesisBatch, decode
from replayer.letters import Batch, BatchInfo, Unreadable


def read_object(data: bytes) -> Batch | Unreadable:
    """Read a stored invocation; what is cut short or of another form is a value."""
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError:
        return Unreadable("The stored batch is no JSON, or cut short.")
    if not isinstance(content, dict):
        return Unreadable("The stored batch is no JSON object.")
    return read(content)


def read(content: Mapping[str, Any]) -> Batch | Unreadable:
    """Read the document; the conditions are Lambda's own words and any is taken."""
    context = content.get("requestContext")
    context = context if isinstance(context, dict) else {}
    condition = context.get("condition")
    count = context.get("approximateInvokeCount")
    info = _info(content.get("KinesisBatchInfo"))
    payload = content.get("payload")
    records = None if payload is None else _records(payload)
    if isinstance(records, Unreadable):
        return records
    if records is None and info is None:
        return Unreadable("It neither holds a batch nor says where in the stream it is.")
    return Batch(
        condition=condition if isinstance(condition, str) else "Abandoned",
        invocations=count if isinstance(count, int) else None,
        info=info,
        records=records,
    )


def _info(found: object) -> BatchInfo | None:
    match found:
        case {
            "streamArn": str(stream),
            "shardId": str(shard),
            "startSequenceNumber": str(start),
            "endSequenceNumber": str(end),
            "batchSize": int(size),
        } if start.isdecimal() and end.isdecimal():
            return BatchInfo(stream, shard, start, end, size)
    return None


def _records(payload: object) -> tuple[Record, ...] | Unreadable:
    if isinstance(payload, str):
        try:
            payload = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return Unreadable("The batch's payload is no JSON, or cut short.")
    if not isinstance(payload, dict):
        return Unreadable("The batch's payload is no JSON object.")
    try:
        return tuple(decode(payload))
    except NotAKinesisBatch as error:
        return Unreadable(f"The batch's payload is no batch of Kinesis: {error}.")
