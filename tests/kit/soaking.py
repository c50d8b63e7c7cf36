"""A feed at work: a real stream, a faithful mapping, forwarders in processes, and the books."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from accountant import Balance, Put, balance
from evidence import LEDGERS, DeadLetterStore
from fleet import Fleet
from producer import Producer

from forwarder.destinations import DESTINATIONS
from local.mappings.actions import keep
from local.mappings.clients import Clients
from local.mappings.events import Origin
from local.mappings.reading import Reader
from local.mappings.runner import exponential
from local.mappings.shard import Shard
from local.mappings.simulation import configure
from local.mappings.worker import ShardWorker, Verbs

if TYPE_CHECKING:
    from types_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef


class Feed:
    """One feed from producer to dead letters, as a context manager.

    Args:
        name: The feed's name.
        clients: The emulator's.
        store: Its queue and bucket.
        environment: Settings of its forwarders.
        directory: Where their logs go.
        seed: Makes what is put repeatable.
        shards: How many shards its stream has.
        seconds: What Lambda gives an invocation.
        retries: How often the mapping tries a batch again; -1 until its records are too old.
        changed: Called whenever a shard has come on.
    """

    def __init__(
        self,
        name: str,
        *,
        clients: Clients,
        store: DeadLetterStore,
        environment: Mapping[str, str],
        directory: Path,
        seed: int,
        shards: int,
        seconds: float,
        retries: int,
        changed: Callable[[], None],
    ) -> None:
        self.name = name
        self.puts: list[Put] = []
        self.forms: Counter[str] = Counter()
        self.longest_stall = 0.0
        self.fleet = Fleet(directory, environment, seconds=seconds)
        self._store = store
        self._clients = clients
        self._producer = Producer(name, seed, now=int(time.time()))
        self._stream = f"{name}-{uuid4().hex[:8]}"
        self._shard_count = shards
        self._retries = retries
        self._changed = changed
        self._shards: dict[str, ShardWorker] = {}
        self._progress: dict[str, tuple[int, float]] = {}

    def __enter__(self) -> Self:
        kinesis = self._clients.kinesis
        kinesis.create_stream(StreamName=self._stream, ShardCount=self._shard_count)
        kinesis.get_waiter("stream_exists").wait(StreamName=self._stream, WaiterConfig={"Delay": 1})
        for shard in kinesis.list_shards(StreamName=self._stream)["Shards"]:
            self._shards[shard["ShardId"]] = self._start(shard["ShardId"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for shard in self._shards.values():
            shard.stop()
        for shard in self._shards.values():
            shard.join()
        self.fleet.close()

    def produce(self, count: int) -> None:
        """Put so many records."""
        made = [self._producer.make() for _ in range(count)]
        self.forms.update(product.form for product in made)
        entries: list[PutRecordsRequestEntryTypeDef] = [
            {"Data": product.data, "PartitionKey": product.key} for product in made
        ]
        answer = self._clients.kinesis.put_records(StreamName=self._stream, Records=entries)
        assert not answer.get("FailedRecordCount")
        for product, each in zip(made, answer["Records"], strict=True):
            self.puts.append(
                Put(
                    self._stream,
                    each["ShardId"],
                    each["SequenceNumber"],
                    product.data,
                    product.documents,
                )
            )

    def look(self) -> None:
        """Note for how long each shard that has work made no progress."""
        now = time.monotonic()
        for name, shard in self._shards.items():
            status = shard.status()
            ended = status["delivered"] + status["abandoned"]
            before, since = self._progress.get(name, (-1, now))
            if ended != before or not status["backlog"]:
                self._progress[name] = (ended, now)
            else:
                self.longest_stall = max(self.longest_stall, now - since)

    def drained(self, asked: float) -> bool:
        """Whether all that was put before `asked` has come to an end."""
        return all(shard.drained(asked) for shard in self._shards.values())

    def totals(self) -> Counter[str]:
        """What the mapping counted, over all shards."""
        names = ("invocations", "retries", "bisects", "abandoned", "dropped", "abandoned_batches")
        told = [shard.status() for shard in self._shards.values()]
        return Counter({name: sum(each[name] for each in told) for name in names})

    def balance(self, stored: list[dict[str, object]]) -> Balance:
        """The books, given what Personalize stored for this feed."""
        return balance(LEDGERS[self.name], self.puts, self._store.found(stored))

    def _start(self, shard_id: str) -> ShardWorker:
        told = configure(
            uuid=str(uuid4()),
            event_source_arn=f"arn:aws:kinesis:us-east-1:000000000000:stream/{self._stream}",
            function_response_types=("ReportBatchItemFailures",),
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=self._retries,
            parallelization_factor=2 if DESTINATIONS[self.name].session else 1,
            on_failure=f"arn:aws:s3:::{self._store.bucket}",
        )
        origin = Origin(told, shard_id, "arn:aws:iam::000000000000:role/forwarder")
        reader = Reader(self._clients.kinesis, told, shard_id, after=None, since=0.0)
        verbs = Verbs(
            read=reader.read,
            invoke=self.fleet.invoke,
            keep=partial(keep, self._clients, origin),
            checkpoint=lambda _: None,
            changed=self._changed,
        )
        worker = ShardWorker(Shard(told, exponential()), origin, verbs, poll=0.1)
        worker.start()
        return worker
