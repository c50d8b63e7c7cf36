"""Dead letters to the byte: what is in a message, what is counted, and where the limits are."""

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from builders import Clock, document

from forwarder.dead_letters import MOST_CALL_BYTES, MOST_INLINE_BYTES, DeadLetters, Message
from forwarder.envelope import StoredObject
from forwarder.outcomes import Reason, Rejected
from forwarder.settle import Kept


class Queue:
    """Takes everything, or what it is told to."""

    def __init__(self, refuses: Sequence[int] = (), failing: int | None = None) -> None:
        self.calls: list[Sequence[Message]] = []
        self.objects: list[str] = []
        self._refuses = refuses
        self._failing = failing

    def send(self, messages: Sequence[Message]) -> Sequence[int]:
        self.calls.append(messages)
        if messages[0].position == self._failing:
            raise ConnectionError
        return [n for n, each in enumerate(messages) if each.position in self._refuses]

    def put(self, key: str, data: bytes) -> StoredObject:
        self.objects.append(f"{key} {len(data)}")
        return StoredObject(bucket="bucket", key=key)


def keeping(queue: Queue, clock: Clock | None = None) -> DeadLetters:
    return DeadLetters(
        feed="events",
        stage="test",
        function="forwarder:7",
        send=queue.send,
        put=queue.put,
        now=lambda: datetime(2026, 11, 21, tzinfo=UTC),
        clock=clock or Clock(),
    )


def rejected(position: int = 0, data: bytes = b"{", element: int | None = None) -> Rejected:
    whole = document(data, position=position)
    return Rejected(whole, element, Reason.WRONG_TIME, f"field{element}", f"detail {element}")


def test_a_message_has_the_names_and_the_elements_that_its_readers_look_for():
    queue = Queue()
    keeping(queue).keep([rejected(element=3), rejected(element=5)], deadline=60)

    ((message,),) = queue.calls
    body = json.loads(message.body)
    assert (body["reason"], body["field"], body["detail"]) == ("wrong_time", "field3", "detail 3")
    assert body["rejections"] == [
        {"element": n, "reason": "wrong_time", "field": f"field{n}", "detail": f"detail {n}"}
        for n in (3, 5)
    ]
    assert body["origin"]["partitionKey"] == "k"
    assert message.attributes == {"kind": "rejected", "feed": "events", "reason": "wrong_time"}


def test_the_largest_inline_document_is_inline():
    queue = Queue()
    large = [rejected(n, b"x" * (MOST_INLINE_BYTES + n)) for n in (0, 1)]
    kept = keeping(queue).keep(large, deadline=60)

    assert kept == Kept(2)
    assert queue.objects == [f"rejected/events/shardId-000000000000/1001-0 {MOST_INLINE_BYTES + 1}"]


def test_a_document_with_very_many_bad_elements_is_a_letter_for_each_hundred():
    queue = Queue()
    many = [rejected(element=n) for n in range(250)]
    kept = keeping(queue).keep(many, deadline=60)

    assert kept == Kept(3)
    sizes = [len(json.loads(each.body)["rejections"]) for call in queue.calls for each in call]
    assert sizes == [100, 100, 50]


@pytest.mark.parametrize(
    ("size", "calls"), [(1000, 1), (60_000, 4), (MOST_INLINE_BYTES - 5000, 10)]
)
def test_calls_are_filled_and_never_too_large(size, calls):
    queue = Queue()
    kept = keeping(queue).keep([rejected(n, b"x" * size) for n in range(10)], deadline=60)

    assert kept == Kept(10)
    assert len(queue.calls) == calls


def test_large_documents_in_the_bucket_take_no_room_in_a_call():
    queue = Queue()
    large = [rejected(n, b"x" * (MOST_INLINE_BYTES + 1)) for n in range(10)]
    keeping(queue).keep(large, deadline=60)

    assert len(queue.calls) == 1


def test_no_call_is_too_large_whatever_the_fields_are_called():
    """Each character of these names takes six in JSON, and each document has a hundred of them."""
    queue = Queue()
    group = [
        Rejected(document(b"x", position=n), each, Reason.WRONG_TIME, "\x01" * 100, "d" * 100)
        for n in range(10)
        for each in range(100)
    ]
    kept = keeping(queue).keep(group, deadline=60)

    sizes = [sum(len(each.body.encode()) for each in call) for call in queue.calls]
    assert kept == Kept(10)
    assert max(sizes) <= MOST_CALL_BYTES
    assert len(queue.calls) == 5


def test_without_time_nothing_is_kept_and_the_first_is_named():
    queue, clock = Queue(), Clock(now=60.0)

    assert keeping(queue, clock).keep([rejected(4)], deadline=60) == Kept(0, 4, "OutOfTime")
    assert queue.calls == []
    # A little is enough for a queue that answers at once.
    assert keeping(queue, clock).keep([rejected(4)], deadline=60.5) == Kept(1)


def test_what_was_kept_beside_a_failure_is_counted():
    queue = Queue(failing=10)
    kept = keeping(queue).keep([rejected(n) for n in range(25)], deadline=60)

    assert kept == Kept(15, 10, "ConnectionError")


def test_what_a_call_left_is_named_and_the_rest_of_it_counted():
    queue = Queue(refuses=[12, 14])
    kept = keeping(queue).keep([rejected(n) for n in range(25)], deadline=60)

    assert kept == Kept(23, 12, "NotTaken")


def test_a_call_that_hangs_counts_for_nothing_and_its_neighbours_count():
    queue, released = Queue(), threading.Event()

    def send(messages: Sequence[Message]) -> Sequence[int]:
        if messages[0].position == 0:
            released.wait(30)
        return queue.send(messages)

    hanging = replace(keeping(queue), send=send)
    kept = hanging.keep([rejected(n) for n in range(20)], deadline=0.5)
    released.set()

    assert kept == Kept(10, 0, "OutOfTime")


@pytest.mark.parametrize("response", [{}, {"Error": {}}, {"Error": {"Code": ""}}, "text"])
def test_an_error_that_names_no_code_is_named_by_its_type(response):
    class OddError(Exception):
        pass

    def send(_: Sequence[Message]) -> Sequence[int]:
        error = OddError()
        error.response = response  # type: ignore[attr-defined] # as botocore's errors have it
        raise error

    odd = replace(keeping(Queue()), send=send)

    assert odd.keep([rejected()], deadline=60) == Kept(0, 0, "OddError")
