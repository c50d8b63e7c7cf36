"""(a) The classic sample handler: decode, json, one `put_events` a record, one after the other.

An exception fails the batch, and all of it comes again.
"""

import base64
import json
from typing import Any

import boto3

from tests.benchmarks.contenders import TRACKER, Handle, PutEvents


def event_of(document: dict[str, Any]) -> dict[str, Any]:
    """An element of `eventList`, from a flat document."""
    return {name: each for name, each in document.items() if name not in {"sessionId", "userId"}}


def handle(event: dict[str, Any], put_events: PutEvents) -> None:
    """Send each record."""
    for record in event["Records"]:
        document = json.loads(base64.b64decode(record["kinesis"]["data"]))
        put_events(
            trackingId=TRACKER,
            userId=document["userId"],
            sessionId=document["sessionId"],
            eventList=[event_of(document)],
        )


def connect(_workers: int) -> Handle:
    """The handler with boto3 as it comes."""
    put_events = boto3.client("personalize-events").put_events
    return lambda event: handle(event, put_events)
