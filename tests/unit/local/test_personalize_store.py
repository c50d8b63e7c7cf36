from contextlib import closing, contextmanager
from typing import Any

import orjson
from personalize_calls import event, events, interaction, items

from local.personalize.model import load_operations
from local.personalize.requests import Accepted, accept
from local.personalize.store import Logged, Store

OPERATIONS = load_operations()


@contextmanager
def opened(path=":memory:"):
    with closing(Store(str(path))) as store:
        yield store


def keep(store, operation, document, *, call=1):
    accepted = accept(OPERATIONS[operation], document)
    assert isinstance(accepted, Accepted)
    store.keep(call, OPERATIONS[operation], accepted)


def kept(store, operation):
    return [orjson.loads(line) for page in store.entries(operation) for line in page.splitlines()]


def logged(number, **members: Any):
    values = {
        "operation": "PutEvents",
        "target": "t",
        "entries": 1,
        "at": 0.5,
        "status": 200,
        "code": "",
        "fault": "",
        "kept": True,
    }
    return Logged(number=number, **{**values, **members})


def test_events_are_read_back_in_the_order_of_arrival_with_what_their_call_shared():
    with opened() as store:
        keep(store, "PutEvents", events(event(eventId="b"), event(eventId="a")), call=3)

        first, second = kept(store, "PutEvents")

    assert (first["eventId"], second["eventId"]) == ("b", "a")
    assert first | {"sessionId": "session", "trackingId": "tracker"} == first
    assert (first["_call"], first["_arrival"], second["_arrival"]) == (3, 1, 2)


def test_a_repeated_event_is_dropped_and_counted():
    with opened() as store:
        keep(store, "PutEvents", events(event(eventId="a", itemId="first")), call=1)
        keep(store, "PutEvents", events(event(eventId="a", itemId="second")), call=2)

        (stored,) = kept(store, "PutEvents")
        (counted,) = store.counted_entries()

    assert (stored["itemId"], stored["_writes"], stored["_call"]) == ("first", 2, 1)
    assert (counted["stored"], counted["repeats"]) == (1, 1)


def test_the_same_event_id_of_two_trackers_or_two_operations_is_not_a_repeat():
    with opened() as store:
        keep(store, "PutEvents", events(event(eventId="a")))
        keep(store, "PutEvents", events(event(eventId="a"), trackingId="other"))
        document = {"trackingId": "tracker", "actionInteractions": [interaction(eventId="a")]}
        keep(store, "PutActionInteractions", document)

        assert len(kept(store, "PutEvents")) == 2
        assert len(kept(store, "PutActionInteractions")) == 1


def test_events_without_an_id_are_all_kept():
    with opened() as store:
        keep(store, "PutEvents", events(event(), event()))
        keep(store, "PutEvents", events(event()))

        assert [entry["_writes"] for entry in kept(store, "PutEvents")] == [1, 1, 1]


def test_an_upsert_replaces_the_whole_item_and_takes_its_own_place_in_the_order():
    with opened() as store:
        keep(store, "PutItems", items({"itemId": "a", "properties": '{"v":1}'}), call=1)
        keep(store, "PutItems", items({"itemId": "b"}), call=2)
        keep(store, "PutItems", items({"itemId": "a"}), call=3)

        first, second = kept(store, "PutItems")

    assert (first["itemId"], second["itemId"]) == ("b", "a")
    assert (second["_writes"], second["_call"], second["_arrival"]) == (2, 3, 3)
    assert "properties" not in second


def test_of_two_items_with_one_id_in_a_call_the_last_stays():
    with opened() as store:
        versions = ({"itemId": "a", "properties": f'{{"v":{n}}}'} for n in (1, 2))
        keep(store, "PutItems", items(*versions))

        (stored,) = kept(store, "PutItems")

    assert stored["properties"] == '{"v":2}'


def test_more_than_a_page_is_read_back_whole_and_in_order():
    with opened() as store:
        for call in range(1200):
            keep(store, "PutEvents", events(*[event()] * 10), call=call)

        assert [entry["_arrival"] for entry in kept(store, "PutEvents")] == [*range(1, 12_001)]


def test_the_log_tells_what_became_of_each_call():
    with opened() as store:
        store.log(logged(1))
        store.log(logged(2, status=None, fault="hang", kept=False, ignored='["itmeId"]'))

        first, second = (orjson.loads(x) for page in store.calls() for x in page.splitlines())

    assert (first["number"], first["kept"], first["ignored"]) == (1, True, [])
    assert (second["status"], second["fault"], second["kept"]) == (None, "hang", False)
    assert second["ignored"] == ["itmeId"]


def test_what_was_flushed_survives_a_killed_process(tmp_path):
    path = tmp_path / "store.db"
    with opened(path) as killed, opened(path) as next_one:
        keep(killed, "PutEvents", events(event(eventId="a")))
        killed.log(logged(1))
        killed.flush()

        assert [entry["eventId"] for entry in kept(next_one, "PutEvents")] == ["a"]


def test_a_store_that_is_opened_again_goes_on_where_it_was(tmp_path):
    path = tmp_path / "store.db"
    with opened(path) as store:
        keep(store, "PutEvents", events(event(eventId="a")), call=store.number())
        store.log(logged(1))
    with opened(path) as store:
        keep(store, "PutEvents", events(event(eventId="a"), event()), call=store.number())

        first, second = kept(store, "PutEvents")

    assert (first["_writes"], second["_call"], second["_arrival"]) == (2, 2, 3)


def test_a_cleared_store_starts_again():
    with opened() as store:
        keep(store, "PutEvents", events(event()), call=store.number())
        store.log(logged(1))
        store.clear()

        assert (kept(store, "PutEvents"), list(store.calls()), store.number()) == ([], [], 1)
