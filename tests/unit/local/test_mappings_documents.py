"""The shapes that leave a mapping: the event and the on-failure documents."""

import json
import re
from uuid import UUID

import pytest

from local.mappings.batch import Answer
from local.mappings.documents import describe, describe_whole, encode, key
from local.mappings.events import Origin, event, make_record
from local.mappings.semantics import Abandon, Condition
from local.mappings.simulation import configure

TOLD = configure(uuid="91eaeb7e-c976-4939-9451-8709db01f137")
ORIGIN = Origin(TOLD, "shardId-000000000001", "arn:aws:iam::000000000000:role/forwarder")
NOW = 1_573_691_886.021
REQUEST = UUID("c9b8fa9f-5a7f-4a1e-af9c-0c604cde93a5")
RECORDS = tuple(
    make_record(ORIGIN, sequence, data, key="a", arrival=arrival)
    for sequence, data, arrival in [("101", b"hello", NOW - 1.186), ("102", b"\xff", NOW - 0.441)]
)
EXHAUSTED = Abandon(RECORDS, Condition.RETRIES, 4, Answer("$LATEST", "Unhandled"))


def test_the_event_is_shaped_as_lambda_shapes_it():
    (record, _) = json.loads(event(RECORDS))["Records"]

    assert record == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "a",
            "sequenceNumber": "101",
            "data": "aGVsbG8=",
            "approximateArrivalTimestamp": NOW - 1.186,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-000000000001:101",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/forwarder",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/events",
    }


def test_a_record_without_a_partition_key_has_a_null_one():
    record = make_record(ORIGIN, "1", b"", key=None, arrival=NOW)

    assert json.loads(event([record]))["Records"][0]["kinesis"]["partitionKey"] is None


def test_a_queue_receives_the_batch_without_its_records():
    assert describe(EXHAUSTED, ORIGIN, now=NOW, request=REQUEST) == {
        "requestContext": {
            "requestId": str(REQUEST),
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:forwarder",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 4,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2019-11-14T00:38:06.021Z",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000001",
            "startSequenceNumber": "101",
            "endSequenceNumber": "102",
            "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
            "batchSize": 2,
            "streamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/events",
        },
    }


def test_a_bucket_receives_the_event_too_as_a_string():
    queued = describe(EXHAUSTED, ORIGIN, now=NOW, request=REQUEST)
    document = json.loads(encode(describe_whole(EXHAUSTED, ORIGIN, now=NOW, request=REQUEST)))

    payload = document.pop("payload")
    assert isinstance(payload, str)
    assert json.loads(payload) == json.loads(event(RECORDS))
    assert document == queued


def test_failures_that_the_function_reported_itself_have_a_null_error():
    abandoned = Abandon(RECORDS, Condition.RETRIES, 1, Answer("3", None))

    context = describe(abandoned, ORIGIN, now=NOW, request=REQUEST)["responseContext"]

    assert context == {"statusCode": 200, "executedVersion": "3", "functionError": None}


@pytest.mark.parametrize("condition", [Condition.AGE, Condition.SIZE])
def test_records_that_were_not_invoked_have_no_response(condition):
    document = describe(Abandon(RECORDS, condition), ORIGIN, now=NOW, request=REQUEST)

    assert "responseContext" not in document
    assert document["requestContext"]["condition"] == condition.value


def test_an_object_is_named_by_mapping_shard_and_day():
    pattern = (
        r"aws/lambda/91eaeb7e-c976-4939-9451-8709db01f137/shardId-000000000001"
        r"/2019/11/14/2019-11-14T00\.38\.06-[0-9a-f-]{36}"
    )

    assert re.fullmatch(pattern, key(ORIGIN, now=NOW, unique=REQUEST))
