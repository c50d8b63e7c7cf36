"""Every rule of parsing, with its boundary and its reason."""

import json
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from builders import ARRIVAL, TARGETS, body_of, document, document_of, parsed, parser_of

from forwarder.destinations import DESTINATIONS, MOST_INTERACTION_BYTES
from forwarder.fields import camel_case
from forwarder.outcomes import Entry, Reason, Rejected
from forwarder.parse import REASONS
from forwarder.shapes import Event

R = Reason
DERIVED = "clicks/shardId-000000000000:1000#0"


def event_with(**fields: Any) -> dict[str, Any]:
    entry = parsed("events", **fields)
    assert isinstance(entry, Entry), entry
    return body_of(entry)


def rejection(feed: str, **fields: Any) -> tuple[Reason, str | None]:
    outcome = parsed(feed, **fields)
    assert isinstance(outcome, Rejected), outcome
    return outcome.reason, outcome.field


@pytest.mark.parametrize("feed", DESTINATIONS)
def test_the_smallest_document_of_each_feed_is_an_entry(feed):
    assert isinstance(parsed(feed), Entry)


@pytest.mark.parametrize("feed", DESTINATIONS)
def test_the_request_form_gives_the_same_entries_as_the_flat_form(feed):
    destination = DESTINATIONS[feed]
    flat = document_of(feed)
    shared = {name: flat[name] for name in destination.shared if name in flat}
    element = {name: value for name, value in flat.items() if name not in shared}
    request = {**shared, destination.entries: [element]}

    (from_flat,) = parser_of(feed)(document(flat))
    (from_request,) = parser_of(feed)(document(request))

    assert isinstance(from_request, Entry)
    assert isinstance(from_flat, Entry)
    assert from_request.shared == from_flat.shared
    without_id = [{**body_of(each), "eventId": None} for each in (from_request, from_flat)]
    assert without_id[0] == without_id[1]


def test_a_request_may_hold_any_number_of_entries_and_a_bad_one_costs_itself_only():
    events = [{"eventType": "click", "sentAt": 1_789_999_000} for _ in range(25)]
    events[3]["itmeId"] = "typo"

    outcomes = parser_of("events")(document({"sessionId": "s", "eventList": events}))

    assert [outcome.element for outcome in outcomes] == list(range(25))
    assert [each.element for each in outcomes if isinstance(each, Rejected)] == [3]


@pytest.mark.parametrize("feed", DESTINATIONS)
def test_the_configured_target_may_be_named_or_left_out(feed):
    target = DESTINATIONS[feed].target

    assert isinstance(parsed(feed, **{target: TARGETS[target]}), Entry)


@pytest.mark.parametrize("feed", DESTINATIONS)
def test_another_target_is_rejected(feed):
    target = DESTINATIONS[feed].target
    other = TARGETS[target] + "-OTHER"

    assert rejection(feed, **{target: other}) == (R.WRONG_TARGET, target)


def test_the_head_of_a_call_carries_the_target_and_what_is_shared():
    entry = parsed("events", userId="u1")

    assert json.loads(entry.shared + b"]}") == {
        "trackingId": "tracker-1",
        "userId": "u1",
        "sessionId": "s1",
        "eventList": [],
    }


# --- eventId -----------------------------------------------------------------------------------


def test_an_absent_event_id_is_derived_from_the_origin():
    assert event_with()["eventId"] == DERIVED


def test_a_null_event_id_is_as_good_as_none():
    assert event_with(eventId=None)["eventId"] == DERIVED


def test_a_given_event_id_is_kept():
    assert event_with(eventId="mine")["eventId"] == "mine"


def test_each_element_of_a_request_has_an_event_id_of_its_own():
    element = {"eventType": "click", "sentAt": 1_789_999_000}
    request = {"sessionId": "s", "eventList": [element, element]}

    entries = parser_of("events")(document(request, number=7))

    ids = [body_of(entry)["eventId"] for entry in entries if isinstance(entry, Entry)]
    assert ids == ["clicks/shardId-000000000000:1000#7.0", "clicks/shardId-000000000000:1000#7.1"]


