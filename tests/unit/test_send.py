"""The producer kit: nothing lost, nothing overtaken, whatever `PutRecords` answers."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from forwarder.destinations import DESTINATIONS
from pstream.send import ATTEMPTS, NotSent, Outgoing, partition_key, send
from replayer.put_records import BYTES_PER_REQUEST, RECORDS_PER_REQUEST


class Stream:
    """A stream that keeps what it takes, and fails what it is told to."""

    def __init__(
        self, *, failing=lambda _request, _record: False, refusing=lambda _request: None
    ) -> None:
        self.requests: list[Any] = []
        self.taken: list[tuple[str, bytes]] = []
        self._failing = failing
        self._refusing = refusing

    def put(self, entries):
        number = len(self.requests)
        self.requests.append(entries)
        if error := self._refusing(number):
            raise error
        return {"Records": [self._take(number, entry) for entry in entries]}

    def _take(self, number, entry):
        if self._failing(number, entry["Data"]):
            return {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow"}
        self.taken.append((entry["PartitionKey"], entry["Data"]))
        return {"ShardId": "shardId-000000000000", "SequenceNumber": str(len(self.taken))}


def records(*keys: str):
    return [Outgoing(key, str(number).encode()) for number, key in enumerate(keys)]


def send_to(stream, given, waits=None):
    waited = waits if waits is not None else []
    return send(given, put=stream.put, sleep=waited.append, jitter=lambda: 1.0)


def test_every_record_is_on_the_stream_and_its_place_is_told():
    stream = Stream()

    sent = send_to(stream, records("a", "b", "c"))

    assert stream.taken == [("a", b"0"), ("b", b"1"), ("c", b"2")]
    assert [(each.position, each.sequence) for each in sent] == [(0, "1"), (1, "2"), (2, "3")]


def test_nothing_to_send_asks_nothing():
    stream = Stream()

    assert send_to(stream, []) == []
    assert stream.requests == []


def test_only_what_failed_is_sent_again():
    stream = Stream(failing=lambda request, record: request == 0 and record == b"1")

    send_to(stream, records("a", "b", "c"))

    assert [[entry["Data"] for entry in request] for request in stream.requests] == [
        [b"0", b"1", b"2"],
        [b"1"],
    ]


def test_a_record_that_failed_is_not_overtaken_by_a_later_one_of_its_key():
    stream = Stream(failing=lambda request, record: request < 2 and record == b"0")

    send_to(stream, records("a", "a", "b", "a"))

    assert [data for key, data in stream.taken if key == "a"] == [b"0", b"1", b"3"]


def test_a_request_that_fails_as_a_whole_is_sent_again():
    throttled = ClientError({"Error": {"Code": "LimitExceededException"}}, "PutRecords")
    closed = ConnectionClosedError(endpoint_url="https://kinesis")
    stream = Stream(refusing=lambda request: [throttled, closed, None][request])

    send_to(stream, records("a", "b"))

    assert stream.taken == [("a", b"0"), ("b", b"1")]


def test_the_waits_grow_up_to_a_limit_and_start_anew_after_a_success():
    failing = {0, 1, 2, 4}
    stream = Stream(failing=lambda request, _record: request in failing)
    waits: list[float] = []

    send_to(stream, records("a", "a"), waits)

    assert waits == [0.2, 0.4, 0.8, 0.2]


def test_a_record_that_always_fails_ends_sending_and_all_are_accounted_for():
    stream = Stream(failing=lambda _request, record: record == b"1")

    with pytest.raises(NotSent, match="ProvisionedThroughputExceeded") as ended:
        send_to(stream, records("a", "b", "c", "b"))

    assert len(stream.requests) == ATTEMPTS
    assert [each.position for each in ended.value.sent] == [0, 2]
    assert ended.value.unsent == [1, 3]


def test_no_request_is_larger_than_kinesis_takes():
    many = records(*(f"key-{number}" for number in range(RECORDS_PER_REQUEST + 1)))
    large = [Outgoing(f"large-{number}", b"x" * (BYTES_PER_REQUEST // 4)) for number in range(9)]
    stream = Stream()

    send_to(stream, [*many, *large])

    assert len(stream.taken) == len(many) + len(large)
    for request in stream.requests:
        size = sum(len(entry["Data"]) + len(entry["PartitionKey"]) for entry in request)
        assert len(request) <= RECORDS_PER_REQUEST
        assert size <= BYTES_PER_REQUEST


def test_progress_is_told_after_each_request():
    told: list[int] = []

    send(
        records("a", "a", "b"),
        put=Stream().put,
        sleep=lambda _: None,
        progress=told.append,
    )

    assert told == [2, 3]


@pytest.mark.parametrize(
    ("feed", "document", "key"),
    [
        ("events", {"sessionId": "s-1", "eventType": "view"}, "s-1"),
        ("action-interactions", {"sessionId": "s-1", "actionId": "a-1"}, "s-1"),
        ("items", {"itemId": "i-1"}, "i-1"),
        ("users", {"userId": "u-1"}, "u-1"),
        ("actions", {"actionId": "a-1"}, "a-1"),
    ],
)
def test_what_has_to_stay_in_order_shares_a_partition_key(feed, document, key):
    assert partition_key(DESTINATIONS[feed], document) == key
