"""What is exported can be imported: as it was, or as somebody mended it."""

import json

import pytest
from builders import document_of
from dead_letter_world import LONG_AGO, World, rejections

from pstream.dead_letters import archive
from replayer.contents import load
from replayer.letters import Contents

GOOD = {"eventType": "click", "sentAt": 1_789_999_000}


def exported(world: World) -> list[str]:
    destination = world.site.destination
    return [text for each in contents(world) for text in archive.write(each, destination)]


def contents(world: World) -> list[Contents]:
    sources = world.services().sources
    return [load(letter, sources) for letter in world.letters()]


def read(world: World, lines: list[str]) -> list[archive.Edited]:
    return archive.read(lines, {world.feed: world.site.destination})


def a_world() -> World:
    world = World()
    for data in (document_of("events", itmeId=1), {"sessionId": "s", "eventList": [GOOD, {}]}):
        world.reject(*rejections(world, world.arrive(data, at=LONG_AGO)))
    world.abandon([world.arrive(data, at=LONG_AGO, key=None) for data in (GOOD, b"\xff\xfe")])
    return world


def test_pieces_come_back_as_they_were():
    world = a_world()

    edited = read(world, exported(world))

    pieces = [piece for each in contents(world) for piece in each.pieces]
    assert len(edited) == len(pieces) == 4
    for found, piece in zip(edited, pieces, strict=True):
        assert found.mended is None
        assert found.piece.elements == piece.elements
        assert found.piece.document.data == piece.document.data
        assert found.piece.document.number == piece.document.number
        assert found.piece.document.record.sequence == piece.document.record.sequence
        assert found.piece.document.partition_key == piece.document.partition_key


def test_a_line_shows_the_document_as_it_would_go_back():
    world = a_world()

    line = json.loads(exported(world)[1])

    (element,) = line["document"]["eventList"]
    assert element["eventId"].endswith("#0.1")


def test_an_edited_document_is_what_goes_back():
    world = a_world()
    line = json.loads(exported(world)[0])
    line["document"]["itemId"] = line["document"].pop("itmeId")

    (edited,) = read(world, [json.dumps(line)])

    assert edited.mended is not None
    assert json.loads(edited.mended)["itemId"] == 1


def test_a_message_that_cannot_be_read_is_written_whole_and_not_imported():
    world = World()
    world.tell("{ broken")

    (line,) = exported(world)

    assert json.loads(line)["message"] == "{ broken"
    assert read(world, [line]) == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "line 1 is not JSON"),
        ('{"data": "e30="}', "it has no id"),
        ('{"id": "a", "feed": "events", "data": "e30="}', "origin"),
        ("[]", "it has no id"),
    ],
)
def test_a_line_that_is_none_of_an_export_is_named(line, why):
    with pytest.raises(archive.BadFile, match=why):
        read(World(), [line])


def test_a_line_of_a_feed_that_the_stage_does_not_have_is_named():
    line = json.loads(exported(a_world())[0])

    with pytest.raises(archive.BadFile, match="items, which this stage does not have"):
        read(World(), [json.dumps({**line, "feed": "items"})])
