"""What the replayer's verbs say to SQS, S3 and Kinesis, and what they make of the answers."""

import base64
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from builders import SHARD, STREAM, TARGETS, document_of, record
from dead_letter_world import World, rejections
from loopback import Peer, Request, Server, session_to

from forwarder.envelope import StoredObject
from replayer.aws import Services, connect
from replayer.doing import dead_letters_of
from replayer.letters import BatchInfo, Held
from replayer.newest import Reach
from replayer.put_records import Outgoing
from replayer.site import Site
from replayer.stream_range import After, At, NotInStream, Page, Range, Since

SITE = Site(
    stage="test",
    feed="events",
    target=TARGETS["trackingId"],
    stream_name="clicks",
    stream_arn=STREAM,
    queue_url="http://queue/1",
    bucket="bucket",
)
STORED = StoredObject(bucket="bucket", key="rejected/events/a b")
BATCH = BatchInfo(STREAM, SHARD, "1000", "1001", 2)


class Aws:
    """Gives each operation the answers laid out for it, the last of them again and again."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
        self.refuses: Callable[[Request], bool] = lambda _: False

    def says(self, operation: str, answer: Any, status: int = 200) -> None:
        """Lay out an answer; bytes go as they are."""
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.answers[operation].append((status, body))

    def fails(self, operation: str, code: str) -> None:
        """Refuse an operation as services that speak JSON do."""
        self.says(operation, {"__type": code, "message": "no"}, 400)

    def __call__(self, peer: Peer) -> None:
        while request := peer.request():
            answers = self.answers[operation_of(request)]
            status, body = answers.pop(0) if len(answers) > 1 else answers[0]
            if self.refuses(request):
                status, body = 400, b'{"__type": "InvalidArgumentException"}'
            peer.respond(body, status=status)


def operation_of(request: Request) -> str:
    """The operation's name; S3's is its method and path."""
    target = request.headers.get("x-amz-target", "")
    return target.partition(".")[2] or " ".join(request.line.split()[:2])


def asked(server: Server) -> list[tuple[str, Any]]:
    """Each operation that was asked for over the wire, and its parameters."""
    return [
        (operation_of(each), json.loads(each.body) if each.body else None)
        for each in server.requests
    ]


def token_and_stream(request: Request) -> bool:
    """Whether a request has both, of which Kinesis takes one."""
    parameters: dict[str, Any] = json.loads(request.body) if request.body else {}
    return {"NextToken", "StreamARN"} <= parameters.keys()


def s3_error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()


def found_in_stream(sequence: int, data: bytes = b"data") -> dict[str, Any]:
    return {
        "SequenceNumber": str(sequence),
        "PartitionKey": "k",
        "ApproximateArrivalTimestamp": 1_790_000_000.5,
        "Data": base64.b64encode(data).decode(),
    }


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def session(server: Server, tmp_path: Path) -> boto3.Session:
    return boto3.Session(botocore_session=session_to(server, tmp_path))


@pytest.fixture
def verbs(session: boto3.Session) -> Services:
    return connect(session, SITE)


# -- the queue


def test_making_the_verbs_connects_to_nothing(server: Server, verbs: Services) -> None:
    assert verbs.sources.stream_arn == STREAM
    assert server.connections == 0


def test_messages_are_received_hidden_and_known_by_when_they_were_sent(
    aws: Aws, server: Server, verbs: Services
) -> None:
    message = {"MessageId": "m1", "ReceiptHandle": "r1", "Body": "{}"}
    sent = {"Attributes": {"SentTimestamp": "1790000000500"}}
    aws.says("ReceiveMessage", {"Messages": [message | sent, message | {"MessageId": "m2"}]})

    assert verbs.queue.receive(90) == [
        Held("events", "m1", "r1", "{}", datetime.fromtimestamp(1_790_000_000.5, UTC)),
        Held("events", "m2", "r1", "{}", datetime.fromtimestamp(0, UTC)),
    ]
    assert asked(server) == [
        (
            "ReceiveMessage",
            {
                "QueueUrl": "http://queue/1",
                "MaxNumberOfMessages": 10,
                "VisibilityTimeout": 90,
                "WaitTimeSeconds": 1,
                "MessageSystemAttributeNames": ["SentTimestamp"],
            },
        )
    ]
    assert "/eu-west-1/sqs/" in server.requests[0].headers["authorization"]


def test_a_queue_that_has_no_more_to_give_gives_nothing(aws: Aws, verbs: Services) -> None:
    aws.says("ReceiveMessage", {})

    assert verbs.queue.receive(90) == []


def test_messages_are_hidden_for_as_long_as_is_said(
    aws: Aws, server: Server, verbs: Services
) -> None:
    aws.says("ChangeMessageVisibilityBatch", {"Successful": [], "Failed": []})

    verbs.queue.hide(["r1", "r2"], 30)

    assert asked(server) == [
        (
            "ChangeMessageVisibilityBatch",
            {
                "QueueUrl": "http://queue/1",
                "Entries": [
                    {"Id": "0", "ReceiptHandle": "r1", "VisibilityTimeout": 30},
                    {"Id": "1", "ReceiptHandle": "r2", "VisibilityTimeout": 30},
                ],
            },
        )
    ]


def test_only_messages_that_the_queue_confirms_are_gone(
    aws: Aws, server: Server, verbs: Services
) -> None:
    failed = [{"Id": "1", "SenderFault": True, "Code": "ReceiptHandleIsInvalid"}]
    answer = {"Successful": [{"Id": "2"}, {"Id": "0"}], "Failed": failed}
    aws.says("DeleteMessageBatch", answer)

    assert verbs.queue.delete(["r1", "r2", "r3"]) == {"r1", "r3"}
    assert asked(server) == [
        (
            "DeleteMessageBatch",
            {
                "QueueUrl": "http://queue/1",
                "Entries": [
                    {"Id": str(place), "ReceiptHandle": each}
                    for place, each in enumerate(["r1", "r2", "r3"])
                ],
            },
        )
    ]


def test_a_deletion_without_any_success_leaves_all_there(aws: Aws, verbs: Services) -> None:
    aws.says("DeleteMessageBatch", {})

    assert verbs.queue.delete(["r1"]) == frozenset()


@pytest.mark.parametrize(
    ("attributes", "count"),
    [({"ApproximateNumberOfMessagesNotVisible": "17"}, 17), ({"DelaySeconds": "3"}, 0)],
)
def test_how_many_messages_others_hold_is_the_queues_estimate(
    aws: Aws, server: Server, verbs: Services, attributes: dict[str, str], count: int
) -> None:
    aws.says("GetQueueAttributes", {"Attributes": attributes})

    assert verbs.queue.hidden() == count
    wanted = ["ApproximateNumberOfMessagesNotVisible"]
    assert asked(server) == [
        ("GetQueueAttributes", {"QueueUrl": "http://queue/1", "AttributeNames": wanted})
    ]


# -- the bucket


def test_an_object_is_read_as_it_is(aws: Aws, server: Server, verbs: Services) -> None:
    aws.says("GET /bucket/rejected/events/a%20b", b"\x00bytes\xff")

    assert verbs.sources.fetch(STORED) == b"\x00bytes\xff"
    assert "/eu-west-1/s3/" in server.requests[0].headers["authorization"]


@pytest.mark.parametrize(
    "answer", [s3_error("NoSuchKey"), s3_error("NoSuchBucket"), b""], ids=["key", "bucket", "bare"]
)
def test_an_object_that_is_gone_is_said_as_such(aws: Aws, verbs: Services, answer: bytes) -> None:
    aws.says("GET /bucket/rejected/events/a%20b", answer, 404)

    assert verbs.sources.fetch(STORED) is None


def test_an_object_that_may_not_be_read_is_not_taken_for_gone(aws: Aws, verbs: Services) -> None:
    aws.says("GET /bucket/rejected/events/a%20b", s3_error("AccessDenied"), 403)

    with pytest.raises(ClientError) as told:
        verbs.sources.fetch(STORED)

    assert told.value.response["Error"]["Code"] == "AccessDenied"


def test_one_object_is_deleted_and_no_other(aws: Aws, server: Server, verbs: Services) -> None:
    aws.says("DELETE /bucket/rejected/events/a%20b", b"", 204)

    verbs.delete_object(STORED)

    assert asked(server) == [("DELETE /bucket/rejected/events/a%20b", None)]


# -- the stream


@pytest.mark.parametrize(
    ("start", "parameters"),
    [
        (
            At("1000"),
            {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "1000"},
        ),
        (
            After("1000"),
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "1000"},
        ),
        (
            Since(datetime.fromtimestamp(1_790_000_000, UTC)),
            {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1_790_000_000},
        ),
    ],
    ids=["at", "after", "since"],
)
def test_reading_starts_where_it_is_to_start(
    aws: Aws, server: Server, verbs: Services, start: At | After | Since, parameters: dict[str, Any]
) -> None:
    aws.says("GetShardIterator", {"ShardIterator": "iterator-1"})

    assert verbs.reader.iterate(SHARD, start) == "iterator-1"
    wanted = {"StreamARN": STREAM, "ShardId": SHARD} | parameters
    assert asked(server) == [("GetShardIterator", wanted)]
    headers = server.requests[0].headers
    assert headers["x-amz-target"] == "Kinesis_20131202.GetShardIterator"
    assert "/eu-west-1/kinesis/" in headers["authorization"]


def test_a_start_of_no_kind_is_asked_of_no_service(server: Server, verbs: Services) -> None:
    nowhere: Any = None

    with pytest.raises(TypeError):
        verbs.reader.iterate(SHARD, nowhere)

    assert server.requests == []


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidArgumentException"])
def test_a_place_that_the_stream_does_not_know_is_said_as_such(
    aws: Aws, verbs: Services, code: str
) -> None:
    aws.fails("GetShardIterator", code)

    with pytest.raises(NotInStream) as told:
        verbs.reader.iterate(SHARD, At("1000"))

    assert told.value.__suppress_context__
    assert verbs.sources.hydrate(BATCH) == Range((), unknown=True)


def test_a_stream_that_may_not_be_read_is_not_taken_for_one_without_the_place(
    aws: Aws, verbs: Services
) -> None:
    aws.fails("GetShardIterator", "AccessDeniedException")

    with pytest.raises(ClientError) as told:
        verbs.sources.hydrate(BATCH)

    assert told.value.response["Error"]["Code"] == "AccessDeniedException"


def test_records_are_read_page_by_page_to_the_end_of_their_shard(
    aws: Aws, server: Server, verbs: Services
) -> None:
    aws.says("GetShardIterator", {"ShardIterator": "iterator-1"})
    first = [found_in_stream(1000), found_in_stream(1001, b"\x00\xff")]
    following = {"NextShardIterator": "iterator-2"}
    aws.says("GetRecords", {"Records": first, "MillisBehindLatest": 500} | following)
    aws.says("GetRecords", {"Records": [found_in_stream(1002)], "MillisBehindLatest": 400})

    iterator = verbs.reader.iterate(SHARD, At("1000"))
    pages = [verbs.reader.page(iterator), verbs.reader.page("iterator-2")]

    arrived = [
        record(place, data)._replace(sequence=str(sequence), arrival=1_790_000_000.5)
        for place, sequence, data in [
            (0, 1000, b"data"),
            (1, 1001, b"\x00\xff"),
            (0, 1002, b"data"),
        ]
    ]
    assert pages == [
        Page(tuple(arrived[:2]), "iterator-2", 500),
        Page(tuple(arrived[2:]), None, 400),
    ]
    assert asked(server)[1:] == [
        ("GetRecords", {"ShardIterator": "iterator-1", "StreamARN": STREAM}),
        ("GetRecords", {"ShardIterator": "iterator-2", "StreamARN": STREAM}),
    ]


def test_a_batch_is_read_back_from_its_first_record_to_its_last(aws: Aws, verbs: Services) -> None:
    aws.says("GetShardIterator", {"ShardIterator": "iterator-1"})
    records = [found_in_stream(sequence) for sequence in (1000, 1001, 1002)]
    aws.says("GetRecords", {"Records": records, "NextShardIterator": "iterator-2"})

    found = verbs.sources.hydrate(BATCH)

    assert [each.sequence for each in found.records] == ["1000", "1001"]
    assert found.lacking(BATCH) is None


def test_a_page_that_does_not_say_how_far_behind_it_is_is_the_tip(
    aws: Aws, server: Server, verbs: Services
) -> None:
    aws.says("GetShardIterator", {"ShardIterator": "iterator-1"})
    aws.says("GetRecords", {"Records": [], "NextShardIterator": "iterator-2"})

    assert list(verbs.reader.read(SHARD, After("1000"))) == []
    assert [operation for operation, _ in asked(server)] == ["GetShardIterator", "GetRecords"]


def test_shards_are_named_in_the_streams_order(aws: Aws, server: Server, verbs: Services) -> None:
    key_range = {"HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"}}
    open_ = {"SequenceNumberRange": {"StartingSequenceNumber": "1"}} | key_range
    closed = {
        "SequenceNumberRange": {"StartingSequenceNumber": "1", "EndingSequenceNumber": "2"}
    } | key_range
    shards = [closed | {"ShardId": "shard-0"}, open_ | {"ShardId": "shard-1"}]
    aws.says("ListShards", {"Shards": shards})

    assert verbs.shards() == ["shard-0", "shard-1"]
    assert asked(server) == [("ListShards", {"StreamARN": STREAM})]


def test_shards_of_a_second_page_are_asked_for_by_the_token_alone(
    aws: Aws, server: Server, verbs: Services
) -> None:
    """See https://github.com/boto/botocore/issues/2009; a page has 1000 shards."""
    aws.says("ListShards", {"Shards": [{"ShardId": "shard-0"}], "NextToken": "token"})
    aws.says("ListShards", {"Shards": [{"ShardId": "shard-1"}]})
    aws.refuses = token_and_stream

    assert verbs.shards() == ["shard-0", "shard-1"]
    assert asked(server) == [
        ("ListShards", {"StreamARN": STREAM}),
        ("ListShards", {"NextToken": "token"}),
    ]


