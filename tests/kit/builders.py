"""The smallest valid things, and a fake Personalize that behaves."""

import base64
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from forwarder.deliver import Channel, Delivery
from forwarder.destinations import DESTINATIONS, Destination
from forwarder.journey import Journey, forward
from forwarder.memory import Memory
from forwarder.outcomes import Document, Entry, Record
from forwarder.pace import Pace
from forwarder.parse import Parser
from forwarder.transport import ServiceError

ARRIVAL = 1_790_000_000.0
STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
SHARD = "shardId-000000000000"
TARGETS = {
    "trackingId": "tracker-1",
    "datasetArn": "arn:aws:personalize:eu-west-1:123456789012:dataset/shop/ITEMS",
}

SMALLEST: dict[str, dict[str, Any]] = {
    "events": {"sessionId": "s1", "eventType": "click", "sentAt": 1_789_999_000},
    "items": {"itemId": "i1"},
    "users": {"userId": "u1"},
    "actions": {"actionId": "a1"},
    "action-interactions": {
        "actionId": "a1",
        "sessionId": "s1",
        "timestamp": 1_789_999_000,
        "eventType": "Viewed",
    },
}
"""The smallest flat document of each feed."""


def document_of(feed: str, **fields: Any) -> dict[str, Any]:
    return {**SMALLEST[feed], **fields}


def record(position: int, data: object, *, partition_key: str | None = "k") -> Record:
    """A record that holds JSON, or bytes as they are."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Record(
        position=position,
        sequence=str(1000 + position),
        shard=SHARD,
        stream=STREAM,
        partition_key=partition_key,
        arrival=ARRIVAL,
        data=base64.b64encode(raw).decode(),
    )


def redelivered(records: Sequence[Record], resume_at: int) -> list[Record]:
    """The batch as it comes again: from the resume point on, counted anew."""
    return [each._replace(position=n) for n, each in enumerate(records[resume_at:])]


def document(data: object, *, position: int = 0, number: int = 0) -> Document:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Document(record(position, raw), number, "k", raw)


def parser_of(feed: str) -> Parser:
    destination = DESTINATIONS[feed]
    return Parser(destination, TARGETS[destination.target])


def parsed(feed: str, **fields: Any) -> Any:
    """What becomes of the smallest document of a feed with these fields set."""
    (outcome,) = parser_of(feed)(document(document_of(feed, **fields)))
    return outcome


def body_of(entry: Entry) -> dict[str, Any]:
    body = json.loads(entry.body)
    assert isinstance(body, dict)
    return body


def lambda_event(records: Iterable[Record]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": each.partition_key,
                    "sequenceNumber": each.sequence,
                    "data": each.data,
                    "approximateArrivalTimestamp": each.arrival,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{each.shard}:{each.sequence}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/forwarder",
                "awsRegion": "eu-west-1",
                "eventSourceARN": each.stream,
            }
            for each in records
        ]
    }


@dataclass
class Clock:
    """Time that passes only when somebody waits. Safe for threads."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> float:
        return self.now

    def wait(self, event: threading.Event, seconds: float) -> bool:
        with self._lock:
            self.waits.append(seconds)
            self.now += seconds
        return event.is_set()


@dataclass
class FakePersonalize:
    """Takes calls as the service does: whole or not at all.

    `refuses` says which entry the service does not take; `answers` is asked before every call,
    with its number, and may raise.
    """

    destination: Destination
    refuses: Callable[[dict[str, Any]], bool] = lambda _: False
    answers: Callable[[int, dict[str, Any]], None] = lambda _number, _request: None
    requests: list[dict[str, Any]] = field(default_factory=list)
    stored: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, body: bytes, deadline: float) -> None:
        assert isinstance(deadline, float)
        request = json.loads(body)
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
        self.answers(number, request)
        entries = request.pop(self.destination.entries)
        if any(self.refuses(entry) for entry in entries):
            raise ServiceError("InvalidInputException", 400, None)
        with self._lock:
            self.stored += [{**request, **entry} for entry in entries]


def channel(
    api: Callable[[bytes, float], None],
    *,
    clock: Clock | None = None,
    workers: int = 4,
    calls_per_second: float = 1000.0,
    jitter: float = 1.0,
) -> Channel:
    clock = clock or Clock()
    return Channel(
        send=api,
        pace=Pace(calls_per_second, clock=clock),
        pool=ThreadPoolExecutor(workers),
        workers=workers,
        clock=clock,
        wait=clock.wait,
        jitter=lambda: jitter,
    )


def run(
    feed: str,
    records: Sequence[Record],
    api: Callable[[bytes, float], None],
    *,
    memory: Memory | None = None,
    seconds: float = 60.0,
    **options: Any,
) -> Journey:
    """Forward a batch of one feed through the whole core."""
    link = channel(api, **options)
    return forward(
        records,
        parse=parser_of(feed),
        memory=Memory() if memory is None else memory,
        delivery=Delivery(link, deadline=link.clock() + seconds),
    )


def throttled(_number: int = 0, _request: object = None) -> None:
    raise ServiceError("ThrottlingException", 400, None)
