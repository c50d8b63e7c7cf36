"""One shard of one feed from end to end: everything real but the stream and the clock.

The forwarder runs in a process of its own, driven as the mapping would by `local.mappings`'
simulation; Personalize is the local endpoint, queue and bucket are the emulator's.
"""

import itertools
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from accountant import Balance, Found, Put, balance
from builders import ARRIVAL, SHARD, STREAM, TARGETS, document_of
from evidence import LEDGERS, DeadLetterStore
from worker import Worker

from forwarder.destinations import DESTINATIONS
from local.clients import Clients
from local.emulator import CREDENTIALS, REGION
from local.mappings.batch import Batch
from local.mappings.documents import describe_whole, encode, key
from local.mappings.events import Origin, event, make_record
from local.mappings.semantics import Abandon, Errored, Outcome, Returned
from local.mappings.simulation import FIRST_SEQUENCE, Simulation, configure
from local.personalize import Endpoint

BACKOFF = 30.0
"""Seconds of the mapping's clock between two tries of a batch."""

STREAM_NAME = STREAM.rpartition("/")[2]
_names = itertools.count()


@dataclass(frozen=True, slots=True)
class Cloud:
    """An emulator's address and clients."""

    url: str
    clients: Clients

    def store(self) -> DeadLetterStore:
        """Make a queue and a bucket that nobody else has."""
        name = f"dead-letters-{next(_names)}-{uuid4().hex[:8]}"
        url = self.clients.queues.create_queue(QueueName=name)["QueueUrl"]
        self.clients.objects.create_bucket(Bucket=name)
        return DeadLetterStore(self.clients.queues, self.clients.objects, url, name)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the forwarder finds the services, if not where they are: a gate's addresses."""

    personalize: str = ""
    aws: str = ""