@pytest.mark.parametrize(
    ("age", "since"),
    [(timedelta(days=30), timedelta(hours=24)), (timedelta(hours=2), timedelta(hours=2))],
    ids=["retention", "creation"],
)
def test_a_stream_goes_back_as_far_as_its_retention_or_as_it_exists(
    aws: Aws, server: Server, verbs: Services, age: timedelta, since: timedelta
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    created = (before - age).timestamp()
    summary = {"RetentionPeriodHours": 24, "StreamCreationTimestamp": created}
    aws.says("DescribeStreamSummary", {"StreamDescriptionSummary": summary})

    reach = verbs.reach()

    assert reach == Reach(STREAM, reach.since)
    assert before - since <= reach.since <= datetime.now(UTC) - since
    assert asked(server) == [("DescribeStreamSummary", {"StreamARN": STREAM})]


def test_records_are_put_in_one_request_and_their_results_given_as_they_are(
    aws: Aws, server: Server, verbs: Services
) -> None:
    results = [
        {"ShardId": SHARD, "SequenceNumber": "2000"},
        {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"},
    ]
    aws.says("PutRecords", {"FailedRecordCount": 1, "Records": results})

    assert verbs.send([Outgoing("k0", b"\x00\xff"), Outgoing("k1", b"{}")]) == results
    assert asked(server) == [
        (
            "PutRecords",
            {
                "StreamARN": STREAM,
                "Records": [
                    {"Data": "AP8=", "PartitionKey": "k0"},
                    {"Data": "e30=", "PartitionKey": "k1"},
                ],
            },
        )
    ]


# -- what fails again


def test_what_fails_again_is_kept_in_the_feeds_queue_in_the_functions_name(
    aws: Aws, server: Server, session: boto3.Session
) -> None:
    aws.says("SendMessageBatch", {"Successful": []})
    world = World()
    rejected = rejections(world, world.arrive(document_of("events", itmeId="i")))
    dead_letters = dead_letters_of(session, SITE, function="replayer:7")

    kept = dead_letters.keep(rejected, deadline=dead_letters.clock() + 60)

    assert kept.unkept_at is None
    ((operation, parameters),) = asked(server)
    assert (operation, parameters["QueueUrl"]) == ("SendMessageBatch", "http://queue/1")
    (entry,) = parameters["Entries"]
    letter = json.loads(entry["MessageBody"])
    assert {name: letter[name] for name in ("function", "stage", "feed", "reason")} == {
        "function": "replayer:7",
        "stage": "test",
        "feed": "events",
        "reason": "unknown_field",
    }


def test_what_is_too_large_for_the_queue_is_kept_in_the_feeds_bucket(
    aws: Aws, server: Server, session: boto3.Session
) -> None:
    dead_letters = dead_letters_of(session, SITE, function="replayer:7")
    aws.says("PUT /bucket/a", b"")

    assert dead_letters.put("a", b"bytes") == StoredObject(bucket="bucket", key="a")
    assert server.requests[0].body == b"bytes"
