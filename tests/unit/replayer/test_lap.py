"""The replayer function: as many laps as it needs, each from what is in the queue then."""

from collections.abc import Iterator
from typing import Any

import pytest
from builders import document_of
from dead_letter_world import LONG_AGO, World, rejections

from replayer.lap import Feed, Lap, Runner
from replayer.request import MOST_LAPS, BadRequest, Request, read_request

MENDING = {"rename": ["itmeId=itemId"]}


def filled(count: int, feed: str = "events") -> World:
    world = World(feed=feed)
    for number in range(count):
        data = document_of(feed, **({"itmeId": f"i{number}"} if feed == "events" else {"x": 1}))
        world.reject(*rejections(world, world.arrive(data, at=LONG_AGO, key=str(number))))
    return world


def lap(request: Request, *worlds: World, times_up: Iterator[bool] | None = None) -> Lap:
    feeds = {
        world.feed: Feed(world.site, world.services(), world.dead_letters()) for world in worlds
    }
    ticks = times_up or iter(lambda: False, True)
    return Runner(feeds, stop=lambda: next(ticks), now=lambda: worlds[0].now).run(request)


def request(**options: Any) -> Request:
    return read_request(options)


def test_an_empty_request_replays_all_that_can_be_replayed_of_all_feeds():
    events, items = filled(2), filled(1, "items")

    found = lap(request(edits={"rename": ["itmeId=itemId"], "drop": ["x"]}), events, items)

    assert found.rest is None
    assert (len(events.queue), len(items.queue)) == (0, 0)
    assert found.as_json("live")["feeds"]["events"]["done"]["records"] == 2


def test_a_dry_run_changes_nothing():
    world = filled(3)

    found = lap(request(edits=MENDING, dryRun=True), world)

    assert found.tallies["events"].leaving == 3
    assert found.tallies["events"].done is None
    assert len(world.queue) == 3


def test_out_of_time_it_hands_on_what_is_left_and_the_next_lap_ends_it():
    world = filled(1200)
    wanted = request(edits=MENDING, filter={"reasons": ["unknown_field"]})

    first = lap(wanted, world, times_up=iter([False, False, True, True]))
    assert first.tallies["events"].done is not None
    assert first.tallies["events"].done.records == 500
    assert first.rest is not None
    assert first.rest.lap == 1
    # The hand-over is what Lambda carries: JSON.
    second = lap(read_request(first.rest.model_dump(mode="json", by_alias=True)), world)

    assert second.rest is None
    assert len(world.queue) == 0
    assert len(world.put_back()) == 1200


def test_feeds_that_were_not_reached_are_handed_on():
    events, items = filled(1), filled(1, "items")

    found = lap(request(edits=MENDING), events, items, times_up=iter([False, False, True]))

    assert found.rest is not None
    assert found.rest.feeds == ("items",)


def test_a_lap_in_which_nothing_moved_is_the_last():
    world = filled(5)

    found = lap(request(edits=MENDING), world, times_up=iter([True, True]))

    assert found.rest is None
    assert len(world.queue) == 5


def test_a_limit_is_what_is_left_of_it():
    wanted = request(filter={"limit": 10})

    left = wanted.rest(["events"], 4)
    assert left is not None
    assert left.filter.limit == 6
    assert wanted.rest(["events"], 10) is None


def test_ids_that_an_earlier_lap_is_done_with_are_not_missed():
    world = filled(2)
    first, second = sorted(world.queue)
    wanted = request(edits=MENDING, filter={"ids": [first, second]})
    left = wanted.rest(["events"], 1)
    assert left is not None
    del world.queue[first]

    assert lap(left, world).rest is None
    assert len(world.queue) == 0
    assert lap(left, world).tallies["events"].letters == 0


def test_it_does_not_call_itself_for_ever():
    assert request(lap=MOST_LAPS).rest(["events"], 1) is None


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ([], "object"),
        ({"feed": ["events"]}, "feed: Extra"),
        ({"filter": {"limit": 0}}, "filter.limit"),
        ({"rate": 0}, "rate"),
    ],
)
def test_a_request_that_is_none_is_refused_by_the_field_and_without_its_value(event, problem):
    with pytest.raises(BadRequest, match=problem):
        read_request(event)
