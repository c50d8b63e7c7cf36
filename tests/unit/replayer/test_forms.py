"""Every form of a dead letter is told apart; what is none is shown, and never an error."""

import json
from typing import Any

import pytest
from dead_letter_world import LONG_AGO, World, rejections

from forwarder.envelope import StoredObject
from replayer.forms import read
from replayer.letters import Announced, Batch, Held, Kind, Unreadable


def read_body(body: object, feed: str = "events") -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return read(Held(feed, "id", "receipt", text, LONG_AGO))


def an_envelope(**changes: Any) -> dict[str, Any]:
    world = World()
    world.reject(*rejections(world, world.arrive({"sessionId": "s"})))
    (held,) = world.queue.values()
    return {**json.loads(held.body), **changes}


def test_a_rejected_document_says_its_reason():
    letter = read_body(an_envelope())

    assert (letter.kind, letter.reason, letter.field) == (
        Kind.REJECTED,
        "missing_field",
        "eventType",
    )
    assert letter.at == LONG_AGO


def test_an_announced_batch_names_its_object_with_the_key_unquoted():
    letter = read_body(World().notification("aws/lambda/a b"))

    assert letter.kind is Kind.ABANDONED
    assert letter.form == Announced((StoredObject(bucket="failures", key="aws/lambda/a b"),), 0)


@pytest.mark.parametrize("as_text", [True, False])
def test_a_batch_in_the_message_itself_is_read_whether_its_payload_is_text_or_object(as_text):
    world = World()
    world.abandon([world.arrive({"a": 1})], as_text=as_text)
    (stored,) = world.bucket.values()

    letter = read_body(stored.decode())

    assert letter.kind is Kind.ABANDONED
    assert isinstance(letter.form, Batch)
    assert letter.form.records is not None


def test_a_message_with_a_place_only_is_a_pointer_whatever_its_condition_is():
    world = World()
    pointer = world.pointer([world.arrive({"a": 1})])
    pointer["requestContext"] = {"condition": "SomethingNew"}

    letter = read_body(pointer)

    assert letter.kind is Kind.POINTER
    assert letter.detail.startswith("SomethingNew: 1 records of shardId-000000000000")


def test_the_test_message_of_a_bucket_is_no_error():
    assert read_body({"Service": "Amazon S3", "Event": "s3:TestEvent"}).kind is Kind.TEST


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{", "not JSON"),
        ("[]", "none of the forms"),
        ("{}", "none of the forms"),
        ({"Records": []}, "none of the forms"),
        ({"Records": [{"eventSource": "aws:kinesis"}]}, "no notifications"),
        ({"payload": "{"}, "cut short"),
        ({"payload": [1]}, "no JSON object"),
        ({"payload": {"Records": [{}]}}, "no batch of Kinesis"),
        ({"KinesisBatchInfo": {"shardId": "s"}}, "neither holds a batch"),
        (an_envelope(version=2), "version 2"),
        (an_envelope(reason="of_tomorrow"), "broken at reason"),
        (an_envelope(data=None), "either data or an object"),
        (an_envelope(feed="items"), "belongs to items"),
    ],
)
def test_what_cannot_be_read_says_why(body, why):
    letter = read_body(body)

    assert letter.kind is Kind.UNREADABLE
    assert why in letter.detail
    assert isinstance(letter.form, Unreadable)


def test_the_reason_why_it_cannot_be_read_shows_nothing_of_the_payload():
    letter = read_body(an_envelope(origin={"stream": "canary"}, detail="canary"))

    assert "canary" not in letter.detail