def test_upserts_get_no_event_id():
    assert body_of(parsed("items")) == {"itemId": "i1"}


# --- JSON --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e400}',
        b'{"sessionId": "\\ud800"}',
        b"[" * 2000,
        b'{"a":' * 2000,
        b"[" * 1_000_000,
    ],
    ids=lambda data: data[:12].decode(errors="replace"),
)
def test_what_is_not_json_is_rejected(data):
    (outcome,) = parser_of("events")(document(data))

    assert isinstance(outcome, Rejected)
    assert outcome.reason is R.NOT_JSON


@pytest.mark.parametrize("data", [[], 1, "text", None, True])
def test_json_that_is_no_object_is_rejected(data):
    (outcome,) = parser_of("events")(document(data))

    assert isinstance(outcome, Rejected)
    assert outcome.reason is R.NOT_AN_OBJECT


def test_of_a_repeated_key_the_last_one_counts():
    data = b'{"sessionId":"a","sessionId":"b","eventType":"x","sentAt":1789999000}'

    (entry,) = parser_of("events")(document(data))

    assert isinstance(entry, Entry)
    assert entry.session == "b"


# --- fields ------------------------------------------------------------------------------------


@pytest.mark.parametrize("feed", DESTINATIONS)
def test_an_unknown_field_is_rejected_by_name(feed):
    assert rejection(feed, itmeId="x") == (R.UNKNOWN_FIELD, "itmeId")


def test_a_field_in_pythons_spelling_is_unknown():
    assert rejection("events", item_id="x") == (R.UNKNOWN_FIELD, "item_id")


def test_the_name_of_an_unknown_field_is_kept_in_bounds():
    reason, field = rejection("events", **{"x" * 10_000: 1})

    assert reason is R.UNKNOWN_FIELD
    assert field == "x" * 100


@pytest.mark.parametrize("field", ["eventType", "sentAt", "sessionId"])
def test_a_missing_required_field_is_rejected_by_name(field):
    fields = document_of("events")
    del fields[field]

    (outcome,) = parser_of("events")(document(fields))

    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.field) == (R.MISSING_FIELD, field)


@pytest.mark.parametrize("field", ["eventType", "sessionId"])
def test_a_required_field_that_is_null_is_missing(field):
    assert rejection("events", **{field: None}) == (R.MISSING_FIELD, field)


def test_optional_fields_that_are_null_are_left_out():
    nulls = dict.fromkeys(["userId", "itemId", "properties", "impression", "eventValue"])

    assert event_with(**nulls) == event_with()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"itemId": 12}, "itemId"),
        ({"itemId": ["a"]}, "itemId"),
        ({"eventValue": "4"}, "eventValue"),
        ({"eventValue": True}, "eventValue"),
        ({"impression": "a|b"}, "impression"),
        ({"impression": ["a", 1]}, "impression[1]"),
        ({"metricAttribution": "x"}, "metricAttribution"),
        (
            {"metricAttribution": {"eventAttributionSource": 1}},
            "metricAttribution.eventAttributionSource",
        ),
        ({"eventList": "x"}, "eventList"),
    ],
)
def test_another_kind_of_value_is_rejected(fields, field):
    assert rejection("events", **fields) == (R.WRONG_TYPE, field)


def test_an_element_that_is_no_object_is_rejected():
    (outcome,) = parser_of("events")(document({"sessionId": "s", "eventList": ["x"]}))

    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.element) == (R.WRONG_TYPE, 0)


