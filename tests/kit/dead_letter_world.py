"""A stream, a queue and a bucket in memory, which can be killed at any step."""

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Lock
from typing import Any
from zlib import crc32

from builders import SHARD, STREAM, TARGETS

from forwarder.dead_letters import DeadLetters, Message
from forwarder.destinations import DESTINATIONS
from forwarder.envelope import StoredObject
from forwarder.outcomes import Document, Entry, Record, Rejected
from forwarder.records import unpack
from replayer.act import Done, Verbs, act
from replayer.aws import Services
from replayer.contents import Sources
from replayer.forms import read
from replayer.hold import Hold, Queue
from replayer.keeping import keeper
from replayer.letters import BatchInfo, Held, Letter
from replayer.newest import Newest, Reach, entries_of
from replayer.plan import Step
from replayer.portions import shared_objects
from replayer.put_records import Outgoing, Putter
from replayer.replay import Replay
from replayer.site import Site
from replayer.stream_range import (
    After,
    At,
    NotInStream,
    Page,
    Range,
    ShardReader,
    Since,
    Start,
    hydrate,
)

NOW = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=2)
BUCKET = "failures"
PAGE = 3
"""Records of a page: few, so that reading one page only is found out."""


class Killed(BaseException):
    """The program ended here, without another word."""


