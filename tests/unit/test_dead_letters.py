"""Dead letters: kept whole, confirmed, bounded in size, and named when they could not be kept."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from builders import ARRIVAL, Clock, document, record

from forwarder.dead_letters import (
    MESSAGES_PER_CALL,
    MOST_INLINE_BYTES,
    REJECTIONS_PER_LETTER,
    DeadLetters,
    Message,
)
from forwarder.envelope import Envelope, Origin, StoredObject
from forwarder.outcomes import Document, Reason, Rejected

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
QUEUE_LIMIT = 256 * 1024


@dataclass
class FakeQueue:
    """Takes messages as SQS does: up to ten and 256 KiB a call, some of them or none."""

    refuses: frozenset[int] = frozenset()
    fails_from: int | None = None
    messages: list[Message] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    calls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, messages: Sequence[Message]) -> Sequence[int]:
        assert len(messages) <= MESSAGES_PER_CALL
        assert sum(len(each.body.encode()) for each in messages) <= QUEUE_LIMIT
        with self._lock:
            self.calls += 1
            if self.fails_from is not None and messages[-1].position >= self.fails_from:
                raise ConnectionError("canary")
            refused = [n for n, each in enumerate(messages) if each.position in self.refuses]
            self.messages += [each for n, each in enumerate(messages) if n not in refused]
        return refused

    def put(self, key: str, data: bytes) -> StoredObject:
        self.objects[key] = data
        return StoredObject(bucket="bucket", key=key)

    def envelopes(self) -> list[Envelope]:
        read = [Envelope.model_validate_json(each.body) for each in self.messages]
        return sorted(read, key=lambda each: (int(each.origin.sequence), each.origin.document))


def letters(queue: FakeQueue, clock: Clock | None = None) -> DeadLetters:
    return DeadLetters(
        feed="events",
        stage="test",
        function="forwarder:7",
        send=queue.send,
        put=queue.put,
        now=lambda: NOW,
        clock=clock or Clock(),
    )


def rejected(position: int, data: bytes = b"{", element: int | None = None) -> Rejected:
    return Rejected(
        document(data, position=position), element, Reason.UNKNOWN_FIELD, "itmeId", "no such field"
    )


def test_a_dead_letter_says_what_why_and_where_from():
    queue = FakeQueue()

    kept = letters(queue).keep([rejected(3, b"\xff\x00bytes")], deadline=60)

    (envelope,) = queue.envelopes()
    assert (kept.letters, kept.unkept_at, kept.failure) == (1, None, None)
    assert envelope.data == b"\xff\x00bytes"
    assert (envelope.feed, envelope.stage, envelope.function) == ("events", "test", "forwarder:7")
    assert (envelope.reason, envelope.field, envelope.detail) == (
        Reason.UNKNOWN_FIELD,
        "itmeId",
        "no such field",
    )
    origin = envelope.origin
    assert (origin.shard, origin.sequence, origin.document, origin.partition_key) == (
        "shardId-000000000000",
        "1003",
        0,
        "k",
    )
    assert origin.arrival == datetime.fromtimestamp(ARRIVAL, UTC)
    assert envelope.at == NOW
    assert queue.messages[0].attributes == {
        "kind": "rejected",
        "feed": "events",
        "reason": "unknown_field",
    }


def test_a_document_with_several_bad_elements_is_one_dead_letter():
    queue = FakeQueue()

    kept = letters(queue).keep([rejected(3, element=n) for n in (1, 4)], deadline=60)

    (envelope,) = queue.envelopes()
    assert [each.element for each in envelope.rejections] == [1, 4]
    assert kept.letters == 1


def test_documents_of_one_record_are_dead_letters_of_their_own():
    queue = FakeQueue()
    whole = record(0, b"")
    two = [
        Rejected(Document(whole, index, "k", b"x"), None, Reason.NOT_JSON, None, "")
        for index in (0, 1)
    ]

    assert letters(queue).keep(two, deadline=60).letters == 2


def test_very_many_bad_elements_are_several_dead_letters():
    queue = FakeQueue()
    bad = [rejected(0, element=n) for n in range(REJECTIONS_PER_LETTER + 1)]

    letters(queue).keep(bad, deadline=60)

    kept = [each.element for envelope in queue.envelopes() for each in envelope.rejections]
    assert sorted(each for each in kept if each is not None) == list(range(len(bad)))


def test_a_large_document_goes_to_the_bucket_and_the_queue_points_there():
    queue = FakeQueue()
    data = bytes(range(256)) * (MOST_INLINE_BYTES // 256) + b"!"

    letters(queue).keep([rejected(3, data)], deadline=60)

    (envelope,) = queue.envelopes()
    assert envelope.data is None
    assert envelope.object is not None
    assert queue.objects == {envelope.object.key: data}
    assert envelope.object.key == "rejected/events/shardId-000000000000/1003-0"


def test_the_largest_inline_document_with_the_worst_details_fits_a_message():
    queue = FakeQueue()
    worst = [
        Rejected(
            document(b"x" * MOST_INLINE_BYTES, position=0),
            n,
            Reason.UNKNOWN_FIELD,
            "\0" * 100,
            "x" * 100,
        )
        for n in range(REJECTIONS_PER_LETTER)
    ]

    letters(queue).keep(worst, deadline=60)

    assert len(queue.messages) == 1


@pytest.mark.parametrize("size", [10, 20_000, MOST_INLINE_BYTES])
def test_many_dead_letters_are_kept_in_calls_that_the_queue_takes(size):
    queue = FakeQueue()

    kept = letters(queue).keep([rejected(n, b"x" * size) for n in range(25)], deadline=60)

    assert kept.letters == 25
    assert [int(each.origin.sequence) for each in queue.envelopes()] == list(range(1000, 1025))


def test_the_oldest_message_that_the_queue_did_not_take_is_named():
    queue = FakeQueue(refuses=frozenset({17, 12}))

    kept = letters(queue).keep([rejected(n) for n in range(30)], deadline=60)

    assert (kept.unkept_at, kept.failure) == (12, "NotTaken")
    assert kept.letters == 28


def test_a_queue_that_fails_is_named_by_the_kind_of_failure_only():
    queue = FakeQueue(fails_from=0)

    kept = letters(queue).keep([rejected(n) for n in range(5)], deadline=60)

    assert (kept.letters, kept.unkept_at, kept.failure) == (0, 0, "ConnectionError")


def test_after_a_failure_nothing_more_is_sent():
    queue = FakeQueue(fails_from=100)

    kept = letters(queue).keep([rejected(n) for n in range(1000)], deadline=60)

    assert kept.unkept_at == 100
    assert queue.calls <= 24


def test_when_time_is_up_the_rest_is_named():
    clock = Clock(now=60)

    kept = letters(FakeQueue(), clock).keep([rejected(4)], deadline=60)

    assert (kept.unkept_at, kept.failure) == (4, "OutOfTime")


def test_a_queue_that_hangs_does_not_hold_the_invocation():
    release = threading.Event()

    class Hanging(FakeQueue):
        def send(self, messages: Sequence[Message]) -> Sequence[int]:
            release.wait(30)
            return super().send(messages)

    kept = letters(Hanging()).keep([rejected(4)], deadline=0.05)
    release.set()

    assert (kept.unkept_at, kept.failure) == (4, "OutOfTime")


def test_an_error_of_aws_is_named_by_its_code():
    class Refusing(FakeQueue):
        def send(self, _: Sequence[Message]) -> Sequence[int]:
            error = Exception("canary")
            error.response = {"Error": {"Code": "AccessDenied"}}  # type: ignore[attr-defined]  # as botocore's errors have it
            raise error

    assert letters(Refusing()).keep([rejected(0)], deadline=60).failure == "AccessDenied"


def test_an_origin_leads_back_to_the_document_as_it_was():
    document = Document(record(0, b"data"), 3, "key", b"data")
    of_key = document._replace(record=document.record._replace(partition_key="key"))
    arrival = datetime.fromtimestamp(of_key.record.arrival, UTC)
    origin = Origin(
        stream=of_key.record.stream,
        shard=of_key.record.shard,
        sequence=of_key.record.sequence,
        document=3,
        partition_key="key",
        arrival=arrival,
    )

    assert origin.document_of(b"data") == of_key
