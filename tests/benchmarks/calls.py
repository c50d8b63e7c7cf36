"""One call of ten events: its CPU, and how many a second one core makes.

`python -m tests.benchmarks.calls <contender> <threads> <seconds>` makes calls for so long and
prints what they took.
"""

import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson

from tests.benchmarks.batches import batch, document
from tests.benchmarks.contenders import TRACKER
from tests.benchmarks.machine import CLIENT_CPUS, pin
from tests.benchmarks.section import section
from tests.benchmarks.stub import Stub

Call = Callable[[], object]
THREADS = (1, 8, 16, 32, 64)
LATENCY = 0.02


def _boto3(threads: int) -> Callable[[], Call]:
    import boto3  # noqa: PLC0415 - only the measured contender is loaded
    from botocore.config import Config  # noqa: PLC0415 - the same

    from tests.benchmarks.contenders.sample import event_of  # noqa: PLC0415 - the same

    client = boto3.client("personalize-events", config=Config(max_pool_connections=threads))
    events = [event_of(document(place, 0)) for place in range(10)]
    request: dict[str, Any] = {
        "trackingId": TRACKER,
        "userId": "user-0000",
        "sessionId": "session-00000-7d1f",
        "eventList": events,
    }
    return lambda: lambda: client.put_events(**request)


def _us(threads: int) -> Callable[[], Call]:
    """The transport, and before it the ten entries serialised and joined."""
    from tests.benchmarks.contenders import shipped  # noqa: PLC0415 - only what is measured is loaded

    shipped.connect(threads)
    from forwarder.handler import parse, transport  # noqa: PLC0415 - needs the settings above
    from forwarder.outcomes import Call as Request  # noqa: PLC0415 - the same
    from forwarder.outcomes import Entry  # noqa: PLC0415 - the same
    from forwarder.records import decode, unpack  # noqa: PLC0415 - the same
    from forwarder.shapes import Event  # noqa: PLC0415 - the same

    parsed = [parse(each) for record in decode(batch(10, "10").event) for each in unpack(record)]  # type: ignore[arg-type] # all are good
    request = Request(tuple(entry for each in parsed for entry in each if isinstance(entry, Entry)))
    shapes = [Event.model_validate_json(entry.body) for entry in request.entries]
    serialise = Event.__pydantic_serializer__.to_json

    def call() -> None:
        for shape in shapes:
            serialise(shape, by_alias=True, exclude_none=True)
        transport(request.body, time.monotonic() + 60)

    return lambda: call


def _floor(_threads: int) -> Callable[[], Call]:
    from tests.benchmarks.contenders.floor import Caller  # noqa: PLC0415 - only what is measured

    events = [document(place, 0) for place in range(10)]
    for each in events:
        del each["userId"], each["sessionId"]
    request = {"trackingId": TRACKER, "userId": "u", "sessionId": "s", "eventList": events}
    caller = Caller()

    def of_thread() -> Call:
        sock = caller.connection()
        return lambda: caller.call(sock, orjson.dumps(request))

    return of_thread


CONTENDERS = {"boto3": _boto3, "us": _us, "floor": _floor}


def calls(stub: Stub, *, seconds: float, rounds: int) -> dict[str, Any]:
    """Both tables: CPU microseconds a call at 0 ms, calls a second at 20 ms by threads."""

    def measure(contender: str, threads: int, latency: float) -> dict[str, Any]:
        stub.count(latency=latency)
        made: dict[str, Any] = section(
            "calls",
            contender,
            str(threads),
            str(seconds),
            AWS_ENDPOINT_URL_PERSONALIZE_EVENTS=stub.url,
        )
        return made

    alone: dict[str, list[float]] = {contender: [] for contender in CONTENDERS}
    for _ in range(rounds):
        for contender, measured in alone.items():
            measured.append(measure(contender, 1, 0.0)["cpu"])
    by_threads: dict[str, dict[str, Any]] = {contender: {} for contender in CONTENDERS}
    for threads in THREADS:
        for contender, made in by_threads.items():
            done = [measure(contender, threads, LATENCY) for _ in range(max(1, rounds // 3))]
            made[str(threads)] = {
                name: statistics.median(each[name] for each in done) for name in done[0]
            }
    return {
        "cpu": {contender: statistics.median(each) for contender, each in alone.items()},
        "threads": by_threads,
        "endpoint": measure("floor", 8, 0.0)["a_second"],
    }


def main() -> None:
    """Make calls for a while."""
    pin(CLIENT_CPUS)
    contender, threads, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    answers = os.dup(1)
    os.dup2(2, 1)
    of_thread = CONTENDERS[contender](threads)
    made: list[int] = []
    ready = threading.Barrier(threads + 1)
    go = threading.Event()
    ends = [0.0]

    def work() -> None:
        call, count = of_thread(), 0
        call()
        ready.wait()
        go.wait()
        while time.monotonic() < ends[0]:
            call()
            count += 1
        made.append(count)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for each in workers:
        each.start()
    ready.wait()
    wall, cpu = time.monotonic(), time.process_time()
    ends[0] = wall + seconds
    go.set()
    for each in workers:
        each.join()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    result = {"a_second": sum(made) / wall, "cpu": cpu / sum(made) * 1e6, "busy": cpu / wall}
    os.write(answers, json.dumps(result).encode())


if __name__ == "__main__":
    main()