@dataclass
class World:
    """One feed's stream, queue and bucket.

    `kill_at` counts the steps that change the world; `refuses` says which record of which call
    the stream does not take.
    """

    feed: str = "events"
    stream_arn: str = STREAM
    bucket_name: str = BUCKET
    shards: tuple[str, ...] = (SHARD, "shardId-000000000001")
    kill_at: int | None = None
    refuses: Callable[[int, int], bool] = lambda _call, _place: False
    reaches_back: timedelta = timedelta(hours=24)
    now: datetime = NOW
    stream: list[Record] = field(default_factory=list)
    queue: dict[str, Held] = field(default_factory=dict)
    bucket: dict[str, bytes] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    steps: int = 0
    calls: int = 0
    _ids: "count[int]" = field(default_factory=count)
    _sequences: "count[int]" = field(default_factory=lambda: count(5000))
    _lock: Lock = field(default_factory=Lock)

    # -- what a test fills it with

    def arrive(
        self,
        data: object,
        *,
        at: datetime | None = None,
        key: str | None = "k",
        shard: str | None = None,
        sequence: int | None = None,
    ) -> Record:
        """Put a record on the stream as a producer would; return it as Lambda hands it over."""
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        found = Record(
            position=0,
            sequence=str(next(self._sequences) if sequence is None else sequence),
            shard=shard or self.shards[0],
            stream=self.stream_arn,
            partition_key=key,
            arrival=(at or self.now).timestamp(),
            data=base64.b64encode(raw).decode(),
        )
        self.stream.append(found)
        return found

    def reject(self, *rejections: Rejected, sent: datetime = LONG_AGO) -> None:
        """Make dead letters as the forwarder does."""
        before = set(self.queue)
        kept = self.dead_letters().keep(rejections, deadline=1.0)
        assert kept.unkept_at is None
        for id_ in set(self.queue) - before:
            self.queue[id_] = replace(self.queue[id_], sent=sent)

    def tell(self, body: object, *, sent: datetime = LONG_AGO) -> str:
        """Put any message on the queue; return its id."""
        text = body if isinstance(body, str) else json.dumps(body)
        id_ = f"message-{next(self._ids):05}"
        self.queue[id_] = Held(self.feed, id_, "", text, sent)
        return id_

    def abandon(self, records: Sequence[Record], *, as_text: bool = True) -> str:
        """Store a batch as Lambda does, and announce it as S3 does."""
        key = f"aws/lambda/mapping/{records[0].shard}/2026/11/21/batch {next(self._ids)}"
        payload: Any = {"Records": [_as_lambda(each) for each in records]}
        document = self.pointer(records)
        document["payload"] = json.dumps(payload) if as_text else payload
        self.bucket[key] = json.dumps(document).encode()
        return self.tell(self.notification(key))

    def notification(self, key: str) -> dict[str, Any]:
        """What S3 says about a new object; keys are quoted in it."""
        object_ = {"key": key.replace(" ", "+"), "size": len(self.bucket.get(key, b""))}
        return {
            "Records": [
                {
                    "eventSource": "aws:s3",
                    "eventTime": "2026-11-21T20:00:00.000Z",
                    "s3": {"bucket": {"name": self.bucket_name}, "object": object_},
                }
            ]
        }

    def pointer(self, records: Sequence[Record]) -> dict[str, Any]:
        """What a queue is told about an abandoned batch."""
        return {
            "requestContext": {
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 3,
            },
            "version": "1.0",
            "timestamp": "2026-11-21T20:00:00.000Z",
            "KinesisBatchInfo": {
                "shardId": records[0].shard,
                "startSequenceNumber": records[0].sequence,
                "endSequenceNumber": records[-1].sequence,
                "batchSize": len(records),
                "streamArn": records[0].stream,
            },
        }

    # -- what a test asks of it

    @property
    def site(self) -> Site:
        return Site(
            stage="local",
            feed=self.feed,
            target=TARGETS[DESTINATIONS[self.feed].target],
            stream_name="clicks",
            stream_arn=self.stream_arn,
            queue_url="queue",
            bucket=self.bucket_name,
        )

    def letters(self) -> list[Letter]:
        return [read(held) for held in self.queue.values()]

    def entries(self, records: Iterable[Record]) -> list[Entry]:
        """What the forwarder makes of records."""
        return [entry for record in records for entry in entries_of(record, self.site.parser)]

    def put_back(self) -> list[Record]:
        """The records that came after those that a test put there: a replay's."""
        return [record for record in self.stream if record.position == 1]

    # -- what a replay does with it

    def plan(self, **options: Any) -> list[Step]:
        steps, _ = self.replay(**options).plan(sorted(self.letters(), key=lambda each: each.id))
        return steps

    def replay(self, **options: Any) -> Replay:
        services = self.services()
        return Replay(site=self.site, services=services, now=lambda: self.now, **options)

    def run(self, chosen: Callable[[Letter], bool] = lambda _: True, **options: Any) -> Done:
        """Replay as the commands do; may be killed."""
        self.hidden.clear()
        replay = self.replay(**options)
        with Hold({self.feed: replay.services.queue}, seconds=60) as hold:
            letters = [read(held) for held in hold.receive_all()]
            wanted = [letter for letter in letters if chosen(letter)]
            others = [letter for letter in letters if not chosen(letter)]
            steps, newest = replay.plan(wanted, others)
            return self.act(steps, newest, hold.delete)

    def act(
        self,
        steps: Sequence[Step],
        newest: Newest | None,
        delete: Callable[[Sequence[Letter]], frozenset[str]] = lambda _: frozenset(),
    ) -> Done:
        """Carry out a plan."""
        services = self.services()
        verbs = Verbs(
            put=Putter(services.send, 1e9, wait=lambda _: None).put,
            keep=keeper(self.dead_letters()),
            delete=delete,
            delete_object=services.delete_object,
        )
        shared = shared_objects(self.letters(), alone=True, now=self.now)
        return act(steps, verbs, newest=newest, shared=shared)

    def run_until_done(self, **options: Any) -> None:
        """Replay, and again after being killed."""
        try:
            self.run(**options)
        except Killed:
            self.kill_at = None
            self.run(**options)

    def dead_letters(self) -> DeadLetters:
        return DeadLetters(
            feed=self.feed,
            stage="local",
            function="forwarder:1",
            send=self._send_messages,
            put=self._put_object,
            now=lambda: LONG_AGO,
            clock=lambda: 0.0,
        )

    def services(self) -> Services:
        reader = ShardReader(self._iterate, self._page, wait=lambda _: None)

        def read_back(info: BatchInfo) -> Range:
            return hydrate(reader, info)

        return Services(
            queue=Queue(
                receive=self._receive, hide=self._hide, delete=self._delete, hidden=lambda: 0
            ),
            sources=Sources(self.stream_arn, lambda stored: self.bucket.get(stored.key), read_back),
            reader=reader,
            shards=lambda: self.shards,
            reach=lambda: Reach(self.stream_arn, self.now - self.reaches_back),
            send=self._put_records,
            delete_object=self._delete_object,
        )

    def _step(self) -> None:
        """One step more; dying is before or after what the step does, by turns."""
        with self._lock:
            self.steps += 1
            if self.kill_at is not None and self.steps >= self.kill_at:
                raise Killed

    def _receive(self, _seconds: int) -> list[Held]:
        with self._lock:
            found = [held for held in self.queue.values() if held.id not in self.hidden][:10]
            self.hidden |= {held.id for held in found}
        return [
            Held(each.feed, each.id, f"receipt {each.id}", each.body, each.sent) for each in found
        ]

    def _hide(self, receipts: Sequence[str], seconds: int) -> None:
        with self._lock:
            self.hidden -= (
                set() if seconds else {receipt.removeprefix("receipt ") for receipt in receipts}
            )

    def _delete(self, receipts: Sequence[str]) -> frozenset[str]:
        for receipt in receipts:
            self._step()
            del self.queue[receipt.removeprefix("receipt ")]
        return frozenset(receipts)

    def _delete_object(self, stored: StoredObject) -> None:
        self._step()
        del self.bucket[stored.key]

    def _send_messages(self, messages: Sequence[Message]) -> list[int]:
        self._step()
        for message in messages:
            self.tell(message.body)
        return []

    def _put_object(self, key: str, data: bytes) -> StoredObject:
        self.bucket[key] = data
        return StoredObject(bucket=self.bucket_name, key=key)

    def _put_records(self, records: Sequence[Outgoing]) -> list[dict[str, str]]:
        self.calls += 1
        results = []
        for place, record in enumerate(records):
            self._step()
            if self.refuses(self.calls, place):
                results.append({"ErrorCode": "ProvisionedThroughputExceededException"})
                continue
            shard = self.shards[crc32(record.partition_key.encode()) % len(self.shards)]
            sequence = str(next(self._sequences))
            self.stream.append(
                Record(
                    position=1,
                    sequence=sequence,
                    shard=shard,
                    stream=self.stream_arn,
                    partition_key=record.partition_key,
                    arrival=self.now.timestamp(),
                    data=base64.b64encode(record.data).decode(),
                )
            )
            results.append({"ShardId": shard, "SequenceNumber": sequence})
        return results

    def _iterate(self, shard: str, start: Start) -> str:
        if shard not in self.shards:
            raise NotInStream
        of_shard = self._of(shard)
        for place, record in enumerate(of_shard):
            match start:
                case At(sequence=sequence):
                    reached = int(record.sequence) >= int(sequence)
                case After(sequence=sequence):
                    reached = int(record.sequence) > int(sequence)
                case Since(moment=moment):
                    reached = record.arrival >= moment.timestamp()
            if reached:
                return f"{shard} {place}"
        return f"{shard} {len(of_shard)}"

    def _page(self, iterator: str) -> Page:
        shard, start = iterator.split()
        found = self._of(shard)
        end = int(start) + PAGE
        behind = 1000 if end < len(found) else 0
        return Page(tuple(found[int(start) : end]), f"{shard} {end}", behind)

    def _of(self, shard: str) -> list[Record]:
        since = (self.now - self.reaches_back).timestamp()
        return [each for each in self.stream if each.shard == shard and each.arrival >= since]


def rejections(world: World, record: Record) -> list[Rejected]:
    """What the forwarder rejects of a record."""
    found: list[Rejected] = []
    for each in unpack(record):
        if isinstance(each, Rejected):
            found.append(each)
        else:
            assert isinstance(each, Document)
            parsed = world.site.parser(each)
            found += [outcome for outcome in parsed if isinstance(outcome, Rejected)]
    return found


def _as_lambda(record: Record) -> dict[str, Any]:
    return {
        "kinesis": {
            "partitionKey": record.partition_key,
            "sequenceNumber": record.sequence,
            "data": record.data,
            "approximateArrivalTimestamp": record.arrival,
        },
        "eventID": f"{record.shard}:{record.sequence}",
        "eventSourceARN": record.stream,
    }
