"""The accountant itself: it balances what is right, and says what is not."""

import json
from typing import Any

import pytest
from accountant import Abandoned, Found, Ledger, Letter, Put, Unbalanced, balance

EVENTS = Ledger("eventList")
ITEMS = Ledger("items", "itemId")
SHARD = "shard-0"


def put(sequence: int, *documents: Any) -> Put:
    packed = tuple(d if isinstance(d, bytes) else json.dumps(d).encode() for d in documents)
    return Put("clicks", SHARD, str(sequence), b"\n".join(packed), packed)


def event(**fields: Any) -> dict[str, Any]:
    return {"sessionId": "s", "itemId": "i", **fields}


def row(place: str, **fields: Any) -> dict[str, Any]:
    return event(eventId=f"clicks/{SHARD}:{place}", _writes=1, **fields)


def item(version: int) -> dict[str, Any]:
    return {"itemId": "shoe", "properties": json.dumps({"version": version})}


def letter(sequence: int, data: bytes, *elements: int | None, document: int = 0) -> Letter:
    return Letter(f"{SHARD}:{sequence}", document, elements or (None,), data)


def abandoned(each: Put, data: bytes | None = None) -> Abandoned:
    return Abandoned(each.record, each.data if data is None else data)


def wrong(ledger: Ledger, puts: list[Put], found: Found, **options: bool) -> str:
    with pytest.raises(Unbalanced) as caught:
        balance(ledger, puts, found).check(**options)
    return str(caught.value)


ONE, BROKEN = put(1, event()), put(2, b"{broken")


def test_each_entry_is_found_at_its_end():
    puts = [ONE, BROKEN, put(3, event()), put(4, event())]
    found = Found([row("1#0")], [letter(2, b"{broken")], [abandoned(puts[2])], {puts[3].record})

    counted = balance(EVENTS, puts, found).check()

    assert (counted.records, counted.entries) == (4, 4)
    ends = (counted.delivered, counted.rejected, counted.abandoned, counted.waiting)
    assert ends == (1, 1, 1, 1)


def test_what_is_nowhere_is_missing():
    assert wrong(EVENTS, [ONE, BROKEN], Found()) == "missing: shard-0:1#0, shard-0:2#0"


def test_a_list_of_what_is_wrong_is_cut_to_what_a_person_reads():
    assert wrong(EVENTS, [put(n, event()) for n in range(12)], Found()).endswith("and 2 more")


def test_each_document_and_each_element_counts():
    listed = {"sessionId": "s", "eventList": [{"itemId": "a"}, {"itemId": "b"}, 7]}
    puts = [put(1, event(), listed)]
    found = Found(
        [row("1#0"), row("1#1.0", itemId="a")],
        [letter(1, puts[0].documents[1], 2, document=1)],
    )

    assert wrong(EVENTS, puts, found) == "missing: shard-0:1#1.1"


def test_what_is_stored_and_rejected_is_doubled():
    found = Found([row("1#0")], [letter(1, ONE.data)])

    assert wrong(EVENTS, [ONE], found, redelivered=True) == "doubled: shard-0:1#0"


def test_the_same_end_again_is_a_repeat_that_only_a_redelivery_excuses():
    found = Found([row("1#0")], [letter(2, b"{broken")] * 2, [abandoned(ONE)])

    told = wrong(EVENTS, [ONE, BROKEN], found)

    assert told == "repeated: shard-0:1#0 delivered+abandoned, shard-0:2#0 rejected"
    balance(EVENTS, [ONE, BROKEN], found).check(redelivered=True)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Found([row("1#0")], [letter(2, b"{brokem")]), "letter shard-0:2#0"),
        (Found([row("1#0", itemId="j")], [letter(2, b"{broken")]), f"stored clicks/{SHARD}:1#0"),
        (Found([row("1#0")], (), [abandoned(BROKEN, b"{")]), "abandoned shard-0:2"),
    ],
)
def test_what_was_changed_on_its_way_is_altered(found, told):
    assert f"altered: {told}" in wrong(EVENTS, [ONE, BROKEN], found)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Found([row("1#0"), row("1#1")]), f"stored clicks/{SHARD}:1#1"),
        (Found([row("1#0"), row("1#0")]), f"stored clicks/{SHARD}:1#0"),
        (Found([row("1#0"), {"sessionId": "s"}]), "stored None"),
        (Found([row("1#0")], [letter(9, b"")]), "letter shard-0:9#0"),
        (Found([row("1#0")], (), [Abandoned("shard-0:9", b"")]), "abandoned shard-0:9"),
    ],
)
def test_what_nobody_put_is_unknown(found, told):
    assert f"unknown: {told}" in wrong(EVENTS, [ONE], found)


def test_an_event_put_under_an_id_of_its_own_is_found_under_it_wherever_it_was_repeated():
    puts = [put(n, event(eventId="own")) for n in (1, 2)]

    assert balance(EVENTS, puts, Found([event(eventId="own")])).check().delivered == 2


def test_a_record_rejected_whole_stands_for_all_its_documents():
    broken = Put("clicks", SHARD, "1", b"\xf3aggregate", (b"{}", b"{}"))

    assert balance(EVENTS, [broken], Found((), [letter(1, broken.data)])).check().rejected == 2


def test_the_newest_state_stands_for_the_older_ones():
    puts = [put(n, item(n)) for n in (1, 2, 10)]

    assert balance(ITEMS, puts, Found([item(10)])).check().delivered == 3


def test_an_older_state_in_place_of_a_newer_one_is_missing_the_newer_one():
    puts = [put(n, item(n)) for n in (1, 2, 10)]

    assert wrong(ITEMS, puts, Found([item(2)])) == "missing: shard-0:10#0"


def test_an_older_state_is_right_where_the_newer_one_was_rejected():
    puts = [put(n, item(n)) for n in (1, 2)]

    counted = balance(ITEMS, puts, Found([item(1)], [letter(2, puts[1].data)])).check()

    assert (counted.delivered, counted.rejected) == (1, 1)


def test_a_state_that_nobody_put_is_altered():
    assert "altered: stored shoe" in wrong(ITEMS, [put(1, item(1))], Found([item(2)]))