class Rig:
    """A shard with its forwarder, as a context manager.

    Put records, `run`, and let `balance` find every one of them. A forwarder that dies is
    replaced by a fresh one at the next invocation.

    Attributes:
        puts: What was put, for the accountant.
        responses: What each invocation answered, None where the process died.
        deaths: How many forwarders died.
        seconds: The time that Lambda gives each invocation.
        on_invoke: Called with the worker when it was handed a batch.
    """

    def __init__(
        self,
        cloud: Cloud,
        directory: Path,
        *,
        feed: str = "events",
        endpoint: Mapping[str, Any] | None = None,
        settings: Mapping[str, str] | None = None,
        addresses: Callable[[Endpoint, Cloud], Addresses] | None = None,
        **mapping: Any,
    ) -> None:
        self.feed = feed
        self.puts: list[Put] = []
        self.responses: list[dict[str, Any] | None] = []
        self.deaths = 0
        self.seconds = 30.0
        self.simulation: Simulation
        self.on_invoke: Callable[[Worker], None] = lambda _: None
        self.log = directory / "forwarder.log"
        self.store = cloud.store()
        self._cloud = cloud
        self._destination = DESTINATIONS[feed]
        self._target = TARGETS[self._destination.target]
        self._settings = settings or {}
        self._addresses = addresses or (lambda _endpoint, _cloud: Addresses())
        named = "trackers" if self._destination.target == "trackingId" else "datasets"
        self.endpoint = Endpoint(
            **{
                "clock": lambda: self.simulation.now,
                named: [self._target],
                "quotas": {self._destination.action: 10_000},
                **(endpoint or {}),
            }
        )
        self._told = configure(
            **{
                "event_source_arn": STREAM,
                "function_response_types": ("ReportBatchItemFailures",),
                "bisect_batch_on_function_error": True,
                "maximum_retry_attempts": 5,
                **mapping,
            }
        )
        self._origin = Origin(self._told, SHARD, "arn:aws:iam::123456789012:role/forwarder")
        self.simulation = Simulation(self._told, self._invoke, backoff=lambda _: BACKOFF)
        self.simulation.now = ARRIVAL
        self._kept = 0
        self._worker: Worker | None = None
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self._running.enter_context(self.endpoint)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end_worker()
        self._running.close()

    def put(
        self,
        *documents: bytes | dict[str, Any],
        data: bytes | None = None,
        partition_key: str | None = "k",
        envelope: Callable[[dict[str, Any]], Any] | None = None,
    ) -> str:
        """Put a record of these documents, a line each, and return its sequence number.

        Args:
            documents: What the record holds, for the accountant.
            data: The record's bytes, where they are not the documents' lines.
            partition_key: Its partition key.
            envelope: Changes the record's element of the event that the function receives.
        """
        packed = tuple(d if isinstance(d, bytes) else json.dumps(d).encode() for d in documents)
        data = b"\n".join(packed) if data is None else data
        simulation = self.simulation
        record = make_record(
            self._origin,
            str(FIRST_SEQUENCE + len(self.puts)),
            data,
            key=partition_key,
            arrival=simulation.now,
        )
        if envelope is not None:
            entry = json.dumps(envelope(json.loads(record.entry))).encode()
            record = replace(record, entry=entry, size=len(entry) + 1)
        simulation.put_in.append(record)
        simulation.shard.add((record,), simulation.now)
        self.puts.append(Put(STREAM_NAME, SHARD, record.sequence, data, packed))
        return record.sequence

    def good(self, count: int = 1, **fields: Any) -> list[str]:
        """Put as many good records, each of an id of its own unless one is given."""
        identity = self._destination.identity or "eventId"
        return [
            self.put(document_of(self.feed, **{identity: f"id-{len(self.puts)}"} | fields))
            for _ in range(count)
        ]

    def run(self, seconds: float = float("inf")) -> Self:
        """Deliver until nothing is left to do, or so many seconds of the mapping's clock passed."""
        self.simulation.run(seconds)
        for abandoned in self.simulation.abandoned[self._kept :]:
            self._keep(abandoned)
        self._kept = len(self.simulation.abandoned)
        return self

    def stored(self) -> list[dict[str, Any]]:
        """What Personalize has."""
        return self.endpoint.entries(self._destination.action)

    def waiting(self) -> frozenset[str]:
        """What is still in the stream."""
        simulation = self.simulation
        gone = {record.sequence for record in simulation.delivered}
        gone |= {each.sequence for part in simulation.abandoned for each in part.records}
        left = {record.sequence for record in simulation.put_in} - gone
        return frozenset(f"{SHARD}:{sequence}" for sequence in left)

    def found(self) -> Found:
        """All evidence there is."""
        return self.store.found(self.stored(), self.waiting())

    def balance(self) -> Balance:
        """The books of this feed, unchecked."""
        return balance(LEDGERS[self.feed], self.puts, self.found())

    def reasons(self) -> dict[str, list[str]]:
        """Why documents were rejected, by the record's sequence number, in order."""
        found: dict[str, list[tuple[int, str]]] = {}
        for body in self.store.messages():
            if body.get("kind") == "rejected":
                origin = body["origin"]
                reasons = found.setdefault(origin["sequence"], [])
                reasons.append((origin["document"], body["reason"]))
        return {name: [why for _, why in sorted(reasons)] for name, reasons in found.items()}

    def invoke(self, argument: object) -> dict[str, Any] | None:
        """Hand the function an argument beside the stream; None when the process died of it."""
        worker = self._worker or self._start()
        worker.ask(argument, seconds=self.seconds)
        return worker.answer()

    def peak_memory_mb(self) -> float:
        """The most memory that the forwarder's process ever held."""
        assert self._worker is not None
        status = Path(f"/proc/{self._worker.pid}/status").read_text(encoding="utf-8")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024

    @property
    def resumes(self) -> list[str | None]:
        """Of each invocation that answered, where the stream was to resume."""
        found = []
        for response in self.responses:
            failures = (response or {}).get("response", {}).get("batchItemFailures")
            if failures is not None:
                found.append(failures[0]["itemIdentifier"] if failures else None)
        return found

    def end_worker(self) -> None:
        """End the forwarder's process; the next batch starts another."""
        if self._worker is not None:
            self._worker.kill()
            self._worker = None

    def _invoke(self, batch: Batch) -> Outcome:
        worker = self._worker or self._start()
        try:
            worker.ask(json.loads(event(batch.records)), seconds=self.seconds)
            self.on_invoke(worker)
            answer = worker.answer()
        except BrokenPipeError:
            answer = None
        self.responses.append(answer)
        if answer is None:
            self.deaths += 1
            self.end_worker()
            return Errored("Runtime.ExitError")
        return Errored(answer["error"]) if "error" in answer else Returned(answer["response"])

    def _start(self) -> Worker:
        cloud, store = self._cloud, self.store
        addresses = self._addresses(self.endpoint, cloud)
        aws = addresses.aws or cloud.url
        worker = Worker(
            self.log,
            **{
                **CREDENTIALS,
                "AWS_DEFAULT_REGION": REGION,
                "FEED": self.feed,
                "TARGET": self._target,
                "AWS_ENDPOINT_URL_PERSONALIZE_EVENTS": addresses.personalize or self.endpoint.url,
                "AWS_ENDPOINT_URL_SQS": aws,
                "AWS_ENDPOINT_URL_S3": aws,
                "DEAD_LETTER_QUEUE_URL": aws + store.queue_url.removeprefix(cloud.url),
                "DEAD_LETTER_BUCKET": store.bucket,
                **self._settings,
            },
        )
        self._worker = worker.__enter__()
        return self._worker

    def _keep(self, abandoned: Abandon) -> None:
        """Send a batch to the on-failure destination, as the mapping would."""
        now = self.simulation.now
        document = describe_whole(abandoned, self._origin, now=now, request=uuid4())
        self.store.objects.put_object(
            Bucket=self.store.bucket,
            Key=key(self._origin, now=now, unique=uuid4()),
            Body=encode(document).encode(),
        )
