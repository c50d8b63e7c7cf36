"""What the on-failure destination receives.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from local.mappings.events import Origin, event
from local.mappings.semantics import Abandon


def describe(abandoned: Abandon, origin: Origin, *, now: float, request: UUID) -> dict[str, Any]:
    """Describe abandoned records, without the records: what queues and topics receive.

    `responseContext` is there when the function was reached; its `functionError` is null when the
    function answered and reported failures itself.
    """
    answer = abandoned.answer
    response = answer and {
        "statusCode": 200,
        "executedVersion": answer.version,
        "functionError": answer.error,
    }
    first, last = abandoned.records[0], abandoned.records[-1]
    return {
        "requestContext": {
            "requestId": str(request),
            "functionArn": origin.told.function_arn,
            "condition": abandoned.condition.value,
            "approximateInvokeCount": abandoned.invocations,
        },
        **({"responseContext": response} if response else {}),
        "version": "1.0",
        "timestamp": _moment(now),
        "KinesisBatchInfo": {
            "shardId": origin.shard,
            "startSequenceNumber": first.sequence,
            "endSequenceNumber": last.sequence,
            "approximateArrivalOfFirstRecord": _moment(first.arrival),
            "approximateArrivalOfLastRecord": _moment(last.arrival),
            "batchSize": len(abandoned.records),
            "streamArn": origin.told.stream_arn,
        },
    }


def describe_whole(
    abandoned: Abandon, origin: Origin, *, now: float, request: UUID
) -> dict[str, Any]:
    """Describe abandoned records, with the event they were in: what buckets receive."""
    document = describe(abandoned, origin, now=now, request=request)
    return {**document, "payload": event(abandoned.records).decode()}


def key(origin: Origin, *, now: float, unique: UUID) -> str:
    """Name the object that keeps a document."""
    moment = datetime.fromtimestamp(now, UTC)
    folder = f"aws/lambda/{origin.told.uuid}/{origin.shard}/{moment:%Y/%m/%d}"
    return f"{folder}/{moment:%Y-%m-%dT%H.%M.%S}-{unique}"


def encode(document: dict[str, Any]) -> str:
    """Write a document as it is sent."""
    return json.dumps(document, ensure_ascii=False)


def _moment(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
