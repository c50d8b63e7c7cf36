"""Documents on their way back: with their first ids, mended, and checked by the deployed rules."""

import json
from typing import Any

import pytest
from builders import document_of
from dead_letter_world import LONG_AGO, World

from forwarder.outcomes import Document
from forwarder.records import unpack
from replayer.letters import Piece
from replayer.mend import BadEdit, Mend, edits, mender
from replayer.prepare import Prepared, prepare, render

GOOD = {"eventType": "click", "sentAt": 1_789_999_000}


def a_piece(
    data: object, *, feed: str = "events", elements: tuple[int, ...] | None = None
) -> Piece:
    world = World(feed=feed)
    record = world.arrive(data, at=LONG_AGO, sequence=77)
    (found,) = unpack(record)
    document = found if isinstance(found, Document) else found.document
    return Piece(document, elements, None if isinstance(found, Document) else found)


def prepared(piece: Piece, *, feed: str = "events", mend: Mend | None = None) -> Prepared:
    (found,) = prepare([piece], World(feed=feed).replay().rules(), mend)
    return found


def back(found: Prepared, *, feed: str = "events") -> dict[str, Any]:
    destination = World(feed=feed).site.destination
    data = render(found, [place for place, _ in found.entries], destination)
    content = json.loads(data)
    assert isinstance(content, dict)
    return content


def mending(*, feed: str = "events", **options: list[str]) -> Mend:
    wanted = {"set_": [], "rename": [], "drop": [], **options}
    return mender(edits(**wanted), World(feed=feed).site.destination)


def test_an_event_goes_back_with_the_id_that_its_first_origin_gives():
    found = prepared(a_piece(document_of("events")))

    assert back(found)["eventId"] == "clicks/shardId-000000000000:77#0"


def test_an_event_that_has_an_id_goes_back_byte_for_byte():
    data = b'{"sessionId": "s",  "eventType":"click", "sentAt":1789999000, "eventId":"own"}'
    found = prepared(a_piece(data))

    assert render(found, [None], World().site.destination) == data


@pytest.mark.parametrize("feed", ["items", "users", "actions"])
def test_an_upsert_goes_back_byte_for_byte(feed):
    data = json.dumps(document_of(feed), indent=1).encode()
    found = prepared(a_piece(data, feed=feed), feed=feed)

    assert render(found, [None], World(feed=feed).site.destination) == data


def test_elements_keep_the_ids_of_their_places_in_the_first_document():
    piece = a_piece({"sessionId": "s", "eventList": [GOOD, GOOD, GOOD]}, elements=(0, 2))

    ids = [each["eventId"] for each in back(prepared(piece))["eventList"]]

    assert ids == ["clicks/shardId-000000000000:77#0.0", "clicks/shardId-000000000000:77#0.2"]


def test_an_element_that_would_fail_again_does_not_hold_back_its_neighbour():
    piece = a_piece({"sessionId": "s", "eventList": [GOOD, {"x": 1}, GOOD]}, elements=(1, 2))

    found = prepared(piece)

    assert [place for place, _ in found.entries] == [2]
    assert [(each.element, each.reason) for each in found.rejected] == [(1, "missing_field")]
    assert len(back(found)["eventList"]) == 1


def test_the_check_is_as_of_now_so_that_a_time_may_have_come():
    world = World()
    future = int(world.now.timestamp()) - 60
    piece = a_piece(document_of("events", sentAt=future))

    assert prepared(piece).rejected == ()


def test_a_field_is_renamed_set_and_dropped_in_each_element():
    piece = a_piece({"sessionId": "s", "eventList": [{**GOOD, "itmeId": "i", "x": 1}]})
    mend = mending(rename=["itmeId=itemId"], set_=["properties.colour=red"], drop=["x"])

    (element,) = back(prepared(piece, mend=mend))["eventList"]

    assert element["itemId"] == "i"
    assert element["properties"] == {"colour": "red"}


def test_a_field_of_the_call_is_mended_beside_the_list():
    piece = a_piece({"sessionid": "s", "eventList": [GOOD]})
    mend = mending(set_=['sessionId="s1"'], rename=["sessionid=sessionId"])

    found = prepared(piece, mend=mend)

    assert found.rejected != ()  # the misspelt one is no field of an element
    assert prepared(piece, mend=mending(set_=["sessionId=s1"])).rejected != ()


@pytest.mark.parametrize("options", [{"set_": ["x"]}, {"rename": ["=y"]}, {"drop": ["a..b"]}])
def test_an_edit_that_makes_no_sense_says_what_is_wanted(options):
    with pytest.raises(BadEdit, match="wants"):
        edits(**{"set_": [], "rename": [], "drop": [], **options})


def test_a_program_that_drops_the_ids_does_not_change_them():
    piece = a_piece({"sessionId": "s", "eventList": [GOOD, GOOD]}, elements=(1,))

    def forget(lines: Any) -> list[bytes]:
        return [json.dumps({"sessionId": "s", "eventList": [GOOD]}).encode() for _ in lines]

    (element,) = back(prepared(piece, mend=forget))["eventList"]
    assert element["eventId"] == "clicks/shardId-000000000000:77#0.1"


def test_a_program_that_makes_other_elements_without_ids_is_not_believed():
    """Their places would be those of elements that were delivered, and they would be dropped."""
    piece = a_piece({"sessionId": "s", "eventList": [GOOD, GOOD]}, elements=(1,))

    def split(lines: Any) -> list[bytes]:
        return [json.dumps({"sessionId": "s", "eventList": [GOOD, GOOD]}).encode() for _ in lines]

    found = prepared(piece, mend=split)
    assert [each.field for each in found.rejected] == ["eventId"]
    assert found.entries == ()


def test_text_that_is_no_document_can_be_mended_to_one():
    piece = a_piece(b'{"sessionId": "s"')

    found = prepared(piece, mend=lambda _: [json.dumps(document_of("events")).encode()])

    assert back(found)["eventId"] == "clicks/shardId-000000000000:77#0"


@pytest.mark.parametrize("data", [b"\xff\xfe", b"\xf3\x89\x9a\xc2broken", b"", b"{"])
def test_what_holds_no_document_fails_again_and_is_never_an_error(data):
    found = prepared(a_piece(data), mend=lambda lines: lines)

    assert found.entries == ()
    assert len(found.rejected) == 1
