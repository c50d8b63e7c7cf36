"""Keeps rejected documents: in the feed's queue, the large ones in its bucket.

A rejection counts as kept only when the queue has confirmed it. What could not be kept is named
by its place in the batch, so that the stream resumes there.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import TYPE_CHECKING

from forwarder.filling import filled
from forwarder.outcomes import Document, Rejected
from forwarder.settle import Kept

if TYPE_CHECKING:
    from forwarder.envelope import Origin, StoredObject

MOST_INLINE_BYTES = 128 * 1024
"""The largest document kept in a message: in base64, with its envelope, it is under 256 KiB."""

REJECTIONS_PER_LETTER = 100
"""A document with more bad elements than this is several dead letters, each with its elements."""

MESSAGES_PER_CALL = 10
CALLS_AT_ONCE = 8
MOST_CALL_BYTES = 256 * 1024
"""SQS takes 1 MiB a call today and took 256 KiB for long: what fits then fits everywhere."""


@dataclass(frozen=True, slots=True)
class Message:
    """One dead letter, ready for the queue."""

    position: int
    body: str
    attributes: Mapping[str, str]


SendMessages = Callable[[Sequence[Message]], Sequence[int]]
"""Puts up to ten messages on the queue; returns the indices of those it did not take."""

PutObject = Callable[[str, bytes], "StoredObject"]
"""Stores bytes under a key in the bucket; returns where they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """The dead letters of one feed.

    Attributes:
        feed: The feed's name.
        stage: The stage's name.
        function: The function's name and version.
        send: Puts messages on the queue.
        put: Stores what is too large for the queue.
        now: The time, for `at`.
        clock: Seconds that only grow; deadlines are on it.
    """

    feed: str
    stage: str
    function: str
    send: SendMessages
    put: PutObject
    now: Callable[[], datetime]
    clock: Callable[[], float]

    def keep(self, rejections: Iterable[Rejected], *, deadline: float) -> Kept:
        """Keep rejections, given in stream order, until all are kept, one fails, or time is up.

        Never raises. A document with several bad elements is one dead letter.
        """
        chunks = filled(
            _groups(rejections), size=_size, most_bytes=MOST_CALL_BYTES, most=MESSAGES_PER_CALL
        )
        letters = 0
        pool = ThreadPoolExecutor(CALLS_AT_ONCE)
        try:
            while round_ := list(islice(chunks, CALLS_AT_ONCE)):
                kept = self._keep_round(pool, round_, deadline)
                letters += kept.letters
                if kept.unkept_at is not None:
                    return Kept(letters, kept.unkept_at, kept.failure)
        finally:
            # A queue that hangs must not hold the invocation: its thread ends by itself.
            pool.shutdown(wait=False, cancel_futures=True)
        return Kept(letters)

    def _keep_round(
        self, pool: Executor, round_: Sequence[Sequence[Sequence[Rejected]]], deadline: float
    ) -> Kept:
        left = deadline - self.clock()
        if left <= 0:
            return Kept(0, _position(round_[0][0]), "OutOfTime")
        futures = [pool.submit(self._keep_chunk, chunk) for chunk in round_]
        wait(futures, timeout=left)
        results = [
            future.result() if future.done() else Kept(0, _position(chunk[0]), "OutOfTime")
            for future, chunk in zip(futures, round_, strict=True)
        ]
        letters = sum(result.letters for result in results)
        failed = [result for result in results if result.unkept_at is not None]
        return replace(failed[0], letters=letters) if failed else Kept(letters)

    def _keep_chunk(self, chunk: Sequence[Sequence[Rejected]]) -> Kept:
        try:
            failed = self.send([self._message(group) for group in chunk])
        except Exception as error:  # noqa: BLE001 - whatever it is, the records are not acknowledged
            return Kept(0, _position(chunk[0]), _name(error))
        if failed:
            return Kept(len(chunk) - len(failed), _position(chunk[min(failed)]), "NotTaken")
        return Kept(len(chunk))

    def _message(self, group: Sequence[Rejected]) -> Message:
        from forwarder.envelope import Envelope, Rejection  # noqa: PLC0415 - see storage.py

        first = group[0]
        document = first.document
        large = len(document.data) > MOST_INLINE_BYTES
        envelope = Envelope(
            feed=self.feed,
            stage=self.stage,
            reason=first.reason,
            field=first.field,
            detail=first.detail,
            rejections=tuple(
                Rejection(
                    element=each.element,
                    reason=each.reason,
                    field=each.field,
                    detail=each.detail,
                )
                for each in group
            ),
            origin=_origin(document),
            data=None if large else base64.b64encode(document.data),
            object=self.put(self._key(document), document.data) if large else None,
            at=self.now(),
            function=self.function,
        )
        attributes = {"kind": envelope.kind, "feed": self.feed, "reason": first.reason.value}
        body = envelope.model_dump_json(by_alias=True)
        return Message(document.record.position, body, attributes)

    def _key(self, document: Document) -> str:
        # The same document always has the same key: kept twice, it is stored once.
        record = document.record
        return f"rejected/{self.feed}/{record.shard}/{record.sequence}-{document.number}"


def _document_key(rejection: Rejected) -> tuple[int, int]:
    return (rejection.document.record.position, rejection.document.number)


def _position(group: Sequence[Rejected]) -> int:
    return group[0].document.record.position


def _groups(rejections: Iterable[Rejected]) -> Iterator[Sequence[Rejected]]:
    """Rejections by the dead letter that they make."""
    for _, group in groupby(rejections, key=_document_key):
        while some := list(islice(group, REJECTIONS_PER_LETTER)):
            yield some


def _size(group: Sequence[Rejected]) -> int:
    """The message's size, or a little more."""
    data = len(group[0].document.data)
    inline = data * 4 // 3 if data <= MOST_INLINE_BYTES else 0
    # A field's characters may be escaped in the JSON; everything else is our own words.
    return inline + 2048 + sum(256 + 6 * len(each.field or "") + len(each.detail) for each in group)


def _origin(document: Document) -> "Origin":
    from forwarder.envelope import Origin  # noqa: PLC0415 - see storage.py

    record = document.record
    return Origin(
        stream=record.stream,
        shard=record.shard,
        sequence=record.sequence,
        document=document.number,
        partition_key=document.partition_key,
        arrival=datetime.fromtimestamp(record.arrival, UTC),
    )


def _name(error: Exception) -> str:
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code or type(error).__name__)