def test_an_empty_list_of_entries_is_rejected():
    (outcome,) = parser_of("events")(document({"sessionId": "s", "eventList": []}))

    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.field) == (R.WRONG_LENGTH, "eventList")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sessionId", "x" * 256),
        ("userId", "x" * 256),
        ("eventType", "x" * 256),
        ("itemId", "x" * 256),
        ("eventId", "x" * 256),
        ("recommendationId", "x" * 40),
        ("impression", ["x"] * 25),
        ("impression", ["x" * 256]),
        ("metricAttribution", {"eventAttributionSource": "x" * 1024}),
    ],
)
def test_a_limit_is_kept_to_the_character(field, value):
    assert isinstance(parsed("events", **{field: value}), Entry)
    longer: Any
    match value:
        case str():
            longer = value + "x"
        case [str() as only]:
            longer = [only + "x"]
        case list():
            longer = [*value, "x"]
        case dict():
            longer = {name: text + "x" for name, text in value.items()}

    reason, _ = rejection("events", **{field: longer})

    assert reason is R.WRONG_LENGTH


@pytest.mark.parametrize("field", ["eventType"])
def test_an_empty_text_is_rejected(field):
    assert rejection("events", **{field: ""}) == (R.WRONG_LENGTH, field)


def test_an_empty_impression_is_rejected():
    assert rejection("events", impression=[]) == (R.WRONG_LENGTH, "impression")


@pytest.mark.parametrize("source", [" ", "   ", "naïve", "tab\t"])
def test_an_attribution_source_has_something_printable(source):
    reason, field = rejection("events", metricAttribution={"eventAttributionSource": source})

    assert (reason, field) == (R.WRONG_VALUE, "metricAttribution.eventAttributionSource")


@pytest.mark.parametrize("placeholder", ["null", "NULL", "undefined", "None", " nan ", " ", "\t"])
@pytest.mark.parametrize("field", ["sessionId", "userId", "itemId", "eventId", "recommendationId"])
def test_a_placeholder_is_no_id(field, placeholder):
    assert rejection("events", **{field: placeholder}) == (R.PLACEHOLDER_ID, field)


def test_an_empty_id_is_rejected():
    assert rejection("items", itemId="") == (R.WRONG_LENGTH, "itemId")


def test_a_placeholder_in_an_impression_is_rejected_by_its_place():
    assert rejection("events", impression=["a", "null"]) == (R.PLACEHOLDER_ID, "impression[1]")


def test_an_id_with_nul_is_rejected():
    assert rejection("users", userId="a\0b") == (R.WRONG_VALUE, "userId")


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("viewed", "Viewed"),
        ("TAKEN", "Taken"),
        ("not taken", "Not Taken"),
        ("NOT_TAKEN", "Not Taken"),
        ("not-taken", "Not Taken"),
        ("Not Taken", "Not Taken"),
        ("notTaken", "Not Taken"),
    ],
)
def test_action_event_types_are_sent_as_the_service_spells_them(given, sent):
    assert body_of(parsed("action-interactions", eventType=given))["eventType"] == sent


def test_another_action_event_type_is_rejected():
    assert rejection("action-interactions", eventType="clicked") == (R.WRONG_VALUE, "eventType")


def test_an_event_of_more_than_10_kb_is_rejected():
    wide = ["ü" * 256] * 25
    assert rejection("events", impression=wide) == (R.TOO_LARGE, None)


@pytest.mark.parametrize("too_long", [0, 1])
def test_an_event_may_have_10_kb_to_the_byte_and_one_of_a_request_is_rejected_alone(too_long):
    small = {"eventType": "click", "sentAt": 1_789_999_000, "eventId": "e"}
    empty = len(json.dumps({**small, "impression": []}, separators=(",", ":")))
    # Letters of two bytes, and the quotes and commas around each item.
    items = [*["ü" * 256] * 19, "ü" * 75]
    rest = MOST_INTERACTION_BYTES - empty - sum(len(each.encode()) + 3 for each in items) - 2
    large = {**small, "impression": [*items, "x" * (rest + too_long)]}
    assert 0 < rest < 256

    outcomes = parser_of("events")(document({"sessionId": "s", "eventList": [small, large]}))

    assert isinstance(outcomes[0], Entry)
    if not too_long:
        assert isinstance(outcomes[1], Entry)
        assert len(outcomes[1].body) == MOST_INTERACTION_BYTES
        return
    assert outcomes[1] == Rejected(
        outcomes[0].document, 1, R.TOO_LARGE, None, "got 10241 bytes, wants at most 10240"
    )


