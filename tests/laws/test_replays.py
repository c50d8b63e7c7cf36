"""Replays, killed anywhere and run again: nothing lost, nothing counted twice, nothing undone."""

import json
from collections.abc import Sequence
from typing import Any

from builders import SMALLEST, document_of
from dead_letter_world import LONG_AGO, World, rejections
from hypothesis import given, settings
from hypothesis import strategies as st

from forwarder.outcomes import Document, Entry, Reason, Record, Rejected
from forwarder.parse import event_id
from forwarder.records import unpack
from replayer.fates import Fate
from replayer.plan import Step

GOOD = {"itemId": "ok"}
BAD = {"itmeId": "misspelt"}
"""Fails before it is mended, and goes after it."""

kinds = st.sampled_from(["good", "bad"])
flat = st.tuples(st.just("flat"), kinds)
listed = st.tuples(st.just("listed"), st.lists(kinds, min_size=1, max_size=4))
junk = st.tuples(st.just("junk"), st.none())
documents = st.one_of(flat, listed, junk)
letters = st.lists(
    st.tuples(
        st.sampled_from(["rejected", "twice", "abandoned", "pointer"]),
        st.lists(documents, min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=5,
)


def event(kind: str) -> dict[str, Any]:
    return {"eventType": "click", "sentAt": 1_789_999_000, **(GOOD if kind == "good" else BAD)}


def text_of(form: str, content: Any) -> str:
    if form == "junk":
        return '{"broken'
    if form == "flat":
        return json.dumps({"sessionId": "s", **event(content)})
    return json.dumps({"sessionId": "s", "eventList": [event(each) for each in content]})


def mend(lines: Sequence[bytes]) -> list[bytes]:
    return [line.replace(b"itmeId", b"itemId") for line in lines]


def identities(records: Sequence[Record]) -> set[str]:
    """The eventId that each entry of these records was first known by, also of broken ones."""
    found = set()
    for record in records:
        for each in unpack(record):
            try:
                content = json.loads(each.data)  # type: ignore[union-attr] # junk has no reason
            except ValueError:
                continue
            count = len(content["eventList"]) if "eventList" in content else None
            places = [None] if count is None else range(count)
            found |= {event_id(each, place) for place in places}  # type: ignore[arg-type] # so here
    return found


def fill(world: World, drawn: Any) -> tuple[set[str], set[str]]:
    """Make dead letters; return the eventIds that have to go back, and those delivered before."""
    undelivered, delivered = set[str](), set[str]()
    for form, texts in drawn:
        records = [world.arrive(text_of(*each).encode(), at=LONG_AGO) for each in texts]
        if form == "abandoned":
            world.abandon(records)
            undelivered |= identities(records)
            continue
        if form == "pointer":
            world.tell(world.pointer(records))
            undelivered |= identities(records)
            continue
        for record in records:
            found = rejections(world, record)
            world.reject(*found)
            if form == "twice":
                world.reject(*found)
            good = {entry_id(entry) for entry in world.entries([record])}
            delivered |= good
            undelivered |= identities([record]) - good
    return undelivered, delivered


def documents_of(steps: Sequence[Step]) -> set[tuple[str, int]]:
    pieces = [piece for step in steps for piece in step.contents.pieces]
    return {(piece.document.record.sequence, piece.document.number) for piece in pieces}


def entry_id(entry: Entry) -> str:
    found: str = json.loads(entry.body)["eventId"]
    return found


@given(letters, st.integers(1, 40), st.booleans())
@settings(deadline=None, max_examples=150)
def test_killed_anywhere_and_run_again_every_event_goes_back_as_what_it_was(drawn, kill_at, whole):
    world = World(kill_at=None)
    undelivered, delivered = fill(world, drawn)
    junk = sum(form == "junk" for _, texts in drawn for form, _ in texts)
    world.kill_at = kill_at + world.steps
    if whole:
        world.refuses = lambda call, place: (call + place) % 3 == 0

    world.run_until_done(mend=mend)

    back = {entry_id(entry) for entry in world.entries(world.put_back())}
    assert back == undelivered
    assert not back & delivered
    left = world.plan(mend=mend)
    assert all(set(step.fates) == {Fate.FAILS} for step in left)
    assert len(documents_of(left)) == junk


@given(letters)
@settings(deadline=None, max_examples=50)
def test_a_replay_that_was_not_killed_puts_every_event_back_once(drawn):
    world = World()
    undelivered, _ = fill(world, drawn)

    world.run(mend=mend)

    back = [entry_id(entry) for entry in world.entries(world.put_back())]
    assert sorted(back) == sorted(undelivered)


states = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.sampled_from(["delivered", "refused", "abandoned"]),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=8,
)


@given(states, st.integers(1, 12))
@settings(deadline=None, max_examples=150)
def test_killed_anywhere_and_run_again_an_id_ends_as_its_newest_state(drawn, kill_at):
    """Whatever was dead-lettered when, no replay undoes what came after it."""
    world = World(feed="items", shards=("shardId-000000000000",))
    newest: dict[str, int] = {}
    for number, (identity, fate, batch) in enumerate(drawn):
        properties = json.dumps({"v": number})
        content = {"itemId": identity, "properties": properties}
        record = world.arrive(content, at=LONG_AGO, key=identity)
        newest[identity] = number
        if fate == "abandoned":
            world.abandon([record], as_text=bool(batch))
        elif fate == "refused":
            refuse(world, record)
    world.kill_at = world.steps + kill_at

    world.run_until_done()

    seen: dict[str, int] = {}
    for entry in world.entries(world.stream):
        properties = json.loads(json.loads(entry.body)["properties"])
        seen[str(entry.identity)] = properties["v"]
    assert seen == newest
    # Each newest state that was a dead letter is one no more; what is stale stays.
    stale = sum(
        fate != "delivered" and newest[identity] != number
        for number, (identity, fate, _) in enumerate(drawn)
    )
    assert len(world.queue) == stale


def refuse(world: World, record: Record) -> None:
    (document,) = unpack(record)
    assert isinstance(document, Document)
    world.reject(Rejected(document, None, Reason.REFUSED, None, "refused"))


def test_the_smallest_documents_are_what_these_laws_take_them_for():
    assert document_of("events") == SMALLEST["events"]
