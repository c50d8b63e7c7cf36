"""What happens seldom to dead letters on their way back, and has to come out right all the same."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from builders import document_of
from dead_letter_world import LONG_AGO, World, rejections

from forwarder.outcomes import Document, Reason, Rejected
from forwarder.records import unpack
from replayer.act import Done
from replayer.contents import load
from replayer.fates import Fate, identities, newest_among
from replayer.identify import Content, LostIdentity, restore
from replayer.letters import BatchInfo, Contents, Piece, Unreadable
from replayer.mend import edits, mender
from replayer.newest import Newest, Sighting, entries_of, place_of
from replayer.onfailure import read_object
from replayer.plan import Step
from replayer.portions import portions
from replayer.prepare import Prepared, prepare, render
from replayer.request import read_request
from replayer.stream_range import At, Page, ShardReader, hydrate
from replayer.tally import Tally

GOOD = {"eventType": "click", "sentAt": 1_789_999_000}


def loaded(world: World) -> Contents:
    (letter,) = world.letters()
    return load(letter, world.services().sources)


def large(world: World) -> None:
    world.reject(*rejections(world, world.arrive({"sessionId": "x" * 200_000})))


# --- what a letter holds -----------------------------------------------------------------------


def test_s3s_test_of_the_notification_holds_nothing_and_may_leave():
    world = World()
    world.tell({"Service": "Amazon S3", "Event": "s3:TestEvent"})

    (step,) = world.plan()

    assert loaded(world).pieces == ()
    assert (step.leaves, step.why) == (False, "It holds nothing to replay.")


def test_a_rejected_document_whose_object_is_gone_stays_and_says_so():
    world = World()
    large(world)
    world.bucket.clear()

    contents = loaded(world)

    assert (contents.lacking, contents.pieces) == ("Its object is gone from the bucket.", ())


def test_what_still_cannot_be_unpacked_is_broken_as_it_was():
    world = World()
    record = world.arrive(b"\x1f\x8bbroken")
    world.reject(*rejections(world, record))

    (piece,) = loaded(world).pieces

    assert piece.broken is not None
    assert (piece.broken.reason, piece.broken.document) == (Reason.BAD_COMPRESSION, piece.document)


def test_a_record_of_a_batch_that_cannot_be_unpacked_is_one_broken_piece():
    world = World()
    world.abandon([world.arrive(document_of("events")), world.arrive(b"\x1f\x8bbroken")])

    good, broken = loaded(world).pieces

    assert good.broken is None
    assert broken.broken is not None
    assert broken.broken.reason is Reason.BAD_COMPRESSION


def test_a_stored_batch_that_is_no_object_is_unreadable():
    assert read_object(b"[]") == Unreadable("The stored batch is no JSON object.")


def test_a_document_in_the_bucket_counts_for_more_than_its_message():
    """So that some hundreds of them are not loaded at once."""
    world = World()
    for _ in range(200):
        large(world)

    assert len(list(portions(world.letters()))) > 1


# --- reading a stream --------------------------------------------------------------------------


def reader(*pages: Page, waits: list[float]) -> ShardReader:
    left = list(pages)
    return ShardReader(lambda *_: "iterator", lambda _: left.pop(0), wait=waits.append)


def test_pages_without_records_are_waited_through_to_the_end_of_a_shard():
    world, waits = World(), list[float]()
    record = world.arrive({})
    pages = (Page((), "next", 5), Page((record,), "next", 5), Page((), None, 5))

    assert list(reader(*pages, waits=waits).read("shard", At("1"))) == [record]
    assert len(waits) == 2


def test_a_batch_that_is_read_back_begins_at_its_first_record():
    world = World()
    before, first, last, after = (world.arrive({"n": n}) for n in range(4))
    info = BatchInfo(
        stream=world.stream_arn, shard=first.shard, start=first.sequence, end=last.sequence, size=2
    )
    found = hydrate(reader(Page((before, first, last, after), None, 0), waits=[]), info)

    assert found.records == (first, last)


def test_an_older_sighting_does_not_replace_a_newer_one():
    world = World(feed="items")
    older = world.arrive({"itemId": "i", "properties": {"n": 1}}, at=LONG_AGO)
    newer = world.arrive({"itemId": "i", "properties": {"n": 2}})
    shards = iter((["b"], ["a"]))
    newest = Newest(
        wanted=frozenset({"i"}),
        since=LONG_AGO,
        shards=lambda: next(shards),
        reader=ShardReader(
            lambda shard, _: shard,
            lambda shard: Page((older if shard == "a" else newer,), None, 0),
        ),
        parse=world.site.parser,
    )
    newest.advance()
    newest.advance()

    (entry,) = world.entries([newer])
    assert newest.of("i") == Sighting(place_of(entry.document, None), entry.body)


def test_what_cannot_be_unpacked_replaces_nothing():
    world = World(feed="items")

    assert list(entries_of(world.arrive(b"\x1f\x8bbroken"), world.site.parser)) == []


# --- which is the newest -----------------------------------------------------------------------


def fetched(world: World, *documents: object) -> list[tuple[Contents, list[Prepared]]]:
    for document in documents:
        record = world.arrive(document, at=LONG_AGO)
        (found,) = unpack(record)
        assert isinstance(found, Document)
        world.reject(Rejected(found, None, Reason.REFUSED, None, "refused"))
    contents = [load(letter, world.services().sources) for letter in world.letters()]
    rules = world.replay().rules()
    return [(each, list(prepare(each.pieces, rules, None))) for each in contents]


def test_the_newest_of_an_id_is_found_in_whatever_order_the_letters_come():
    world = World(feed="items")
    both = fetched(
        world, {"itemId": "i", "properties": {"n": 1}}, {"itemId": "i", "properties": {"n": 2}}
    )
    newest = max(int(contents.pieces[0].document.record.sequence) for contents, _ in both)

    for order in (both, both[::-1]):
        assert newest_among(order)["i"].sequence == newest
        assert identities(order, world.site.destination)["i"].sequence == newest


def test_ids_count_in_documents_that_fail_again_flat_or_listed_and_not_where_there_are_none():
    world = World(feed="items")
    destination = world.site.destination
    failing = fetched(
        world,
        {"itemId": "flat", "unknown": 1},
        {"items": [{"itemId": "first", "unknown": 1}, {"itemId": 5}, "no object"]},
        [1],
    )

    assert newest_among(failing) == {}
    assert sorted(identities(failing, destination)) == ["first", "flat"]


def test_letters_of_one_id_in_several_portions_are_told_apart_by_their_place():
    world = World(feed="items")
    records = [
        world.arrive({"itemId": "i", "properties": {"n": n, "x": "y" * 31_000}}, at=LONG_AGO)
        for n in range(3)
    ]
    for record in (records[2], records[0], records[1]):
        notification = world.abandon([record])
        body = json.loads(world.queue[notification].body)
        body["Records"][0]["s3"]["object"]["size"] = 200 * 1024 * 1024
        del world.queue[notification]
        world.tell(body)
    assert len(list(portions(world.letters()))) == 3

    fates = [Counter(step.fates) for step in world.plan()]

    assert sum(fates, Counter[Fate]()) == {Fate.STALE: 2, Fate.GOES: 1}
    # The newest is not among those that were chosen, comes before an older one of its id, and is
    # not on the stream any more.
    world.stream.clear()
    newest, oldest, middle = world.letters()
    (step,), _ = world.replay().plan([middle], [newest, oldest])
    assert step.fates == {Fate.STALE: 1}


# --- mending -----------------------------------------------------------------------------------


def restored(
    mended: dict[str, Any], before: dict[str, Any], places: tuple[int, ...] | None
) -> Content:
    world = World()
    (found,) = unpack(world.arrive(before, sequence=77))
    assert isinstance(found, Document)
    return restore(found, mended, Content(before, places), world.site.destination)


def test_a_request_that_mending_made_flat_has_lost_its_ids():
    before = {"sessionId": "s", "eventList": [GOOD, GOOD]}

    with pytest.raises(LostIdentity):
        restored({"sessionId": "s", **GOOD}, before, (0, 1))
    kept = restored({"sessionId": "s", **GOOD, "eventId": "own"}, before, (0, 1))
    assert (kept.members["eventId"], kept.places) == ("own", None)


def test_a_flat_document_that_mending_made_a_request_has_places_from_the_first_on():
    made = restored({"sessionId": "s", "eventList": [GOOD, GOOD]}, {"sessionId": "s"}, None)

    assert made.places == (0, 1)
    ids = [each["eventId"] for each in made.members["eventList"]]
    assert ids == [f"clicks/shardId-000000000000:77#0.{n}" for n in range(2)]


def test_a_list_of_another_length_is_taken_where_its_elements_have_ids_of_their_own():
    before = {"sessionId": "s", "eventList": [GOOD, GOOD]}
    mended = {"sessionId": "s", "eventList": [{**GOOD, "eventId": f"e{n}"} for n in range(3)]}

    assert restored(mended, before, (0, 1)) == Content(mended, (0, 1, 2))


def test_what_is_no_json_object_is_not_mended():
    mend = mender(edits(set_=["a=1"], rename=[], drop=[]), World().site.destination)

    assert mend([b"{broken", b"[1]", b'{"b":2}']) == [b"{broken", b"[1]", b'{"b":2,"a":1}']


def test_a_field_inside_a_field_is_dropped_and_what_is_not_there_is_no_error():
    mend = mender(
        edits(set_=[], rename=[], drop=["properties.colour"]), World(feed="items").site.destination
    )

    assert mend(
        [b'{"properties":{"colour":1,"size":2}}', b'{"properties":"text"}', b'{"itemId":"i"}']
    ) == [b'{"properties":{"size":2}}', b'{"properties":"text"}', b'{"itemId":"i"}']


def test_nothing_is_written_of_a_document_that_cannot_go_back():
    world = World()
    (found,) = unpack(world.arrive([1]))
    assert isinstance(found, Document)
    (prepared,) = prepare([Piece(found, None, None)], world.replay().rules(), None)

    with pytest.raises(ValueError, match="nothing of this document can go back"):
        render(prepared, [None], world.site.destination)


# --- doing and telling -------------------------------------------------------------------------


def test_the_object_of_a_message_that_could_not_be_deleted_stays_with_it():
    world = World()
    (entry,) = world.entries([world.arrive(document_of("events"), at=LONG_AGO)])
    world.abandon([entry.document.record])
    objects = dict(world.bucket)

    done = world.act(world.plan(), None)

    assert (done.records, done.letters, done.undeleted) == (1, 0, 1)
    assert world.bucket == objects


def test_a_request_takes_times_with_and_without_an_offset_and_the_second_are_utc():
    since = read_request({"filter": {"since": "2026-11-21T10:00:00"}})
    until = read_request({"filter": {"since": "2026-11-21T12:00:00+02:00"}})
    world = World()
    for hour in (9, 11):
        world.tell("{}", sent=datetime(2026, 11, 21, hour, tzinfo=UTC))

    for request in (since, until):
        (chosen,) = request.selection(world.letters())
        assert chosen.at.hour == 11


def test_a_tally_has_each_note_once_says_what_stays_and_when_all_is_done():
    tally = Tally()
    world = World()
    world.abandon([world.arrive(document_of("events"), at=LONG_AGO)])
    (step,) = world.plan()
    noted = [
        Step(
            Contents(each.letter, each.contents.pieces, note="Read this."),
            each.fates, each.puts, each.failing, each.awaits, each.leaves, each.why,
        )
        for each in (step, step)
    ]  # fmt: skip

    tally.add(noted)
    assert (tally.notes, tally.stays, tally.letters) == (["Read this."], [], 2)
    assert tally.complete
    tally.done = Done(letters=1)
    assert not tally.complete

    world.tell({"Event": "s3:TestEvent"})
    tally.add(world.plan()[1:])
    assert [stay.why for stay in tally.stays] == ["It holds nothing to replay."]