def test_a_shared_field_is_known_by_the_apis_name_only():
    request = {"session_id": "s", "eventList": [{"eventType": "click", "sentAt": 1_789_999_000}]}

    (outcome,) = parser_of("events")(document(request))

    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.field) == (R.MISSING_FIELD, "sessionId")
    both = {**request, "sessionId": "s"}
    (outcome,) = parser_of("events")(document(both))
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.field) == (R.UNKNOWN_FIELD, "session_id")


# --- time --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        1_789_999_000,
        1_789_999_000.9,
        1_789_999_000_123,
        1_789_999_000_123_456,
        "1789999000",
        "1789999000.9",
        "1789999000123",
        "2026-09-21T13:56:40Z",
        "2026-09-21T13:56:40.999",
        "2026-09-21T15:56:40+02:00",
        "2026-09-21 13:56:40",
    ],
)
def test_a_time_of_any_spelling_is_whole_seconds_on_the_wire(given):
    assert event_with(sentAt=given)["sentAt"] == 1_789_999_000


def test_a_day_is_its_midnight_utc():
    midnight = int(datetime(2026, 9, 21, tzinfo=UTC).timestamp())
    assert event_with(sentAt="2026-09-21")["sentAt"] == midnight


@pytest.mark.parametrize("given", ["2000-01-01T00:00:00Z", 946_684_800])
def test_the_first_second_of_2000_is_early_enough(given):
    assert event_with(sentAt=given)["sentAt"] == 946_684_800


