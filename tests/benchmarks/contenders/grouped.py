"""(c) Grouped: ten events of a session a call, sessions side by side on a pool with boto3.

A session whose call fails stops; the stream resumes at the oldest event that was not sent.
"""

import base64
import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

from tests.benchmarks.batches import ENTRIES_PER_CALL
from tests.benchmarks.contenders import TRACKER, Handle, PutEvents
from tests.benchmarks.contenders.sample import event_of

Session = list[tuple[int, dict[str, Any]]]


def handle(event: dict[str, Any], put_events: PutEvents, pool: ThreadPoolExecutor) -> Any:
    """Send each session's events in order, and report the oldest that was not sent."""
    records = event["Records"]
    sessions: defaultdict[tuple[str, str], Session] = defaultdict(list)
    for place, record in enumerate(records):
        document = json.loads(base64.b64decode(record["kinesis"]["data"]))
        sessions[document["userId"], document["sessionId"]].append((place, event_of(document)))

    def send(item: tuple[tuple[str, str], Session]) -> int | None:
        (user, session), events = item
        for start in range(0, len(events), ENTRIES_PER_CALL):
            part = events[start : start + ENTRIES_PER_CALL]
            try:
                put_events(
                    trackingId=TRACKER,
                    userId=user,
                    sessionId=session,
                    eventList=[each for _, each in part],
                )
            except Exception:  # noqa: BLE001 - whatever it is, the stream resumes here
                return part[0][0]
        return None

    failed = [place for place in pool.map(send, sessions.items()) if place is not None]
    return {
        "batchItemFailures": [
            {"itemIdentifier": records[place]["kinesis"]["sequenceNumber"]}
            for place in sorted(failed)
        ]
    }


def connect(workers: int) -> Handle:
    """The handler with boto3 as it comes, but for a connection a thread."""
    client = boto3.client("personalize-events", config=Config(max_pool_connections=workers))
    pool = ThreadPoolExecutor(workers)
    return lambda event: handle(event, client.put_events, pool)
