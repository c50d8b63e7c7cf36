"""What becomes of each dead letter."""

import json
import os
from collections import Counter
from datetime import timedelta

from builders import document_of
from dead_letter_world import LONG_AGO, World, rejections

from forwarder.outcomes import Document, Reason, Record, Rejected
from forwarder.records import unpack
from replayer.fates import Fate

OTHER = "shardId-000000000001"


def refused(world: World, identity: str = "i1", **fields: object) -> Record:
    """A state that Personalize refused, though the rules have nothing against it."""
    record = world.arrive(document_of("items", itemId=identity, **fields), at=LONG_AGO)
    refuse(world, record)
    return record


def refuse(world: World, record: Record) -> None:
    (document,) = unpack(record)
    assert isinstance(document, Document)
    world.reject(Rejected(document, None, Reason.REFUSED, None, "refused"))


def fates(world: World, **options: bool) -> Counter[Fate]:
    counts: Counter[Fate] = Counter()
    for step in world.plan(**options):
        counts.update(step.fates)
    return counts


def test_an_upsert_without_a_newer_record_goes_back():
    world = World(feed="items")
    refused(world)

    assert fates(world) == {Fate.GOES: 1}


def test_an_upsert_is_stale_when_the_stream_holds_a_newer_record_of_its_id():
    world = World(feed="items")
    refused(world)
    world.arrive(document_of("items", properties='{"v": 2}'))

    (step,) = world.plan()
    assert step.fates == {Fate.STALE: 1}
    assert not step.leaves
    assert step.why == "1 stale"


def test_a_newer_record_counts_on_any_shard():
    world = World(feed="items")
    refused(world)
    world.arrive(document_of("items", properties='{"v": 2}'), shard=OTHER)

    assert fates(world) == {Fate.STALE: 1}


def test_a_newer_record_that_the_rules_reject_replaced_nothing():
    world = World(feed="items")
    refused(world)
    world.arrive(document_of("items", propertis="{}"))

    assert fates(world) == {Fate.GOES: 1}


def test_an_older_record_on_another_shard_does_not_count():
    world = World(feed="items")
    refused(world)
    world.arrive(document_of("items", properties="{}"), shard=OTHER, at=LONG_AGO - timedelta(1))

    assert fates(world) == {Fate.GOES: 1}


def test_a_stale_one_goes_back_when_it_is_forced():
    world = World(feed="items")
    refused(world)
    world.arrive(document_of("items", properties='{"v": 2}'))

    assert fates(world, force=True) == {Fate.GOES: 1}


def test_a_state_that_is_on_the_stream_already_is_not_put_there_again():
    world = World(feed="items")
    refused(world)
    world.arrive(document_of("items"))

    (step,) = world.plan()
    assert step.fates == {Fate.THERE: 1}
    assert step.leaves
    assert step.puts == ()


def test_beyond_the_streams_reach_nobody_knows_whether_it_is_stale():
    world = World(feed="items", reaches_back=timedelta(hours=1))
    refused(world)

    assert fates(world) == {Fate.UNVERIFIED: 1}
    assert fates(world, trust=True) == {Fate.GOES: 1}


def test_what_the_stream_still_has_is_seen_beyond_its_reach_as_well():
    world = World(feed="items", reaches_back=timedelta(hours=1))
    refused(world)
    world.arrive(document_of("items", properties='{"v": 2}'))

    assert fates(world, trust=True) == {Fate.STALE: 1}


def test_of_two_dead_letters_of_one_id_only_the_newest_goes():
    world = World(feed="items")
    refused(world, properties='{"v": 1}')
    refused(world, properties='{"v": 2}')

    old, new = world.plan()

    assert (old.fates, new.fates) == ({Fate.STALE: 1}, {Fate.GOES: 1})
    assert fates(world, force=True) == {Fate.STALE: 1, Fate.GOES: 1}