@pytest.mark.parametrize(
    "given",
    [
        True,
        0,
        -1,
        "-5",
        946_684_799,
        "1999-12-31T23:59:59Z",
        10**17,
        10**30,
        "9" * 400,
        "soon",
        "",
        "2026-13-01",
        [1],
        {},
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_what_is_no_time_or_before_2000_is_rejected(given):
    assert rejection("events", sentAt=given) == (R.WRONG_TIME, "sentAt")


def test_a_time_a_day_after_arrival_is_late_enough():
    assert event_with(sentAt=ARRIVAL + 86_400)["sentAt"] == ARRIVAL + 86_400
    assert rejection("events", sentAt=ARRIVAL + 86_401) == (R.WRONG_TIME, "sentAt")


def test_a_late_element_of_a_request_is_rejected_alone():
    late, good = ({"eventType": "click", "sentAt": each} for each in (ARRIVAL + 86_401, ARRIVAL))

    outcomes = parser_of("events")(document({"sessionId": "s", "eventList": [good, late]}))

    assert [type(each) for each in outcomes] == [Entry, Rejected]
    assert outcomes[1].element == 1


@pytest.mark.parametrize(
    "given",
    [datetime(2026, 9, 21, 15, 56, 40, tzinfo=timezone(timedelta(hours=2))),
     datetime(2026, 9, 21, 13, 56, 40)],  # noqa: DTZ001 - without an offset it is UTC
)  # fmt: skip
def test_a_datetime_is_its_moment_and_without_an_offset_utc_wherever_this_runs(given, monkeypatch):
    """Producers who type their events with the same shapes may hold datetimes."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert Event(event_type="click", sent_at=given).sent_at == 1_789_999_000
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_time_of_an_action_interaction_is_held_to_the_same_rule():
    assert rejection("action-interactions", timestamp=ARRIVAL + 86_401) == (
        R.WRONG_TIME,
        "timestamp",
    )


# --- properties --------------------------------------------------------------------------------


def properties_of(feed: str, properties: object) -> str:
    entry = parsed(feed, properties=properties)
    assert isinstance(entry, Entry), entry
    text = body_of(entry)["properties"]
    assert isinstance(text, str)
    return text


def test_a_properties_text_is_passed_on_to_the_letter():
    text = '{ "a": {"nested": [1]},  "b":"x" }'
    assert properties_of("events", text) == text


def test_a_properties_object_becomes_the_text_that_the_service_reads():
    given = {
        "NUM_RATINGS": 12,
        "release_year": 1999,
        "alreadyCamel": True,
        "genres": ["drama", "war", 7, True],
        "dropped": None,
        "price": 9.5,
        "title": "Die Brücke",
    }
    assert json.loads(properties_of("items", given)) == {
        "numRatings": 12,
        "releaseYear": 1999,
        "alreadyCamel": True,
        "genres": "drama|war|7|true",
        "price": 9.5,
        "title": "Die Brücke",
    }


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("NUM_RATINGS", "numRatings"),
        ("num_ratings", "numRatings"),
        ("numRatings", "numRatings"),
        ("Genre", "genre"),
        ("GENRE", "genre"),
        ("rating5", "rating5"),
        ("num ratings", "numRatings"),
        ("price-usd", "priceUsd"),
    ],
)
def test_names_of_properties_become_camel_case(name, key):
    assert camel_case(name) == key


@pytest.mark.parametrize(
    "given",
    [
        {"a": {"b": 1}},
        {"a": [{"b": 1}]},
        {"a": [["b"]]},
        {"a": [None]},
        {"a": ["x|y"]},
        {"NUM_RATINGS": 1, "numRatings": 2},
        {"a": 2**70},
        "[]",
        "text",
        '{"a": NaN}',
        "",
        [],
        7,
        True,
    ],
)
def test_properties_that_are_no_flat_object_are_rejected(given):
    assert rejection("events", properties=given) == (R.BAD_PROPERTIES, "properties")


@pytest.mark.parametrize("feed", ["events", "action-interactions"])
@pytest.mark.parametrize("name", ["userId", "USERID", "sessionid", "EVENT_TYPE", "timestamp"])
def test_a_reserved_word_in_the_properties_of_an_interaction_is_rejected(feed, name):
    assert rejection(feed, properties={name: "x"}) == (R.RESERVED_PROPERTY, "properties")


def test_a_reserved_word_in_a_properties_text_is_rejected():
    given = '{"recommendationID": "x"}'
    assert rejection("events", properties=given) == (R.RESERVED_PROPERTY, "properties")


def test_upserts_have_no_reserved_words():
    assert json.loads(properties_of("items", {"timestamp": 1})) == {"timestamp": 1}


@pytest.mark.parametrize(
    ("feed", "most"),
    [
        ("events", 1024),
        ("action-interactions", 1024),
        ("users", 24_000),
        ("items", 32_000),
        ("actions", 32_000),
    ],
)
def test_properties_are_limited_in_bytes_not_in_characters(feed, most):
    fits = json.dumps({"a": "x" * (most - 8)}, separators=(",", ":"))
    assert len(fits) == most
    assert properties_of(feed, fits) == fits
    assert rejection(feed, properties=fits + " ") == (R.WRONG_LENGTH, "properties")
    wide = fits.replace("x", "ü", 1)
    assert len(wide) == most
    assert rejection(feed, properties=wide) == (R.WRONG_LENGTH, "properties")


# --- the reasons -------------------------------------------------------------------------------


def test_a_detail_says_what_it_got_and_what_it_wants_but_never_the_value():
    outcome = parsed("events", itemId=4711)

    assert isinstance(outcome, Rejected)
    assert outcome.detail == "got a number, wants a text"


def test_a_detail_says_that_nothing_is_where_a_field_is_missing():
    outcome = parsed("events", metricAttribution={})

    assert isinstance(outcome, Rejected)
    assert outcome.field == "metricAttribution.eventAttributionSource"
    assert outcome.detail == "got nothing, wants a value"


def test_every_reason_has_a_meaning():
    assert all(reason.meaning for reason in Reason)


def test_our_own_rules_raise_reasons():
    assert {reason.value for reason in Reason} <= REASONS.keys()
