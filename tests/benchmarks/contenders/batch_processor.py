"""(b) Powertools: BatchProcessor with a parser model, one `put_events` a record.

What fails is reported, and the stream resumes at the oldest of it. Self-contained, because the
cold start of this very file is measured: as a Lambda function it would be `handler.py`.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.parser.models import (
    KinesisDataStreamRecord,
    KinesisDataStreamRecordPayload,
)
from pydantic import BaseModel, Json

logger = Logger(service="forwarder")
metrics = Metrics(namespace="PersonalizeStream", service="forwarder")
# `Any`, because the documentation leaves it out and passing None means Lambda's own context.
CONTEXT: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)


class Event(BaseModel):
    """A producer's document."""

    sessionId: str  # noqa: N815 - the API's name
    userId: str  # noqa: N815 - the same
    eventType: str  # noqa: N815 - the same
    sentAt: int  # noqa: N815 - the same
    itemId: str  # noqa: N815 - the same
    eventId: str  # noqa: N815 - the same
    eventValue: float  # noqa: N815 - the same
    properties: str
    impression: list[str]


class Payload(KinesisDataStreamRecordPayload):
    """The record's data, parsed."""

    data: Json[Event]


class Record(KinesisDataStreamRecord):
    """The record."""

    kinesis: Payload


def handle(event: dict[str, Any], put_events: Callable[..., object]) -> Any:
    """Send each record, and report those that failed."""

    def send(record: Record) -> None:
        document = record.kinesis.data
        put_events(
            trackingId="tracker-1",
            userId=document.userId,
            sessionId=document.sessionId,
            eventList=[document.model_dump(exclude={"sessionId", "userId"})],
        )

    processor = BatchProcessor(
        event_type=EventType.KinesisDataStreams, model=Record, raise_on_entire_batch_failure=False
    )
    return process_partial_response(
        event=event, record_handler=send, processor=processor, context=CONTEXT
    )


def connect(_workers: int) -> Callable[[dict[str, Any]], Any]:
    """The handler with boto3 as it comes."""
    put_events = boto3.client("personalize-events").put_events
    return lambda event: handle(event, put_events)
