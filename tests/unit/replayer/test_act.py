"""Carrying out a plan."""

import json
from collections.abc import Sequence
from datetime import timedelta

from builders import document_of
from dead_letter_world import LONG_AGO, World

from forwarder.outcomes import Document, Reason, Record, Rejected
from forwarder.records import unpack
from replayer.act import Done
from replayer.put_records import ATTEMPTS, Outgoing, Putter

TAKEN = {"ShardId": "shardId-000000000000", "SequenceNumber": "1"}


def all_taken(records: Sequence[Outgoing]) -> list[dict[str, str]]:
    return [TAKEN] * len(records)


def rejected(world: World, count: int = 1, **fields: object) -> list[Record]:
    records = [
        world.arrive(document_of(world.feed, **fields), at=LONG_AGO, key=f"k{number}")
        for number in range(count)
    ]
    for record in records:
        (document,) = unpack(record)
        assert isinstance(document, Document)
        world.reject(Rejected(document, None, Reason.REFUSED, None, "refused"))
    return records


def test_everything_is_put_back_in_its_first_order_and_deleted():
    world = World()
    first = rejected(world, 20)

    done = world.run()

    assert (done.records, done.letters, len(world.queue)) == (20, 20, 0)
    assert [each.partition_key for each in world.put_back()] == [
        each.partition_key for each in first
    ]


def test_nothing_is_deleted_that_is_not_on_the_stream():
    world = World(refuses=lambda _call, place: place == 0)
    rejected(world, 3)

    done = world.run()

    assert done.unput == 1
    assert len(world.queue) == 1
    assert len(world.put_back()) == 2


def test_only_the_records_that_failed_are_put_again():
    world = World(refuses=lambda call, place: call == 1 and place in {1, 3})
    rejected(world, 5)

    done = world.run()

    assert (done.records, world.calls) == (5, 2)
    assert len(world.put_back()) == 5


def test_a_batch_leaves_with_its_object_and_its_bad_record_becomes_a_dead_letter_of_its_own():
    world = World()
    records = [
        world.arrive(document_of("events", **fields), at=LONG_AGO)
        for fields in ({}, {"itmeId": "i"}, {})
    ]
    world.abandon(records)

    done = world.run()

    assert (done.records, done.kept_apart) == (2, 1)
    assert world.bucket == {}
    (letter,) = world.letters()
    assert (letter.reason, letter.field) == ("unknown_field", "itmeId")
    assert records[1].sequence in letter.held.body


def test_bad_records_of_several_batches_in_one_message_stay_apart():
    """They have the same positions in their batches, and are not the same."""
    world = World()
    keys = []
    for number in range(2):
        bad = world.arrive(document_of("events", itmeId=f"i{number}"), at=LONG_AGO)
        good = world.arrive(document_of("events"), at=LONG_AGO)
        id_ = world.abandon([bad, good])
        del world.queue[id_]
        keys = list(world.bucket)
    records = [world.notification(key)["Records"][0] for key in keys]
    world.tell({"Records": records})

    done = world.run()

    assert (done.records, done.kept_apart, len(world.queue)) == (2, 2, 2)


def test_an_object_that_several_messages_point_to_stays():
    world = World()
    elements = [{"eventType": "click", "x" * 2000: n} for n in range(150)]
    record = world.arrive({"sessionId": "s", "eventList": elements}, at=LONG_AGO)
    (document,) = unpack(record)
    assert isinstance(document, Document)
    world.reject(*(Rejected(document, n, Reason.REFUSED, None, "r") for n in range(150)))
    assert len(world.queue) == 2
    (key,) = world.bucket

    def shorten(lines):
        short = []
        for line in lines:
            content = json.loads(line)
            for each in content["eventList"]:
                each.pop("x" * 2000)
                each["sentAt"] = 1_789_999_000
            short.append(json.dumps(content).encode())
        return short

    world.run(lambda letter: letter.id.endswith("0"), mend=shorten)

    assert key in world.bucket
    assert len(world.queue) == 1


def test_a_young_object_stays_as_the_forwarder_may_still_be_pointing_to_it():
    world = World(feed="users")
    record = world.arrive({}, at=LONG_AGO)
    data = b'{"userId":"u1",' + b" " * 200_000 + b'"properties":"{}"}'
    rejection = Rejected(Document(record, 0, "k", data), None, Reason.REFUSED, None, "r")
    world.reject(rejection, sent=world.now - timedelta(minutes=1))

    assert world.run().letters == 1
    assert len(world.bucket) == 1


def test_an_upsert_that_is_overtaken_during_the_act_is_left_out():
    world = World(feed="items")
    rejected(world, properties='{"v": 1}')
    replay = world.replay()
    steps, newest = replay.plan(world.letters())
    assert newest is not None
    world.arrive(document_of("items", properties='{"v": 2}'))

    done = world.act(steps, newest)

    assert done == Done(overtaken=1)
    assert len(world.queue) == 1


def test_a_second_run_finds_nothing_to_do():
    world = World()
    rejected(world, 5)
    world.run()

    assert world.run() == Done()


def test_a_rate_is_kept_from_the_first_call_on():
    waits: list[float] = []
    now = [0.0]

    def wait(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    putter = Putter(all_taken, rate=10, clock=lambda: now[0], wait=wait)
    assert putter.put([Outgoing(str(n), b"") for n in range(30)]) == [True] * 30

    assert sum(waits) == 2.0


def test_a_record_that_is_never_taken_is_given_up_and_its_key_goes_on():
    calls: list[list[bytes]] = []

    def send(records):
        calls.append([record.data for record in records])
        return [
            {"ErrorCode": "InternalFailure"} if each.data == b"bad" else TAKEN for each in records
        ]

    putter = Putter(send, rate=1e9, wait=lambda _: None)
    records = [Outgoing("a", b"bad"), Outgoing("a", b"next"), Outgoing("b", b"other")]

    assert putter.put(records) == [False, True, True]
    assert calls[0] == [b"bad", b"other"]
    assert len(calls) == ATTEMPTS + 1


def test_records_of_one_key_never_share_a_call():
    calls: list[list[str]] = []

    def send(records):
        calls.append([record.partition_key for record in records])
        return all_taken(records)

    Putter(send, rate=1e9).put([Outgoing(key, b"") for key in "aabac"])

    assert calls == [["a", "b", "c"], ["a"], ["a"]]
