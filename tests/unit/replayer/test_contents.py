"""A dead letter's documents, wherever they are."""

import base64
import json

from dead_letter_world import LONG_AGO, World, rejections

from forwarder.outcomes import Document, Reason, Rejected
from forwarder.records import unpack
from replayer.contents import load
from replayer.letters import Contents


def loaded(world: World) -> Contents:
    (letter,) = world.letters()
    return load(letter, world.services().sources)


def texts(contents: Contents) -> list[bytes]:
    return [piece.document.data for piece in contents.pieces]


def arrive(world: World, count: int):
    return [world.arrive({"n": n}, at=LONG_AGO, key=str(n)) for n in range(count)]


def test_a_rejected_document_keeps_its_bytes_and_its_origin():
    world = World()
    record = world.arrive(b'{"a":  1}\n{"b":2}')
    world.reject(*rejections(world, record)[1:])

    contents = loaded(world)

    (piece,) = contents.pieces
    assert piece.document.data == b'{"b":2}'
    assert piece.document.number == 1
    assert piece.document.record.sequence == record.sequence


def test_only_the_rejected_elements_of_a_request_are_to_go_back():
    world = World()
    good = {"eventType": "click", "sentAt": 1_789_999_000}
    record = world.arrive({"sessionId": "s", "eventList": [good, {}, good, {"x": 1}]})
    world.reject(*rejections(world, record))

    assert loaded(world).pieces[0].elements == (1, 3)


def test_a_large_document_is_fetched_and_its_object_goes_with_the_message():
    world = World()
    record = world.arrive({"sessionId": "x" * 200_000})
    world.reject(*rejections(world, record))

    contents = loaded(world)

    assert texts(contents) == [base64.b64decode(record.data)]
    assert [stored.key for stored in contents.objects] == list(world.bucket)


def test_an_object_that_is_gone_is_said_to_be_gone():
    world = World()
    world.abandon(arrive(world, 2))
    world.bucket.clear()

    contents = loaded(world)

    assert contents.lacking == "Its object is gone from the bucket."
    assert contents.pieces == ()


def test_a_stored_batch_that_is_cut_short_cannot_be_read():
    world = World()
    world.abandon(arrive(world, 2))
    (key,) = world.bucket
    world.bucket[key] = world.bucket[key][:-10]

    assert loaded(world).unreadable


def test_a_stored_batch_without_payload_is_read_back_from_the_stream():
    world = World()
    records = arrive(world, 4)
    world.abandon(records)
    (key,) = world.bucket
    world.bucket[key] = json.dumps(world.pointer(records)).encode()

    assert len(loaded(world).pieces) == 4


def test_a_pointer_is_followed_page_by_page_to_its_last_record_and_not_beyond():
    world = World()
    records = arrive(world, 11)
    world.tell(world.pointer(records[2:9]))

    contents = loaded(world)

    assert [json.loads(each)["n"] for each in texts(contents)] == [2, 3, 4, 5, 6, 7, 8]
    assert contents.lacking is None


def test_records_of_other_batches_in_between_are_announced():
    world = World()
    pointer = world.pointer(arrive(world, 5))
    pointer["KinesisBatchInfo"]["batchSize"] = 3
    world.tell(pointer)

    contents = loaded(world)

    assert contents.note is not None
    assert "5 records, 3 of which" in contents.note


def test_a_batch_that_expired_says_so():
    world = World()
    world.tell(world.pointer(arrive(world, 3)))
    world.stream.clear()

    assert loaded(world).lacking == "Expired: the stream holds none of the 3 records any more."


def test_a_batch_that_expired_in_part_says_how_much_is_left():
    world = World()
    world.tell(world.pointer(arrive(world, 3)))
    del world.stream[0]

    contents = loaded(world)

    assert contents.lacking == "Expired in part: the stream holds 2 of 3 records."
    assert len(contents.pieces) == 2


def test_a_shard_that_the_stream_does_not_have_counts_as_expired():
    world = World()
    pointer = world.pointer(arrive(world, 3))
    pointer["KinesisBatchInfo"]["shardId"] = "shardId-000000000009"
    world.tell(pointer)

    assert str(loaded(world).lacking).startswith("Expired")


def test_a_batch_of_another_stream_is_not_looked_for_in_this_one():
    world = World()
    pointer = world.pointer(arrive(world, 3))
    pointer["KinesisBatchInfo"]["streamArn"] = "arn:aws:kinesis:eu-west-1:1:stream/other"
    world.tell(pointer)

    assert loaded(world).lacking == "It points into another stream than the feed's."


def test_what_unpacks_now_to_several_documents_does_not_take_the_ids_of_their_neighbours():
    world = World()
    record = world.arrive(b'{"a": 1}\n{"b": 2}')
    document = unpack(record)[0]
    assert isinstance(document, Document)
    whole = Document(record, 1, "k", base64.b64decode(record.data))
    world.reject(Rejected(whole, None, Reason.BAD_COMPRESSION, None, "got broken gzip data"))

    (piece,) = loaded(world).pieces

    assert piece.broken is not None


def test_a_whole_record_that_unpacks_now_is_its_documents():
    world = World()
    record = world.arrive(b'{"a": 1}\n{"b": 2}')
    whole = Document(record, 0, "k", base64.b64decode(record.data))
    world.reject(Rejected(whole, None, Reason.BAD_AGGREGATE, None, "got an aggregate"))

    assert [piece.document.number for piece in loaded(world).pieces] == [0, 1]