def test_a_newer_dead_letter_that_fails_again_makes_the_older_one_stale_too():
    """Once it is mended it comes after; put back before it, the older one would look newer."""
    world = World(feed="items")
    refused(world)
    bad = world.arrive(document_of("items", propertis="{}"), at=LONG_AGO)
    world.reject(*rejections(world, bad))
    letters = sorted(world.letters(), key=lambda letter: letter.id)

    steps, _ = world.replay().plan(letters[:1], letters[1:])

    assert steps[0].fates == {Fate.STALE: 1}


def test_events_are_never_stale():
    world = World()
    for _ in range(2):
        world.reject(Rejected(event(world), None, Reason.REFUSED, None, "refused"))

    assert fates(world) == {Fate.GOES: 2}


def event(world: World) -> Document:
    (document,) = unpack(world.arrive(document_of("events"), at=LONG_AGO))
    assert isinstance(document, Document)
    return document


def test_two_dead_letters_of_one_document_are_put_back_once_and_both_leave():
    world = World()
    rejection = Rejected(event(world), None, Reason.REFUSED, None, "refused")
    world.reject(rejection)
    world.reject(rejection)

    first, second = world.plan()

    assert (first.fates, second.fates) == ({Fate.GOES: 1}, {Fate.TWICE: 1})
    assert second.awaits == {first.letter.id}


def test_a_batch_with_one_bad_record_leaves_and_keeps_that_one_apart():
    world = World()
    good = world.arrive(document_of("events"), at=LONG_AGO)
    bad = world.arrive(document_of("events", itmeId="i"), at=LONG_AGO)
    world.abandon([good, bad])

    (step,) = world.plan()

    assert step.leaves
    assert [each.reason for each in step.kept_apart] == ["unknown_field"]


def test_what_fails_again_as_a_whole_stays_untouched():
    world = World()
    world.abandon([world.arrive(document_of("events", itmeId="i"), at=LONG_AGO)])

    (step,) = world.plan()

    assert not step.leaves
    assert step.kept_apart == ()
    assert "unknown_field" in str(step.why)


def test_what_expired_in_part_goes_back_as_far_as_it_is_there_and_the_message_stays():
    world = World()
    records = [world.arrive(document_of("events"), at=LONG_AGO) for _ in range(3)]
    world.tell(world.pointer(records))
    del world.stream[0]

    (step,) = world.plan()

    assert len(step.puts) == 2
    assert not step.leaves
    assert "Expired in part" in str(step.why)


def test_an_unreadable_message_stays():
    world = World()
    world.tell("?")

    (step,) = world.plan()
    assert not step.leaves


def test_a_record_without_partition_key_gets_its_session():
    world = World()
    record = world.arrive(document_of("events"), at=LONG_AGO, key=None)
    world.abandon([record])

    ((put,),) = [step.puts for step in world.plan()]

    assert put.partition_key == "s1"


def test_a_document_that_is_too_large_for_a_record_goes_back_compressed():
    world = World(feed="users")
    # As a record it was compressed; alone in its dead letter it is not.
    data = b'{"userId":"u1",' + b" " * 2_000_000 + b'"properties":"{}"}'
    large = Document(world.arrive({}, at=LONG_AGO), 0, "k", data)
    world.reject(Rejected(large, None, Reason.REFUSED, None, "refused"))

    ((put,),) = [step.puts for step in world.plan()]

    assert put.data.startswith(b"\x1f\x8b")
    assert len(put.data) < 10_000


def test_a_document_that_no_compression_makes_fit_fails_again():
    world = World(feed="items")
    items = [{"itemId": f"i{n}", "properties": noise(31_000)} for n in range(70)]
    world.abandon([world.arrive({"items": items}, at=LONG_AGO)])

    (step,) = world.plan()

    assert step.fates == {Fate.FAILS: 70}
    assert {each.reason for each in step.failing} == {Reason.TOO_LARGE}


def noise(length: int) -> str:
    return json.dumps({"x": os.urandom(length // 2).hex()[: length - 10]})
