"""How many events the service accepts more than once, when calls are throttled.

Nothing here waits and nothing is random but the throttling, which is the same in each run: the
handlers are the real ones, the service is a function. The mapping does what Lambda documents: it
resumes at the lowest sequence number of `batchItemFailures`, and where the handler raises all of
the batch comes again.
"""

import json
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
from botocore.exceptions import ClientError
from builders import Clock, channel

from forwarder.deliver import Delivery
from forwarder.destinations import DESTINATIONS
from forwarder.journey import forward
from forwarder.memory import Memory
from forwarder.parse import Parser
from forwarder.records import decode
from forwarder.transport import ServiceError
from tests.benchmarks.batches import batch
from tests.benchmarks.contenders import TRACKER, batch_processor, grouped, sample

MOST_DELIVERIES = 50
"""Deliveries of the batch before the mapping gives up on it."""

SHARES = (0.01, 0.1, 0.5)
ATTEMPTS = 5
"""boto3's own attempts of a call; its waits between them are left out."""

Forward = Callable[[dict[str, Any]], str | None]
"""Delivers a batch; the sequence number it resumes at, None when all is done."""


@dataclass(slots=True)
class Service:
    """Accepts calls, or throttles this share of them.

    `stubborn`: a call that is throttled stays so for the whole invocation, however often it is
    made; else each attempt is a new chance.
    """

    share: float
    stubborn: bool
    accepted: Counter[str] = field(default_factory=Counter)
    delivery: int = 0
    _attempts: Counter[tuple[int, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, events: list[dict[str, Any]]) -> bool:
        """Whether the call is accepted; if so its events are kept."""
        with self._lock:
            call = (self.delivery, events[0]["eventId"])
            self._attempts[call] += not self.stubborn
            chance = random.Random(f"{call} {self._attempts[call]}")
            if chance.random() < self.share:
                return False
            self.accepted.update(each["eventId"] for each in events)
            return True

    def put_events(self, **request: Any) -> None:
        """boto3's verb, with boto3's retries."""
        if not any(self.takes(request["eventList"]) for _ in range(ATTEMPTS)):
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutEvents")

    def call(self, body: bytes, _deadline: float) -> None:
        """The transport's verb: one attempt."""
        if not self.takes(orjson.loads(body)["eventList"]):
            raise ServiceError("ThrottlingException", 400, None)


def _us(service: Service, *, warm: bool = True) -> Forward:
    clock, remembered = Clock(), Memory()
    link = channel(service.call, clock=clock, workers=64)
    parse = Parser(DESTINATIONS["events"], TRACKER)

    def deliver(event: dict[str, Any]) -> str | None:
        memory = remembered if warm else Memory()
        delivery = Delivery(link, deadline=clock() + 48)
        journey = forward(decode(event), parse=parse, memory=memory, delivery=delivery)
        return _lowest(journey.settlement.response())

    return deliver


def _sample(service: Service) -> Forward:
    def deliver(event: dict[str, Any]) -> str | None:
        try:
            sample.handle(event, service.put_events)
        except ClientError:
            first: str = event["Records"][0]["kinesis"]["sequenceNumber"]
            return first
        return None

    return deliver


def _grouped(service: Service) -> Forward:
    def deliver(event: dict[str, Any]) -> str | None:
        with ThreadPoolExecutor(16) as pool:
            return _lowest(grouped.handle(event, service.put_events, pool))

    return deliver


def _lowest(answer: dict[str, Any]) -> str | None:
    numbers = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    return min(numbers, key=int, default=None)


CONTENDERS: dict[str, Callable[[Service], Forward]] = {
    "(a) sample": _sample,
    "(b) BatchProcessor": lambda service: (
        lambda event: _lowest(batch_processor.handle(event, service.put_events))
    ),
    "(c) grouped, 16 threads": _grouped,
    "us": _us,
    "us, another environment each time": partial(_us, warm=False),
}


def redelivery(contender: str, service: Service, most: int) -> dict[str, Any]:
    """Deliver one batch until it is done; what was accepted how often."""
    records = batch(most, "Zipf").event["Records"]
    deliver = CONTENDERS[contender](service)
    resume_at: str | None = None
    for number in range(MOST_DELIVERIES):
        service.delivery = number
        resume_at = deliver({"Records": records})
        if resume_at is None:
            break
        records = [each for each in records if _sequence(each) >= int(resume_at)]
    again = sum(times > 1 for times in service.accepted.values())
    return {
        "contender": contender,
        "records": most,
        "share": service.share,
        "stubborn": service.stubborn,
        "deliveries": number + 1,
        "undelivered": most - len(service.accepted),
        "twice": again / most,
        "times": service.accepted.total() / most,
        "done": resume_at is None,
    }


def _sequence(record: dict[str, Any]) -> int:
    return int(record["kinesis"]["sequenceNumber"])


def main() -> None:
    """Print all contenders, both kinds of throttling, all shares."""
    answers = os.dup(1)
    os.dup2(2, 1)
    rows = [
        redelivery(contender, Service(share, stubborn), int(sys.argv[1]))
        for stubborn in (False, True)
        for share in SHARES
        for contender in CONTENDERS
    ]
    os.write(answers, json.dumps(rows).encode())


if __name__ == "__main__":
    main()
