"""The batches all contenders get: Lambda's argument, with sessions of a given length."""

import base64
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, count
from math import ceil
from typing import Any

ENTRIES_PER_CALL = 10
LONGEST_ZIPF = 50
"""Events of the longest session; lengths have a probability of 1 ÷ length^1.5."""

STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
SENT_AT = 1_789_999_000


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch.

    Attributes:
        records: How many, each with one event.
        sessions: Events a session: a number, or `Zipf`.
        event: Lambda's argument.
        fewest: The fewest calls that the API allows for it.
    """

    records: int
    sessions: str
    event: dict[str, Any]
    fewest: int


def batch(records: int, sessions: str) -> Batch:
    """Make a batch; the same one whenever the same is asked for."""
    chance = random.Random(f"{records} {sessions}")
    ids: list[int] = []
    for number, length in enumerate(_lengths(sessions, chance)):
        if len(ids) >= records:
            break
        ids += [number] * length
    ids = ids[:records]
    chance.shuffle(ids)  # sessions go on side by side
    event = {"Records": [_record(place, session) for place, session in enumerate(ids)]}
    fewest = sum(ceil(n / ENTRIES_PER_CALL) for n in Counter(ids).values())
    return Batch(records, sessions, event, fewest)


def _lengths(sessions: str, chance: random.Random) -> Iterator[int]:
    if sessions != "Zipf":
        yield from (int(sessions) for _ in count())
    lengths = range(1, LONGEST_ZIPF + 1)
    weights = list(accumulate(length**-1.5 for length in lengths))
    while True:
        yield chance.choices(lengths, cum_weights=weights)[0]


def document(place: int, session: int) -> dict[str, Any]:
    """One event of about 300 bytes, flat."""
    return {
        "sessionId": f"session-{session:05d}-7d1f",
        "userId": f"user-{session % 997:04d}",
        "eventType": "watch",
        "sentAt": SENT_AT + place % 900,
        "itemId": f"item-{place:06d}",
        "eventId": f"event-{place:06d}-0f6c0f7e2a",
        "eventValue": 0.5,
        "properties": json.dumps({"device": "mobile", "page": "home", "position": place % 20}),
        "impression": ["item-000001", "item-000002", "item-000003"],
    }


def _record(place: int, session: int) -> dict[str, Any]:
    data = json.dumps(document(place, session)).encode()
    sequence = str(
        49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898 + place
    )
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": f"session-{session:05d}",
            "sequenceNumber": sequence,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": SENT_AT + 1000.5,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/forwarder",
        "awsRegion": "eu-west-1",
        "eventSourceARN": STREAM,
    }
