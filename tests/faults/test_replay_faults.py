"""Cases 40-42: what may be wrong with dead letters, and with their replay."""

import json
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from builders import document_of
from dead_letter_world import LONG_AGO, World, rejections

from forwarder.outcomes import Record
from local.mappings.batch import PAYLOAD_LIMIT
from replayer.newest import entries_of


def events(world: World, count: int) -> list[Record]:
    fields = [{"itemId": f"i{n}", "properties": {"n": n}} for n in range(count)]
    return [world.arrive(document_of("events", **each), at=LONG_AGO) for each in fields]


def item(world: World, state: str, **options: Any) -> Record:
    document = document_of("items", itemId="shoe", properties={"state": state})
    return world.arrive(document, **options)


def bodies(world: World, records: list[Record]) -> list[bytes]:
    parse = world.site.parser
    return sorted(entry.body for record in records for entry in entries_of(record, parse))


def stored(world: World, records: list[Record], **changes: Any) -> str:
    """An abandoned batch whose document is changed; `None` takes a member away."""
    id_ = world.abandon(records)
    key = next(reversed(world.bucket))
    document = json.loads(world.bucket[key]) | changes
    kept = {name: value for name, value in document.items() if value is not None}
    world.bucket[key] = json.dumps(kept).encode()
    return id_


@pytest.mark.case(41)
@pytest.mark.parametrize("as_text", [True, False], ids=["text", "object"])
def test_a_stored_batch_is_replayed_whether_its_payload_is_a_text_or_an_object(as_text):
    world = World()
    records = events(world, 5)
    world.abandon(records, as_text=as_text)

    world.run()

    assert bodies(world, world.put_back()) == bodies(world, records)
    assert not world.queue
    assert not world.bucket


@pytest.mark.case(41)
def test_a_batch_of_which_only_its_place_was_kept_is_read_back_from_the_stream():
    world = World()
    records = events(world, 12)
    world.tell(world.pointer(records[2:10]))

    world.run()

    assert bodies(world, world.put_back()) == bodies(world, records[2:10])
    assert not world.queue


@pytest.mark.case(41)
@pytest.mark.parametrize(
    "changes",
    [
        {"requestContext": {"condition": "NeverHeardOf"}},
        {"requestContext": None},
        {"responseContext": {"functionError": 7}},
        {"KinesisBatchInfo": None, "timestamp": None, "version": None},
    ],
)
def test_an_unknown_condition_or_a_missing_field_does_not_keep_a_batch_from_going_back(changes):
    world = World()
    records = events(world, 3)
    stored(world, records, **changes)

    world.run()

    assert bodies(world, world.put_back()) == bodies(world, records)
    assert not world.queue


@pytest.mark.case(41)
@pytest.mark.parametrize(
    "broken",
    [b"", b"{", b"[]", b'{"payload":"{\\"Records\\":["}', b'{"payload":7}', b"\xff" * 1000],
)
def test_a_document_that_cannot_be_read_stays_with_its_object(broken):
    world = World()
    world.abandon(events(world, 2))
    (key,) = world.bucket
    world.bucket[key] = broken

    world.run()

    assert world.bucket == {key: broken}
    assert len(world.queue) == 1
    assert not world.put_back()


@pytest.mark.case(41)
def test_a_document_that_is_cut_anywhere_stays_with_its_object():
    world = World()
    world.abandon(events(world, 1))
    (key,) = world.bucket
    whole = world.bucket[key]
    for length in range(0, len(whole), 97):
        world.bucket[key] = whole[:length]
        world.run()

    assert key in world.bucket
    assert len(world.queue) == 1
    assert not world.put_back()


@pytest.mark.case(41)
def test_a_huge_batch_goes_back_whole():
    world = World()
    records = [
        world.arrive(document_of("events", itemId=f"i{n}"), at=LONG_AGO, key=f"k{n % 500}")
        for n in range(10_000)
    ]
    world.abandon(records)

    world.run()

    assert bodies(world, world.put_back()) == bodies(world, records)
    assert not world.queue


@pytest.mark.case(40)
def test_a_record_over_the_payload_limit_is_dealt_with_apart_and_never_deleted_unkept():
    """It fits no invocation and no entry: it becomes a rejected dead letter, its bytes intact."""
    world = World()
    good = events(world, 2)
    large = b'{"sessionId":"' + b"x" * PAYLOAD_LIMIT + b'"}'
    world.abandon([good[0], world.arrive(large, at=LONG_AGO), good[1]])

    world.run()

    assert bodies(world, world.put_back()) == bodies(world, good)
    (letter,) = world.letters()
    assert letter.kind == "rejected"
    assert large in world.bucket.values()


@pytest.mark.case(42)
def test_a_replay_run_twice_puts_everything_back_once():
    world = World()
    world.abandon(events(world, 4))

    world.run()
    first = len(world.put_back())
    world.run()

    assert (first, len(world.put_back())) == (4, 4)


@pytest.mark.case(42)
def test_a_replay_killed_anywhere_and_run_again_loses_nothing_and_changes_no_id():
    for kill_at in count(1):
        world = World()
        abandoned = events(world, 3)
        world.abandon(abandoned)
        world.reject(*rejections(world, world.arrive(b"{broken", at=LONG_AGO)))
        world.kill_at, world.steps = kill_at, 0

        world.run_until_done()

        assert set(bodies(world, world.put_back())) == set(bodies(world, abandoned))
        assert [letter.reason for letter in world.letters()] == ["not_json"]
        if world.kill_at is not None:
            break  # it was done before it could be killed


@pytest.mark.case(42)
def test_what_the_stream_does_not_take_keeps_its_dead_letter():
    world = World(refuses=lambda _call, _place: True)
    world.abandon(events(world, 3))

    done = world.run()

    assert (done.records, done.unput, done.letters) == (0, 3, 0)
    assert len(world.queue) == len(world.bucket) == 1

    world.refuses = lambda _call, _place: False
    world.run()
    assert (len(world.put_back()), world.queue, world.bucket) == (3, {}, {})


@pytest.mark.case(42)
def test_records_that_were_trimmed_from_the_stream_are_reported_and_their_letter_stays():
    world = World(reaches_back=timedelta(hours=1))
    records = events(world, 3)
    world.tell(world.pointer(records))

    (step,) = world.plan()
    world.run()

    assert step.why is not None
    assert "xpired" in step.why
    assert len(world.queue) == 1
    assert not world.put_back()


@pytest.mark.case(42)
def test_an_older_state_is_not_put_back_over_a_newer_one_unless_forced():
    world = World(feed="items")
    world.abandon([item(world, "old", at=LONG_AGO)])
    item(world, "new", at=LONG_AGO + timedelta(minutes=1))

    world.run()
    assert not world.put_back()
    assert len(world.queue) == 1

    world.run(force=True)
    assert b"old" in world.entries(world.put_back())[0].body
    assert not world.queue
