"""Which dead letters an operator means."""

from dataclasses import replace
from datetime import timedelta

import pytest
from dead_letter_world import LONG_AGO, World, rejections

from replayer.forms import read
from replayer.letters import Held, Letter
from replayer.selection import NoSuchLetter, Selection


def letters() -> list[Letter]:
    world = World()
    world.reject(*rejections(world, world.arrive({"sessionId": "s"})))
    (rejected,) = world.letters()
    test = read(Held("events", "ab-test", "r", '{"Event": "s3:TestEvent"}', LONG_AGO))
    late = LONG_AGO + timedelta(hours=1)
    return [
        replace(rejected, held=replace(rejected.held, id="aa-2"), at=late),
        replace(rejected, held=replace(rejected.held, id="aa-1")),
        test,
    ]


def chosen(**filters: object) -> list[str]:
    return [letter.id for letter in Selection(**filters).of(letters())]  # type: ignore[arg-type] # any filter


def test_without_a_filter_all_are_meant_the_oldest_first():
    assert chosen() == ["aa-1", "ab-test", "aa-2"]


def test_a_limit_takes_the_oldest():
    assert chosen(limit=1) == ["aa-1"]


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({"reasons": frozenset({"test"})}, ["ab-test"]),
        ({"reasons": frozenset({"missing_field", "test"})}, ["aa-1", "ab-test", "aa-2"]),
        ({"field": "eventType"}, ["aa-1", "aa-2"]),
        ({"since": LONG_AGO + timedelta(minutes=1)}, ["aa-2"]),
        ({"until": LONG_AGO}, ["aa-1", "ab-test"]),
        ({"ids": ("ab", "aa-2")}, ["ab-test", "aa-2"]),
    ],
)
def test_each_filter_narrows_it_down(filters, ids):
    assert chosen(**filters) == ids


def test_an_id_that_nobody_has_is_an_error():
    with pytest.raises(NoSuchLetter, match="no dead letter with the id zz"):
        chosen(ids=("zz",))


def test_the_beginning_of_several_ids_is_an_error():
    with pytest.raises(NoSuchLetter, match="2 dead letters begin with aa"):
        chosen(ids=("aa",))
