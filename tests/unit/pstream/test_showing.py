"""A document is shown with what is wrong at the line that it is about."""

from builders import document
from hypothesis import given
from hypothesis import strategies as st

from forwarder.destinations import DESTINATIONS
from pstream.dead_letters.showing import Fault, show
from replayer.letters import Piece

EVENTS = DESTINATIONS["events"]


def lines(data: object, *faults: Fault) -> list[tuple[str, str | None]]:
    return [(line.text, line.note) for line in show(Piece(document(data)), faults, EVENTS)]


def test_a_wrong_field_is_marked():
    shown = lines({"sessionId": "s", "itmeId": 1}, Fault(None, "itmeId", "unknown_field", "why"))

    assert shown == [
        ("{", None),
        ('  "sessionId": "s",', None),
        ('  "itmeId": 1', "unknown_field: why"),
        ("}", None),
    ]


def test_a_missing_field_is_marked_where_it_should_be():
    shown = lines(
        {"sessionId": "s", "eventList": [{"itemId": "i"}, {}]},
        Fault(0, "eventType", "missing_field", "why"),
    )

    assert shown[3] == ("    {", "eventType is absent: missing_field: why")


def test_an_element_of_a_list_is_marked():
    shown = lines({"impression": ["a", ""]}, Fault(None, "impression[1]", "wrong_length", "why"))

    assert ('    ""', "wrong_length: why") in shown


def test_what_is_no_json_is_shown_as_it_is():
    fault = Fault(None, None, "not_json", "why")

    assert lines(b'{"a": ', fault) == [("", "not_json: why"), ('{"a": ', None)]
    assert lines(b"\xff\x00", fault)[1] == (r"b'\xff\x00'", None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


@given(json_values, st.text(max_size=9), st.none() | st.integers(0, 3))
def test_whatever_a_document_holds_it_is_shown_whole_and_every_fault_once(value, field, element):
    import json  # noqa: PLC0415

    shown = lines(value, Fault(element, field, "reason", "why"))

    assert json.loads("\n".join(text for text, _ in shown)) == value
    assert len([note for _, note in shown if note]) == 1
